"""Bundles with trusted time: what a verifier is told, what expires, what is revoked, and what cannot be taken out."""

import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.proofs import (
    OFFICER,
    found_laboratory,
    make_small_record,
    pem,
    render_small,
    sign_at,
    trust_time,
    write_small_bundle,
)
from tests.support.record_factory import make_record
from tests.support.timestamp_authority import Responder, serve
from unlearn_audit.errors import ExitCode, IntegrityError, ReportError, TimeStampError
from unlearn_audit.pki import time_stamp_client as stamping
from unlearn_audit.pki.issuing import renew_revocations
from unlearn_audit.pki.keys import describe_signer
from unlearn_audit.pki.time_stamp_client import SignatureLevel
from unlearn_audit.pki.time_stamps import open_token
from unlearn_audit.signing.bundle import write_bundle
from unlearn_audit.signing.countersigning import countersign
from unlearn_audit.signing.pades import sign_pdf
from unlearn_audit.verification import times
from unlearn_audit.verification.pdf_signatures import find_trusted_time
from unlearn_audit.verification.verification import State, VerificationOptions, verify

FILES = {
    "attestation.dsse.json",
    "attestation.tst",
    "countersignature-1.dsse.json",
    "countersignature-1.tst",
    "evidence.parquet",
    "original.safetensors",
    "policy.yaml",
    "record.json",
    "report.html",
    "report.pdf",
    "retrained.safetensors",
    "signer-chain.pem",
    "unlearned.safetensors",
}


@pytest.fixture
def copy(archived, tmp_path):
    return Path(shutil.copytree(archived, tmp_path / "copy"))


@pytest.fixture
def alone(copy, tmp_path):
    return Path(shutil.copy(copy / "report.pdf", tmp_path / "as-received.pdf"))


def states(verification):
    return {line.name: line.state for line in verification.lines}


def list_files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_bundle_at_the_highest_level_verifies_and_names_who_vouches_for_its_time(copy, lab, stamps):
    assert {path.name for path in list_files(copy)} == FILES
    verification = verify(copy, lab.roots, trust_time(stamps, require_timestamp=True))
    assert {State.OK} == set(states(verification).values())
    assert ExitCode.PASS is verification.exit_code
    assert verification.find("time").sentence.startswith("Trusted: signed before ")
    assert "'CN=Example stamps'" in verification.find("time").sentence
    assert "PAdES B-LTA, 2 signatures" in verification.find("PDF signature").sentence


def test_its_pdf_alone_verifies_too(alone, lab, stamps):
    verification = verify(alone, lab.roots, trust_time(stamps, require_timestamp=True))
    assert ExitCode.PASS is verification.exit_code
    assert {State.OK, State.ABSENT} == set(states(verification).values())
    assert OFFICER in verification.find("countersigner 1").sentence


@pytest.mark.parametrize("what", ["copy", "alone"])
def test_an_authority_that_nobody_trusts_gives_no_trusted_time(what, lab, request):
    path = request.getfixturevalue(what)
    time = verify(path, lab.roots).find("time")
    assert State.OK is time.state
    assert time.sentence.startswith("Claimed, not proven")
    assert "'CN=Example stamps' says" in time.sentence
    strict = verify(path, lab.roots, VerificationOptions(require_timestamp=True))
    assert State.UNTRUSTED is strict.find("time").state
    assert ExitCode.INTEGRITY is strict.exit_code


def test_a_countersignature_needs_a_trusted_time_too_where_one_is_required(lab, stamps, tmp_path):
    """The officer used another authority, which this verifier does not trust."""
    record = make_small_record(lab.key, SignatureLevel.T, due=(OFFICER,))
    out = write_small_bundle(tmp_path / "out", record, lab.key, sign_at(SignatureLevel.T, stamps))
    with serve(Responder(tmp_path / "other", root_name="Other root")) as other:
        countersign(out, lab.employ(OFFICER), sign_at(SignatureLevel.T, other), "2026-05-02T03:04:05Z")
    assert ExitCode.PASS is verify(out, lab.roots, trust_time(stamps)).exit_code
    strict = verify(out, lab.roots, trust_time(stamps, require_timestamp=True))
    assert State.OK is strict.find("time").state
    assert State.UNTRUSTED is strict.find("countersigner 1").state
    assert ExitCode.INTEGRITY is strict.exit_code


