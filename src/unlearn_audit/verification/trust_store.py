"""The trust store of a verifier: roots for signatures, roots for time, and revocation lists."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509

from unlearn_audit.pki.chains import find_authorities
from unlearn_audit.pki.keys import fingerprint_of
from unlearn_audit.pki.time_stamps import TimeStamp
from unlearn_audit.verification.pdf_signatures import find_trusted_time


@dataclass(frozen=True)
class TrustStore:
    """Whom a verifier trusts, for what.

    Attributes:
        roots: for signatures; for time stamps too where there are no `time_roots`, but not for those of a signer's own.
        time_roots: for time stamps only; where there are some, nobody else is asked about time.
        revocations: revocation lists (DER) that the verifier gave: each must answer.
        embedded: revocation lists (DER) that the report carries.
        require_timestamp: whether a time that is only claimed is not enough.
        signers: names or key fingerprints of whom the verifier expects; anyone below a root where it is empty.
        purposes: further extended key usages that a signer's certificate may have.
    """

    roots: tuple[x509.Certificate, ...] = ()
    time_roots: tuple[x509.Certificate, ...] = ()
    revocations: tuple[bytes, ...] = ()
    embedded: tuple[bytes, ...] = ()
    require_timestamp: bool = False
    signers: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()

    @property
    def all_roots(self) -> tuple[x509.Certificate, ...]:
        """All roots, for whatever they are trusted."""
        return (*self.roots, *self.time_roots)

    @property
    def known_revocations(self) -> tuple[bytes, ...]:
        """All revocation lists; each counts only where a trusted issuer signed it."""
        return (*self.revocations, *self.embedded)

    def knowing(self, revocations: tuple[bytes, ...]) -> "TrustStore":
        """Return the same trust with further lists that the report carries."""
        return replace(self, embedded=(*self.embedded, *revocations))

    def find_time(self, stamps: Sequence[TimeStamp], signer: Sequence[x509.Certificate]) -> tuple[datetime | None, str]:
        """Return the time that `stamps`, oldest first, prove of a signature of `signer`, or None and why not.

        An authority below the signer's own root proves nothing: who holds that root's key can date at will. A verifier
        who trusts it all the same names it with `--trust-time`.
        """
        own = {fingerprint_of(item) for item in find_authorities(signer, self.roots)}
        roots = self.time_roots or tuple(root for root in self.roots if fingerprint_of(root) not in own)
        moment, standing = find_trusted_time(stamps, roots, self.known_revocations)
        if moment is None and not self.time_roots and find_trusted_time(stamps, self.roots, self.known_revocations)[0]:
            return None, "that authority stands below the signer's own root, which can date at will"
        return moment, standing.reason
