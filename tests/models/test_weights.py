"""Weights on disk: the same bytes for the same weights, nothing executed, every mismatch named."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from unlearn_audit.errors import CaseError
from unlearn_audit.models import MODELS, load_weights, save_weights
from unlearn_audit.models.weights import read_weights


def make_mlp(seed: int = 0, features: int = 4, classes: int = 2) -> nn.Module:
    return MODELS["mlp"].build((features,), classes, seed)


def make_resnet(seed: int = 0) -> nn.Module:
    return MODELS["resnet18-small"].build((1, 8, 8), 2, seed)


def state_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same_state(expected, actual):
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        assert torch.equal(value, actual[name]), name


@pytest.mark.parametrize("make", [make_mlp, make_resnet])
def test_what_was_saved_is_loaded_bit_for_bit(make, tmp_path):
    model = make(1)
    for name, value in model.named_buffers():
        value.copy_(torch.full_like(value, 3 + len(name)))
    save_weights(model, tmp_path / "m.safetensors")
    assert_same_state(state_of(model), load_weights(tmp_path / "m.safetensors", make(2)).state_dict())


@pytest.mark.parametrize("make", [make_mlp, make_resnet])
def test_the_same_weights_give_the_same_bytes(make, tmp_path):
    save_weights(make(1), tmp_path / "one.safetensors")
    save_weights(make(1), tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


def test_the_memory_layout_of_the_weights_does_not_change_the_bytes(tmp_path):
    save_weights(make_resnet(), tmp_path / "one.safetensors")
    save_weights(make_resnet().to(memory_format=torch.contiguous_format), tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


def test_shared_weights_are_saved(tmp_path):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    save_weights(model, tmp_path / "m.safetensors")
    assert_same_state(state_of(model), load_weights(tmp_path / "m.safetensors", model).state_dict())


def test_the_model_loaded_into_is_left_as_it_was_and_the_new_one_is_in_evaluation_mode(tmp_path):
    into = make_mlp(2).train()
    before = state_of(into)
    save_weights(make_mlp(1), tmp_path / "m.safetensors")
    loaded = load_weights(tmp_path / "m.safetensors", into)
    assert_same_state(before, into.state_dict())
    assert into.training
    assert not loaded.training


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    save_weights(make_mlp(1), path)
    old = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_weights(make_mlp(2), path)
    assert [item.name for item in tmp_path.iterdir()] == ["m.safetensors"]
    assert path.read_bytes() == old


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state, "epoch": 3}])
def test_torch_files_of_tensors_are_read(suffix, wrap, tmp_path):
    path = tmp_path / f"m{suffix}"
    torch.save(wrap(make_mlp(1).state_dict()), path)
    assert_same_state(state_of(make_mlp(1)), load_weights(path, make_mlp(2)).state_dict())


class Bomb:
    """Unpickling it runs a command."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickled_object_is_refused_by_name_and_never_run(legacy, tmp_path):
    path, target = tmp_path / "m.pt", tmp_path / "was-run"
    torch.save({"w": Bomb(target)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CaseError, match=r"posix\.system") as caught:
        load_weights(path, make_mlp())
    assert not target.exists()
    assert "safetensors" in caught.value.hint


def test_a_plain_pickle_under_a_torch_name_is_refused_and_never_run(tmp_path):
    path, target = tmp_path / "m.pth", tmp_path / "was-run"
    path.write_bytes(pickle.dumps(Bomb(target)))
    with pytest.raises(CaseError, match=r"m\.pth"):
        load_weights(path, make_mlp())
    assert not target.exists()


def test_a_whole_pickled_model_is_refused_by_name(tmp_path):
    torch.save(make_mlp(), tmp_path / "m.pt")
    with pytest.raises(CaseError, match=r"unlearn_audit\.models\.networks\.Perceptron"):
        load_weights(tmp_path / "m.pt", make_mlp())


@pytest.mark.parametrize("name", ["m.pkl", "m.joblib", "m.h5", "m"])
def test_other_formats_are_refused_with_what_to_do(name, tmp_path):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(CaseError, match=r"\.safetensors, \.pt or \.pth") as caught:
        load_weights(tmp_path / name, make_mlp())
    assert "any code" in caught.value.hint


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"\x00" * 64])
def test_a_file_that_is_no_checkpoint_is_refused(suffix, content, tmp_path):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(content)
    with pytest.raises(CaseError, match=f"m{suffix}"):
        load_weights(path, make_mlp())


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_truncated_checkpoint_is_refused(suffix, tmp_path):
    path = tmp_path / f"m{suffix}"
    if suffix == ".pt":
        torch.save(make_mlp().state_dict(), path)
    else:
        save_weights(make_mlp(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CaseError, match="readable"):
        load_weights(path, make_mlp())


def test_an_absent_checkpoint_is_refused(tmp_path):
    with pytest.raises(CaseError, match="found none"):
        load_weights(tmp_path / "m.safetensors", make_mlp())


def test_another_shape_names_the_first_layer_and_both_shapes(tmp_path):
    save_weights(make_mlp(features=5), tmp_path / "m.safetensors")
    with pytest.raises(CaseError, match=r"'layers\.0\.weight': expected shape \(128, 4\), found \(128, 5\)"):
        load_weights(tmp_path / "m.safetensors", make_mlp(features=4))


def test_another_architecture_names_missing_and_surplus_layers(tmp_path):
    save_weights(make_resnet(), tmp_path / "m.safetensors")
    with pytest.raises(CaseError, match=r"missing 'layers\.0\.weight', .*not in the model 'head\.bias', "):
        load_weights(tmp_path / "m.safetensors", make_mlp())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_name_their_layer(bad, tmp_path):
    model = make_mlp()
    with torch.no_grad():
        model.layers[2].bias[3] = bad
    save_weights(model, tmp_path / "m.safetensors")
    with pytest.raises(CaseError, match=r"'layers\.2\.bias': 1 of 128 weights"):
        load_weights(tmp_path / "m.safetensors", make_mlp())


def test_wider_weights_are_taken_and_whether_that_rounds_is_said(tmp_path):
    exact, rounded = make_mlp(1).double(), make_mlp(1).double()
    with torch.no_grad():
        rounded.layers[0].bias += 1e-12
    for model, code in ((exact, "weights.exact"), (rounded, "weights.rounded")):
        save_weights(model, tmp_path / "m.safetensors")
        loaded, entries = read_weights(tmp_path / "m.safetensors", make_mlp(2))
        assert code in {entry.code for entry in entries}
        assert_same_state(state_of(make_mlp(1)), loaded.state_dict())


def test_weights_are_never_narrowed_to_half_precision(tmp_path):
    save_weights(make_mlp(), tmp_path / "m.safetensors")
    with pytest.raises(CaseError, match=r"expected torch\.float16, found torch\.float32"):
        load_weights(tmp_path / "m.safetensors", make_mlp().half())


def test_narrower_weights_are_widened_exactly(tmp_path):
    narrow = make_mlp(1).half()
    save_weights(narrow, tmp_path / "m.safetensors")
    assert_same_state(state_of(narrow.float()), load_weights(tmp_path / "m.safetensors", make_mlp(2)).state_dict())


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {"state_dict": {"w": "text"}}])
def test_a_torch_file_without_a_dict_of_tensors_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "m.pt")
    with pytest.raises(CaseError, match="tensors"):
        load_weights(tmp_path / "m.pt", make_mlp())
