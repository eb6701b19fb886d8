"""What cannot be judged is refused: one message with the place, and a hint that mends it."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.prediction_files import write_rows
from unlearn_audit import limits
from unlearn_audit.errors import AuditError, CaseError
from unlearn_audit.evidence.predictions import Facts, read_predictions
from unlearn_audit.policy import ExternalModelFacts


def refused(read, content, **facts):
    """Return message and hint of the refusal as one text."""
    with pytest.raises(AuditError) as caught:
        read(content, **facts)
    return f"{caught.value.message}\n{caught.value.hint}"


def scaled(rows, factor):
    return [{k: repr(float(v) * factor) if ":" in k else v for k, v in row.items()} for row in rows]


def test_percentages_are_refused_with_the_factor(read, rows):
    message = refused(read, scaled(rows, 100))

    assert "model 'original': expected probabilities between 0 and 1" in message
    assert "divide by 100" in message


def test_single_percentages_are_refused_with_the_factor(read, rows):
    changed = [{"id": r["id"], "split": r["split"], "label": r["label"],
             **{m: float(r[f"{m}:malignant"]) * 100 for m in ("original", "unlearned")}} for r in rows]  # fmt: skip

    assert "divide by 100" in refused(read, changed)


def test_logits_that_nobody_declared_are_refused(read, rows):
    assert "scores: logits" in refused(read, scaled(rows, -7))


def test_probabilities_declared_as_logits_are_refused(read, rows):
    assert "these are probabilities" in refused(read, rows, scores="logits")


def test_rows_that_do_not_sum_to_one_are_refused_with_the_record(read, change):
    message = refused(read, change(9, unlearned__benign="0.5", unlearned__malignant="0.4"))

    assert "model 'unlearned': expected probabilities that sum to one for each record, found 0.9" in message
    assert "'00009' (1 of 240 rows)" in message


@pytest.mark.parametrize("cell", ["", "nan", "inf", "n/a", "0,5"])
def test_a_cell_that_is_no_number_is_refused_with_row_and_column(read, change, cell):
    message = refused(read, change(4, retrained__benign=cell))

    assert "row 6, column 'retrained:benign': expected a finite number" in message


def test_null_in_parquet_is_refused_with_row_and_column(rows, policy, tmp_path):
    table = {name: [row[name] for row in rows] for name in rows[0] if ":" not in name}
    table |= {name: [float(row[name]) for row in rows] for name in rows[0] if ":" in name}
    table["original:benign"][2] = None
    pq.write_table(pa.table(table), tmp_path / "p.parquet")

    with pytest.raises(AuditError, match=r"row 3, column 'original:benign': .*found nothing"):
        read_predictions([tmp_path / "p.parquet"], policy, Facts("tests", "now"))


def test_repeated_records_are_refused_by_id(read, rows):
    assert "found ids more than once: '00005'" in refused(read, [*rows, rows[5]])


def test_ids_that_would_act_on_a_terminal_are_refused(read, change):
    message = refused(read, change(2, id="\x1b[2J00002"))

    assert "printable characters" in message
    assert "\x1b" not in message


def test_swapped_columns_of_classes_are_refused(read, rows):
    flip = {"benign": "malignant", "malignant": "benign"}
    changed = [{f"{k.split(':')[0]}:{flip[k.split(':')[1]]}" if ":" in k else k: v for k, v in r.items()} for r in rows]
    message = refused(read, changed)

    assert "the original gives positives a lower probability than negatives (AUC 0.0" in message
    assert "swapped" in message


def test_zeros_and_ones_the_wrong_way_round_are_refused(read, rows):
    changed = [{**row, "label": {"benign": "1", "malignant": "0"}[row["label"]]} for row in rows]

    message = refused(read, changed, classes=("benign", "malignant"))
    assert "are two classes' columns swapped, or 0 and 1 in the labels?" in message


def test_swapped_label_and_split_are_told_apart(read, rows):
    changed = [{**row, "label": row["split"], "split": row["label"]} for row in rows]

    assert "the column 'label' holds splits: are the two swapped?" in refused(read, changed)


def test_swapped_id_and_label_are_told_apart(read, rows):
    assert "found ids more than once" in refused(read, [{**r, "id": r["label"], "label": r["id"]} for r in rows])


def test_a_label_of_its_own_for_every_record_asks_for_swapped_columns(read, rows):
    assert "are the columns swapped?" in refused(read, [{**r, "label": r["id"] + "x"} for r in rows])


def test_a_misspelt_label_is_never_a_negative(read, change):
    message = refused(read, change(11, label="Malignant"))

    assert "found 'Malignant', first for record '00011'" in message
    assert "never taken as negative" in message


def test_numbers_as_labels_need_their_meaning_where_columns_are_named_otherwise(read, rows, policy):
    several = policy.model_copy(update={"task": policy.task.model_copy(update={"positive": ("mel",)})})
    changed = [{k.replace("malignant", "mel").replace("benign", "nv"): v for k, v in r.items()} for r in rows]
    changed = [{**r, "label": {"malignant": "1", "benign": "0"}[r["label"]]} for r in changed]

    assert "classes: [benign, malignant]" in refused(read, changed, under=several)


def test_a_positive_class_by_number_is_never_a_columns_place(read, rows, policy):
    several = policy.model_copy(update={"task": policy.task.model_copy(update={"positive": ("1",)})})
    changed = [{k.replace("malignant", "mel").replace("benign", "nv"): v for k, v in r.items()} for r in rows]

    assert "names positive classes by number" in refused(read, changed, under=several)


@pytest.mark.parametrize("model", ["original", "unlearned"])
def test_a_missing_model_is_refused_by_role(read, rows, model):
    changed = [{k: v for k, v in row.items() if not k.startswith(model)} for row in rows]

    assert f"expected predictions of the {model} model" in refused(read, changed)


def test_a_model_of_the_case_that_the_file_has_not_is_refused(read, rows):
    assert "the case names the models 'scrub'" in refused(read, rows, models={"scrub": ExternalModelFacts()})


def test_a_model_without_some_class_is_refused(read, rows):
    changed = [{k: v for k, v in row.items() if k != "unlearned:benign"} for row in rows]

    assert "found 'malignant' for 'unlearned'" in refused(read, changed)


@pytest.mark.parametrize("split", ["test", "forget"])
def test_a_file_without_test_or_forget_records_is_refused(read, rows, split):
    assert f"expected {split} records" in refused(read, [row for row in rows if row["split"] != split])


def test_a_test_split_of_one_class_is_refused(read, rows):
    changed = [row for row in rows if row["split"] != "test" or row["label"] == "benign"]

    assert "expected positive and negative test records, found 0 positive" in refused(read, changed)


def test_train_without_a_list_of_whom_to_forget_is_refused(read, rows):
    assert "add --forget CSV" in refused(read, [{**row, "split": "train"} for row in rows])


@pytest.mark.parametrize(
    ("listed", "words"),
    [("7", "'7' against '00007'"), ("00007.0", "'00007.0' against '00007'"), ("99999", "are not in"),
     ("00230", "have no record in train")],
)  # fmt: skip
def test_ids_of_a_list_that_differ_are_refused_with_what_differs(read, rows, tmp_path, listed, words):
    (tmp_path / "ids.csv").write_text(f"id\n{listed}\n")
    changed = [{**row, "split": "test" if row["split"] == "test" else "train"} for row in rows]
    with pytest.raises(CaseError) as caught:
        read(changed, forget=tmp_path / "ids.csv")

    assert words in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("respell", "words"),
    [(lambda item: item.lstrip("0") or "0", "zeros in front"), (lambda item: f"{item}.0", "'.0' behind"),
     (lambda item: f"{item}.png", "the file's ending")],
)  # fmt: skip
def test_ids_that_differ_between_files_are_refused_with_what_differs(rows, policy, tmp_path, respell, words):
    ours = [{k: v for k, v in row.items() if not k.startswith("unlearned")} for row in rows]
    theirs = [{"id": respell(r["id"]), **{k: v for k, v in r.items() if k.startswith("unlearned")}} for r in rows]
    paths = [write_rows(tmp_path / "a.csv", ours), write_rows(tmp_path / "b.csv", theirs)]
    with pytest.raises(AuditError) as caught:
        read_predictions(paths, policy, Facts("tests", "now"))

    assert words in caught.value.hint


def test_files_that_contradict_one_another_are_refused_with_the_record(rows, policy, tmp_path):
    ours = [{k: v for k, v in row.items() if not k.startswith("unlearned")} for row in rows]
    theirs = [{k: v for k, v in row.items() if ":" not in k or k.startswith("unlearned")} for row in rows]
    theirs[3] = {**theirs[3], "label": "benign", "split": "test"}
    paths = [write_rows(tmp_path / "a.csv", ours), write_rows(tmp_path / "b.csv", theirs)]

    with pytest.raises(AuditError, match="record '00003': 'split' is 'retain' in"):
        read_predictions(paths, policy, Facts("tests", "now"))


def test_a_long_file_with_a_missing_answer_is_refused_with_record_and_model(read, rows):
    changed = [{"id": r["id"], "split": r["split"], "label": r["label"], "model": m, "p": r[f"{m}:malignant"]}
            for r in rows for m in ("original", "unlearned")]  # fmt: skip

    assert "found no row for record '00001', model 'unlearned'" in refused(read, changed[:3] + changed[4:])
    assert "found more than one row for record '00001', model 'original'" in refused(read, [*changed, changed[2]])


def test_a_long_file_whose_rows_disagree_on_a_record_is_refused(read, rows):
    changed = [{"id": r["id"], "split": r["split"], "label": r["label"], "model": m, "p": r[f"{m}:malignant"]}
            for r in rows for m in ("original", "unlearned")]  # fmt: skip
    changed[5] = {**changed[5], "label": "malignant" if changed[5]["label"] == "benign" else "benign"}

    assert "record '00002' has 'label' as" in refused(read, changed)


@pytest.mark.parametrize(
    "content",
    ["model,accuracy,fnr\noriginal,0.93,0.1\nunlearned,0.91,0.2\n", "metric,value\nglobal risk,0.4\n"],
)
def test_aggregate_figures_are_observation_only_and_the_message_says_what_is_needed(read, content):
    message = refused(read, content)

    assert "one row for each record with id, split, label and every model's probabilities is needed" in message
    assert "observation only" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected a header"),
        (b"id,split\n", "expected one row for each record, found none"),
        ("id,split,l\u00e4bel\n1,test,x\n".encode("latin-1"), "expected text in UTF-8"),
        ("id,split\n1,t\u00e4st\n".encode("latin-1"), "not a CSV"),
        ("id,split\n1,test\n".encode("utf-16"), "expected text in UTF-8"),
        (b"id,id,split\n1,1,test\n", "'id' more than once"),
        (b"id,split,label\n1,test\n", "is not a CSV of 3 columns throughout"),
        (b"id,split,label\n" + b"x" * 5000, "is not a CSV of 3 columns throughout"),
        (b"\x00\x01\x02", "expected a header"),
    ],
)
def test_broken_files_are_refused(read, content, words):
    assert words in refused(read, content)


def test_a_broken_parquet_file_and_another_format_are_refused(read):
    assert "not a readable Parquet file" in refused(read, b"PAR1xxxxPAR1", name="p.parquet")
    assert ".csv or .parquet" in refused(read, b"{}", name="results.json")


def test_a_file_beyond_the_bound_is_refused_before_it_is_read(read, rows, monkeypatch):
    monkeypatch.setattr(limits, "TABLE_FILE", replace(limits.TABLE_FILE, most=1_000))

    assert "expected at most 1,000 bytes of predictions" in refused(read, rows)


def test_a_parquet_file_that_unpacks_beyond_the_bound_is_refused_before_it_is_read(policy, tmp_path, monkeypatch):
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"id": np.zeros(4_000_000, dtype=np.int64)}), path, use_dictionary=False)
    monkeypatch.setattr(limits, "TABLE_FILE", replace(limits.TABLE_FILE, most=10_000_000))
    assert path.stat().st_size < 10_000_000

    with pytest.raises(AuditError, match="once unpacked"):
        read_predictions([path], policy, Facts("tests", "now"))


def test_a_long_file_cannot_ask_for_room_that_it_does_not_fill(read):
    rows = [{"id": str(i), "split": "test", "label": "benign", "model": f"m{i}", "p": 0.5} for i in range(2_000)]

    assert "expected one row for each record and model, found 2000 rows" in refused(read, rows)


def test_predictions_without_retained_records_need_the_number_of_training_records(read, rows):
    assert "training_records" in refused(read, [row for row in rows if row["split"] != "retain"])


def test_a_name_that_cannot_stand_in_an_address_is_refused(read, rows):
    changed = [{k.replace("retrained:", "../../etc:"): v for k, v in row.items()} for row in rows]

    assert "expected model names of letters" in refused(read, changed)


def single(rows, labels):
    facts = ("id", "split", "label")
    flat = [{**{k: r[k] for k in facts}, **{m: r[f"{m}:malignant"] for m in ("original", "unlearned")}} for r in rows]
    return [{**row, "label": labels[row["label"]]} for row in flat]


def positive_by(policy, *positive, **names):
    return policy.model_copy(update={"task": policy.task.model_copy(update={"positive": positive, **names})})


def test_a_declared_class_never_becomes_negative_by_another_spelling_in_the_policy(read, rows, policy):
    changed = single(rows, {"malignant": "basal", "benign": "nv"})

    assert "has no class 'bcc'" in refused(
        read, changed, under=positive_by(policy, "mel", "bcc"), classes=("nv", "mel", "basal")
    )


def test_the_policys_name_for_positives_stays_positive_where_the_case_declares_it(read, rows, policy):
    evidence = read(rows, under=positive_by(policy, "mel"), classes=("benign", "malignant"))

    assert evidence.is_positive.sum() == sum(row["label"] == "malignant" for row in rows)


def test_a_name_that_is_a_class_and_its_opposite_is_refused(read, rows, policy):
    changed = single(rows, {"malignant": "in situ", "benign": "nv"})

    assert "give the policy's task another positive_name" in refused(
        read, changed, under=positive_by(policy, "in situ"), classes=("nv", "malignant", "in situ")
    )
    assert "counts as positive" in refused(read, changed, under=positive_by(policy, "in situ", negative_name="in situ"))


def test_a_positive_class_by_number_is_its_place_among_the_declared_classes(read, rows, policy):
    changed = single(rows, {"malignant": "mel", "benign": "nv"})
    evidence = read(changed, under=positive_by(policy, "0"), classes=("mel", "nv"))

    assert evidence.is_positive.sum() == sum(row["label"] == "mel" for row in changed)
