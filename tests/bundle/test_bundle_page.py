"""docs/report_format.md says how to verify a bundle: here somebody does so from that page alone, without our code."""

import base64
import hashlib
import json
import re
import shutil
import string
import subprocess
import tomllib
from pathlib import Path

import pytest
import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.waived_records import make_waiver, with_waivers
from unlearn_audit.pki.keys import describe_signer
from unlearn_audit.records import Outcome
from unlearn_audit.signing.bundle import write_bundle

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "report_format.md").read_text("utf-8")
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def sha(content):
    return hashlib.sha256(content).hexdigest()


def open_dsse(envelope, pem=None):
    """Return the Statement in an envelope; `pem` is the chain, where the envelope does not carry it."""
    fields = json.loads(envelope)
    assert rfc8785.dumps(fields) == envelope
    assert {"payload", "payloadType", "signatures"} == fields.keys()
    (signature,) = fields["signatures"]
    payload, der = base64.b64decode(fields["payload"]), base64.b64decode(signature["sig"])
    assert [fields["payload"], signature["sig"]] == [base64.b64encode(b).decode() for b in (payload, der)]
    statement = json.loads(payload)
    assert rfc8785.dumps(statement) == payload
    chain = pem or statement["predicate"]["signerChain"].encode()
    public = x509.load_pem_x509_certificates(chain)[0].public_key()
    assert signature["keyid"] == sha(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    r, s = utils.decode_dss_signature(der)
    assert (utils.encode_dss_signature(r, s), s <= ORDER // 2) == (der, True)
    public.verify(der, b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload), ec.ECDSA(SHA256()))
    return statement


def verify_from_the_page(folder):
    """Return the predicate types that hold, in order; raises where anything does not."""
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    statement = open_dsse(files["attestation.dsse.json"], files["signer-chain.pem"])
    own = {name for name in files if re.fullmatch(r"attestation\..*|countersignature-\d+\..*", name)}
    subjects = [(subject["name"], subject["digest"]["sha256"]) for subject in statement["subject"]]
    assert subjects == sorted(subjects)
    assert {name for name, _ in subjects} == files.keys() - own
    last, found = dict(subjects), [statement["predicateType"]]
    earlier = {name for name in own if name.startswith("attestation")}
    for number in range(1, sum(name.endswith(".dsse.json") for name in own)):
        names = {f"countersignature-{number}.dsse.json", f"countersignature-{number}.tst"} & own
        statement = open_dsse(files[f"countersignature-{number}.dsse.json"])
        last = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
        assert last.keys() == (files.keys() - own) | earlier
        earlier |= names
        found.append(statement["predicateType"])
    assert all(sha(files[name]) == digest for name, digest in last.items())
    record = json.loads(files["record.json"])
    assert record["policy_sha256"] == sha(rfc8785.dumps(record["policy"]))
    return found


@pytest.fixture
def waived_bundle(tmp_path, files, key):
    """A bundle that passes because the one check that fails is waived."""
    record = with_waivers({"ranking": Outcome.FAIL}, make_waiver("ranking"), signer=describe_signer(key.certificate))
    return write_bundle(tmp_path / "bundle", files, record, key)


def derive_statement(folder):
    """Return the whole Statement of a bundle's attestation, made from its record and the page alone."""
    record = json.loads((folder / "record.json").read_bytes())
    verdict, made, signer = record["verdicts"][0], record["provenance"], record["provenance"].get("signer")

    def waived(check):
        return check.get("waiver", {}).get("state") == "in force"

    tests = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for check in verdict["checks"]:
        lenient = waived(check) or not check["required"]
        kind = "passedTests" if check["outcome"] == "pass" else "warnedTests" if lenient else "failedTests"
        tests[kind].append(check["id"])
    rests_on_waivers = any(waived(check) and check["required"] for check in verdict["checks"])
    passed = "WARNED" if rests_on_waivers else "PASSED"
    described = [
        ("record", sha((folder / "record.json").read_bytes()), {
            "schema": "unlearn-audit/attestation/v1", "outcome": record["outcome"], "model": verdict["model"],
            "recommendation": record["recommendation"]["action"], "created": made["created"],
            "signerKind": signer["kind"] if signer else "test", "tool": f"{made['tool']} {made['version']}",
        }),
        ("policy", record["policy_sha256"], {
            "digestOf": "canonical JSON of the policy as validated", "id": record["policy"]["id"],
            "version": record["policy"]["version"],
        }),
        ("evidence", record["evidence_sha256"], {
            "digestOf": "content of the evidence, independent of how it is stored",
        }),
        *((f"model:{card['name']}", card["sha256"], {"method": card["method"], "role": card["role"]})
          for card in made["models"] if card.get("sha256")),
    ]  # fmt: skip
    configuration = [
        {"name": name, "digest": {"sha256": digest}, "annotations": notes} for name, digest, notes in described
    ]
    result = passed if record["outcome"] == "pass" else "FAILED"
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {"result": result, "configuration": configuration, **tests},
    }


