"""Issuing by a laboratory CA: further signers, and revocation lists."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from unlearn_audit.errors import KeyFileError
from unlearn_audit.pki.keys import open_private_key, read_chain
from unlearn_audit.pki.laboratory_ca import (
    REVOCATIONS,
    ROOT_CERTIFICATE,
    ROOT_KEY,
    SIGNER_DAYS,
    generate,
    issue_revocations,
    issue_signer,
    make_name,
    wrap,
    write_keys,
)
from unlearn_audit.pki.purposes import KeyPurpose
from unlearn_audit.writing import replace_file


def issue_further_signer(
    folder: Path, common_name: str, passphrase: str | None = None, purpose: KeyPurpose = KeyPurpose.COUNTERSIGNATURE
) -> dict[str, Path]:
    """Make a key and a certificate for one more signer of the laboratory whose authority lies in `folder`.

    By `purpose` they countersign reports, or sign them as the laboratory does; never both, or four eyes might be two.

    The passphrase opens the root's key and protects the new one; without one both are unencrypted.

    Returns:
        Path by role: signer_chain, signer_key.

    Raises:
        KeyFileError: `folder` holds no authority, the passphrase is wrong, or the name cannot be used or was used.
    """
    root, root_key = _load_root(folder, passphrase)
    slug = _shorten(common_name)
    if not slug or "TEST KEY" in common_name.upper():
        raise KeyFileError("a signer needs a name of their own, and none that says TEST KEY")
    organisation = root.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)[0].value
    key = generate()
    name = make_name(str(organisation), common_name)
    certificate = issue_signer(name, key, root, root_key, SIGNER_DAYS, purpose=purpose)
    names = {"signer_chain": f"{slug}-chain.pem", "signer_key": f"{slug}.key.pem"}
    pem = certificate.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)
    write_keys(folder, {names["signer_chain"]: pem, names["signer_key"]: wrap(key, passphrase)})
    return {role: folder / name for role, name in names.items()}


def _shorten(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48]


def renew_revocations(folder: Path, revoked: Sequence[Path] = (), passphrase: str | None = None) -> Path:
    """Write the authority's revocation list anew: current again, with the first certificate of each file in `revoked`.

    What was revoked stays revoked. Signatures with a trusted time before the revocation stay good.

    Raises:
        KeyFileError: `folder` holds no authority, the passphrase is wrong, or a certificate was not issued by it.
    """
    root, root_key = _load_root(folder, passphrase)
    path = folder / REVOCATIONS
    entries, number = _read_earlier(path)
    for file in revoked:
        certificate = read_chain(file)[0]
        try:
            certificate.verify_directly_issued_by(root)
        except Exception as error:  # wrong names, key types and signatures all mean the same here
            raise KeyFileError(
                f"the first certificate of {file} was not issued by the authority in {folder}"
            ) from error
        now = datetime.now(UTC).replace(microsecond=0)
        entries.setdefault(certificate.serial_number, now)
    content = issue_revocations(root, root_key, entries, number + 1).public_bytes(Encoding.PEM)
    _replace(path, content)
    return path


def _load_root(folder: Path, passphrase: str | None) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    if not (folder / ROOT_KEY).is_file() or not (folder / ROOT_CERTIFICATE).is_file():
        raise KeyFileError(
            f"{folder} holds no authority: expected {ROOT_KEY} and {ROOT_CERTIFICATE} in it",
            hint="make one with: unlearn-audit keys init",
        )
    root, key = read_chain(folder / ROOT_CERTIFICATE)[0], open_private_key(folder / ROOT_KEY, passphrase)
    if root.public_key() != key.public_key():
        raise KeyFileError(f"{ROOT_KEY} and {ROOT_CERTIFICATE} in {folder} do not belong together")
    if root.not_valid_after_utc < datetime.now(UTC) + timedelta(days=1):
        raise KeyFileError(f"the root in {folder} has expired: it can vouch for nobody any more")
    return root, key


def _read_earlier(path: Path) -> tuple[dict[int, datetime], int]:
    """Return serial number -> date of what was revoked before, and the number of the list that said so."""
    if not path.exists():
        return {}, 0
    try:
        earlier = x509.load_pem_x509_crl(path.read_bytes())
        number = earlier.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        raise KeyFileError(f"the earlier revocation list {path} cannot be read, so it is not replaced") from error
    return {entry.serial_number: entry.revocation_date_utc for entry in earlier}, number


def _replace(path: Path, content: bytes) -> None:
    try:
        replace_file(path, content, mode=0o644)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error
