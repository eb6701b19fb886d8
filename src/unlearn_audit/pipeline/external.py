"""Audits of predictions and models that were made elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearn_audit.evidence import Evidence
from unlearn_audit.records import ProgressCallback, Signer, choose_seed

if TYPE_CHECKING:
    from unlearn_audit.evidence.predictions import Facts
    from unlearn_audit.pipeline.audit import Audit
    from unlearn_audit.pipeline.external_models import ExternalModels
    from unlearn_audit.policy import CaseFile, Policy


@dataclass(frozen=True)
class Predictions:
    """Files of predictions, and what is said about them."""

    files: tuple[Path, ...]
    case: "CaseFile | None"
    forget: Path | None
    scores: str | None
    folder: Path = Path()
    """What paths in the case are relative to."""

    def read(self, policy: "Policy", created: str, signer: Signer | None = None) -> Evidence:
        """Return them as evidence for `policy`."""
        from unlearn_audit.evidence.predictions import read_predictions

        evidence = read_predictions(self.files, policy, self._tell(policy, created, signer))
        return add_reference_answers(evidence, self.case, self.folder)

    def _tell(self, policy: "Policy", created: str, signer: Signer | None) -> "Facts":
        from unlearn_audit.evidence.predictions import Facts

        facts = replace(Facts.from_case(policy, self.case, created), forget=self.forget, signer=signer)
        return replace(facts, scores=self.scores) if self.scores else facts  # type: ignore[arg-type]


def judge_predictions(  # noqa: PLR0917 - one call site
    policy: "Policy",
    brought: Predictions,
    signer: Signer | None,
    created: str,
    told: Mapping[str, Any],
    progress: ProgressCallback,
) -> "Audit":
    """Return the finished audit of predictions; it has no models, tries no remedy. `told`: waivers, seals, ..."""
    progress("read the predictions", 0, 1)
    evidence = brought.read(policy, created, signer)
    progress("read the predictions", 1, 1)
    return _judge(policy, evidence, brought.case, told, progress)


def add_reference_answers(evidence: Evidence, case: "CaseFile | None", folder: Path) -> Evidence:
    """Return the evidence with the answers of reference models that the case names, and its expectation met.

    Raises:
        EvidenceError: answers that do not fit; see `read_references`.
        CaseError: the original is not what its owner expects.
    """
    if case is not None and case.expect is not None:
        from unlearn_audit.cases.expectation import validate_accuracy

        inside = evidence.select(case.expect.on)
        validate_accuracy(case.expect, evidence.log_probs["original"][inside], evidence.label[inside])
    if case is None or case.references is None:
        return evidence
    from unlearn_audit.evidence.predictions.reference_answers import read_references

    paths = [folder / name for name in case.references.answers]
    plan = folder / case.references.plan if case.references.plan else None
    references, card = read_references(paths, evidence, case.scores or "probabilities", plan)
    provenance = evidence.provenance.model_copy(update={"references": card})
    return replace(evidence, references=references, provenance=provenance)


def _judge(
    policy: "Policy", evidence: Evidence, case: "CaseFile | None", told: Mapping[str, Any], progress: ProgressCallback
) -> "Audit":
    from unlearn_audit.pipeline.audit import Audit, judge

    more: dict[str, Any] = {"device": case.device, "deviations": case.deviations} if case else {}
    more["seed"] = choose_seed(policy.protocol.seed, told["seals"])
    provenance = evidence.provenance.model_copy(update={**more, **told})
    evidence = replace(evidence, provenance=provenance)
    return Audit(judge(policy, evidence, progress), evidence, {})


def judge_models(
    policy: "Policy",
    given: "ExternalModels",
    case: "CaseFile | None",
    told: Mapping[str, Any],
    progress: ProgressCallback,
) -> "Audit":
    """Return the finished audit of models that were made elsewhere; it tries no remedy and copies no model."""
    from unlearn_audit.pipeline.external_models import ask_models

    evidence = add_reference_answers(ask_models(policy, given, progress), case, given.folder)
    return _judge(policy, evidence, case, told, progress)
