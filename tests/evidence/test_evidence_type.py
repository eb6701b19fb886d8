"""Evidence: what is refused, and that the file alone carries everything."""

from dataclasses import replace

import numpy as np
import pytest

from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence.parquet import read_evidence, to_parquet


def write(evidence, tmp_path):
    path = tmp_path / "evidence.parquet"
    path.write_bytes(to_parquet(evidence))
    return path


def test_a_written_file_reads_back_with_the_same_digest(make_evidence, tmp_path):
    evidence = make_evidence()

    assert read_evidence(write(evidence, tmp_path)).digest() == evidence.digest()


def test_the_same_evidence_gives_the_same_bytes(make_evidence):
    assert to_parquet(make_evidence()) == to_parquet(make_evidence())


@pytest.mark.parametrize("field", ["ids", "split", "label", "log_probs", "groups", "provenance", "positive", "classes"])
def test_the_digest_notices_a_change_of_any_field(make_evidence, field):
    evidence = make_evidence()
    changed = {
        "ids": np.concatenate([["other"], evidence.ids[1:]]),
        "split": np.concatenate([["test"], evidence.split[1:]]),
        "label": np.concatenate([[1 - evidence.label[0]], evidence.label[1:]]),
        "log_probs": {**evidence.log_probs, "unlearned": evidence.log_probs["retrained"]},
        "groups": {"patient_id": np.full(len(evidence), "one")},
        "provenance": evidence.provenance.model_copy(update={"seed": 2}),
        "positive": (0,),
        "classes": ("benign", "bad"),
    }

    assert replace(evidence, **{field: changed[field]}).digest() != evidence.digest()


def test_duplicate_ids_are_refused_by_name(make_evidence):
    evidence = make_evidence()
    ids = evidence.ids.copy()
    ids[1] = ids[0]

    with pytest.raises(EvidenceError, match="duplicates: 'case-00000'"):
        replace(evidence, ids=ids)


@pytest.mark.parametrize(
    ("value", "words"),
    [(np.nan, "no finite numbers"), (-np.inf, "no finite numbers"), (0.5, "outside"), (-9.0, "not summing to one")],
)
def test_predictions_that_are_no_probabilities_are_refused_with_model_and_record(make_evidence, value, words):
    evidence = make_evidence()
    broken = evidence.log_probs["unlearned"].copy()
    broken[7, 0] = value

    with pytest.raises(EvidenceError, match=f"model 'unlearned'.*{words}.*'case-00007'"):
        replace(evidence, log_probs={**evidence.log_probs, "unlearned": broken})


def test_models_of_different_length_are_refused(make_evidence):
    evidence = make_evidence()

    with pytest.raises(EvidenceError, match=r"expected predictions of shape \(2300, 2\)"):
        replace(evidence, log_probs={"original": evidence.log_probs["original"][:-1]})


def test_evidence_without_a_model_is_refused(make_evidence):
    with pytest.raises(EvidenceError, match="at least one model"):
        replace(make_evidence(), log_probs={})


def test_an_unknown_split_is_refused(make_evidence):
    evidence = make_evidence()

    with pytest.raises(EvidenceError, match="found 'train'"):
        replace(evidence, split=np.where(evidence.split == "retain", "train", evidence.split))


@pytest.mark.parametrize("positive", [(), (0, 1), (2,)])
def test_some_but_not_all_classes_must_be_positive(make_evidence, positive):
    with pytest.raises(EvidenceError, match="some but not all"):
        replace(make_evidence(), positive=positive)


def test_labels_outside_the_classes_are_refused(make_evidence):
    evidence = make_evidence()
    label = evidence.label.copy()
    label[3] = 2

    with pytest.raises(EvidenceError, match=r"labels 0 to 1.*'case-00003'"):
        replace(evidence, label=label)


def test_an_absent_file_says_who_writes_it(tmp_path):
    with pytest.raises(EvidenceError, match="found none") as caught:
        read_evidence(tmp_path / "none.parquet")

    assert "unlearn-audit run" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all" * 50])
def test_a_file_that_is_no_parquet_is_refused(tmp_path, content):
    path = tmp_path / "evidence.parquet"
    path.write_bytes(content)

    with pytest.raises(EvidenceError, match="not a readable Parquet file"):
        read_evidence(path)


def test_a_parquet_file_of_somebody_else_is_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "other.parquet")

    with pytest.raises(EvidenceError, match="no schema entry"):
        read_evidence(tmp_path / "other.parquet")


def test_a_missing_value_is_refused_with_its_column(make_evidence, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = write(make_evidence(), tmp_path)
    table = pq.read_table(path)
    index = table.column_names.index("log_prob:original:0")
    holes = pa.array([None, *table.column(index).to_pylist()[1:]], pa.float64())
    pq.write_table(table.set_column(index, "log_prob:original:0", holes), path)

    with pytest.raises(EvidenceError, match=r"log_prob:original:0.*1 null"):
        read_evidence(path)


def test_a_missing_column_is_refused_by_name(make_evidence, tmp_path):
    import pyarrow.parquet as pq

    path = write(make_evidence(), tmp_path)
    pq.write_table(pq.read_table(path).drop_columns(["label"]), path)

    with pytest.raises(EvidenceError, match="label"):
        read_evidence(path)
