"""The table of what is left of each erased record: for the page of a study, and for pages that quote one."""

from collections.abc import Sequence

from unlearn_audit.formats.markdown import draw_table, escape
from unlearn_audit.study.result import Recognised, Recognition

_ORIGINAL = "nothing: the original's own"
_LONGEST = 200
_WORST, _MEAN, _PAIRED = "worst-record-recognition", "paired-recognition-mean", "paired-recognition"


def write_recognition(rows: Sequence[Recognition], positive: str = "positive", negative: str = "negative") -> str:
    """Return the table, a row for a procedure; one sentence where there were too few pairs for any.

    Brackets are one-sided bounds over the pairs. The classes are called `positive` and `negative`.
    """
    reasons = [row.find(_WORST).reason for row in rows]
    if rows and all(reasons):
        return f"Not looked at record by record: {escape(reasons[0] or '', _LONGEST)}."
    heads = (
        "made by",
        "largest t",
        "p",
        f"p, {positive} alone",
        "erased records recognised",
        f"of these {positive}",
        *("mean D", positive, negative),
        *("P(IN > OUT)", positive, negative),
    )
    seeds = {row.seed for row in rows}
    return draw_table(heads, (_write_cells(row, many=len(seeds) > 1) for row in rows), numbers=True)


def _write_cells(row: Recognition, *, many: bool) -> list[str]:
    title = _ORIGINAL if row.model == "original" else escape(row.title, _LONGEST)
    worst, erased = (_WORST, "worst-record-statistic"), ("all", "positive")
    return [
        f"{title}, seed {row.seed}" if many else title,
        _show(row.find(worst[1]), ".1f"),
        *(_show(row.find(worst[0], among), ".2g") for among in erased),
        *(_count(row.find("recognised-records", among)) for among in erased),
        *(_show_bounds(row.find(_MEAN, among), "+.2f") for among in (*erased, "negative")),
        *(_show_bounds(row.find(_PAIRED, among), ".3f") for among in (*erased, "negative")),
    ]


def _show(found: Recognised, how: str) -> str:
    return "-" if found.estimate is None else f"{found.estimate.value:{how}}"


def _count(found: Recognised) -> str:
    estimate = found.estimate
    return "-" if estimate is None else f"{estimate.value:.0f} of {estimate.n}"


def _show_bounds(found: Recognised, how: str) -> str:
    estimate = found.estimate
    if estimate is None or estimate.bounds is None:
        return _show(found, how)
    return f"{estimate.value:{how}} [{estimate.bounds.low:{how}}, {estimate.bounds.high:{how}}]"
