"""What is assumed about predictions is verified or said; what speaks against them is refused or said first."""

import csv
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.prediction_files import MODELS, POLICY, find_entry, make_rows, write_rows
from unlearn_audit.errors import AuditError
from unlearn_audit.evidence.predictions import Facts, read_predictions
from unlearn_audit.pipeline.audit import judge, name_known
from unlearn_audit.policy import ColumnNames, parse_policy
from unlearn_audit.records.intake import PROPERTIES, STATUS_OF, note_intake
from unlearn_audit.records.messages import load_catalogue


def refused(read, content, **facts):
    with pytest.raises(AuditError) as caught:
        read(content, **facts)
    return f"{caught.value.message}\n{caught.value.hint}"


def codes(evidence):
    return {entry.code for entry in evidence.provenance.intake}


def with_column(rows, name, make):
    return [{**row, name: make(index)} for index, row in enumerate(rows)]


# names of columns


@pytest.mark.parametrize("name", ["record", "fraction", "split_", "id_", "records"])
def test_no_column_shadows_the_ids_of_a_list_whatever_it_is_called(read, rows, tmp_path, name):
    train = [{**row, "split": {"retain": "train", "forget": "train"}.get(row["split"], row["split"])} for row in rows]
    changed = with_column(train, name, lambda index: str(index % 7))
    (tmp_path / "list.csv").write_text("id\n" + "\n".join(row["id"] for row in changed[:12]))
    evidence = read(changed, forget=tmp_path / "list.csv")

    assert evidence.ids[evidence.split == "forget"].tolist() == [row["id"] for row in changed[:12]]
    assert evidence.provenance.forget.by == "record"


def test_a_list_may_name_a_column_called_record_and_the_report_tells_it_from_record_ids(read, rows, tmp_path):
    changed = [{**row, "split": {"forget": "train", "retain": "train"}.get(row["split"], row["split"])} for row in rows]
    changed = with_column(changed, "record", lambda index: f"k{index // 4}")
    (tmp_path / "list.csv").write_text("record\nk1\nk2\n")
    evidence = read(changed, forget=tmp_path / "list.csv")

    assert evidence.provenance.forget.count == 8
    assert evidence.provenance.forget.by == "column record"


def test_a_header_that_is_the_tables_own_name_for_ids_is_a_header(read, rows, tmp_path):
    train = [{"image": row["id"], **{k: v for k, v in row.items() if k != "id"}} for row in rows]
    train = [{**row, "split": {"retain": "train", "forget": "train"}.get(row["split"], row["split"])} for row in train]
    (tmp_path / "list.csv").write_text("image\n" + "\n".join(row["image"] for row in train[:9]))
    evidence = read(train, forget=tmp_path / "list.csv", columns=ColumnNames(id="image"))

    assert evidence.provenance.forget.count == 9


def test_a_header_that_names_nothing_is_said_to_be_one(read, rows, tmp_path):
    changed = [{**row, "split": {"retain": "train", "forget": "train"}.get(row["split"], row["split"])} for row in rows]
    (tmp_path / "list.csv").write_text("MRN\n00001\n00002\n")

    assert "'MRN' stands in the first line: if it is a header" in refused(read, changed, forget=tmp_path / "list.csv")


# one person, several spellings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0012", "12"),
        ("12", "12.0"),
        ("P-7", "p-7"),
        ("P 7", "P7"),
        ("\uff211", "A1"),
        ("p\u00e9", "pe\u0301"),
        ("p\u20101", "p-1"),
        ("HAM_0001", "HAM_1"),
        ("p\u200b1", "p1"),
    ],
)
def test_one_patient_spelt_in_two_ways_is_refused_with_both(read, rows, one, other):
    changed = with_column(rows, "patient_id", lambda index: one if index == 0 else other if index == 1 else f"x{index}")

    message = refused(read, changed)
    assert "may spell one person or group in several ways" in message
    assert repr(one) in message or one in message


def test_record_ids_that_differ_by_spelling_alone_are_refused(read, change):
    assert "column 'id' may spell one record in several ways" in refused(read, change(5, id="4"))


