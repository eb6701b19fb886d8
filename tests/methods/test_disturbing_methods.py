"""The methods that disturb a model and then train it on what remains: what each disturbs, by hand."""

import itertools
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy, log_softmax

from tests.methods.conftest import RecipeOf
from unlearn_audit.errors import CaseError
from unlearn_audit.methods import METHODS, masked_small_gradients
from unlearn_audit.methods.convolution_transpose import transpose_kernels
from unlearn_audit.methods.masked_small_gradients import list_layers, restart_weights, select_smallest
from unlearn_audit.methods.rum import divide, divide_epochs, divide_sizes, measure_memorisation
from unlearn_audit.methods.targeted_restart import restart_layers, select_moved
from unlearn_audit.methods.weight_noise import disturb_weights
from unlearn_audit.models import MODELS
from unlearn_audit.records import derive_integer
from unlearn_audit.training import Records, Setting, adapt, find_slope, fit, make_generator


def unlearn(name, world, **parameters):
    method = METHODS[name]
    return method.run(world.original, world.retain, world.forget, method.parse(parameters), world.setting)


def is_same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize("name", ["masked-small-gradients", "weight-noise", "targeted-restart", "rum"])
@pytest.mark.parametrize(
    "network", [pytest.param(n, marks=pytest.mark.thorough) if n == "resnet18" else n for n in MODELS]
)
def test_they_work_on_every_network_of_the_product(name, network):
    generator, y = torch.Generator().manual_seed(1), torch.arange(12) % 2
    records = Records(torch.randn(12, 1, 8, 8, generator=generator), y, y == 1)
    build = partial(MODELS[network].build, (1, 8, 8), 2)
    setting = Setting(build, RecipeOf(epochs=1, learning_rate=0.01), seed=3)
    method, forget = METHODS[name], np.arange(12) < 4
    unlearned = method.run(build(1), records.select(~forget), records.select(forget), method.parse({}), setting)
    assert unlearned(records.x).shape == (12, 2)


def count_steps(name, world, **parameters):
    steps = []
    watched = replace(world, setting=replace(world.setting, progress=lambda *step: steps.append(step)))
    unlearn(name, watched, **parameters)
    return steps[-1][2]


# --- masked small gradients ---


