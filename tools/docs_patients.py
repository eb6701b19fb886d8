"""Tables of docs/patients.md: what is found, record by record, in the published evidence and studies."""

from collections.abc import Callable
from pathlib import Path

from tools.docs_studies import read_study

from unlearn_audit.evidence.parquet import read_evidence
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import load_policy
from unlearn_audit.study import describe_procedure, show_share, write_recognition

ROOT = Path(__file__).resolve().parents[1]
STUDIES: tuple[str, ...] = ("patients-ultrasound", "patients-skin")


def format_patients() -> str:
    """Return the table of the published cytology evidence, a row for each procedure, both controls among them."""
    evidence = read_evidence(ROOT / "sample_reports" / "breast-cytology" / "evidence.parquet")
    context = EvaluationContext(evidence, load_policy(ROOT / "policies" / "breast-cytology.yaml", name_known()))
    cards = evidence.provenance.models
    rows = [describe_procedure(context, card.name, card.title, context.seed) for card in cards]
    return write_recognition(rows, "malignant", "benign")


def format_study_patients(name: str) -> str:
    """Return the same of each share that a published study forgot, and on how many records and pairs it rests."""
    result = read_study(name)
    parts: list[str] = []
    for cell in result.cells:
        forget, test = cell.splits["forget"], cell.splits["test"]
        models = result.study.references.models if result.study.references else 0
        summary = (
            f"{result.data}: {forget:,} records forgotten ({show_share(cell.forget)}), "
            f"{cell.positives['forget']:,} of them malignant; {test:,} controls; {models} reference models."
        )
        parts += [summary, "", write_recognition(cell.recognition, "malignant", "benign"), ""]
    return "\n".join(parts[:-1])


def list_patient_passages() -> dict[tuple[str, str], Callable[[], str]]:
    """Return what fills the marks of the page."""
    studies = {("patients.md", name): lambda name=name: format_study_patients(name) for name in STUDIES}
    return {("patients.md", "patients"): format_patients, **studies}
