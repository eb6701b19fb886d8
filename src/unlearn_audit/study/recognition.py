"""Each erased record of a cell, over the pairs of its reference models: what an audit measures, a row for a procedure.

A mean over seeds says nothing of single records, so these numbers are of one seed. They speak of the procedure (method,
recipe, data) on all pairs, not of the one model that the cell asks.
"""

from collections.abc import Iterator, Mapping

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.policy import Policy
from unlearn_audit.records import ALL, NEGATIVE, POSITIVE, Population
from unlearn_audit.records.key import MetricKey
from unlearn_audit.study.cells import FinishedCell
from unlearn_audit.study.result import Recognised, Recognition

_CLASSES = (ALL, POSITIVE, NEGATIVE)
_ASKED: dict[str, tuple[Population, ...]] = {
    "worst-record-statistic": (ALL,),
    "worst-record-recognition": (ALL, POSITIVE),
    "recognised-records": (ALL, POSITIVE),
    "paired-recognition-mean": _CLASSES,
    "paired-recognition": _CLASSES,
}


def recognise(cell: FinishedCell, policy: Policy, titles: Mapping[str, str]) -> tuple[Recognition, ...]:
    """Return a row for the original's own reference models and for each procedure that they underwent; none without.

    The level is 5 % and the confidence the policy's: what its checks and remedies would share of the error is no affair
    of a study, which decides nothing.

    What must not be concluded: that nobody is recognised, from a large p. A study knows no power.
    """
    references = cell.evidence.references
    if references is None:
        return ()
    context = EvaluationContext(cell.evidence, policy.model_copy(update={"checks": (), "remediation": ()}))
    made = [name for name in titles if name in references.unlearned]
    return tuple(describe_procedure(context, name, titles[name], cell.seed) for name in ("original", *made))


def describe_procedure(context: EvaluationContext, model: str, title: str, seed: int) -> Recognition:
    """Return what the pairs of the procedure that made `model` say; a reason for what cannot be measured."""
    return Recognition(model=model, title=title, seed=seed, figures=tuple(_measure(context, model)))


def _measure(context: EvaluationContext, model: str) -> Iterator[Recognised]:
    for metric, populations in _ASKED.items():
        for among in populations:
            key = MetricKey(metric=metric, model=model, among=among)
            try:
                estimate = METRICS[metric].measure(context, key).rounded()
                yield Recognised(metric=metric, among=str(among), estimate=estimate)
            except MeasurementError as error:
                yield Recognised(metric=metric, among=str(among), reason=error.message)
