from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torch import nn

from unlearn_audit.training import Records, Setting, fit


@dataclass(frozen=True)
class RecipeOf:
    epochs: int = 8
    batch: int = 8
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 0.01
    warm_up: float = 0.15


@dataclass(frozen=True)
class World:
    """An original with batch normalisation, trained on 48 records of which 18 are to be forgotten."""

    original: nn.Module
    retain: Records
    forget: Records
    setting: Setting
    build: Callable[[int], nn.Module] = field(repr=False)

    def copy(self) -> "World":
        return replace(self, original=deepcopy(self.original))

    def seeded(self, seed: int) -> Setting:
        return replace(self.setting, seed=seed)


def build(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Linear(5, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 3))


def draw_records() -> Records:
    rng = np.random.default_rng(4)
    y = torch.from_numpy(rng.integers(0, 3, 48))
    centres = rng.normal(size=(3, 5))
    x = torch.from_numpy((centres[y.numpy()] + rng.normal(size=(48, 5))).astype("float32"))
    return Records(x, y, y == 2)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small networks are slower on several threads, and their bits depend on how many."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def trained() -> World:
    records, recipe = draw_records(), RecipeOf()
    original = fit(build(1), records, recipe, seed=1).train()
    forget = np.arange(48) < 18
    return World(original, records.select(~forget), records.select(forget), Setting(build, recipe, seed=2), build)


def build_convolutions(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        convolution = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 5 * 5, 3))


@pytest.fixture(scope="session")
def trained_on_images(trained) -> World:
    """The same records as outer products with themselves: images of 5 x 5 pixels, for a network with a convolution."""
    retain, forget = (
        Records((part.x[:, None, :, None] * part.x[:, None, None, :].sin()).contiguous(), part.y, part.positive)
        for part in (trained.retain, trained.forget)
    )
    original = fit(build_convolutions(1), retain, RecipeOf(), seed=1).train()
    setting = replace(trained.setting, build=build_convolutions)
    return World(original, retain, forget, setting, build_convolutions)


@pytest.fixture
def world(trained) -> World:
    return trained.copy()


@pytest.fixture
def images(trained_on_images) -> World:
    return trained_on_images.copy()
