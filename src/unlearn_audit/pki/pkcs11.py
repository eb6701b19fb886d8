"""Keys that never leave their token (PKCS#11): a smart card, an HSM, or SoftHSM."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from unlearn_audit.errors import KeyFileError
from unlearn_audit.pki.keys import SigningKey, read_chain, validate_signing_key

if TYPE_CHECKING:
    from cryptography import x509

PIN_VARIABLE = "UNLEARN_AUDIT_TOKEN_PIN"
_PROBE = b"unlearn-audit: does this key belong to its certificate?"
_HALF = 32  # bytes of r, and of s


@dataclass(frozen=True)
class TokenAddress:
    """Where a key lies: the library that speaks to the token, the token's label, and the key's."""

    module: Path
    token: str
    key: str


@dataclass(frozen=True)
class TokenKey:
    """A private key on a token; looks like any other to whoever signs with it."""

    session: Any = field(repr=False)
    handle: Any = field(repr=False)
    public: ec.EllipticCurvePublicKey

    def close(self) -> None:
        """Log off; the key cannot sign any more. A process can be logged in to a token once."""
        self.session.close()

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the public half, which is the certificate's: that they fit was tried."""
        return self.public

    def sign(self, data: bytes, signature_algorithm: ec.EllipticCurveSignatureAlgorithm, /) -> bytes:
        """Return the signature over `data` in DER; the digest is made here, the token signs only that.

        Raises:
            KeyFileError: the token does not sign (taken out, logged off, another algorithm).
        """
        from pkcs11 import Mechanism, PKCS11Error

        if not isinstance(signature_algorithm.algorithm, SHA256):
            raise KeyFileError("a token's key signs SHA-256 here and nothing else")
        try:
            raw = bytes(self.handle.sign(sha256(data).digest(), mechanism=Mechanism.ECDSA))
        except PKCS11Error as error:
            raise KeyFileError(f"the token does not sign: {type(error).__name__}") from error
        return encode_dss_signature(int.from_bytes(raw[:_HALF], "big"), int.from_bytes(raw[_HALF:], "big"))


def load_token_key(address: TokenAddress, chain_path: Path | None, pin: str) -> SigningKey:
    """Log in to a token and return its key with the PEM chain in `chain_path`, signer first.

    Raises:
        KeyFileError: python-pkcs11 is not installed; no such library, token or key; wrong PIN; not ECDSA P-256; key and
            certificate do not fit; certificate expired, not yet valid, or not for digital signatures.
    """
    if chain_path is None:
        raise KeyFileError(
            f"the key '{address.key}' comes without a certificate", hint="name the PEM chain too, signer first: --chain"
        )
    chain = read_chain(chain_path)
    public = chain[0].public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise KeyFileError(f"the certificate in {chain_path} must be of an ECDSA P-256 key")
    key = _find_key(address, pin, public)
    try:
        _validate_certificate(key, chain[0], address)
        signing = SigningKey(key, chain[0], chain[1:])
        validate_signing_key(signing, chain_path)
    except KeyFileError:
        key.close()
        raise
    return signing


def _find_key(address: TokenAddress, pin: str, public: ec.EllipticCurvePublicKey) -> TokenKey:
    try:
        import pkcs11
    except ImportError as error:
        raise KeyFileError(
            "keys on tokens need python-pkcs11, which is not installed", hint="pip install 'unlearn-audit[pkcs11]'"
        ) from error
    session: Any = None
    try:
        session = pkcs11.lib(str(address.module)).get_token(token_label=address.token).open(user_pin=pin)
        handle = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=address.key)
        return TokenKey(session, handle, public)
    except Exception as error:  # noqa: BLE001 - a vendor's library may fail in any way
        if session is not None:
            session.close()
        raise _explain(address, error) from None


def _explain(address: TokenAddress, error: Exception) -> KeyFileError:
    """Say what went wrong without anything that could hold the PIN."""
    from pkcs11 import exceptions as known

    if isinstance(error, known.NoSuchToken):
        return KeyFileError(f"no token is called '{address.token}' there: {address.module}")
    if isinstance(error, known.PinIncorrect | known.PinLenRange | known.PinInvalid):
        return KeyFileError(
            f"the PIN of token '{address.token}' is wrong; too many wrong ones lock it",
            hint=f"the PIN is read from {PIN_VARIABLE}, or asked for",
        )
    if isinstance(error, known.PinLocked):
        return KeyFileError(f"token '{address.token}' is locked after too many wrong PINs")
    if isinstance(error, known.NoSuchKey | known.MultipleObjectsReturned):
        many = "several private keys are" if isinstance(error, known.MultipleObjectsReturned) else "no private key is"
        return KeyFileError(f"{many} called '{address.key}' on token '{address.token}'")
    return KeyFileError(
        f"the token library {address.module} cannot be used: {type(error).__name__}",
        hint="'token.module' of the signing file is the shared library of the token's maker",
    )


def _validate_certificate(key: TokenKey, certificate: "x509.Certificate", address: TokenAddress) -> None:
    """A token need not show the public half of its key: let it sign something and see whose signature that is."""
    signature = key.sign(_PROBE, ec.ECDSA(SHA256()))
    try:
        key.public.verify(signature, _PROBE, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise KeyFileError(
            f"the certificate of '{certificate.subject.rfc4514_string()}' does not belong to the key '{address.key}' "
            f"on token '{address.token}'"
        ) from error
