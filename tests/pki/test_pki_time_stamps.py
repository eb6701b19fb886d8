"""Trusted time: four PAdES levels, an authority that misbehaves in every way, and tokens of which no bit may change."""

import hashlib
import random
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.proofs import make_small_record, render_small, sign_at
from tests.support.timestamp_authority import OpenSslResponder, Responder, serve
from unlearn_audit.errors import ExitCode, IntegrityError, KeyFileError, TimeStampError, UsageError
from unlearn_audit.pki import time_stamp_client as stamping
from unlearn_audit.pki.certificates import validate_certificates
from unlearn_audit.pki.revocation import load_revocations
from unlearn_audit.pki.time_stamp_client import SignatureLevel, Signing, TimeStampAuthority
from unlearn_audit.pki.time_stamps import open_token
from unlearn_audit.signing.pades import sign_pdf
from unlearn_audit.verification.pdf_revisions import examine_addition
from unlearn_audit.verification.pdf_signatures import find_trusted_time, open_pdf

CONTENT = b"what is stamped"
DIGEST = hashlib.sha256(CONTENT).digest()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(stamping, "PAUSES", (0.0, 0.0))


@pytest.fixture
def authority(stamps):
    return TimeStampAuthority(stamps.url, (stamps.root,))


@pytest.fixture
def behave(stamps):
    """Let the authority answer in another way, until the test is over."""

    def change(answers):
        stamps.answers = answers

    yield change
    stamps.answers = "well"


@pytest.fixture(scope="module")
def small(lab):
    pytest.importorskip("weasyprint", reason="WeasyPrint is not installed", exc_type=ImportError)
    return render_small(make_small_record(lab.key))


def test_a_token_says_when_its_bytes_existed_and_who_says_so(authority):
    before = datetime.now(UTC) - timedelta(seconds=2)
    stamp = open_token(authority.stamp(CONTENT), DIGEST)
    assert before <= stamp.time <= datetime.now(UTC) + timedelta(seconds=2)
    assert stamp.authority == "CN=Example stamps"


