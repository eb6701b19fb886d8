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
Cost = Annotated[float, Field(gt=0, le=1_000_000)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
PolicyPoint = Annotated[
    OperatingPoint,
    BeforeValidator(validate_point),
    Field(json_schema_extra={"pattern": POINT_PATTERN, "patternErrorMessage": POINT_WORDING}),
]
