"""Countersigning of a finished bundle by a responsible person: a signature in the PDF, an envelope over all files."""

import shutil
from pathlib import Path

from cryptography import x509

from unlearn_audit.bundle.countersignatures import (
    MOST,
    Person,
    find_person,
    list_responsible,
    make_countersignature,
    name_files,
    read_date,
)
from unlearn_audit.bundle.layout import PDF, RECORD, digest_path
from unlearn_audit.errors import IntegrityError, ReportError, UsageError
from unlearn_audit.pki.keys import SigningKey, fingerprint_of
from unlearn_audit.pki.time_stamp_client import Signing
from unlearn_audit.records import AuditRecord, SignatureLevel
from unlearn_audit.signing.bundle import copy_folder, make_beside, put_in_place, write_signed
from unlearn_audit.signing.pades import Purpose, sign_pdf
from unlearn_audit.verification.integrity import check_bundle, list_files
from unlearn_audit.verification.pdf_signatures import examine_pdf


def countersign(path: Path, key: SigningKey, signing: Signing, signed: str) -> Person:
    """Add the countersignature of `key` to the bundle in `path` and return who signed.

    All is written beside the bundle, checked as a verifier would check it, and renamed into place: whatever is raised,
    the bundle is what it was.

    Args:
        path: folder of the bundle.
        key: of the person whom the policy names; the certificate's common name says who that is.
        signing: at the level that the record promises.
        signed: when, as the signer claims: UTC, ISO 8601.

    Raises:
        IntegrityError: the bundle does not hold.
        UsageError: the policy names nobody of that name, the key signed already, or the level is another one.
        ReportError: the folder cannot be written.
        TimeStampError, KeyFileError: as in `write_bundle`.
    """
    if not path.is_dir():
        raise UsageError(f"expected the folder of a bundle, found none at {path}")
    found = check_bundle(path)
    person = _find_signer(found.record, key)
    _validate_new_signer(key, [found.certificates[0], *(item.certificates[0] for item in found.countersignatures)])
    _validate_level(found.record, signing)
    try:
        read_date(signed, found.record)
    except IntegrityError as error:
        raise UsageError(error.message, hint="sign after the evidence was collected; is the clock right?") from error
    number = len(found.countersignatures) + 1
    if number > MOST:
        raise UsageError(f"a bundle takes at most {MOST} countersignatures")
    out = path.absolute()
    try:
        stage = make_beside(out, "part")
        try:
            fresh = stage / "bundle"
            copy_folder(out, fresh)
            _sign(fresh, found.certificates[0], found.record, (number, person, key, signing, signed))
            put_in_place(fresh, out)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except OSError as error:
        raise ReportError(f"the bundle {path} cannot be written: {error.strerror}") from error
    return person


def _sign(
    folder: Path, signer: x509.Certificate, record: AuditRecord, what: tuple[int, Person, SigningKey, Signing, str]
) -> None:  # fmt: skip
    number, person, key, signing, signed = what
    pdf = folder / PDF
    if pdf.is_file():
        content = pdf.read_bytes()
        examine_pdf(content, signer, (folder / RECORD).read_bytes())
        purpose = Purpose(
            field=f"Countersignature{number}", title=f"Countersignature {number} of the audit report",
            meaning=person.meaning, certifies=False,
        )  # fmt: skip
        pdf.write_bytes(sign_pdf(content, key, signing, purpose))
    digests = {name: digest_path(folder / name) for name in list_files(folder)}
    statement = make_countersignature(digests, record, person, key, signed)
    write_signed(folder / name_files(number)[0], statement, key, signing)
    if len(check_bundle(folder).countersignatures) != number:
        raise IntegrityError("the countersigned bundle does not hold")


def _find_signer(record: AuditRecord, key: SigningKey) -> Person:
    responsible, person = list_responsible(record), find_person(record, key.certificate)
    if not any(someone.countersigns for someone in responsible):
        raise UsageError(
            "the report's policy asks nobody to countersign, so its PDF permits no further signature",
            hint="set 'countersigns: true' for a person under 'responsible', and run again",
        )
    if person is not None:
        return person
    named = [f"{someone.name} ({someone.role})" for someone in responsible]
    raise UsageError(
        f"the key is of '{key.certificate.subject.rfc4514_string()}', whom the report's policy does not name as "
        f"responsible: {', '.join(named) or 'it names nobody'}",
        hint="the common name of the certificate must be the name in the policy",
    )


def _validate_new_signer(key: SigningKey, signers: list[x509.Certificate]) -> None:
    if fingerprint_of(key.certificate) in {fingerprint_of(certificate) for certificate in signers}:
        raise UsageError(
            "this key signed the report already: four eyes are not two eyes twice",
            hint="sign with the person's own key",
        )


def _validate_level(record: AuditRecord, signing: Signing) -> None:
    promised = record.provenance.signer.level if record.provenance.signer else "B-B"
    if signing.level != SignatureLevel(promised):
        raise UsageError(
            f"the report promises signatures at level {promised}, this one would be {signing.level}",
            hint="sign as the report was: with the same time stamps, and the same signing file (--signing)",
        )
