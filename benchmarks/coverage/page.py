"""The published page: what the bounds keep, and what the familiar intervals do not. A function of the file alone."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from scipy.stats import binom

from benchmarks.coverage.methods import CONFIDENCE
from unlearn_audit.formats.markdown import draw_table

_HEAD = """\
# Do the bounds keep their promise?

<!-- written by 'make coverage-study': do not edit -->

A check is decided by one-sided bounds. Each bound of nominal {confidence:.0%} may lie on the wrong side of the
truth in at most {miss:.0%} of all samples. Here samples are drawn whose truth is known, {repeats:,} for each of
{cases} cells ({fewest:,} where a bound is costly: over two strata, or a TPR over clusters), and the wrong ends counted.
The grid is where bounds break: half an event to five of them, five records a
group, clusters whose records are all alike and of unequal sizes, strata weighted by a prevalence, perfectly separated
and heavily tied scores.

**The lowest share seen is {worst:.4f}** ({worst_where}).
By chance alone an exact bound is seen below {floor:.4f} in one of {odds:,} cells of {repeats:,} samples, and below
{costly_floor:.4f} in one of {fewest:,} samples. So few cannot tell .94 from .95, and a cell that is seen below {lowest}
goes on to {most:,}: here {went_on}.
{below}
Where nothing is defined (all scores tied, a resample without a class, fewer than two independent records in a group)
the estimate refuses, and its check is not run.

Beside the deciding bounds stand the familiar ones, each end by itself at the same tail, from the first {rivals:,}
repeats: the percentile and the BCa bootstrap, Jeffreys (Dirichlet(counts + 1/2); with clusters the counts are divided
by their design effect), and DeLong's interval; each counted where it has ends at all, as DeLong's has none of perfectly
separated scores. They are in the report for the eye at most. None decides.

{summary}

Each row below gives the smaller of the two ends' shares, and in brackets the mean width from end to end. Randomness is
named per cell and batch, and [coverage.json](coverage.json) holds all counts. Tests run the first {batch} repeats again
and compare them exactly: of every sixth cell in the fast tests, of all in the slow ones. What was tried instead of
these bounds stands in [decision 12](../decisions/0012-what-was-tried-for-the-bounds.md).
"""

_FOOT = """\
## What it does not show

- Guaranteed coverage. For one proportion it is a theorem (Clopper and Pearson 1934), for several cells a conjecture
  that this grid has not contradicted (Learned-Miller and Thomas 2020), for AUCs an asymptotic result with a margin.
- Clusters larger than any seen. Where a rare huge cluster carries the errors and none was drawn, no bound can know.
- Records that are not drawn from the population which is spoken about, and thresholds that were chosen on the test
  split.
- The familiar intervals rest on 300 to 500 draws here instead of a policy's ten thousand. The deciding bounds are not
  drawn.
"""

LOWEST = 0.94
"""Below it, by more than chance explains, a cell has to be named, and its estimate to refuse its bounds there."""
ODDS = 10_000
NAMES = {
    "deciding": "deciding bound",
    "percentile": "percentile",
    "bca": "BCa",
    "jeffreys": "Jeffreys",
    "delong": "DeLong",
    "given-threshold": "Clopper-Pearson, threshold as given",
}
Row = dict[str, Any]


def find_share(row: Row, method: str) -> float:
    """Return the smaller of the two ends' shares of being right."""
    counts = row["methods"][method]
    return float(min(counts["low"], counts["high"]) / counts["given"])


def is_short(row: Row) -> bool:
    """Whether a cell covers less than `LOWEST`, and less than chance explains in one of `ODDS` cells."""
    counts = row["methods"]["deciding"]
    return find_share(row, "deciding") < min(LOWEST, find_floor(counts["given"], 1 / ODDS))


def find_floor(repeats: int, chance: float) -> float:
    """Return the share below which an exact bound is seen with a probability of at most `chance`."""
    return float(binom.ppf(chance, repeats, CONFIDENCE)) / repeats


def write_page(document: Row, *, batch: int, with_rivals: int, fewest: int, most: int) -> str:
    """Return the page as Markdown."""
    rows = document["cases"]
    below = [row for row in rows if is_short(row)]
    worst = min(rows, key=lambda row: find_share(row, "deciding"))
    head = _HEAD.format(
        confidence=document["confidence"],
        miss=1 - document["confidence"],
        repeats=document["repeats"],
        cases=len(rows),
        worst=find_share(worst, "deciding"),
        worst_where=f"{worst['statistic']}: {worst['case']}",
        fewest=fewest,
        lowest=LOWEST,
        most=most,
        went_on=_format_went_on([row for row in rows if row["repeats"] == most]),
        floor=find_floor(document["repeats"], 1 / ODDS),
        costly_floor=find_floor(fewest, 1 / ODDS),
        below=_format_below(below),
        odds=ODDS,
        rivals=with_rivals,
        batch=batch,
        summary=_summarise(rows),
    )
    tables = [_write_table(name, list(group)) for name, group in groupby(rows, key=lambda row: row["statistic"])]
    return "\n".join([head, *tables, _FOOT])


def _format_went_on(rows: Sequence[Row]) -> str:
    listed = (f"{row['statistic']}: {row['case']} ({find_share(row, 'deciding'):.4f})" for row in rows)
    return "; ".join(listed) or "none"


def _format_below(rows: Sequence[Row]) -> str:
    if not rows:
        return f"No cell is below {LOWEST} by more than chance explains."
    listed = "; ".join(f"{row['statistic']}: {row['case']} ({find_share(row, 'deciding'):.4f})" for row in rows)
    return f"Below {LOWEST}, by more than chance explains, are: {listed}."


def _summarise(rows: Sequence[Row]) -> str:
    lines = []
    for method, name in NAMES.items():
        worst = min((row for row in rows if method in row["methods"]), key=lambda row: find_share(row, method))
        lines.append((name, f"{find_share(worst, method):.3f}", f"{worst['statistic']}: {worst['case']}"))
    return draw_table(("Method", "lowest share of right ends", "where"), lines)


def _write_table(statistic: str, rows: Sequence[Row]) -> str:
    methods = [method for method in NAMES if any(method in row["methods"] for row in rows)]
    heads = ("cell", "truth", *(NAMES[method] for method in methods))
    cells = [(row["case"], f"{row['truth']:.3g}", *(_show(row, method) for method in methods)) for row in rows]
    return f"## {statistic}\n\n{draw_table(heads, cells)}\n"


def _show(row: Row, method: str) -> str:
    if method not in row["methods"]:
        return "none"
    counts = row["methods"][method]
    return f"{find_share(row, method):.3f} ({counts['mean_width']:.3g})"
