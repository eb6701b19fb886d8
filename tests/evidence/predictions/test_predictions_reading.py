"""Predictions made elsewhere: every way of writing the same answers gives the same evidence."""

import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.prediction_files import POLICY, find_entry, write_rows
from unlearn_audit.errors import DataError, EvidenceError
from unlearn_audit.evidence.predictions import Facts, read_predictions
from unlearn_audit.evidence.predictions.scores import to_log_probs
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.subgroups import list_groups
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import ColumnNames, ExternalDataFacts, ExternalModelFacts, parse_policy

CLASSES = ("benign", "malignant")
MODELS = ("original", "retrained", "unlearned")


def same(one, other):
    """Whether two pieces of evidence say the same of the same records, in whatever order they hold them."""
    ours, theirs = np.argsort(one.ids), np.argsort(other.ids)
    columns = [(one.ids, other.ids), (one.split, other.split), (one.label, other.label)]
    columns += [(one.groups[name], other.groups[name]) for name in one.groups]
    columns += [(np.exp(one.log_probs[m]).round(12), np.exp(other.log_probs[m]).round(12)) for m in one.log_probs]
    assert list(one.groups) == list(other.groups)
    return all((mine[ours] == yours[theirs]).all() for mine, yours in columns)


def test_a_wide_file_holds_what_it_says(read, rows):
    evidence = read(rows)

    assert evidence.ids.tolist() == [row["id"] for row in rows]
    assert evidence.split.tolist() == [row["split"] for row in rows]
    assert [evidence.classes[index] for index in evidence.label] == [row["label"] for row in rows]
    for model in MODELS:
        expected = [[float(row[f"{model}:{name}"]) for name in CLASSES] for row in rows]
        np.testing.assert_allclose(np.exp(evidence.log_probs[model]), expected, atol=1e-12)


def test_ids_keep_their_zeros(read, rows):
    assert read(rows).ids[7] == "00007"


def test_the_provenance_says_brought_along_with_the_files_digest(read, rows, tmp_path):
    import hashlib

    provenance = read(rows).provenance
    digest = hashlib.sha256((tmp_path / "predictions.csv").read_bytes()).hexdigest()

    assert provenance.data.sha256 == digest
    assert digest in provenance.data.source
    assert {card.method for card in provenance.models} == {"external"}
    assert [card.role for card in provenance.models] == ["original", "retrained", "unlearned"]
    assert "neither ran the models nor saw the data" in provenance.notes[0].text
    assert provenance.forget.count == 40
    assert provenance.forget.fraction == 0.4
    assert "torch" not in provenance.environment


def long_rows(rows):
    for row in rows:
        for model in MODELS:
            facts = {name: row[name] for name in ("id", "split", "label", "patient_id")}
            yield facts | {"model": model, **{f"p:{name}": row[f"{model}:{name}"] for name in CLASSES}}


def longest_rows(rows):
    for row in long_rows(rows):
        for name in CLASSES:
            yield {k: v for k, v in row.items() if ":" not in k} | {"class": name, "probability": row[f"p:{name}"]}


def single_rows(rows):
    for row in rows:
        yield {k: v for k, v in row.items() if ":" not in k} | {model: row[f"{model}:malignant"] for model in MODELS}


@pytest.mark.parametrize("layout", [long_rows, longest_rows, single_rows])
def test_other_layouts_say_the_same(read, rows, layout):
    assert same(read(rows), read(list(layout(rows))))


def test_the_order_of_rows_and_columns_does_not_matter(read, rows):
    shuffled = [dict(reversed(row.items())) for row in reversed(rows)]
    one, other = read(rows), read(shuffled)

    assert other.classes == ("malignant", "benign")
    assert (one.is_positive[np.argsort(one.ids)] == other.is_positive[np.argsort(other.ids)]).all()
    np.testing.assert_allclose(one.positive_probability("original"), other.positive_probability("original")[::-1])


def test_semicolons_with_decimal_commas_a_byte_order_mark_and_windows_line_ends_are_read(read, rows):
    lines = [";".join(rows[0]), *(";".join(str(v).replace(".", ",") for v in row.values()) for row in rows)]

    assert same(read(rows), read(("\ufeff" + "\r\n".join(lines) + "\r\n\r\n").encode()))


def test_parquet_with_numbers_and_categories_says_the_same(read, rows, tmp_path, policy):
    table = {
        "id": [row["id"] for row in rows],
        "split": pa.array([row["split"] for row in rows]).dictionary_encode(),
        "label": [row["label"] for row in rows],
        "patient_id": [row["patient_id"] for row in rows],
    }
    table |= {name: [float(row[name]) for row in rows] for name in rows[0] if ":" in name}
    pq.write_table(pa.table(table), tmp_path / "p.parquet")
    external = read_predictions([tmp_path / "p.parquet"], policy, Facts(case="tests", created="now"))

    assert same(read(rows), external)


