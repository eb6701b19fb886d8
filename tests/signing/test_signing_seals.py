"""A policy that was sealed before the run: the seed follows from the seal, and what was amended after it is told."""

import base64
import json
import shutil
from pathlib import Path

import pytest

from tests.support.proofs import found_laboratory, make_small_record, trust_time, write_small_bundle
from tests.support.record_factory import make_policy
from unlearn_audit.bundle.envelope import sign_envelope
from unlearn_audit.bundle.seals import SEAL, list_changes, name_stamp, open_seal
from unlearn_audit.errors import ExitCode, IntegrityError, KeyFileError, UsageError
from unlearn_audit.records import Seal, choose_seed, to_canonical_json
from unlearn_audit.signing.sealing import make_seal, read_seals, validate_no_seal_at
from unlearn_audit.verification.verification import State, verify

WHEN = "2026-01-01T00:00:00Z"
POLICY = make_policy()
AMENDED = POLICY.model_copy(update={"version": "1.3.0", "owner": "Board"})


@pytest.fixture
def seal_file(lab, tmp_path):
    def write(policy=POLICY, key=lab.key, name="policy", stamps=None, when=WHEN):
        path = tmp_path / f"{name}.seal.json"
        path.write_bytes(make_seal(policy, key, when))
        if stamps:
            name_stamp(path).write_bytes(stamps.stamp(path.read_bytes()))
        return path

    return write


def sealed_record(lab, seals, policy=POLICY, **provenance):
    record = make_small_record(lab.key, policy=policy.model_dump(mode="json"), policy_sha256=policy.digest())
    fields = {"seals": seals, "seed": choose_seed(0, seals), **provenance}
    return record.model_copy(update={"provenance": record.provenance.model_copy(update=fields)})


def test_a_seal_tells_which_policy_was_sealed_when_and_by_whom(seal_file, lab):
    (seal,) = read_seals([seal_file()], POLICY)
    assert (POLICY.id, POLICY.version, POLICY.digest()) == (seal.policy_id, seal.policy_version, seal.policy_sha256)
    assert (seal.sealed, seal.stamped, seal.changes) == (WHEN, None, ())
    assert seal.signer.subject == "CN=Audit desk,O=Example Clinic"


def test_a_seal_is_a_dsse_envelope_that_others_can_verify(seal_file, lab):
    dsse = pytest.importorskip("securesystemslib.dsse")
    from securesystemslib.signer import SSlibKey

    public = SSlibKey.from_crypto(lab.key.certificate.public_key())
    envelope = json.loads(seal_file().read_bytes())
    public.keyid = envelope["signatures"][0]["keyid"]
    payload = dsse.Envelope.from_dict(envelope)
    assert payload.verify([public], 1)
    assert json.loads(payload.payload)["predicateType"] == SEAL.predicate_type


def test_the_seed_follows_from_every_seal_in_any_order_and_from_its_time_stamp(seal_file, stamps):
    one, other = read_seals([seal_file(name="a"), seal_file(name="b", when="2026-01-01T00:00:01Z")], POLICY)
    stamped = read_seals([seal_file(name="c", stamps=stamps)], POLICY)[0]
    assert 0 <= choose_seed(5, (one,)) < 2**53
    assert choose_seed(5, (one, other)) == choose_seed(6, (other, one))
    assert choose_seed(5, ()) == 5
    unstamped = stamped.model_copy(update={"time_stamp": None})
    assert len({choose_seed(5, s) for s in ((one,), (other,), (one, other), (stamped,), (unstamped,))}) == 5


def test_the_seed_can_be_computed_by_hand(seal_file):
    from hashlib import sha256

    (seal,) = read_seals([path := seal_file()], POLICY)
    digest = sha256(path.read_bytes()).hexdigest()
    value = sha256(f"unlearn-audit/seed-from-seals/v1\n{digest}\n".encode()).digest()
    assert int.from_bytes(value, "big") >> 203 == choose_seed(0, (seal,))


def test_a_policy_that_was_edited_after_its_seal_is_refused_and_says_where(seal_file):
    edited = POLICY.model_copy(update={"costs": POLICY.costs.model_copy(update={"false_negative": 1.0})})
    with pytest.raises(UsageError, match=r"amended after it was sealed: costs\.false_negative") as caught:
        read_seals([seal_file()], edited)
    assert "seal it again" in caught.value.hint


