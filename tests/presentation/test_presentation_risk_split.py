"""The report says in two sentences why Global Risk changed, and what that does not show."""

import numpy as np
import pytest

from unlearn_audit.formats.html import render_html
from unlearn_audit.pipeline.audit import judge

ROWS = [("female", True, True, 60), ("female", True, False, 40), ("male", True, True, 100),
        ("female", False, False, 100), ("male", False, True, 50), ("male", False, False, 150)]  # fmt: skip


def parts_of(find, record, against="original"):
    return [
        find(record, metric, against=against).estimate.value
        for metric in ("risk-by-threshold", "risk-by-discrimination")
    ]


def test_the_parts_in_the_record_sum_to_the_increase(read_policy, make_groups, find):
    record = judge(read_policy(), make_groups(ROWS))

    increase = find(record, "global-risk-increase", against="original").estimate.value
    assert sum(parts_of(find, record)) == pytest.approx(increase)


def test_a_shifted_model_moved_its_threshold_and_nothing_else(read_policy, make_groups, find):
    evidence = make_groups(ROWS)
    log_odds = evidence.log_probs["original"][:, 1] - evidence.log_probs["original"][:, 0]
    shifted = log_odds - 2.0
    evidence.log_probs["unlearned"][:] = np.column_stack([-np.logaddexp(0, shifted), -np.logaddexp(0, -shifted)])

    record = judge(read_policy(), evidence)

    moved, reranked = parts_of(find, record)
    assert moved > 0.5
    assert reranked == pytest.approx(0, abs=1e-12)
    page = render_html(record)
    assert "Against the original model, Global Risk at most probable class changed by" in page
    assert "does not say that another threshold would win that part back" in page


def test_several_classes_have_no_threshold_to_move(read_policy, make_groups, find):
    """The most probable of three classes may be positive at a lower probability than where it is not."""
    evidence = make_groups(ROWS)
    three = {}
    for name, values in evidence.log_probs.items():
        p = np.exp(values[:, 1])
        split = np.where(np.arange(len(p)) % 2, 0.5, 0.95)
        three[name] = np.log(np.column_stack([(1 - p) * split, p, (1 - p) * (1 - split)]))
        three[name][0:-1:7] = np.log([0.34, 0.4, 0.26])
        three[name][1:-1:7] = np.log([0.45, 0.44, 0.11])
    evidence = type(evidence)(**{**vars(evidence), "log_probs": three, "classes": ("benign", "malignant", "other")})

    finding = find(judge(read_policy(), evidence), "risk-by-threshold", against="original")

    assert finding.estimate is None
    assert "a threshold on the score" in finding.not_run.text
