"""DSSE envelopes, in exactly one form each: whoever verifies compares bytes, so that no bit can change unseen.

Canonical JSON (RFC 8785), canonical base64, canonical DER with the lower of the two equivalent values of s, and the
SHA-256 of the signer's public key as the key id. The payload is an in-toto Statement in canonical JSON.
"""

import base64
import binascii
import json
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.keys import SigningKey, describe_signer, fingerprint_of
from unlearn_audit.records import to_canonical_json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
CHAIN_FIELD = "signerChain"
"""Where seals and countersignatures carry the PEM chain of who signed them."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of the group P-256


def encode_for_signing(payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding of `payload`: what is really signed."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_envelope(payload: bytes, key: SigningKey) -> bytes:
    """Sign `payload` and return the envelope in its one canonical form."""
    r, s = decode_dss_signature(key.sign(encode_for_signing(payload)))
    signature = encode_dss_signature(r, min(s, _ORDER - s))
    return _write_envelope(payload, describe_signer(key.certificate).fingerprint, signature)


def _write_envelope(payload: bytes, key_id: str, signature: bytes) -> bytes:
    return to_canonical_json(
        {
            "payload": base64.b64encode(payload).decode("ascii"),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": key_id, "sig": base64.b64encode(signature).decode("ascii")}],
        }
    )


def open_envelope(envelope: bytes, signer: x509.Certificate, predicate_type: str) -> dict[str, Any]:
    """Return the Statement in `envelope` after checking its bytes and the signature of `signer`.

    Says nothing about whether `signer` is to be trusted.

    Raises:
        IntegrityError: not a canonical envelope of one signature, another key, another kind of statement, or the
            signature does not hold.
    """
    payload, signature = _split_envelope(envelope, fingerprint_of(signer))
    public = signer.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise IntegrityError("the signer's certificate does not hold an ECDSA P-256 key")
    try:
        public.verify(signature, encode_for_signing(payload), ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise IntegrityError("the signature over the attestation does not hold") from error
    statement = json.loads(payload)
    if to_canonical_json(statement) != payload:
        raise IntegrityError("the attestation's statement is not canonical JSON")
    kinds = (statement.get("_type"), statement.get("predicateType")) if isinstance(statement, dict) else ()
    if kinds != (STATEMENT_TYPE, predicate_type):
        raise IntegrityError("the attestation holds a statement of another type")
    return dict(statement)


def open_own_envelope(envelope: bytes, predicate_type: str) -> tuple[dict[str, Any], tuple[x509.Certificate, ...]]:
    """Return the Statement in an envelope that carries its signer's chain in what it signs, and that chain.

    Says nothing about whether the signer is to be trusted.

    Raises:
        IntegrityError: as `open_envelope`, or it carries no chain.
    """
    try:
        chain = json.loads(base64.b64decode(json.loads(envelope)["payload"], validate=True))["predicate"][CHAIN_FIELD]
        certificates = tuple(x509.load_pem_x509_certificates(chain.encode("ascii")))
    except Exception as error:  # hostile bytes may fail a parser in any way, and each way is a refusal
        raise IntegrityError(f"it is no DSSE envelope with its signer's chain ({type(error).__name__})") from error
    return open_envelope(envelope, certificates[0], predicate_type), certificates


def _split_envelope(envelope: bytes, key_id: str) -> tuple[bytes, bytes]:
    """Return payload and signature; writing them again must give the very same bytes."""
    try:
        fields = json.loads(envelope)
        signature = base64.b64decode(fields["signatures"][0]["sig"], validate=True)
        payload = base64.b64decode(fields["payload"], validate=True)
        r, s = decode_dss_signature(signature)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError, binascii.Error) as error:
        raise IntegrityError("it is not a DSSE envelope with one signature") from error
    canonical = encode_dss_signature(r, min(s, _ORDER - s)) if 0 < s < _ORDER else b""
    if _write_envelope(payload, key_id, canonical) != envelope:
        raise IntegrityError("the attestation is not in its canonical form, or names another key than the signer's")
    return payload, signature
