"""Whose time counts, and what a revocation list that was given must answer: nobody dates their own signature."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.any_authority import NOW, Authority, make_key
from tests.support.proofs import OFFICER, make_small_record, trust_time, write_small_bundle
from tests.support.timestamp_authority import Responder, serve
from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.pki import time_stamp_client
from unlearn_audit.pki.revocation import find_revoked, find_unanswered, load_revocations
from unlearn_audit.pki.time_stamp_client import SignatureLevel, Signing, TimeStampAuthority
from unlearn_audit.verification.answers import State
from unlearn_audit.verification.verification import VerificationOptions, verify

LONG_AGO = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def root():
    return Authority(days=(-3000, 365))


@pytest.fixture
def any_clock(monkeypatch):
    monkeypatch.setattr(time_stamp_client, "_ANOTHER_DAY", timedelta(days=9999))


@pytest.fixture
def own_stamps(root, tmp_path, any_clock):
    """A time-stamp authority below the laboratory's own root."""
    responder = Responder(tmp_path / "own")
    responder.root_key, responder.root = root.key, root.certificate
    responder.certificate = root.build(
        "Example stamps", responder.key, root, days=(-3000, 365),
        purposes=(ExtendedKeyUsageOID.TIME_STAMPING.dotted_string,),
    )  # fmt: skip
    responder.fixed = LONG_AGO
    with serve(responder) as served:
        yield served


def write(folder, key, authority, **record):
    made = make_small_record(key, SignatureLevel.T, **record)
    return write_small_bundle(folder / "bundle", made, key, Signing(SignatureLevel.T, authority))


@pytest.fixture
def back_dated(root, own_stamps, tmp_path, monkeypatch):
    """A bundle whose laboratory stamped it itself, long ago; and the files that a verifier holds."""
    monkeypatch.setattr(TimeStampAuthority, "_examine", lambda *_: None)
    key = root.issue(days=(-3000, 365))
    authority = TimeStampAuthority(own_stamps.url)
    made = write(tmp_path, key, authority, provenance=_created_before(make_small_record(key, SignatureLevel.T)))
    (tmp_path / "root.pem").write_bytes(root.pem())
    return made, key


def _created_before(record):
    return record.provenance.model_copy(update={"created": "2026-01-01T00:00:00Z"})


@pytest.mark.parametrize("what", ["folder", "lone PDF"])
def test_an_authority_below_the_signers_own_root_proves_no_time(back_dated, tmp_path, stamps, what):
    folder, _ = back_dated
    path = folder if what == "folder" else folder / "report.pdf"
    trust = (tmp_path / "root.pem",)
    claimed = verify(path, trust).find("time")
    assert (claimed.state, "stands below the signer's own root" in claimed.sentence) == (State.OK, True)
    for options in (VerificationOptions(require_timestamp=True), trust_time(stamps, require_timestamp=True)):
        verification = verify(path, trust, options)
        assert (verification.find("time").state, verification.exit_code) == (State.UNTRUSTED, ExitCode.INTEGRITY)


def test_a_verifier_may_name_that_authority_all_the_same(back_dated, tmp_path):
    folder, _ = back_dated
    named = VerificationOptions(trust_time=(tmp_path / "root.pem",), require_timestamp=True)
    time = verify(folder, (tmp_path / "root.pem",), named).find("time")
    assert (time.state, time.sentence.startswith("Trusted: signed before 2026-01-02")) == (State.OK, True)


@pytest.mark.parametrize("what", ["folder", "lone PDF"])
def test_a_revocation_is_not_voided_by_a_stamp_of_ones_own(back_dated, root, tmp_path, stamps, what):
    folder, key = back_dated
    path = folder if what == "folder" else folder / "report.pdf"
    (tmp_path / "lab.crl").write_bytes(root.list_revoked((key.certificate, NOW - timedelta(days=20))))
    for times in ((), (stamps.root_path,)):
        options = VerificationOptions(trust_time=times, revocations=(tmp_path / "lab.crl",))
        verification = verify(path, (tmp_path / "root.pem",), options)
        assert "was revoked on" in verification.find("authenticity").sentence
        assert verification.exit_code is ExitCode.INTEGRITY


def test_a_strangers_stamp_in_the_pdf_counts_in_the_folder_as_it_does_alone(root, stamps, tmp_path, any_clock):
    """The attestation is stamped by a trusted authority, the PDF by nobody that one knows, in 2001."""
    key = root.issue()
    (tmp_path / "root.pem").write_bytes(root.pem())
    with serve(Responder(tmp_path / "evil", root_name="Evil root", days=(-30, 365))) as evil:
        evil.fixed = None

        class Mixed(TimeStampAuthority):
            def stamp_digest(self, digest):
                return TimeStampAuthority(evil.url).stamp_digest(digest)

            def stamp(self, content):
                return TimeStampAuthority(stamps.url).stamp(content)

        path = write(tmp_path, key, Mixed(stamps.url))
    options = trust_time(stamps, require_timestamp=True)
    for where in (path, path / "report.pdf"):
        time = verify(where, (tmp_path / "root.pem",), options).find("time")
        assert time.state is State.UNTRUSTED
    assert "report.pdf" in verify(path, (tmp_path / "root.pem",), options).find("time").sentence


OTHER = Authority("Other root")
DELTA = ((x509.CRLNumber(3), False), (x509.DeltaCRLIndicator(2), True))


def _point(**only):
    fields = dict.fromkeys(
        ("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl", "only_contains_attribute_certs"), False
    )
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier("http://x.example/")], relative_name=None,
        only_some_reasons=only.pop("reasons", None), **{**fields, **only},
    )  # fmt: skip


