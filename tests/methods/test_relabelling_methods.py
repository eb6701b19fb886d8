"""Random labelling, SalUn and SalUn-CRA against their papers."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import nn

from unlearn_audit.errors import CaseError
from unlearn_audit.methods import METHODS
from unlearn_audit.methods.salun_cra import cross_entropy_to_uniform, negative_entropy
from unlearn_audit.training import (
    Records,
    draw_labels,
    find_saliency,
    predict_log_probs,
    relabelling,
    select_salient,
)


def unlearn(name, world, **parameters):
    method = METHODS[name]
    return method.run(world.original, world.retain, world.forget, method.parse(parameters), world.setting)


def is_same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def entropy(model, x):
    log_p = predict_log_probs(model, x)
    return -(np.exp(log_p) * log_p).sum(axis=1)


class Diary(nn.Module):
    """Writes down the first feature of every record it trains on, batch by batch."""

    def __init__(self, inner, pages):
        super().__init__()
        self.inner, self.pages = inner, pages

    def __deepcopy__(self, memo):
        return Diary(deepcopy(self.inner, memo), self.pages)

    def forward(self, x):
        if self.training:
            self.pages.append([int(value) for value in x[:, 0]])
        return self.inner(x)


def with_diary(world):
    """Number the records in their first feature: retain from 0, forget from 1000."""

    def number(records, start):
        x = records.x.clone()
        x[:, 0] = torch.arange(start, start + len(records))
        return Records(x, records.y, records.positive)

    pages = []
    written = replace(
        world,
        original=Diary(world.original, pages),
        retain=number(world.retain, 0),
        forget=number(world.forget, 1000),
        setting=replace(world.setting, recipe=replace(world.setting.recipe, batch=7)),
    )
    return written, pages


# --- labels ---


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_any_labels_are_uniform_over_all_classes_whatever_the_truth(classes):
    truth = torch.arange(30_000) % classes
    drawn = draw_labels(truth, classes, "any", torch.Generator().manual_seed(0))
    for c in range(classes):
        counts = torch.bincount(drawn[truth == c], minlength=classes).numpy()
        assert len(counts) == classes
        assert chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("classes", [3, 7])
def test_other_labels_are_uniform_over_all_but_the_truth(classes):
    truth = torch.arange(30_000) % classes
    drawn = draw_labels(truth, classes, "other", torch.Generator().manual_seed(0))
    assert not (drawn == truth).any()
    for c in range(classes):
        counts = torch.bincount(drawn[truth == c], minlength=classes).numpy()
        assert chisquare(np.delete(counts, c)).pvalue > 1e-4


def test_other_labels_of_two_classes_are_a_flip():
    truth = torch.arange(50) % 2
    assert torch.equal(1 - truth, draw_labels(truth, 2, "other", torch.Generator().manual_seed(0)))


def test_labels_are_redrawn_each_epoch(world, monkeypatch):
    seen = []

    def spy(*arguments):
        seen.append(draw_labels(*arguments))
        return seen[-1]

    monkeypatch.setattr(relabelling, "draw_labels", spy)
    unlearn("random-label", world, epochs=3)
    assert len(seen) == 3
    assert not torch.equal(seen[0], seen[1])


def test_labels_cover_the_classes_of_the_model_even_where_the_records_lack_one(world, monkeypatch):
    counts = []
    monkeypatch.setattr(relabelling, "draw_labels", lambda t, k, *rest: (counts.append(k), draw_labels(t, k, *rest))[1])
    benign = replace(
        world,
        retain=world.retain.select(~world.retain.positive),
        forget=world.forget.select(~world.forget.positive),
    )
    unlearn("random-label", benign, epochs=1)
    assert counts == [3]


# --- schedules ---


@pytest.mark.parametrize("name", ["random-label", "salun", "salun-cra"])
def test_sequential_is_an_epoch_of_forget_then_an_epoch_of_retain(name, world):
    written, pages = with_diary(world)
    unlearn(name, written, epochs=2, schedule="sequential")
    order = [number for page in pages for number in page]
    forget, retain = set(range(1000, 1018)), set(range(30))
    assert len(order) == 2 * 48
    for epoch in (order[:48], order[48:]):
        assert (forget, retain) == (set(epoch[:18]), set(epoch[18:]))
    assert order[:48] != order[48:]


@pytest.mark.parametrize("name", ["random-label", "salun", "salun-cra"])
def test_joint_is_one_shuffled_epoch_of_both(name, world):
    written, pages = with_diary(world)
    unlearn(name, written, epochs=2, schedule="joint")
    order = [number for page in pages for number in page]
    everyone = set(range(1000, 1018)) | set(range(30))
    assert (everyone, everyone) == (set(order[:48]), set(order[48:]))
    assert len(order) == 2 * 48
    assert any(min(page) < 1000 <= max(page) for page in pages)


# --- random labelling and what it forgets ---


@pytest.mark.parametrize("schedule", ["sequential", "joint"])
def test_other_labels_lower_the_confidence_in_the_truth_of_forgotten_records(schedule, world):
    def trust(model):
        rows = np.arange(18)
        return predict_log_probs(model, world.forget.x)[rows, world.forget.y.numpy()].mean()

    assert trust(unlearn("random-label", world, labels="other", schedule=schedule)) < trust(world.original)


# --- SalUn ---


@pytest.mark.parametrize("name", ["salun", "salun-cra"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("schedule", ["sequential", "joint"])
def test_weights_that_are_not_salient_stay_bit_equal_through_momentum_and_weight_decay(name, keep, schedule, world):
    assert world.setting.recipe.momentum > 0
    assert world.setting.recipe.weight_decay > 0
    mask = select_salient(find_saliency(world.original, world.forget), keep)
    after = dict(unlearn(name, world, keep=keep, schedule=schedule).named_parameters())
    changed = 0
    for weight_name, weight in world.original.named_parameters():
        moved = weight.detach() != after[weight_name].detach()
        assert not moved[~mask[weight_name]].any(), weight_name
        changed += int(moved.sum())
    selected = sum(int(part.sum()) for part in mask.values())
    total = sum(part.numel() for part in mask.values())
    assert selected == round(keep * total)
    assert 0.9 * selected <= changed <= selected


def test_running_statistics_are_no_weights_and_follow_the_batches(world):
    after = unlearn("salun", world, keep=0.1)
    assert not torch.equal(world.original[1].running_mean, after[1].running_mean)


def test_keeping_every_weight_is_random_labelling(world):
    assert is_same(unlearn("random-label", world), unlearn("salun", world, keep=1.0))


def test_a_forget_set_without_gradient_is_refused_rather_than_masked_at_random(world):
    with torch.no_grad():
        world.original[3].weight.zero_()
        world.original[3].bias.copy_(torch.tensor([-1e4, -1e4, 1e4]))
    saturated = replace(world, forget=world.forget.select(world.forget.positive))
    with pytest.raises(CaseError, match="zero for every weight"):
        unlearn("salun", saturated)


# --- SalUn-CRA ---


@pytest.mark.parametrize("classes", [2, 7])
def test_both_forms_have_their_best_value_at_the_uniform_answer(classes):
    flat = torch.full((1, classes), 3.0, dtype=torch.float64)
    assert negative_entropy(flat).item() == pytest.approx(-np.log(classes))
    assert cross_entropy_to_uniform(flat).item() == pytest.approx(np.log(classes))
    for form in (negative_entropy, cross_entropy_to_uniform):
        logits = flat.clone().requires_grad_()
        assert torch.allclose(torch.autograd.grad(form(logits).sum(), logits)[0], torch.zeros_like(logits), atol=1e-12)
        assert form(flat + torch.arange(classes)) > form(flat)


def test_the_gradient_of_negative_entropy_is_its_closed_form():
    """d(-H)/dz_j = p_j (log p_j + H)."""
    logits = torch.tensor([[2.0, -1.0, 0.5]], dtype=torch.float64, requires_grad=True)
    (actual,) = torch.autograd.grad(negative_entropy(logits).sum(), logits)
    log_p = torch.log_softmax(logits.detach(), dim=1)
    expected = log_p.exp() * (log_p - (log_p.exp() * log_p).sum())
    assert torch.allclose(expected, actual)


def test_the_uniform_form_is_the_expected_loss_of_uniformly_drawn_labels():
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    losses = [nn.functional.cross_entropy(logits, torch.full((5,), c), reduction="none") for c in range(4)]
    assert torch.allclose(torch.stack(losses).mean(dim=0), cross_entropy_to_uniform(logits))


def test_entropy_has_next_to_no_gradient_on_saturated_records_and_uniform_has():
    logits = torch.tensor([[9.0, 0.0]], requires_grad=True)
    (weak,) = torch.autograd.grad(negative_entropy(logits).sum(), logits)
    (strong,) = torch.autograd.grad(cross_entropy_to_uniform(logits).sum(), logits)
    assert weak.abs().max() < 0.01
    assert strong.abs().max() > 0.4


@pytest.mark.parametrize("form", ["entropy", "uniform"])
@pytest.mark.parametrize("schedule", ["sequential", "joint"])
def test_the_model_becomes_less_certain_of_forgotten_malignant_records(form, schedule, world):
    malignant = world.forget.x[world.forget.positive]
    after = unlearn("salun-cra", world, form=form, schedule=schedule)
    assert entropy(after, malignant).mean() > entropy(world.original, malignant).mean()


def test_the_forms_differ(world):
    assert not is_same(unlearn("salun-cra", world, form="entropy"), unlearn("salun-cra", world, form="uniform"))


def test_without_malignant_records_it_is_salun_with_its_random_labels(world):
    benign = replace(world, forget=world.forget.select(~world.forget.positive))
    assert is_same(unlearn("salun", benign), unlearn("salun-cra", benign))
    assert not is_same(unlearn("salun", world), unlearn("salun-cra", world))


@pytest.mark.parametrize("schedule", ["sequential", "joint"])
def test_labels_are_drawn_for_benign_records_and_ignored_for_malignant_ones(schedule, world):
    def differs(forget):
        part = replace(world, forget=forget)
        any_, other = (unlearn("salun-cra", part, labels=kind, schedule=schedule) for kind in ("any", "other"))
        return not is_same(any_, other)

    assert differs(world.forget.select(~world.forget.positive))
    assert not differs(world.forget.select(world.forget.positive))


def test_malignant_records_to_retain_are_trained_as_labelled(world):
    """The uncertainty term is for forget records: the retain set's malignancies must not be blurred."""
    harmless = replace(world, forget=world.forget.select(~world.forget.positive))
    flagged = replace(harmless, retain=Records(world.retain.x, world.retain.y, torch.zeros_like(world.retain.positive)))
    for schedule in ("sequential", "joint"):
        assert is_same(
            unlearn("salun-cra", harmless, schedule=schedule), unlearn("salun-cra", flagged, schedule=schedule)
        )
