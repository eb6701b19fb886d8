"""The change of Global Risk in words: the part of a moved operating point, and of lost discrimination."""

from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import MINUS, format_number, format_percent, format_point
from unlearn_audit.records import Finding

_NEVER = (
    "This is read off the test records themselves and has no interval: it explains the change, and does not say that "
    "another threshold would win that part back on new patients."
)


def explain_change(index: Index) -> tuple[str, ...]:
    """Return a sentence per reference model, and what must not be concluded; nothing where nothing was split."""
    explained = [_explain(index, against) for against in ("original", "retrained")]
    sentences = tuple(sentence for sentence in explained if sentence)
    return (*sentences, _NEVER) if sentences else ()


def _explain(index: Index, against: str) -> str | None:
    def find(metric: str) -> Finding | None:
        return index.find(metric, index.audited, against=against, at=index.point)

    values = [
        finding.estimate.value if finding and finding.estimate else None
        for finding in map(find, ("global-risk-increase", "risk-by-threshold", "risk-by-discrimination"))
    ]
    if None in values:
        return None
    total, moved, reranked = (_sign(value) for value in values if value is not None)
    return (
        f"Against the {against} model, Global Risk at {format_point(index.point)} changed by {total} cost units per "
        f"case: {moved} because another number of records is predicted {index.positive}"
        f"{_describe_shares(index, against)}, {reranked} because they are ranked differently at the same number of "
        "positive predictions."
    )


def _sign(value: float) -> str:
    """Return a number with its sign, as a change is printed; a rounding error is no change."""
    if abs(value) < 1e-9:  # noqa: PLR2004 - the record keeps ten digits
        return "0"
    shown = format_number(value)
    return shown if shown.startswith((MINUS, "<", ">")) else f"+{shown}"


def _describe_shares(index: Index, against: str) -> str:
    found = [index.find("positive-share", name, at=index.point) for name in (index.audited, against)]
    shares = [format_percent(finding.estimate.value) for finding in found if finding and finding.estimate]
    return f" ({shares[0]} instead of {shares[1]})" if len(shares) == len(found) else ""
