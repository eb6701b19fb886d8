"""A report names no test patient: the annex does, which stays with the evidence; files are for their owner alone."""

import json
import stat

import pytest

from tests.support.proofs import make_small_record, write_small_bundle
from unlearn_audit.errors import EvidenceError
from unlearn_audit.pipeline.annex import ANNEX_SCHEMA, make_annex, read_annex
from unlearn_audit.policy import Policy
from unlearn_audit.publishing.publication import _choose_files
from unlearn_audit.signing.bundle import write_bundle


def modes(folder):
    return {p.relative_to(folder).as_posix(): stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def bundle(lab, tmp_path):
    record = make_small_record(lab.key)
    plain = write_small_bundle(tmp_path / "plain", record, lab.key)
    files = {p.relative_to(plain).as_posix(): p.read_bytes() for p in plain.rglob("*") if p.is_file()}
    made_here = ("signer-chain.pem", "attestation.dsse.json", "report.pdf")
    kept = {name: content for name, content in files.items() if name not in made_here}
    return write_bundle(tmp_path / "bundle", {**kept, "annex.json": b"{}"}, record, lab.key)


def test_the_folder_is_its_owners_and_so_are_evidence_and_annex(bundle):
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o700
    found = modes(bundle)
    assert {name for name, mode in found.items() if mode == 0o600} == {"evidence.parquet", "annex.json"}


def test_what_is_published_holds_neither_evidence_nor_annex(bundle):
    names = {path.name for path, _ in _choose_files(bundle, with_evidence=False)}
    assert not {"evidence.parquet", "annex.json"} & names
    assert {"annex.json"} <= {path.name for path, _ in _choose_files(bundle, with_evidence=True)}


def test_where_records_are_named_is_part_of_a_policy_only_where_it_differs(lab):
    policy = Policy.model_validate(make_small_record(lab.key).policy)
    assert "record_ids" not in policy.model_dump(mode="json")
    named = policy.model_copy(update={"record_ids": "report"})
    assert named.digest() != policy.digest()


def test_what_is_no_annex_is_refused():
    for content in (b"", b"[]", b"{}", json.dumps({"schema": "other", "lists": []}).encode()):
        with pytest.raises(EvidenceError):
            read_annex(content)
    assert read_annex(json.dumps({"schema": ANNEX_SCHEMA, "lists": [{"ids": ["a"]}]}).encode()) == [{"ids": ["a"]}]


def test_a_policy_that_lets_the_report_name_records_makes_no_annex(lab):
    record = make_small_record(lab.key)
    policy = Policy.model_validate(record.policy).model_copy(update={"record_ids": "report"})
    assert make_annex(policy, None, record) is None