def test_the_root_of_an_authority_vouches_for_time_and_for_nothing_else(copy, stamps):
    verification = verify(copy, (), trust_time(stamps))
    assert State.UNTRUSTED is verification.find("authenticity").state
    assert ExitCode.INTEGRITY is verification.exit_code


def test_a_required_time_stamp_that_is_not_there_is_no_reason_to_exit_0(lab, tmp_path):
    out = write_small_bundle(tmp_path / "out", make_small_record(lab.key), lab.key)
    assert ExitCode.PASS is verify(out, lab.roots).exit_code
    strict = verify(out, lab.roots, VerificationOptions(require_timestamp=True))
    assert State.ABSENT is strict.find("time").state
    assert ExitCode.INCOMPLETE is strict.exit_code


@pytest.fixture
def two_days_ago(stamps, monkeypatch):
    """Let the authority answer as if it were two days ago, and the client not mind."""
    monkeypatch.setattr(stamping, "_ANOTHER_DAY", timedelta(days=9))
    stamps.fixed = datetime.now(UTC) - timedelta(days=2)
    yield stamps.fixed
    stamps.fixed = None


@pytest.mark.parametrize(("level", "good"), [(SignatureLevel.B, False), (SignatureLevel.T, True)])
def test_an_expired_certificate_is_good_with_a_trusted_time_and_not_without(  # noqa: PLR0917 - fixtures
    lab, tmp_path, level, good, stamps, two_days_ago
):
    key = lab.certify((-10, -1))
    out = write_small_bundle(tmp_path / "out", make_small_record(key, level), key, sign_at(level, stamps, lab))
    for path in (out, out / "report.pdf"):
        line = verify(path, lab.roots, trust_time(stamps)).find("authenticity")
        assert (State.OK if good else State.UNTRUSTED) is line.state, line.sentence
        assert "expired" in line.sentence
        assert State.UNTRUSTED is verify(path, lab.roots).find("authenticity").state  # nobody vouches for the time


def test_an_archive_outlives_the_authority_of_the_signature_and_a_late_one_does_not(tmp_path, stamps, two_days_ago):
    gone = Responder(tmp_path / "gone", days=(-30, -1))
    gone.fixed = two_days_ago
    roots, digest = (gone.root, stamps.root), sha256(b"x").digest()
    first = open_token(gone.stamp(b"x"), digest)
    assert find_trusted_time((first,), roots)[0] is None
    in_time = open_token(stamps.stamp(b"x"), digest)
    assert first.time == find_trusted_time((first, in_time), roots)[0]
    stamps.fixed = None
    assert find_trusted_time((first, open_token(stamps.stamp(b"x"), digest)), roots)[0] is None


def test_a_key_that_was_revoked_is_refused_unless_a_trusted_time_lies_before(tmp_path, stamps, two_days_ago):
    lab = found_laboratory(tmp_path / "ca")
    plain = write_small_bundle(tmp_path / "plain", make_small_record(lab.key), lab.key)
    key = lab.certify((-10, 10))
    record = make_small_record(key, SignatureLevel.T)
    stamped = write_small_bundle(tmp_path / "stamped", record, key, sign_at(SignatureLevel.T, stamps, lab))
    (tmp_path / "second.pem").write_bytes(pem(key.certificate))
    revocations = renew_revocations(lab.folder, [lab.paths["signer_chain"], tmp_path / "second.pem"])
    knowing = trust_time(stamps, revocations=(revocations,))
    assert State.UNTRUSTED is (line := verify(plain, lab.roots, knowing).find("authenticity")).state
    assert "revoked" in line.sentence
    assert State.OK is verify(stamped, lab.roots, knowing).find("authenticity").state
    assert (
        State.UNTRUSTED
        is verify(stamped, lab.roots, VerificationOptions(revocations=(revocations,))).find("authenticity").state
    )


