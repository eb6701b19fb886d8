"""A client of time-stamp authorities (RFC 3161) over HTTP, with retries and a clear error.

Never silently without a stamp: whoever asked for trusted time gets it, or no report.
"""

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509

from unlearn_audit.errors import IntegrityError, TimeStampError, UsageError
from unlearn_audit.pki.answers import open_without_redirect, read_bounded
from unlearn_audit.pki.certificates import validate_certificates
from unlearn_audit.pki.chains import TIME_STAMPING, examine_chain
from unlearn_audit.pki.time_stamps import LARGEST_TOKEN, open_token
from unlearn_audit.records import SignatureLevel

PAUSES = (1.0, 3.0)
"""Seconds between the attempts: one more attempt than pauses."""
PATIENCE = 15.0
"""Seconds that one attempt may take."""
_ANOTHER_DAY = timedelta(days=1)
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"


@dataclass(frozen=True)
class TimeStampAuthority:
    """A time-stamp authority at `url`, and the roots that it must descend from where the caller names them."""

    url: str
    roots: tuple[x509.Certificate, ...] = ()

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"--timestamp-url: expected an address that begins with http(s)://, found {self.url!r}")

    @cached_property
    def probe(self) -> bytes:
        """A token over nothing of worth, asked for once: before the work is done, and to know how large tokens are.

        Raises:
            TimeStampError: as in `stamp`.
        """
        return self.stamp(b"")

    def stamp(self, content: bytes) -> bytes:
        """Return a token (DER) over the SHA-256 of `content`, checked as a verifier would check it.

        Raises:
            TimeStampError: nobody answers, or the answer is a refusal, garbage, for other bytes, or by a certificate
                that has expired, is none of an authority, or does not descend from the named roots.
        """
        return self.stamp_digest(hashlib.sha256(content).digest())

    def stamp_digest(self, digest: bytes) -> bytes:
        """Do what `stamp` does where only the SHA-256 is at hand."""
        nonce = secrets.randbits(63)
        token = self._read_answer(self._ask(_write_query(digest, nonce)), digest, nonce)
        self._examine(token, digest)
        return token

    def _examine(self, token: bytes, digest: bytes) -> None:
        """Hold what was answered to what a verifier will ask of it."""
        try:
            stamp = open_token(token, digest, "what it answered")
            validate_certificates(stamp.certificates, self.roots, "what it answered")
        except IntegrityError as error:
            raise self._refuse(error.message) from error
        own = stamp.certificates[0]
        if not own.not_valid_before_utc <= stamp.time <= own.not_valid_after_utc:
            raise self._refuse(
                f"its certificate is valid from {own.not_valid_before_utc:%Y-%m-%d} to "
                f"{own.not_valid_after_utc:%Y-%m-%d}, its time is {stamp.time:%Y-%m-%d}"
            )
        if self.roots:
            standing = examine_chain(stamp.certificates, self.roots, usage=TIME_STAMPING)
            if not standing.trusted:
                raise self._refuse(standing.reason)
        if abs(stamp.time - datetime.now(UTC)) > _ANOTHER_DAY:
            raise self._refuse(f"its clock says {stamp.time:%Y-%m-%d %H:%M} UTC, this machine's another day")

    def _refuse(self, problem: str) -> TimeStampError:
        return TimeStampError(
            f"the time-stamp authority {self.url} cannot be used: {problem}",
            hint="nothing was signed; name another --timestamp-url, or sign at level B-B, whose time is only claimed",
        )

    def _ask(self, query: bytes) -> bytes:
        from urllib.error import HTTPError
        from urllib.request import Request

        request = Request(self.url, query, {"Content-Type": _QUERY, "Accept": _REPLY}, method="POST")  # noqa: S310
        problem = ""
        for pause in (*PAUSES, None):
            try:
                with open_without_redirect(request, PATIENCE) as answer:
                    if answer.headers.get_content_type() != _REPLY:
                        raise self._refuse(f"it answers with {answer.headers.get_content_type()}, not with {_REPLY}")
                    return read_bounded(answer, LARGEST_TOKEN, PATIENCE)
            except HTTPError as error:
                problem = f"it answers with HTTP status {error.code}"
                error.close()
            except (OSError, ValueError) as error:  # refused, unknown host, time out, cut off, broken HTTP
                problem = f"it does not answer ({getattr(error, 'reason', None) or error or type(error).__name__})"
            if pause is not None:
                time.sleep(pause)
        raise self._refuse(f"{problem}; tried {len(PAUSES) + 1} times")

    def _read_answer(self, answer: bytes, digest: bytes, nonce: int) -> bytes:
        from asn1crypto import core, tsp

        try:
            response: Any = core.Sequence.load(answer, strict=True)  # a refusal has one part: asn1crypto's has two
            self._validate_status(tsp.PKIStatusInfo.load(response[0].dump()))
            token = tsp.TimeStampResp.load(answer, strict=True)["time_stamp_token"]
            info: Any = token["content"]["encap_content_info"]["content"].parsed
            imprint = info["message_imprint"]
            stamped = imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native
            replayed = info["nonce"].native != nonce
            content = _put_in_order(token)
        except TimeStampError:
            raise
        except Exception as error:  # anyone can answer anything
            raise self._refuse(f"its answer cannot be read ({type(error).__name__})") from error
        if stamped != ("sha256", digest):
            raise self._refuse("it stamped another digest than the one it was asked for")
        if replayed:
            raise self._refuse("its answer carries another nonce than the question: it may be an old one")
        return content

    def _validate_status(self, answer: Any) -> None:
        status, text = answer["status"].native, "; ".join(answer["status_string"].native or ())
        if status not in ("granted", "granted_with_mods"):
            raise self._refuse(f"it refuses: {status}{f' ({text[:200]})' if text else ''}")