class TwoLayers(nn.Module):
    """logits = W2 W1 x without biases: the gradient of its loss can be written down."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor(first))
            self.second.weight.copy_(torch.tensor(second))

    def forward(self, x):
        return self.second(self.first(x))


def test_the_weights_started_anew_on_a_two_layer_network_are_those_found_by_hand():
    """With W1 = W2 = I, x = (1, 0) and label 0: dL/dlogits = (p0 - 1, p1) with p0 = e / (1 + e), so d = p0 - 1 < 0.

    dL/dW2 = (d, -d)' x h with h = x, dL/dW1 = W2' (d, -d)' x' alike: columns (d, -d) and 0. The forget record (0, 2)
    of label 1 has logits (0, 2), e = 2 d' in the other column, d' = p1 - 1 with p1 = e^2 / (1 + e^2). So the
    difference is -d (.27) in the first column and 2 d' (.24) in the second: the smaller half is the second column.
    """
    identity = [[1.0, 0.0], [0.0, 1.0]]
    original, fresh = TwoLayers(identity, identity), TwoLayers([[5.0, 6.0], [7.0, 8.0]], [[9.0, 10.0], [11.0, 12.0]])
    retain = Records(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), torch.tensor([False]))
    forget = Records(torch.tensor([[0.0, 2.0]]), torch.tensor([1]), torch.tensor([True]))
    first, second = 1 / (1 + np.e), 2 / (1 + np.e**2)
    assert first > second, "by hand: .269 and .238"
    slopes = find_slope(original, retain), find_slope(original, forget)
    for name in list_layers(original):
        difference = (slopes[0][name] - slopes[1][name]).abs()
        torch.testing.assert_close(difference, torch.tensor([[first, second], [first, second]], dtype=torch.float32))
        assert select_smallest(difference, 0.5).tolist() == [[False, True], [False, True]]
    started = restart_weights(original, fresh, {"first.weight": select_smallest(difference, 0.5)})
    assert started.first.weight.tolist() == [[1.0, 6.0], [0.0, 8.0]]
    assert torch.equal(started.second.weight, original.second.weight)


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0]), min_size=1, max_size=40), st.floats(0.01, 1))
def test_the_smallest_are_as_many_as_asked_for_and_no_larger_one_is_among_them(values, share):
    found = torch.tensor(values)
    mask = select_smallest(found, share)
    assert int(mask.sum()) == max(1, round(share * len(values)))
    assert mask.all() or found[mask].max() <= found[~mask].min()


def test_each_convolution_gives_its_own_share_and_the_rest_of_the_network_none(images, monkeypatch):
    chosen = {}
    real = masked_small_gradients.restart_weights

    def spy(original, fresh, masks):
        chosen.update(masks)
        return real(original, fresh, masks)

    monkeypatch.setattr(masked_small_gradients, "restart_weights", spy)
    unlearn("masked-small-gradients", images)
    assert {name: int(mask.sum()) for name, mask in chosen.items()} == {"0.weight": round(0.3 * 36)}


def test_without_convolutions_linear_layers_stand_in(world, images):
    assert list_layers(images.original) == ["0.weight"]
    assert list_layers(world.original) == ["0.weight", "3.weight"]
    assert list_layers(nn.Linear(2, 2)) == ["weight"]


def test_a_network_without_either_is_refused_by_name(world):
    class Scales(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x[:, :3] * self.scale

    with pytest.raises(CaseError, match="'masked-small-gradients' starts weights of convolutions or linear layers"):
        unlearn("masked-small-gradients", replace(world, original=Scales()))


def test_gradients_of_the_other_weights_are_scaled_and_those_of_the_rest_are_not(images):
    """One step without momentum or decay, from everything as it was (a share of one weight, then put back)."""
    recipe = replace(images.setting.recipe, batch=64, momentum=0.0, weight_decay=0.0, epochs=1)
    start = images.original.train()
    scale = torch.full_like(start[0].weight, 0.1)
    plain = fit(start, images.retain, recipe, 1)
    scaled = fit(start, images.retain, recipe, 1, scales={"0.weight": scale})
    moved = plain[0].weight - start[0].weight
    torch.testing.assert_close(0.1 * moved, scaled[0].weight - start[0].weight, atol=1e-7, rtol=1e-3)
    assert torch.equal(plain[4].weight, scaled[4].weight)
    assert moved.abs().max() > 1e-4


def test_a_scale_of_one_over_no_restart_to_speak_of_is_fine_tuning(images, monkeypatch):
    monkeypatch.setattr(masked_small_gradients, "restart_weights", lambda original, _fresh, _masks: original)
    recipe = adapt(images.setting.recipe, epochs=2)
    expected = fit(images.original, images.retain, recipe, images.setting.seed)
    assert is_same(expected, unlearn("masked-small-gradients", images, gradient_scale=1.0))


# --- convolution transpose ---


def test_transposing_exchanges_rows_and_columns_of_every_kernel_and_nothing_else(images):
    transposed = transpose_kernels(images.original)
    for row in range(3):
        for column in range(3):
            assert torch.equal(transposed[0].weight[..., row, column], images.original[0].weight[..., column, row])
    rest = {name: value for name, value in images.original.state_dict().items() if name != "0.weight"}
    assert all(torch.equal(value, transposed.state_dict()[name]) for name, value in rest.items())


def test_transposing_twice_gives_the_original_back(images):
    assert is_same(images.original, transpose_kernels(transpose_kernels(images.original)))


def test_a_transposed_network_answers_to_a_transposed_image_as_the_original_did(images):
    """Up to the head, which reads pixels in their order: with the mean over pixels in its place."""
    features, mirrored = (model[:3].eval() for model in (images.original, transpose_kernels(images.original)))
    x = images.forget.x
    torch.testing.assert_close(features(x).mean((2, 3)), mirrored(x.transpose(2, 3)).mean((2, 3)))


def test_it_trains_the_transposed_network_by_the_recipe_for_its_share_of_epochs(images):
    expected = fit(
        transpose_kernels(images.original), images.retain, adapt(images.setting.recipe, epochs=4), images.setting.seed
    )
    assert is_same(expected, unlearn("convolution-transpose", images, epochs_share=0.5))


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_a_network_of_the_product_without_convolutions_is_refused_by_name(name, world):
    network = MODELS[name].build((5,), 3, 1)
    with pytest.raises(CaseError, match="'convolution-transpose' needs a two-dimensional convolution") as caught:
        unlearn("convolution-transpose", replace(world, original=network))
    assert "warm-restart" in caught.value.hint


def test_kernels_of_one_pixel_are_not_enough():
    with pytest.raises(CaseError, match="more than one pixel"):
        transpose_kernels(nn.Sequential(nn.Conv2d(1, 2, 1)))


def test_a_kernel_that_is_not_square_is_refused_with_its_layer():
    with pytest.raises(CaseError, match=r"square kernels, found one of 1 x 3 in '1'"):
        transpose_kernels(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, (1, 3))))


def test_it_works_on_the_small_resnet_whose_weights_lie_channels_last():
    network = MODELS["resnet18-small"].build((3, 16, 16), 2, 1)
    transposed = transpose_kernels(network)
    changed = [
        name for name, value in network.named_parameters() if not torch.equal(value, transposed.get_parameter(name))
    ]
    kernels = [name for name, value in network.named_parameters() if value.ndim == 4 and value.shape[2] == 3]
    assert changed == kernels
    assert all(
        value.is_contiguous(memory_format=torch.channels_last) for value in transposed.parameters() if value.ndim == 4
    )


@pytest.mark.parametrize(
    "name", ["masked-small-gradients", "convolution-transpose", "weight-noise", "targeted-restart", "rum"]
)
def test_a_frozen_backbone_stays_as_it_is(name, images):
    """Whoever trains a head alone gets a new head: frozen weights could never recover from a disturbance."""
    generator = torch.Generator().manual_seed(1)
    trainable = nn.Conv2d(4, 4, 3, padding=1)
    with torch.no_grad():
        trainable.weight.copy_(torch.randn(4, 4, 3, 3, generator=generator))

    def build(_seed):
        network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), deepcopy(trainable), nn.Flatten(), nn.Linear(100, 3))
        with torch.no_grad():
            network[0].weight.fill_(_seed % 7 + 1.0)
        network[0].requires_grad_(requires_grad=False)
        return network

    original = build(3)
    unlearned = unlearn(name, replace(images, original=original, setting=replace(images.setting, build=build)))
    assert is_same(original[0], unlearned[0])
    assert not torch.equal(original[3].weight, unlearned[3].weight)


def test_where_every_kernel_is_frozen_there_is_nothing_to_transpose(images):
    images.original[0].requires_grad_(requires_grad=False)
    with pytest.raises(CaseError, match="trainable kernel"):
        transpose_kernels(images.original)


def test_a_weight_that_two_layers_share_is_one_weight():
    one = nn.Linear(3, 3)
    other = nn.Linear(3, 3)
    other.weight = one.weight
    assert list_layers(nn.Sequential(one, other)) == ["0.weight"]


# --- weight noise ---


@pytest.mark.parametrize("deviation", [0.02, 0.5])
def test_the_noise_has_the_asked_deviation_and_mean_zero_on_every_kind_of_weight(deviation):
    original = nn.Sequential(nn.Linear(300, 300), nn.BatchNorm1d(90_000))
    noise = [
        (after - before).flatten().detach()
        for before, after in zip(
            original.parameters(),
            disturb_weights(original, deviation, torch.Generator().manual_seed(1)).parameters(),
            strict=True,
        )
    ]
    large = [part for part in noise if len(part) == 90_000]
    assert len(large) == 3, "a matrix, and the scales and shifts of a normalisation"
    for part in large:
        # the standard error of the deviation is deviation / sqrt(2 n), of the mean deviation / sqrt(n)
        assert float(part.std()) == pytest.approx(deviation, rel=5 / np.sqrt(180_000))
        assert abs(float(part.mean())) < 5 * deviation / np.sqrt(90_000)
    together = torch.stack(large)
    assert np.abs(np.corrcoef(together.numpy()) - np.eye(3)).max() < 5 / np.sqrt(90_000), "independent draws"


def test_it_trains_the_disturbed_network_by_the_recipe_for_its_share_of_epochs(world):
    start = disturb_weights(world.original, 0.1, make_generator(world.setting.seed, "noise"))
    expected = fit(start, world.retain, adapt(world.setting.recipe, epochs=4), world.setting.seed)
    assert is_same(expected, unlearn("weight-noise", world, deviation=0.1, epochs_share=0.5))


# --- targeted restart ---


def test_the_layers_that_begin_anew_are_those_that_would_be_moved_most():
    """By hand: |gradient| / |weights| of three layers is 1 / 10, 2 / 4 and 3 / 60."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False), nn.Linear(1, 1))
    with torch.no_grad():
        for layer, value in ((model[0], 10.0), (model[2], 4.0), (model[3], 60.0)):
            layer.weight.fill_(value)
        model[3].bias.zero_()
    slope = {
        "0.weight": torch.tensor([[1.0]]),
        "2.weight": torch.tensor([[-2.0]]),
        "3.weight": torch.tensor([[3.0]]),
        "3.bias": torch.tensor([0.0]),
    }
    assert select_moved(model, slope, 0.3) == ["2"]
    assert select_moved(model, slope, 0.7) == ["0", "2"]
    assert select_moved(model, slope, 1.0) == ["0", "2", "3"]


