"""Options that several commands share, and the frozen objects that carry their values to the library."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from unlearn_audit.cli.layout import SectionedOption
from unlearn_audit.errors import UsageError

if TYPE_CHECKING:
    from unlearn_audit.verification.verification import VerificationOptions

FILE = click.Path(path_type=Path)
EXIT_CODES = """
\b
Exit codes:
  0  pass
  1  fail
  2  usage or policy error
  3  inconclusive (also: a required check did not run)
  4  signature or integrity failure
  5  could not complete (environment, data, internal error)
"""
SCORES = ("probabilities", "logits", "log-probabilities")
POLICY_HELP = "Policy file, or the name of a shipped policy."
FORMAT_HELP = "Formats, with commas between ('list formats').  [default: html, json, pdf if installed]"
CLASSES_HELP = "What class numbers 0, 1, ... mean, such as benign,malignant.  [default: the case file's]"
BASELINE_HELP = "Earlier record.json: say what became better or worse."

_Command = TypeVar("_Command", bound=Callable[..., object])
Option = Callable[[_Command], _Command]

sign = partial(click.option, cls=SectionedOption, section="Signing")


@dataclass(frozen=True, kw_only=True)
class SigningOptions:
    """Who signs, and who vouches for the time: the values of `with_signing`."""

    key: Path | None = None
    chain: Path | None = None
    timestamp_url: str | None = None
    signing: Path | None = None


@dataclass(frozen=True, kw_only=True)
class CodeOptions:
    """The user's own code, embeddings and device: the values of `with_code`."""

    train: str | None = None
    unlearn: str | None = None
    preprocess: str | None = None
    embeddings: Path | None = None
    device: str | None = None


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """Where models are made, and kept: the values of `with_workers`."""

    jobs: int | None = None
    cluster: str | None = None
    cache: Path | None = None


@dataclass(frozen=True, kw_only=True)
class TrustOptions:
    """Whom a verifier trusts: the values of `with_trust`."""

    trust: tuple[Path, ...] = ()
    signers: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    trust_time: tuple[Path, ...] = ()
    require_timestamp: bool = False
    revocations: tuple[Path, ...] = ()

    @property
    def verification(self) -> "VerificationOptions":
        """The same, as verification takes it."""
        from unlearn_audit.verification.verification import VerificationOptions

        return VerificationOptions(
            trust_time=self.trust_time,
            revocations=self.revocations,
            require_timestamp=self.require_timestamp,
            signers=self.signers,
            purposes=self.purposes,
        )


_SIGNING = (
    sign("--key", type=FILE, metavar="FILE", help="Signing key, PKCS#8 PEM or PKCS#12.  [default: a TEST key]"),
    sign("--chain", type=FILE, metavar="FILE", help="Certificates of the key (PEM), signer first."),
    sign("--timestamp-url", metavar="URL", help="Time-stamp authority (RFC 3161): gives trusted time."),
    sign("--signing", type=FILE, metavar="FILE", help="Signing file: tokens, levels, revocation (docs/signing.md)."),
)
_TRUST = (
    click.option("--trust", type=FILE, multiple=True, metavar="PEM", help="Root you trust; may be repeated."),
    click.option(
        "--signer", "signers", multiple=True, metavar="NAME|SHA256",
        help="Who must have signed: subject, common name, or SHA-256 of the public key; may be repeated.",
    ),
    click.option(
        "--allow-eku", "purposes", multiple=True, metavar="OID",
        help="Accept signers whose certificate is for this purpose; may be repeated.  [default: signing documents]",
    ),
    click.option("--require-timestamp", is_flag=True, help="A time that is only claimed is not enough."),
    click.option(
        "--trust-time", type=FILE, multiple=True, metavar="PEM",
        help="Root certificate you trust for time stamps and nothing else; may be repeated.",
    ),
    click.option(
        "--crl", "revocations", type=FILE, multiple=True, metavar="FILE",
        help="Revocation list that you hold, newer than the report's; may be repeated.",
    ),
)  # fmt: skip


def with_signing(command: _Command) -> _Command:
    """Add the options that say which key signs, at which level, and who vouches for the time."""
    return _apply(command, _SIGNING)


def with_code(command: _Command) -> _Command:
    """Add the options that name the user's own code, embeddings, and the device."""
    code = partial(click.option, cls=SectionedOption, section="Models")
    return _apply(
        command,
        (
            code("--train", metavar="CODE", help="Your training: module:function or file.py:function."),
            code("--unlearn", metavar="CODE", help="Your unlearning method, audited where no --method is named."),
            code("--preprocess", metavar="CODE", help="Your preprocess(image) -> array."),
            code("--embeddings", type=FILE, metavar="NPZ", help="Audit the head on features of a frozen backbone."),
            code("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.  [default: cpu]"),
        ),
    )


def with_workers(command: _Command, *, section: str = "Speed", what: str = "Reference models") -> _Command:
    """Add the options that say where models are made, and where they are kept."""
    speed = partial(click.option, cls=SectionedOption, section=section)
    jobs = f"{what} made at once, one thread each.  [default: one per core]"
    return _apply(
        command,
        (
            speed("--jobs", type=click.IntRange(1, 1024), metavar="N", help=jobs),
            speed("--cluster", metavar="ADDRESS", help="Make them on tcp://HOST:PORT (Dask) or slurm[:PARTITION]."),
            speed("--cache", type=FILE, metavar="DIR", help="Keep models here.  [default: ~/.cache/unlearn-audit]"),
        ),
    )  # fmt: skip


def with_trust(command: _Command) -> _Command:
    """Add the options that say whom a verifier trusts, for signatures and for time."""
    return _apply(command, _TRUST)


def split_names(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names in options that may be repeated and may hold several, with commas between; each once."""
    names = (name.strip() for words in given for name in words.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def read_classes(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[str, ...]:
    """Return the names that --classes lists, none where it is not given.

    Raises:
        UsageError: fewer than two, or one of them twice.
    """
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    if text is not None and (len(names) < 2 or len(set(names)) < len(names)):  # noqa: PLR2004 - a class and another
        raise UsageError(f"--classes: expected two names or more, each once, found '{text}'")
    return names


def _apply(command: _Command, options: tuple[Callable[[_Command], _Command], ...]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command
