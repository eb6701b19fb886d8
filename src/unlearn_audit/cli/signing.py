"""Where the signing key comes from. Passphrases come from the environment or a prompt, never from the command line."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.errors import KeyFileError, UsageError

if TYPE_CHECKING:
    from unlearn_audit.pki.keys import SigningKey
    from unlearn_audit.pki.purposes import KeyPurpose
    from unlearn_audit.pki.time_stamp_client import Signing

PASSPHRASE_VARIABLE = "UNLEARN_AUDIT_KEY_PASSPHRASE"  # noqa: S105 - the variable's name, not a passphrase


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


def find_signing_key(options: Mapping[str, Any], purpose: "KeyPurpose | None" = None) -> "SigningKey":
    """Return the key that the options `key`, `chain`, `pkcs11`, `token`, `key_label` name, else the labelled TEST key.

    Raises:
        UsageError: options that do not go together.
        KeyFileError: a key that cannot be used, or whose certificate is not for `purpose` (None: to sign a report).
    """
    from unlearn_audit.pki.purposes import KeyPurpose, find_misuse

    key = _open_signing_key(options)
    if problem := find_misuse(key.certificate, purpose or KeyPurpose.REPORT):
        who = key.certificate.subject.rfc4514_string()
        raise KeyFileError(f"the key of '{who}' is not used: {problem}", hint="see 'keys issue --for'")
    return key


def _open_signing_key(options: Mapping[str, Any]) -> "SigningKey":
    from unlearn_audit.pki.keys import load_signing_key
    from unlearn_audit.pki.laboratory_ca import make_test_key

    key, chain = options["key"], options["chain"]
    if any(options[name] is not None for name in ("pkcs11", "token", "key_label")):
        return _find_token_key(options)
    if key is None:
        if chain is not None:
            raise UsageError("--chain without --key", hint="give the key that the certificates belong to")
        return make_test_key()
    passphrase = ask_passphrase() if _is_encrypted(key) else None
    return load_signing_key(key, chain, passphrase)


def _find_token_key(options: Mapping[str, Any]) -> "SigningKey":
    from unlearn_audit.pki.pkcs11 import PIN_VARIABLE, TokenAddress, load_token_key

    if options["key"] is not None:
        raise UsageError("--key and --pkcs11 name two keys", hint="give one of them")
    missing = [f"--{name.replace('_', '-')}" for name in ("pkcs11", "token", "key_label") if options[name] is None]
    if missing:
        raise UsageError(f"a key on a token needs {' and '.join(missing)} too")
    address = TokenAddress(options["pkcs11"], options["token"], options["key_label"])
    return load_token_key(address, options["chain"], ask_secret(PIN_VARIABLE, "PIN of the token"))


def choose_signing(options: Mapping[str, Any], level: str | None) -> "Signing":
    """Return at which level is signed and who stamps; asks the authority once, before any work is done.

    Raises:
        UsageError: options that do not go together.
        TimeStampError: the authority cannot be used.
    """
    from unlearn_audit.pki.certificates import load_roots
    from unlearn_audit.pki.revocation import load_revocations
    from unlearn_audit.pki.time_stamp_client import Level, Signing, TimeStampAuthority

    url, roots = options["timestamp_url"], options["timestamp_trust"]
    if url is None and roots:
        raise UsageError("--timestamp-trust without --timestamp-url", hint="give the authority's address")
    if url is not None and options.get("offline"):
        raise UsageError("--offline forbids the network, --timestamp-url needs it", hint="leave one of them out")
    authority = TimeStampAuthority(url, load_roots(roots, "--timestamp-trust")) if url is not None else None
    chosen = Level(level) if level else (Level.T if authority else Level.B)
    signing = Signing(chosen, authority, load_revocations(options.get("revocations", ())))
    if authority:
        _ = authority.probe
    return signing


def _is_encrypted(key: Path) -> bool:
    """PKCS#12 always has a passphrase, be it empty; of PEM keys the first line says so. Absent files fail later."""
    if key.suffix.lower() in {".p12", ".pfx"}:
        return True
    try:
        return b"ENCRYPTED" in key.read_bytes()[:200]
    except OSError:
        return False


def describe_certificates(path: Path) -> list[str]:
    """Return what a person wants to know of each certificate in a PEM file.

    Raises:
        UsageError: no such file, or no certificate in it.
    """
    from cryptography import x509

    from unlearn_audit.pki.keys import fingerprint_of, is_test_certificate
    from unlearn_audit.pki.purposes import tell_purposes

    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"expected PEM certificates in {path}, found none") from error
    lines = []
    for certificate in certificates:
        until = certificate.not_valid_after_utc.date().isoformat()
        note = "  TEST KEY: proves nothing about who signed" if is_test_certificate(certificate) else ""
        lines += [
            f"{certificate.subject.rfc4514_string()}{note}",
            f"  issued by    {certificate.issuer.rfc4514_string()}",
            f"  valid until  {until}",
            f"  purposes     {tell_purposes(certificate)}",
            f"  public key   sha256 {fingerprint_of(certificate)}",
        ]
    return lines