def test_a_key_that_was_revoked_before_it_signed_is_refused_whatever_the_time(tmp_path, stamps):
    lab = found_laboratory(tmp_path / "ca")
    revocations = renew_revocations(lab.folder, [lab.paths["signer_chain"]])
    record = make_small_record(lab.key, SignatureLevel.T)
    out = write_small_bundle(tmp_path / "out", record, lab.key, sign_at(SignatureLevel.T, stamps, lab))
    line = verify(out, lab.roots, trust_time(stamps, revocations=(revocations,))).find("authenticity")
    assert State.UNTRUSTED is line.state
    assert "revoked" in line.sentence


def test_a_revocation_list_that_a_stranger_signed_revokes_nobody(lab, tmp_path):
    out = write_small_bundle(tmp_path / "out", make_small_record(lab.key), lab.key)
    other = found_laboratory(tmp_path / "other")
    (tmp_path / "copy.crl.pem").write_bytes(other.revocations.read_bytes())
    options = VerificationOptions(revocations=(tmp_path / "copy.crl.pem",))
    assert State.OK is verify(out, lab.roots, options).find("authenticity").state


def test_a_stamp_cannot_be_taken_out_put_in_or_exchanged(copy, lab, stamps, tmp_path):
    token, envelope = (copy / "attestation.tst").read_bytes(), (copy / "attestation.dsse.json").read_bytes()
    (copy / "attestation.tst").unlink()
    assert "attestation.tst is missing" in verify(copy, lab.roots).find("integrity").sentence
    (copy / "attestation.tst").write_bytes(stamps.stamp(b"something else"))
    assert "other bytes" in verify(copy, lab.roots).find("integrity").sentence
    (copy / "attestation.tst").write_bytes(stamps.stamp(envelope))  # later than the countersignature over the first
    assert State.INVALID is verify(copy, lab.roots).find("integrity").state
    (copy / "attestation.tst").write_bytes(token)
    plain = write_small_bundle(tmp_path / "plain", make_small_record(lab.key), lab.key)
    (plain / "attestation.tst").write_bytes(stamps.stamp((plain / "attestation.dsse.json").read_bytes()))
    assert "not part of what was signed" in verify(plain, lab.roots).find("integrity").sentence


def test_evidence_that_claims_to_be_younger_than_the_signature_is_a_contradiction(lab, stamps, tmp_path):
    record = make_small_record(lab.key, SignatureLevel.T)
    provenance = record.provenance.model_copy(update={"created": "2999-01-01T00:00:00Z"})
    out = tmp_path / "out"
    write_small_bundle(
        out, record.model_copy(update={"provenance": provenance}), lab.key, sign_at(SignatureLevel.T, stamps, lab)
    )
    verification = verify(out, lab.roots, trust_time(stamps))
    assert State.INVALID is verification.find("time").state
    assert ExitCode.INTEGRITY is verification.exit_code


@pytest.mark.parametrize("created", ["yesterday", "", "2026-13-01"])
def test_what_is_no_time_lies_nowhere(created):
    assert not times.is_before(created, datetime.now(UTC))
    assert not times.is_before(created, datetime.now(UTC), after=True)


