"""What a case file may say: what is audited this time, where it differs from the policy's reference case.

Unlike a policy it belongs to this machine and this time: it may name files. Paths are relative to the case file.
"""

from typing import Literal

from pydantic import Field, field_validator

from unlearn_audit.policy.choice import MethodChoice
from unlearn_audit.policy.model import Column, Fraction, Recipe, Text
from unlearn_audit.records.frozen import Frozen
from unlearn_audit.records.provenance import Deviation, Device


class CaseFile(Frozen):
    """A case; everything left out is the policy's reference case."""

    schema_: Literal["unlearn-audit/case/v1"] = Field(alias="schema")
    name: Text = Field(description="as the report calls the case")
    data: Text | None = Field(default=None, description="npz in MedMNIST's format, or a folder of images")
    forget: Fraction | Text | None = Field(
        default=None, description="share of the training records, or a CSV of record, lesion or patient ids"
    )
    unlearn: MethodChoice | None = Field(default=None, description="the audited method and its parameters")
    compare: tuple[MethodChoice, ...] = Field(default=(), description="methods that are audited beside it")
    retrain: bool | None = None
    split_column: Column | None = Field(
        default=None,
        description="column of the data that holds train, val or test, where the policy names none",
    )
    recipe: Recipe | None = None
    device: Device | None = Field(
        default=None, description="the product that the model belongs to, as its maker names it"
    )
    deviations: tuple[Deviation, ...] = Field(
        default=(), description="what was done otherwise than policy or protocol say; printed in the report"
    )
    earlier_runs: tuple[Text, ...] = Field(
        default=(), description="record.json of each earlier audit of this case; listed in the report"
    )

    @field_validator("compare")
    @classmethod
    def _each_method_once(cls, compare: tuple[MethodChoice, ...]) -> tuple[MethodChoice, ...]:
        names = [choice.method for choice in compare]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each method once, found {', '.join(twice)} more than once")
        return compare
