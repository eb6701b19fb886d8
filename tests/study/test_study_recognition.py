"""Each erased record in a study: what an audit would say of the same pairs, by procedure, retraining among them."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.tiny_studies import SALUN
from unlearn_audit.errors import PolicyError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.records import ALL, POSITIVE
from unlearn_audit.records.key import MetricKey
from unlearn_audit.study import (
    StudyResult,
    list_jobs,
    read_cell,
    render_study,
    summarise,
    write_page,
    write_recognition,
)
from unlearn_audit.study.recognition import recognise

MODELS = 12
TITLES = {"original": "Original", "retrained": "Retrained", "salun": "SalUn"}


@pytest.fixture(scope="module")
def study(make_study):
    cells = [{"forget": 0.3, "models": [SALUN]}]
    return make_study(seeds=[1], cells=cells, references={"models": MODELS, "seeds": [1], "of": ["salun", "retrained"]})


@pytest.fixture(scope="module")
def result(study, run, tmp_path_factory):
    return run(study, tmp_path_factory.mktemp("recognition"))


@pytest.fixture(scope="module")
def cell(study, policy, run, tmp_path_factory):
    out = tmp_path_factory.mktemp("cells")
    run(study, out)
    (job,) = list_jobs(study, policy, None, None)
    return read_cell(out / "cells", job)


@pytest.fixture(scope="module")
def rows(cell, policy):
    return {row.model: row for row in recognise(cell, policy, TITLES)}


def read_differences(cell, answers):
    """D of every candidate and pair, with loops: the log-odds of the true class, held at 60."""
    evidence, references = cell.evidence, cell.evidence.references
    rows = np.flatnonzero(references.candidates)
    seen_by = references.trained_on[:, rows]
    pairs = [(a, b) for a in range(MODELS) for b in range(a + 1, MODELS) if (seen_by[a] != seen_by[b]).all()]
    assert len(pairs) == MODELS // 2
    found = np.zeros((len(rows), len(pairs)))
    for i, row in enumerate(rows):
        for p, (a, b) in enumerate(pairs):
            seen, unseen = (a, b) if references.trained_on[a, row] else (b, a)
            found[i, p] = score(answers, seen, row, evidence) - score(answers, unseen, row, evidence)
    return rows, found


def score(answers, model, row, evidence):
    true = answers[model, row, evidence.label[row]]
    return float(np.clip(true - np.log(-np.expm1(true)), -60, 60))


@pytest.mark.parametrize("model", TITLES)
def test_averages_are_those_of_a_loop_over_the_evidence(cell, rows, model):
    references = cell.evidence.references
    answers = references.log_probs if model == "original" else references.unlearned[model]
    candidates, differences = read_differences(cell, answers)
    positive = cell.evidence.is_positive[candidates]

    for among, mask in (("all", positive | ~positive), ("positive", positive), ("negative", ~positive)):
        part, row = differences[mask], rows[model]
        wins = (part > 0).mean() + (part == 0).mean() / 2
        assert row.find("paired-recognition", among).estimate.value == pytest.approx(wins, abs=1e-6)
        assert row.find("paired-recognition-mean", among).estimate.value == pytest.approx(part.mean(), abs=1e-3)


@pytest.mark.parametrize(("metric", "among"), [("worst-record-recognition", POSITIVE), ("recognised-records", ALL)])
def test_tests_of_single_records_are_an_audits(cell, rows, policy, metric, among):
    free = policy.model_copy(update={"checks": (), "remediation": ()})
    key = MetricKey(metric=metric, model="salun", among=among)
    audited = METRICS[metric].measure(EvaluationContext(cell.evidence, free), key)

    assert rows["salun"].find(metric, str(among)).estimate == audited.rounded()


def test_the_same_evidence_gives_the_same_rows_whatever_the_policy_tries_and_checks(cell, policy, rows):
    laxer = policy.model_copy(update={"checks": policy.checks[:1], "remediation": ()})

    assert recognise(cell, laxer, TITLES) == tuple(rows.values())


def test_every_procedure_has_a_row_and_the_originals_own_models_are_the_first(result):
    (found,) = result.cells

    assert [row.model for row in found.recognition] == list(TITLES)
    assert all(row.seed == 1 for row in found.recognition)


def test_retraining_is_done_to_the_reference_models_when_it_is_asked_for(cell):
    references = cell.evidence.references

    assert set(references.unlearned) == {"salun", "retrained"}
    assert not np.allclose(references.unlearned["retrained"], references.log_probs)


def test_a_cell_without_reference_models_has_no_rows(cell, policy):
    assert recognise(replace(cell, evidence=replace(cell.evidence, references=None)), policy, TITLES) == ()


def test_a_study_of_one_seed_has_its_three_files(result):
    assert set(render_study(result)) == {".json", ".md", ".svg"}


def test_rows_are_read_back_as_they_were_written(result):
    assert StudyResult.model_validate_json(result.to_bytes()) == result


def test_a_study_without_rows_keeps_the_bytes_that_it_had(result):
    (found,) = result.cells
    bare = result.model_copy(update={"cells": (found.model_copy(update={"recognition": ()}),)})

    assert b"recognition" not in bare.to_bytes()


def test_no_id_of_a_record_reaches_the_numbers(cell, result):
    text = result.to_bytes().decode() + write_page(result)

    assert not [identifier for identifier in cell.evidence.ids if f'"{identifier}"' in text]


def test_the_page_shows_the_table_and_says_what_it_speaks_of(result):
    page = write_page(result)

    assert "### Each erased record, over pairs of reference models" in page
    assert "| nothing: the original's own |" in page
    assert "They speak of procedures." in page


def test_the_table_has_a_column_for_every_head(result):
    heads, _, *lines = write_recognition(result.cells[0].recognition, "malignant", "benign").splitlines()

    assert {line.count("|") for line in lines} == {heads.count("|")}
    assert "of these malignant" in heads


def test_rows_of_several_seeds_say_which(result):
    (row, *_) = result.cells[0].recognition

    lines = write_recognition([row, row.model_copy(update={"seed": 2})]).splitlines()

    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| nothing: the original's own, seed 1",
        "| nothing: the original's own, seed 2",
    ]


def test_too_few_pairs_are_a_sentence_and_no_table(full):
    (found,) = full[1].cells

    (line,) = write_recognition(found.recognition).splitlines()

    assert line.startswith("Not looked at record by record: ")
    assert "12" in line


def test_what_one_row_lacks_is_a_dash(result, cell, policy):
    references = replace(cell.evidence.references, unlearned={"salun": cell.evidence.references.unlearned["salun"]})
    part = replace(cell, evidence=replace(cell.evidence, references=references))
    own, _ = recognise(part, policy, TITLES)
    missing = own.model_copy(
        update={
            "model": "other",
            "title": "Other | method",
            "figures": tuple(f.model_copy(update={"estimate": None, "reason": "why"}) for f in own.figures),
        }
    )

    *_, line = write_recognition([own, missing]).splitlines()

    assert line == "| Other &#124; method" + " | -" * 11 + " |"


def test_a_model_that_no_cell_has_is_refused_beside_retraining(make_study):
    with pytest.raises(PolicyError, match="expected a model of this study"):
        make_study(references={"models": MODELS, "seeds": [1], "of": ["retrained", "nobody"]})


def test_relearning_of_the_retrained_model_needs_no_asking(make_study):
    with pytest.raises(PolicyError, match="expected a model of this study"):
        make_study(relearning={"of": ["retrained"], "epochs": 1})


def test_the_summary_of_a_study_holds_them(study, policy, cell):
    assert summarise(study, policy, [cell], []).cells[0].recognition
