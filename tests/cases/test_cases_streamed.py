"""Images in a file give the same case as images in memory: the same weights, answers and digests, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.policies import ONE_EPOCH, OUT_OF_REACH, write_case, write_policy
from unlearn_audit.cases import CaseRequest, build_case
from unlearn_audit.cases.collection import collect
from unlearn_audit.data import StoredImages
from unlearn_audit.errors import AuditError, CaseError
from unlearn_audit.methods import METHODS
from unlearn_audit.models import MODELS, encode_weights
from unlearn_audit.pipeline.audit import name_known, run_audit
from unlearn_audit.policy import Recipe, parse_policy
from unlearn_audit.records import ignore_progress
from unlearn_audit.reference_models.pool import to_inputs
from unlearn_audit.reference_models.workers import open_workers
from unlearn_audit.training import (
    Records,
    Setting,
    Streamed,
    choose_batch,
    fit,
    join_inputs,
    predict_log_probs,
    split_inputs,
)

POLICY = write_policy(
    "tiny",
    OUT_OF_REACH,
    positive='"3"',
    membership="{references: {models: 4}}",
    protocol="smallest_group: 2",
    remediation="[{method: salun-cra, parameters: {epochs: 1}, search: {keep: [0.2, 0.5]}}, {method: retrain}]",
    reference_case=write_case(
        "{method: salun, parameters: {epochs: 1, schedule: joint}}",
        ONE_EPOCH,
        dataset="own-data",
        model="resnet18-small",
    ),
)


@pytest.fixture(params=[pytest.param(3, marks=pytest.mark.thorough), 1], ids=["colour", "grey"])
def images(request, tmp_path):
    """An npz of 171 images of 20 x 20 pixels, four classes."""
    rng = np.random.default_rng(3)
    arrays = {}
    for prefix, n in (("train", 90), ("val", 36), ("test", 45)):
        pixels = rng.integers(0, 256, (n, 20, 20, request.param), dtype=np.uint8)
        arrays |= {f"{prefix}_images": pixels, f"{prefix}_labels": np.arange(n) % 4}
    np.savez_compressed(tmp_path / "own.npz", **arrays)
    return tmp_path / "own.npz"


@pytest.fixture
def stream(monkeypatch):
    return lambda: monkeypatch.setattr("unlearn_audit.data.stored.STREAM_FROM", 0)


@pytest.fixture(scope="module")
def policy():
    return parse_policy(POLICY, "tiny.yaml", name_known())


@pytest.fixture
def ask(tmp_path):
    torch.set_num_threads(1)
    return lambda path, cache: CaseRequest(created="2026-05-02T03:04:05Z", cache=tmp_path / cache, data=path)


@pytest.fixture
def make(policy, ask):
    def build(path, cache, workers=None):
        request = ask(path, cache)
        return build_case(policy, replace(request, workers=workers) if workers else request, ignore_progress)

    return build


@pytest.fixture
def audit(policy, ask):
    return lambda path, cache: run_audit(policy, ask(path, cache), ignore_progress)


@pytest.mark.slow
def test_a_whole_audit_has_the_same_bits(images, audit, stream):
    """Training, unlearning (joint batches), a search, a remedy and reference models."""
    held = audit(images, "held")
    stream()
    streamed = audit(images, "streamed")

    assert streamed.models == held.models
    assert len(held.models) >= 4
    assert streamed.record.findings == held.record.findings
    assert streamed.record.verdicts[0].outcome == held.record.verdicts[0].outcome
    ours, theirs = streamed.evidence, held.evidence
    assert all(np.array_equal(ours.log_probs[name], theirs.log_probs[name]) for name in theirs.log_probs)
    assert np.array_equal(ours.references.log_probs, theirs.references.log_probs)
    assert all(np.array_equal(ours.references.unlearned[n], v) for n, v in theirs.references.unlearned.items())
    assert ours.provenance.data == theirs.provenance.data


def test_a_case_has_the_same_bits_and_its_models_are_found_again(images, make, stream, tmp_path):
    """Models, reference models, answers, and what is told of the data.

    Models made in memory are then found again: the digest that keys a model is of the pixels, and not of the way in
    which they are held.
    """
    held = make(images, "held")
    made = sorted(path.name for path in (tmp_path / "held").glob("*.safetensors"))
    theirs = collect(held, ignore_progress)
    stream()
    streamed = make(images, "streamed")

    assert isinstance(streamed.inputs, Streamed)
    assert streamed.files == held.files
    assert streamed.provenance.data == held.provenance.data
    ours = collect(streamed, ignore_progress)
    assert all(np.array_equal(ours.log_probs[name], theirs.log_probs[name]) for name in theirs.log_probs)
    assert np.array_equal(ours.references.log_probs, theirs.references.log_probs)
    assert np.array_equal(ours.references.unlearned["unlearned"], theirs.references.unlearned["unlearned"])
    make(images, "held")
    assert sorted(path.name for path in (tmp_path / "held").glob("*.safetensors")) == made


@pytest.mark.slow
def test_workers_read_the_same_file(images, make, stream):
    stream()
    alone = collect(make(images, "alone"), ignore_progress)
    with open_workers(2) as workers:
        beside = collect(make(images, "beside", workers), ignore_progress)

    assert np.array_equal(alone.references.log_probs, beside.references.log_probs)


@pytest.fixture
def stored(tmp_path):
    """40 random images of 12 x 10 pixels in a file, and the same in memory."""
    pixels = np.random.default_rng(1).integers(0, 256, (40, 12, 10, 3), dtype=np.uint8)
    (tmp_path / "images.u8").write_bytes(pixels.tobytes())
    return StoredImages(tmp_path / "images.u8", (12, 10, 3), np.arange(40)), pixels


@pytest.fixture
def pair(stored):
    """Records in a file, and the same records in memory."""
    in_file, pixels = stored
    y, positive = torch.arange(40) % 2, torch.arange(40) % 2 == 1
    return Records(Streamed.of(in_file, to_inputs), y, positive), Records(to_inputs(pixels), y, positive)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_makes_the_same_model(pair, name):
    method, recipe = METHODS[name], Recipe(epochs=1, batch=8, learning_rate=0.05)
    made = []
    for records in pair:
        fresh = MODELS["resnet18-small"].build((3, 12, 10), 2, 1)
        original = fit(fresh, records, recipe, seed=1)
        forget = torch.arange(40) < 10
        setting = Setting(lambda seed: MODELS["resnet18-small"].build((3, 12, 10), 2, seed), recipe, seed=1)
        fewest = 4 if name == "rum" else 1
        given = {"epochs": fewest} if "epochs" in method.parameters.model_fields else {}
        try:
            unlearned = method.run(
                original, records.select(~forget), records.select(forget), method.parse(given), setting
            )
        except AuditError as error:  # what is refused is refused on both
            made.append(error.message)
        else:
            made.append(encode_weights(unlearned))
    assert made[0] == made[1]


@pytest.mark.parametrize(
    "which",
    [slice(3, 9), torch.tensor([5, 1, 1, 39]), torch.arange(40) % 3 == 0, torch.tensor([[0, 7], [9, 2]]), slice(0, 0)],
    ids=["slice", "positions", "mask", "positions of two axes", "nothing"],
)
def test_a_batch_is_what_it_would_be_in_memory(pair, which):
    streamed, held = (records.x[which] for records in pair)

    assert torch.equal(streamed, held)
    assert streamed.dtype == held.dtype


def test_inputs_are_cut_and_joined_without_being_read(pair):
    streamed, held = pair
    kept, left = torch.arange(40) < 30, torch.arange(40) >= 30
    joined = join_inputs([streamed.select(left).x, streamed.select(kept).x])

    assert isinstance(joined, Streamed)
    assert torch.equal(joined[:], torch.cat([held.x[left], held.x[kept]]))
    assert torch.equal(torch.cat(list(split_inputs(streamed.x, 7))), held.x)


def test_inputs_of_two_data_sets_are_not_joined(pair, stored):
    streamed, held = pair
    with pytest.raises(CaseError, match="one data set"):
        join_inputs([streamed.x, held.x])
    with pytest.raises(CaseError, match="one data set"):
        join_inputs([streamed.x, Streamed.of(stored[0].take(slice(0, 5)), to_inputs)])


@pytest.mark.parametrize("use", [torch.isfinite, lambda x: torch.cat([x, x]), lambda x: torch.split(x, 3)])
def test_torch_on_the_whole_is_refused_with_the_way_out(pair, use):
    with pytest.raises(CaseError, match="too large for memory") as refusal:
        use(pair[0].x)
    assert "records.x[part]" in refusal.value.hint


def test_inputs_that_are_no_numbers_are_refused_when_they_are_read(stored):
    x = Streamed.of(stored[0], lambda pixels: to_inputs(pixels) * float("inf"))

    with pytest.raises(CaseError, match="finite inputs"):
        predict_log_probs(MODELS["mlp"].build((3, 12, 10), 2, 1), x)


@pytest.mark.parametrize(
    ("shape", "batch"), [((3, 28, 28), 512), ((30,), 512), ((3, 224, 224), 32), ((3, 9_000, 9_000), 1)]
)
def test_large_images_are_asked_about_in_smaller_batches(shape, batch):
    assert choose_batch(torch.empty(0, *shape)) == batch
