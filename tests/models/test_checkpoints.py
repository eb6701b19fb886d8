"""Checkpoints as trainers leave them: loaded where there is one set of weights, asked about where there are several."""

import argparse
import pathlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import save_file, save_model  # noqa: E402 - torch may be absent
from torch import nn  # noqa: E402

from unlearn_audit.errors import CaseError  # noqa: E402
from unlearn_audit.models.weights import read_weights  # noqa: E402


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))

    def forward(self, x):
        return self.net(x)


def make(seed):
    torch.manual_seed(seed)
    network = Network()
    network.net[1].running_mean += torch.rand(6)
    return network.eval()


def named(network, prefix=""):
    return {prefix + name: value.clone() for name, value in network.state_dict().items()}


def read(content, tmp_path, key=None, name="m.pth"):
    torch.save(content, tmp_path / name)
    network, entries = read_weights(tmp_path / name, make(9), key)
    return network, {entry.code: entry for entry in entries}


def assert_is(network, other):
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in network.state_dict().items())


WRAPPED = {
    "state dict": (lambda s: s, ""),
    "state_dict": (lambda s: {"state_dict": s, "epoch": 3, "arch": "tiny"}, "state_dict"),
    "net": (lambda s: {"net": s}, "net"),
    "model": (lambda s: {"model": s, "optimizer": {"state": {0: {"exp_avg": torch.zeros(6, 4)}}}}, "model"),
    "model_state_dict": (lambda s: {"model_state_dict": s, "loss": torch.tensor(0.3)}, "model_state_dict"),
    "data parallel": (lambda s: {f"module.{k}": v for k, v in s.items()}, "module"),
    "compiled": (lambda s: {f"_orig_mod.{k}": v for k, v in s.items()}, ""),
    "compiled part": (lambda s: {k.replace("net.", "net._orig_mod."): v for k, v in s.items()}, ""),
    "compiled and parallel": (lambda s: {f"module._orig_mod.{k}": v for k, v in s.items()}, "module"),
    "fully sharded": (lambda s: {f"_fsdp_wrapped_module.{k}": v for k, v in s.items()}, ""),
    "lightning": (lambda s: {"state_dict": {f"model.{k}": v for k, v in s.items()}}, "state_dict/model"),
    "averaged": (lambda s: {"n_averaged": torch.tensor(4), **{f"module.{k}": v for k, v in s.items()}}, "module"),
}


@pytest.mark.parametrize("how", WRAPPED)
def test_the_one_set_of_weights_is_found_and_said(how, tmp_path):
    wrap, key = WRAPPED[how]
    network, entries = read(wrap(named(make(1))), tmp_path)

    assert_is(network, make(1))
    assert f"'{key}'" in entries["weights.key"].text if key else "weights.whole" in entries


@pytest.mark.parametrize("name", ["m.pt", "m.pth.tar", "m.ckpt", "m.bin"])
def test_the_endings_of_trainers_are_read(name, tmp_path):
    assert_is(read({"state_dict": named(make(1))}, tmp_path, name=name)[0], make(1))


SEVERAL = {
    "timm": lambda a, b: {"state_dict": a, "state_dict_ema": b},
    "ema": lambda a, b: {"model": a, "ema": b},
    "nested": lambda a, b: {"model": a, "ema": {"module": b, "updates": 3}},
    "one dict": lambda a, b: {**a, **{f"ema_model.{k}": v for k, v in b.items()}},
    "lightning": lambda a, b: {
        "state_dict": {
            **{f"model.{k}": v for k, v in a.items()},
            **{f"ema.module.{k}": v for k, v in b.items()},
        }
    },
    "callback": lambda a, b: {
        "state_dict": {f"model.{k}": v for k, v in a.items()},
        "callbacks": {"EMA": {"ema_weights": b}},
    },
    "teacher": lambda a, b: {"student": a, "teacher": b},
    "best": lambda a, b: {"last": a, "best": b},
}


@pytest.mark.parametrize("how", SEVERAL)
def test_several_sets_of_weights_are_never_chosen_from(how, tmp_path):
    with pytest.raises(CaseError) as refusal:
        read(SEVERAL[how](named(make(1)), named(make(2))), tmp_path)
    assert "several sets of weights that fit and differ" in refusal.value.message
    assert "weights:" in refusal.value.hint


@pytest.mark.parametrize("how", SEVERAL)
def test_each_key_that_the_refusal_lists_loads_its_set(how, tmp_path):
    content = SEVERAL[how](named(make(1)), named(make(2)))
    with pytest.raises(CaseError) as refusal:
        read(content, tmp_path)
    keys = refusal.value.message.split(": ", 1)[1].replace("'", "").split(", ")
    loaded = [read(content, tmp_path, "" if key.startswith("(") else key)[0] for key in keys]

    assert_is(loaded[0], make(1))
    assert_is(loaded[1], make(2))


