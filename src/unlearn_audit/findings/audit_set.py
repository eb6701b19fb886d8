"""Pairs of reference models on the audit set: how much more certain the one is that trained on a record.

The audit set is the candidates of the reference models: the forgotten records and the controls beside them. The
reference models are read after the method that made the judged model, so that what is found speaks of that procedure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.evidence import References
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.policy import Policy
from unlearn_audit.records import Population, write_message
from unlearn_audit.stats import PairedDifferences, find_pairs, score_logit
from unlearn_audit.stats.reference_pairs import PHI_BOUND

Mask = NDArray[np.bool_]

SIGN_VECTORS = 4_999
"""Drawn for a randomisation test over more than twelve pairs; all are taken for fewer."""
OF_PAIRS = frozenset({"paired-recognition", "worst-record-recognition", "worst-patient-recognition"})
"""Metrics that a check can ask for and that need reference models in pairs."""


@dataclass(frozen=True, eq=False)
class AuditSet:
    """Differences of c records or persons.

    Attributes:
        differences: D = phi(IN) - phi(OUT) for each of them and each pair.
        forgotten: (c,) whether it is one of the forgotten; a person, of whom any record is.
        positive: (c,) whether its true class is positive; a person, any of whose records is.
        rows: (c,) position in the evidence; of a person, that of one of the records.
        equal: (c,) share of pairs in which both models say exactly the same of it, though neither is beyond the bound
            of 60 in log-odds that holds them; of a person, the largest of any record.
    """

    differences: PairedDifferences
    forgotten: Mask
    positive: Mask
    rows: NDArray[np.int64]
    equal: NDArray[np.float64]

    def select(self, mask: Mask) -> "AuditSet":
        """Return the part in `mask` (c,).

        Raises:
            MeasurementError: it selects none.
        """
        if not mask.any():
            raise MeasurementError(write_message("group-not-in-audit-set"))
        return AuditSet(
            self.differences.select(mask), self.forgotten[mask], self.positive[mask], self.rows[mask], self.equal[mask]
        )

    @property
    def sizes(self) -> tuple[int, int]:
        """How many were forgotten, and how many are controls."""
        return int(self.forgotten.sum()), int((~self.forgotten).sum())


def reads_pairs(policy: Policy) -> bool:
    """Whether a policy gives rise to metrics that read pairs of reference models: it asks for such models."""
    return policy.membership.references is not None or policy.membership.recognition is not None


def looks_by_person(context: EvaluationContext, metric: str) -> bool:
    """Whether a metric of `OF_PAIRS` averages over each person's records: on average, where persons are known."""
    return metric == "worst-patient-recognition" or (
        metric == "paired-recognition" and context.all_clusters is not None
    )


def get_answers(context: EvaluationContext, model: str) -> NDArray[np.float64]:
    """Return (K, n, k) the log-probabilities of the reference models after the procedure that made `model`.

    For the original these are the reference models as they were trained: the negative control, which remembers. For
    the retrained model these are reference models that were retrained: the positive control, which cannot.

    Raises:
        MeasurementError: there are no reference models, or they did not undergo that procedure.
    """
    references = _get_references(context)
    cards = {card.name: card for card in context.evidence.provenance.models}
    role = cards[model].role if model in cards else ""
    if role == "original":
        return references.log_probs
    if model in references.unlearned:
        return references.unlearned[model]
    if role == "retrained":
        alike = [name for name in references.unlearned if name in cards and cards[name].method == "retrain"]
        if alike:
            return references.unlearned[alike[0]]
    raise MeasurementError(write_message("references-underwent-other", model=model, have=list(references.unlearned)))


def _get_references(context: EvaluationContext) -> References:
    if context.evidence.references is None:
        raise MeasurementError(write_message("no-reference-models-in-evidence"))
    return context.evidence.references


def gather_audit_set(context: EvaluationContext, model: str, among: Population, *, by_person: bool = False) -> AuditSet:
    """Return the audit set of `model`, restricted to `among` and to the group that is looked at.

    Args:
        context: evidence and policy.
        model: whose procedure is looked at.
        among: all records or one class; of a group the context is already restricted to it.
        by_person: phi is averaged over each person's records, by the policy's cluster column.

    Raises:
        MeasurementError: reference models are missing, fewer than twelve, not in complementary pairs, or did not
            undergo what made `model`; no record; a person with records on both sides of a pair, or no column that
            says whose record it is.
    """
    whole = context.remember(("audit set", model), lambda: _read(context, model))
    wanted = context.select_among("forget", among) | context.select_among("test", among)
    part = whole.select(wanted[whole.rows])
    return _average_by_person(context, part) if by_person else part


def _read(context: EvaluationContext, model: str) -> AuditSet:
    evidence, references = context.evidence, _get_references(context)
    rows = np.flatnonzero(references.candidates)
    labels = evidence.label[rows]
    phi = np.stack([score_logit(answers[rows], labels) for answers in get_answers(context, model)])
    differences = PairedDifferences.of(phi, references.trained_on[:, rows])
    first, second = find_pairs(references.trained_on[:, rows]).T
    return AuditSet(
        differences=differences,
        forgotten=evidence.select("forget")[rows],
        positive=evidence.is_positive[rows],
        rows=rows,
        equal=((phi[first] == phi[second]) & (np.abs(phi[first]) < PHI_BOUND)).mean(axis=0),
    )


def _average_by_person(context: EvaluationContext, records: AuditSet) -> AuditSet:
    if context.all_clusters is None:
        raise MeasurementError(write_message("no-column-of-persons"))
    persons = context.all_clusters[records.rows]
    differences, names = records.differences.average_by_person(persons)
    order = np.argsort(persons, kind="stable")
    place = np.searchsorted(names, persons)
    return AuditSet(
        differences=differences,
        forgotten=_any_of(place, records.forgotten, len(names)),
        positive=_any_of(place, records.positive, len(names)),
        rows=records.rows[order[np.searchsorted(persons[order], names)]],
        equal=np.array([records.equal[place == person].max() for person in range(len(names))]),
    )


def _any_of(place: NDArray[np.int64], mask: Mask, persons: int) -> Mask:
    return np.bincount(place, weights=mask, minlength=persons) > 0
