"""Reference models that were made elsewhere: a plan is drawn, anybody trains, the answers are held to the plan."""

import csv
import json
from dataclasses import replace

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.support.prediction_files import POLICY, make_rows, write_rows
from unlearn_audit.errors import EvidenceError, UsageError
from unlearn_audit.evidence.parquet import read_evidence, to_parquet
from unlearn_audit.evidence.predictions.reference_answers import read_references
from unlearn_audit.pipeline.audit import judge, name_known
from unlearn_audit.pipeline.external import Predictions
from unlearn_audit.policy import CaseFile, parse_policy
from unlearn_audit.reference_models.plan import draw_plan

ATTACKS = POLICY.replace("[confidence, modified-entropy]", "[confidence, rmia, lira, u-lira]")


@pytest.fixture
def predictions(tmp_path):
    return write_rows(tmp_path / "predictions.csv", make_rows())


@pytest.fixture
def plan(predictions):
    return draw_plan(predictions, 8, seed=3)


def answer(plan, *, after=("",), seed=0, strength=2.0):
    """Rows as a cluster elsewhere would write them: models that were trained on a record are surer of it."""
    rng = np.random.default_rng(seed)
    truth = {row["id"]: row["label"] for row in make_rows()}
    base = {name: rng.normal(1.0, 1.0) for name in plan.ids.tolist()}
    rows = []
    for method in after:
        for k, mask in enumerate(plan.trained_on):
            for name, used in zip(plan.ids.tolist(), mask.tolist(), strict=True):
                logit = base[name] + strength * (used and not method) + rng.normal(0, 0.3)
                p = 1 / (1 + np.exp(-logit if truth[name] == "malignant" else logit))
                rows.append({"id": name, "reference": f"m{k}", "trained_on": int(used), "unlearned_by": method,
                             "p:benign": repr(float(1 - p)), "p:malignant": repr(float(p))})  # fmt: skip
    return rows


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def evidence(predictions):
    policy = parse_policy(ATTACKS, "external.yaml", name_known())
    return Predictions((predictions,), created="2026-01-02T03:04:05Z").read(policy)


@pytest.fixture
def read(evidence, tmp_path):
    def reader(rows, plan=None):
        return read_references([write(tmp_path / "shadow.csv", rows)], evidence, "probabilities", plan)

    return reader


def test_halves_are_complementary_and_reproducible_and_the_table_says_them(plan, predictions, tmp_path):
    again = draw_plan(predictions, 8, seed=3)
    about, table = plan.write(tmp_path / "plan")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert np.array_equal(plan.trained_on, again.trained_on)
    assert (plan.trained_on[::2, plan.candidates] == ~plan.trained_on[1::2, plan.candidates]).all()
    assert not plan.trained_on[:, plan.split == "validation"].any()
    assert plan.trained_on[:, plan.split == "retain"].all()
    assert [[row[str(k)] == "1" for row in rows] for k in range(8)] == plan.trained_on.tolist()
    facts = json.loads(about.read_text())
    assert (facts["models"], facts["forget"], facts["controls"], len(set(facts["seeds"]))) == (8, 40, 100, 8)


def test_records_of_one_person_stand_on_one_side(predictions):
    plan = draw_plan(predictions, 8, seed=3, by="patient_id")
    patient = np.array([row["patient_id"] for row in make_rows()])

    for split in ("forget", "test"):
        for name in np.unique(patient[plan.split == split]):
            inside = (patient == name) & (plan.split == split)
            assert (plan.trained_on[:, inside] == plan.trained_on[:, inside][:, :1]).all()
    assert plan.candidates[plan.split == "forget"].all()


@pytest.mark.parametrize("models", [2, 5, 514])
def test_a_number_of_models_that_no_attack_can_use_is_refused(predictions, models):
    with pytest.raises(UsageError, match="even number of reference models"):
        draw_plan(predictions, models, seed=1)


def test_a_column_that_is_not_there_is_refused(predictions):
    with pytest.raises(UsageError, match="expected a column 'person'"):
        draw_plan(predictions, 4, seed=1, by="person")


def test_answers_from_elsewhere_give_the_attacks_that_need_reference_models(plan, evidence, read, tmp_path):
    about, _ = plan.write(tmp_path / "plan")
    references, card = read(answer(plan, after=("", "unlearned")), about)
    policy = parse_policy(ATTACKS, "external.yaml", name_known())
    record = judge(policy, replace(evidence, references=references))

    measured = {finding.key.attack for finding in record.findings if "membership" in finding.key.metric}
    assert {"rmia", "lira", "u-lira"} <= measured
    assert np.array_equal(references.trained_on, plan.trained_on)
    assert card.models == 8
    assert "halves drawn beforehand" in card.source


def test_evidence_with_answers_from_elsewhere_reads_back(plan, evidence, read, tmp_path):
    references, card = read(answer(plan))
    provenance = evidence.provenance.model_copy(update={"references": card})
    whole = replace(evidence, references=references, provenance=provenance)
    (tmp_path / "evidence.parquet").write_bytes(to_parquet(whole))
    assert read_evidence(tmp_path / "evidence.parquet").digest() == whole.digest()