def test_an_amendment_that_was_sealed_too_is_listed(seal_file, lab, tmp_path):
    seals = read_seals([seal_file(AMENDED, name="b", when="2026-01-02T00:00:00Z"), seal_file(name="a")], AMENDED)
    assert [seal.changes for seal in seals] == [("owner", "version"), ()]
    out = write_small_bundle(tmp_path / "out", sealed_record(lab, seals, AMENDED), lab.key)
    line = verify(out, lab.roots).find("seal")
    assert State.OK is line.state
    assert f"{POLICY.id} 1.2.0 sealed {WHEN}, as claimed, amended after: owner, version" in line.sentence


def test_a_seal_of_another_policy_or_the_same_seal_twice_is_refused(seal_file):
    other = POLICY.model_copy(update={"id": "another"})
    with pytest.raises(UsageError, match="seals another policy: expected 'dermatology', found 'another'"):
        read_seals([seal_file(), seal_file(other, name="other")], POLICY)
    path = seal_file()
    with pytest.raises(UsageError, match="twice"):
        read_seals([path, Path(shutil.copy(path, path.with_name("copy.seal.json")))], POLICY)


def test_what_is_no_seal_is_refused(seal_file, tmp_path, stamps):
    with pytest.raises(UsageError, match="cannot be read"):
        read_seals([tmp_path / "absent.seal.json"], POLICY)
    path = seal_file(stamps=stamps)
    content = path.read_bytes()
    for broken in (b"", b"{}", b"[]", b"\xff", content + b"\n", content[:-2], content.replace(b"payload", b"pa1load")):
        path.write_bytes(broken)
        with pytest.raises(IntegrityError, match=r"policy\.seal\.json"):
            read_seals([path], POLICY)
    path.write_bytes(content)
    name_stamp(path).write_bytes(stamps.stamp(b"something else"))
    with pytest.raises(IntegrityError, match="other bytes"):
        read_seals([path], POLICY)


def test_a_seal_that_contradicts_the_policy_inside_it_is_refused(lab):
    statement = json.loads(base64.b64decode(json.loads(make_seal(POLICY, lab.key, WHEN))["payload"]))
    subject = [{**statement["subject"][0], "name": "policy of somebody else"}]
    for change in ({"subject": subject}, {"predicate": {**statement["predicate"], "signer": "0" * 64}}):
        with pytest.raises(IntegrityError, match="contradicts"):
            open_seal(sign_envelope(to_canonical_json({**statement, **change}), lab.key), None)
    bad = {**statement, "predicate": {**statement["predicate"], "policy": {"id": "x"}}}
    with pytest.raises(IntegrityError, match="cannot be read"):
        open_seal(sign_envelope(to_canonical_json(bad), lab.key), None)


def test_a_sealed_report_says_so_and_with_whose_time(seal_file, lab, stamps, tmp_path):
    seals = read_seals([seal_file(stamps=stamps)], POLICY)
    record = sealed_record(lab, seals, created="2999-01-01T00:00:00Z")
    out = write_small_bundle(tmp_path / "out", record, lab.key)
    for path in (out, out / "report.pdf"):
        verification = verify(path, lab.roots, trust_time(stamps))
        assert State.OK is verification.find("seal").state
        assert "time-stamped by 'CN=Example stamps'" in verification.find("seal").sentence
        assert ExitCode.PASS is verification.exit_code
    assert "as claimed" in verify(out, lab.roots).find("seal").sentence


def test_a_seal_that_was_stamped_after_the_evidence_claims_to_be_made_is_refused(seal_file, lab, stamps, tmp_path):
    seals = read_seals([seal_file(stamps=stamps)], POLICY)
    out = write_small_bundle(tmp_path / "out", sealed_record(lab, seals, created="2020-01-01T00:00:00Z"), lab.key)
    assert "after the evidence" in verify(out, lab.roots, trust_time(stamps)).find("seal").sentence


def test_a_seal_that_claims_to_be_younger_than_the_evidence_is_refused_without_a_stamp_too(seal_file, lab, tmp_path):
    """As where a policy is loosened and sealed after its result, and the run is dated back."""
    seals = read_seals([seal_file()], POLICY)
    for day, state in (("2025-12-01T12:00:00Z", State.INVALID), ("2026-01-01T12:00:00Z", State.OK)):
        out = write_small_bundle(tmp_path / day[:10], sealed_record(lab, seals, created=day), lab.key)
        assert verify(out, lab.roots).find("seal").state is state


