"""Which certificates may sign a report: by purpose, by every constraint above them, and by whom the verifier names."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Purposes
from hypothesis import given
from hypothesis import strategies as st

from tests.support.any_authority import NOW, Authority, name_of
from tests.support.proofs import OFFICER, make_small_record, write_small_bundle
from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.pki.chains import examine_chain, find_authorities
from unlearn_audit.pki.keys import fingerprint_of
from unlearn_audit.pki.purposes import (
    COUNTERSIGNING,
    DOCUMENT_SIGNING,
    REPORT_SIGNING,
    KeyPurpose,
    find_misuse,
    list_purposes,
    read_fingerprint,
)
from unlearn_audit.verification.answers import State
from unlearn_audit.verification.signers import judge_authenticity
from unlearn_audit.verification.trust_store import TrustStore
from unlearn_audit.verification.verification import VerificationOptions, verify

OTHERS = {
    "TLS server": Purposes.SERVER_AUTH,
    "TLS client": Purposes.CLIENT_AUTH,
    "time stamps": Purposes.TIME_STAMPING,
    "OCSP": Purposes.OCSP_SIGNING,
    "e-mail": Purposes.EMAIL_PROTECTION,
    "code": Purposes.CODE_SIGNING,
    "anything": Purposes.ANY_EXTENDED_KEY_USAGE,
    "countersigning": COUNTERSIGNING,
}
OTHER_NAME = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Other")])
ELSEWHERE = x509.NameConstraints([x509.DirectoryName(OTHER_NAME)], None)


def judge(key, root, purpose=KeyPurpose.REPORT, **trust):
    chain = (key.certificate, *key.chain)
    return judge_authenticity("authenticity", chain, TrustStore((root.certificate,), **trust), purpose)


@pytest.fixture(scope="module")
def root():
    return Authority()


def write(folder: Path, key, **record) -> Path:
    return write_small_bundle(folder / "bundle", make_small_record(key, **record), key)


@pytest.mark.parametrize("purpose", OTHERS.values(), ids=OTHERS)
def test_a_certificate_for_something_else_signs_no_report(root, purpose):
    key = root.issue(purposes=(purpose.dotted_string,))
    line = judge(key, root)
    assert (line.state, "its certificate is for" in line.sentence) == (State.UNTRUSTED, True)


def test_a_certificate_for_reports_does_not_countersign_and_the_other_way_round(root):
    report, person = (root.issue(purposes=(oid.dotted_string,)) for oid in (REPORT_SIGNING, COUNTERSIGNING))
    found = [[judge(key, root, purpose).state for purpose in KeyPurpose] for key in (report, person)]
    assert found == [[State.OK, State.UNTRUSTED, State.OK], [State.UNTRUSTED, State.OK, State.OK]]


def test_own_purposes_are_not_widened_by_signing_documents_which_outside_authorities_write(root):
    both = root.issue(purposes=(COUNTERSIGNING.dotted_string, DOCUMENT_SIGNING.dotted_string))
    outside = root.issue(purposes=(DOCUMENT_SIGNING.dotted_string,))
    assert (judge(both, root).state, judge(outside, root).state) == (State.UNTRUSTED, State.OK)
    mail = root.issue(purposes=(Purposes.EMAIL_PROTECTION.dotted_string,))
    allowed = (Purposes.EMAIL_PROTECTION.dotted_string,)
    assert judge(mail, root, purposes=allowed).state is State.OK
    assert judge(both, root, purposes=allowed).state is State.UNTRUSTED


def test_a_laboratory_issues_each_key_for_one_purpose(lab):
    assert list_purposes(lab.key.certificate) == (REPORT_SIGNING, DOCUMENT_SIGNING)
    assert list_purposes(lab.employ(OFFICER).certificate) == (COUNTERSIGNING, DOCUMENT_SIGNING)


def test_an_authority_signs_no_report_be_it_the_root_or_one_below(root):
    middle = Authority("Middle", above=root)
    for certificate in (root.certificate, middle.certificate):
        assert "certificate authority" in find_misuse(certificate, KeyPurpose.REPORT)


def test_a_root_is_held_to_its_dates_names_and_path_length():
    ended, early = Authority(days=(-800, -5)), Authority(days=(5, 50))
    short = Authority(path_length=0)
    strict = Authority(extra=((ELSEWHERE, True),))
    cases = {
        "ended": (ended.issue(), ended),
        "not begun": (early.issue(), early),
        "too long": (Authority("Middle", above=short).issue(), short),
        "other names": (strict.issue(), strict),
    }
    for what, (key, above) in cases.items():
        assert judge(key, above).state is State.UNTRUSTED, what
    assert judge(short.issue(), short).state is State.OK


def test_an_intermediate_is_held_to_the_same(root):
    middle = Authority("Middle", above=root, path_length=0)
    assert judge(middle.issue(), root).state is State.OK
    assert judge(Authority("Low", above=middle).issue(), root).state is State.UNTRUSTED
    strict = Authority("Strict", above=root, extra=((ELSEWHERE, True),))
    assert judge(strict.issue(), root).state is State.UNTRUSTED


def test_a_root_that_ended_since_was_good_at_a_trusted_time():
    ended = Authority(days=(-800, -5))
    key = ended.issue(days=(-300, -6))
    then = examine_chain((key.certificate,), (ended.certificate,), moment=NOW - timedelta(days=100))
    assert then.trusted
    assert not examine_chain((key.certificate,), (ended.certificate,)).trusted


@pytest.mark.parametrize("label", ["TEST KEY - root", "my test key", "The Test Key of us"])
@pytest.mark.parametrize("bring_root", [True, False])
def test_below_a_test_root_everything_is_a_test_wherever_the_root_is_left_out(label, bring_root):
    trial = Authority(label)
    line = judge(trial.issue("Dr. Real", bring_root=bring_root), trial)
    assert line.state is State.TEST_KEY


def test_a_verifier_names_the_signer_by_key_subject_or_name(root, tmp_path):
    key = root.issue()
    path, trust = write(tmp_path, key), tmp_path / "root.pem"
    trust.write_bytes(root.pem())
    print_ = fingerprint_of(key.certificate)
    pairs = ":".join(print_[place : place + 2] for place in range(0, 64, 2)).upper()
    for named in (print_, pairs, "Audit desk", "CN=Audit desk,O=Example Clinic"):
        assert verify(path, (trust,), VerificationOptions(signers=("nobody", named))).exit_code is ExitCode.PASS
    for named in ("0" * 64, "Audit", "audit desk,", "CN=Audit desk", ""):
        line = verify(path, (trust,), VerificationOptions(signers=(named,)))
        assert line.exit_code is ExitCode.INTEGRITY
        assert line.find("signer identity").state is State.UNTRUSTED


def test_a_certificate_without_a_purpose_is_accepted_with_a_warning_that_naming_it_takes_away(root):
    key = root.issue()
    assert "--signer" in judge(key, root).sentence
    assert "--signer" not in judge(key, root, signers=("Audit desk",)).sentence


def test_who_is_asked_to_countersign_cannot_be_the_laboratory(root, tmp_path):
    path, trust = write(tmp_path, root.issue(OFFICER), due=(OFFICER,)), tmp_path / "root.pem"
    trust.write_bytes(root.pem())
    line = verify(path, (trust,)).find("authenticity")
    assert (line.state, "cannot be who approves" in line.sentence) == (State.UNTRUSTED, True)


def test_what_is_no_object_identifier_is_a_usage_error(tmp_path):
    for text in ("email", "1..2", "9.1", ""):
        with pytest.raises(UsageError, match="--allow-eku"):
            verify(tmp_path, (), VerificationOptions(purposes=(text,)))


@given(st.text(alphabet="0123456789abcdefABCDEF: ", max_size=100))
def test_a_fingerprint_is_64_hex_digits_however_written(text):
    found = read_fingerprint(text)
    assert found is None or (len(found), found) == (64, found.lower())


def test_the_authorities_above_a_signer_are_found_whatever_their_dates(root):
    middle = Authority("Middle", above=root, days=(-100, -50))
    key = middle.issue()
    found = find_authorities((key.certificate, *key.chain), (root.certificate, Authority().certificate))
    assert {item.subject for item in found} == {name_of("Middle"), name_of("Any root")}
    assert len(found) == 2
