"""Saliency: the gradient it claims to be, and exactly the share that was asked for."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from unlearn_audit.errors import CaseError
from unlearn_audit.training import find_saliency, fit, select_salient


def flatten(parts):
    return torch.cat([part.flatten() for part in parts.values()]).numpy()


def select_by_sorting(saliency, keep):
    """The naive twin: sort all weights by (saliency falling, position rising) and take the first."""
    flat = flatten(saliency)
    order = np.lexsort((np.arange(len(flat)), -flat))
    chosen = np.zeros(len(flat), dtype=bool)
    chosen[order[: max(1, round(keep * len(flat)))]] = True
    return chosen


def test_saliency_is_the_absolute_gradient_summed_record_by_record(make_model, records):
    model = make_model().train()
    twin = {name: torch.zeros_like(weight) for name, weight in model.named_parameters()}
    model.eval()
    for x, y in zip(records.x, records.y, strict=True):
        loss = nn.functional.cross_entropy(model(x[None]), y[None])
        for name, part in zip(twin, torch.autograd.grad(loss, list(model.parameters())), strict=True):
            twin[name] += part
    model.train()
    actual = find_saliency(model, records)
    assert list(actual) == list(twin)
    np.testing.assert_allclose(flatten(actual), np.abs(flatten(twin)), atol=1e-5)


def test_saliency_of_more_records_than_fit_a_batch_is_their_sum(plain, some_records):
    records = some_records(1100)
    model = plain().double()
    object.__setattr__(records, "x", records.x.double())
    loss = nn.functional.cross_entropy(model(records.x), records.y, reduction="sum")
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))]).abs()
    np.testing.assert_allclose(flatten(find_saliency(model, records)), expected.numpy(), atol=1e-9)


def test_the_model_keeps_mode_weights_statistics_and_has_no_gradients(normalised, records):
    model = normalised().train()
    before = [value.clone() for value in model.state_dict().values()]
    find_saliency(model, records)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))
    assert all(weight.grad is None for weight in model.parameters())


@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 7.0]), min_size=6, max_size=60).filter(any),
    st.floats(0.01, 1.0),
)
@settings(deadline=None)
def test_the_mask_equals_that_of_a_full_sort_even_with_ties(values, keep):
    half = len(values) // 2
    saliency = {"a": torch.tensor(values[:half]), "b": torch.tensor(values[half:])}
    actual = flatten(select_salient(saliency, keep))
    assert np.array_equal(select_by_sorting(saliency, keep), actual)


@pytest.mark.parametrize("keep", [1e-9, 0.1, 0.3, 0.5, 0.7, 0.999, 1.0])
def test_exactly_the_share_is_kept_over_all_weights_together(keep, make_model, records):
    saliency = find_saliency(make_model(), records)
    mask = select_salient(saliency, keep)
    total = sum(value.numel() for value in saliency.values())
    assert max(1, round(keep * total)) == flatten(mask).sum()
    assert {name: value.shape for name, value in saliency.items()} == {name: m.shape for name, m in mask.items()}


def test_no_weight_left_out_is_more_salient_than_one_kept(make_model, records):
    saliency = find_saliency(make_model(), records)
    chosen = flatten(select_salient(saliency, 0.4))
    assert flatten(saliency)[chosen].min() >= flatten(saliency)[~chosen].max()


def test_a_forget_set_without_any_gradient_is_refused(records):
    saliency = {"w": torch.zeros(4)}
    with pytest.raises(CaseError, match="zero for every weight"):
        select_salient(saliency, 0.5)


def test_an_empty_forget_set_is_refused(plain, records):
    with pytest.raises(CaseError, match="found none"):
        find_saliency(plain(), records.select(np.zeros(40, dtype=bool)))


def test_a_gradient_that_is_no_number_names_its_layer(plain, records):
    model = plain()
    with torch.no_grad():
        model[2].weight.fill_(float("nan"))
    with pytest.raises(CaseError, match=r"in '0\.weight'"):
        find_saliency(model, records)


def test_weights_that_are_not_used_have_no_saliency(plain, records):
    model = plain()
    model.register_parameter("idle", nn.Parameter(torch.ones(3)))
    assert find_saliency(model, records)["idle"].tolist() == [0.0, 0.0, 0.0]


def test_a_caller_without_gradients_gets_the_same_saliency(plain, recipe_of, records):
    model = fit(plain(), records, recipe_of(), 1)
    expected = flatten(find_saliency(model, records))
    with torch.no_grad():
        assert np.array_equal(expected, flatten(find_saliency(model, records)))