SILENT = {
    "expired": ({"days": (-900, -800)}, "out of date"),
    "of the future": ({"days": (100, 200)}, "of the future"),
    "forged": ({"signed_by": make_key()}, "not signed by"),
    "changes only": ({"extra": DELTA}, "does not speak of all"),
    "authorities only": ({"extra": ((_point(only_contains_ca_certs=True), True),)}, "does not speak of all"),
    "of others": ({"extra": ((_point(indirect_crl=True), True),)}, "does not speak of all"),
    "some reasons": ({"extra": ((_point(reasons=frozenset({x509.ReasonFlags.key_compromise})), True),)}, "does not"),
    "unknown": (
        {"extra": ((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),)},
        "1.2.3.4",
    ),
}


@pytest.mark.parametrize(("shape", "message"), SILENT.values(), ids=SILENT)
def test_a_list_that_was_given_and_cannot_answer_is_an_error_and_never_silence(root, tmp_path, shape, message):
    key = root.issue()
    path = write_small_bundle(tmp_path / "bundle", make_small_record(key), key)
    (tmp_path / "root.pem").write_bytes(root.pem())
    (tmp_path / "a.crl").write_bytes(root.list_revoked(**shape))
    for where in (path, path / "report.pdf"):
        options = VerificationOptions(revocations=(tmp_path / "a.crl",))
        verification = verify(where, (tmp_path / "root.pem",), options)
        assert message in verification.find("revocation lists").sentence
        assert verification.exit_code is ExitCode.INTEGRITY


def test_a_list_of_an_authority_that_has_nothing_to_do_with_the_report_is_one_too(root, tmp_path):
    key = root.issue()
    path = write_small_bundle(tmp_path / "bundle", make_small_record(key), key)
    (tmp_path / "root.pem").write_bytes(root.pem() + OTHER.pem())
    (tmp_path / "a.crl").write_bytes(OTHER.list_revoked())
    (tmp_path / "good.crl").write_bytes(root.list_revoked())
    options = VerificationOptions(revocations=(tmp_path / "a.crl", tmp_path / "good.crl"))
    verification = verify(path, (tmp_path / "root.pem",), options)
    assert "of another authority" in verification.find("revocation lists").sentence
    assert verification.exit_code is ExitCode.INTEGRITY
    good = verify(path, (tmp_path / "root.pem",), VerificationOptions(revocations=(tmp_path / "good.crl",)))
    assert (good.find("revocation lists").state, good.exit_code) == (State.OK, ExitCode.PASS)


def test_without_a_trusted_time_whoever_is_listed_is_revoked_and_with_one_from_the_earlier_date(root, tmp_path):
    key = root.issue()
    chain = (root.certificate, key.certificate)
    day = NOW - timedelta(days=10)

    def ask(moment, **shape):
        (tmp_path / "a.crl").write_bytes(root.list_revoked((key.certificate, shape.pop("date", day)), **shape))
        return bool(find_revoked(chain, load_revocations([tmp_path / "a.crl"]), moment))

    assert ask(None)
    assert ask(None, date=NOW + timedelta(days=2))
    assert not ask(day - timedelta(days=1))
    assert ask(day + timedelta(days=1))
    assert ask(day - timedelta(days=1), invalid_since=day - timedelta(days=2))
    assert not ask(day - timedelta(days=3), invalid_since=day - timedelta(days=2))
    for reason in (x509.ReasonFlags.certificate_hold, x509.ReasonFlags.remove_from_crl):
        assert ask(None, reason=reason), "only a list of changes lifts a hold"


def test_every_list_of_a_file_is_read(root, tmp_path):
    key = root.issue()
    chain = (root.certificate, key.certificate)
    empty, listed = root.list_revoked(), root.list_revoked((key.certificate, NOW))
    for content in (listed, empty + listed, listed + empty, b"Issuer: a text before\n" + empty + b"\n" + listed):
        (tmp_path / "a.crl").write_bytes(content)
        assert find_revoked(chain, load_revocations([tmp_path / "a.crl"]), None)
    for content in (empty + listed[: len(listed) // 2], listed[: len(listed) // 2], b"", b"no list"):
        (tmp_path / "a.crl").write_bytes(content)
        with pytest.raises(UsageError, match="holds no certificate revocation list"):
            load_revocations([tmp_path / "a.crl"])


def test_a_current_whole_list_of_an_authority_above_answers(root, tmp_path):
    (tmp_path / "a.crl").write_bytes(root.list_revoked())
    (content,) = load_revocations([tmp_path / "a.crl"])
    assert find_unanswered(content, (OTHER.certificate, root.certificate)) == ""
    assert "another authority" in find_unanswered(content, ())


def test_the_officer_needs_the_same_independence(root, own_stamps, tmp_path, monkeypatch):
    from unlearn_audit.signing.countersigning import countersign

    monkeypatch.setattr(TimeStampAuthority, "_examine", lambda *_: None)
    key, officer = root.issue(), root.issue(OFFICER)
    (tmp_path / "root.pem").write_bytes(root.pem())
    own_stamps.fixed = None
    authority = TimeStampAuthority(own_stamps.url)
    path = write(tmp_path, key, authority, due=(OFFICER,))
    countersign(path, officer, Signing(SignatureLevel.T, authority), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    strict = verify(path, (tmp_path / "root.pem",), VerificationOptions(require_timestamp=True))
    assert strict.find("countersigner 1").state is State.UNTRUSTED
    assert "as claimed" in verify(path, (tmp_path / "root.pem",)).find("countersigner 1").sentence
