"""Retraining, fine-tuning and warm restart: the methods that never see the forget set."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from unlearn_audit.errors import CaseError
from unlearn_audit.methods import METHODS
from unlearn_audit.methods.warm_restart import mix_weights
from unlearn_audit.records import derive_integer
from unlearn_audit.training import Setting, adapt, fit, predict_log_probs


def unlearn(name, world, **parameters):
    method = METHODS[name]
    return method.run(world.original, world.retain, world.forget, method.parse(parameters), world.setting)


def is_same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def count_steps(name, world, **parameters):
    steps = []
    unlearn(
        name, replace(world, setting=replace(world.setting, progress=lambda *step: steps.append(step))), **parameters
    )
    return steps[-1][2]


def test_retraining_is_training_on_retain_alone_from_a_fresh_initialisation(world):
    fresh = world.build(derive_integer(world.setting.seed, "initialisation"))
    assert is_same(fit(fresh, world.retain, world.setting.recipe, world.setting.seed), unlearn("retrain", world))


def test_retraining_does_not_depend_on_the_weights_of_the_original(world):
    other = replace(world, original=world.build(99))
    assert is_same(unlearn("retrain", world), unlearn("retrain", other))


def test_retraining_under_the_originals_seed_starts_from_other_weights(world):
    starts = []

    def watch(seed):
        starts.append(world.build(seed))
        return starts[-1]

    recipe = world.setting.recipe
    METHODS["retrain"].run(
        world.original, world.retain, world.forget, METHODS["retrain"].parse({}), Setting(watch, recipe, seed=1)
    )
    assert not torch.equal(world.build(1)[0].weight, starts[0][0].weight)


def test_retraining_learns_the_retain_set(world):
    longer = replace(world, setting=replace(world.setting, recipe=adapt(world.setting.recipe, epochs=60)))
    predicted = predict_log_probs(unlearn("retrain", longer), world.retain.x).argmax(axis=1)
    assert (predicted == world.retain.y.numpy()).mean() == 1.0


def test_fine_tuning_is_training_on_from_the_original(world):
    recipe = adapt(world.setting.recipe, epochs=3, learning_rate=0.2)
    expected = fit(world.original, world.retain, recipe, world.setting.seed)
    assert is_same(expected, unlearn("fine-tune", world, epochs=3, learning_rate=0.2))


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.5, 0.9])
def test_the_restart_begins_at_the_convex_combination_of_all_weights(keep, world):
    fresh = world.build(5)
    mixed = dict(mix_weights(world.original, fresh, keep).named_parameters())
    for name, weight in world.original.named_parameters():
        expected = keep * weight + (1 - keep) * dict(fresh.named_parameters())[name]
        assert torch.equal(expected, mixed[name]), name
    assert "1.weight" in mixed, "the scales of batch normalisation are mixed too"


def test_the_restart_takes_no_running_statistic_from_the_original(world):
    mixed = mix_weights(world.original, world.build(5), 0.5)
    for name, value in world.build(5).named_buffers():
        assert torch.equal(value, dict(mixed.named_buffers())[name]), name


def test_mixing_leaves_both_models_as_they_were(world):
    fresh = world.build(5)
    pair = deepcopy(world.original), deepcopy(fresh)
    mix_weights(world.original, fresh, 0.5)
    assert is_same(pair[0], world.original)
    assert is_same(pair[1], fresh)


def test_the_restart_trains_the_mixture_by_the_originals_recipe_for_its_share_of_epochs(world):
    fresh = world.build(derive_integer(world.setting.seed, "initialisation"))
    mixed = mix_weights(world.original, fresh, 0.4)
    expected = fit(mixed, world.retain, adapt(world.setting.recipe, epochs=4), world.setting.seed)
    assert is_same(expected, unlearn("warm-restart", world, keep_weight=0.4, epochs_share=0.5))


@pytest.mark.parametrize(("share", "epochs"), [(0.25, 2), (1.0, 8), (0.01, 1)])
def test_the_share_of_epochs_is_rounded_and_at_least_one(share, epochs, world):
    whole = count_steps("retrain", world)
    assert epochs * whole // 8 == count_steps("warm-restart", world, epochs_share=share)


def test_a_restart_that_keeps_nothing_does_not_depend_on_the_original(world):
    other = replace(world, original=world.build(99))
    assert is_same(unlearn("warm-restart", world, keep_weight=0.0), unlearn("warm-restart", other, keep_weight=0.0))


def test_a_restart_cannot_keep_everything():
    with pytest.raises(Exception, match="keep_weight"):
        METHODS["warm-restart"].parse({"keep_weight": 1.0})


@pytest.mark.parametrize(
    ("fresh", "message"),
    [
        (
            nn.Sequential(nn.Linear(5, 23), nn.BatchNorm1d(23), nn.ReLU(), nn.Linear(23, 3)),
            "'0.weight': expected shape",
        ),
        (nn.Sequential(nn.Linear(5, 3)), "difference at '1.bias'"),
    ],
)
def test_a_fresh_model_of_another_architecture_names_the_first_difference(fresh, message, world):
    with pytest.raises(CaseError, match=message):
        mix_weights(world.original, fresh, 0.5)
