"""Makes keys: a labelled TEST key for trials, and a laboratory's own small certificate authority."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from unlearn_audit.errors import KeyFileError
from unlearn_audit.pki.keys import TEST_SUBJECT, SigningKey, load_signing_key
from unlearn_audit.pki.purposes import COUNTERSIGNING, DOCUMENT_SIGNING, REPORT_SIGNING, KeyPurpose
from unlearn_audit.writing import find_home

SIGNER_KEY, SIGNER_CHAIN = "signer.key.pem", "signer-chain.pem"
ROOT_KEY, ROOT_CERTIFICATE, REVOCATIONS = "root.key.pem", "root.crt.pem", "root.crl.pem"
_TEST_DAYS, _ROOT_DAYS, SIGNER_DAYS = 3650, 3650, 730  # a TEST key proves nothing, and samples must go on verifying
_REVOCATION_DAYS = 90
_ISSUED_FOR = {KeyPurpose.REPORT: REPORT_SIGNING, KeyPurpose.COUNTERSIGNATURE: COUNTERSIGNING}
_CLOCK_SKEW = timedelta(hours=1)


def find_test_folder() -> Path:
    """Return where the TEST key lives: $XDG_CONFIG_HOME or ~/.config, under unlearn-audit/test-key."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else find_home() / ".config") / "unlearn-audit" / "test-key"


def make_test_key(folder: Path | None = None) -> SigningKey:
    """Return the labelled TEST key of `folder`, made now where there is none or it is no longer usable.

    Its signature proves nothing about who signed. The root's private key is thrown away after issuing.
    """
    place = folder or find_test_folder()
    with suppress(KeyFileError):
        return load_signing_key(place / SIGNER_KEY, place / SIGNER_CHAIN)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, TEST_SUBJECT)])
    root_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{TEST_SUBJECT} (root)")])
    root_key, signer_key = generate(), generate()
    root = _issue_root(root_name, root_key, _TEST_DAYS)
    signer = issue_signer(name, signer_key, root, root_key, _TEST_DAYS)
    files = {
        SIGNER_KEY: wrap(signer_key, None),
        SIGNER_CHAIN: _pem(signer) + _pem(root),
        ROOT_CERTIFICATE: _pem(root),
    }
    _replace_folder(place, files)
    return load_signing_key(place / SIGNER_KEY, place / SIGNER_CHAIN)


def init_laboratory_ca(
    folder: Path, organisation: str, common_name: str, passphrase: str | None = None
) -> dict[str, Path]:
    """Make a root and a signer for a laboratory in `folder`, never over an existing file.

    The root certificate is what verifiers are given (`--trust`); its key belongs off line. Keys are PKCS#8,
    encrypted where a passphrase is given, mode 0600.

    Returns:
        Path by role: revocations, root_certificate, root_key, signer_chain, signer_key.

    Raises:
        KeyFileError: a file of that name exists, the name claims to be a TEST key, or the folder cannot be written.
    """
    if "TEST KEY" in common_name.upper() or not common_name.strip() or not organisation.strip():
        raise KeyFileError(
            "a laboratory's key needs an organisation and a name of its own, and none that says TEST KEY"
        )
    root_key, signer_key = generate(), generate()
    root = _issue_root(make_name(organisation, f"{organisation} audit root"), root_key, _ROOT_DAYS)
    signer = issue_signer(make_name(organisation, common_name), signer_key, root, root_key, SIGNER_DAYS)
    files = {
        ROOT_KEY: wrap(root_key, passphrase),
        ROOT_CERTIFICATE: _pem(root),
        SIGNER_KEY: wrap(signer_key, passphrase),
        SIGNER_CHAIN: _pem(signer) + _pem(root),
        REVOCATIONS: issue_revocations(root, root_key, {}, 1).public_bytes(Encoding.PEM),
    }
    write_keys(folder, files)
    roles = {"revocations": REVOCATIONS, "root_certificate": ROOT_CERTIFICATE, "root_key": ROOT_KEY,
             "signer_chain": SIGNER_CHAIN, "signer_key": SIGNER_KEY}  # fmt: skip
    return {role: folder / name for role, name in roles.items()}


