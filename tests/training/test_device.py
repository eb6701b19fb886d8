"""Devices are chosen by name, refused by name where they are absent, and change nothing on a processor.

No accelerator is needed: what is chosen is asked of a torch that is told what there is.
"""

from copy import deepcopy

import pytest
import torch
from torch.utils.data import DataLoader

from unlearn_audit.errors import CaseError, UsageError
from unlearn_audit.methods import METHODS
from unlearn_audit.policy import Recipe
from unlearn_audit.training import (
    Compute,
    Records,
    Setting,
    choose_device,
    fit,
    lend_model,
    predict_log_probs,
    unlearn_on,
    use,
)


def make_recipe():
    return Recipe(epochs=5, batch=16, learning_rate=0.05, momentum=0.9, weight_decay=0.0, warm_up=0.15)


def make_records(n=40):
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 2
    return Records(torch.randn(n, 6, generator=generator), y, y == 1)


def make_plain(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Linear(6, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2))


@pytest.fixture
def there(monkeypatch):
    """Say how many accelerators of CUDA there are, and whether there is one of Apple's."""

    def set_accelerators(cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"Accelerator {number}")

    return set_accelerators


@pytest.mark.parametrize(
    ("cuda", "mps", "wanted", "found"),
    [
        (0, False, "auto", "cpu"),
        (2, False, "auto", "cuda"),
        (0, True, "auto", "mps"),
        (2, True, "auto", "cuda"),
        (2, False, "cpu", "cpu"),
        (2, False, "cuda:1", "cuda:1"),
    ],
)
def test_a_device_is_chosen_by_name(there, cuda, mps, wanted, found):
    there(cuda, mps)
    assert choose_device(wanted) == found


@pytest.mark.parametrize(("cuda", "wanted"), [(0, "cuda"), (0, "cuda:0"), (2, "cuda:2"), (0, "mps")])
def test_an_accelerator_that_is_not_here_is_refused_and_never_replaced(there, cuda, wanted):
    there(cuda)
    with pytest.raises(CaseError, match=f"'{wanted}' is asked for, found") as caught:
        choose_device(wanted)
    assert "auto" in caught.value.hint


@pytest.mark.parametrize("wanted", ["gpu", "cuda:x", "CUDA", "cuda:-1", "", "cpu:0"])
def test_a_name_that_means_no_device_is_refused(wanted):
    with pytest.raises(UsageError, match="expected a device"):
        choose_device(wanted)


def test_jobs_take_turns_among_the_accelerators(there):
    there(cuda=3)
    assert [Compute("cuda").take(k).device for k in range(4)] == ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]
    assert Compute("cuda:1").take(5).device == "cuda:1"
    assert Compute("cpu").take(5).device == "cpu"


def test_the_record_names_an_accelerator_and_its_flags(there):
    there(cuda=2)
    assert Compute("cpu").describe() == {}
    assert Compute("cuda:1").describe() == {
        "device": "cuda:1 (Accelerator 1)",
        "precision": "float32",
        "algorithms": "deterministic algorithms, no TF32",
    }
    assert "2 x" in Compute("cuda").describe()["device"]
    assert "bits may differ" in Compute("cuda", deterministic=False).describe()["algorithms"]


def test_flags_are_set_for_the_time_of_the_block(there, monkeypatch):
    there(cuda=1)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    with use(Compute("cuda:0")):
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    with use(Compute("cuda:0", deterministic=False)):
        assert torch.backends.cudnn.benchmark
    assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark) == before


def test_on_a_processor_nothing_changes_in_a_bit():
    records, recipe = make_records(), make_recipe()
    plain = fit(make_plain(), records, recipe, 3)
    with use(Compute()):
        again = fit(make_plain(), records.to("cpu"), recipe, 3)
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("name", ["salun-cra", "scrub", "retrain", "neggrad-plus"])
def test_a_method_on_the_processor_is_the_method(name):
    records, recipe = make_records(60), make_recipe()
    original = fit(make_plain(), records, recipe, 3)
    retain, forget = records.select(torch.arange(60) >= 15), records.select(torch.arange(60) < 15)
    setting = Setting(build=make_plain, recipe=recipe, seed=1)
    method = METHODS[name]
    here = method.run(original, retain, forget, method.parse({}), setting)
    there = unlearn_on(Compute(), method, original, retain, forget, method.parse({}), setting)
    assert all(torch.equal(a, b) for a, b in zip(here.parameters(), there.parameters(), strict=True))


def test_half_precision_trains_otherwise_and_is_asked_in_full():
    records, recipe, half = make_records(), make_recipe(), Compute(precision="bfloat16")
    plain = fit(make_plain(), records, recipe, 3)
    with use(half):
        coarse = fit(make_plain(), records, recipe, 3)
    assert any(not torch.equal(a, b) for a, b in zip(plain.parameters(), coarse.parameters(), strict=True))
    with lend_model(deepcopy(coarse), half) as lent:
        assert (predict_log_probs(lent, records.x) == predict_log_probs(coarse, records.x)).all()
    assert half.describe()["precision"] == "bfloat16"


def test_records_go_through_torchs_own_loader():
    """What a user's training function does first."""
    records = make_records(10)
    batches = list(DataLoader(records, batch_size=4))
    assert torch.equal(torch.cat([x for x, _ in batches]), records.x)
    assert torch.equal(torch.cat([y for _, y in batches]), records.y)
