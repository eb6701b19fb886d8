"""The methods that people compare with, each held against the formula of its paper."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, log_softmax, softmax

from unlearn_audit.errors import CaseError
from unlearn_audit.methods import METHODS
from unlearn_audit.methods.boundary_shrink import find_neighbours
from unlearn_audit.methods.l1_sparse import sum_absolute
from unlearn_audit.methods.scrub import measure_distance, soften
from unlearn_audit.methods.ssd import SsdParameters, dampen
from unlearn_audit.training import Records, adapt, find_importance, fit, fitting


class Once(nn.Module):
    """A linear model without batch normalisation: one step of it can be written down."""

    def __init__(self, classes=3):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.weight = nn.Parameter(torch.randn(classes, 5, generator=generator))

    def forward(self, x):
        return x @ self.weight.T


@pytest.fixture
def plain(world):
    """The same records, a linear original, and one whole batch a pass under SGD without momentum or decay."""
    recipe = replace(world.setting.recipe, batch=64, momentum=0.0, weight_decay=0.0)
    return replace(world, original=Once(), setting=replace(world.setting, recipe=recipe, build=lambda _seed: Once()))


def unlearn(name, world, **parameters):
    method = METHODS[name]
    return method.run(world.original, world.retain, world.forget, method.parse(parameters), world.setting)


def find_slope(model, find_loss):
    (slope,) = torch.autograd.grad(find_loss(model), model.weight)
    return slope


def lose(records):
    return lambda model: cross_entropy(model(records.x), records.y)


def find_loss(model, records):
    with torch.no_grad():
        return float(cross_entropy(model(records.x), records.y))


# --- gradient ascent ---


def test_one_pass_of_gradient_ascent_is_one_step_up_the_forget_loss(plain):
    expected = plain.original.weight + 0.1 * find_slope(plain.original, lose(plain.forget))
    actual = unlearn("gradient-ascent", plain, epochs=1, learning_rate=0.1).weight
    torch.testing.assert_close(expected, actual)


def test_gradient_ascent_raises_the_forget_loss(world):
    unlearned = unlearn("gradient-ascent", world, learning_rate=0.01)
    assert find_loss(unlearned, world.forget) > find_loss(deepcopy(world.original).eval(), world.forget)


def test_gradient_ascent_without_end_is_an_error_and_no_model(world):
    with pytest.raises(CaseError, match="diverged"):
        unlearn("gradient-ascent", world, learning_rate=10, epochs=1_000)


# --- NegGrad+ ---


@pytest.mark.parametrize("beta", [0.3, 0.95])
def test_one_pass_of_neggrad_plus_is_one_step_down_the_weighed_difference(plain, beta):
    one = replace(plain, forget=plain.forget.select(torch.tensor([4])))
    weighed = beta * find_slope(one.original, lose(one.retain)) - (1 - beta) * find_slope(
        one.original, lose(one.forget)
    )
    actual = unlearn("neggrad-plus", one, epochs=1, learning_rate=0.1, retain_weight=beta).weight
    torch.testing.assert_close(one.original.weight - 0.1 * weighed, actual)


def test_every_retain_record_brings_a_forget_partner_drawn_anew_each_epoch(plain):
    """With one batch a pass, two passes over a linear model with zero learning show two different partners' means."""
    shown = []

    class Watched(Once):
        def forward(self, x):
            if self.training:
                shown.append(x.detach())
            return super().forward(x)

    unlearn("neggrad-plus", replace(plain, original=Watched()), epochs=2)
    known = {tuple(row.tolist()) for row in plain.forget.x}
    partners = [seen[len(plain.retain) :] for seen in shown]
    assert [len(part) for part in partners] == [len(plain.retain)] * 2
    assert all(tuple(row.tolist()) in known for part in partners for row in part)
    assert not torch.equal(partners[0], partners[1])


# --- l1-sparse ---


def test_the_penalty_is_the_sum_of_absolute_weights():
    model = Once()
    with torch.no_grad():
        assert float(sum_absolute(model)) == pytest.approx(float(model.weight.abs().sum()))


def test_the_penalty_falls_linearly_from_gamma_and_ends_before_zero(world, monkeypatch):
    penalties = []
    real = fitting.Learner.step

    def spy(learner, *arguments):
        penalties.append(float((arguments[-1](Once()) / sum_absolute(Once())).detach()))
        return real(learner, *arguments)

    monkeypatch.setattr(fitting.Learner, "step", spy)
    unlearn("l1-sparse", world, gamma=0.01, epochs=2)
    steps = len(penalties)
    assert penalties == pytest.approx([0.01 * (1 - step / steps) for step in range(steps)], rel=1e-5)


