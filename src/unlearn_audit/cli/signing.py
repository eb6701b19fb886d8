"""Where the signing key comes from. Passphrases come from the environment or a prompt, never from the command line."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unlearn_audit.errors import UsageError

if TYPE_CHECKING:
    from unlearn_audit.report.keys import SigningKey

PASSPHRASE_VARIABLE = "UNLEARN_AUDIT_KEY_PASSPHRASE"  # noqa: S105 - the variable's name, not a passphrase


def ask_passphrase(*, confirm: bool = False) -> str:
    """Return the passphrase from the environment, else ask for it.

    Raises:
        UsageError: nobody is there to ask.
    """
    if (found := os.environ.get(PASSPHRASE_VARIABLE)) is not None:
        return found
    if not os.isatty(0):
        raise UsageError(
            "a passphrase is needed and there is no terminal to ask at",
            hint=f"set {PASSPHRASE_VARIABLE}, or use --no-passphrase where the command has it",
        )
    answer: str = click.prompt("Passphrase of the signing key", hide_input=True, confirmation_prompt=confirm)
    return answer


def find_signing_key(key: Path | None, chain: Path | None) -> "SigningKey":
    """Return the configured key, or the labelled TEST key where none is configured.

    Raises:
        UsageError: a chain without a key.
        KeyFileError: a key that cannot be used.
    """
    from unlearn_audit.report.authority import make_test_key
    from unlearn_audit.report.keys import load_signing_key

    if key is None:
        if chain is not None:
            raise UsageError("--chain without --key", hint="give the key that the certificates belong to")
        return make_test_key()
    passphrase = ask_passphrase() if _is_encrypted(key) else None
    return load_signing_key(key, chain, passphrase)


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

    from unlearn_audit.report.keys import fingerprint_of, is_test_certificate

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
            f"  public key   sha256 {fingerprint_of(certificate)}",
        ]
    return lines
