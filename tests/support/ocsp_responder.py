"""A small OCSP responder (RFC 6960) on the loopback, which can also misbehave in the ways that real ones do."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from tests.support.loopback import serve_on_loopback

_KIND = "application/ocsp-response"


class OcspResponder:
    """Says of the certificates of one authority whether they are good; `answers` says how it behaves.

    'good', 'revoked', 'unknown', 'unauthorized', 'stale' (good until yesterday), 'stranger' (good, signed by a key
    that nobody named), 'garbage', 'html', 'down' (HTTP status 503).
    """

    def __init__(self, issuer: x509.Certificate, key: Any) -> None:
        self.issuer, self.key = issuer, key
        self.known: dict[int, x509.Certificate] = {}
        self.answers = "good"
        self.requests: list[int] = []
        """Serial numbers, in the order of asking."""
        self.url = ""

    def name_in(self, certificate: x509.Certificate) -> x509.Certificate:
        """Issue `certificate` anew with this responder's address in it, and know of it."""
        place = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"{self.url}ocsp")
        )
        built = (
            x509.CertificateBuilder().subject_name(certificate.subject).issuer_name(self.issuer.subject)
            .public_key(certificate.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(certificate.not_valid_before_utc).not_valid_after(certificate.not_valid_after_utc)
            .add_extension(x509.AuthorityInformationAccess([place]), critical=False)
        )  # fmt: skip
        for extension in certificate.extensions:
            built = built.add_extension(extension.value, critical=extension.critical)
        made = built.sign(self.key, SHA256())
        self.known[made.serial_number] = made
        return made

    def answer(self, query: bytes) -> tuple[int, str, bytes]:
        """Return HTTP status, content type and body."""
        request = ocsp.load_der_ocsp_request(query)
        self.requests.append(request.serial_number)
        if self.answers == "down":
            return 503, "text/plain", b"come back later"
        if self.answers == "html":
            return 200, "text/html", b"<p>Please log in</p>"
        if self.answers == "garbage":
            return 200, _KIND, b"\x30\x03garbage"
        if self.answers == "unauthorized":
            return 200, _KIND, _write(ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED))
        return 200, _KIND, _write(self._respond(request))

    def _respond(self, request: ocsp.OCSPRequest) -> ocsp.OCSPResponse:
        now = datetime.now(UTC)
        age = timedelta(days=30) if self.answers == "stale" else timedelta(minutes=5)
        statuses = {"revoked": ocsp.OCSPCertStatus.REVOKED, "unknown": ocsp.OCSPCertStatus.UNKNOWN}
        revoked = self.answers == "revoked"
        built = ocsp.OCSPResponseBuilder().add_response(
            cert=self.known[request.serial_number], issuer=self.issuer, algorithm=request.hash_algorithm,
            cert_status=statuses.get(self.answers, ocsp.OCSPCertStatus.GOOD),
            this_update=now - age, next_update=now - age + timedelta(days=7),
            revocation_time=now - timedelta(days=2) if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )  # fmt: skip
        own, key = self._pose() if self.answers == "stranger" else (self.issuer, self.key)
        built = built.responder_id(ocsp.OCSPResponderEncoding.HASH, own)
        for extension in request.extensions:
            if isinstance(extension.value, x509.OCSPNonce):
                built = built.add_extension(extension.value, critical=False)
        return built.sign(key, SHA256())

    def _pose(self) -> tuple[x509.Certificate, Any]:
        """Return a certificate with the issuer's name on it, and its key, which the issuer does not have."""
        key, name = ec.generate_private_key(ec.SECP256R1()), self.issuer.subject
        now = datetime.now(UTC)
        built = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        )  # fmt: skip
        return built.sign(key, SHA256()), key


def _write(response: ocsp.OCSPResponse) -> bytes:
    return response.public_bytes(Encoding.DER)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        responder: OcspResponder = self.server.responder  # type: ignore[attr-defined]
        status, kind, body = responder.answer(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def serve_ocsp(responder: OcspResponder) -> Iterator[OcspResponder]:
    """Let `responder` answer on the loopback; its `url` is set."""
    with serve_on_loopback(responder, _Handler) as responder.url:
        yield responder
