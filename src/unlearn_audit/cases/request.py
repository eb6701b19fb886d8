"""What is asked of a run beyond the policy: files of this machine, the records to forget, what to compare."""

from dataclasses import dataclass
from pathlib import Path

from unlearn_audit.errors import UsageError
from unlearn_audit.methods import METHODS
from unlearn_audit.policy import MethodChoice, Policy, ReferenceCase
from unlearn_audit.records import Signer


@dataclass(frozen=True)
class CaseRequest:
    """One run. Everything left out is the policy's reference case."""

    created: str
    """UTC, ISO 8601: when the audit was made; stands in the report."""
    cache: Path
    """Folder of finished models."""
    data: Path | None = None
    forget: float | Path | None = None
    """Share of the training records, or a CSV of record, lesion or patient ids."""
    method: str | None = None
    """The audited unlearning method."""
    compare: tuple[str, ...] = ()
    """Methods that are audited beside it."""
    remedy: bool = True
    """Whether the policy's remediations are tried when the audited model does not pass."""
    retrain: bool | None = None
    offline: bool = False
    threads: int | None = None
    signer: Signer | None = None


def find_reference(policy: Policy) -> ReferenceCase:
    """Return the policy's reference case.

    Raises:
        UsageError: it has none, so `run` does not know what to train.
    """
    if policy.reference_case is None:
        raise UsageError(
            f"policy '{policy.id}' has no reference_case, so there is nothing to train",
            hint="add one, or judge existing evidence: unlearn-audit recheck EVIDENCE --policy POLICY",
        )
    return policy.reference_case


def choose_parameters(policy: Policy, method: str) -> MethodChoice:
    """Return `method` with the parameters that the policy gives it anywhere, or with its own defaults.

    Looked for in the order: reference_case.unlearn, remediation, comparison. So a method that is compared runs with
    the setting under which the policy would use it.

    Raises:
        UnknownNameError: there is no such method.
    """
    _ = METHODS[method]  # refuses an unknown name before anything is trained
    reference = find_reference(policy)
    for choice in (reference.unlearn, *policy.remediation, *policy.comparison):
        if choice.method == method:
            return choice
    return MethodChoice(method=method)
