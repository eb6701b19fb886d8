"""Countersignatures: further people who sign a bundle after the key that made it, each over all that lay there.

One envelope for each, numbered in the order of signing, with a Statement of its own kind: over every file of the bundle
as it was, the earlier signatures and time stamps among them. So nobody can sign before the report is signed, and no
earlier signature or time stamp has to change.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509

from unlearn_audit.bundle.envelope import CHAIN_FIELD, STATEMENT_TYPE, open_own_envelope
from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.keys import SigningKey, fingerprint_of
from unlearn_audit.pki.time_stamps import TimeStamp
from unlearn_audit.records import AuditRecord, to_canonical_json

COUNTERSIGNATURE_TYPE = "urn:unlearn-audit:countersignature:v1"
MOST = 16
CLOCKS = timedelta(hours=24)
"""By how much the clocks of two machines may differ before they contradict each other."""
_DATE = "%Y-%m-%dT%H:%M:%SZ"
_NAME = re.compile(r"countersignature-([1-9][0-9]?)\.(dsse\.json|tst)")


@dataclass(frozen=True)
class Person:
    """Someone whom the policy names as responsible, whether the report needs their signature, and what it means."""

    name: str
    role: str
    countersigns: bool
    meaning: str


@dataclass(frozen=True)
class Countersignature:
    """One countersignature that holds; whether its signer is trusted is asked elsewhere."""

    person: Person
    meaning: str
    signed: str
    """When, as the signer claims: UTC, ISO 8601."""
    certificates: tuple[x509.Certificate, ...]
    stamps: tuple[TimeStamp, ...] = ()
    """Those that vouch for its envelope, or for a lone PDF's signature, oldest first."""
    pdf_stamps: tuple[TimeStamp, ...] | None = None
    """Those that vouch for the signature in the PDF of the folder, oldest first; None where there is no PDF."""

    @property
    def stamped(self) -> tuple[tuple[TimeStamp, ...], ...]:
        """The time stamps of each signature of this person."""
        return (self.stamps,) if self.pdf_stamps is None else (self.stamps, self.pdf_stamps)


def name_files(number: int) -> tuple[str, str]:
    """Return the names of the envelope and of the time stamp of countersignature `number`, from 1."""
    return f"countersignature-{number}.dsse.json", f"countersignature-{number}.tst"


def is_countersignature(name: str) -> bool:
    """Return whether a file of a bundle is part of a countersignature."""
    return _NAME.fullmatch(name) is not None


def count_in(names: Iterable[str]) -> int:
    """Return how many countersignatures there are among the files `names`.

    Raises:
        IntegrityError: they are not numbered 1, 2, ..., or are too many.
    """
    numbers = {int(found[1]) for name in names if (found := _NAME.fullmatch(name))}
    if numbers != set(range(1, len(numbers) + 1)) or len(numbers) > MOST:
        raise IntegrityError(f"the countersignatures are numbered {sorted(numbers)}: one is missing or too many")
    return len(numbers)


def list_responsible(record: AuditRecord) -> tuple[Person, ...]:
    """Return the people whom the record's policy names as responsible."""
    named = record.policy.get("responsible") or ()
    return tuple(
        Person(str(p["name"]), str(p["role"]), bool(p.get("countersigns")), str(p.get("meaning") or _word(p["role"])))
        for p in named
    )


def find_person(record: AuditRecord, certificate: x509.Certificate) -> Person | None:
    """Return whom of the responsible people `certificate` speaks for: the one whose name is its common name."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    named = {_fold(str(name.value)) for name in names}
    return next((person for person in list_responsible(record) if {_fold(person.name)} == named), None)


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()


def _word(role: str) -> str:
    """Return what a countersignature means where the policy does not say."""
    return f"Reviewed this report and answers for its use as {role}"


def read_date(signed: str, record: AuditRecord) -> datetime:
    """Return when somebody claims to have countersigned `record`.

    Raises:
        IntegrityError: it is no time in UTC as YYYY-MM-DDTHH:MM:SSZ, or lies more than a day before the evidence.
    """
    try:
        moment = datetime.strptime(signed, _DATE).replace(tzinfo=UTC)
    except ValueError as error:
        problem = f"a countersignature's date must be UTC as YYYY-MM-DDTHH:MM:SSZ, found {signed[:40]!r}"
        raise IntegrityError(problem) from error
    if moment.strftime(_DATE) != signed:
        raise IntegrityError(f"a countersignature's date must be written in one way, found {signed[:40]!r}")
    try:
        created = datetime.fromisoformat(record.provenance.created)
    except ValueError as error:
        raise IntegrityError("the record does not say when its evidence was collected") from error
    if moment + CLOCKS < (created if created.tzinfo else created.replace(tzinfo=UTC)):
        raise IntegrityError(
            f"a countersignature claims {signed}, before the evidence was collected ({record.provenance.created})"
        )
    return moment


def make_countersignature(
    digests: Mapping[str, str], record: AuditRecord, person: Person, key: SigningKey, signed: str
) -> bytes:
    """Return the canonical Statement of a countersignature over `digests` (file name -> SHA-256, hex)."""
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digests[name]}} for name in sorted(digests)],
        "predicateType": COUNTERSIGNATURE_TYPE,
        "predicate": {
            "name": person.name,
            "role": person.role,
            "meaning": person.meaning,
            "signed": signed,
            "outcome": record.outcome.value,
            "signer": fingerprint_of(key.certificate),
            CHAIN_FIELD: key.chain_pem().decode("ascii"),
        },
    }
    return to_canonical_json(statement)


def read_countersignature(envelope: bytes, record: AuditRecord) -> tuple[Countersignature, dict[str, Any]]:
    """Return a countersignature after checking its signature and what it says about itself, and its Statement.

    Raises:
        IntegrityError: it does not hold, names somebody whom its certificate or the policy does not, or its date is
            none or lies before the evidence.
    """
    statement, certificates = open_own_envelope(envelope, COUNTERSIGNATURE_TYPE)
    predicate, person = statement["predicate"], find_person(record, certificates[0])
    if person is None:
        raise IntegrityError("a countersignature is by somebody whom the record's policy does not name as responsible")
    expected = {
        "name": person.name,
        "role": person.role,
        "meaning": person.meaning,
        "signed": str(predicate.get("signed")),
        "outcome": record.outcome.value,
        "signer": fingerprint_of(certificates[0]),
        CHAIN_FIELD: predicate[CHAIN_FIELD],
    }
    if predicate != expected:
        raise IntegrityError("a countersignature says something else than its certificate, the policy or the record")
    read_date(expected["signed"], record)
    return Countersignature(person, predicate["meaning"], predicate["signed"], certificates), statement
