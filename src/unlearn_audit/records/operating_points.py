"""Operating points: where on a score a model, or an attack, is read."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class PointKind(StrEnum):
    """How the threshold of an operating point is found. The value is the word that it is written with."""

    ARGMAX = "argmax"
    """The most probable class: no threshold."""
    COST_OPTIMAL = "cost-optimal"
    """The threshold that costs least on validation."""
    THRESHOLD = "threshold"
    """The threshold as stated."""
    SENSITIVITY = "sensitivity"
    """The highest threshold that reaches this sensitivity on validation."""
    FPR = "fpr"
    """Of an attack: where it wrongly accuses this share of the records that were not trained on."""


_WITH_NUMBER = (PointKind.THRESHOLD, PointKind.SENSITIVITY, PointKind.FPR)
EXPECTED = "'argmax', 'cost-optimal', 'threshold 0.3' or 'sensitivity 0.95'"


@dataclass(frozen=True)
class OperatingPoint:
    """Where a score is cut. Parsed once from the policy or the record; written as one string.

    Attributes:
        kind: how the threshold is found.
        value: threshold, sensitivity or false-positive rate, above 0 and at most 1; None where the kind takes none.

    >>> str(OperatingPoint.parse("sensitivity .950"))
    'sensitivity 0.95'
    """

    kind: PointKind
    value: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the operating point that `text` names.

        Raises:
            ValueError: it names none.
        """
        word, space, number = text.partition(" ")
        try:
            kind, value = PointKind(word), float(number) if space else None
        except ValueError:
            raise ValueError(f"expected {EXPECTED}, found '{text}'") from None
        if (value is not None) != (kind in _WITH_NUMBER) or (value is not None and not 0 < value <= 1):
            raise ValueError(f"expected {EXPECTED}, found '{text}'")
        return cls(kind, value)

    def __str__(self) -> str:
        """Return its one spelling."""
        return str(self.kind) if self.value is None else f"{self.kind} {self.value!r}"

    @property
    def needs_validation(self) -> bool:
        """Whether its threshold is found on the validation records."""
        return self.kind in (PointKind.COST_OPTIMAL, PointKind.SENSITIVITY)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read and write it as a string; an `OperatingPoint` is taken as it is."""
        parsed = core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())
        return core_schema.json_or_python_schema(
            json_schema=parsed,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), parsed]),
            serialization=core_schema.to_string_ser_schema(),
        )


ARGMAX = OperatingPoint(PointKind.ARGMAX)
COST_OPTIMAL = OperatingPoint(PointKind.COST_OPTIMAL)
