"""Of the records that the model calls negative, how many are: what a patient who is sent home wants to know."""

import numpy as np

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.policy import MetricTraits
from unlearn_audit.records import Direction, Estimate
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import estimate_rate


def measure_negative_predictive_value(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of truly negative records among the test records called negative.

    Given how many are called negative their number is binomial, so that the bounds (Clopper-Pearson; over clusters
    where the policy names them) are those of a rate. A model that calls nothing negative is not measured.

    What must not be concluded: anything about another prevalence than the test split's.
    """
    called_negative = ~context.predict_positive(key.model, key.at)
    test = np.flatnonzero(context.test)[called_negative]
    chosen = np.isin(np.arange(len(context.evidence)), test)
    return estimate_rate(
        ~context.evidence.is_positive[chosen],
        clusters=context.clusters(chosen),
        **context.sampling(key),
    )


NEGATIVE_PREDICTIVE_VALUE = Metric(
    traits=MetricTraits(
        title="Negative predictive value",
        kind="clinical",
        at=True,
        limits=frozenset({"at_least"}),
        low=0.0,
        high=1.0,
    ),
    direction=Direction.HIGHER,
    source="Altman and Bland 1994, BMJ 309, 102",
    measure=measure_negative_predictive_value,
)
