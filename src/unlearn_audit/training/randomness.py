"""Torch generators from named seeds: nothing in this package draws from the global generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearn_audit.records import derive_integer

if TYPE_CHECKING:
    from torch import Generator


def make_generator(seed: int, *name: str) -> Generator:
    """Return a generator on the child of `seed` called `name`; adding one never moves the draws of another."""
    import torch

    generator = torch.Generator()
    generator.manual_seed(derive_integer(seed, *name))
    return generator
