"""Reference models' answers: held to the records that they speak of, and part of the evidence's digest."""

import io
from dataclasses import replace

import numpy as np
import pytest

from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence import Evidence, References
from unlearn_audit.evidence.parquet import read_evidence, to_parquet


@pytest.fixture(name="evidence")
def fixture_evidence(make_evidence):
    return make_evidence()


def make_references(evidence: Evidence, models: int = 4) -> References:
    """Return reference models of which each says the same as the first model of the evidence."""
    log_probs = next(iter(evidence.log_probs.values()))
    candidates = evidence.select("forget") | evidence.select("test")
    trained_on = np.zeros((models, len(evidence)), dtype=bool)
    trained_on[:, evidence.select("retain")] = True
    trained_on[::2, candidates] = True
    return References(trained_on, candidates, np.stack([log_probs] * models))


def test_references_are_part_of_what_is_digested(evidence: Evidence) -> None:
    """Changing which records a reference model saw changes the digest of the evidence."""
    references = make_references(evidence)
    held = replace(evidence, references=references)
    other = replace(references, trained_on=~references.trained_on)

    assert len({evidence.digest(), held.digest(), replace(evidence, references=other).digest()}) == 3


def test_references_of_other_records_are_refused(evidence: Evidence) -> None:
    references = make_references(evidence)
    short = References(references.trained_on[:, 1:], references.candidates[1:], references.log_probs[:, 1:])

    with pytest.raises(EvidenceError, match="reference models' answers on"):
        replace(evidence, references=short)


def test_a_retain_record_is_no_candidate(evidence: Evidence) -> None:
    references = make_references(evidence)
    everyone = replace(references, candidates=np.ones(len(evidence), dtype=bool))

    with pytest.raises(EvidenceError, match="forget and test records as candidates"):
        replace(evidence, references=everyone)


def test_a_model_that_the_evidence_lacks_cannot_have_been_unlearned(evidence: Evidence) -> None:
    references = make_references(evidence)
    named = replace(references, unlearned={"nobody": references.log_probs})

    with pytest.raises(EvidenceError, match="'nobody'"):
        replace(evidence, references=named)


@pytest.mark.parametrize("spoil", ["nan", "sum", "shape"])
def test_numbers_that_are_no_log_probabilities_are_refused(evidence: Evidence, spoil: str) -> None:
    references = make_references(evidence)
    wrong = references.log_probs.copy()
    if spoil == "nan":
        wrong[0, 0, 0] = np.nan
    elif spoil == "sum":
        wrong -= 1.0
    else:
        wrong = wrong[:2]

    with pytest.raises(EvidenceError):
        replace(references, unlearned={"unlearned": wrong})


def write(evidence: Evidence, path):
    path.write_bytes(to_parquet(evidence))
    return path


def test_references_come_back_from_the_file_bit_for_bit(evidence: Evidence, tmp_path) -> None:
    references = make_references(evidence)
    held = replace(evidence, references=replace(references, unlearned={"unlearned": references.log_probs[::-1]}))

    read = read_evidence(write(held, tmp_path / "e.parquet"))

    assert read.digest() == held.digest()
    assert (read.references.trained_on == references.trained_on).all()
    assert (read.references.candidates == references.candidates).all()
    assert read.references.log_probs.tobytes() == references.log_probs.tobytes()
    assert list(read.references.unlearned) == ["unlearned"]


def test_evidence_without_references_has_the_bytes_that_it_had_before_there_were_any(
    evidence: Evidence, tmp_path
) -> None:
    content = to_parquet(evidence)
    assert b"reference" not in content.replace(b"reference_case", b"")

    assert read_evidence(write(evidence, tmp_path / "e.parquet")).references is None


@pytest.mark.parametrize("name", ["reference-candidate", "reference-trained-on:1", "reference:3:1"])
def test_a_missing_column_of_a_reference_model_is_named(evidence: Evidence, tmp_path, name: str) -> None:
    import pyarrow.parquet as pq

    content = to_parquet(replace(evidence, references=make_references(evidence)))
    pq.write_table(pq.read_table(io.BytesIO(content)).drop_columns([name]), tmp_path / "e.parquet")

    with pytest.raises(EvidenceError, match=name):
        read_evidence(tmp_path / "e.parquet")


def test_a_masked_value_of_a_reference_model_is_refused(evidence: Evidence, tmp_path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(to_parquet(replace(evidence, references=make_references(evidence)))))
    place = table.column_names.index("reference-trained-on:0")
    masked = pa.array([None, *table.column(place).to_pylist()[1:]])
    pq.write_table(table.set_column(place, "reference-trained-on:0", masked), tmp_path / "e.parquet")

    with pytest.raises(EvidenceError, match="1 nulls"):
        read_evidence(tmp_path / "e.parquet")
