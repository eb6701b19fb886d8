"""From cells to numbers: intervals, differences, claims; what was not measured is a reason and never a number."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.support.tiny_studies import BROKEN, CLAIM, FINE, SALUN
from unlearn_audit.errors import EvidenceError, UsageError
from unlearn_audit.records import COST_OPTIMAL, Estimate, Interval, Unit, derive_rng, quote_text
from unlearn_audit.study import runs as module
from unlearn_audit.study import summarise
from unlearn_audit.study.runs import Runs
from unlearn_audit.study.seeds import estimate_over_seeds
from unlearn_audit.study.summary import choose_measures, digest_settings

LINEAR = ("fnr", "fpr", "risk", "fnr-calibrated", "risk-frozen", "risk-own")


@pytest.fixture(scope="module")
def cell(full):
    return full[1].cells[0]


@pytest.fixture
def summary(full_study, policy, cells):
    """The numbers of the given cells; the finished ones of the full study where none are given."""

    def make(found=None, study=full_study, missing=()):
        return summarise(study, policy, list(cells.values()) if found is None else found, missing)

    return make


@pytest.fixture
def runs(full_study, policy, cells, contexts):
    return Runs(contexts, {seed: c.failed for seed, c in cells.items()}, choose_measures(full_study, policy), 0.95)


@pytest.mark.parametrize("measure", LINEAR)
@pytest.mark.parametrize("than", [None, "retrained"])
def test_means_over_records_are_resampled_over_seeds_and_records(cell, runs, contexts, measure, than):
    compute = runs.measures[measure].compute
    stacked = np.stack([compute(s, "fine") - (compute(s, than) if than else 0) for s in contexts.values()])
    unit = Unit.COST_PER_CASE if measure.startswith("risk") else Unit.PROPORTION
    rng = derive_rng(0, "study", measure, "fine", than or "")
    twin = estimate_over_seeds(stacked, unit, confidence=0.95, resamples=module.RESAMPLES, rng=rng).estimate

    figure = cell.find("fine").find(measure)
    found = figure.difference if than else figure.mean

    assert found.value == pytest.approx(stacked.mean())
    assert found.unit is unit
    assert found.interval.high == pytest.approx(twin.interval.high)
    assert found.interval.low == pytest.approx(twin.interval.low if than else max(0.0, twin.interval.low))
    assert found.bounds is None


@pytest.mark.parametrize("measure", ["auroc", "fnr-at-fpr", "retain-accuracy", "confidence-all", "relearned-all"])
def test_numbers_per_run_have_students_interval_over_the_runs(cell, measure):
    figure, retrained = cell.find("fine").find(measure), cell.find("retrained").find(measure)
    paired = np.subtract(figure.values, retrained.values)
    ends = stats.ttest_1samp(paired, 0).confidence_interval(0.95)

    assert len(figure.values) == figure.pairs == 3
    assert figure.difference.value == pytest.approx(paired.mean())
    assert (figure.difference.interval.low, figure.difference.interval.high) == pytest.approx(tuple(ends))
    own = stats.ttest_1samp(figure.values, 0).confidence_interval(0.95)
    if figure.mean.interval:
        assert figure.mean.interval.low == pytest.approx(max(0, own.low))
        assert figure.mean.interval.high == pytest.approx(min(1, own.high))


def test_a_rate_or_area_stays_within_what_it_can_be_and_a_difference_does_not(cell):
    for row in cell.rows:
        for figure in row.figures:
            if figure.mean and figure.mean.interval:
                assert figure.mean.interval.low >= 0
                assert figure.mean.unit is Unit.COST_PER_CASE or figure.mean.interval.high <= 1
    assert any(
        f.difference.interval.low < 0 for f in cell.find("fine").figures if f.difference and f.difference.interval
    )


def test_the_retrained_model_has_no_difference_from_itself(cell):
    assert all(figure.difference is None and figure.pairs == 0 for figure in cell.find("retrained").figures)


@pytest.mark.parametrize("seeds", [[1], [1, 2]])
def test_fewer_than_three_seeds_have_no_interval(summary, full_study, cells, seeds):
    study = full_study.model_copy(update={"seeds": tuple(seeds), "references": None})

    figure = summary([cells[seed] for seed in seeds], study).cells[0].find("fine").find("fnr")

    assert figure.mean.interval is None
    assert figure.mean.value == pytest.approx(np.mean(figure.values))
    assert figure.difference.interval is None


def test_an_interval_of_no_width_is_withheld(summary, cells, with_answers):
    """Three runs that miss none say nothing about how many the next one misses."""
    perfect = [with_answers(c, "fine", np.where(c.evidence.is_positive, 0.9, 0.1)) for c in cells.values()]

    row = summary(perfect).cells[0].find("fine")

    for measure, value in (("fnr", 0), ("risk", 0), ("auroc", 1), ("fnr-at-fpr", 0)):
        assert row.find(measure).mean.value == value
        assert row.find(measure).mean.interval is None


def test_a_model_that_underwent_no_method_has_no_value_of_an_attack_made_for_one(cell):
    """SalUn comes first in the cell, and is calibrated: its statistic must not stand in the original's row."""
    for name in ("original", "retrained"):
        figure = cell.find(name).find("u-lira-all")
        assert figure.values == (None, None, None)
        assert figure.mean is figure.difference is None
        assert "underwent no method" in figure.reason


