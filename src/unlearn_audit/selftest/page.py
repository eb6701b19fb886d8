"""The published page of the self-test, in Markdown, made from its result alone."""

from collections.abc import Sequence

from unlearn_audit.formats.markdown import draw_table
from unlearn_audit.selftest.result import INTERVAL, Rate, SelfTest, Trials

_HEAD = """\
# How often does the gate decide wrongly?

<!-- written by 'make selftest': do not edit -->

`unlearn-audit selftest` draws evidence from distributions whose true risks and membership AUCs are known in closed
form, sends it through the product's own way from evidence to verdict, and counts. This page is the run of version
{version} with seed {seed}: {repeats} repeats of each scenario, gate at
{confidence:.0%} confidence. The outcome of every repeat is in [selftest.json](selftest.json); a test runs the first
ones again and compares.

- **On a tolerance** is the hardest place: the true value lies exactly on the limit, so both passing and failing count
  as wrong. Nowhere beyond the limit does a sound gate pass more often. Promised for each: at most {allowed:.2g}.
- **Clear failures** and **dishonest providers** must not pass. **Sound models** must not fail.
- Inconclusive is neither: it says that more records are needed, and it stops a release.

{sums}

{above}

![Rates of wrong decisions with intervals](selftest.svg)
"""

_FOOT = """\
## What it does not show

- Scores are normal, records (or patients) independent, and the test split is drawn from the population that is spoken
  about. Real scores are not normal, and real test splits may differ from the patients to come.
- One size of evidence: {sizes}. Small evidence is mostly inconclusive.
- Rates among planted failures depend on what is planted: most of this table lies on a tolerance, which is rare in
  practice.
- Intervals are Clopper-Pearson, two-sided at {interval:.0%}, each by itself. The command exits 1 when the lower end
  of any rate lies above {allowed:.2g}, here from {fewest} of {repeats} on, or when one changed report is not refused.
  Among {rates} rates a sound gate can be flagged by chance; another seed and more repeats tell.
- Without reference models the membership attacks are thresholds on one model's answers.
- A provider who answers on erased records as on strangers passes: these are the answers of a model that forgot. Whether
  they are the model's own, only who asks the released model can see.
- Changed reports are signed bundles without a PDF, one bit flipped in one file.
"""

_TITLES = {
    "boundary": ("On a tolerance", "both count as wrong"),
    "failure": ("Clear failures", "must not pass"),
    "sound": ("Sound models", "must not fail"),
    "dishonest": ("Dishonest providers", "must not pass"),
    "undetectable": ("What answers alone cannot tell", "passes, and nobody can see why it should not"),
}


def write_page(result: SelfTest) -> str:
    """Return the page as Markdown; the same result gives the same text."""
    from unlearn_audit.selftest.simulation import SIZES

    facts = {
        "version": result.version,
        "seed": result.seed,
        "repeats": result.repeats,
        "confidence": result.confidence,
        "allowed": 1 - result.confidence,
        "interval": INTERVAL,
        "fewest": result.fewest_noticed,
        "rates": sum((t.false_pass is not None) + (t.false_fail is not None) for t in result.scenarios),
        "sizes": ", ".join(f"{size:,} {name}" for name, size in SIZES.items()),
        "sums": str(result.summarise()),
        "above": _describe_above(result),
    }
    tables = [_write_table(kind, [t for t in result.scenarios if t.kind == kind]) for kind in _TITLES]
    accepted = result.tampering.accepted
    changed = f"## Changed reports\n\n{accepted.events} of {accepted.n} were accepted: {accepted}.\n"
    return "\n".join([_HEAD.format(**facts), *tables, changed, _FOOT.format(**facts)])


def _describe_above(result: SelfTest) -> str:
    """Name the rates that were observed above what is promised, whether or not that can be chance."""
    allowed = 1 - result.confidence
    above = [
        f"`{trials.name}` ({word} {rate})"
        for trials in result.scenarios
        for word, rate in (("false pass", trials.false_pass), ("false fail", trials.false_fail))
        if rate is not None and rate.value > allowed + 1e-12
    ]
    if not above:
        return f"No rate was observed above {allowed:.2g}."
    shown = result.list_excesses()
    meaning = f"Shown to be above it: {len(shown)}." if shown else f"The interval of each holds {allowed:.2g}."
    return f"Observed above {allowed:.2g}: {', '.join(above)}. {meaning}"


def _write_table(kind: str, rows: Sequence[Trials]) -> str:
    title, note = _TITLES[kind]
    heads = ("Scenario", "Planted", "Truth", "Pass", "Fail", "Inconclusive", "False pass", "False fail")
    return f"## {title}: {note}\n\n{draw_table(heads, map(_write_cells, rows))}\n"


def _write_cells(trials: Trials) -> list[str]:
    counts = (str(trials.count(letter)) for letter in "pfi")
    return [
        f"`{trials.name}`",
        trials.title,
        trials.truth,
        *counts,
        _show(trials.false_pass),
        _show(trials.false_fail),
    ]


def _show(rate: Rate | None) -> str:
    return "" if rate is None else str(rate)