def test_openssl_accepts_the_same_token(authority, stamps, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("needs the command openssl")
    (tmp_path / "token").write_bytes(authority.stamp(CONTENT))
    (tmp_path / "content").write_bytes(CONTENT)
    command = ["openssl", "ts", "-verify", "-in", "token", "-token_in", "-data", "content", "-CAfile", stamps.root_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout + done.stderr


@pytest.mark.parametrize("level", [SignatureLevel.T, SignatureLevel.LTA])
def test_an_authority_that_openssl_runs_serves_as_well(small, lab, tmp_path, level):
    """Another implementation: other attributes, another digest, an accuracy, its root inside the token."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the command openssl")
    with serve(OpenSslResponder(tmp_path)) as other:
        token = TimeStampAuthority(other.url, (other.root,)).stamp(CONTENT)
        signed = sign_pdf(small, lab.key, sign_at(level, other, lab))
    assert len(open_token(token, DIGEST).certificates) == 2
    opened = open_pdf(signed)
    assert level.value == opened.signatures[0].level
    assert find_trusted_time(opened.signatures[0].stamps, (other.root,))[0]


@pytest.mark.parametrize("level", list(SignatureLevel))
def test_each_level_gives_a_pdf_of_that_level_and_adds_nothing_that_can_be_seen(small, lab, stamps, level):
    signed = sign_pdf(small, lab.key, sign_at(level, stamps, lab))
    opened = open_pdf(signed)
    assert [level.value] == [signature.level for signature in opened.signatures]
    assert (level is not SignatureLevel.B) == (opened.signatures[0].stamp is not None)
    assert (2 if level.carries_proof else 0) == len(opened.revocations)
    examine_addition(signed, small)


def test_an_archive_is_whole_even_where_nobody_asks_for_trust(small, lab, stamps):
    opened = open_pdf(sign_pdf(small, lab.key, sign_at(SignatureLevel.LTA, stamps, lab)))
    moment, standing = find_trusted_time(opened.signatures[0].stamps, (stamps.root,))
    assert standing.trusted
    assert opened.signatures[0].stamp.time == moment
    assert ((found := find_trusted_time(opened.signatures[0].stamps, ()))[0], found[1].trusted) == (None, False)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("garbage", "cannot be read"),
        ("html", "answers with text/html"),
        ("refusal", r"it refuses: rejection \(quota used up\)"),
        ("other digest", "another digest"),
        ("other nonce", "another nonce"),
        ("broken signature", "does not hold"),
    ],
)
def test_an_authority_that_answers_wrongly_is_refused_at_once_and_nothing_is_signed(  # noqa: PLR0917 - fixtures
    authority, behave, stamps, small, lab, answers, message
):
    behave(answers)
    before = stamps.request_count
    with pytest.raises(TimeStampError, match=message) as caught:
        authority.stamp(CONTENT)
    assert before + 1 == stamps.request_count
    assert ExitCode.INCOMPLETE is caught.value.exit_code
    assert "nothing was signed" in caught.value.hint
    with pytest.raises(TimeStampError, match=message):
        sign_pdf(small, lab.key, Signing(SignatureLevel.T, TimeStampAuthority(stamps.url)))


def test_an_authority_that_is_down_is_asked_three_times_and_then_given_up(authority, stamps):
    before, stamps.failures = stamps.request_count, 2
    assert authority.stamp(CONTENT)
    assert before + 3 == stamps.request_count
    stamps.failures = 3
    with pytest.raises(TimeStampError, match="HTTP status 503; tried 3 times"):
        authority.stamp(CONTENT)
    assert stamps.failures == 0


def test_nobody_at_the_address_is_a_clear_error(tmp_path):
    with serve(Responder(tmp_path)) as gone:
        pass
    with pytest.raises(TimeStampError, match="does not answer"):
        TimeStampAuthority(gone.url).stamp(CONTENT)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org", "example.org", "http://", ""])
def test_only_web_addresses_are_asked(url):
    with pytest.raises(UsageError, match="http"):
        TimeStampAuthority(url)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"days": (-300, -1)}, "valid from"),
        ({"days": (1, 300)}, "valid from"),
        ({"purpose": ExtendedKeyUsageOID.CODE_SIGNING}, "not one of a time-stamp authority"),
    ],
)
def test_an_authority_without_a_fit_certificate_is_refused(tmp_path, broken, message):
    with serve(Responder(tmp_path, **broken)) as unfit, pytest.raises(TimeStampError, match=message):
        TimeStampAuthority(unfit.url).stamp(CONTENT)


def test_an_authority_below_another_root_than_the_named_one_is_refused(stamps, lab):
    with pytest.raises(TimeStampError, match="not accepted"):
        TimeStampAuthority(stamps.url, (lab.key.chain[-1],)).stamp(CONTENT)


def test_an_authority_whose_clock_is_days_off_is_refused(authority, stamps):
    stamps.fixed = datetime.now(UTC) - timedelta(days=3)
    try:
        with pytest.raises(TimeStampError, match=r"clock|valid from"):
            authority.stamp(CONTENT)
    finally:
        stamps.fixed = None


def test_levels_and_authority_must_fit_each_other(authority, stamps, lab):
    with pytest.raises(UsageError, match="needs a time-stamp authority"):
        Signing(SignatureLevel.T)
    with pytest.raises(UsageError, match="would not be asked"):
        Signing(SignatureLevel.B, authority)
    with pytest.raises(UsageError, match="embeds no revocation list"):
        Signing(SignatureLevel.T, authority, load_revocations([lab.revocations]))


@pytest.mark.parametrize("missing", ["laboratory", "authority"])
def test_what_proves_a_long_lived_signature_must_all_be_there(small, lab, stamps, missing):
    lists = [stamps.crl_path] if missing == "laboratory" else [lab.revocations]
    how = Signing(SignatureLevel.LT, TimeStampAuthority(stamps.url, (stamps.root,)), load_revocations(lists))
    with pytest.raises(KeyFileError, match="cannot be signed at level B-LT"):
        sign_pdf(small, lab.key, how)


def test_a_revocation_list_that_was_not_given_is_fetched_from_where_the_certificate_says(small, lab, tmp_path):
    with serve(Responder(tmp_path)) as elsewhere:
        elsewhere.name_lists_at(f"{elsewhere.url}stamps.crl")
        authority = TimeStampAuthority(elsewhere.url, (elsewhere.root,))
        signed = sign_pdf(small, lab.key, Signing(SignatureLevel.LT, authority, load_revocations([lab.revocations])))
    opened = open_pdf(signed)
    assert opened.signatures[0].level == "B-LT"
    assert len(opened.revocations) == 2


def test_a_revoked_key_does_not_sign_a_long_lived_signature(small, stamps, tmp_path):
    from tests.support.proofs import found_laboratory
    from unlearn_audit.pki.issuing import renew_revocations

    other = found_laboratory(tmp_path / "ca")
    renew_revocations(other.folder, [other.paths["signer_chain"]])
    with pytest.raises(KeyFileError, match="revoked"):
        sign_pdf(small, other.key, sign_at(SignatureLevel.LT, stamps, other))


def test_files_that_are_no_revocation_lists_are_refused(tmp_path, lab):
    with pytest.raises(UsageError, match="cannot be read"):
        load_revocations([tmp_path / "absent"])
    with pytest.raises(UsageError, match="no certificate revocation list"):
        load_revocations([lab.roots[0]])


def test_a_token_of_other_bytes_or_no_token_is_refused(stamps):
    token = stamps.stamp(CONTENT)
    assert open_token(token, DIGEST)
    for wrong, digest in ((token, hashlib.sha256(b"other").digest()), (token + b"\0", DIGEST), (token[:-1], DIGEST),
                          (b"", DIGEST), (b"\x30\x80" + token, DIGEST), (bytes(1 << 18), DIGEST)):  # fmt: skip
        with pytest.raises(IntegrityError):
            open_token(wrong, digest)


def test_no_flipped_bit_of_a_token_goes_unseen(stamps):
    """Also those that no signature covers: versions, algorithms, the certificate beside it."""
    token, rng = stamps.stamp(CONTENT), random.Random(7)  # noqa: S311 - where to damage a file is no secret
    for place in rng.sample(range(len(token)), 300):
        flipped = bytearray(token)
        flipped[place] ^= 1 << rng.randrange(8)
        with pytest.raises(IntegrityError):
            validate_certificates(open_token(bytes(flipped), DIGEST).certificates, (stamps.root,))


def test_no_flipped_bit_goes_unseen_in_a_token_that_carries_its_root(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("needs the command openssl")
    with serve(OpenSslResponder(tmp_path)) as other:
        token = TimeStampAuthority(other.url, (other.root,)).stamp(CONTENT)
    rng = random.Random(8)  # noqa: S311 - where to damage a file is no secret
    for place in rng.sample(range(len(token)), 200):
        flipped = bytearray(token)
        flipped[place] ^= 1 << rng.randrange(8)
        with pytest.raises(IntegrityError):
            validate_certificates(open_token(bytes(flipped), DIGEST).certificates, (other.root,))


def test_two_signatures_and_their_archives_follow_one_another(small, lab, stamps):
    from unlearn_audit.signing.pades import Purpose

    how = sign_at(SignatureLevel.LTA, stamps, lab)
    first = sign_pdf(small, lab.key, how, Purpose(others_follow=True))
    second = sign_pdf(first, lab.employ("C. Example"), how, Purpose("Second", "Second", "I agree", certifies=False))
    opened = open_pdf(second)
    assert [signature.level for signature in opened.signatures] == ["B-LTA", "B-LTA"]
    assert len(first) == opened.signatures[0].end
    assert opened.signatures[1].meaning == "I agree"
    examine_addition(second, small)


def test_a_signature_after_one_that_permits_none_is_refused(small, lab, monkeypatch):
    from pyhanko.sign.signers.pdf_signer import PdfSigner

    from unlearn_audit.signing.pades import Purpose

    first = sign_pdf(small, lab.key)
    monkeypatch.setattr(PdfSigner, "_enforce_certification_constraints", lambda *_args: None)
    second = sign_pdf(first, lab.employ("D. Example"), None, Purpose("Second", "Second", "I agree", certifies=False))
    with pytest.raises(IntegrityError, match="permits no changes"):
        open_pdf(second)
