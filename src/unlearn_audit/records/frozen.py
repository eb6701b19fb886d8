"""The base of every record: immutable, strict about unknown fields, no NaN or infinity."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value object. Two with equal fields are equal; none is ever changed after it was made."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        populate_by_name=True,
        serialize_by_alias=True,
        defer_build=True,
    )


def is_absent(value: object) -> bool:
    """Whether an optional field says nothing, so that it is left out of the JSON."""
    return value is None
