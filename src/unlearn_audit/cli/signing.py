"""The signing key of a command. Passphrases come from the environment or a prompt, never from the command line."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unlearn_audit.cli.options import SigningOptions
from unlearn_audit.errors import KeyFileError, UsageError
from unlearn_audit.pki import PASSPHRASE_VARIABLE
from unlearn_audit.records import SignatureLevel

if TYPE_CHECKING:
    from unlearn_audit.pki.keys import SigningKey
    from unlearn_audit.pki.pkcs11 import TokenAddress
    from unlearn_audit.pki.purposes import KeyPurpose
    from unlearn_audit.pki.time_stamp_client import Signing
    from unlearn_audit.policy import SigningFile


@dataclass(frozen=True)
class SigningRequest:
    """How is signed: what the options and the signing file say together, each of which may say a thing once."""

    key: Path | None = None
    token: "TokenAddress | None" = None
    chain: Path | None = None
    timestamp_url: str | None = None
    timestamp_roots: tuple[Path, ...] = ()
    level: str | None = None
    revocations: tuple[Path, ...] = ()

    @property
    def names_key(self) -> bool:
        """Whether a key is named; a labelled TEST key signs otherwise."""
        return self.key is not None or self.token is not None


def read_signing(options: SigningOptions) -> SigningRequest:
    """Return what `options` and the signing file that they name say together.

    Raises:
        PolicyError: the signing file cannot be used.
        UsageError: both say the same thing, or a chain comes without its key.
    """
    from unlearn_audit.policy import SigningFile, load_signing

    file = load_signing(options.signing) if options.signing else SigningFile(schema_="unlearn-audit/signing/v1")
    folder = options.signing.parent if options.signing else Path()
    for option, given, in_file in (
        ("--key", options.key, file.key or file.token),
        ("--chain", options.chain, file.chain),
        ("--timestamp-url", options.timestamp_url, file.timestamps),
    ):
        if given is not None and in_file is not None:
            raise UsageError(f"{option} and {options.signing} say the same thing", hint="leave one of them out")
    stamps = file.timestamps
    request = SigningRequest(
        key=options.key or (folder / file.key if file.key else None),
        token=_find_token(file, folder),
        chain=options.chain or (folder / file.chain if file.chain else None),
        timestamp_url=options.timestamp_url or (stamps.url if stamps else None),
        timestamp_roots=tuple(folder / name for name in (stamps.trust if stamps else ())),
        level=file.level,
        revocations=tuple(folder / name for name in file.revocations),
    )
    if request.chain is not None and not request.names_key:
        raise UsageError("--chain without --key", hint="give the key that the certificates belong to")
    return request


def _find_token(file: "SigningFile", folder: Path) -> "TokenAddress | None":
    from unlearn_audit.pki.pkcs11 import TokenAddress

    return TokenAddress(folder / file.token.module, file.token.label, file.token.key) if file.token else None


def find_signing_key(request: SigningRequest, purpose: "KeyPurpose | None" = None) -> "SigningKey":
    """Return the key that `request` names, else the labelled TEST key.

    Raises:
        UsageError: nobody is there to ask for a passphrase or PIN.
        KeyFileError: a key that cannot be used, or whose certificate is not for `purpose` (None: to sign a report).
    """
    from unlearn_audit.pki.purposes import KeyPurpose, find_misuse

    key = _open_signing_key(request)
    if problem := find_misuse(key.certificate, purpose or KeyPurpose.REPORT):
        who = key.certificate.subject.rfc4514_string()
        raise KeyFileError(f"the key of '{who}' is not used: {problem}", hint="see 'keys issue --for'")
    return key


def _open_signing_key(request: SigningRequest) -> "SigningKey":
    from unlearn_audit.pki.keys import load_signing_key
    from unlearn_audit.pki.laboratory_ca import make_test_key
    from unlearn_audit.pki.pkcs11 import PIN_VARIABLE, load_token_key

    if request.token is not None:
        return load_token_key(request.token, request.chain, ask_secret(PIN_VARIABLE, "PIN of the token"))
    if request.key is None:
        return make_test_key()
    passphrase = ask_passphrase() if _is_encrypted(request.key) else None
    return load_signing_key(request.key, request.chain, passphrase)


def choose_signing(request: SigningRequest, *, level: str | None = None, offline: bool = False) -> "Signing":
    """Return at which level is signed and who stamps; asks the authority once, before any work is done.

    Args:
        request: of the options.
        level: that there must be, where something other than the request decides it.
        offline: whether the network is forbidden.

    Raises:
        UsageError: parts that do not go together.
        TimeStampError: the authority cannot be used.
    """
    from unlearn_audit.pki.certificates import load_roots
    from unlearn_audit.pki.revocation import load_revocations
    from unlearn_audit.pki.time_stamp_client import Signing, TimeStampAuthority

    url = request.timestamp_url
    if url is not None and offline:
        raise UsageError("--offline forbids the network, time stamps need it", hint="leave one of them out")
    if level and request.level and level != request.level:
        raise UsageError(
            f"expected signatures at level {level}, as the report has them; the signing file says {request.level}"
        )
    roots = load_roots(request.timestamp_roots, "timestamps.trust of the signing file")
    authority = TimeStampAuthority(url, roots) if url is not None else None
    wanted = level or request.level
    chosen = SignatureLevel(wanted) if wanted else (SignatureLevel.T if authority else SignatureLevel.B)
    signing = Signing(chosen, authority, load_revocations(request.revocations))
    if authority:
        _ = authority.probe
    return signing


def ask_passphrase(*, confirm: bool = False) -> str:
    """Return the passphrase from the environment, else ask for it.

    Raises:
        UsageError: nobody is there to ask.
    """
    return ask_secret(PASSPHRASE_VARIABLE, "Passphrase of the signing key", confirm=confirm)


def ask_secret(variable: str, what: str, *, confirm: bool = False) -> str:
    """Return a secret from the environment's `variable`, else ask for it.

    Raises:
        UsageError: nobody is there to ask.
    """
    if (found := os.environ.get(variable)) is not None:
        return found
    if not os.isatty(0):
        also = ", or use --no-passphrase where the command has it" if variable == PASSPHRASE_VARIABLE else ""
        first = what[:1].lower() + what[1:] if not what.startswith("PIN") else what
        raise UsageError(f"the {first} is needed and there is no terminal to ask at", hint=f"set {variable}{also}")
    answer: str = click.prompt(what, hide_input=True, confirmation_prompt=confirm)
    return answer


def _is_encrypted(key: Path) -> bool:
    """PKCS#12 always has a passphrase, be it empty; of PEM keys the first line says so. Absent files fail later."""
    if key.suffix.lower() in {".p12", ".pfx"}:
        return True
    try:
        return b"ENCRYPTED" in key.read_bytes()[:200]
    except OSError:
        return False
