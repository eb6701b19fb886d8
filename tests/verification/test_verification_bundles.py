import base64
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.proofs import render_small
from tests.support.record_factory import make_findings, make_judged_record, make_record, shape_findings
from unlearn_audit.bundle.attestation import make_statement
from unlearn_audit.bundle.envelope import sign_envelope
from unlearn_audit.bundle.layout import digest_path
from unlearn_audit.errors import ExitCode, IntegrityError, UsageError
from unlearn_audit.pki.keys import SigningKey, describe_signer, load_signing_key
from unlearn_audit.pki.laboratory_ca import init_laboratory_ca
from unlearn_audit.records import Outcome, to_canonical_json
from unlearn_audit.signing.bundle import write_bundle
from unlearn_audit.signing.pades import sign_pdf
from unlearn_audit.verification.pdf_signatures import examine_pdf
from unlearn_audit.verification.verification import State, compare_policy, verify, verify_bundle


@pytest.fixture
def roots(laboratory):
    return (laboratory["root_certificate"],)


@pytest.fixture
def copy(signed, tmp_path):
    return Path(shutil.copytree(signed, tmp_path / "copy"))


def states(verification):
    return {line.name: line.state for line in verification.lines}


def reseal(folder: Path, record, key: SigningKey) -> None:
    """Do what an insider with a key can do: sign whatever lies in the folder."""
    (folder / "signer-chain.pem").write_bytes(key.chain_pem())
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {"attestation.dsse.json"}
    digests = {name: digest_path(folder / name) for name in names}
    (folder / "attestation.dsse.json").write_bytes(sign_envelope(make_statement(digests, record), key))


def test_an_untouched_bundle_verifies_against_its_root(signed, roots, record):
    verification = verify_bundle(signed, roots)
    questions = (
        "integrity",
        "authenticity",
        "signer identity",
        "PDF signature",
        "policy file",
        "completeness",
        "time",
        "waivers",
        "verdict",
    )
    assert dict.fromkeys(questions, State.OK) == states(verification)
    assert record == verification.record
    assert ExitCode.FAIL is verification.exit_code
    assert verification.find("verdict").sentence.startswith("FAIL: Of 11 required checks 8 failed, ")


def test_without_a_root_the_bundle_is_untrusted_and_not_invalid(signed):
    verification = verify_bundle(signed)
    assert State.UNTRUSTED is states(verification)["authenticity"]
    assert "--trust" in verification.find("authenticity").sentence
    assert State.INVALID not in states(verification).values()
    assert ExitCode.INTEGRITY is verification.exit_code


def test_the_root_inside_the_bundle_is_not_trusted(signed, tmp_path):
    """The bundle carries its own root; a verifier with another one must not be satisfied by it."""
    other = init_laboratory_ca(tmp_path / "other", "Example Clinic", "Audit desk")
    verification = verify_bundle(signed, (other["root_certificate"],))
    assert State.UNTRUSTED is states(verification)["authenticity"]
    assert ExitCode.INTEGRITY is verification.exit_code


def test_every_flipped_bit_of_every_file_is_caught(copy, roots):
    rng = random.Random(20260423)  # noqa: S311 - where to damage a file is no secret
    paths = sorted(path for path in copy.rglob("*") if path.is_file())
    for path in paths:
        content = path.read_bytes()
        for _ in range(40):
            place = rng.randrange(len(content))
            flipped = bytearray(content)
            flipped[place] ^= 1 << rng.randrange(8)
            path.write_bytes(bytes(flipped))
            assert ExitCode.INTEGRITY is verify_bundle(copy, roots).exit_code, (path.name, place)
        path.write_bytes(content)
    assert ExitCode.FAIL is verify_bundle(copy, roots).exit_code


