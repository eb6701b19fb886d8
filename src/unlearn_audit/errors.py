"""Errors that a user can cause or meet: each with a hint and the exit code that it ends in.

The tree is the documentation: one root, one class per floor that can refuse. Message: what was expected, what was
found, where. Hint: what to do. Anything that is not an `AuditError` is a bug of ours and exits 5 with a log.
"""

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitCode(IntEnum):
    """What the command's exit status means; documented once, here and in the README."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INTEGRITY = 4
    INCOMPLETE = 5


class AuditError(Exception):
    """Something the user can act on: `message` says what is wrong, `hint` what to do."""

    exit_code = ExitCode.INCOMPLETE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AuditError):
    """An option or argument that cannot be meant: exit 2."""

    exit_code = ExitCode.USAGE


class PolicyError(AuditError):
    """A policy (or case) file that cannot be used: exit 2."""

    exit_code = ExitCode.USAGE


class UnknownNameError(UsageError):
    """A method, metric, attack, data set, model or format that no table holds: exit 2."""

    def __init__(self, kind: str, name: str, known: "Iterable[str]") -> None:
        from difflib import get_close_matches  # only here: commands start without it

        names = sorted(known)
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"no {kind} is called '{name}'", hint=hint)
        self.kind, self.name = kind, name


class MissingSoftwareError(AuditError):
    """Software that an extra of this package brings and that is not installed: exit 5."""

    def __init__(self, message: str, extra: str) -> None:
        super().__init__(message, hint=f"pip install 'unlearn-audit[{extra}]'")
        self.extra = extra


class PluginError(AuditError):
    """A plug-in of a third party that cannot be used: exit 5."""


class DataError(AuditError):
    """Data that is absent, malformed or does not fit the policy: exit 5."""


class CaseError(AuditError):
    """A case that cannot be built: forget ids outside train, a checkpoint of another architecture, ...: exit 5."""


class UnfinishedError(CaseError):
    """Work that was cut off. Says nothing about the model that was being made, and is no result of it: exit 5."""


class CacheError(UnfinishedError):
    """A finished model that cannot be kept, for want of room or rights: exit 5."""


class WorkersError(UnfinishedError):
    """Workers that died or cannot be reached: exit 5."""


class EvidenceError(AuditError):
    """Evidence that cannot be judged: NaN, duplicate ids, probabilities that are none: exit 5."""


class MeasurementError(AuditError):
    """A statistic that is not defined on what it was given. Becomes `not_run` with this reason.

    Attributes:
        reason: a `records.Message` with its code, or the plain words of a plug-in.
    """

    def __init__(self, reason: object, *, hint: str | None = None) -> None:
        super().__init__(str(reason), hint=hint)
        self.reason = reason


class ReportError(AuditError):
    """A report that cannot be rendered or written: exit 5."""


class KeyFileError(AuditError):
    """A signing key that cannot be used: absent, unsafe permissions, wrong passphrase, unfit certificate: exit 5."""


class TimeStampError(AuditError):
    """A time-stamp authority that is down, refuses, or answers something else than was asked: exit 5."""


class PublishingError(AuditError):
    """A server that cannot be published to: absent software, down, or it refuses: exit 5."""


class IntegrityError(AuditError):
    """A bundle, signature or digest that does not hold: exit 4."""

    exit_code = ExitCode.INTEGRITY
