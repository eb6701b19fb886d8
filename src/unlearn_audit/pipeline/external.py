"""Audits of external predictions and external models."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from unlearn_audit.evidence import Evidence
from unlearn_audit.records import EarlierRun, ProgressCallback, Seal, Signer, Waiver, WaiverSeal, choose_seed

if TYPE_CHECKING:
    from unlearn_audit.evidence.predictions import Facts
    from unlearn_audit.evidence.predictions.scores import Kind
    from unlearn_audit.pipeline.external_models import ExternalModels
    from unlearn_audit.pipeline.result import Audit
    from unlearn_audit.policy import CaseFile, Policy


@dataclass(frozen=True)
class Disclosures:
    """What the report of a run discloses beside its evidence: waivers, earlier audits, seals of the policy."""

    waivers: tuple[Waiver, ...] = ()
    waiver_seal: WaiverSeal | None = None
    earlier_runs: tuple[EarlierRun, ...] = ()
    seals: tuple[Seal, ...] = ()

    def add_to(self, evidence: Evidence, policy: "Policy", case: "CaseFile | None") -> Evidence:
        """Return `evidence` with these, with what `case` says of device and deviations, and with the seed of seals."""
        provenance = evidence.provenance.model_copy(
            update={
                "waivers": self.waivers,
                "waiver_seal": self.waiver_seal,
                "earlier_runs": self.earlier_runs,
                "seals": self.seals,
                "seed": choose_seed(policy.protocol.seed, self.seals),
                "device": case.device if case else None,
                "deviations": case.deviations if case else (),
            }
        )
        return replace(evidence, provenance=provenance)


@dataclass(frozen=True)
class Predictions:
    """Files of predictions, and what is said about them."""

    files: tuple[Path, ...]
    case: "CaseFile | None" = None
    forget: Path | None = None
    scores: "Kind | None" = None
    classes: tuple[str, ...] = ()
    """What class numbers mean; what the case says where empty."""
    created: str = "not collected yet"
    signer: Signer | None = None
    disclosures: Disclosures = field(default_factory=Disclosures)
    folder: Path = Path()
    """What paths in the case are relative to."""

    def read(self, policy: "Policy") -> Evidence:
        """Return them as evidence for `policy`."""
        from unlearn_audit.evidence.predictions import read_predictions

        evidence = read_predictions(self.files, policy, self._state_facts(policy))
        return add_reference_answers(evidence, self.case, self.folder)

    def _state_facts(self, policy: "Policy") -> "Facts":
        from unlearn_audit.evidence.predictions import Facts

        facts = replace(Facts.from_case(policy, self.case, self.created), forget=self.forget, signer=self.signer)
        return replace(facts, scores=self.scores or facts.scores, classes=self.classes or facts.classes)


def judge_predictions(policy: "Policy", predictions: Predictions, progress: ProgressCallback) -> "Audit":
    """Return the finished audit of predictions; it has no models and tries no remedy."""
    progress("read the predictions", 0, 1)
    evidence = predictions.read(policy)
    progress("read the predictions", 1, 1)
    return _judge(policy, predictions.disclosures.add_to(evidence, policy, predictions.case), progress)


def judge_models(policy: "Policy", models: "ExternalModels", progress: ProgressCallback) -> "Audit":
    """Return the finished audit of models that were made elsewhere; it tries no remedy and copies no model."""
    from unlearn_audit.pipeline.external_models import ask_models

    evidence = add_reference_answers(ask_models(policy, models, progress), models.case_file, models.folder)
    return _judge(policy, models.disclosures.add_to(evidence, policy, models.case_file), progress)


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


def _judge(policy: "Policy", evidence: Evidence, progress: ProgressCallback) -> "Audit":
    from unlearn_audit.pipeline.audit import judge
    from unlearn_audit.pipeline.result import Audit

    return Audit(policy, evidence, judge(policy, evidence, progress))
