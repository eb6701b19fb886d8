"""Collects evidence: every model of a case answers every record. What follows needs no torch."""

from typing import TYPE_CHECKING

from unlearn_audit.cases.dormant_memory import ask_relearned
from unlearn_audit.cases.reconstruction import align_records
from unlearn_audit.evidence import Evidence
from unlearn_audit.records import ProgressCallback

if TYPE_CHECKING:
    from unlearn_audit.cases import Case


def collect(case: "Case", progress: ProgressCallback, known: Evidence | None = None) -> Evidence:
    """Ask every model of `case` about every record and return the answers.

    Args:
        case: the models and the data.
        progress: called as each part is finished.
        known: evidence on an earlier state of the same case; its models are not asked again.
    """
    from unlearn_audit.training import lend_model, predict_log_probs

    log_probs = dict(known.log_probs) if known else {}
    for done, (name, model) in enumerate(case.models.items()):
        progress("collect evidence", done, len(case.models))
        if name not in log_probs:
            with lend_model(model, case.builder.compute.take(0)) as lent:
                log_probs[name] = predict_log_probs(lent, case.inputs)
    progress("collect evidence", len(case.models), len(case.models))
    references = case.ensemble.ask(known.references if known else None) if case.ensemble else None
    return Evidence(
        ids=case.dataset.ids,
        split=case.split,
        label=case.dataset.label,
        log_probs=log_probs,
        classes=case.dataset.classes,
        positive=case.positive,
        groups=case.dataset.groups,
        provenance=case.provenance,
        references=references,
        relearned=ask_relearned(case, known),
        alignments=align_records(case, known),
    )
