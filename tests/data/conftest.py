"""Small data sets in MedMNIST's format, the real files where this machine has them, and a home folder of its own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unlearn_audit.data import Dataset

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A home folder without ~/.medmnist: no test reads or writes the user's own."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    return folder


@pytest.fixture
def real_file() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        if not (REAL / name).is_file():
            pytest.skip(f"{name} is not in ../shared/data beside the checkout")
        return REAL / name

    return find


@pytest.fixture
def make_arrays():
    """Arrays as MedMNIST stores them: 4 classes by default, 40 / 8 / 12 images of 6 x 6 pixels, all different."""

    def make(*, classes=4, sizes=(40, 8, 12), size=(6, 6, 3), seed=1):
        rng = np.random.default_rng(seed)
        arrays = {}
        for prefix, n in zip(("train", "val", "test"), sizes, strict=True):
            arrays[f"{prefix}_images"] = rng.integers(0, 256, (n, *size), dtype=np.uint8)
            arrays[f"{prefix}_labels"] = (np.arange(n) % classes).astype(np.uint8)[:, np.newaxis]
        return arrays

    return make


@pytest.fixture
def write_npz(tmp_path):
    def write(arrays, name="own.npz"):
        np.savez_compressed(tmp_path / name, **arrays)
        return tmp_path / name

    return write


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    return build_dataset


def build_dataset(**changes) -> Dataset:
    """12 records, 3 classes: 6 in train (two of each class), 3 in validation, 3 in test."""
    fields = {
        "name": "toy",
        "x": np.arange(24, dtype=np.float32).reshape(12, 2),
        "label": np.arange(12, dtype=np.int64) % 3,
        "ids": np.array([f"r{i:02}" for i in range(12)]),
        "split": np.array(["train"] * 6 + ["validation"] * 3 + ["test"] * 3),
        "classes": ("nevus", "melanoma", "keratosis"),
        "source": "made up",
        "licence": "none",
        "sha256": "0" * 64,
        "groups": {
            "lesion_id": np.array(["a", "a", "b", "b", "c", "", "c", "d", "", "d", "e", ""]),
            "sex": np.array(["male", "female", ""] * 4),
        },
    }
    return Dataset(**(fields | changes))