@pytest.mark.parametrize("value", ["2.02E+16", "2,02E+16", "1e+17", "20210000000000123.0"])
def test_digits_that_a_spreadsheet_lost_are_refused(read, rows, value):
    message = refused(read, with_column(rows, "patient_id", lambda index: value if index < 3 else f"x{index}"))

    assert "whose last digits are lost" in message


@pytest.mark.parametrize(("dtype", "value"), [(np.float64, 2.0**53 + 2), (np.float32, 2.0**24 + 2)])
def test_ids_that_went_through_floats_too_narrow_for_them_are_refused(rows, policy, tmp_path, dtype, value):
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns = {name: [float(v) for v in values] if ":" in name else values for name, values in columns.items()}
    columns["patient_id"] = (np.arange(len(rows)) * 2 + value).astype(dtype)
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")

    with pytest.raises(AuditError, match="too large to be exact"):
        read_predictions([tmp_path / "p.parquet"], policy, Facts("tests", "now"))


@pytest.mark.parametrize("spelt", ["", "NA", "None", "nan", "NULL", "<NA>", "NaT", "#N/A", "?", "-", "unknown", "\\N"])
def test_unknown_patients_are_unknown_however_they_are_written_and_counted(read, rows, spelt):
    changed = with_column(rows, "patient_id", lambda index: spelt if index % 3 == 0 else f"x{index // 2}")
    evidence = read(changed, columns=ColumnNames(groups=("patient_id",)))

    assert (evidence.groups["patient_id"] == "").sum() == 80
    assert find_entry(evidence, "unknown.counted").details["count"] == 80


@pytest.mark.parametrize("code", ["-1", "-999", "9999", "0", "999.0", "anonymous", "XXX"])
def test_a_code_for_unknown_is_never_one_big_patient(read, rows, code):
    changed = with_column(rows, "patient_id", lambda index: code if index % 3 == 0 else f"x{index // 2}")

    assert "it looks like a code for unknown" in refused(read, changed)


@pytest.mark.parametrize("word", ["inconnu", "desconocido", "na.", "no", "TBD", "not provided", "\u4e0d\u660e"])
def test_a_word_among_numbers_is_a_code_in_whatever_language(read, rows, word):
    changed = with_column(rows, "patient_id", lambda index: word if index % 3 == 0 else f"x{index // 2}")

    assert "it looks like a code for unknown" in refused(read, changed)


def test_names_are_no_codes_where_persons_are_named(read, rows):
    changed = with_column(rows, "patient_id", lambda index: "many" if index % 3 == 0 else chr(97 + index % 20))

    assert read(changed, columns=ColumnNames(groups=("patient_id",))).groups["patient_id"].tolist().count("many") == 80


def test_dates_stay_dates(rows, policy, tmp_path):
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns = {name: [float(v) for v in values] if ":" in name else values for name, values in columns.items()}
    columns["visit"] = pa.array(np.full(len(rows), "2024-02-29", dtype="datetime64[ns]"))
    columns["seen"] = pa.array([None if i % 2 else 19_782 for i in range(len(rows))], pa.date32())
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    facts = Facts("tests", "now", columns=ColumnNames(groups=("visit", "seen")))
    groups = read_predictions([tmp_path / "p.parquet"], policy, facts).groups

    assert set(groups["visit"].tolist()) == {"2024-02-29"}
    assert set(groups["seen"].tolist()) == {"", "2024-02-29"}


# labels and scores


@pytest.mark.parametrize("labels", [("0", "1"), ("0.0", "1.0"), ("False", "True"), ("1", "0")])
def test_bare_numbers_are_no_labels_until_the_case_says_what_they_mean(read, rows, labels):
    spelt = dict(zip(("benign", "malignant"), labels, strict=True))

    message = refused(read, [{**row, "label": spelt[row["label"]]} for row in rows])
    assert "--classes benign,malignant" in message