def test_a_method_is_compared_with_the_retrained_model_on_its_own_statistic(cell, runs, contexts):
    from unlearn_audit.findings.attacks import score_groups
    from unlearn_audit.stats import compute_auc

    figure = cell.find("salun").find("u-lira-all")
    forget, test = score_groups(contexts[1], "retrained", "all", "u-lira", "salun")

    assert figure.values[1:] == (None, None)
    assert figure.pairs == 1
    assert figure.difference.value == pytest.approx(figure.values[0] - compute_auc(forget, test))
    assert isinstance(runs.compute("u-lira-all", "fine", 1), str)


def test_a_collapsed_model_is_named_counts_on_patients_and_has_no_membership(summary, cells, with_answers):
    found = [with_answers(cells[1], "fine", np.full(len(cells[1].evidence), 0.1)), cells[2], cells[3]]

    row = summary(found).cells[0].find("fine")

    assert row.collapsed == {"1": "calls 0.0% of the test records positive"}
    assert row.find("fnr").values[0] == 1
    for measure in ("confidence-all", "confidence-positive", "logit-all", "relearned-all", "relearned-positive"):
        assert row.find(measure).values[0] is None
        assert row.find(measure).values[1] is not None
        assert row.find(measure).pairs == 2
        assert row.find(measure).reason.startswith("collapsed: it calls 0.0%")
        assert row.find(measure).mean.interval is None


def test_a_relearned_copy_that_collapsed_has_no_number(summary, cells, with_answers):
    found = [with_answers(c, "relearned-fine", np.full(len(c.evidence), 0.9)) for c in cells.values()]

    row = summary(found).cells[0].find("fine")

    assert row.find("relearned-all").mean is None
    assert "collapsed when it was trained again" in row.find("relearned-all").reason
    assert row.find("confidence-all").mean is not None


def test_a_cell_in_which_every_method_failed_still_has_original_and_retrained(run, make_study, tmp_path):
    cell = run(make_study(cells=[{"forget": 0.3, "models": [BROKEN]}]), tmp_path).cells[0]

    assert cell.find("original").find("confidence-all").mean is not None
    assert cell.find("broken").find("fnr").mean is None


def planted(monkeypatch, low, high):
    ends = Interval(low=low, high=high, confidence=0.99, method=quote_text("planted"), sides="two")
    estimate = Estimate(value=(low + high) / 2, unit=Unit.PROPORTION, n=3, interval=ends)
    monkeypatch.setattr(Runs, "estimate", lambda *_: estimate)


@pytest.mark.parametrize(
    ("ends", "expected", "outcome"),
    [
        ((0.1, 0.2), "higher", "holds"),
        ((-0.2, -0.1), "higher", "contradicted"),
        ((-0.2, -0.1), "lower", "holds"),
        ((0.1, 0.2), "lower", "contradicted"),
        ((-0.1, 0.2), "higher", "open"),
        ((0.0, 0.2), "higher", "open"),
        ((-0.2, 0.0), "lower", "open"),
        ((0.0, 0.0), "lower", "open"),
        ((1e-9, 0.2), "higher", "holds"),
    ],
)
def test_a_claim_holds_where_the_interval_leaves_zero_out(  # noqa: PLR0917
    summary, full_study, monkeypatch, ends, expected, outcome
):
    planted(monkeypatch, *ends)
    claims = (full_study.claims[0].model_copy(update={"expected": expected}),)

    (answer,) = summary(study=full_study.model_copy(update={"claims": claims})).cells[0].answers

    assert answer.outcome == outcome


@pytest.mark.parametrize(
    ("ends", "expected", "outcome"),
    [
        ((-0.1, 0.04), "lower", "holds"),
        ((0.0, 0.04), "lower", "holds"),
        ((-0.1, 0.05), "lower", "open"),
        ((0.04, 0.06), "lower", "open"),
        ((0.06, 0.1), "lower", "contradicted"),
        ((-0.04, 0.2), "higher", "holds"),
        ((-0.05, 0.2), "higher", "open"),
        ((-0.2, -0.06), "higher", "contradicted"),
    ],
)
def test_a_claim_with_a_margin_asks_for_not_worse_by_the_margin(  # noqa: PLR0917
    summary, full_study, monkeypatch, ends, expected, outcome
):
    planted(monkeypatch, *ends)
    claims = (full_study.claims[0].model_copy(update={"expected": expected, "margin": 0.05}),)

    (answer,) = summary(study=full_study.model_copy(update={"claims": claims})).cells[0].answers

    assert answer.outcome == outcome


