"""Seeds: every random draw comes from a named child of one seed, so that adding a draw never moves another."""

import hashlib

import numpy as np


def derive_seed(seed: int, *name: str) -> np.random.SeedSequence:
    """Return the child of `seed` called `name`; the same name gives the same child, in any order and any process."""
    digest = hashlib.sha256("\x1f".join(name).encode()).digest()
    key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
    return np.random.SeedSequence(entropy=seed, spawn_key=key)


def derive_rng(seed: int, *name: str) -> np.random.Generator:
    """Return a generator on the child of `seed` called `name`."""
    return np.random.default_rng(derive_seed(seed, *name))


def derive_integer(seed: int, *name: str) -> int:
    """Return a 31-bit integer from the child called `name`: what torch and other libraries take as a seed."""
    return int(derive_seed(seed, *name).generate_state(1, np.uint32)[0] & 0x7FFFFFFF)
