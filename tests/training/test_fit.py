"""Training: deterministic, without traces, interruptible, and honest when it diverges."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from unlearn_audit.errors import CaseError
from unlearn_audit.policy import Recipe as PolicyRecipe
from unlearn_audit.training import (
    Learner,
    Records,
    adapt,
    count_batches,
    draw_batches,
    find_rate,
    fit,
    predict_log_probs,
)
from unlearn_audit.training.recipe import plan_rate


def bits(model):
    return [value.clone() for value in model.state_dict().values()]


def is_same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# --- the schedule ---


@pytest.mark.parametrize("steps", [20, 100, 1117])
@pytest.mark.parametrize("peak", [0.05, 0.3])
@pytest.mark.parametrize("warm_up", [0.15, 0.3, 0.9])
def test_the_learning_rate_is_that_of_torchs_one_cycle(steps, peak, warm_up):
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=peak, total_steps=steps, pct_start=warm_up, cycle_momentum=False
    )
    expected = []
    for _ in range(steps - 1):
        expected.append(theirs.get_last_lr()[0])
        optimiser.step()
        theirs.step()
    expected.append(theirs.get_last_lr()[0])
    actual = [find_rate(step, steps, peak, warm_up) for step in range(steps)]
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


@given(st.integers(1, 60), st.floats(0.001, 0.999))
def test_the_learning_rate_is_positive_and_never_above_its_peak(steps, warm_up):
    rates = [find_rate(step, steps, 0.1, warm_up) for step in range(steps)]
    assert all(0 < rate <= 0.1 * (1 + 1e-12) for rate in rates)


def test_a_single_step_is_taken_at_the_peak():
    assert find_rate(0, 1, 0.1, 0.15) == 0.1


@given(st.lists(st.floats(0.05, 0.95), min_size=1, max_size=3), st.integers(2, 50))
def test_the_rate_with_drops_is_that_of_torchs_milestones(drops, steps):
    recipe = PolicyRecipe(epochs=1, learning_rate=0.1, drops=tuple(drops))
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimiser, [math.ceil(share * steps) for share in drops])
    expected = []
    for _ in range(steps):
        expected.append(theirs.get_last_lr()[0])
        optimiser.step()
        theirs.step()
    np.testing.assert_allclose([plan_rate(recipe, step, steps) for step in range(steps)], expected, rtol=1e-9)


def test_a_recipe_without_drops_is_one_cycle_and_adapting_keeps_them():
    plain, dropping = PolicyRecipe(epochs=4), PolicyRecipe(epochs=4, drops=(0.5,))
    assert plan_rate(plain, 3, 10) == find_rate(3, 10, 0.05, 0.15)
    assert [plan_rate(adapt(dropping, epochs=2, learning_rate=1.0), step, 10) for step in (4, 5)] == [1.0, 0.1]


def test_training_follows_the_drops(plain, some_records):
    """A tenth from the second step on: the first step is that of the full rate, the second one of a tenth."""
    records, recipe = some_records(20), PolicyRecipe(epochs=2, batch=20, learning_rate=0.1, momentum=0.0, drops=(0.5,))
    expected = plain()
    for rate in (0.1, 0.01):
        loss = nn.functional.cross_entropy(expected(records.x), records.y)
        slopes = torch.autograd.grad(loss, list(expected.parameters()))
        with torch.no_grad():
            for weight, slope in zip(expected.parameters(), slopes, strict=True):
                weight.sub_(rate * slope)
    for one, other in zip(expected.parameters(), fit(plain(), records, recipe, 1).parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


# --- batches ---


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 9))
def test_every_record_is_in_exactly_one_batch_and_none_is_alone(n, size, seed):
    batches = draw_batches(n, size, torch.Generator().manual_seed(seed))
    assert list(range(n)) == sorted(torch.cat(batches).tolist())
    assert len(batches) == count_batches(n, size)
    assert max(map(len, batches)) <= (size + 1 if size > 1 else 1)
    if n > 1 and size > 1:
        assert min(map(len, batches)) > 1


def test_batches_are_drawn_anew_each_epoch():
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.cat(draw_batches(50, 10, generator)) for _ in range(2))
    assert not torch.equal(first, second)


# --- fit ---


def test_a_tiny_set_with_meaningless_labels_is_memorised(plain, recipe_of, some_records):
    records = some_records(40, seed=3)
    model = fit(plain(), records, recipe_of(epochs=100, batch=8), seed=1)
    predicted = predict_log_probs(model, records.x).argmax(axis=1)
    assert (predicted == records.y.numpy()).mean() == 1.0


def test_the_policys_recipe_is_a_recipe(plain, records):
    assert fit(plain(), records, PolicyRecipe(epochs=1), seed=1) is not None


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(make_model, records, recipe_of):
    one, same, other = (bits(fit(make_model(), records, recipe_of(), seed)) for seed in (1, 1, 2))
    assert is_same(one, same)
    assert not is_same(one, other)


def test_training_neither_reads_nor_moves_global_random_states(make_model, records, recipe_of):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the legacy global state is what must not be touched
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    one = bits(fit(make_model(), records, recipe_of(), 1))
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002
    torch.manual_seed(2)
    assert is_same(one, bits(fit(make_model(), records, recipe_of(), 1)))


def test_the_given_model_is_left_as_it_was(make_model, records, recipe_of):
    model = make_model().train()
    before = bits(model)
    trained = fit(model, records, recipe_of(), 1)
    assert is_same(before, bits(model))
    assert model.training
    assert all(weight.grad is None for weight in (*model.parameters(), *trained.parameters()))
    assert not trained.training


def test_a_watcher_hears_every_step_and_changes_nothing(make_model, records, recipe_of):
    steps = []
    watched = fit(make_model(), records, recipe_of(epochs=2), 1, lambda *step: steps.append(step))
    assert [("train", done, 6) for done in range(1, 7)] == steps
    assert is_same(bits(watched), bits(fit(make_model(), records, recipe_of(epochs=2), 1)))


def test_an_interrupted_run_leaves_no_trace_and_can_be_run_again(make_model, records, recipe_of):
    model = make_model().train()
    before, state = bits(model), torch.get_rng_state()

    def interrupt(_task, done, _total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(model, records, recipe_of(), 1, interrupt)
    assert is_same(before, bits(model))
    assert model.training
    assert torch.is_grad_enabled()
    assert torch.equal(state, torch.get_rng_state())
    assert is_same(bits(fit(model, records, recipe_of(), 1)), bits(fit(make_model(), records, recipe_of(), 1)))


def test_a_caller_without_gradients_can_train(make_model, records, recipe_of):
    expected = bits(fit(make_model(), records, recipe_of(), 1))
    with torch.no_grad():
        assert is_same(expected, bits(fit(make_model(), records, recipe_of(), 1)))


@pytest.mark.parametrize("n", [1, 17, 33])
def test_a_lone_record_is_trained_on_with_batch_normalisation(n, normalised, some_records, recipe_of):
    model = fit(normalised(), some_records(n), recipe_of(epochs=2), 1)
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def test_a_lone_record_moves_weights_but_no_running_statistics(normalised, some_records, recipe_of):
    start = normalised()
    trained = fit(start, some_records(1), recipe_of(epochs=2), 1)
    assert torch.equal(start[1].running_mean, trained[1].running_mean)
    assert not torch.equal(start[0].weight, trained[0].weight)


def test_training_that_diverges_says_where_and_how_fast(plain, records, recipe_of):
    with pytest.raises(CaseError, match=r"training diverged.*in epoch \d+ at learning rate") as caught:
        fit(plain(), records, recipe_of(learning_rate=1e12, epochs=20), 1)
    assert "lower the learning rate" in caught.value.hint


def test_a_last_step_that_overflows_is_noticed(plain, records, recipe_of):
    large = Records(records.x * 1e3, records.y, records.positive)
    with pytest.raises(CaseError, match=r"diverged: '0.weight' holds NaN or infinity in epoch 1"):
        fit(plain(), large, recipe_of(epochs=1, batch=40, learning_rate=1e38), 1)


def test_training_on_nothing_is_refused(plain, records, recipe_of):
    with pytest.raises(CaseError, match="found none"):
        fit(plain(), records.select(torch.zeros(40, dtype=torch.bool)), recipe_of(), 1)


def test_a_class_the_model_does_not_have_is_refused(plain, some_records, recipe_of):
    with pytest.raises(CaseError, match=r"classes 0 to 1.*class 2"):
        fit(plain(classes=2), some_records(classes=3), recipe_of(), 1)


def test_a_model_without_trainable_weights_is_refused(plain, records, recipe_of):
    with pytest.raises(CaseError, match="trainable"):
        fit(plain().requires_grad_(requires_grad=False), records, recipe_of(), 1)


def test_weights_that_the_user_froze_stay_where_they_were(plain, records, recipe_of):
    model = plain()
    model[0].requires_grad_(requires_grad=False)
    trained = fit(model, records, recipe_of(weight_decay=0.1), 1)
    assert torch.equal(model[0].weight, trained[0].weight)
    assert not torch.equal(model[2].weight, trained[2].weight)


@pytest.mark.parametrize("memory", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_a_mask_holds_weights_bit_equal_through_momentum_and_decay(memory, decay, normalised, records, recipe_of):
    start = normalised()
    lots = torch.Generator().manual_seed(0)
    masks = {name: torch.rand(weight.shape, generator=lots) < 0.5 for name, weight in start.named_parameters()}
    learner = Learner(start, recipe_of(momentum=memory, weight_decay=decay), masks)
    for step in range(5):
        learner.step(records.x, lambda logits: nn.functional.cross_entropy(logits, records.y), 0.05, step + 1)
    after = dict(learner.finish(0.05, 5).named_parameters())
    for name, weight in start.named_parameters():
        assert torch.equal(weight[~masks[name]], after[name][~masks[name]]), name
    assert all(
        (weight != after[name])[masks[name]].any() for name, weight in start.named_parameters() if name != "0.bias"
    )


def test_a_mask_on_the_gradient_alone_would_not_hold_them(plain, records):
    """Why the weights are put back: the obvious implementation moves them by weight decay."""
    model = plain()
    start = model[0].weight.detach().clone()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.1)
    nn.functional.cross_entropy(model(records.x), records.y).backward()
    model[0].weight.grad.zero_()
    optimiser.step()
    assert not torch.equal(start, model[0].weight)


def test_an_adapted_recipe_differs_in_what_was_named_alone(recipe_of):
    recipe = recipe_of(weight_decay=0.3)
    adapted = adapt(recipe, epochs=9)
    assert (9, recipe.learning_rate, 0.3) == (adapted.epochs, adapted.learning_rate, adapted.weight_decay)
    assert adapt(recipe, learning_rate=0.7).epochs == recipe.epochs


# --- records ---


def test_records_are_selected_by_mask_or_by_index(records):
    mask = np.arange(40) < 3
    assert torch.equal(records.select(mask).x, records.select(np.array([0, 1, 2])).x)
    assert records.select(torch.tensor([2, 0])).y.tolist() == [0, 0]


def test_a_read_only_mask_is_taken(records):
    mask = np.arange(40) < 3
    mask.setflags(write=False)
    assert len(records.select(mask)) == 3


def test_a_mask_of_another_length_is_refused(records):
    with pytest.raises(CaseError, match="mask over 40"):
        records.select(np.ones(39, dtype=bool))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": torch.zeros(3, dtype=torch.int64)}, "expected y as"),
        ({"y": torch.zeros(4, dtype=torch.int32)}, "expected y as torch.int64"),
        ({"y": torch.tensor([0, 1, -1, 0])}, "found -1"),
        ({"positive": torch.zeros(4, dtype=torch.int64)}, "expected positive as torch.bool"),
        ({"x": torch.zeros(4, 2, dtype=torch.uint8)}, "floating-point"),
        ({"x": torch.tensor([[0.0], [1.0], [float("nan")], [0.0]])}, "1 of 4 records, the first at row 2"),
    ],
)
def test_malformed_records_are_refused_by_name(change, message):
    good = {"x": torch.zeros(4, 2), "y": torch.zeros(4, dtype=torch.int64), "positive": torch.zeros(4).bool()}
    with pytest.raises(CaseError, match=message):
        Records(**{**good, **change})