def compare_with_derived(folder):
    statement = open_dsse((folder / "attestation.dsse.json").read_bytes(), (folder / "signer-chain.pem").read_bytes())
    subjects = [(subject["name"], subject["digest"]) for subject in statement.pop("subject")]
    files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    own = {name for name in files if re.fullmatch(r"attestation\..*|countersignature-\d+\..*", name)}
    assert [name for name, _ in subjects] == sorted(files.keys() - own)
    countersigned = any(name.startswith("countersignature") for name in own)
    for name, digest in subjects:
        assert digest == {"sha256": sha(files[name].read_bytes())} or (countersigned and name == "report.pdf")
    assert statement == derive_statement(folder)
    return statement["predicate"]["result"]


def test_the_whole_statement_follows_from_the_page_for_every_kind_of_bundle(signed, archived, waived_bundle):
    assert compare_with_derived(signed) == "FAILED"
    assert compare_with_derived(archived) in ("FAILED", "PASSED")
    assert compare_with_derived(waived_bundle) == "WARNED"


def word(message, catalogue):
    """Return the text of a message as the page says that it is made."""

    def write(value, how):
        if isinstance(value, list) and value and how == "names":
            return ", ".join(f"'{item}'" for item in value[:8]) + (f" and {len(value) - 8} more" if value[8:] else "")
        if isinstance(value, list):
            return (how or ", ").join(write(item, "") for item in value) if value else catalogue["none"]
        if isinstance(value, dict):
            return word(value, catalogue)
        return f"{100 * value:.3g} %" if how == "percent" else format(value, how)

    parts = string.Formatter().parse(catalogue[message["code"]])
    details = message.get("details", {})
    return "".join(text + (write(details[name], how) if name is not None else "") for text, name, how, _ in parts)


def list_messages(value):
    if isinstance(value, dict):
        if value.keys() >= {"code", "text"}:
            yield value
        else:
            for item in value.values():
                yield from list_messages(item)
    elif isinstance(value, list):
        for item in value:
            yield from list_messages(item)


@pytest.mark.parametrize("sample", ["breast-cytology-inconclusive", "breast-cytology-pass", "breast-cytology"])
def test_every_text_of_a_record_is_made_of_its_code_and_details(sample):
    root = Path(__file__).resolve().parents[2]
    catalogue = tomllib.loads((root / "src/unlearn_audit/records/messages.en.toml").read_text("utf-8"))
    messages = list(list_messages(json.loads((root / "sample_reports" / sample / "record.json").read_bytes())))

    assert len(messages) > 100
    for message in messages:
        assert message["text"] == word(message, catalogue), message


def test_a_verifier_written_from_the_page_accepts_our_bundles(signed, archived):
    test_result = "https://in-toto.io/attestation/test-result/v0.1"
    assert [test_result] == verify_from_the_page(signed)
    assert [test_result, "urn:unlearn-audit:countersignature:v1"] == verify_from_the_page(archived)


@pytest.mark.parametrize("name", ["report.html", "attestation.dsse.json", "countersignature-1.dsse.json", "report.pdf"])
def test_a_verifier_written_from_the_page_refuses_a_changed_one(archived, tmp_path, name):
    copy = Path(shutil.copytree(archived, tmp_path / "copy"))
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(bytes(content))
    with pytest.raises((AssertionError, ValueError, KeyError, InvalidSignature)):
        verify_from_the_page(copy)


def test_the_pdfs_of_a_countersigned_bundle_are_the_ones_that_were_signed(archived):
    """As the page says: the attested PDF is how the present one begins."""
    content = (archived / "report.pdf").read_bytes()
    statement = open_dsse(
        (archived / "attestation.dsse.json").read_bytes(), (archived / "signer-chain.pem").read_bytes()
    )
    attested = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}["report.pdf"]
    ends = [found.end() + 1 for found in re.finditer(rb"%%EOF", content)]
    assert attested in {sha(content[:end]) for end in ends}


def test_openssl_reads_the_time_stamps_as_the_page_says(archived, stamps):
    if shutil.which("openssl") is None:
        pytest.skip("needs the command openssl")
    assert "openssl ts -verify -in attestation.tst -token_in -data attestation.dsse.json -CAfile ROOT" in PAGE
    for name in ("attestation", "countersignature-1"):
        command = ["openssl", "ts", "-verify", "-in", f"{name}.tst", "-token_in", "-data", f"{name}.dsse.json",
                   "-CAfile", stamps.root_path]  # fmt: skip
        done = subprocess.run(command, cwd=archived, capture_output=True, text=True, check=False)
        assert "Verification: OK" in done.stdout + done.stderr


def test_the_page_names_the_types_and_the_seed_that_the_code_uses():
    from unlearn_audit.bundle import attestation, countersignatures, envelope
    from unlearn_audit.bundle.seals import SEAL
    from unlearn_audit.records import seals

    types = (
        attestation.PREDICATE_TYPE,
        countersignatures.COUNTERSIGNATURE_TYPE,
        SEAL.predicate_type,
        envelope.STATEMENT_TYPE,
    )
    for name in (*types, attestation.AUDIT_SCHEMA, envelope.PAYLOAD_TYPE, seals._DOMAIN.decode().strip()):
        assert name in PAGE