def test_a_seal_by_a_stranger_is_not_trusted(seal_file, lab, tmp_path):
    stranger = found_laboratory(tmp_path / "ca").key
    seals = read_seals([seal_file(key=stranger)], POLICY)
    out = write_small_bundle(tmp_path / "out", sealed_record(lab, seals), lab.key)
    verification = verify(out, lab.roots)
    assert State.UNTRUSTED is verification.find("seal").state
    assert ExitCode.INTEGRITY is verification.exit_code


def test_a_seal_by_a_test_key_says_so(seal_file, lab, tmp_path, trial_key, test_folder):
    seals = read_seals([seal_file(key=trial_key)], POLICY)
    out = write_small_bundle(tmp_path / "out", sealed_record(lab, seals), lab.key)
    assert State.TEST_KEY is verify(out, (*lab.roots, test_folder / "root.crt.pem")).find("seal").state


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ("another seed", "does not follow"),
        ("a seal left out", "does not follow"),
        ("another date", "something else"),
        ("amended afterwards", "something else|amended after the seal"),
        ("amended openly", "amended after the seal"),
        ("of another policy", "another policy"),
        ("broken", "cannot be read|no DSSE envelope"),
        ("stamp broken", "cannot be read|canonical|time stamp"),
    ],
)
def test_a_record_that_lies_about_its_seals_is_refused_even_when_signed(seal_file, lab, tmp_path, lie, message):
    """The laboratory itself is the one who could want to."""
    seals = read_seals([seal_file(name="a"), seal_file(name="b", when="2026-01-01T00:00:01Z")], POLICY)
    record = sealed_record(lab, seals)
    provenance = record.provenance

    def change(**fields):
        return record.model_copy(update={"provenance": provenance.model_copy(update=fields)})

    def with_seal(**fields):
        changed = (seals[0].model_copy(update=fields), seals[1])
        return change(seals=changed, seed=choose_seed(0, changed))

    edited = POLICY.model_copy(update={"owner": "Somebody"})
    after = {"policy": edited.model_dump(mode="json"), "policy_sha256": edited.digest()}
    amended = tuple(seal.model_copy(update={"changes": list_changes(POLICY, edited)}) for seal in seals)
    other = POLICY.model_copy(update={"id": "another"})
    strange = read_seals([seal_file(other, name="other")], other)
    forged = {
        "another seed": change(seed=1),
        "a seal left out": change(seals=seals[:1]),
        "another date": with_seal(sealed="2025-01-01T00:00:00Z"),
        "amended afterwards": record.model_copy(update=after),
        "amended openly": change(seals=amended).model_copy(update=after),
        "of another policy": change(
            seals=(strange[0].model_copy(update={"changes": list_changes(other, POLICY)}), seals[0]),
            seed=choose_seed(0, (strange[0], seals[0])),
        ),
        "broken": with_seal(envelope="{}"),
        "stamp broken": with_seal(time_stamp="AAAA"),
    }[lie]
    line = verify(write_small_bundle(tmp_path / "out", forged, lab.key), lab.roots).find("seal")
    assert State.INVALID is line.state
    assert any(part in line.sentence for part in message.split("|")), line.sentence


def test_a_report_without_seals_has_no_line_about_them(lab, tmp_path):
    out = write_small_bundle(tmp_path / "out", make_small_record(lab.key), lab.key)
    assert "seal" not in {line.name for line in verify(out, lab.roots).lines}


def test_a_seal_is_never_overwritten(tmp_path):
    validate_no_seal_at(tmp_path / "new.seal.json")
    (tmp_path / "new.seal.tst").write_bytes(b"")
    with pytest.raises(KeyFileError, match="never overwritten"):
        validate_no_seal_at(tmp_path / "new.seal.json")


def test_seals_survive_the_way_through_a_record(seal_file, lab):
    seals = read_seals([seal_file()], POLICY)
    record = sealed_record(lab, seals)
    assert seals == type(record).from_bytes(record.to_bytes()).provenance.seals
    assert isinstance(seals[0], Seal)
