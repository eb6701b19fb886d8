"""Class weights and augmentation: what they are, that they are reproducible, and that without them nothing changes."""

import numpy as np
import pytest
import torch

from unlearn_audit.errors import CaseError
from unlearn_audit.policy import Recipe
from unlearn_audit.training import Records, adapt, fit, fit_together
from unlearn_audit.training.augmentation import augment


def make_recipe(**more):
    return Recipe(**({"epochs": 3, "batch": 16, "learning_rate": 0.05} | more))


def make_images(n=24, side=16):
    generator = torch.Generator().manual_seed(0)
    y = (torch.arange(n) % 4 == 0).long()
    return Records(torch.randn(n, 1, side, side, generator=generator), y, y == 1)


def make_model():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 2))


def weights(model):
    return [value.clone() for value in model.state_dict().values()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def test_an_old_recipe_reads_and_digests_as_before():
    assert "class_weights" not in make_recipe().model_dump()
    assert "augmentation" not in make_recipe().model_dump()


def test_balanced_weights_are_those_of_a_set_in_which_the_rare_class_is_repeated():
    """One whole batch a step: the mean over classes weighted n / (k n_c) is the mean over the set made even."""
    records = make_images(24)
    rare = torch.flatten(torch.nonzero(records.y == 1)).repeat(3)
    even = torch.cat([torch.flatten(torch.nonzero(records.y == 0)), rare])
    balanced = fit(make_model(), records, make_recipe(batch=64, class_weights="balanced"), 1)
    repeated = fit(make_model(), records.select(even), make_recipe(batch=64), 1)

    for a, b in zip(weights(balanced), weights(repeated), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_a_class_without_records_breaks_nothing():
    records = make_images(24)
    three = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 3))
    assert np.isfinite(fit(three, records, make_recipe(class_weights="balanced"), 1)[1].weight.detach().numpy()).all()


def test_augmentation_is_a_function_of_the_seed():
    records, recipe = make_images(), make_recipe(augmentation=("horizontal-flip", "vertical-flip", "shift"))
    first = fit(make_model(), records, recipe, 1)
    assert same(first, fit(make_model(), records, recipe, 1))
    assert not same(first, fit(make_model(), records, recipe, 2))
    assert not same(first, fit(make_model(), records, make_recipe(), 1))


def test_flips_and_shifts_only_move_pixels():
    x = torch.arange(2.0 * 16 * 16).reshape(2, 1, 16, 16)
    generator = torch.Generator().manual_seed(3)
    flipped = augment(x.repeat(20, 1, 1, 1), ("horizontal-flip",), generator)
    assert {bool(torch.equal(one, x[i % 2])) for i, one in enumerate(flipped)} == {True, False}
    assert all(torch.equal(one, x[i % 2]) or torch.equal(one, x[i % 2].flip(-1)) for i, one in enumerate(flipped))
    moved = augment(x, ("shift",), generator)
    assert moved.shape == x.shape
    assert set(moved.flatten().tolist()) <= set(x.flatten().tolist())


def test_features_are_not_augmented():
    records = Records(torch.zeros(8, 4), torch.arange(8) % 2, torch.arange(8) % 2 == 1)
    with pytest.raises(CaseError, match="changes images"):
        fit(torch.nn.Linear(4, 2), records, make_recipe(augmentation=("shift",)), 1)


def test_what_is_adapted_keeps_them():
    adapted = adapt(make_recipe(class_weights="balanced", augmentation=("shift",)), epochs=1)
    assert (adapted.class_weights, adapted.augmentation) == ("balanced", ("shift",))


def test_such_models_are_not_stacked():
    with pytest.raises(CaseError, match="to train together"):
        fit_together([make_model()], make_images(), torch.arange(8)[None], make_recipe(class_weights="balanced"), [1])
