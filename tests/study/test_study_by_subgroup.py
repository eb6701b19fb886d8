"""Studies by subgroup: the misses among each group that the policy names, and why a group has no number."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.tiny_studies import FINE
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.policy import Subgroups
from unlearn_audit.study import StudyResult, list_jobs, read_cell, summarise, write_page
from unlearn_audit.study.by_subgroup import find_groups

CHANGES = {"seeds": [1, 2, 3], "cells": [{"forget": 0.3, "models": [FINE]}]}
BANDS = ("40 to 59", "60 and over", "under 40")


@pytest.fixture(scope="module")
def by_subgroup(policy):
    rules = Subgroups(columns=("sex", "age_band", "ward"), bands={"age": (40, 60)}, smallest=5)
    return policy.model_copy(update={"subgroups": rules})


@pytest.fixture(scope="module")
def cells(make_study, policy, run, tmp_path_factory):
    """Three seeds with columns of our own; two of the malignant test records are under 40."""
    study, out = make_study(**CHANGES), tmp_path_factory.mktemp("by-subgroup")
    run(study, out)
    return [add_groups(read_cell(out / "cells", job)) for job in list_jobs(study, policy, None, None)]


def add_groups(cell):
    evidence = cell.evidence
    order = np.argsort(np.argsort(evidence.ids))
    ages = np.where(order % 2, BANDS[0], BANDS[1])
    ages[np.flatnonzero(evidence.select("test") & evidence.is_positive)[:2]] = BANDS[2]
    groups = {"sex": np.array(["female", "male", ""])[order % 3], "age_band": ages}
    return replace(cell, evidence=replace(evidence, groups={**evidence.groups, **groups}))


@pytest.fixture(scope="module")
def result(make_study, by_subgroup, cells):
    return summarise(make_study(**CHANGES, by_subgroup=True), by_subgroup, cells, ())


@pytest.fixture(scope="module")
def row(result):
    return result.cells[0].find("fine")


def test_groups_come_in_the_order_of_the_policy_without_the_unknown_and_without_columns_that_are_not_there(
    by_subgroup, cells
):
    groups = find_groups(EvaluationContext(cells[0].evidence, by_subgroup))

    assert [str(group) for group in groups] == ["sex=female", "sex=male", *(f"age_band={band}" for band in BANDS)]


@pytest.mark.parametrize(("column", "value"), [("sex", "female"), ("sex", "male"), ("age_band", "60 and over")])
def test_a_groups_rate_is_the_share_of_its_own_positives_that_are_missed(row, cells, column, value):
    found = row.find(f"fnr among {column}={value}")

    missed = []
    for cell in cells:
        evidence = cell.evidence
        among = evidence.select("test") & evidence.is_positive & (evidence.groups[column] == value)
        answers = np.exp(evidence.log_probs["fine"][among])
        missed.append((answers.argmax(axis=1) != evidence.label[among]).mean())
    assert found.values == pytest.approx(missed)
    assert found.mean.value == pytest.approx(np.mean(missed))
    assert found.mean.n == among.sum()


def test_the_difference_from_the_retrained_model_is_paired_by_seed_and_record(result, row):
    retrained = result.cells[0].find("retrained").find("fnr among sex=male")
    found = row.find("fnr among sex=male")

    assert found.pairs == 3
    assert found.difference.value == pytest.approx(np.mean(np.subtract(found.values, retrained.values)))


def test_a_group_with_too_few_positives_has_a_reason_and_no_number(result, row):
    small = row.find("fnr among age_band=under 40")
    page = write_page(result)

    assert small.values == (None, None, None)
    assert small.mean is None
    assert small.reason.startswith("not assessable: 2 malignant test records of age_band=under 40 are fewer than 5")
    assert "- not assessable: 2 malignant test records of " in page


def test_the_page_says_on_how_many_positives_each_rate_rests(result, cells):
    evidence = cells[0].evidence
    women = evidence.select("test") & evidence.is_positive & (evidence.groups["sex"] == "female")
    page = write_page(result)

    assert "### False-negative rate by subgroup" in page
    assert f"Positive test records: {women.sum()} with sex=female" in page


def test_a_result_by_subgroup_is_read_back_to_the_same_page(result):
    assert write_page(StudyResult.model_validate_json(result.to_bytes())) == write_page(result)


def test_data_without_the_columns_are_said_and_give_the_numbers_that_need_none(make_study, policy, cells):
    found = summarise(make_study(**CHANGES, by_subgroup=True), policy, cells, ())

    assert "- the data have none of the policy's subgroups." in write_page(found)
    assert not [f for f in found.cells[0].rows[0].figures if f.measure.startswith("fnr among")]
    assert found.cells[0].rows[0].find("fnr").mean is not None


def test_whoever_does_not_ask_for_subgroups_gets_the_result_of_before(make_study, by_subgroup, cells):
    plain = summarise(make_study(**CHANGES), by_subgroup, cells, ())

    assert b"by_subgroup" not in plain.to_bytes()
    assert b"fnr among" not in plain.to_bytes()
    assert "by subgroup" not in write_page(plain)
