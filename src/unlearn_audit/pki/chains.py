"""Certificate chains: path validation up to a trusted root, with the constraints of every step and of the root."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from unlearn_audit.pki.certificates import convert, has_issued, keep_quiet
from unlearn_audit.pki.keys import fingerprint_of
from unlearn_audit.pki.revocation import find_revoked

TIME_STAMPING = "time_stamping"


@dataclass(frozen=True)
class Standing:
    """Whether a chain ends at a trusted root, and if not why, as the end of a sentence.

    Attributes:
        trusted: whether it does.
        reason: why not.
        path: the certificates of the way, the root first; empty where there is no way.
    """

    trusted: bool
    reason: str = ""
    path: tuple[x509.Certificate, ...] = ()


def examine_chain(
    certificates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    *,
    usage: str = "digital_signature",
    moment: datetime | None = None,
    revocations: Sequence[bytes] = (),
) -> Standing:
    """Return whether the first certificate might do `usage` at `moment` and descends from one of `roots`.

    Certificates that came with the bundle help to find the path; they are never trusted themselves. A root is held to
    what it says: how many authorities may stand below it, which names they may give, and until when it is valid.

    Args:
        certificates: the one that is asked about first, then what came with it.
        roots: what the verifier trusts.
        usage: 'digital_signature', or 'time_stamping' for an authority.
        moment: when it was used, as a trusted time says; None for now.
        revocations: revocation lists (DER). A certificate that one of them names as revoked before `moment` is
            refused, whether the list is older or newer than `moment`.

    Source: RFC 5280, section 6.1, with the constraints of the trust anchor's certificate as in RFC 5937.
    """
    if not roots:
        return Standing(trusted=False, reason="no root certificate was named to trust")
    from pyhanko_certvalidator.errors import PathError, ValidationError

    try:
        with keep_quiet():
            path = asyncio.run(_find_path(certificates, roots, usage, moment))
        chain = tuple(x509.load_der_x509_certificate(item.dump()) for item in path)
        problem = _find_expired(chain[0], moment) or find_revoked(chain, revocations, moment)
    except (PathError, ValidationError) as error:
        text = str(error).strip().rstrip(".")
        return Standing(trusted=False, reason=f"its certificate is not accepted: {text}")
    except Exception as error:  # noqa: BLE001 - hostile bytes may fail a parser in any way, and none is trusted
        return Standing(trusted=False, reason=f"its certificate cannot be read: {type(error).__name__}")
    return Standing(trusted=not problem, reason=problem, path=chain)


async def _find_path(
    certificates: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], usage: str, moment: datetime | None
) -> Any:
    from pyhanko_certvalidator import CertificateValidator, ValidationContext
    from pyhanko_certvalidator.authority import CertTrustAnchor

    new_anchor: Any = CertTrustAnchor  # untyped in pyHanko
    anchors = [new_anchor(convert(root), derive_default_quals_from_cert=True) for root in roots]
    context = ValidationContext(trust_roots=anchors, allow_fetching=False, moment=moment)
    validator: Any = CertificateValidator(
        convert(certificates[0]), [convert(item) for item in certificates[1:]], validation_context=context
    )
    purposes = (set(), {usage}) if usage == TIME_STAMPING else ({usage},)
    return await validator.async_validate_usage(*purposes)


def _find_expired(root: x509.Certificate, moment: datetime | None) -> str:
    """RFC 5280 does not ask a trust anchor for its dates; who names a root that has ended has forgotten it."""
    when = moment or datetime.now(UTC)
    if not root.not_valid_before_utc <= when <= root.not_valid_after_utc:
        who, until = root.subject.rfc4514_string(), root.not_valid_after_utc
        return f"the root '{who}' is valid from {root.not_valid_before_utc:%Y-%m-%d} to {until:%Y-%m-%d}"
    return ""


def find_authorities(
    certificates: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Return who stands above the first certificate, among those that came with it and `roots`, each key once.

    Dates and constraints do not matter here: who holds the key of an authority above a signer can issue anything.
    """
    found: dict[str, x509.Certificate] = {}
    waiting = [certificates[0]]
    while waiting:
        below = waiting.pop()
        for above in (*roots, *certificates[1:]):
            if (key := fingerprint_of(above)) not in found and has_issued(above, below):
                found[key] = above
                waiting.append(above)
    return tuple(found.values())
