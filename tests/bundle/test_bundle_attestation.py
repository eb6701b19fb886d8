import base64
import json

import pytest

from tests.support.record_factory import make_record
from unlearn_audit.bundle.attestation import make_statement, open_attestation
from unlearn_audit.bundle.envelope import sign_envelope
from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.keys import fingerprint_of
from unlearn_audit.records import Outcome, to_canonical_json

DIGESTS = {"record.json": "ab" * 32, "report.html": "cd" * 32}


@pytest.fixture(scope="module")
def envelope(record, key):
    return sign_envelope(make_statement(DIGESTS, record), key)


def test_an_envelope_opens_to_what_was_sealed(envelope, record, key):
    assert json.loads(make_statement(DIGESTS, record)) == open_attestation(envelope, key.certificate)


def test_an_independent_implementation_verifies_the_envelope(envelope, key):
    dsse = pytest.importorskip("securesystemslib.dsse")
    from securesystemslib.signer import SSlibKey

    public = SSlibKey.from_crypto(key.private.public_key(), keyid=fingerprint_of(key.certificate))
    accepted = dsse.Envelope.from_dict(json.loads(envelope)).verify([public], 1)
    assert [fingerprint_of(key.certificate)] == list(accepted)


def test_an_independent_implementation_refuses_a_changed_payload(envelope, key):
    dsse = pytest.importorskip("securesystemslib.dsse")
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    fields = json.loads(envelope)
    payload = base64.b64decode(fields["payload"]).replace(b"FAILED", b"PASSED")
    fields["payload"] = base64.b64encode(payload).decode()
    public = SSlibKey.from_crypto(key.private.public_key(), keyid=fingerprint_of(key.certificate))
    with pytest.raises(VerificationError):
        dsse.Envelope.from_dict(json.loads(json.dumps(fields))).verify([public], 1)
    with pytest.raises(IntegrityError, match="does not hold"):
        open_attestation(to_canonical_json(fields), key.certificate)


@pytest.mark.parametrize(
    ("outcome", "result"), [(Outcome.PASS, "PASSED"), (Outcome.FAIL, "FAILED"), (Outcome.INCONCLUSIVE, "FAILED")]
)
def test_only_a_pass_reads_as_passed(outcome, result):
    statement = json.loads(make_statement(DIGESTS, make_record(outcome=outcome)))
    assert result == statement["predicate"]["result"]
    assert outcome.value == statement["predicate"]["configuration"][0]["annotations"]["outcome"]


def test_each_check_is_named_once(record):
    predicate = json.loads(make_statement(DIGESTS, record))["predicate"]
    named = [*predicate["passedTests"], *predicate["warnedTests"], *predicate["failedTests"]]
    assert sorted(check.id for check in record.verdict.checks) == sorted(named)
    assert {c.id for c in record.verdict.checks if c.outcome is Outcome.PASS} == set(predicate["passedTests"])


def test_every_descriptor_says_what_it_is_the_digest_of(record):
    configuration = json.loads(make_statement(DIGESTS, record))["predicate"]["configuration"]
    assert all(len(entry["digest"]["sha256"]) == 64 for entry in configuration)


def _change(envelope, **changes):
    return to_canonical_json({**json.loads(envelope), **changes})


def test_every_other_spelling_of_the_same_envelope_is_refused(envelope, key):
    fields = json.loads(envelope)
    signature = fields["signatures"][0]
    spellings = [
        envelope + b"\n",
        b" " + envelope,
        json.dumps(fields, indent=1).encode(),
        _change(envelope, payloadType="text/plain"),
        _change(envelope, payload=fields["payload"] + "\n"),
        _change(envelope, payload=fields["payload"].rstrip("=") + "===="),
        _change(envelope, signatures=[signature, signature]),
        _change(envelope, signatures=[]),
        _change(envelope, signatures=[{**signature, "keyid": "00" * 32}]),
        _change(envelope, signatures=[{**signature, "more": 1}]),
        _change(envelope, more=1),
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
    ]
    for changed in spellings:
        with pytest.raises(IntegrityError):
            open_attestation(changed, key.certificate)


def test_the_other_value_of_s_is_refused(envelope, key):
    """ECDSA accepts s and -s alike: without this rule an envelope could be changed without its key."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    from unlearn_audit.bundle.envelope import _ORDER

    fields = json.loads(envelope)
    r, s = decode_dss_signature(base64.b64decode(fields["signatures"][0]["sig"]))
    fields["signatures"][0]["sig"] = base64.b64encode(encode_dss_signature(r, _ORDER - s)).decode()
    with pytest.raises(IntegrityError, match="canonical"):
        open_attestation(to_canonical_json(fields), key.certificate)


def test_another_key_does_not_open_it(envelope, trial_key):
    with pytest.raises(IntegrityError):
        open_attestation(envelope, trial_key.certificate)
