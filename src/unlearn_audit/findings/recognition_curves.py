"""How recognisable each erased record or patient is: the points of a figure, in rising order and without names."""

from collections.abc import Iterator

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.audit_set import reads_pairs
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metrics.worst_recognition import find_worst, has_patients
from unlearn_audit.records import ALL, NEGATIVE, POSITIVE, Curve, CurveKind, round_number
from unlearn_audit.records.key import MetricKey

_LARGEST = 1e6


def trace_recognition(context: EvaluationContext) -> Iterator[Curve]:
    """Yield per model and class the t of each erased record; of patients where the data say whose record it is.

    Sorted, so that a place in the list says nothing about who it is.
    """
    if not reads_pairs(context.policy):
        return
    by_person = has_patients(context.policy) and context.policy.protocol.cluster in context.evidence.groups
    kind = CurveKind.PATIENT_RECOGNITION if by_person else CurveKind.RECORD_RECOGNITION
    metric = "worst-patient-recognition" if by_person else "worst-record-recognition"
    for model in context.evidence.log_probs:
        try:
            audit_set, worst = find_worst(context, model, ALL, by_person=by_person)
        except MeasurementError:
            continue  # the findings say why
        for among, mask in ((POSITIVE, audit_set.positive), (NEGATIVE, ~audit_set.positive)):
            values = np.sort(worst.statistic[audit_set.forgotten & mask]).clip(-_LARGEST, _LARGEST)
            if len(values):
                critical = () if worst.critical is None else (round_number(worst.critical),) * len(values)
                yield Curve(
                    kind=kind,
                    key=MetricKey(metric=metric, model=model, among=among),
                    x=tuple(round_number(float(value)) for value in values),
                    y=critical,
                )