def test_seeds_agree_with_a_claim_up_to_its_margin(summary, full_study, cell):
    paired = np.subtract(cell.find("fine").find("fnr").values, cell.find("original").find("fnr").values)
    for margin in (0.0, 0.02, 1.0):
        claims = (full_study.claims[0].model_copy(update={"margin": margin}),)

        (answer,) = summary(study=full_study.model_copy(update={"claims": claims})).cells[0].answers

        assert answer.agreeing == (paired > -margin).sum()


def test_claims_share_the_error_whether_or_not_their_cells_are_finished(summary, full_study, cells):
    two = full_study.model_copy(
        update={"cells": (*full_study.cells, full_study.cells[0].model_copy(update={"forget": 0.5}))}
    )

    alone, both = summary(), summary(study=two)

    assert alone.claim_confidence == pytest.approx(1 - 0.05 / 2)
    assert both.claim_confidence == pytest.approx(1 - 0.05 / 4)
    assert [a.difference.interval.confidence for a in alone.cells[0].answers] == pytest.approx([0.975] * 2)
    assert alone.confidence == 0.95


def test_an_answer_counts_the_seeds_that_agree(cell, runs):
    answer = cell.answers[0]
    paired = np.subtract(cell.find("fine").find("fnr").values, cell.find("original").find("fnr").values)

    assert (answer.agreeing, answer.seeds) == ((paired > 0).sum(), 3)
    assert answer.difference.value == pytest.approx(paired.mean())


def test_claims_stay_open_until_every_seed_is_in(summary, full_study, monkeypatch):
    """Who looks after every seed and stops when it suits finds something in the end."""
    planted(monkeypatch, 0.1, 0.2)
    more = full_study.model_copy(update={"seeds": (1, 2, 3, 4)})

    assert [a.outcome for a in summary().cells[0].answers] == ["holds", "holds"]
    assert [a.outcome for a in summary(study=more).cells[0].answers] == ["open", "open"]


def test_a_claim_is_answered_only_where_both_models_are(run, make_study, tmp_path):
    study = make_study(
        seeds=[1],
        cells=[{"forget": 0.3, "models": [FINE]}, {"forget": 0.2, "models": [SALUN]}],
        claims=[CLAIM, CLAIM | {"model": "retrained"}],
    )

    first, second = run(study, tmp_path).cells

    assert [a.claim.model for a in first.answers] == ["fine", "retrained"]
    assert [a.claim.model for a in second.answers] == ["retrained"]


def test_cells_judged_on_other_test_records_are_refused(summary, cells):
    evidence = cells[2].evidence
    split = evidence.split.copy()
    split[np.flatnonzero(split == "test")[0]] = "validation"
    other = replace(cells[2], evidence=replace(evidence, split=split))

    with pytest.raises(EvidenceError, match=r"same test records in every cell, found others in the one .* seed 2"):
        summary([cells[1], other, cells[3]])


def test_no_finished_cell_and_an_unknown_measure_are_clear_messages(summary, full_study):
    with pytest.raises(EvidenceError, match="at least one finished cell") as caught:
        summary([])
    assert "without --summarise" in caught.value.hint

    claims = (full_study.claims[0].model_copy(update={"measure": "fnrr"}),)
    with pytest.raises(UsageError, match="expected a measure of this study"):
        summary(study=full_study.model_copy(update={"claims": claims}))


def test_the_result_says_what_it_rests_on(full, policy, full_study):
    result = full[1]

    assert result.study == full_study
    assert result.settings_sha256 == digest_settings(policy)
    assert (result.policy_ratio, result.point, result.cluster) == (10, COST_OPTIMAL, None)
    assert result.cells[0].splits["test"] == 200
    assert result.cells[0].positives["test"] == 75
    assert [row.name for row in result.cells[0].rows] == ["original", "retrained", "salun", "fine", "broken"]
    assert result.cells[0].find("fine").parameters["epochs"] == 1
    with pytest.raises(KeyError):
        result.cells[0].find("nobody")
    with pytest.raises(KeyError):
        result.cells[0].rows[0].find("nothing")


def test_clusters_are_drawn_whole(summary, cells, read_policy, full_study, monkeypatch):
    policy = read_policy(("{resamples: 1000}", "{resamples: 1000, cluster: patient}"))
    grouped = []
    for cell in cells.values():
        patients = np.array([str(i // 10) for i in range(len(cell.evidence))])
        groups = dict(cell.evidence.groups) | {"patient": patients}
        grouped.append(replace(cell, evidence=replace(cell.evidence, groups=groups)))

    result = summarise(full_study, policy, grouped, ())

    assert result.cluster == "patient"
    assert "clusters" in result.cells[0].find("fine").find("fnr").mean.interval.method.text