@pytest.mark.parametrize(
    ("spelt", "facts"),
    [
        ({"benign": "0.0", "malignant": "1.0"}, {"classes": ("benign", "malignant")}),
        ({"benign": "1.0", "malignant": "0.0"}, {"classes": ("malignant", "benign")}),
        ({"benign": "False", "malignant": "True"}, {"classes": ("benign", "malignant")}),
        ({"benign": "B", "malignant": "M"}, {"labels": {"B": "benign", "M": "malignant"}}),
        ({"benign": "1", "malignant": "0"}, {"labels": {"0": "malignant", "1": "benign"}}),
    ],
)
def test_labels_mean_what_the_case_declares(read, rows, spelt, facts):
    evidence = read([{**row, "label": spelt[row["label"]]} for row in rows], **facts)

    assert [evidence.classes[index] for index in evidence.label] == [row["label"] for row in rows]
    assert codes(evidence) & {"labels.numbers", "labels.mapped"}


def single(rows, make):
    return [
        {"id": row["id"], "split": row["split"], "label": row["label"], **{m: make(row, m) for m in MODELS}}
        for row in rows
    ]


def test_the_largest_probability_is_refused_as_the_positive_classs(read, rows):
    changed = single(rows, lambda row, m: max(row[f"{m}:benign"], row[f"{m}:malignant"], key=float))

    assert "holds the largest probability, that of the predicted class" in refused(read, changed)


def test_the_largest_probability_of_one_model_alone_is_refused_too(read, rows):
    changed = single(
        rows,
        lambda row, m: (
            max(row[f"{m}:benign"], row[f"{m}:malignant"], key=float) if m == "unlearned" else row[f"{m}:malignant"]
        ),
    )

    assert "the one column of 'unlearned'" in refused(read, changed)


def test_a_model_that_calls_every_record_positive_is_judged_and_said_to_be_so(read, rows):
    changed = single(
        rows, lambda row, m: repr(0.5 + float(row[f"{m}:malignant"]) / 2) if m == "unlearned" else row[f"{m}:malignant"]
    )

    assert "calls every record positive" in find_entry(read(changed), "scores.one-sided").text


@pytest.mark.parametrize("models", [MODELS, ("unlearned",)])
def test_the_smallest_probability_is_refused_as_the_positive_classs(read, rows, models):
    changed = single(
        rows,
        lambda row, m: (
            min(row[f"{m}:benign"], row[f"{m}:malignant"], key=float) if m in models else row[f"{m}:malignant"]
        ),
    )

    assert "never above 0.5" in (message := refused(read, changed))
    assert "holds the smallest probability" in message


def test_the_largest_probability_is_known_though_rounding_put_a_few_below_one_half(read, rows):
    changed = single(rows, lambda row, m: max(row[f"{m}:benign"], row[f"{m}:malignant"], key=float))
    for row in changed[:2]:
        row.update(dict.fromkeys(MODELS, "0.4999"))

    assert "almost never below 0.5" in refused(read, changed)


def test_a_rare_class_that_no_record_is_sure_of_is_read_as_it_is(read, rows):
    changed = single(rows, lambda row, m: repr(float(row[f"{m}:malignant"]) / 2.1))

    assert find_entry(read(changed), "scores.single")


def test_a_model_that_collapsed_to_either_side_is_judged(read, rows):
    rng = np.random.default_rng(5)
    for low in (0.0, 0.9):
        changed = single(
            rows, lambda row, m, at=low: repr(at + 0.1 * rng.random()) if m == "unlearned" else row[f"{m}:malignant"]
        )
        assert read(changed)


# answers and records


def shuffle(rows, among, models=MODELS, seed=3):
    rng = np.random.default_rng(seed)
    places = [index for index, row in enumerate(rows) if row["split"] in among]
    shuffled = [dict(row) for row in rows]
    for target, source in zip(places, rng.permutation(places), strict=True):
        shuffled[target] |= {k: v for k, v in rows[source].items() if k.partition(":")[0] in models}
    return shuffled


LARGE = {"retain": 300, "forget": 120, "validation": 60, "test": 200}