def test_one_file_for_each_model_is_joined_by_id(read, rows, tmp_path, policy):
    paths = []
    for model in MODELS:
        mine = [{k: v for k, v in row.items() if ":" not in k or k.startswith(model)} for row in rows]
        if model != "original":  # facts need to stand in one of the files only
            mine = [{k: v for k, v in row.items() if k == "id" or ":" in k} for row in mine[::-1]]
        paths.append(write_rows(tmp_path / f"{model}.csv", mine))

    assert same(read(rows), read_predictions(paths, policy, Facts(case="tests", created="now")))


@pytest.mark.parametrize(("kind", "shift"), [("logits", 3.7), ("log-probabilities", 0.0)])
def test_logits_and_log_probabilities_say_the_same_when_declared(read, rows, kind, shift):
    logged = [{k: repr(float(np.log(float(v)) + shift)) if ":" in k else v for k, v in row.items()} for row in rows]

    assert same(read(rows), read(logged, scores=kind))


def test_a_single_logit_is_that_of_the_positive_class(read, rows):
    changed = [dict(row) for row in single_rows(rows)]
    for row in changed:
        row.update({model: repr(float(np.log(float(row[model]) / (1 - float(row[model]))))) for model in MODELS})

    assert same(read(rows), read(changed, scores="logits"))


def test_train_with_a_forget_list_is_the_same_as_retain_and_forget(read, rows, tmp_path):
    listed = [row["id"] for row in rows if row["split"] == "forget"]
    (tmp_path / "ids.csv").write_text("id\n" + "\n".join(listed))
    trained = [{**row, "split": {"retain": "train", "forget": "train"}.get(row["split"], row["split"])} for row in rows]
    evidence = read(trained, forget=tmp_path / "ids.csv")

    assert same(read(rows), evidence)
    assert evidence.provenance.forget.by == "record"


def test_a_forget_list_of_patients_takes_all_their_training_records(read, rows, tmp_path):
    (tmp_path / "ids.csv").write_text("patient_id\np3\np4\n")
    trained = [{**row, "split": {"retain": "train", "forget": "train"}.get(row["split"], row["split"])} for row in rows]
    evidence = read(trained, forget=tmp_path / "ids.csv")

    assert evidence.ids[evidence.select("forget")].tolist() == ["00006", "00007", "00008", "00009"]


def test_original_classes_are_mapped_by_the_policy_and_what_the_case_declares(read, rows):
    several = [{**row, "label": {"malignant": "melanoma", "benign": "nevus"}[row["label"]]} for row in rows]
    policy = parse_policy(_policy_for("[melanoma]"), "external.yaml", name_known())

    evidence = read(several, under=policy, classes=("nevus", "melanoma"))

    assert same(read(rows), evidence)
    assert evidence.provenance.data.positive == ("melanoma",)


def test_several_output_columns_are_kept_and_their_positives_added_up(read, rows):
    several = []
    for index, row in enumerate(rows):
        fields = {k: v for k, v in row.items() if ":" not in k} | {
            "label": ("mel" if index % 2 else "bcc") if row["label"] == "malignant" else "nv"
        }
        for model in MODELS:
            half = repr(float(row[f"{model}:malignant"]) / 2)
            fields |= {f"{model}:bcc": half, f"{model}:nv": row[f"{model}:benign"], f"{model}:mel": half}
        several.append(fields)
    policy = parse_policy(_policy_for("[mel, bcc]"), "external.yaml", name_known())
    evidence = read(several, under=policy)

    assert evidence.classes == ("bcc", "nv", "mel")
    assert evidence.positive == (0, 2)
    np.testing.assert_allclose(
        evidence.positive_probability("unlearned"), read(rows).positive_probability("unlearned"), atol=1e-12
    )


def test_numbered_columns_are_called_as_the_case_declares(read, rows):
    numbered = [{k.replace("benign", "1").replace("malignant", "0"): v for k, v in row.items()} for row in rows]
    numbered = [{**row, "label": {"benign": "1", "malignant": "0"}[row["label"]]} for row in numbered]
    evidence = read(numbered, classes=("malignant", "benign"))

    assert evidence.classes == ("malignant", "benign")
    assert (evidence.is_positive == read(rows).is_positive).all()


def test_declared_numbers_are_read_as_labels_and_the_intake_says_so(read, rows):
    numbered = [{**row, "label": {"benign": "0", "malignant": "1"}[row["label"]]} for row in rows]
    evidence = read(numbered, classes=("benign", "malignant"))

    assert same(read(rows), evidence)
    assert "0 = benign, 1 = malignant" in find_entry(evidence, "labels.numbers").text


