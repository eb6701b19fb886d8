"""A case: data, the models original, unlearned and retrained, and the records to forget. Torch lives here and below."""

from unlearn_audit.cases.build import (
    Case,
    add_model,
    add_references,
    add_remedy,
    begin_case,
    build_case,
    list_remedies,
)
from unlearn_audit.cases.external_original import ExternalOriginal
from unlearn_audit.cases.request import (
    CaseRequest,
    choose_parameters,
    choose_split_column,
    find_reference,
    make_plan,
    read_image_rules,
    read_table_columns,
)
from unlearn_audit.cases.scratch_control import add_control

__all__ = [
    "Case",
    "CaseRequest",
    "ExternalOriginal",
    "add_control",
    "add_model",
    "add_references",
    "add_remedy",
    "begin_case",
    "build_case",
    "choose_parameters",
    "choose_split_column",
    "find_reference",
    "list_remedies",
    "make_plan",
    "read_image_rules",
    "read_table_columns",
]
