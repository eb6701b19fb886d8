"""One JSON value, signed together with the chain of who signed it: a sealed policy, a file of waivers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cryptography import x509

from unlearn_audit import __version__
from unlearn_audit.bundle.envelope import CHAIN_FIELD, STATEMENT_TYPE, open_own_envelope, sign_envelope
from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.keys import SigningKey, fingerprint_of
from unlearn_audit.records import digest_of, to_canonical_json
from unlearn_audit.records.frozen import Frozen

Content = TypeVar("Content", bound=Frozen)
_LARGEST = 1 << 20


@dataclass(frozen=True)
class ContentType(Generic[Content]):
    """A type of signed content.

    Attributes:
        predicate_type: of the in-toto Statement.
        field: where the content stands in the predicate.
        title: as refusals call it.
        parse: validates the content.
        name: what the Statement calls its subject.
    """

    predicate_type: str
    field: str
    title: str
    parse: Callable[[Any], Content]
    name: Callable[[Content], str]


@dataclass(frozen=True)
class SignedContent(Generic[Content]):
    """Content whose signature holds. Whether its signer is trusted is asked elsewhere."""

    value: Content
    digest: str
    """SHA-256 of the content's canonical JSON, hex."""
    claims: dict[str, Any]
    """What else was signed, by name; claimed by the signer alone."""
    certificates: tuple[x509.Certificate, ...]


def sign_content(kind: ContentType[Content], value: Content, key: SigningKey, **claims: str) -> bytes:
    """Return the envelope that signs `value` with `claims`, such as the time of signing, beside it."""
    content = value.model_dump(mode="json")
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": kind.name(value), "digest": {"sha256": digest_of(content)}}],
        "predicateType": kind.predicate_type,
        "predicate": {
            kind.field: content,
            **claims,
            "tool": f"unlearn-audit {__version__}",
            "signer": fingerprint_of(key.certificate),
            CHAIN_FIELD: key.chain_pem().decode("ascii"),
        },
    }
    return sign_envelope(to_canonical_json(statement), key)


def open_content(kind: ContentType[Content], envelope: bytes) -> SignedContent[Content]:
    """Return what `envelope` signs, after checking its signature and that it does not contradict itself.

    Raises:
        IntegrityError: names what does not hold.
    """
    if len(envelope) > _LARGEST:
        raise IntegrityError(f"{kind.title} is larger than {_LARGEST >> 20} MiB")
    with refuse_unreadable(kind.title):
        statement, certificates = open_own_envelope(envelope, kind.predicate_type)
        claims = dict(statement["predicate"])
        content = claims.pop(kind.field)
        value, digest = kind.parse(content), digest_of(content)
        subject = [{"name": kind.name(value), "digest": {"sha256": digest}}]
        consistent = statement["subject"] == subject and claims["signer"] == fingerprint_of(certificates[0])
    if not consistent:
        raise IntegrityError(f"{kind.title} contradicts the {kind.field} or the certificate inside it")
    return SignedContent(value, digest, claims, certificates)


@contextmanager
def refuse_unreadable(title: str) -> Iterator[None]:
    """Turn every failure of a parser into one refusal: hostile bytes may fail it in any way.

    Raises:
        IntegrityError: something inside failed.
    """
    try:
        yield
    except IntegrityError:
        raise
    except Exception as error:
        raise IntegrityError(f"{title} cannot be read ({type(error).__name__})") from error