@pytest.mark.parametrize("among", [("retain", "forget"), ("retain",), ("forget",)])
def test_answers_at_other_records_ids_are_said_and_forgetting_is_not_run(read, policy, among):
    evidence = read(shuffle(make_rows(sizes=LARGE), among))
    record = judge(policy, evidence)
    outcomes = {check.id: check.outcome.value for check in record.verdict.checks}

    assert "alignment.mismatch" in codes(evidence)
    assert {outcomes["forgotten"], outcomes["forgotten-malignant"], outcomes["as-retrained"]} == {"not_run"}
    assert record.outcome.value != "pass"


def test_answers_of_the_unlearned_model_alone_at_other_ids_are_said(read):
    evidence = read(shuffle(make_rows(sizes=LARGE), ("retain",), models=("unlearned",)))

    assert find_entry(evidence, "alignment.mismatch").details["model"] == "unlearned"


@pytest.mark.parametrize("seed", range(5))
def test_answers_at_their_own_records_are_never_called_shuffled(read, seed):
    assert not {"alignment.mismatch"} & codes(read(make_rows(seed=seed, sizes=LARGE)))


def test_a_model_that_answers_as_the_original_is_said_to(read, rows):
    changed = [
        {**row, "unlearned:benign": row["original:benign"], "unlearned:malignant": row["original:malignant"]}
        for row in rows
    ]
    entry = find_entry(read(changed), "equality.same-answers")

    assert entry.status == "contradicted"
    assert entry.details == {"model": "unlearned", "other": "original"}


# columns


def test_only_columns_that_policy_or_case_name_enter_the_evidence(read, rows, policy):
    changed = with_column(rows, "patient_name", lambda index: f"Meier {index}")
    changed = with_column(changed, "birth_date", lambda index: f"19{index % 80 + 10}-01-02")
    changed = with_column(changed, "PatientAge", lambda index: "045Y")
    evidence = read(changed)

    assert evidence.groups == {}
    assert {"patient_name", "birth_date", "PatientAge", "patient_id"} == set(
        find_entry(evidence, "columns.left-out").details["columns"]
    )
    clustered = policy.model_copy(update={"protocol": policy.protocol.model_copy(update={"cluster": "patient_id"})})
    assert list(read(changed, under=clustered).groups) == ["patient_id"]


@pytest.mark.parametrize(("name", "age"), [("PatientAge", "045Y"), ("age_approx", "45.0"), ("age", "45,5")])
def test_every_column_of_ages_is_kept_in_bands_even_where_it_is_asked_for(read, rows, name, age):
    evidence = read(with_column(rows, name, lambda _: age), columns=ColumnNames(groups=(name,)))

    assert set(evidence.groups) == {f"{name}_band"}
    assert set(evidence.groups[f"{name}_band"].tolist()) == {"40 to 59"}


def test_a_column_like_a_models_answers_is_said_not_to_be_read(read, rows):
    changed = single(rows, lambda row, m: row[f"{m}:malignant"])
    changed = [{**row, "scrub": "0.25" if index % 2 else "0.75"} for index, row in enumerate(changed)]

    assert find_entry(read(changed), "models.look-alike").details["columns"] == ["scrub"]


@pytest.mark.parametrize("wide", [True, False])
def test_roles_are_known_whatever_their_capitals(read, rows, wide):
    changed = rows if wide else single(rows, lambda row, m: row[f"{m}:malignant"])
    changed = [
        {k.replace("unlearned", "Unlearned").replace("original", "ORIGINAL"): v for k, v in r.items()} for r in changed
    ]

    assert set(read(changed).log_probs) == set(MODELS)


def test_unused_columns_of_any_type_do_not_matter(rows, policy, tmp_path):
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns = {name: [float(v) for v in values] if ":" in name else values for name, values in columns.items()}
    columns["embedding"] = pa.array([[1.0, 2.0]] * len(rows))
    columns["meta"] = pa.array([{"a": 1}] * len(rows))
    columns["blob"] = pa.array([b"\xff"] * len(rows))
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    evidence = read_predictions([tmp_path / "p.parquet"], policy, Facts("tests", "now"))

    assert {"embedding", "meta", "blob"} <= set(find_entry(evidence, "columns.left-out").details["columns"])


