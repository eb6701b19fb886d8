"""The responsible person signs after the laboratory: whom the policy asks, in order, once, and nobody else."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.proofs import (
    ENGINEER,
    OFFICER,
    found_laboratory,
    make_small_record,
    render_small,
    sign_at,
    write_small_bundle,
)
from unlearn_audit.bundle.countersignatures import (
    count_in,
    find_person,
    is_countersignature,
    list_responsible,
    make_countersignature,
    name_files,
)
from unlearn_audit.bundle.envelope import sign_envelope
from unlearn_audit.bundle.layout import digest_path
from unlearn_audit.errors import ExitCode, IntegrityError, UsageError
from unlearn_audit.pki.time_stamp_client import SignatureLevel, Signing
from unlearn_audit.policy import Policy
from unlearn_audit.signing import countersigning
from unlearn_audit.signing.bundle import write_bundle
from unlearn_audit.signing.countersigning import countersign
from unlearn_audit.signing.pades import Purpose, sign_pdf
from unlearn_audit.verification.integrity import list_files
from unlearn_audit.verification.verification import State, verify

WHEN = "2026-05-02T03:04:05Z"


@pytest.fixture(scope="module")
def people(lab):
    return {name: lab.employ(name) for name in (ENGINEER, "Mallory")} | {OFFICER: lab.employ(f"{OFFICER} ")}


@pytest.fixture(scope="module")
def due(lab, tmp_path_factory):
    """A report at level B-B that waits for the officer."""
    record = make_small_record(lab.key, due=(OFFICER,))
    return write_small_bundle(tmp_path_factory.mktemp("due") / "bundle", record, lab.key)


@pytest.fixture
def copy(due, tmp_path):
    return Path(shutil.copytree(due, tmp_path / "copy"))


def look(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_report_that_waits_for_a_signature_never_exits_0(copy, lab):
    verification = verify(copy, lab.roots)
    line = verification.find("countersignatures")
    assert (line.state, line.asked) == (State.ABSENT, True)
    assert f"{OFFICER} (clinical safety officer)" in line.sentence
    assert ExitCode.INCOMPLETE is verification.exit_code
    assert ExitCode.INCOMPLETE is verify(copy / "report.pdf", lab.roots).exit_code


def test_the_person_signs_in_the_pdf_and_over_all_files_and_the_report_is_complete(copy, lab, people):
    before = look(copy)
    assert countersign(copy, people[OFFICER], Signing(), WHEN).name == OFFICER
    after = look(copy)
    assert {"countersignature-1.dsse.json"} == after.keys() - before.keys()
    assert {"report.pdf"} == {name for name in before if before[name] != after[name]}
    assert after["report.pdf"].startswith(before["report.pdf"])
    for path in (copy, copy / "report.pdf"):
        verification = verify(path, lab.roots)
        assert ExitCode.PASS is verification.exit_code
        assert State.OK is verification.find("countersignatures").state
        text = verification.find("countersigner 1").sentence
        assert text.startswith(f"{OFFICER}, clinical safety officer: 'Reviewed this report and answers for its use as")
    assert [copy] == list(copy.parent.iterdir())


def test_further_people_may_sign_each_over_what_those_before_signed(copy, lab, people):
    countersign(copy, people[OFFICER], Signing(), WHEN)
    countersign(copy, people[ENGINEER], Signing(), WHEN)
    verification = verify(copy, lab.roots)
    assert ENGINEER in verification.find("countersigner 2").sentence
    assert "3 signatures" in verification.find("PDF signature").sentence
    subjects = json.loads(__import__("base64").b64decode(json.loads((copy / name_files(2)[0]).read_bytes())["payload"]))
    assert name_files(1)[0] in {subject["name"] for subject in subjects["subject"]}
    (copy / name_files(1)[0]).unlink()
    assert "one is missing" in verify(copy, lab.roots).find("integrity").sentence


def test_the_policy_says_what_a_signature_means(lab, people, tmp_path):
    record = make_small_record(lab.key, due=(OFFICER,))
    policy = Policy.model_validate(record.policy)
    people_named = tuple(p.model_copy(update={"meaning": "Approves the release"}) for p in policy.responsible)
    policy = policy.model_copy(update={"responsible": people_named})
    changed = {"policy": policy.model_dump(mode="json"), "policy_sha256": policy.digest()}
    out = write_small_bundle(tmp_path / "out", record.model_copy(update=changed), lab.key)
    countersign(out, people[OFFICER], Signing(), WHEN)
    for path in (out, out / "report.pdf"):
        assert "'Approves the release'" in verify(path, lab.roots).find("countersigner 1").sentence


def test_another_person_does_not_stand_in_for_the_one_who_is_asked(copy, lab, people):
    countersign(copy, people[ENGINEER], Signing(), WHEN)
    verification = verify(copy, lab.roots)
    assert State.OK is verification.find("countersigner 1").state
    assert State.ABSENT is verification.find("countersignatures").state
    assert ExitCode.INCOMPLETE is verification.exit_code


@pytest.mark.parametrize("who", ["Mallory", "the laboratory itself", "twice"])
def test_a_stranger_the_same_key_or_a_second_time_is_refused_and_nothing_changes(copy, lab, people, who):
    key = lab.key if who == "the laboratory itself" else people.get(who, people[OFFICER])
    if who == "twice":
        countersign(copy, key, Signing(), WHEN)
    before = look(copy)
    with pytest.raises(UsageError, match=r"does not name as responsible|signed the report already"):
        countersign(copy, key, Signing(), WHEN)
    assert before == look(copy)
    assert [copy] == list(copy.parent.iterdir())


def test_a_namesake_from_another_laboratory_is_not_accepted(copy, lab, tmp_path):
    other = found_laboratory(tmp_path / "ca")
    countersign(copy, other.employ(OFFICER), Signing(), WHEN)
    verification = verify(copy, lab.roots)
    assert State.UNTRUSTED is verification.find("countersigner 1").state
    assert State.ABSENT is verification.find("countersignatures").state
    assert ExitCode.INTEGRITY is verification.exit_code


def test_a_bundle_that_does_not_hold_is_not_signed(copy, people):
    (copy / "report.html").write_bytes(b"<p>Another</p>")
    before = look(copy)
    with pytest.raises(IntegrityError, match="changed since signing"):
        countersign(copy, people[OFFICER], Signing(), WHEN)
    assert before == look(copy)
    with pytest.raises(UsageError, match="found none"):
        countersign(copy / "report.pdf", people[OFFICER], Signing(), WHEN)


def test_the_level_is_the_one_that_the_report_promises(copy, people, stamps, lab):
    with pytest.raises(UsageError, match="promises signatures at level B-B, this one would be B-T"):
        countersign(copy, people[OFFICER], sign_at(SignatureLevel.T, stamps, lab), WHEN)


def test_a_failure_on_the_way_leaves_the_bundle_as_it_was(copy, people, monkeypatch):
    before = look(copy)

    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(countersigning, "write_signed", fail)
    with pytest.raises(Exception, match="No space left"):
        countersign(copy, people[OFFICER], Signing(), WHEN)
    assert before == look(copy)
    assert [copy] == list(copy.parent.iterdir())


def test_a_report_whose_policy_asks_nobody_permits_no_further_signature(lab, people, tmp_path):
    out = write_small_bundle(tmp_path / "out", make_small_record(lab.key), lab.key)
    assert "countersignatures" not in {line.name for line in verify(out, lab.roots).lines}
    before = look(out)
    with pytest.raises(Exception, match="asks nobody to countersign"):
        countersign(out, people[OFFICER], Signing(), WHEN)
    assert before == look(out)


def forge(copy, key, record, **changes):
    """Write the countersignature that somebody with a key and another program could write."""
    names = set(list_files(copy)) - {name_files(1)[0]}
    digests = {name: digest_path(copy / name) for name in names}
    person = next(person for person in list_responsible(record) if person.name == OFFICER)
    statement = json.loads(make_countersignature(digests, record, person, key, WHEN))
    statement["predicate"] |= changes
    from unlearn_audit.records import to_canonical_json

    (copy / name_files(1)[0]).write_bytes(sign_envelope(to_canonical_json(statement), key))


def test_what_a_countersignature_says_about_itself_must_be_true(copy, lab, people):
    record = make_small_record(lab.key, due=(OFFICER,))
    pdf = copy / "report.pdf"
    meaning = f"Reviewed this report and answers for its use as {record.policy['responsible'][0]['role']}"
    pdf.write_bytes(sign_pdf(pdf.read_bytes(), people[OFFICER], None, Purpose("C1", "C1", meaning, certifies=False)))
    forge(copy, people[OFFICER], record)
    assert ExitCode.PASS is verify(copy, lab.roots).exit_code
    for change in ({"role": "king"}, {"meaning": "I did not read it"}, {"outcome": "fail"}, {"name": ENGINEER},
                   {"signer": "0" * 64}, {"more": 1}):  # fmt: skip
        forge(copy, people[OFFICER], record, **change)
        assert "says something else" in verify(copy, lab.roots).find("integrity").sentence, change
    forge(copy, people["Mallory"], record)
    assert "does not name as responsible" in verify(copy, lab.roots).find("integrity").sentence


def test_a_page_that_was_swapped_with_the_countersignature_is_refused(copy, lab, people):
    """A person whom the policy names, with another program: the pages change in the revision that signs."""
    from pyhanko.pdf_utils import incremental_writer
    from pyhanko.pdf_utils.generic import StreamObject

    real = incremental_writer.IncrementalPdfFileWriter

    def tamper(stream):
        writer = real(stream)
        page = writer.root["/Pages"]["/Kids"][0]
        page["/Contents"] = writer.add_object(StreamObject(stream_data=b"BT (FAIL) Tj ET"))
        writer.update_container(page)
        return writer

    record, pdf = make_small_record(lab.key, due=(OFFICER,)), copy / "report.pdf"
    purpose = Purpose(
        "C1", "C1", "Reviewed this report and answers for its use as clinical safety officer", certifies=False
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(incremental_writer, "IncrementalPdfFileWriter", tamper)
        pdf.write_bytes(sign_pdf(pdf.read_bytes(), people[OFFICER], None, purpose))
    forge(copy, people[OFFICER], record)
    for path in (copy, pdf):
        line = verify(path, lab.roots).find("integrity")
        assert State.INVALID is line.state
        assert "first page" in line.sentence or "more than a signature" in line.sentence


def _change_xmp(writer):
    from pyhanko.pdf_utils import generic

    place = writer.root.raw_get("/Metadata").reference
    data = writer.root["/Metadata"].data.replace(b">Report<", b">PASS, approved for release<")
    assert b"approved" in data
    fields = {
        generic.pdf_name("/Type"): generic.pdf_name("/Metadata"),
        generic.pdf_name("/Subtype"): generic.pdf_name("/XML"),
    }
    writer.objects[(place.generation, place.idnum)] = generic.StreamObject(fields, stream_data=data)


def _add_author_to_xmp(writer):
    from pyhanko.pdf_utils import generic

    place = writer.root.raw_get("/Metadata").reference
    author = b'<rdf:Description rdf:about=""><dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/">FDA</dc:creator>'
    data = writer.root["/Metadata"].data.replace(b"</rdf:RDF>", author + b"</rdf:Description></rdf:RDF>")
    fields = {
        generic.pdf_name("/Type"): generic.pdf_name("/Metadata"),
        generic.pdf_name("/Subtype"): generic.pdf_name("/XML"),
    }
    writer.objects[(place.generation, place.idnum)] = generic.StreamObject(fields, stream_data=data)


def _change_information(**fields):
    def change(writer):
        from pyhanko.pdf_utils import generic

        for name, text in fields.items():
            writer.trailer["/Info"][f"/{name}"] = generic.TextStringObject(text)
        writer.mark_update(writer.trailer.raw_get("/Info").reference)

    return change


def _change_root(name, make):
    def change(writer):
        from pyhanko.pdf_utils import generic

        writer.root[name] = make(generic)
        writer.update_root()

    return change


SELF_PRAISE = {
    "XMP title": _change_xmp,
    "XMP author": _add_author_to_xmp,
    "title": _change_information(Title="PASS, approved for release"),
    "author": _change_information(Author="FDA"),
    "keywords": _change_information(Keywords="approved"),
    "producer": _change_information(Producer="Approved by the FDA"),
    "version": _change_root("/Version", lambda g: g.pdf_name("/9.9")),
    "language": _change_root("/Lang", lambda g: g.TextStringObject("xx")),
    "extension": _change_root(
        "/Extensions",
        lambda g: g.DictionaryObject({
            g.pdf_name("/ADBE"): g.DictionaryObject({g.pdf_name("/JS"): g.TextStringObject("app.alert(1)")})
        }),
    ),
    "script": _change_root(
        "/OpenAction",
        lambda g: g.DictionaryObject({
            g.pdf_name("/S"): g.pdf_name("/JavaScript"), g.pdf_name("/JS"): g.TextStringObject("app.alert(1)")
        }),
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", SELF_PRAISE.values(), ids=SELF_PRAISE)
def test_whoever_countersigns_cannot_change_what_the_pdf_says_of_itself(copy, lab, people, change):
    from pyhanko.pdf_utils import incremental_writer

    real, pdf = incremental_writer.IncrementalPdfFileWriter, copy / "report.pdf"
    purpose = Purpose(
        "C1", "C1", "Reviewed this report and answers for its use as clinical safety officer", certifies=False
    )

    def tamper(stream):
        writer = real(stream)
        writer._update_meta = lambda: None  # it would write the metadata anew
        change(writer)
        return writer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(incremental_writer, "IncrementalPdfFileWriter", tamper)
        pdf.write_bytes(sign_pdf(pdf.read_bytes(), people[OFFICER], None, purpose))
    forge(copy, people[OFFICER], make_small_record(lab.key, due=(OFFICER,)))
    for path in (copy, pdf):
        assert verify(path, lab.roots).find("integrity").state is State.INVALID


@pytest.mark.parametrize(
    "signed",
    ["1990-01-01T00:00:00Z", "yesterday, on all conditions being met", "", "2026-05-02", "2026-05-02T03:04:05",
     "2026-05-02T03:04:05+02:00", "2026-5-2T3:4:5Z", "2026-05-02T03:04:05Z\nauthenticity OK", "2026-13-02T03:04:05Z"],
)  # fmt: skip
def test_a_countersignature_has_a_date_that_a_machine_reads_and_is_not_older_than_the_evidence(
    copy, lab, people, signed
):
    forge(copy, people[OFFICER], make_small_record(lab.key, due=(OFFICER,)), signed=signed)
    line = verify(copy, lab.roots).find("integrity")
    assert (line.state, "countersignature" in line.sentence) == (State.INVALID, True)
    before = look(copy)
    with pytest.raises((UsageError, IntegrityError)):
        countersign(copy, people[OFFICER], Signing(), signed)
    assert look(copy) == before


def test_a_countersignature_of_next_year_is_refused(copy, lab, people):
    (copy / "report.pdf").unlink()
    record = make_small_record(lab.key, due=(OFFICER,))
    out = write_bundle(copy.parent / "bare", {"policy.yaml": json.dumps(record.policy).encode()}, record, lab.key)
    forge(out, people[OFFICER], record, signed="2099-05-02T03:04:05Z")
    line = verify(out, lab.roots).find("countersigner 1")
    assert (line.state, "later" in line.sentence) == (State.INVALID, True)


def test_a_pdf_that_was_countersigned_outside_of_its_bundle_is_refused(copy, lab, people):
    pdf = copy / "report.pdf"
    purpose = Purpose(
        "C1", "C1", "Reviewed this report and answers for its use as clinical safety officer", certifies=False
    )
    pdf.write_bytes(sign_pdf(pdf.read_bytes(), people[OFFICER], None, purpose))
    assert "report.pdf: changed since signing" in verify(copy, lab.roots).find("integrity").sentence
    assert State.OK is verify(pdf, lab.roots).find("countersigner 1").state


def test_names_and_numbers_of_countersignatures(lab, people):
    assert count_in(["a", *name_files(1), *name_files(2)]) == 2
    for names in (
        [*name_files(2)],
        [*name_files(1), *name_files(3)],
        [name for n in range(1, 19) for name in name_files(n)],
    ):
        with pytest.raises(IntegrityError):
            count_in(names)
    for name in ("countersignature-0.dsse.json", "countersignature-01.tst", "countersignature-1.tst.x", "x"):
        assert not is_countersignature(name)
    record = make_small_record(lab.key)
    assert find_person(record, people["Mallory"].certificate) is None
    assert find_person(record, people[OFFICER].certificate).name == OFFICER


def test_no_format_may_take_the_name_of_a_countersignature(lab, tmp_path):
    with pytest.raises(Exception, match="cannot hold a file"):
        write_bundle(tmp_path / "out", {name_files(1)[0]: b"x"}, make_small_record(lab.key), lab.key)
    assert render_small