def test_a_pdf_at_another_level_than_the_record_promises_is_invalid(lab, stamps, tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(
        sign_pdf(
            render_small(make_small_record(lab.key, SignatureLevel.LTA)), lab.key, sign_at(SignatureLevel.T, stamps)
        )
    )
    line = verify(path, lab.roots, trust_time(stamps)).find("PDF signature")
    assert State.INVALID is line.state
    assert "promises signatures at level B-LTA, the PDF has B-T" in line.sentence


def test_a_record_and_a_signature_of_different_levels_are_not_written(lab, stamps, tmp_path):
    with pytest.raises(ReportError, match="promises signatures at level B-B, asked for B-T"):
        write_small_bundle(tmp_path / "out", make_small_record(lab.key), lab.key, sign_at(SignatureLevel.T, stamps))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answers", ["garbage", "refusal", "other digest"])
def test_an_authority_that_fails_leaves_no_bundle_at_all(lab, stamps, tmp_path, answers):
    stamps.answers = answers
    try:
        with pytest.raises(TimeStampError):
            write_small_bundle(
                tmp_path / "out",
                make_small_record(lab.key, SignatureLevel.T),
                lab.key,
                sign_at(SignatureLevel.T, stamps),
            )
    finally:
        stamps.answers = "well"
    assert list(tmp_path.iterdir()) == []


def test_a_changed_root_inside_a_stamp_is_caught_although_no_signature_covers_it(lab, stamps, tmp_path):
    from unlearn_audit.pki.certificates import validate_certificates

    other = found_laboratory(tmp_path / "other")
    with pytest.raises(IntegrityError, match="does not belong"):
        validate_certificates((stamps.certificate, other.key.chain[0]), (), "a time stamp")
    assert pem(stamps.root)


def test_the_bundle_of_another_model_or_stale_evidence_in_a_new_envelope_is_refused(lab, tmp_path):
    """Each file is genuine and signed by the same laboratory; they only do not belong together."""
    record = make_small_record(lab.key)
    out = write_small_bundle(tmp_path / "one", record, lab.key)
    provenance = record.provenance.model_copy(update={"case": "another case"})
    other = write_small_bundle(
        tmp_path / "two", record.model_copy(update={"provenance": provenance}), lab.key
    )  # fmt: skip
    for name in ("record.json", "report.pdf", "attestation.dsse.json"):
        mixed = Path(shutil.copytree(out, tmp_path / f"mixed-{name}"))
        shutil.copy(other / name, mixed / name)
        assert ExitCode.INTEGRITY is verify(mixed, lab.roots).exit_code, name
    model = make_record(describe_signer(lab.key.certificate)).provenance.models[0]
    with pytest.raises(ReportError, match="not the model"):
        write_bundle(tmp_path / "three", {model.file: b"of another case"}, record, lab.key)


@pytest.mark.parametrize("repeats", [150, pytest.param(1_000, marks=pytest.mark.thorough)])
def test_flipped_bits_and_appended_bytes_over_every_file_are_caught(copy, lab, stamps, repeats):
    """Half of them fall on the files that nothing but themselves covers: time stamps and countersignatures."""
    rng, options = random.Random(20260423), trust_time(stamps)  # noqa: S311 - where to damage a file is no secret
    own = ["countersignature-1.dsse.json", "countersignature-1.tst", "attestation.tst", "attestation.dsse.json"]
    everything = [str(path.relative_to(copy)) for path in list_files(copy)]
    accepted = []
    for number in range(repeats):
        path = copy / (own[number // 2 % 4] if number % 2 else everything[number // 2 % len(everything)])
        content = path.read_bytes()
        changed = bytearray(content)
        changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        if number % 10 == 0:
            changed = bytearray(content) + rng.randbytes(1 + number % 7)
        path.write_bytes(bytes(changed))
        if verify(copy, lab.roots, options).exit_code is not ExitCode.INTEGRITY:
            accepted.append((path.name, number))
        path.write_bytes(content)
    assert accepted == []
    assert ExitCode.PASS is verify(copy, lab.roots, options).exit_code


@pytest.mark.parametrize("repeats", [16, pytest.param(300, marks=pytest.mark.thorough)])
def test_flipped_bits_of_the_pdf_alone_are_caught(alone, lab, stamps, repeats):
    rng, options, content = random.Random(11), trust_time(stamps), alone.read_bytes()  # noqa: S311 - as above
    contents = [place for place in range(len(content)) if content.startswith(b"/Contents <3082", place)]
    accepted = []
    for number in range(repeats):
        place = contents[number % 4] + rng.randrange(9, 4000) if number % 2 else rng.randrange(len(content))
        changed = bytearray(content)
        changed[place] ^= 1 << rng.randrange(8)
        alone.write_bytes(bytes(changed))
        if verify(alone, lab.roots, options).exit_code is not ExitCode.INTEGRITY:
            accepted.append(place)
    assert accepted == []


def test_every_line_stands_in_the_json_too(copy, lab, stamps, capsys):
    from unlearn_audit.cli.console import print_verification

    verification = verify(copy, lab.roots, trust_time(stamps))
    print_verification(verification, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert [line.name for line in verification.lines] == [line["name"] for line in printed["lines"]]
    assert {"time", "countersigner 1", "countersignatures"} <= {line["name"] for line in printed["lines"]}