# how files come


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_the_index_that_pandas_writes_is_left_out_and_said(read, rows, name):
    evidence = read([{name: str(index), **row} for index, row in enumerate(rows)])

    assert "columns.index" in codes(evidence)
    assert evidence.ids[3] == "00003"


def test_an_index_without_a_name_that_is_no_count_names_the_records(read, rows):
    changed = [{"": f"img{index:04}", **{k: v for k, v in row.items() if k != "id"}} for index, row in enumerate(rows)]
    evidence = read(changed)

    assert evidence.ids[3] == "img0003"
    assert "ids.index" in codes(evidence)


def test_a_file_written_by_pandas_is_read(policy, tmp_path, rows):
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    pd.DataFrame(rows).to_csv(tmp_path / "p.csv")
    frame = pd.DataFrame(rows).set_index("id")
    frame[[name for name in frame if ":" in name]] = frame[[name for name in frame if ":" in name]].astype(float)
    frame.to_parquet(tmp_path / "p.parquet")
    one, other = (read_predictions([tmp_path / f"p.{end}"], policy, Facts("t", "now")) for end in ("csv", "parquet"))

    assert one.ids.tolist() == other.ids.tolist() == [row["id"] for row in rows]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_lines_end_as_on_any_system(read, rows, tmp_path, end):
    write_rows(tmp_path / "x.csv", rows)
    text = (tmp_path / "x.csv").read_text().replace("\r\n", "\n").replace("\n", end)

    assert len(read(text.encode())) == len(rows)


def test_one_file_for_each_split_is_put_together(policy, tmp_path, rows):
    paths = [
        write_rows(tmp_path / f"part_{part}.csv", [row for row in rows if row["split"] == part])
        for part in ("retain", "forget", "validation", "test")
    ]
    evidence = read_predictions(paths, policy, Facts("tests", "now"))

    assert sorted(evidence.ids.tolist()) == sorted(row["id"] for row in rows)


def test_files_of_one_split_each_may_say_it_in_their_names(policy, tmp_path, rows):
    paths = []
    for part, name in {"retain": "retain", "forget": "forget", "validation": "val", "test": "test"}.items():
        kept = [{k: v for k, v in row.items() if k != "split"} for row in rows if row["split"] == part]
        paths.append(write_rows(tmp_path / f"model_{name}.csv", kept))
    evidence = read_predictions(paths, policy, Facts("tests", "now"))

    assert evidence.split.tolist() == [row["split"] for row in rows]
    assert find_entry(evidence, "splits.file-names").status == "assumed"


def test_a_file_without_ids_that_holds_everything_is_numbered_and_said(read, rows):
    evidence = read([{k: v for k, v in row.items() if k != "id"} for row in rows])

    assert evidence.ids[2] == "predictions-2"
    assert "ids.numbered" in codes(evidence)


def test_files_of_single_models_without_ids_are_never_joined_by_their_order(policy, tmp_path, rows):
    paths = []
    for model in MODELS:
        kept = [{k: v for k, v in row.items() if k in ("split", "label") or k.startswith(model)} for row in rows]
        paths.append(write_rows(tmp_path / f"{model}.csv", kept))
    with pytest.raises(AuditError) as refusal:
        read_predictions(paths, policy, Facts("tests", "now"))
    assert "expected answers of every model on every record" in refusal.value.message


def test_files_of_medmnists_evaluator_are_read_with_a_table_of_labels(policy, tmp_path, rows):
    labels, paths = [], []
    for part in ("retain", "forget", "validation", "test"):
        kept = [row for row in rows if row["split"] == part]
        labels += [{"id": f"{part}-{i}", "split": part, "label": row["label"]} for i, row in enumerate(kept)]
        for model in MODELS:
            path = tmp_path / f"breastmnist_{part}_[AUC]0.9_[ACC]0.8@{model}.csv"
            with path.open("w", newline="") as file:
                csv.writer(file).writerows(
                    [i, row[f"{model}:malignant"], row[f"{model}:benign"]] for i, row in enumerate(kept)
                )
            paths.append(path)
    facts = Facts("tests", "now", classes=("malignant", "benign"))
    with pytest.raises(AuditError) as refusal:
        read_predictions(paths, policy, facts)
    assert "with the ids of the answers, such as 'retain-0'" in refusal.value.hint
    evidence = read_predictions([*paths, write_rows(tmp_path / "labels.csv", labels)], policy, facts)

    assert len(evidence) == len(rows)
    assert set(evidence.log_probs) == set(MODELS)