def test_order_of_rows_and_models_does_not_matter(plan, read, tmp_path):
    about, _ = plan.write(tmp_path / "plan")
    rows = answer(plan)
    first, _ = read(rows, about)
    renamed = {f"m{k}": f"z{(k * 3) % 8}" for k in range(8)}
    shuffled = [{**row, "reference": renamed[row["reference"]]} for row in rows]
    np.random.default_rng(1).shuffle(shuffled)
    second, _ = read(shuffled, about)

    assert sorted(map(bytes, np.packbits(first.trained_on, axis=1))) == sorted(
        map(bytes, np.packbits(second.trained_on, axis=1))
    )
    assert (second.trained_on[::2, plan.candidates] == ~second.trained_on[1::2, plan.candidates]).all()


def test_parquet_and_one_score_read_alike(plan, evidence, tmp_path):
    rows = answer(plan)
    wide, _ = read_references([write(tmp_path / "a.csv", rows)], evidence, "probabilities")
    narrow = [{"id": r["id"], "reference": r["reference"], "trained_on": r["trained_on"], "p": r["p:malignant"]}
              for r in rows]  # fmt: skip
    path = write(tmp_path / "b.csv", narrow)
    pyarrow.parquet.write_table(
        pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(column_types={"id": "string"})),
        tmp_path / "b.parquet",
    )
    parquet, _ = read_references([tmp_path / "b.parquet"], evidence, "probabilities")

    np.testing.assert_allclose(wide.log_probs, parquet.log_probs, atol=1e-9)


def test_the_case_file_names_them(plan, predictions, tmp_path):
    plan.write(tmp_path / "plan")
    write(tmp_path / "shadow.csv", answer(plan))
    fields = {"answers": ["shadow.csv"], "plan": "plan/plan.json"}
    case = CaseFile.model_validate({"schema": "unlearn-audit/case/v1", "name": "x", "references": fields})
    policy = parse_policy(ATTACKS, "external.yaml", name_known())

    evidence = Predictions((predictions,), case, created="2026-01-02T03:04:05Z", folder=tmp_path).read(policy)

    assert evidence.references.count == 8
    assert evidence.provenance.references.models == 8


def drop(rows, **match):
    return [row for row in rows if any(row[key] != value for key, value in match.items())]


def change(rows, match, **cells):
    return [{**row, **cells} if all(row[k] == v for k, v in match.items()) else row for row in rows]


FORGET, RETAIN, VALIDATION = "00060", "00000", "00100"
BROKEN = {
    "other ids": (lambda rows: change(rows, {"id": FORGET}, id="99999"), "1 of 240 records are not in the evidence"),
    "a record missing": (lambda rows: drop(rows, id=FORGET), "have no answer of a reference model: '00060'"),
    "a record missing of one model": (lambda rows: drop(rows, id=FORGET, reference="m2"), "found 0 of record '00060'"),
    "a row twice": (lambda rows: [*rows, rows[0]], "found 2 of record"),
    "unbalanced": (lambda rows: change(rows, {"id": FORGET}, trained_on="1"), "that no model, or every model"),
    "too many on one side": (lambda rows: flip(rows, FORGET, "m0"), "more or fewer than half"),
    "retained record left out": (
        lambda rows: change(rows, {"id": RETAIN, "reference": "m1"}, trained_on="0"),
        "retained records that some model was not trained on",
    ),
    "validation record used": (
        lambda rows: change(rows, {"id": VALIDATION, "reference": "m1"}, trained_on="1"),
        "validation records that some model was trained on",
    ),
    "one model alone": (lambda rows: [r for r in rows if r["reference"] != "m7"], "4 at least, found 7"),
    "one pair": (lambda rows: [r for r in rows if r["reference"] in {"m0", "m1"}], "4 at least, found 2"),
    "words for numbers": (lambda rows: change(rows, {"id": FORGET}, trained_on="maybe"), "expected 1 or 0"),
    "NaN": (lambda rows: change(rows, {"id": FORGET}, **{"p:benign": "nan"}), "expected a finite number"),
    "no column": (lambda rows: [{k: v for k, v in r.items() if k != "trained_on"} for r in rows], "id, reference and"),
    "a method of no model": (lambda rows: change(rows, {"reference": "m0"}, unlearned_by="magic"), "'magic'"),
    "after unlearning alone": (lambda rows: change(rows, {}, unlearned_by="unlearned"), "as they were trained"),
}  # fmt: skip


def flip(rows, name, model):
    return [{**r, "trained_on": 1 - int(r["trained_on"])} if (r["id"], r["reference"]) == (name, model) else r
            for r in rows]  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_answers_that_do_not_fit_are_refused_by_name(plan, read, what):
    spoil, message = BROKEN[what]
    with pytest.raises(EvidenceError, match=message):
        read(spoil(answer(plan)))


def test_models_without_a_partner_are_named(plan, read):
    """Two models exchange one record: every record is still on half of the sides, but two pairs are none any more."""
    used = {k: plan.trained_on[k, plan.ids == FORGET][0] for k in range(8)}
    a = next(k for k in range(8) if used[k])
    b = next(k for k in range(8) if not used[k] and k != a ^ 1)
    rows = flip(flip(answer(plan), FORGET, f"m{a}"), FORGET, f"m{b}")
    with pytest.raises(EvidenceError, match="in pairs with complementary halves, found no partner of"):
        read(rows)


def test_other_halves_than_the_plans_are_refused(plan, read, predictions, tmp_path):
    about, _ = draw_plan(predictions, 8, seed=4).write(tmp_path / "other")
    with pytest.raises(EvidenceError, match="trained on other records than"):
        read(answer(plan), about)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": "x", "sha256": "y"}'])
def test_a_plan_that_is_none_is_refused(plan, read, tmp_path, content):
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(EvidenceError, match="plan"):
        read(answer(plan), tmp_path / "plan.json")