@pytest.mark.thorough
def test_a_thousand_flipped_bits_over_the_bundle_and_its_lone_pdf_are_caught(copy, roots, tmp_path):
    rng = random.Random(1_000)  # noqa: S311 - where to damage a file is no secret
    paths = sorted(path for path in copy.rglob("*") if path.is_file())
    alone = tmp_path / "alone.pdf"
    for number in range(1_000):
        path = paths[number % len(paths)]
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(flipped))
        assert ExitCode.INTEGRITY is verify(copy, roots).exit_code, path.name
        path.write_bytes(content)
        if path.name == "report.pdf":
            alone.write_bytes(bytes(flipped))
            assert ExitCode.INTEGRITY is verify(alone, roots).exit_code
    assert ExitCode.FAIL is verify(copy, roots).exit_code


def test_bytes_appended_to_or_cut_from_any_file_are_caught(copy, roots):
    for path in sorted(path for path in copy.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for changed in (content + b"\n", content + b"%%EOF", content[:-1], b""):
            path.write_bytes(changed)
            assert list(states(verify_bundle(copy, roots)).values()) == [State.INVALID], path.name
        path.write_bytes(content)


def test_each_missing_file_is_caught_and_named(copy, roots):
    for path in sorted(path for path in copy.rglob("*") if path.is_file()):
        content = path.read_bytes()
        path.unlink()
        line = verify_bundle(copy, roots).find("integrity")
        assert State.INVALID is line.state
        assert path.name in line.sentence
        path.write_bytes(content)


def test_an_additional_file_folder_or_link_is_caught(copy, roots, tmp_path):
    (copy / "extra.txt").write_text("x")
    assert "extra.txt: not part of what was signed" in verify_bundle(copy, roots).find("integrity").sentence
    (copy / "extra.txt").unlink()
    (copy / "empty").mkdir()
    assert State.INVALID is states(verify_bundle(copy, roots))["integrity"]
    (copy / "empty").rmdir()
    same = tmp_path / "policy.yaml"
    same.write_bytes((copy / "policy.yaml").read_bytes())
    (copy / "policy.yaml").unlink()
    (copy / "policy.yaml").symlink_to(same)
    assert "link" in verify_bundle(copy, roots).find("integrity").sentence


@pytest.mark.parametrize("name", ["../policy.yaml", "/etc/passwd", "a/../policy.yaml"])
def test_a_statement_that_leaves_the_folder_is_refused(copy, roots, record, key, name):
    digests = {"record.json": "0" * 64, "signer-chain.pem": "0" * 64, name: "0" * 64}
    (copy / "attestation.dsse.json").write_bytes(sign_envelope(make_statement(digests, record), key))
    assert "cannot be part of a bundle" in verify_bundle(copy, roots).find("integrity").sentence


def test_a_statement_that_does_not_cover_the_record_is_refused(copy, roots, record, key):
    (copy / "attestation.dsse.json").write_bytes(sign_envelope(make_statement({"report.html": "0" * 64}, record), key))
    assert "does not cover" in verify_bundle(copy, roots).find("integrity").sentence


def test_a_failing_verdict_resealed_by_a_stranger_is_not_trusted(copy, roots, record, key, tmp_path):
    """Whoever turns FAIL into PASS and signs again is a stranger to the verifier's root."""
    paths = init_laboratory_ca(tmp_path / "mallory", "Example Clinic", "Audit desk")
    mallory = load_signing_key(paths["signer_key"], paths["signer_chain"])
    findings = shape_findings(record.findings, "unlearned", {})
    forged = make_judged_record(findings, describe_signer(key.certificate))
    assert (record.outcome, forged.outcome) == (Outcome.FAIL, Outcome.PASS)
    (copy / "record.json").write_bytes(forged.to_bytes())
    reseal(copy, forged, mallory)
    found = states(verify_bundle(copy, roots))
    assert (found["authenticity"], found["signer identity"]) == (State.UNTRUSTED, State.INVALID)
    assert ExitCode.INTEGRITY is verify_bundle(copy, roots).exit_code


def test_a_record_whose_outcome_is_not_that_of_its_checks_is_refused_even_when_signed(copy, roots, record, key):
    verdict = record.verdict.model_copy(update={"outcome": Outcome.PASS})
    forged = record.model_copy(update={"outcome": Outcome.PASS, "verdicts": (verdict, *record.verdicts[1:])})
    (copy / "record.json").write_bytes(forged.to_bytes())
    reseal(copy, forged, key)
    assert "is pass, its checks give fail" in verify_bundle(copy, roots).find("integrity").sentence


def test_a_policy_or_model_that_is_not_the_records_is_refused_even_when_signed(copy, roots, record, key):
    (copy / "models/unlearned.safetensors").write_bytes(b"another model")
    reseal(copy, record, key)
    assert "not the model" in verify_bundle(copy, roots).find("integrity").sentence
    lax = record.model_copy(update={"policy": {**record.policy, "version": "9"}})
    (copy / "record.json").write_bytes(lax.to_bytes())
    reseal(copy, lax, key)
    assert "policy digest" in verify_bundle(copy, roots).find("integrity").sentence


def test_an_attestation_of_another_result_is_refused(copy, roots, record, key):
    other = record.model_copy(update={"outcome": Outcome.PASS})
    reseal(copy, other, key)
    assert "another result" in verify_bundle(copy, roots).find("integrity").sentence


def test_a_record_that_is_not_canonical_is_refused(copy, roots, record, key):
    (copy / "record.json").write_bytes(record.to_bytes() + b"\n")
    reseal(copy, record, key)
    assert "canonical" in verify_bundle(copy, roots).find("integrity").sentence


@pytest.mark.parametrize("content", [b"schema: unlearn-audit/policy/v1\n", b"\xff", b""])
def test_a_policy_file_that_is_no_policy_is_invalid_even_when_signed(copy, roots, record, key, content):
    (copy / "policy.yaml").write_bytes(content)
    reseal(copy, record, key)
    line = verify_bundle(copy, roots).find("policy file")
    assert State.INVALID is line.state
    assert "not the record's policy" in line.sentence
    assert ExitCode.INTEGRITY is verify_bundle(copy, roots).exit_code


def test_a_policy_file_with_other_tolerances_than_the_record_is_invalid_even_when_signed(copy, roots, record, key):
    """Whoever opens policy.yaml must read what the record was judged by."""
    stricter = json.loads(json.dumps(record.policy))
    stricter["checks"][0]["at_most"] = 0.5
    (copy / "policy.yaml").write_text(json.dumps(stricter))
    reseal(copy, record, key)
    line = verify_bundle(copy, roots).find("policy file")
    assert State.INVALID is line.state
    assert "another policy" in line.sentence


def test_layout_and_comments_of_the_policy_file_do_not_matter(copy, roots, record, key):
    (copy / "policy.yaml").write_text("# reviewed\n" + json.dumps(record.policy, indent=2))
    reseal(copy, record, key)
    assert State.OK is verify_bundle(copy, roots).find("policy file").state


def test_the_policy_that_the_verifier_gives_matches_by_its_digest_alone(record, tmp_path):
    given = tmp_path / "mine.yaml"
    given.write_text("# mine\n" + json.dumps(record.policy, indent=1))
    assert State.OK is compare_policy(given, record).state
    given.write_text(json.dumps({**record.policy, "version": "1.2.1"}))
    line = compare_policy(given, record)
    assert State.INVALID is line.state
    assert "dermatology 1.2.0" in line.sentence
    assert "dermatology 1.2.1" in line.sentence


def test_a_test_key_is_flagged_even_when_its_root_is_named(tmp_path, trial_key, test_folder):
    out = write_bundle(
        tmp_path / "out", {"report.html": b"x"}, make_record(describe_signer(trial_key.certificate)), trial_key
    )
    verification = verify_bundle(out, (test_folder / "root.crt.pem",))
    assert State.TEST_KEY is states(verification)["authenticity"]
    assert State.ABSENT is states(verification)["PDF signature"]
    assert verification.find("authenticity").sentence.startswith("TEST KEY")
    assert ExitCode.FAIL is verification.exit_code
    assert ExitCode.INTEGRITY is verify_bundle(out).exit_code


def fill(files, record):
    """Return what a bundle of `record` holds, with a page of its own."""
    own = {"report.pdf": render_small(record), "policy.yaml": json.dumps(record.policy).encode()}
    return {**files, **own}


@pytest.mark.parametrize(
    ("outcome", "code"), [(Outcome.PASS, 0), (Outcome.FAIL, 1), (Outcome.INCONCLUSIVE, 3), (Outcome.NOT_RUN, 3)]
)
def test_the_exit_code_of_a_valid_bundle_is_that_of_its_verdict(tmp_path, key, roots, files, *, outcome, code):
    findings = shape_findings(make_findings(), "unlearned", {"ranking": outcome})
    record = make_judged_record(findings, describe_signer(key.certificate))
    assert code == verify_bundle(write_bundle(tmp_path / "out", fill(files, record), record, key), roots).exit_code


@pytest.mark.parametrize(
    "gone", ["report.html report.pdf", "policy.yaml", "evidence.parquet", "models/unlearned.safetensors"]
)
def test_a_bundle_without_what_a_report_has_is_incomplete_and_no_pass(tmp_path, key, roots, files, gone):
    record = make_judged_record(shape_findings(make_findings(), "unlearned", {}), describe_signer(key.certificate))
    kept = {name: content for name, content in fill(files, record).items() if name not in gone.split()}
    verification = verify_bundle(write_bundle(tmp_path / "out", kept, record, key), roots)
    line = verification.find("completeness")
    assert (line.state, verification.exit_code) == (State.ABSENT, ExitCode.INCOMPLETE)
    assert all(name in line.sentence for name in gone.split())


def test_either_page_is_enough_to_read_a_report(tmp_path, key, roots, files):
    record = make_judged_record(shape_findings(make_findings(), "unlearned", {}), describe_signer(key.certificate))
    for gone in ("report.html", "report.pdf"):
        kept = {name: content for name, content in fill(files, record).items() if name != gone}
        assert verify_bundle(write_bundle(tmp_path / gone, kept, record, key), roots).exit_code is ExitCode.PASS


def test_an_expired_certificate_is_untrusted_and_not_invalid(signed, roots, monkeypatch):
    from datetime import UTC, datetime, timedelta

    import pyhanko_certvalidator

    real = pyhanko_certvalidator.ValidationContext

    def later(*args, **kwargs):
        return real(*args, **{**kwargs, "moment": datetime.now(UTC) + timedelta(days=1000)})

    monkeypatch.setattr(pyhanko_certvalidator, "ValidationContext", later)
    line = verify_bundle(signed, roots).find("authenticity")
    assert State.UNTRUSTED is line.state
    assert "expired" in line.sentence


def test_a_pdf_with_anything_wrong_is_refused(pdf, trial_pdf, record, key, trial_key):
    content, signed = record.to_bytes(), sign_pdf(pdf, key)
    examine_pdf(signed, key.certificate, content)
    other = sign_pdf(trial_pdf, key)
    cases = {
        "found 0": pdf,
        "someone else": sign_pdf(pdf, trial_key),
        "attached": other,
        "whole file|cannot be read|changed": signed + b"\n",
        "cannot be read": b"not a pdf",
    }
    for message, changed in cases.items():
        with pytest.raises(IntegrityError, match=message):
            examine_pdf(changed, key.certificate, content)


def test_a_second_revision_of_the_pdf_is_refused(pdf, record, key):
    from io import BytesIO

    from pyhanko.pdf_utils.generic import pdf_name, pdf_string
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(BytesIO(sign_pdf(pdf, key)))
    writer.root[pdf_name("/Lang")] = pdf_string("de")
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    with pytest.raises(IntegrityError, match=r"whole file|changed"):
        examine_pdf(out.getvalue(), key.certificate, record.to_bytes())


def test_a_resigned_bundle_with_a_swapped_pdf_is_invalid(copy, roots, record, key, trial_pdf):
    (copy / "report.pdf").write_bytes(sign_pdf(trial_pdf, key))
    reseal(copy, record, key)
    verification = verify_bundle(copy, roots)
    assert State.INVALID is states(verification)["PDF signature"]
    assert ExitCode.INTEGRITY is verification.exit_code


def test_what_cannot_be_a_bundle_or_a_root_is_a_usage_error(tmp_path, signed):
    with pytest.raises(UsageError, match="no folder"):
        verify_bundle(tmp_path / "absent")
    (tmp_path / "no.pem").write_text("no")
    with pytest.raises(UsageError, match="no certificate"):
        verify_bundle(signed, (tmp_path / "no.pem",))
    with pytest.raises(UsageError, match="cannot be read"):
        verify_bundle(signed, (tmp_path / "absent.pem",))


def test_an_empty_folder_is_invalid_and_does_not_crash(tmp_path):
    assert ExitCode.INTEGRITY is verify_bundle(tmp_path).exit_code


def test_a_certificate_that_is_none_of_ours_is_refused(copy, roots, laboratory):
    (copy / "signer-chain.pem").write_bytes(laboratory["root_certificate"].read_bytes())
    assert State.INVALID is states(verify_bundle(copy, roots))["integrity"]


def test_a_signer_certificate_with_a_name_that_is_no_text_is_untrusted_and_does_not_crash(copy, roots, record, key):
    """Anyone can put any bytes into a certificate of their own and sign a bundle with its key."""
    content = bytearray(key.certificate.public_bytes(Encoding.DER))
    content[content.index(b"Example Clinic")] = 0xA9
    odd = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(content) + b"-----END CERTIFICATE-----\n"
    (copy / "signer-chain.pem").write_bytes(odd)
    names = {str(p.relative_to(copy)) for p in copy.rglob("*") if p.is_file()} - {"attestation.dsse.json"}
    digests = {name: digest_path(copy / name) for name in names}
    (copy / "attestation.dsse.json").write_bytes(sign_envelope(make_statement(digests, record), key))

    verification = verify_bundle(copy, roots)
    assert State.UNTRUSTED is states(verification)["authenticity"]
    assert ExitCode.INTEGRITY is verification.exit_code


def test_verifying_loads_neither_torch_nor_a_renderer(signed, roots):
    code = (
        "import sys; from pathlib import Path; from unlearn_audit.verification.verification import verify_bundle\n"
        f"verify_bundle(Path({str(signed)!r}), (Path({str(roots[0])!r}),))\n"
        "heavy = ('torch', 'weasyprint', 'jinja2', 'matplotlib', 'sklearn', 'pyarrow', 'numpy', 'aiohttp')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"


def test_pyhankos_network_client_is_only_deferred_and_serves_who_asks_for_it_later():
    code = (
        "import sys; from unlearn_audit.pki.offline import defer_network_client\n"
        "with defer_network_client():\n"
        "    from pyhanko.sign import timestamps\n"
        "assert 'aiohttp' not in sys.modules\n"
        "client = timestamps.HTTPTimeStamper('http://localhost/', https=False, auth=('user', 'word'))\n"
        "import aiohttp\n"
        "assert isinstance(client.auth, aiohttp.BasicAuth), client.auth\n"
        "with defer_network_client():\n"
        "    assert sys.modules['aiohttp'] is aiohttp\n"
        "assert sys.modules['aiohttp'] is aiohttp\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_stand_in_for_the_network_client_is_gone_even_when_an_import_fails():
    code = (
        "import sys; from unlearn_audit.pki.offline import defer_network_client\n"
        "try:\n"
        "    with defer_network_client():\n"
        "        import aiohttp\n"
        "        assert not hasattr(aiohttp, '__path__')\n"
        "        import no_such_module\n"
        "except ModuleNotFoundError:\n"
        "    import aiohttp as real\n"
        "    assert real.ClientSession is aiohttp.ClientSession and real is not aiohttp\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_chain_travels_as_it_was_issued(signed, key):
    pem = b"".join(c.public_bytes(Encoding.PEM) for c in (key.certificate, *key.chain))
    assert pem == (signed / "signer-chain.pem").read_bytes()
    assert (signed / "record.json").read_bytes() == to_canonical_json(
        __import__("json").loads((signed / "record.json").read_bytes())
    )
