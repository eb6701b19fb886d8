"""A small stage for signatures: a laboratory, a report of one page, an authority for time, people who answer for it."""

import gc
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.support.record_factory import make_record, make_verdicts, shape_findings
from unlearn_audit.formats.pdf import ATTACHMENT
from unlearn_audit.pki import laboratory_ca
from unlearn_audit.pki.issuing import issue_further_signer
from unlearn_audit.pki.keys import SigningKey, describe_signer, load_signing_key
from unlearn_audit.pki.laboratory_ca import init_laboratory_ca
from unlearn_audit.pki.purposes import KeyPurpose
from unlearn_audit.pki.revocation import load_revocations
from unlearn_audit.pki.time_stamp_client import SignatureLevel, Signing, TimeStampAuthority
from unlearn_audit.policy import Policy
from unlearn_audit.records import AuditRecord, Outcome
from unlearn_audit.signing.bundle import write_bundle
from unlearn_audit.verdict.recommendation import recommend
from unlearn_audit.verification.verification import VerificationOptions

OFFICER, ENGINEER = "Dr. A. Example", "B. Example"


@dataclass
class Laboratory:
    folder: Path
    paths: dict[str, Path]
    key: SigningKey
    people: dict[str, SigningKey] = field(default_factory=dict)

    @property
    def roots(self) -> tuple[Path, ...]:
        return (self.paths["root_certificate"],)

    @property
    def revocations(self) -> Path:
        return self.paths["revocations"]

    def employ(self, name: str) -> SigningKey:
        """Return the key of a person; the same one when asked again, by whichever test."""
        if name.strip() not in self.people:
            made = issue_further_signer(self.folder, name)
            self.people[name.strip()] = load_signing_key(made["signer_key"], made["signer_chain"])
        return self.people[name.strip()]

    def certify(self, days: tuple[float, float], name: str = "Audit desk") -> SigningKey:
        """Return a key whose certificate is valid between two days from now, which may both be past."""
        made = issue_further_signer(self.folder, f"{name} {x509.random_serial_number()}", purpose=KeyPurpose.REPORT)
        key = load_signing_key(made["signer_key"], made["signer_chain"])
        root_key = load_pem_private_key(self.paths["root_key"].read_bytes(), None)
        now, old = datetime.now(UTC), key.certificate
        built = (
            x509.CertificateBuilder().subject_name(old.subject).issuer_name(old.issuer).public_key(old.public_key())
            .serial_number(old.serial_number).not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
        )  # fmt: skip
        for extension in old.extensions:
            built = built.add_extension(extension.value, critical=extension.critical)
        return SigningKey(key.private, built.sign(root_key, SHA256()), key.chain)


def found_laboratory(folder: Path) -> Laboratory:
    """Found a laboratory a month ago, so that what it signed some days ago is not older than its root."""
    with patch.object(laboratory_ca, "_CLOCK_SKEW", timedelta(days=30)):
        paths = init_laboratory_ca(folder, "Example Clinic", "Audit desk")
    return Laboratory(folder, paths, load_signing_key(paths["signer_key"], paths["signer_chain"]))


def render_small(record: AuditRecord) -> bytes:
    """One page that carries the record, tagged like a real report: pages cost seconds, signatures do not."""
    import weasyprint

    from unlearn_audit.formats.pdf import _identify_as_accessible

    attachment = weasyprint.Attachment(string=record.to_bytes().decode(), name=ATTACHMENT, relationship="Data")
    page = weasyprint.HTML(string="<!doctype html><html lang=en><title>Report</title><h1>Report</h1></html>")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # WeasyPrint leaves its colour profile to the collector
        gc.disable()  # what is new stays in the youngest generation, so that collecting it costs little
        try:
            made = page.write_pdf(attachments=[attachment], pdf_variant="pdf/a-3a", finisher=_identify_as_accessible)
            gc.collect(0)
        finally:
            gc.enable()
    return bytes(made)


def ask_for(policy: Policy, *names: str) -> Policy:
    """Return the policy with people of these names asked to countersign."""
    people = tuple(p.model_copy(update={"countersigns": p.name in names}) for p in policy.responsible)
    return policy.model_copy(update={"responsible": people})


def make_small_record(
    key: SigningKey, level: SignatureLevel = SignatureLevel.B, *, due: tuple[str, ...] = (), **changes: Any
) -> AuditRecord:
    """Return a passing record that fits on little space."""
    record = make_record(describe_signer(key.certificate, level), curves=())
    policy = ask_for(Policy.model_validate(record.policy), *due)
    keys = {(check.metric, check.against, check.among) for check in policy.checks}
    unlearned = [finding for finding in record.findings if finding.key.model == "unlearned"]
    mine = (f for f in unlearned if (f.key.metric, f.key.against, f.key.among) in keys)
    findings = shape_findings(tuple(mine), "unlearned", {})
    verdicts = make_verdicts(findings, ("unlearned",))
    provenance = record.provenance.model_copy(update={"models": record.provenance.models[:3]})
    fields = {"policy": policy.model_dump(mode="json"), "policy_sha256": policy.digest(), "verdicts": verdicts}
    fields |= {"findings": findings, "recommendation": recommend(verdicts, provenance)}
    return record.model_copy(update={**fields, "outcome": Outcome.PASS, "provenance": provenance, **changes})


def sign_at(level: SignatureLevel, stamps: Any = None, laboratory: Laboratory | None = None) -> Signing:
    """Return how to sign at `level` with the responder `stamps`."""
    if level is SignatureLevel.B:
        return Signing()
    authority = TimeStampAuthority(stamps.url, (stamps.root,))
    if not level.carries_proof:
        return Signing(level, authority)
    return Signing(level, authority, load_revocations([laboratory.revocations, stamps.crl_path]))


def write_small_bundle(out: Path, record: AuditRecord, key: SigningKey, signing: Signing | None = None) -> Path:
    import json

    files: dict[str, bytes | Path] = {
        "report.html": b"<p>Report</p>",
        "report.pdf": render_small(record),
        "policy.yaml": json.dumps(record.policy).encode(),
        "evidence.parquet": b"PAR1 stands here for the evidence PAR1",
        **{str(card.file): card.name.encode() for card in record.provenance.models},
    }
    return write_bundle(out, files, record, key, signing=signing)


def trust_time(stamps: Any, **more: Any) -> VerificationOptions:
    return VerificationOptions(trust_time=(stamps.root_path,), **more)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