def test_averages_without_names_are_noticed(tmp_path):
    listed = [value for name, value in make(2).named_parameters()]
    with pytest.raises(CaseError, match="'ema/shadow_params'"):
        read({"model": named(make(1)), "ema": {"shadow_params": listed}}, tmp_path)
    assert_is(read({"model": named(make(1)), "ema": {"shadow_params": listed}}, tmp_path, "model")[0], make(1))


def test_equal_sets_are_no_choice(tmp_path):
    assert_is(read({"state_dict": named(make(1)), "best": named(make(1))}, tmp_path)[0], make(1))


def test_a_key_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(CaseError, match="under 'ema', found those that fit under 'state_dict'"):
        read({"state_dict": named(make(1))}, tmp_path, "ema")


def test_tensors_beside_the_weights_are_listed(tmp_path):
    state = {**named(make(1), "model."), "criterion.weight": torch.ones(2)}
    _, entries = read({"state_dict": state}, tmp_path)

    assert entries["weights.left-out"].details["names"] == ["criterion.weight"]


def test_tensors_among_the_weights_are_refused(tmp_path):
    with pytest.raises(CaseError, match=r"not in the model 'net\.4\.weight'"):
        read({**named(make(1)), "net.4.weight": torch.ones(2)}, tmp_path)


def test_old_normalisation_without_counters_is_read_and_said(tmp_path):
    state = {name: value for name, value in named(make(1)).items() if "num_batches" not in name}
    network, entries = read(state, tmp_path)

    assert torch.equal(network.net[1].running_mean, make(1).net[1].running_mean)
    assert "weights.counters" in entries


@pytest.mark.parametrize(
    "beside",
    [
        np.float64(0.83),
        np.arange(3),
        argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("x")),
        {"acc": np.float32(0.5), "args": argparse.Namespace()},
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_plain_objects_beside_the_weights_are_passed_over_and_said(tmp_path, beside, legacy):
    torch.save({"net": named(make(1)), "beside": beside}, tmp_path / "m.pth", _use_new_zipfile_serialization=not legacy)
    network, entries = read_weights(tmp_path / "m.pth", make(9))

    assert_is(network, make(1))
    assert "weights.objects" in {entry.code for entry in entries}


def test_tied_weights_that_a_file_holds_once_are_given_to_both(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
            self.b.weight = self.a.weight

    torch.manual_seed(1)
    original = Tied()
    save_model(original, str(tmp_path / "m.safetensors"))
    network, entries = read_weights(tmp_path / "m.safetensors", Tied())

    assert torch.equal(network.a.weight, original.a.weight)
    assert torch.equal(network.b.weight, original.a.weight)
    assert "weights.tied" in {entry.code for entry in entries}


def test_prefixes_in_safetensors_are_found_too(tmp_path):
    save_file(named(make(1), "model."), tmp_path / "m.safetensors")

    assert_is(read_weights(tmp_path / "m.safetensors", make(9))[0], make(1))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("torchvision_that_loads")
def test_a_real_checkpoint_of_lightning_is_read(tmp_path):
    lightning = pytest.importorskip("lightning", reason="lightning is not installed")

    class Module(lightning.LightningModule):
        def __init__(self, width=3):
            super().__init__()
            self.save_hyperparameters()
            self.model = make(1)
            self.criterion = nn.CrossEntropyLoss(weight=torch.ones(2))

        def training_step(self, batch, _):
            return self.criterion(self.model(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    module = Module()
    data = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.rand(16, 4), torch.arange(16) % 2), batch_size=8
    )
    trainer = lightning.Trainer(
        max_epochs=1, logger=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
        default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(module, data)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    network, entries = read_weights(tmp_path / "last.ckpt", make(9))

    assert_is(network, module.model)
    assert "'state_dict/model'" in {entry.code: entry.text for entry in entries}["weights.key"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("torchvision_that_loads")
def test_a_real_checkpoint_of_timm_asks_which_weights_answer(tmp_path):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    from timm.utils import CheckpointSaver, ModelEmaV2

    network = timm.create_model("resnet10t", num_classes=2, in_chans=1)
    averaged = ModelEmaV2(network, decay=0.5)
    with torch.no_grad():
        network.fc.bias += 1
    saver = CheckpointSaver(
        network, torch.optim.SGD(network.parameters(), 0.1), args=argparse.Namespace(model="resnet10t", lr=0.1),
        model_ema=averaged, checkpoint_dir=str(tmp_path), recovery_dir=str(tmp_path),
    )  # fmt: skip
    saver.save_checkpoint(1, metric=0.5)
    path = tmp_path / "last.pth.tar"
    with pytest.raises(CaseError, match="'state_dict', 'state_dict_ema'"):
        read_weights(path, network)
    loaded, _ = read_weights(path, network, "state_dict_ema")

    assert torch.equal(loaded.fc.bias, averaged.module.fc.bias)
