"""Types of single entries of policies and cases: names of columns, shares, costs, texts, operating points."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from unlearn_audit.policy.points import POINT_PATTERN, POINT_WORDING, validate_point
from unlearn_audit.records.operating_points import OperatingPoint

Column = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$",
        json_schema_extra={"patternErrorMessage": "the name of a group column: letters, digits and underscores"},
    ),
]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Cost = Annotated[float, Field(gt=0, le=1_000_000)]
PolicyPoint = Annotated[
    OperatingPoint,
    BeforeValidator(validate_point),
    Field(json_schema_extra={"pattern": POINT_PATTERN, "patternErrorMessage": POINT_WORDING}),
]


def validate_share(value: object) -> object:
    """Return `value` where it is a share, or a share for each class.

    Raises:
        ValueError: a number outside (0, 1), a mapping without entries or with other values, anything else.
    """
    shares = list(value.values()) if isinstance(value, dict) else [value]
    if not (shares and all(map(_is_share, shares))):
        raise ValueError(_SHARE_WORDING)
    return value


def validate_request(value: object) -> object:
    """Return `value` where it is a share, a share for each class, the name of a file, or nothing.

    Raises:
        ValueError: what `validate_share` refuses, but for text and nothing.
    """
    return value if value is None or isinstance(value, str) else validate_share(value)


def _is_share(value: object) -> bool:
    return isinstance(value, float) and 0 < value < 1


_SHARE_WORDING = "a number above 0 and below 1, or one for each class, such as {malignant: 0.5, benign: 0.1}"
ForgetShare = Annotated[Fraction | dict[Text, Fraction], BeforeValidator(validate_share)]
"""Of all training records, or of those of a class, or of all negative or positive ones, under its name."""
ForgetRequest = Annotated[Fraction | dict[Text, Fraction] | Text | None, BeforeValidator(validate_request)]
"""The same, or a file of ids, or nothing."""
