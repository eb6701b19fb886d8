"""Embeddings by a frozen backbone: read from one npz, flat or by split; what cannot be read is refused by name."""

import numpy as np
import pytest

from unlearn_audit.data import load_dataset
from unlearn_audit.errors import DataError

N = 24


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "features": rng.normal(size=(N, 5)).astype(np.float32),
        "labels": np.arange(N) % 2,
        "split": np.repeat(["train", "val", "test"], [12, 4, 8]),
        "id": np.array([f"r{i:03}" for i in range(N)]),
        "patient_id": np.array([f"p{i // 2}" for i in range(N)]),
        "age": np.arange(N) + 30.0,
        "classes": np.array(["benign", "malignant"]),
    }


@pytest.fixture
def load(tmp_path):
    def loader(arrays):
        np.savez(tmp_path / "features.npz", **arrays)
        return load_dataset("embeddings", tmp_path / "features.npz")

    return loader


def test_a_flat_file_reads(arrays, load):
    data = load(arrays)

    assert np.array_equal(data.x, arrays["features"])
    assert data.ids.tolist() == arrays["id"].tolist()
    assert data.classes == ("benign", "malignant")
    assert data.split.tolist() == ["train"] * 12 + ["validation"] * 4 + ["test"] * 8
    assert set(data.groups) == {"patient_id", "age_band"}
    assert any("what the backbone remembers" in note.text for note in data.notes)


def test_a_file_by_split_reads_alike(arrays, load):
    flat = load(arrays)
    parts = {"train": slice(0, 12), "val": slice(12, 16), "test": slice(16, N)}
    split = {f"{p}_{name}": values[cut] for p, cut in parts.items() for name, values in arrays.items()
             if name not in {"split", "classes"}}  # fmt: skip
    other = load(split | {"classes": arrays["classes"]})

    for name in ("x", "label", "ids", "split"):
        assert np.array_equal(getattr(flat, name), getattr(other, name))


def test_double_precision_becomes_single(arrays, load):
    data = load(arrays | {"features": arrays["features"].astype(np.float64)})
    assert data.x.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": None}, "missing features"),
        ({"labels": None}, "missing labels"),
        ({"split": None}, "missing split"),
        ({"features": np.zeros((N, 2, 2), np.float32)}, r"shape \(n, d\)"),
        ({"features": np.zeros((N, 2), np.uint8)}, "uint8"),
        ({"features": np.full((N, 5), np.nan, np.float32)}, "no finite numbers"),
        ({"labels": np.arange(N) / 2}, "whole numbers"),
        ({"labels": np.arange(N - 1) % 2}, "24 values in 'labels'"),
        ({"split": np.repeat(["train", "holdout"], N // 2)}, "'holdout'"),
        ({"patient_id": np.zeros((N, 3))}, "'patient_id'"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(arrays, load, change, message):
    changed = {name: values for name, values in (arrays | change).items() if values is not None}
    with pytest.raises(DataError, match=message):
        load(changed)


def test_without_a_file_the_way_out_is_named():
    with pytest.raises(DataError) as caught:
        load_dataset("embeddings")
    assert "embeddings: features.npz" in caught.value.hint


def test_a_split_without_one_of_its_arrays_is_refused(arrays, load):
    few = {f"{split}_labels": arrays["labels"] for split in ("train", "val", "test")}
    with pytest.raises(DataError, match="missing 'val_features'"):
        load(few | {f"{split}_features": arrays["features"] for split in ("train", "test")})
