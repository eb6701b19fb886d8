"""A case: data, the models original, unlearned and retrained, and the records to forget. Torch lives here and below."""

from unlearn_audit.cases.build import Case, add_remedy, build_case, list_remedies
from unlearn_audit.cases.request import CaseRequest, choose_parameters, find_reference
from unlearn_audit.cases.workers import BACKENDS, Backend, Workers, open_workers

__all__ = [
    "BACKENDS",
    "Backend",
    "Case",
    "CaseRequest",
    "Workers",
    "add_remedy",
    "build_case",
    "choose_parameters",
    "find_reference",
    "list_remedies",
    "open_workers",
]
