"""A report.pdf that left its bundle: what it proves by itself, and what it says it does not."""

import random

import pytest
from asn1crypto import cms
from cryptography import x509

from tests.support.proofs import render_small
from unlearn_audit.errors import ExitCode
from unlearn_audit.pki.certificates import validate_certificates
from unlearn_audit.pki.keys import load_signing_key
from unlearn_audit.pki.laboratory_ca import init_laboratory_ca
from unlearn_audit.records import AuditRecord, Outcome
from unlearn_audit.signing.pades import sign_pdf
from unlearn_audit.verification.verification import State, verify


@pytest.fixture
def roots(laboratory):
    return (laboratory["root_certificate"],)


@pytest.fixture(scope="session")
def alone(pdf, key, tmp_path_factory):
    path = tmp_path_factory.mktemp("alone") / "as-received.pdf"
    path.write_bytes(sign_pdf(pdf, key))
    return path


def flip(content: bytes, place: int, bit: int) -> bytes:
    flipped = bytearray(content)
    flipped[place] ^= 1 << bit
    return bytes(flipped)


def find_signature(content: bytes) -> tuple[int, int]:
    """Where the signature itself stands, which it cannot cover."""
    start = content.index(b"/Contents <3082")
    return start, content.index(b"00000000", start)


def test_a_lone_pdf_verifies_and_gives_its_verdict(alone, roots, record):
    verification = verify(alone, roots)
    assert record == verification.record
    assert ExitCode.FAIL is verification.exit_code
    for name in ("integrity", "authenticity", "signer identity", "PDF signature", "verdict"):
        assert State.OK is verification.find(name).state


def test_what_needs_the_folder_is_absent_and_says_so(alone, roots):
    verification = verify(alone, roots)
    for name in ("policy file", "files beside it"):
        assert State.ABSENT is verification.find(name).state
        assert "verify the bundle's folder" in verification.find(name).sentence


def test_without_a_root_a_lone_pdf_is_untrusted_and_not_invalid(alone):
    verification = verify(alone)
    assert State.UNTRUSTED is verification.find("authenticity").state
    assert State.INVALID not in {line.state for line in verification.lines}
    assert ExitCode.INTEGRITY is verification.exit_code


def test_a_lone_pdf_of_a_test_key_says_so(tmp_path, trial_key, trial_pdf, test_folder):
    path = tmp_path / "report.pdf"
    path.write_bytes(sign_pdf(trial_pdf, trial_key))
    verification = verify(path, (test_folder / "root.crt.pem",))
    assert State.TEST_KEY is verification.find("authenticity").state
    assert verification.find("authenticity").sentence.startswith("TEST KEY")


def test_what_is_no_signed_report_is_invalid_and_does_not_crash(tmp_path, pdf, alone, roots):
    path = tmp_path / "report.pdf"
    signed = alone.read_bytes()
    for content in (b"", b"not a pdf", pdf, signed + b"\n", signed[:-1], signed + signed[len(pdf) :]):
        path.write_bytes(content)
        verification = verify(path, roots)
        assert State.INVALID is verification.find("integrity").state
        assert ExitCode.INTEGRITY is verification.exit_code
        assert verification.record is None


def test_one_page_with_a_record_attached_is_a_report(tmp_path, record, key, roots):
    """What the two tests below take from it is therefore refused for what its record says."""
    path = tmp_path / "report.pdf"
    path.write_bytes(sign_pdf(render_small(record), key))
    assert verify(path, roots).find("integrity").state is State.OK


def test_an_attached_record_that_contradicts_itself_is_refused_even_when_signed(tmp_path, record, key, roots):
    verdict = record.verdict.model_copy(update={"outcome": Outcome.PASS})
    lie = record.model_copy(update={"outcome": Outcome.PASS, "verdicts": (verdict, *record.verdicts[1:]), "curves": ()})
    path = tmp_path / "report.pdf"
    path.write_bytes(sign_pdf(render_small(lie), key))
    assert "is pass, its checks give fail" in verify(path, roots).find("integrity").sentence


def test_a_record_without_required_checks_is_refused_even_when_signed(tmp_path, record, key, roots):
    bare = record.verdict.model_copy(update={"checks": ()})
    path = tmp_path / "report.pdf"
    lie = record.model_copy(update={"verdicts": (bare,), "findings": (), "curves": ()})
    path.write_bytes(sign_pdf(render_small(AuditRecord(**dict(lie))), key))
    assert ExitCode.INTEGRITY is verify(path, roots).exit_code


def test_a_pdf_signed_again_by_a_stranger_is_not_trusted(tmp_path, pdf, roots):
    paths = init_laboratory_ca(tmp_path / "mallory", "Example Clinic", "Audit desk")
    mallory = load_signing_key(paths["signer_key"], paths["signer_chain"])
    path = tmp_path / "report.pdf"
    path.write_bytes(sign_pdf(pdf, mallory))
    verification = verify(path, roots)
    assert State.INVALID in {line.state for line in verification.lines}
    assert ExitCode.INTEGRITY is verification.exit_code


def test_flipped_bits_are_caught_also_in_the_signature_which_does_not_cover_itself(tmp_path, alone, roots):
    content, rng, path = alone.read_bytes(), random.Random(7), tmp_path / "flipped.pdf"  # noqa: S311
    start, end = find_signature(content)
    places = [rng.randrange(len(content)) for _ in range(15)] + [rng.randrange(start, end) for _ in range(25)]
    for place in places:
        path.write_bytes(flip(content, place, rng.randrange(8)))
        assert ExitCode.INTEGRITY is verify(path, roots).exit_code, place


def test_no_bit_can_change_unseen_in_what_a_signature_says_without_covering_it(tmp_path, alone, roots):
    """Versions, the list of digests, the signer's name in other letters: a reader of the CMS would be told wrong."""
    content, path = alone.read_bytes(), tmp_path / "flipped.pdf"
    start, _ = find_signature(content)
    start += len("/Contents <")
    signed = bytes.fromhex(content[start : content.index(b">", start)].decode())
    data = cms.ContentInfo.load(signed)["content"]
    info = data["signer_infos"][0]
    name = info["sid"].chosen["issuer"].dump()
    spots = {
        "version": signed.index(data["version"].dump()) + 2,
        "digests": signed.index(data["digest_algorithms"].dump()) + 14,
        "digests' parameters": signed.index(data["digest_algorithms"].dump()) + 15,
        "signer's version": signed.index(info["version"].dump() + info["sid"].dump()) + 2,
        "signer's name": signed.index(info["version"].dump() + info["sid"].dump()) + 7 + name.index(b"Example"),
        "digest's parameters": signed.index(info["digest_algorithm"].dump() + info["signed_attrs"].dump()) + 13,
    }
    for spot, place in spots.items():
        for bit in (5, 1):
            changed = flip(signed, place, bit).hex().upper().encode()
            path.write_bytes(content[:start] + changed + content[start + len(changed) :])
            assert State.INVALID is verify(path, roots).find("integrity").state, (spot, bit)


def test_a_certificate_that_has_nothing_to_do_with_the_signer_is_refused(key, tmp_path):
    from unlearn_audit.errors import IntegrityError

    other = init_laboratory_ca(tmp_path / "other", "Another Clinic", "Another desk")["root_certificate"]
    stranger = x509.load_pem_x509_certificate(other.read_bytes())
    validate_certificates((key.certificate, *key.chain), ())
    with pytest.raises(IntegrityError, match="does not belong"):
        validate_certificates((key.certificate, *key.chain, stranger), ())
