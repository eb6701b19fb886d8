from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from unlearn_audit.training import Records


@dataclass(frozen=True)
class RecipeOf:
    """A recipe as the tests spell it."""

    epochs: int = 5
    batch: int = 16
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 0.0
    warm_up: float = 0.15


def make_records(n: int = 40, seed: int = 0, classes: int = 2, features: int = 6) -> Records:
    rng = np.random.default_rng(seed)
    y = torch.from_numpy(np.arange(n) % classes)
    return Records(torch.from_numpy(rng.normal(size=(n, features)).astype("float32")), y, y == 1)


def make_plain(seed: int = 0, classes: int = 2, features: int = 6, width: int = 64) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, classes))


def make_normalised(seed: int = 0, classes: int = 2, features: int = 6) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Linear(features, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, classes))


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small networks are slower on several threads, and their bits depend on how many."""
    torch.set_num_threads(1)


@pytest.fixture
def recipe_of():
    return RecipeOf


@pytest.fixture
def records():
    return make_records()


@pytest.fixture
def some_records():
    return make_records


@pytest.fixture(params=[make_plain, make_normalised], ids=["plain", "normalised"])
def make_model(request):
    return request.param


@pytest.fixture
def plain():
    return make_plain


@pytest.fixture
def normalised():
    return make_normalised
