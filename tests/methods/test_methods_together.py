"""Methods that are nothing but training on what is retained: many models at once get what one gets alone."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from unlearn_audit.errors import CaseError
from unlearn_audit.methods import METHODS

together = pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.prepare])


def build_plain(seed):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Linear(5, 24), nn.ReLU(), nn.Linear(24, 3))


@pytest.fixture
def settings(world):
    return [replace(world.setting, build=build_plain, seed=seed) for seed in (5, 6, 7)]


def flatten(model):
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def test_those_that_differ_in_their_start_alone_are_such_methods():
    assert {name for name, method in METHODS.items() if method.prepare} == {
        "retrain",
        "fine-tune",
        "warm-restart",
        "scratch",
        "weight-noise",
    }


@together
def test_each_model_gets_what_it_gets_alone(name, world, settings):
    method, originals = METHODS[name], [build_plain(seed) for seed in (1, 2, 3)]
    parameters = method.parse({})

    found = method.run_together(originals, world.retain, parameters, settings, ["a", "b", "c"])

    for original, setting, model in zip(originals, settings, found, strict=True):
        expected = method.run(original, world.retain, world.forget, parameters, setting)
        torch.testing.assert_close(flatten(model), flatten(expected), rtol=0, atol=5e-6)


@together
def test_the_originals_are_left_as_they_were(name, world, settings):
    originals = [build_plain(seed) for seed in (1, 2, 3)]
    before = [flatten(model).clone() for model in originals]

    METHODS[name].run_together(originals, world.retain, METHODS[name].parse({}), settings, ["a", "b", "c"])

    assert all(torch.equal(flatten(model), old) for model, old in zip(originals, before, strict=True))


def test_a_method_that_is_more_than_training_cannot_be_run_together(world, settings):
    salun = METHODS["salun"]

    with pytest.raises(CaseError, match="'salun' is more than training"):
        salun.run_together([build_plain(1)], world.retain, salun.parse({}), settings[:1], ["a"])


def test_parameters_of_another_method_are_refused_here_too(world, settings):
    with pytest.raises(CaseError, match="parameters of method 'retrain'"):
        METHODS["retrain"].run_together([build_plain(1)], world.retain, METHODS["salun"].parse({}), settings[:1], ["a"])
