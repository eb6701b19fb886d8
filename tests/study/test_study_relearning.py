"""Relearning: half of each class is shown, the same half each time, and nothing else is ever trained on."""

import numpy as np
import pytest
import torch

from unlearn_audit import training
from unlearn_audit.study import cells as module
from unlearn_audit.study import list_jobs
from unlearn_audit.study.relearning import HIDDEN, SHOWN, draw_shown


@pytest.mark.parametrize(("positives", "negatives"), [(10, 20), (11, 21), (1, 1), (0, 5), (3, 0)])
def test_half_of_each_class_is_shown_the_smaller_half_where_it_is_odd(positives, negatives):
    positive = np.array([True] * positives + [False] * negatives)

    shown = draw_shown(positive, 7)

    assert shown[positive].sum() == positives // 2
    assert shown[~positive].sum() == negatives // 2


def test_the_half_is_drawn_anew_for_each_seed_and_is_the_same_for_the_same():
    positive = np.arange(200) < 80

    assert (draw_shown(positive, 1) == draw_shown(positive, 1)).all()
    assert (draw_shown(positive, 1) != draw_shown(positive, 2)).any()
    assert len({tuple(draw_shown(positive, seed)) for seed in range(20)}) == 20


def test_only_the_shown_half_is_trained_on_and_the_models_are_left_alone(
    make_study, policy, cache, tmp_path, monkeypatch
):
    """The retrained model gets the same treatment: the same records, recipe and seed."""
    trained, fit = [], training.fit

    def spy(model, records, recipe, seed, **named):
        before = {name: value.clone() for name, value in model.state_dict().items()}
        made = fit(model, records, recipe, seed, **named)
        trained.append((records, recipe, seed))
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        return made

    monkeypatch.setattr(training, "fit", spy)
    study = make_study(seeds=[1], relearning={"of": ["fine"], "epochs": 2, "learning_rate": 0.02})
    (job,) = list_jobs(study, policy, None, None)
    module.make_cell(cache, tmp_path, "2026-05-02T03:04:05Z", job)
    evidence = module.read_cell(tmp_path, job).evidence

    (first, recipe, seed), (second, *same) = trained[-2:]
    assert torch.equal(first.x, second.x)
    assert same[1] == seed
    assert (recipe.epochs, recipe.learning_rate, recipe.batch) == (2, 0.02, 32)
    column = evidence.groups["relearned"]
    assert len(first) == (column == SHOWN).sum()
    assert sorted(first.y.tolist()) == sorted(evidence.label[column == SHOWN].tolist())
    assert set(evidence.log_probs) == {"original", "retrained", "fine", "relearned-retrained", "relearned-fine"}


def test_no_hidden_record_is_among_those_trained_on(make_study, policy, cache):
    from unlearn_audit.study.relearning import _draw, mark_shown

    (job,) = list_jobs(make_study(seeds=[1]), policy, None, None)
    case = mark_shown(module._begin(cache, "2026-05-02T03:04:05Z", job, retrain=True))
    column = case.dataset.groups["relearned"]

    shown = case.builder.forget.select(_draw(case)).x
    hidden = case.inputs[torch.from_numpy(column == HIDDEN)]

    assert torch.equal(shown, case.inputs[torch.from_numpy(column == SHOWN)])
    assert not {tuple(row) for row in shown.tolist()} & {tuple(row) for row in hidden.tolist()}
    assert len(shown) + len(hidden) == (case.split == "forget").sum()