def test_a_vanishing_penalty_is_fine_tuning(world):
    recipe = adapt(world.setting.recipe, epochs=2, learning_rate=0.05)
    tuned = fit(world.original, world.retain, recipe, world.setting.seed)
    sparse = unlearn("l1-sparse", world, gamma=1e-12, epochs=2)
    for one, other in zip(tuned.parameters(), sparse.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


def test_one_pass_of_l1_sparse_is_one_step_down_the_loss_and_towards_zero(plain):
    before = plain.original.weight
    expected = before - 0.1 * (find_slope(plain.original, lose(plain.retain)) + 0.3 * before.sign())
    torch.testing.assert_close(expected, unlearn("l1-sparse", plain, gamma=0.3, epochs=1, learning_rate=0.1).weight)


# --- SCRUB ---


def test_the_distance_is_kullback_leibler_at_the_temperature_times_its_square():
    student, teacher, heat = torch.randn(7, 3), torch.randn(7, 3), 4.0
    p, log_q = softmax(teacher / heat, 1), log_softmax(student / heat, 1)
    expected = heat**2 * (p * (p.log() - log_q)).sum(1).mean()
    torch.testing.assert_close(expected, measure_distance(student, softmax(teacher / heat, 1), heat))


def test_the_teacher_answers_as_the_original_in_evaluation_mode(world):
    found = soften(world.original.train(), world.forget, 4.0)
    expected = softmax(deepcopy(world.original).eval()(world.forget.x) / 4.0, 1)
    torch.testing.assert_close(expected, found)
    assert not found.requires_grad


def test_scrub_moves_the_student_away_from_its_teacher_on_forget_and_less_on_retain(world):
    """Forget records that lie apart, so that a model can change on them alone."""
    apart = Records(world.forget.x + 8, world.forget.y, world.forget.positive)
    student = unlearn("scrub", replace(world, forget=apart), learning_rate=0.02, epochs=4, max_epochs=4)
    moved = {}
    for name, records in (("forget", apart), ("retain", world.retain)):
        with torch.no_grad():
            moved[name] = float(measure_distance(student(records.x), soften(world.original, records, 4.0), 4.0))
    assert moved["forget"] > 5 * moved["retain"] > 0


def test_where_student_and_teacher_agree_the_first_pass_has_no_slope(plain):
    """So a linear model that only parts ways once is only fine-tuned, exactly."""
    tuned = plain.original.weight - 0.1 * find_slope(plain.original, lose(plain.retain))
    once = unlearn("scrub", plain, alpha=0, max_epochs=1, epochs=1, learning_rate=0.1).weight
    torch.testing.assert_close(tuned, once)
    twice = [unlearn("scrub", plain, max_epochs=most, epochs=2, learning_rate=0.1).weight for most in (1, 2)]
    assert not torch.allclose(*twice)


# --- boundary shrink ---


def test_with_two_classes_the_neighbour_is_the_other_class():
    y = torch.arange(40) % 2
    records = Records(torch.randn(40, 5), y, y == 1)
    assert torch.equal(1 - y, find_neighbours(Once(classes=2), records, 0.1))


def test_the_neighbour_is_the_best_wrong_class_where_the_gradient_points(world):
    model = Once()
    slope = torch.stack(
        [
            torch.func.grad(lambda at, y=y: cross_entropy(model(at[None]), y[None]))(x)
            for x, y in zip(world.forget.x, world.forget.y, strict=True)
        ]
    )
    pushed = model(world.forget.x + 0.7 * slope.sign()).detach()
    pushed[torch.arange(len(pushed)), world.forget.y] = -torch.inf
    found = find_neighbours(model, world.forget, 0.7)
    assert torch.equal(pushed.argmax(1), found)
    assert not (found == world.forget.y).any()


def test_one_pass_of_boundary_shrink_is_one_step_towards_the_neighbours_as_labels(plain):
    neighbours = find_neighbours(plain.original, plain.forget, 0.1)
    taught = Records(plain.forget.x, neighbours, plain.forget.positive)
    expected = plain.original.weight - 0.1 * find_slope(plain.original, lose(taught))
    actual = unlearn("boundary-shrink", plain, step=0.1, epochs=1, learning_rate=0.1).weight
    torch.testing.assert_close(expected, actual)


# --- selective synaptic dampening ---


def square_slopes_one_by_one(model, records):
    """The diagonal Fisher information by a loop over records that a reader can check."""
    model = deepcopy(model).eval()
    total = {name: torch.zeros_like(weight) for name, weight in model.named_parameters()}
    for x, y in zip(records.x, records.y, strict=True):
        loss = cross_entropy(model(x[None]), y[None])
        for name, slope in zip(total, torch.autograd.grad(loss, list(model.parameters())), strict=True):
            total[name] += slope**2 / len(records)
    return total


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_importance_is_the_mean_squared_gradient_of_single_records_whatever_the_batch(world, batch):
    expected = square_slopes_one_by_one(world.original, world.forget)
    actual = find_importance(world.original, world.forget, batch)
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        torch.testing.assert_close(value, actual[name])


def test_dampening_multiplies_the_selected_weights_and_no_others():
    original = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        original.weight.copy_(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    ours, every = {"weight": torch.tensor([[8.0, 3.0, 1.0, 0.0]])}, {"weight": torch.tensor([[2.0, 2.0, 2.0, 0.0]])}
    model = dampen(original, ours, every, SsdParameters(alpha=2.0, strength=1.0))
    assert model.weight.tolist() == [[0.25, 2.0, 3.0, 4.0]]


def test_the_importance_for_all_records_counts_forget_and_retain_by_their_numbers(world):
    """Against a naive twin: importance over the training records in one go, then the paper's rule."""
    together = Records(
        torch.cat([world.forget.x, world.retain.x]),
        torch.cat([world.forget.y, world.retain.y]),
        torch.cat([world.forget.positive, world.retain.positive]),
    )
    ours = square_slopes_one_by_one(world.original, world.forget)
    every = square_slopes_one_by_one(world.original, together)
    unlearned = dict(unlearn("ssd", world, alpha=1.2, strength=0.5).named_parameters())
    for name, weight in world.original.named_parameters():
        factor = torch.where(ours[name] > 1.2 * every[name], (0.5 * every[name] / ours[name]).clamp(max=1.0), 1.0)
        torch.testing.assert_close(weight * factor, unlearned[name])


def test_an_alpha_that_selects_nothing_is_refused_and_says_why(world):
    with pytest.raises(CaseError, match=r"10 times as much .* found none") as caught:
        unlearn("ssd", world, alpha=10)
    assert "lower alpha" in caught.value.hint
