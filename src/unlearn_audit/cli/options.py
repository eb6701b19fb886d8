"""Options that several commands share: the signing key, time, whom a verifier trusts, where models are made."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from unlearn_audit.verification.verification import VerificationOptions

_FILE = click.Path(path_type=Path)
_Command = TypeVar("_Command", bound=Callable[..., object])

_KEY = (
    click.option(
        "--key", type=_FILE, metavar="FILE", help="Signing key (PKCS#8 PEM or PKCS#12).  [default: a TEST key]"
    ),
    click.option("--chain", type=_FILE, metavar="FILE", help="Certificates of the signing key (PEM), signer first."),
    click.option(
        "--pkcs11", type=_FILE, metavar="MODULE", help="Sign with a key on a token: the library of its maker."
    ),
    click.option("--token", metavar="LABEL", help="Which token, for --pkcs11."),
    click.option("--key-label", metavar="NAME", help="Which key on it, for --pkcs11."),
)
_WORKERS = (
    click.option(
        "--backend",
        type=click.Choice(["loky", "dask"]),
        show_default="loky",
        help="Where they are made: processes here, or a Dask cluster.",
    ),
    click.option("--cluster", metavar="ADDRESS", help="Address of a running Dask scheduler: tcp://HOST:PORT."),
    click.option(
        "--cache",
        type=_FILE,
        metavar="DIR",
        help="Folder of finished models and decoded images.  [default: ~/.cache/unlearn-audit]",
    ),
)
_TIME = (
    click.option("--timestamp-url", metavar="URL", help="Time-stamp authority (RFC 3161): gives trusted time."),
    click.option(
        "--timestamp-trust", type=_FILE, multiple=True, metavar="PEM",
        help="Root certificate that the authority must descend from; may be repeated.",
    ),
)  # fmt: skip
_CRL = click.option(
    "--crl", "revocations", type=_FILE, multiple=True, metavar="FILE",
    help="Revocation list to embed (B-LT, B-LTA), see 'keys crl'; may be repeated.",
)  # fmt: skip

_TRUST = (
    click.option(
        "--trust", type=_FILE, multiple=True, metavar="PEM", help="Root certificate you trust; may be repeated."
    ),
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
        "--trust-time", type=_FILE, multiple=True, metavar="PEM",
        help="Root certificate you trust for time stamps and nothing else; may be repeated.",
    ),
    click.option(
        "--crl", "revocations", type=_FILE, multiple=True, metavar="FILE",
        help="Revocation list that you hold, newer than the report's; may be repeated.",
    ),
)  # fmt: skip


def _apply(command: _Command, options: tuple[Callable[[_Command], _Command], ...]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command


def with_key(command: _Command) -> _Command:
    """Add the options that say which key signs."""
    return _apply(command, _KEY)


def with_workers(command: _Command) -> _Command:
    """Add the options that say where models are made, and where they are kept."""
    return _apply(command, _WORKERS)


def with_time(command: _Command) -> _Command:
    """Add the options that say who vouches for the time."""
    return _apply(command, _TIME)


def with_proof(command: _Command) -> _Command:
    """Add time, and the revocation lists to embed."""
    return _apply(command, (*_TIME, _CRL))


def with_trust(command: _Command) -> _Command:
    """Add the options that say whom a verifier trusts, for signatures and for time."""
    return _apply(command, _TRUST)


def read_wishes(options: Mapping[str, Any]) -> "VerificationOptions":
    """Return what the options of `with_trust` ask beyond roots."""
    from unlearn_audit.verification.verification import VerificationOptions

    return VerificationOptions(
        trust_time=options["trust_time"], revocations=options["revocations"],
        require_timestamp=options["require_timestamp"], signers=options["signers"], purposes=options["purposes"],
    )  # fmt: skip
