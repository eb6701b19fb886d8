"""A small RFC 3161 time-stamp authority on the loopback, which can also misbehave in the ways that real ones do."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from asn1crypto import algos, keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper

from tests.support.loopback import serve_on_loopback

_KEYS: list[Any] = []


def _new_key() -> rsa.RSAPrivateKey:
    """RSA keys are slow to make; one serves every authority of a test session."""
    if not _KEYS:
        _KEYS.append(rsa.generate_private_key(65537, 2048))
    return _KEYS[0]


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
             "decipher_only")  # fmt: skip
    return x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **dict.fromkeys(names, False)
    )


class Responder:
    """A time-stamp authority with its own root; `answers` says how it behaves."""

    def __init__(
        self,
        folder: Path,
        *,
        days: tuple[float, float] = (-30, 365),
        purpose: Any = None,
        root_name: str = "Stamp root",
    ) -> None:
        self.root_name = root_name
        self.answers = "well"
        self.failures = 0
        """How many of the next requests get HTTP status 503."""
        self.request_count = 0
        self.fixed: datetime | None = None
        self.url = ""
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._issue(_name(self.root_name), self.root_key.public_key(), (-400, 40_000), authority=True)
        self.key = _new_key()
        eku = purpose or ExtendedKeyUsageOID.TIME_STAMPING
        self.certificate = self._issue(_name("Example stamps"), self.key.public_key(), days, purpose=eku)
        self.root_path = folder / "stamp-root.pem"
        folder.mkdir(parents=True, exist_ok=True)
        self.root_path.write_bytes(self.root.public_bytes(Encoding.PEM))
        self.crl_path = folder / "stamp-root.crl.pem"
        self.crl_path.write_bytes(self.issue_crl().public_bytes(Encoding.PEM))

    def _issue(self, name, public, days, *, authority=False, purpose=None, address=None):
        now = datetime.now(UTC)
        built = (
            x509.CertificateBuilder().subject_name(name).issuer_name(_name(self.root_name)).public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0])).not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(_usage(authority=authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )  # fmt: skip
        if address:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(address)], None, None, None)
            built = built.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        if purpose:
            built = built.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
        return built.sign(self.root_key, SHA256())

    def name_lists_at(self, address: str) -> None:
        """Issue the certificate anew, with the address of the revocation list in it."""
        self.certificate = self._issue(
            _name("Example stamps"), self.key.public_key(), (-30, 365),
            purpose=ExtendedKeyUsageOID.TIME_STAMPING, address=address,
        )  # fmt: skip

    def issue_crl(self, revoked: datetime | None = None) -> x509.CertificateRevocationList:
        now = datetime.now(UTC)
        built = (
            x509.CertificateRevocationListBuilder().issuer_name(_name(self.root_name))
            .last_update(now - timedelta(hours=1)).next_update(now + timedelta(days=30))
        )  # fmt: skip
        if revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(self.certificate.serial_number)
            built = built.add_revoked_certificate(entry.revocation_date(revoked).build())
        return built.sign(self.root_key, SHA256())

    def answer(self, query: bytes) -> tuple[str, bytes]:
        """Return content type and body."""
        request = tsp.TimeStampReq.load(query)
        if self.answers == "garbage":
            return "application/timestamp-reply", b"\x30\x03garbage"
        if self.answers == "html":
            return "text/html", b"<p>Please log in</p>"
        if self.answers == "refusal":
            status = tsp.PKIStatusInfo({"status": "rejection", "status_string": ["quota used up"]})
            body = status.dump()
            return "application/timestamp-reply", b"\x30" + bytes([len(body)]) + body
        if self.answers == "other digest":
            imprint = {"hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}), "hashed_message": bytes(32)}
            request["message_imprint"] = tsp.MessageImprint(imprint)
        if self.answers == "other nonce":
            request["nonce"] = request["nonce"].native ^ 1
        body = bytearray(self._stamp(request).dump())
        if self.answers == "broken signature":
            body[-1] ^= 1
        return "application/timestamp-reply", bytes(body)

    def _stamp(self, request: tsp.TimeStampReq) -> tsp.TimeStampResp:
        own = asn1_x509.Certificate.load(self.certificate.public_bytes(Encoding.DER))
        secret = self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        stamper = DummyTimeStamper(own, keys.PrivateKeyInfo.load(secret), fixed_dt=self.fixed)
        return stamper.request_tsa_response(request)

    def stamp(self, content: bytes) -> bytes:
        """Return a token over `content` without any network."""
        from hashlib import sha256

        imprint = {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}), "hashed_message": sha256(content).digest()
        }  # fmt: skip
        query = tsp.TimeStampReq({"version": 1, "message_imprint": tsp.MessageImprint(imprint), "cert_req": True})
        return self._stamp(query)["time_stamp_token"].dump()


_SETTINGS = """\
[stamps]
serial = serial
signer_digest = sha384
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1, millisecs:500
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class OpenSslResponder(Responder):
    """The same authority, with OpenSSL's own implementation of RFC 3161 behind it; the root travels in its tokens."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        secret = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "key.pem").write_bytes(secret)
        (folder / "signer.pem").write_bytes(self.certificate.public_bytes(Encoding.PEM))
        (folder / "stamps.cnf").write_text(_SETTINGS)
        (folder / "serial").write_text("01")

    def answer(self, query: bytes) -> tuple[str, bytes]:
        (self.folder / "query").write_bytes(query)
        files = {"queryfile": "query", "inkey": "key.pem", "signer": "signer.pem", "chain": self.root_path.name}
        named = [word for option, name in files.items() for word in (f"-{option}", name)]
        command = ["openssl", "ts", "-reply", "-config", "stamps.cnf", "-section", "stamps", *named, "-out", "reply"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        return "application/timestamp-reply", (self.folder / "reply").read_bytes()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        responder: Responder = self.server.responder  # type: ignore[attr-defined]
        query = self.rfile.read(int(self.headers["Content-Length"]))
        responder.request_count += 1
        if responder.failures > 0:
            responder.failures -= 1
            self.send_error(503)
            return
        kind, body = responder.answer(query)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        responder: Responder = self.server.responder  # type: ignore[attr-defined]
        body = responder.issue_crl().public_bytes(Encoding.DER)
        self.send_response(200)
        self.send_header("Content-Type", "application/pkix-crl")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def serve(responder: Responder) -> Iterator[Responder]:
    """Let `responder` answer on the loopback; its `url` is set."""
    with serve_on_loopback(responder, _Handler) as responder.url:
        yield responder
