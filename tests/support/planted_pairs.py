"""Differences of reference pairs with a planted truth: noise, what a model's records have in common, what is left."""

import numpy as np

from unlearn_audit.stats.reference_pairs import PairedDifferences


def plant_pairs(rng, *, pairs=16, records=200, left=0.0, common=0.0, scatter=0.0, clones=1):
    """Return differences of which each has a standard deviation of sqrt(1 + common^2), times its record's own scale.

    Args:
        rng: draws everything.
        pairs: P.
        records: c, a multiple of `clones`.
        left: mean of D, a number or (c,).
        common: scatter of what all records of a model share: it raises D of the one half and lowers that of the other.
        scatter: of the log scales over records.
        clones: records in a row that answer alike and stand on the same side: images of one person.
    """
    persons = records // clones
    first = np.stack([rng.permutation(persons) < (persons + rng.integers(2)) // 2 for _ in range(pairs)], axis=1)
    shared = common * rng.normal(size=pairs)
    noise = rng.normal(size=(persons, pairs)) * np.exp(rng.normal(0, scatter, (persons, 1)))
    values = np.where(first, 1, -1) * shared + noise
    repeated = np.repeat(values, clones, axis=0) + np.broadcast_to(left, (records,))[:, None]
    return PairedDifferences(repeated, np.repeat(first, clones, axis=0))
