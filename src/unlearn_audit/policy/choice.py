"""An unlearning method in a policy: with fixed parameters, or with configurations of which a search picks one."""

import operator
from collections.abc import Iterable
from itertools import product
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from unlearn_audit.policy.problems import FieldError, show_path
from unlearn_audit.policy.promised_threshold import PromisedThreshold
from unlearn_audit.policy.rules import find_unfit_parameters, validate_searches
from unlearn_audit.records.frozen import Frozen

_SLUG_WORDING = "lower-case letters, digits and hyphens, at most 63"
Slug = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", json_schema_extra={"patternErrorMessage": _SLUG_WORDING}),
]


def refuse(field_errors: Iterable[FieldError]) -> None:
    """Raise what the rules found; a policy file never comes so far, its rules are asked beforehand, with lines."""
    said = [f"{show_path(m.keys)}: expected {m.expected}, found {m.found}".removeprefix(": ") for m in field_errors]
    if said:
        raise PydanticCustomError("conflict", "{said}", {"said": "; ".join(said)})


class MethodChoice(Frozen):
    """An unlearning method by name, with parameters that differ from its defaults."""

    method: Slug = Field(description="name in the table of methods: see 'unlearn-audit list'")
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="numbers, true, false, words, or lists of them; never a file or an address"
    )

    @model_validator(mode="after")
    def _parameters_fit(self) -> Self:
        refuse(find_unfit_parameters(("parameters",), self.parameters))
        return self


class Remedy(MethodChoice):
    """A method that is tried when the audited model does not pass; with `search`, in several settings."""

    search: dict[str, tuple[Any, ...]] = Field(
        default_factory=dict,
        exclude_if=operator.not_,
        description="per parameter the values to try; every combination is a setting, and the checks pick one of them",
    )

    threshold: PromisedThreshold | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="re-issue the device's threshold for the remedied model, from validation and with a promise",
    )

    @model_validator(mode="after")
    def _search_fits(self) -> Self:
        refuse(validate_searches((), self.model_dump(mode="json")))
        return self

    @property
    def model_name(self) -> str:
        """What the remedied model is called in evidence and record."""
        return f"remedied-{self.method}" + ("-threshold" if self.threshold else "")

    @property
    def settings(self) -> tuple[MethodChoice, ...]:
        """Every setting, the first value of the first parameter first; one where nothing is searched."""
        named = product(*([(name, value) for value in values] for name, values in self.search.items()))
        return tuple(
            MethodChoice(method=self.method, parameters={**self.parameters, **dict(setting)}) for setting in named
        )