def _put_in_order(token: Any) -> bytes:
    """Return the token in DER: authorities write its certificates, which no signature covers, in any order."""
    signed = token["content"]
    if signed["certificates"].native:
        signed["certificates"] = sorted(signed["certificates"], key=lambda item: item.dump())
    return bytes(token.dump(force=True))


def _write_query(digest: bytes, nonce: int) -> bytes:
    from asn1crypto import algos, tsp

    imprint = {"hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}), "hashed_message": digest}
    query = tsp.TimeStampReq(
        {"version": 1, "message_imprint": tsp.MessageImprint(imprint), "nonce": nonce, "cert_req": True}
    )
    return bytes(query.dump())


@dataclass(frozen=True)
class Signing:
    """How the signatures of a bundle are made, beyond the key.

    Attributes:
        level: PAdES level of the PDF; from B-T on every other signature is time-stamped too.
        authority: who stamps; needed from B-T on.
        revocations: revocation lists (DER) to embed from B-LT on; what else is needed is fetched.
    """

    level: SignatureLevel = SignatureLevel.B
    authority: TimeStampAuthority | None = None
    revocations: Sequence[bytes] = ()

    def __post_init__(self) -> None:
        if self.level.stamped and self.authority is None:
            raise UsageError(
                f"level {self.level} needs a time-stamp authority",
                hint="name one: --timestamp-url URL, or 'timestamps' of the signing file",
            )
        if not self.level.stamped and self.authority is not None:
            raise UsageError(
                "level B-B carries no time stamp, so the authority would not be asked",
                hint="choose level B-T, B-LT or B-LTA in the signing file, or leave the authority out",
            )
        if self.revocations and not self.level.carries_proof:
            raise UsageError(
                f"level {self.level} embeds no revocation list", hint="choose level B-LT or B-LTA in the signing file"
            )

    def stamp(self, content: bytes) -> bytes | None:
        """Return a token over `content`, None at a level without time stamps.

        Raises:
            TimeStampError: see `TimeStampAuthority.stamp`.
        """
        return self.authority.stamp(content) if self.authority else None