def test_the_case_can_call_columns_and_models_otherwise(read, rows):
    names = {"id": "image", "split": "fold", "label": "dx"}
    changed = [{names.get(k, k.replace("unlearned:", "scrub_v2:")): v for k, v in row.items()} for row in rows]
    evidence = read(
        changed,
        columns=ColumnNames(id="image", split="fold", label="dx", groups=()),
        models={
            "unlearned": ExternalModelFacts(column="scrub_v2", title="SCRUB", made_by="scrub", made_with={"epochs": 5})
        },
        data=ExternalDataFacts(name="Clinic A", source="PACS export", licence="internal", training_records=1_000),
        observations=("Accuracy was 0.93 in the vendor's test.",),
    )
    card = evidence.provenance.find_model("unlearned")

    assert (card.title, card.method, card.parameters) == ("SCRUB", "scrub (external)", {"epochs": 5})
    assert evidence.provenance.data.name == "Clinic A"
    assert evidence.provenance.forget.fraction == 0.04
    assert evidence.groups == {}
    assert evidence.provenance.notes[-1].text.startswith(
        "Observation only, stated with the case and not checked: Accuracy"
    )


def test_further_models_are_compared_and_the_audited_one_stays_first(read, rows):
    changed = [
        {"scrub:benign": row["unlearned:benign"], "scrub:malignant": row["unlearned:malignant"], **row} for row in rows
    ]
    provenance = read(changed).provenance

    assert [card.name for card in provenance.candidates] == ["unlearned", "scrub"]
    assert provenance.find_model("scrub").role == "compared"


def test_ages_become_bands_and_shared_patients_are_found(read, rows):
    changed = [{**row, "age": "57"} for row in rows]
    changed[0]["patient_id"] = changed[-1]["patient_id"]
    evidence = read(changed, columns=ColumnNames(groups=("age",)))

    assert set(evidence.groups["age_band"].tolist()) == {"40 to 59"}
    assert ("retain", "test", 1) in [(*o.splits, o.shared_groups) for o in evidence.provenance.data.overlaps]


SUBGROUPS = "subgroups: {columns: [age_band, size_band], bands: {age: [30, 57], size: [2.5]}}\n"


def test_numbers_become_the_policys_bands_and_not_the_usual_ones(read, rows):
    banded = parse_policy(POLICY + SUBGROUPS, "banded.yaml", name_known())
    ages = ("29.9", "30", "57", "")
    changed = [{**row, "age": ages[i % 4], "size": str(i % 4)} for i, row in enumerate(rows)]
    evidence = read(changed, under=banded)

    assert evidence.groups["age_band"][:4].tolist() == ["under 30", "30 to 56", "57 and over", ""]
    assert evidence.groups["size_band"][:4].tolist() == ["under 2.5"] * 3 + ["2.5 and over"]
    assert not {"age", "size"} & set(evidence.groups)
    assert list_groups(EvaluationContext(evidence, banded), "age_band") == ("30 to 56", "57 and over", "under 30")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"size": "large"}, "column 'size': expected numbers to make bands of"),
        ({"size": "1", "size_band": "under 2.5"}, "found both 'size' and 'size_band'"),
        ({"age": "30", "age_band": "30 to 56"}, "found both 'age' and 'age_band'"),
        ({"age": "700"}, "expected ages between 0 and 130 years, found '700'"),
    ],
)
def test_what_no_band_holds_is_refused(read, rows, more, words):
    banded = parse_policy(POLICY + SUBGROUPS, "banded.yaml", name_known())
    with pytest.raises((DataError, EvidenceError)) as refusal:
        read([{**row, **more} for row in rows], under=banded)
    assert words in refusal.value.message


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_rounded_probabilities_keep_their_order(shares):
    values = np.array(shares)[:, None]
    found = to_log_probs(values, "probabilities", "m", np.array([str(i) for i in range(len(shares))])).log_probs

    order = np.argsort(values[:, 0], kind="stable")
    assert np.isfinite(found).all()
    assert (found <= 0).all()
    assert (np.diff(found[order, 1]) >= 0).all()


def test_probabilities_of_exactly_zero_are_counted_in_the_intake(read, change):
    evidence = read(change(3, unlearned__benign="1", unlearned__malignant="0"))

    text = find_entry(evidence, "scores.zero").text
    assert "1 of 240 answers of 'unlearned' are probabilities of exactly 0 or 1" in text


def test_the_salt_is_fresh_and_binds_the_forget_records(read, rows):
    from unlearn_audit.data import commit

    one, other = read(rows), read(rows)
    listed = one.ids[one.select("forget")].tolist()

    assert one.provenance.forget.salt != other.provenance.forget.salt
    assert one.provenance.forget.commitment == commit(listed, one.provenance.forget.salt)


def test_an_id_may_hold_commas_quotes_and_formulas(read, rows):
    changed = [{**row, "id": f'=cmd|"/c {row["id"]}"!A1, x'} for row in rows]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(changed[0]))
    writer.writeheader()
    writer.writerows(changed)

    assert read(text.getvalue()).ids[0] == '=cmd|"/c 00000"!A1, x'


def _policy_for(positive):
    return POLICY.replace("[malignant]", positive)
