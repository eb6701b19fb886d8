"""The population that a number speaks about: all records, one class, one group, or the extreme of several groups."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class PopulationKind(StrEnum):
    """What kind of records a population holds. The value is the word that it is written with."""

    ALL = "all"
    POSITIVE = "positive"
    NEGATIVE = "negative"
    GROUP = "group"
    """The records of one value of a column, such as 'sex=female'."""
    WORST = "worst"
    """The group of a column that does worst. Where both ends count: the highest and the lowest, each by itself."""
    HIGHEST = "highest"
    LOWEST = "lowest"


_CLASSES = (PopulationKind.ALL, PopulationKind.POSITIVE, PopulationKind.NEGATIVE)
_EXTREMES = (PopulationKind.WORST, PopulationKind.HIGHEST, PopulationKind.LOWEST)
EXPECTED = "'all', 'positive', 'negative', a group as 'sex=female', or 'worst of sex'"


@dataclass(frozen=True)
class Population:
    """Whom a number speaks about. Parsed once from the policy or the record; written as one string.

    Attributes:
        kind: what kind of records.
        column: the group column, for a group and for the extreme of a column's groups.
        value: the value of the column, for a group.

    >>> Population.parse("sex=female")
    Population(kind=<PopulationKind.GROUP: 'group'>, column='sex', value='female')
    >>> str(Population.parse("worst of age_band"))
    'worst of age_band'
    """

    kind: PopulationKind
    column: str | None = None
    value: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the population that `text` names.

        Raises:
            ValueError: it names none.
        """
        column, equals, value = text.partition("=")
        if equals and column and value:
            return cls(PopulationKind.GROUP, column, value)
        word, of, column = text.partition(" of ")
        if of and column and word in _EXTREMES:
            return cls(PopulationKind(word), column)
        if text in _CLASSES:
            return cls(PopulationKind(text))
        raise ValueError(f"expected {EXPECTED}, found '{text}'")

    @classmethod
    def of_group(cls, column: str, value: str) -> Self:
        """Return the records whose `column` holds `value`."""
        return cls(PopulationKind.GROUP, column, value)

    def __str__(self) -> str:
        """Return it as policies and records write it."""
        if self.kind is PopulationKind.GROUP:
            return f"{self.column}={self.value}"
        return f"{self.kind} of {self.column}" if self.is_extreme else str(self.kind)

    @property
    def is_group(self) -> bool:
        """Whether it is one group of a column."""
        return self.kind is PopulationKind.GROUP

    @property
    def is_extreme(self) -> bool:
        """Whether it compares the groups of a column: the worst, highest or lowest of them."""
        return self.kind in _EXTREMES

    @property
    def is_subgroup(self) -> bool:
        """Whether it is a group or the extreme of several."""
        return self.column is not None

    def is_decided_by(self, found: "Population") -> bool:
        """Return whether a finding on `found` may decide a check on this population."""
        if self.kind is not PopulationKind.WORST:
            return self == found
        return found.is_extreme and found.column == self.column

    def is_informed_by(self, found: "Population") -> bool:
        """Return whether a check on this population needs the finding on `found`: its own, or one of its groups'."""
        return self.is_decided_by(found) or (self.is_extreme and found.is_group and found.column == self.column)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read and write it as a string; a `Population` is taken as it is."""
        text = core_schema.str_schema(min_length=1)
        parsed = core_schema.no_info_after_validator_function(_parse_field, text)
        return core_schema.json_or_python_schema(
            json_schema=parsed,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), parsed]),
            serialization=core_schema.to_string_ser_schema(),
        )


def _parse_field(text: str) -> Population:
    try:
        return Population.parse(text)
    except ValueError as error:  # 'conflict': the rules of a policy say the same with its line
        raise PydanticCustomError("conflict", "{text}", {"text": str(error)}) from error


ALL = Population(PopulationKind.ALL)
POSITIVE = Population(PopulationKind.POSITIVE)
NEGATIVE = Population(PopulationKind.NEGATIVE)