def test_a_layer_of_zeros_that_has_a_gradient_is_moved_without_bound(world):
    with torch.no_grad():
        world.original[3].weight.zero_()
        world.original[3].bias.zero_()
    slope = {name: torch.full_like(weight, 1e-9) for name, weight in world.original.named_parameters()}
    assert select_moved(world.original, slope, 0.01) == ["3"]


def test_gradients_of_zero_rank_no_layer(world):
    slope = {name: torch.zeros_like(weight) for name, weight in world.original.named_parameters()}
    with pytest.raises(CaseError, match="found zero for every weight"):
        select_moved(world.original, slope, 0.5)


def test_only_the_chosen_layers_begin_anew_with_their_running_statistics(world):
    fresh = world.build(9)
    started = restart_layers(world.original, fresh, ["0", "1"], 0.25)
    assert torch.equal(started[0].weight, 0.25 * world.original[0].weight + 0.75 * fresh[0].weight)
    assert torch.equal(started[1].weight, 0.25 * world.original[1].weight + 0.75 * fresh[1].weight)
    assert torch.equal(started[1].running_mean, fresh[1].running_mean)
    assert is_same(started[3], world.original[3])


def test_every_layer_begun_anew_is_training_from_scratch(world):
    from_scratch = unlearn("scratch", world, epochs_share=0.5)
    assert is_same(from_scratch, unlearn("targeted-restart", world, layers_share=1.0, epochs_share=0.5))


