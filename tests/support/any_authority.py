"""Certificates of any kind, good and bad: what an authority that nobody wrote for us might issue."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from unlearn_audit.pki.keys import SigningKey

NOW = datetime.now(UTC).replace(microsecond=0)


def name_of(common_name: str, organisation: str = "Example Clinic") -> x509.Name:
    names = ((NameOID.ORGANIZATION_NAME, organisation), (NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in names])


def make_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Authority:
    """A certificate authority and what stands above it; `issue` and `delegate` take any shape."""

    common_name: str = "Any root"
    days: tuple[float, float] = (-30, 365)
    path_length: int | None = None
    extra: tuple[Any, ...] = ()
    above: "Authority | None" = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=make_key)

    def __post_init__(self) -> None:
        issuer = self.above or self
        self.certificate = self.build(
            self.common_name, self.key, issuer, days=self.days, authority=True, path_length=self.path_length,
            extra=self.extra,
        )  # fmt: skip

    @staticmethod
    def build(
        common_name: str, key: Any, issuer: "Authority", *, days: tuple[float, float] = (-1, 300),
        authority: bool = False, path_length: int | None = None, signs: bool = True, purposes: tuple[str, ...] = (),
        extra: tuple[Any, ...] = (),
    ) -> x509.Certificate:  # fmt: skip
        usage = x509.KeyUsage(
            digital_signature=signs, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=authority, crl_sign=authority, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        built = (
            x509.CertificateBuilder().subject_name(name_of(common_name)).issuer_name(name_of(issuer.common_name))
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(NOW + timedelta(days=days[0])).not_valid_after(NOW + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(authority, path_length), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )  # fmt: skip
        if purposes:
            listed = x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in purposes])
            built = built.add_extension(listed, critical=True)
        for extension, critical in extra:
            built = built.add_extension(extension, critical=critical)
        return built.sign(issuer.key, SHA256())

    def issue(self, common_name: str = "Audit desk", *, bring_root: bool = True, **shape: Any) -> SigningKey:
        key = make_key()
        chain, at = [], self
        while at is not None:
            chain.append(at.certificate)
            at = at.above
        return SigningKey(key, self.build(common_name, key, self, **shape), tuple(chain if bring_root else chain[:-1]))

    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def list_revoked(
        self, *revoked: tuple[x509.Certificate, datetime], days: tuple[float, float] = (-1, 30), signed_by: Any = None,
        extra: tuple[Any, ...] = (), invalid_since: datetime | None = None, reason: x509.ReasonFlags | None = None,
    ) -> bytes:  # fmt: skip
        built = (
            x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
            .last_update(NOW + timedelta(days=days[0])).next_update(NOW + timedelta(days=days[1]))
        )  # fmt: skip
        for extension, critical in extra:
            built = built.add_extension(extension, critical=critical)
        for certificate, date in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(date)
            if invalid_since:
                entry = entry.add_extension(x509.InvalidityDate(invalid_since), critical=False)
            if reason:
                entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            built = built.add_revoked_certificate(entry.build())
        return built.sign(signed_by or self.key, SHA256()).public_bytes(Encoding.PEM)