def test_numbers_without_a_header_ask_for_one(read):
    assert "expected a header in the first line, found numbers" in refused(read, "0,0.1,0.9\n1,0.2,0.8\n")


# bounds


def test_a_table_of_equal_values_is_refused_before_it_fills_the_memory(policy, tmp_path):
    n = 4_000_000
    columns = {"id": pa.repeat("x", n), "split": pa.repeat("test", n), "label": pa.repeat("benign", n)}
    columns |= {f"{m}:{c}": pa.repeat(0.5, n) for m in MODELS for c in ("benign", "malignant")}
    pq.write_table(pa.table(columns), tmp_path / "bomb.parquet")

    with pytest.raises(AuditError, match="claim to hold 4,000,000 rows"):
        read_predictions([tmp_path / "bomb.parquet"], policy, Facts("tests", "now"))


def test_endless_cells_are_refused(read, change):
    assert "expected at most 1,000 characters a cell" in refused(read, change(3, id="x" * 5_000))


# the summary itself


def test_every_reader_of_predictions_speaks_of_every_property(read, rows, policy):
    clustered = policy.model_copy(update={"protocol": policy.protocol.model_copy(update={"cluster": "patient_id"})})
    long = [
        {**{k: v for k, v in row.items() if ":" not in k}, "model": m, "p": row[f"{m}:malignant"]}
        for row in rows
        for m in MODELS
    ]
    layouts = (rows, single(rows, lambda row, m: row[f"{m}:malignant"]), long)
    for content in layouts:
        for under in (policy, clustered):
            spoken = {entry.property for entry in read(content, under=under).provenance.intake}
            assert set(PROPERTIES["predictions"]) <= spoken


def test_what_a_reader_must_judge_stands_first(read, rows):
    statuses = [entry.status for entry in read(rows).provenance.intake]

    assert statuses == sorted(statuses, key=("contradicted", "assumed", "left-out", "declared", "verified").index)


def test_a_text_cannot_act_on_a_terminal():
    entry = note_intake("columns.left-out", columns=["a\x1b[31mb", "\u202ec"])

    assert entry.text.isprintable()


def test_no_entry_names_a_record_or_a_person(read, rows):
    evidence = read(rows)
    texts = " ".join(entry.text for entry in evidence.provenance.intake)

    assert not [name for name in (*evidence.ids.tolist(), "p17") if f"'{name}'" in texts]


def test_every_code_makes_its_text_from_its_details():
    import string

    for code in STATUS_OF:
        fields = [(name, how) for _, name, how, _ in string.Formatter().parse(load_catalogue()[code]) if name]
        assert note_intake(code, **{name: 0.5 if how == ".2g" else ["x"] for name, how in fields}).text


def test_every_entry_of_the_catalogue_with_a_property_has_a_status():
    assert {code for code in load_catalogue() if "." in code} == set(STATUS_OF)


def test_the_evidence_file_keeps_the_intake(read, rows, tmp_path):
    from unlearn_audit.evidence.parquet import read_evidence, to_parquet

    evidence = read(rows)
    (tmp_path / "e.parquet").write_bytes(to_parquet(evidence))

    assert read_evidence(tmp_path / "e.parquet").provenance.intake == evidence.provenance.intake
    assert replace(evidence).digest() == evidence.digest()


def test_the_policy_asks_for_columns_by_their_bands_too(read, rows):
    text = POLICY + "subgroups: {columns: [age_band]}\n"
    banded = parse_policy(text, "banded.yaml", name_known())

    assert set(read(with_column(rows, "age", lambda _: "63"), under=banded).groups) == {"age_band"}