def test_a_model_whose_weights_belong_to_itself_has_one_layer(world):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 5))

        def forward(self, x):
            return x @ self.weight.T

    drawn = Own()
    with torch.no_grad():
        drawn.weight.fill_(0.5)
    setting = Setting(lambda _seed: drawn, replace(world.setting.recipe, epochs=1), seed=1)
    found = METHODS["targeted-restart"]
    unlearned = found.run(Own(), world.retain, world.forget, found.parse({}), setting)
    assert is_same(fit(drawn, world.retain, setting.recipe, 1), unlearned)


# --- RUM ---


def test_memorisation_is_the_symmetric_divergence_of_the_answers(world):
    probe = world.build(3)
    found = measure_memorisation(world.original, probe, world.forget)
    with torch.no_grad():
        p, q = (log_softmax(deepcopy(m).eval()(world.forget.x).double(), 1) for m in (world.original, probe))
    expected = (p.exp() * (p - q)).sum(1) + (q.exp() * (q - p)).sum(1)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    assert measure_memorisation(world.original, deepcopy(world.original), world.forget).max() == 0


def test_the_forget_set_is_divided_into_thirds_from_the_least_to_the_most_memorised():
    parts = divide(np.array([0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8]))
    assert [part.tolist() for part in parts] == [[1, 5], [0, 3], [2, 4, 6]]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=50))
