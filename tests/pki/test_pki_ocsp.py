"""Proof of a long-lived signature from an OCSP responder: asked, embedded, and a revoked key does not sign."""

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import ocsp

from tests.support.ocsp_responder import OcspResponder, serve_ocsp
from tests.support.proofs import make_small_record, render_small
from tests.support.timestamp_authority import Responder, serve
from unlearn_audit.errors import KeyFileError
from unlearn_audit.pki.keys import SigningKey
from unlearn_audit.pki.revocation import load_revocations
from unlearn_audit.pki.time_stamp_client import SignatureLevel, Signing, TimeStampAuthority
from unlearn_audit.signing.bundle import write_bundle
from unlearn_audit.signing.pades import sign_pdf
from unlearn_audit.verification.pdf_revisions import examine_addition, read_pdf
from unlearn_audit.verification.pdf_signatures import open_pdf
from unlearn_audit.verification.verification import State, verify

pytest.importorskip("weasyprint", reason="WeasyPrint is not installed", exc_type=ImportError)


@pytest.fixture
def responder(lab):
    """A responder of the laboratory."""
    root_key = load_pem_private_key(lab.paths["root_key"].read_bytes(), None)
    with serve_ocsp(OcspResponder(lab.key.chain[-1], root_key)) as made:
        yield made


@pytest.fixture
def key(lab, responder):
    """The laboratory's key, with a certificate that names the responder."""
    return SigningKey(lab.key.private, responder.name_in(lab.key.certificate), lab.key.chain)


@pytest.fixture(scope="module")
def small(lab):
    return render_small(make_small_record(lab.key))


def sign_with(stamps, *lists, level=SignatureLevel.LT):
    return Signing(level, TimeStampAuthority(stamps.url, (stamps.root,)), load_revocations(list(lists)))


def list_answers(pdf: bytes):
    """The OCSP responses in the document security store, as cryptography reads them."""
    found = read_pdf(pdf).root["/DSS"].get("/OCSPs", ())
    return [ocsp.load_der_ocsp_response(bytes(found[place].data)) for place in range(len(found))]


@pytest.mark.parametrize("level", [SignatureLevel.LT, SignatureLevel.LTA])
def test_the_responder_is_asked_and_its_answer_embedded(small, key, stamps, responder, level):
    signed = sign_pdf(small, key, sign_with(stamps, stamps.crl_path, level=level))
    assert key.certificate.serial_number in responder.requests
    (answer,) = list_answers(signed)
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert answer.serial_number == key.certificate.serial_number
    opened = open_pdf(signed)
    assert opened.signatures[0].level == level.value
    assert opened.signatures[0].certificates[0] == key.certificate
    examine_addition(signed, small)


def test_answers_alone_are_proof_enough(small, key, responder, tmp_path):
    """Neither the laboratory nor the authority for time has a revocation list: both have responders."""
    with serve(Responder(tmp_path)) as clock, serve_ocsp(OcspResponder(clock.root, clock.root_key)) as its:
        clock.certificate = its.name_in(clock.certificate)
        signed = sign_pdf(small, key, sign_with(clock))
        assert its.requests
    assert {answer.serial_number for answer in list_answers(signed)} == {
        key.certificate.serial_number,
        clock.certificate.serial_number,
    }
    opened = open_pdf(signed)
    assert (opened.revocations, opened.signatures[0].level) == ((), "B-LT")
    examine_addition(signed, small)


def test_a_revoked_key_does_not_sign_and_it_is_said(small, key, stamps, responder):
    responder.answers = "revoked"
    with pytest.raises(KeyFileError, match=r"cannot be signed at level B-LT: .*revoked") as caught:
        sign_pdf(small, key, sign_with(stamps, stamps.crl_path))
    assert responder.requests
    assert "sign with a key" in caught.value.hint


def test_a_revoked_authority_for_time_does_not_stamp(small, lab, tmp_path):
    with serve(Responder(tmp_path)) as clock, serve_ocsp(OcspResponder(clock.root, clock.root_key)) as its:
        clock.certificate = its.name_in(clock.certificate)
        its.answers = "revoked"
        with pytest.raises(KeyFileError, match=r"cannot be signed at level B-LT: .*revoked"):
            sign_pdf(small, lab.key, sign_with(clock, lab.revocations))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("unknown", "revocation checks failed"),
        ("unauthorized", "no revocation information"),
        ("stale", "not recent enough"),
        ("stranger", "revocation checks failed"),
        ("garbage", "OCSP responder says cannot be read"),
        ("html", "no revocation information"),
        ("down", "no revocation information"),
    ],
)
def test_a_responder_that_vouches_for_nothing_is_no_proof(small, key, stamps, responder, answers, message):  # noqa: PLR0917 - fixtures
    responder.answers = answers
    with pytest.raises(KeyFileError, match=f"cannot be signed at level B-LT: .*{message}") as caught:
        sign_pdf(small, key, sign_with(stamps, stamps.crl_path))
    assert responder.requests
    assert "'revocations' of the signing file" in caught.value.hint
    assert "\n" not in caught.value.message
    assert ("cannot be read" in caught.value.message) == (answers == "garbage")


def test_a_level_without_proof_asks_no_responder(small, key, stamps, responder):
    sign_pdf(small, key, Signing(SignatureLevel.T, TimeStampAuthority(stamps.url)))
    sign_pdf(small, key)
    assert responder.requests == []


def test_a_revoked_key_leaves_no_bundle(tmp_path, key, stamps, responder):
    record = make_small_record(key, SignatureLevel.LT)
    responder.answers = "revoked"
    with pytest.raises(KeyFileError, match="revoked"):
        write_bundle(
            tmp_path / "bundle", {"report.pdf": render_small(record)}, record, key,
            signing=sign_with(stamps, stamps.crl_path),
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_with_an_answer_verifies_offline_when_the_responder_is_gone(tmp_path, lab, stamps, key, responder):
    record = make_small_record(key, SignatureLevel.LTA)
    how = sign_with(stamps, stamps.crl_path, level=SignatureLevel.LTA)
    out = write_bundle(tmp_path / "bundle", {"report.pdf": render_small(record)}, record, key, signing=how)
    requests = list(responder.requests)
    responder.answers = "down"
    for path in (out, out / "report.pdf"):
        line = verify(path, lab.roots).find("PDF signature")
        assert (line.state, line.sentence.split(",")[0]) == (State.OK, "PAdES B-LTA")
    assert responder.requests == requests
