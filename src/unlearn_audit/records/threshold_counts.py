"""Counts of mistakes at many thresholds, for trying other operating points. Nothing is decided by them."""

from typing import Self

from pydantic import Field, model_validator

from unlearn_audit.records.frozen import Frozen


class ModelMistakes(Frozen):
    """What one model gets wrong at each threshold of `ThresholdCounts`, in their order."""

    model: str
    false_negatives: tuple[int, ...] = Field(description="positives below the threshold")
    false_positives: tuple[int, ...] = Field(description="negatives at or above the threshold")


class ThresholdCounts(Frozen):
    """Mistakes of every model on the test split, where a record is called positive from a threshold upwards.

    The thresholds lie between observed probabilities, at most 200 of them, and hold the policy's own. At those the
    counts are the ones of the findings, made before the threshold was rounded.
    """

    thresholds: tuple[float, ...] = Field(min_length=1, description="rising probabilities of being positive")
    positives: int = Field(ge=0, description="positive records of the test split")
    negatives: int = Field(ge=0, description="negative records of the test split")
    models: tuple[ModelMistakes, ...]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        rising = all(low < high for low, high in zip(self.thresholds, self.thresholds[1:], strict=False))
        if not rising or self.thresholds[0] < 0 or self.thresholds[-1] > 1:
            raise ValueError("thresholds are probabilities that rise")
        for errors in self.models:
            for counts, most in (
                (errors.false_negatives, self.positives),
                (errors.false_positives, self.negatives),
            ):
                if len(counts) != len(self.thresholds) or not all(0 <= count <= most for count in counts):
                    raise ValueError(
                        f"model '{errors.model}' needs one count from 0 to {most} for each of {len(self.thresholds)} "
                        "thresholds"
                    )
        return self
