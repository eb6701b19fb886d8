"""The table of docs/patients.md: what the shipped policy finds, record by record, in the published evidence."""

from pathlib import Path

from unlearn_audit.evidence.parquet import read_evidence
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import load_policy
from unlearn_audit.records import Estimate, Finding

ROOT = Path(__file__).resolve().parents[1]
_ABOUT = ("worst-record-recognition", "worst-record-statistic", "recognised-records", "paired-recognition")
_HEADS = (
    "| made by | largest t | p | records beyond chance | erased ones | of these malignant "
    "| P(IN > OUT) | malignant | benign |"
)


def tell_patients() -> str:
    """Return the table of the published cytology evidence, a row for each procedure, both controls among them."""
    evidence = read_evidence(ROOT / "sample_reports" / "breast-cytology" / "evidence.parquet")
    policy = load_policy(ROOT / "policies" / "breast-cytology.yaml", name_known())
    findings = measure(EvaluationContext(evidence, policy), wants=lambda key: key.metric in _ABOUT)
    cards = {card.name: card.title for card in evidence.provenance.models}
    rows = [_tell_row(findings, name, title) for name, title in cards.items()]
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
