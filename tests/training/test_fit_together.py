"""Training many small models as one: the same numbers as one after the other, up to rounding in float32."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from unlearn_audit.errors import CaseError
from unlearn_audit.training import fit, fit_together


def draw_rows(models, n, m, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.stack([rng.permutation(n)[:m] for _ in range(models)]))


def flatten(model):
    return torch.cat([value.flatten() for value in model.state_dict().values()])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"momentum": 0.0},
        {"weight_decay": 0.02},
        {"batch": 1, "epochs": 1},
        {"batch": 100},
        {"batch": 11},  # 34 records: a lone last one joins the batch before it
        {"epochs": 1, "batch": 34},
    ],
    ids=str,
)
def test_each_model_is_the_one_that_fit_trains(some_records, plain, recipe_of, changes):
    """Same start, records, shuffles, rates, momentum and decay; only the order of additions differs."""
    records, recipe = some_records(n=60, classes=3), replace(recipe_of(), **changes)
    rows, seeds = draw_rows(4, 60, 34), [11, 12, 13, 14]
    starts = [plain(seed=seed, classes=3) for seed in seeds]

    together = fit_together(starts, records, rows, recipe, seeds)

    for start, row, seed, found in zip(starts, rows, seeds, together, strict=True):
        expected = fit(start, records.select(row), recipe, seed)
        torch.testing.assert_close(flatten(found), flatten(expected), rtol=0, atol=2e-6)
        assert not found.training


def test_training_together_says_as_many_steps_as_fit(some_records, plain, recipe_of):
    records, recipe, steps, alone = some_records(n=40), recipe_of(batch=11), [], []

    fit_together(
        [plain(), plain(1)], records, draw_rows(2, 40, 34), recipe, [1, 2], progress=lambda *step: steps.append(step)
    )
    fit(plain(), records.select(np.arange(34)), recipe, 1, lambda *step: alone.append(step))

    assert steps == alone


def test_the_same_group_gives_the_same_bits(some_records, plain, recipe_of):
    arguments = [plain(0), plain(1)], some_records(), draw_rows(2, 40, 20), recipe_of(), [1, 2]

    first, second = fit_together(*arguments), fit_together(*arguments)

    assert all(torch.equal(flatten(a), flatten(b)) for a, b in zip(first, second, strict=True))


def test_the_given_models_are_left_as_they_were(some_records, plain, recipe_of):
    models = [plain(0), plain(1)]
    before = [flatten(model).clone() for model in models]

    fit_together(models, some_records(), draw_rows(2, 40, 20), recipe_of(), [1, 2])

    assert all(torch.equal(flatten(model), old) for model, old in zip(models, before, strict=True))
    assert all(weight.grad is None and weight.requires_grad for model in models for weight in model.parameters())


def test_one_model_that_diverges_is_named(some_records, plain, recipe_of):
    models = [plain(0), plain(1), plain(2)]
    with torch.no_grad():
        models[1][0].weight.fill_(1e30)

    with pytest.raises(CaseError, match=r"diverged: the loss of the second was (nan|inf) in epoch 1"):
        fit_together(
            models, some_records(), draw_rows(3, 40, 20), recipe_of(), [1, 2, 3], names=["first", "the second", "third"]
        )


def test_weights_that_overflow_in_the_last_step_are_refused(some_records, plain, recipe_of):
    recipe = recipe_of(epochs=1, batch=40, learning_rate=3e38, momentum=0.0)
    records = some_records()
    records = replace(records, x=records.x * 1e3)

    with pytest.raises(CaseError, match="of model 0 holds NaN or infinity"):
        fit_together([plain(), plain(1)], records, draw_rows(2, 40, 40), recipe, [1, 2])


def test_running_statistics_cannot_be_stacked(some_records, normalised, recipe_of):
    with pytest.raises(CaseError, match="without buffers") as caught:
        fit_together([normalised()], some_records(), draw_rows(1, 40, 20), recipe_of(), [1])

    assert caught.value.hint == "use fit"


def test_a_random_layer_is_refused_instead_of_drawn_alike_for_all(some_records, recipe_of):
    model = nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5), nn.Linear(4, 2))

    with pytest.raises(RuntimeError, match="random"):
        fit_together([model, model], some_records(), draw_rows(2, 40, 20), recipe_of(), [1, 2])


@pytest.mark.parametrize(("models", "words"), [([], "at least one model"), ("mixed", "one architecture")])
def test_models_that_are_not_alike_are_refused(some_records, plain, recipe_of, models, words):
    given = [plain(), plain(width=8)] if models == "mixed" else models

    with pytest.raises(CaseError, match=words):
        fit_together(given, some_records(), draw_rows(2, 40, 20), recipe_of(), [1, 2])
