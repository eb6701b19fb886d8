"""A threshold with a promise: a remedy may re-issue the threshold of the device, which unlearning has shifted."""

from pydantic import Field

from unlearn_audit.records.frozen import Frozen


class PromisedThreshold(Frozen):
    """How many positives the re-issued threshold may miss. It is chosen on validation; the verdict is that of test.

    It takes the place of the first operating point for the remedied model alone: the device's threshold then changes
    with the model.
    """

    miss_at_most: float = Field(
        gt=0, lt=1, description="largest false-negative rate of positives like those of validation"
    )
    confidence: float = Field(default=0.95, ge=0.5, lt=1, description="with which the rate is at most that")
