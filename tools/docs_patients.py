"""The table of docs/patients.md: what the shipped policy found, record by record, in the published evidence."""

from pathlib import Path

from unlearn_audit.records import AuditRecord, Estimate, Finding

ROOT = Path(__file__).resolve().parents[1]
_ABOUT = ("worst-record-recognition", "worst-record-statistic", "recognised-records", "paired-recognition")
_HEADS = (
    "| made by | largest t | p | records beyond chance | erased ones | of these malignant "
    "| P(IN > OUT) | malignant | benign |"
)


def tell_patients() -> str:
    """Return the table of the published cytology record, a row for each procedure, both controls among them.

    That the record follows from the published evidence, bit for bit, is what the tests of the samples hold.
    """
    record = AuditRecord.from_bytes((ROOT / "sample_reports" / "breast-cytology" / "record.json").read_bytes())
    cards = {card.name: card.title for card in record.provenance.models}
    rows = [_tell_row(record.findings, name, title) for name, title in cards.items()]
    return "\n".join([_HEADS, "|---" + "|---:" * 8 + "|", *rows])


def _tell_row(findings: tuple[Finding, ...], model: str, title: str) -> str:
    def find(metric: str, among: str = "all") -> Estimate:
        found = next(f for f in findings if (f.key.metric, f.key.model, str(f.key.among)) == (metric, model, among))
        if found.estimate is None:
            raise ValueError(f"{metric} of {model}: {found.not_run}")
        return found.estimate

    p, all_, malignant = find(_ABOUT[0]), find(_ABOUT[2]), find(_ABOUT[2], "positive")
    cells = [
        "nothing: the original's own" if model == "original" else title,
        f"{find(_ABOUT[1]).value:.1f}",
        f"{p.value:.2g}",
        f"{p.events} of {p.n}",
        f"{all_.events} of {all_.n}",
        f"{malignant.events} of {malignant.n}",
        *(_tell_bounds(find(_ABOUT[3], among)) for among in ("all", "positive", "negative")),
    ]
    return f"| {' | '.join(cells)} |"


def _tell_bounds(estimate: Estimate) -> str:
    if estimate.bounds is None:
        raise ValueError("paired recognition has bounds")
    return f"{estimate.value:.3f} [{estimate.bounds.low:.3f}, {estimate.bounds.high:.3f}]"