def write_keys(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` into `folder`, mode 0600, never over an existing one.

    Raises:
        KeyFileError: one exists, or the folder cannot be written.
    """
    existing = [name for name in files if (folder / name).exists() or (folder / name).is_symlink()]
    if existing:
        raise KeyFileError(
            f"{folder} already holds {', '.join(existing)}: keys are never overwritten", hint="choose another folder"
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in files.items():
            _write_private(folder / name, content)
    except OSError as error:
        raise KeyFileError(f"keys cannot be written to {folder}: {error.strerror}") from error


def issue_revocations(
    root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey, revoked: Mapping[int, datetime], number: int
) -> x509.CertificateRevocationList:  # fmt: skip
    """Return a revocation list, good for 90 days: serial number -> date of what is revoked, and its own number."""
    now = datetime.now(UTC).replace(microsecond=0)
    built = (
        x509.CertificateRevocationListBuilder().issuer_name(root.subject)
        .last_update(now - _CLOCK_SKEW).next_update(now + timedelta(days=_REVOCATION_DAYS))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    )  # fmt: skip
    for serial, date in revoked.items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(date)
        built = built.add_revoked_certificate(entry.build())
    return built.sign(root_key, SHA256())


def generate() -> ec.EllipticCurvePrivateKey:
    """Return a fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def make_name(organisation: str, common_name: str) -> x509.Name:
    """Return the subject of a certificate.

    Raises:
        KeyFileError: it cannot stand in one.
    """
    try:
        return x509.Name([
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name),
        ])  # fmt: skip
    except ValueError as error:
        raise KeyFileError(f"this name cannot stand in a certificate: {error}", hint="at most 64 characters") from error


def _build(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW).not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )  # fmt: skip


def _usage(*, signs_data: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs_data, content_commitment=signs_data, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=not signs_data, crl_sign=not signs_data, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


def _issue_root(name: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.Certificate:
    built = _build(name, name, key, days).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return built.add_extension(_usage(signs_data=False), critical=True).sign(key, SHA256())


def issue_signer(
    name: x509.Name, key: ec.EllipticCurvePrivateKey, root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey,
    days: int, *, purpose: KeyPurpose = KeyPurpose.REPORT,
) -> x509.Certificate:  # fmt: skip
    """Return a certificate for `key`, below `root`, that may sign for `purpose` and nothing else of ours.

    Other readers of PDF know no purpose of ours; for them it is one for signing documents as well.
    """
    built = _build(name, root.subject, key, days)
    built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    built = built.add_extension(_usage(signs_data=True), critical=True)
    purposes = x509.ExtendedKeyUsage([_ISSUED_FOR[purpose], DOCUMENT_SIGNING])
    built = built.add_extension(purposes, critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    return built.add_extension(identifier, critical=False).sign(root_key, SHA256())


def wrap(key: ec.EllipticCurvePrivateKey, passphrase: str | None) -> bytes:
    """Return a key as PKCS#8 PEM, encrypted where there is a passphrase."""
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase:
        encryption = BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that is 0600 from its first byte on and was not there before."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _replace_folder(place: Path, files: dict[str, bytes]) -> None:
    """Put a folder with `files` at `place`; a run at the same time finds the old one, the new one, or none."""
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        for name, content in files.items():
            _write_private(fresh / name, content)
        for name in files:
            (place / name).unlink(missing_ok=True)
        try:
            fresh.rename(place)
        except OSError:  # something else lies there, or another run was faster and its key is as good
            shutil.rmtree(fresh)
            if not (place / SIGNER_KEY).exists():  # or the file system has no renaming of folders
                place.mkdir(mode=0o700, exist_ok=True)
                for name, content in files.items():
                    _write_private(place / name, content)
    except OSError as error:
        raise KeyFileError(
            f"the TEST key cannot be written to {place}: {error.strerror}",
            hint="set XDG_CONFIG_HOME to a folder that can be written, or name a key with --key",
        ) from error