def test_the_parts_are_a_partition_in_the_order_of_memorisation(values):
    memorisation = np.array(values)
    parts = divide(memorisation)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(values)))
    assert [len(part) for part in parts] == divide_sizes(len(values))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for low, high in itertools.pairwise(parts):
        assert memorisation[low].max() <= memorisation[high].min()


@given(st.integers(3, 100), st.integers(1, 3))
def test_no_pass_is_lost_and_the_most_memorised_get_the_odd_one(epochs, parts):
    divided = divide_epochs(epochs, parts)
    assert sum(divided) == epochs
    assert divided == sorted(divided)
    assert divided[0] >= 1


def test_it_costs_the_passes_over_the_retained_records_that_it_says(world):
    """30 records to retain and 18 to forget in batches of 8: 4 steps a pass over retain, 1 over each third of 6."""
    assert count_steps("rum", world, epochs=7) == 4 + 3 * 2 * (4 + 1)
    assert count_steps("rum", world, epochs=8) == 4 + 3 * 2 * (4 + 1) + (4 + 1)
    assert count_steps("rum", world, epochs=4, schedule="joint") == 4 + 3 * 5


def test_with_one_record_to_forget_it_is_one_salun_after_the_probe(world):
    one = replace(world, forget=world.forget.select(np.array([0])))
    seed = derive_integer(world.setting.seed, "stage", "1")
    salun = METHODS["salun"]
    expected = salun.run(one.original, one.retain, one.forget, salun.parse({"epochs": 3}), one.seeded(seed))
    assert is_same(expected, unlearn("rum", one, epochs=4))


def test_each_part_starts_from_what_the_part_before_left(world):
    """Against a naive twin: the probe, the division, and one SalUn after the other."""
    settings = [world.seeded(derive_integer(world.setting.seed, "stage", str(number))) for number in range(4)]
    probe = fit(world.original, world.retain, adapt(world.setting.recipe, epochs=1), settings[0].seed)
    model, salun = world.original, METHODS["salun"]
    for part, setting in zip(
        divide(measure_memorisation(world.original, probe, world.forget)), settings[1:], strict=True
    ):
        model = salun.run(model, world.retain, world.forget.select(part), salun.parse({"epochs": 2}), setting)
    assert is_same(model, unlearn("rum", world, epochs=7))


def test_what_is_memorised_alone_is_in_the_last_part(world):
    """A record with a wrong label among many like it with the right one is held by memory, and lost first."""
    generator = torch.Generator().manual_seed(2)
    x = torch.cat([torch.randn(20, 5, generator=generator) + 1, torch.randn(20, 5, generator=generator) - 1])
    y = torch.arange(40) // 20
    y[0] = 1
    records = Records(x, y, y == 1)
    recipe = replace(world.setting.recipe, epochs=150, weight_decay=0.0)
    original = fit(world.build(1), records, recipe, 1)
    assert float(cross_entropy(original(x[:1]), y[:1]).detach()) < 0.1, "the odd one is memorised"
    forget, retain = records.select(np.arange(9)), records.select(np.arange(9, 40))
    probe = fit(original, retain, replace(recipe, epochs=3), 2)
    assert 0 in divide(measure_memorisation(original, probe, forget))[-1]
