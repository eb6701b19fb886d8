"""Networks: seeded without a trace, of the documented size, refusing what they cannot take."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from unlearn_audit.errors import CaseError, UnknownNameError, UsageError
from unlearn_audit.models import MODELS, Architecture, count_parameters, find_architecture

SHAPES = {"mlp": (30,), "linear": (30,), "resnet18-small": (3, 28, 28), "resnet18": (3, 28, 28)}


def test_the_wide_resnet_has_as_many_weights_as_the_one_that_papers_use_on_cifar():
    """11,173,962 with ten classes: counted by hand from the paper's table, and by everybody who uses it."""
    stem, head = 3 * 64 * 9 + 2 * 64, 512 * 10 + 10
    stages = 0
    for before, after in ((64, 64), (64, 128), (128, 256), (256, 512)):
        stages += before * after * 9 + 3 * after * after * 9 + 8 * after
        stages += before * after + 2 * after if before != after else 0
    assert stem + stages + head == 11_173_962
    assert count_parameters(MODELS["resnet18"].build((3, 32, 32), 10, 1)) == 11_173_962


def is_same(one: nn.Module, other: nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(name):
    build = MODELS[name].build
    assert is_same(build(SHAPES[name], 2, 7), build(SHAPES[name], 2, 7))
    assert not is_same(build(SHAPES[name], 2, 7), build(SHAPES[name], 2, 8))


@pytest.mark.parametrize("name", MODELS)
def test_building_leaves_the_global_random_state_alone(name):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    MODELS[name].build(SHAPES[name], 2, 7)
    assert torch.equal(before, torch.get_rng_state())


def test_the_global_random_state_does_not_leak_into_a_model():
    torch.manual_seed(1)
    one = MODELS["mlp"].build((4,), 2, 7)
    torch.manual_seed(2)
    assert is_same(one, MODELS["mlp"].build((4,), 2, 7))


def test_the_global_random_state_is_restored_when_building_fails():
    before = torch.get_rng_state()
    with pytest.raises(CaseError):
        MODELS["resnet18-small"].build((30,), 2, 7)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("classes", [2, 7])
def test_logits_have_one_column_for_each_class(name, classes):
    model = MODELS[name].build(SHAPES[name], classes, 0)
    assert model(torch.zeros(5, *SHAPES[name])).shape == (5, classes)


@pytest.mark.parametrize("shape", [(1, 28, 28), (4, 8, 8), (3, 33, 20)])
def test_the_small_resnet_takes_any_channels_and_sizes_from_eight_pixels_on(shape):
    assert MODELS["resnet18-small"].build(shape, 2, 0)(torch.zeros(2, *shape)).shape == (2, 2)


def test_the_mlp_flattens_images():
    assert MODELS["mlp"].build((1, 4, 4), 2, 0)(torch.zeros(3, 1, 4, 4)).shape == (3, 2)


def test_the_mlp_for_cytology_has_the_documented_size():
    expected = (30 * 128 + 128) + (128 * 128 + 128) + (128 * 2 + 2)
    assert expected == count_parameters(MODELS["mlp"].build((30,), 2, 0))


def test_the_small_resnet_has_eighteen_weight_layers_beside_its_short_cuts():
    layers = [
        name
        for name, module in MODELS["resnet18-small"].build((3, 28, 28), 2, 0).named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and "short_cut" not in name
    ]
    assert len(layers) == 18


def test_the_answer_does_not_depend_on_the_memory_layout_of_the_images():
    model = MODELS["resnet18-small"].build((3, 28, 28), 2, 0).eval()
    images = torch.rand(4, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model(images), model(images.to(memory_format=torch.channels_last)))


def test_frozen_weights_are_not_counted():
    model = nn.Linear(3, 2)
    model.bias.requires_grad_(requires_grad=False)
    assert count_parameters(model) == 6


@pytest.mark.parametrize("shape", [(30,), (28, 28), (3, 7, 28), (0, 28, 28)])
def test_inputs_that_are_no_images_are_refused_by_the_resnet(shape):
    with pytest.raises(CaseError, match="expected images"):
        MODELS["resnet18-small"].build(shape, 2, 0)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0)])
def test_records_without_features_are_refused(shape):
    with pytest.raises(CaseError, match="at least one feature"):
        MODELS["mlp"].build(shape, 2, 0)


@pytest.mark.parametrize("name", MODELS)
def test_a_single_class_is_refused(name):
    with pytest.raises(CaseError, match="two classes or more, found 1"):
        MODELS[name].build(SHAPES[name], 1, 0)


def test_a_user_names_an_own_network_by_module_and_factory(tmp_path, monkeypatch):
    (tmp_path / "own_network.py").write_text(
        "from torch import nn\ndef make(shape, classes):\n    return nn.Linear(shape[0], classes)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    architecture = find_architecture("own_network:make", MODELS)
    assert is_same(architecture.build((4,), 3, 5), architecture.build((4,), 3, 5))
    assert architecture.build((4,), 3, 5).weight.shape == (3, 4)


@pytest.mark.parametrize("name", ["no_such_module:make", "unlearn_audit:no_such_factory", ":make"])
def test_an_own_network_that_cannot_be_found_is_refused(name):
    with pytest.raises(UsageError, match=r"importable module|function 'no_such|'module:function'"):
        find_architecture(name, MODELS)


def test_a_misspelt_model_gets_the_nearest_name():
    with pytest.raises(UnknownNameError) as caught:
        find_architecture("resnet18-smal", MODELS)
    assert caught.value.hint == "did you mean 'resnet18-small'?"


@pytest.mark.parametrize("name", MODELS)
def test_every_entry_carries_its_own_name_and_a_source(name):
    entry = MODELS[name]
    assert isinstance(entry, Architecture)
    assert entry.name == name
    assert entry.source


def test_listing_models_and_methods_does_not_import_torch():
    code = (
        "import sys; from unlearn_audit.models import MODELS; from unlearn_audit.methods import METHODS;"
        "[m.parse({}) for m in METHODS.values()]; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
