"""Counts at many thresholds: at the policy's own they are the findings', elsewhere the definition's."""

import json
import operator

import numpy as np
import pytest
from pydantic import ValidationError

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.threshold_counts import count_at_thresholds
from unlearn_audit.pipeline.audit import judge
from unlearn_audit.records import COST_OPTIMAL, AuditRecord, ModelMistakes, ThresholdCounts


def find(record, metric, model, at):
    return next(
        f.estimate for f in record.findings if (f.key.metric, f.key.model, str(f.key.at)) == (metric, model, at)
    )


def test_at_the_policys_threshold_they_are_those_of_the_findings(policy, make_evidence):
    record = judge(policy, make_evidence())
    counts = record.threshold_counts
    place = counts.thresholds.index(find(record, "threshold", "original", "cost-optimal").value)
    for mistakes in counts.models:
        missed, alarms = (
            find(record, name, mistakes.model, "cost-optimal") for name in ("false-negatives", "false-positives")
        )
        assert (mistakes.false_negatives[place], counts.positives) == (missed.value, missed.n)
        assert (mistakes.false_positives[place], counts.negatives) == (alarms.value, alarms.n)


def test_they_stay_those_of_the_findings_where_rounding_moves_the_threshold_across_a_record(
    change_policy, make_evidence
):
    """The threshold is a probability of a validation record; here a test record says the very same."""
    evidence = make_evidence()
    policy = change_policy("[argmax, cost-optimal]", "[cost-optimal]")
    threshold = EvaluationContext(evidence, policy).find_threshold(COST_OPTIMAL)
    at = int(np.flatnonzero(evidence.positive_probability("original") == threshold)[0])
    test = np.flatnonzero(evidence.select("test"))[:40]
    for values in evidence.log_probs.values():
        values[test] = evidence.log_probs["original"][at]
    context = EvaluationContext(evidence, policy)
    assert context.find_threshold(COST_OPTIMAL) == threshold
    counts = count_at_thresholds(context)
    place = int(np.argmin(np.abs(np.array(counts.thresholds) - threshold)))
    for mistakes in counts.models:
        called = context.predict_positive(mistakes.model, COST_OPTIMAL)
        assert called[:40].all()
        assert mistakes.false_negatives[place] == (context.actual & ~called).sum()
        assert mistakes.false_positives[place] == (~context.actual & called).sum()


def test_every_other_place_is_the_definition_and_the_ends_call_all_and_almost_none(policy, make_evidence):
    evidence = make_evidence()
    context = EvaluationContext(evidence, policy)
    counts = count_at_thresholds(context)
    own = EvaluationContext(evidence, policy).find_threshold(COST_OPTIMAL)
    for mistakes in counts.models:
        probability = evidence.positive_probability(mistakes.model)[context.test]
        for place, threshold in enumerate(counts.thresholds):
            called = probability >= (own if abs(threshold - own) < 1e-9 else threshold)
            assert mistakes.false_negatives[place] == (context.actual & ~called).sum()
            assert mistakes.false_positives[place] == (~context.actual & called).sum()
        assert (mistakes.false_negatives[0], mistakes.false_positives[0]) == (0, counts.negatives)
        assert all(map(operator.le, mistakes.false_negatives, mistakes.false_negatives[1:]))
        assert all(map(operator.ge, mistakes.false_positives, mistakes.false_positives[1:]))
    assert len(counts.thresholds) <= 201


def test_argmax_alone_adds_no_threshold_and_one_that_cannot_be_chosen_is_left_out(change_policy, make_evidence):
    alone = count_at_thresholds(EvaluationContext(make_evidence(), change_policy("[argmax, cost-optimal]", "[argmax]")))
    assert len(alone.thresholds) == 200
    without = make_evidence(sizes=(600, 300, 0, 1200))
    lost = count_at_thresholds(EvaluationContext(without, change_policy("[argmax, cost-optimal]", "[cost-optimal]")))
    assert len(lost.thresholds) == 200
    fixed = count_at_thresholds(
        EvaluationContext(without, change_policy("[argmax, cost-optimal]", "[threshold 0.123456789012]"))
    )
    assert 0.1234567890 in fixed.thresholds


def test_without_test_records_there_are_none(policy, make_evidence):
    assert count_at_thresholds(EvaluationContext(make_evidence(sizes=(600, 300, 200, 0)), policy)) is None


def test_they_follow_from_the_evidence_and_no_check_rests_on_them(policy, make_evidence):
    record = judge(policy, make_evidence())
    assert judge(policy, make_evidence()).to_bytes() == record.to_bytes()
    other = judge(policy, make_evidence(unlearned=(1.0, 0.0, 0.0)))
    assert other.threshold_counts != record.threshold_counts


def test_a_record_without_them_reads_and_keeps_its_bytes(policy, make_evidence):
    before = judge(policy, make_evidence()).model_copy(update={"threshold_counts": None})
    assert "threshold_counts" not in json.loads(before.to_bytes())
    assert AuditRecord.from_bytes(before.to_bytes()).to_bytes() == before.to_bytes()


@pytest.mark.parametrize(
    ("thresholds", "missed", "alarms"),
    [
        ((0.1, 0.1), (0, 1), (1, 0)),
        ((0.2, 0.1), (0, 1), (1, 0)),
        ((0.1, 1.1), (0, 1), (1, 0)),
        ((-0.1, 0.1), (0, 1), (1, 0)),
        ((0.1, 0.2), (0,), (1, 0)),
        ((0.1, 0.2), (0, 3), (1, 0)),
        ((0.1, 0.2), (0, 1), (1, -1)),
        ((), (), ()),
    ],
)
def test_lists_that_do_not_fit_together_are_refused(thresholds, missed, alarms):
    with pytest.raises(ValidationError, match=r"probabilities that rise|needs one count|at least 1 item"):
        ThresholdCounts(
            thresholds=thresholds,
            positives=2,
            negatives=2,
            models=(ModelMistakes(model="m", false_negatives=missed, false_positives=alarms),),
        )
