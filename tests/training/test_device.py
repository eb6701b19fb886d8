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
    Learner,
    Records,
    Setting,
    choose_device,
    find_saliency,
    fit,
    fit_together,
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


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_trains_otherwise_and_is_asked_in_full(precision):
    records, recipe, half = make_records(), make_recipe(), Compute(precision=precision)
    plain = fit(make_plain(), records, recipe, 3)
    with use(half):
        coarse = fit(make_plain(), records, recipe, 3)
    assert any(not torch.equal(a, b) for a, b in zip(plain.parameters(), coarse.parameters(), strict=True))
    with lend_model(deepcopy(coarse), half) as lent:
        assert (predict_log_probs(lent, records.x) == predict_log_probs(coarse, records.x)).all()
    assert half.describe()["precision"] == precision


@pytest.mark.parametrize(("precision", "near"), [("bfloat16", 0.005), ("float16", 0.002)])
def test_half_precision_learns_what_full_precision_learns(precision, near):
    """Every step sees the weights that the step before it left."""
    records, recipe = make_records(), make_recipe()
    full = fit(make_plain(), records, recipe, 3)
    with use(Compute(precision=precision)):
        half = fit(make_plain(), records, recipe, 3)
    moved = max((a - b).abs().max() for a, b in zip(full.parameters(), make_plain().parameters(), strict=True))
    apart = max((a - b).abs().max() for a, b in zip(full.parameters(), half.parameters(), strict=True))
    assert moved > 4 * near
    assert apart < near


def take_steps(precision, find_loss, x, count, rate=1.0):
    """Return the weights after so many steps from zero."""
    start = torch.nn.Linear(x.shape[1], 2, bias=False)
    torch.nn.init.zeros_(start.weight)
    recipe = Recipe(epochs=1, batch=16, learning_rate=rate, momentum=0.0, weight_decay=0.0, warm_up=0.15)
    with use(Compute(precision=precision)):
        learner = Learner(start, recipe)
        for step in range(1, count + 1):
            learner.step(x, find_loss, rate, step)
        return learner.finish(rate, count).weight.detach()


def test_gradients_that_vanish_in_float16_are_kept_by_scaling_the_loss():
    """Those of the logits lie below the smallest number of float16 (6e-8): unscaled, no weight would move."""
    x, y = torch.eye(8).repeat(2, 1), torch.arange(16) % 2

    def find_loss(logits):
        return 1e-6 * torch.nn.functional.cross_entropy(logits, y)

    full, half = (take_steps(precision, find_loss, x, 3) for precision in ("float32", "float16"))
    assert full.abs().min() > 0
    assert torch.allclose(half, full, rtol=2e-3, atol=0)


def test_gradients_that_overflow_float16_at_every_scale_stop_the_training_by_name():
    x, y = torch.full((16, 8), 5e4), torch.zeros(16, dtype=torch.int64)

    def find_loss(logits):
        return torch.nn.functional.cross_entropy(logits, y, reduction="sum")

    with pytest.raises(CaseError, match="gradients overflow float16 in epoch 17"):
        take_steps("float16", find_loss, x, 20)


def test_a_step_whose_gradients_overflow_at_the_first_scale_alone_is_left_out_and_made_up_for():
    """Each of the weights gets the gradient +-100 per record: 65,536 times that is infinite in float16."""
    x, y = torch.full((16, 8), 200.0), torch.zeros(16, dtype=torch.int64)

    def find_loss(logits):
        return torch.nn.functional.cross_entropy(logits, y)

    assert not take_steps("float16", find_loss, x, 1, rate=1e-6).any()
    assert take_steps("float16", find_loss, x, 12, rate=1e-6).any()


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_saliency_and_answers_are_taken_in_full_precision_whatever_training_does(precision):
    model, records = make_plain(), make_records()
    plain, answers = find_saliency(model, records), predict_log_probs(model, records.x)
    with use(Compute(precision=precision)):
        assert all(torch.equal(plain[name], value) for name, value in find_saliency(model, records).items())
        assert (predict_log_probs(model, records.x) == answers).all()


def test_models_trained_together_in_float16_are_near_those_trained_alone():
    records, recipe, seeds = make_records(), make_recipe(), (3, 4)
    rows = torch.arange(len(records)).repeat(2, 1)
    with use(Compute(precision="float16")):
        together = fit_together([make_plain(), make_plain()], records, rows, recipe, seeds)
        alone = [fit(make_plain(), records, recipe, seed) for seed in seeds]
    for ours, theirs in zip(together, alone, strict=True):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.allclose(a, b, atol=0.003)


def test_records_go_through_torchs_own_loader():
    """What a user's training function does first."""
    records = make_records(10)
    batches = list(DataLoader(records, batch_size=4))
    assert torch.equal(torch.cat([x for x, _ in batches]), records.x)
    assert torch.equal(torch.cat([y for _, y in batches]), records.y)
