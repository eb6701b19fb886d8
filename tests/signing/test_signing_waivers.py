"""Files of waivers: signed by who grants them; nothing in the file, the signature or the record changes unseen."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.proofs import found_laboratory, write_small_bundle
from tests.support.record_factory import make_policy
from tests.support.waived_records import make_waiver, with_waivers
from unlearn_audit.bundle.envelope import sign_envelope
from unlearn_audit.bundle.waiver_seals import name_waiver_seal, open_waiver_seal
from unlearn_audit.errors import IntegrityError, UsageError
from unlearn_audit.pki.keys import describe_signer
from unlearn_audit.policy import WaiverFile
from unlearn_audit.records import Outcome, Signer, to_canonical_json
from unlearn_audit.signing.waivers import read_waivers, sign_waivers
from unlearn_audit.verdict.consistency import find_contradictions
from unlearn_audit.verification.verification import State, verify

POLICY = make_policy()
WHEN = "2026-01-01T00:00:00Z"
FILE = WaiverFile(schema_="unlearn-audit/waivers/v1", policy=POLICY.id, waivers=(make_waiver("ranking"),))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return found_laboratory(tmp_path_factory.mktemp("lab"))


@pytest.fixture
def waivers(lab, tmp_path):
    path = tmp_path / "waivers.yaml"
    path.write_text(json.dumps(FILE.model_dump(mode="json")))
    name_waiver_seal(path).write_bytes(sign_waivers(FILE, lab.key, WHEN))
    return path


def with_seal(lab, envelope=None, waiver=FILE.waivers[0]):
    """Return a record in which `waiver` counts, with the signature in `envelope`."""
    signer = describe_signer(lab.key.certificate)
    record = with_waivers({"ranking": Outcome.FAIL}, waiver, given_in="file", signer=signer)
    seal = open_waiver_seal(envelope or sign_waivers(FILE, lab.key, WHEN)).seal
    return record.model_copy(update={"provenance": record.provenance.model_copy(update={"waiver_seal": seal})})


def line_of(record, lab, out):
    return verify(write_small_bundle(out, record, lab.key), lab.roots).find("waivers signed")


def test_a_signed_file_is_read_with_who_signed_it(waivers):
    opened = read_waivers(waivers, POLICY)
    assert opened.file == FILE
    assert (opened.seal.granted, opened.seal.signer.subject) == (WHEN, "CN=Audit desk,O=Example Clinic")


def test_an_unsigned_file_is_refused_and_says_how_to_sign(waivers):
    name_waiver_seal(waivers).unlink()
    with pytest.raises(UsageError, match="expected their signature at") as caught:
        read_waivers(waivers, POLICY)
    assert "seal --policy POLICY --waivers" in caught.value.hint


def test_a_file_of_other_waivers_than_were_signed_is_refused(waivers):
    waivers.write_text(waivers.read_text().replace("2026-12-31", "2027-01-01"))
    with pytest.raises(IntegrityError, match="found one over other waivers"):
        read_waivers(waivers, POLICY)


def test_no_bit_of_the_signature_changes_unseen(lab):
    envelope = sign_waivers(FILE, lab.key, WHEN)

    @given(st.integers(0, len(envelope) * 8 - 1))
    def flip(place):
        changed = bytearray(envelope)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(IntegrityError):
            open_waiver_seal(bytes(changed))

    flip()


def test_a_signature_that_contradicts_what_is_inside_it_is_refused(lab):
    statement = json.loads(base64.b64decode(json.loads(sign_waivers(FILE, lab.key, WHEN))["payload"]))
    subject = [{**statement["subject"][0], "digest": {"sha256": "0" * 64}}]
    for change in ({"subject": subject}, {"predicate": {**statement["predicate"], "signer": "0" * 64}}):
        with pytest.raises(IntegrityError, match="contradicts"):
            open_waiver_seal(sign_envelope(to_canonical_json({**statement, **change}), lab.key))


def test_verification_says_who_granted_and_whether_that_is_somebody_trusted(lab, tmp_path):
    line = line_of(with_seal(lab), lab, tmp_path / "out")
    assert line.state is State.OK
    assert f"Granted {WHEN}" in line.sentence
    stranger = found_laboratory(tmp_path / "stranger")
    foreign = with_seal(lab, sign_waivers(FILE, stranger.key, WHEN))
    assert line_of(foreign, lab, tmp_path / "foreign").state is State.UNTRUSTED


@pytest.mark.parametrize(
    "changed",
    [
        {"waiver": make_waiver("ranking", expires="2027-01-31")},
        {"granted": "2020-01-01T00:00:00Z"},
        {"signer": Signer(kind="configured", subject="CN=Board", fingerprint="1" * 64)},
        {"envelope": "{\u00e4}"},
    ],
)
def test_a_record_that_says_something_else_than_was_signed_is_invalid(changed, lab, tmp_path):
    fields = {name: value for name, value in changed.items() if name != "waiver"}
    record = with_seal(lab, waiver=changed.get("waiver", FILE.waivers[0]))
    seal = record.provenance.waiver_seal.model_copy(update=fields)
    record = record.model_copy(update={"provenance": record.provenance.model_copy(update={"waiver_seal": seal})})
    assert line_of(record, lab, tmp_path / "out").state is State.INVALID


def test_a_record_whose_signature_was_taken_out_contradicts_itself(lab):
    record = with_seal(lab)
    bare = record.model_copy(update={"provenance": record.provenance.model_copy(update={"waiver_seal": None})})
    assert any("does not count as the record says" in sentence for sentence in find_contradictions(bare))
    assert not list(find_contradictions(record))
