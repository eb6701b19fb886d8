"""Promotion of a model version: allowed where every answer speaks for it, refused where any is missing."""

from dataclasses import dataclass

from unlearn_audit.errors import ExitCode
from unlearn_audit.publishing.binding import Binding
from unlearn_audit.publishing.description import name_outcome
from unlearn_audit.verification.answers import State, Verification


@dataclass(frozen=True)
class Objection:
    """Why a version is not promoted, and the exit code that it means."""

    sentence: str
    exit_code: ExitCode


def find_objection(verification: Verification, binding: Binding) -> Objection | None:
    """Return what speaks first against promoting the version that `binding` is about; None where nothing does."""
    if verification.record is None:
        return Objection("the report does not verify", ExitCode.INTEGRITY)
    if verification.exit_code is not ExitCode.PASS:
        text = f"the verdict is {name_outcome(verification)}: {verification.record.verdict.reason}"
        return Objection(text, verification.exit_code)
    if verification.find("authenticity").state is not State.OK:
        return Objection("a TEST key signed the report, which anyone can make", ExitCode.INTEGRITY)
    if not binding.holds:
        text = f"the version is not bound to the audited model: {binding.sentence}"
        return Objection(text, ExitCode.INTEGRITY)
    return None
