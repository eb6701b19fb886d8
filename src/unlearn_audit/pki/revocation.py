"""Revocation lists: which certificates were revoked, and whether a list can answer for a certificate."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from unlearn_audit import limits
from unlearn_audit.errors import UsageError
from unlearn_audit.pki.certificates import read_bounded

_BEGIN = b"-----BEGIN X509 CRL-----"
_PEM = re.compile(_BEGIN + rb".*?-----END X509 CRL-----", re.DOTALL)
_UNDERSTOOD = (x509.AuthorityKeyIdentifier, x509.CRLNumber, x509.IssuerAlternativeName, x509.FreshestCRL)


def load_revocations(paths: Sequence[Path]) -> tuple[bytes, ...]:
    """Return the certificate revocation lists (DER) in PEM or DER files: all of a file's.

    Raises:
        UsageError: a file cannot be read or holds no such list.
    """
    found = []
    for path in paths:
        try:
            content = read_bounded(path, limits.REVOCATIONS.most)
            found += [known.public_bytes(Encoding.DER) for known in _read_all(content)]
        except OSError as error:
            raise UsageError(f"the revocation list {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise UsageError(
                f"{path} holds no certificate revocation list", hint="expected a .crl.pem, see 'keys crl'"
            ) from error
    return tuple(found)


def _read_all(content: bytes) -> list[x509.CertificateRevocationList]:
    blocks = _PEM.findall(content)
    if content.count(_BEGIN) != len(blocks):
        raise ValueError("a list that does not end")
    return [x509.load_pem_x509_crl(block) for block in blocks] or [x509.load_der_x509_crl(content)]


def find_revoked(chain: Sequence[x509.Certificate], revocations: Sequence[bytes], moment: datetime | None) -> str:
    """Return what of a trusted `chain`, root first, was revoked, as the end of a sentence, or nothing.

    Without a trusted time, `moment`, a certificate that is listed is revoked, whatever date or reason stands beside it
    (only a list of changes, which answers nothing here, may say that a hold was lifted). With one
    it is revoked from the earlier of the date of revocation and the date from which the key is said to be in doubt.
    """
    lists = [x509.load_der_x509_crl(content) for content in revocations]
    for issuer, certificate in pairwise(chain):
        for known in lists:
            if not _has_signed(issuer, known):
                continue
            entry = known.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is None:
                continue
            since = _date_of(entry)
            if moment is None or since <= moment:
                who = certificate.subject.rfc4514_string()
                return f"the certificate of '{who}' was revoked on {since:%Y-%m-%d}"
    return ""


def _date_of(entry: x509.RevokedCertificate) -> datetime:
    try:
        doubted = entry.extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc
    except x509.ExtensionNotFound:
        return entry.revocation_date_utc
    return min(entry.revocation_date_utc, doubted)


def _has_signed(issuer: x509.Certificate, known: x509.CertificateRevocationList) -> bool:
    public: Any = issuer.public_key()
    return known.issuer == issuer.subject and known.is_signature_valid(public)


def find_unanswered(content: bytes, authorities: Sequence[x509.Certificate], now: datetime | None = None) -> str:
    """Return why a revocation list (DER) that was given answers nothing today, as a sentence; '' where it does.

    Args:
        content: the list.
        authorities: who stands above a certificate that was looked at.
        now: the day; None for today.
    """
    known, moment = x509.load_der_x509_crl(content), now or datetime.now(UTC)
    who = f"The revocation list of '{known.issuer.rfc4514_string()}'"
    named = [authority for authority in authorities if authority.subject == known.issuer]
    if not named:
        return f"{who} is of another authority than those of this report."
    if not any(_has_signed(authority, known) for authority in named):
        return f"{who} was not signed by that authority."
    if known.last_update_utc > moment:
        return f"{who} is of the future: {known.last_update_utc:%Y-%m-%d}."
    if known.next_update_utc is None or known.next_update_utc < moment:
        until = f"on {known.next_update_utc:%Y-%m-%d}" if known.next_update_utc else "at no stated time"
        return f"{who} is out of date: it ended {until}."
    if partial := list(_list_partial(known)):
        return f"{who} does not speak of all certificates ({', '.join(partial)})."
    return ""


def _list_partial(known: x509.CertificateRevocationList) -> Iterator[str]:
    """Yield what makes a list one of some certificates only, or is not understood."""
    for extension in known.extensions:
        value = extension.value
        if isinstance(value, x509.DeltaCRLIndicator):
            yield "changes since an earlier list"
        elif isinstance(value, x509.IssuingDistributionPoint):
            if value.only_contains_ca_certs or value.only_contains_attribute_certs or value.only_some_reasons:
                yield "certificates of one kind, or some reasons"
            if value.indirect_crl:
                yield "certificates of other authorities"
        elif extension.critical and not isinstance(value, _UNDERSTOOD):
            yield f"extension {extension.oid.dotted_string}"
