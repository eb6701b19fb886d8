"""Evidence of a policy's declared sizes on simulated models: original, retrained, the audited one, and references."""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.halves import draw_halves
from unlearn_audit.evidence import Evidence, References
from unlearn_audit.findings.attacks import needs_references
from unlearn_audit.policy import Policy, Sizes, name_bands
from unlearn_audit.records import DataCard, ForgetRequest, ModelCard, Provenance, SplitCount
from unlearn_audit.selftest.simulated_models import MEMORY, RETAINED, SHARED, Mask, Numbers, Signal, SimulatedModel
from unlearn_audit.selftest.simulation import answer

_CREATED = "2026-01-01T00:00:00Z"
_WITHIN_CLUSTER = 0.5
"""Share of a record's own part of phi that it has in common with the others of its cluster."""


@dataclass(frozen=True, eq=False)
class _Records:
    """(n,) what the records are."""

    split: NDArray[np.str_]
    positive: Mask
    cluster: NDArray[np.int64]
    difficulty: Numbers

    def __len__(self) -> int:
        return len(self.split)

    def recall(self, model: SimulatedModel, chosen: Mask) -> Numbers:
        """Return what `model` remembers of the chosen records, once it has been made to forget them."""
        first = int(np.argmax(self.split == "forget"))
        return model.remember(self.positive[chosen], np.flatnonzero(chosen) - first)


def count_splits(sizes: Sizes, forget: float) -> dict[str, tuple[int, int]]:
    """Return how many records and positives each split of the evidence has: retain, forget, validation, test."""
    erased = round(forget * sizes.train.records)
    counts = {"retain": sizes.train.records - erased, "forget": erased}
    counts |= {"validation": sizes.validation.records, "test": sizes.test.records}
    shares = {"validation": sizes.validation.positive, "test": sizes.test.positive}
    return {name: (n, round(n * shares.get(name, sizes.train.positive))) for name, n in counts.items()}


def draw_simulated_evidence(policy: Policy, model: SimulatedModel, forget: float, rng: np.random.Generator) -> Evidence:
    """Draw evidence in which `model` is the audited one.

    Args:
        policy: that declares its sizes.
        model: the audited model.
        forget: share of the training records that is forgotten.
        rng: of every draw.

    Raises:
        ValueError: the policy declares no sizes.
    """
    signal = Signal.of(policy)
    records = _draw_records(policy, forget, rng)
    erased = records.split == "forget"
    seen = np.where(records.split == "retain", RETAINED, 0.0)
    own = {name: rng.standard_normal(len(records)) for name in ("original", "retrained", "unlearned")}
    own["unlearned"] = model.copies * own["original"] + sqrt(1 - model.copies**2) * own["unlearned"]
    moved = {name: seen.copy() for name in own}
    moved["original"][erased] += MEMORY
    moved["unlearned"][erased] += records.recall(model, erased)
    odds = {name: _answer_records(records, signal, own[name], moved[name]) for name in own}
    if model.distort is not None:
        odds["unlearned"] = model.distort(rng, odds["unlearned"], records.positive, signal)
    return Evidence(
        ids=_number("record", len(records)),
        split=records.split,
        label=records.positive.astype(np.int64),
        log_probs={name: answer(values) for name, values in odds.items()},
        classes=("negative", "positive"),
        positive=(1,),
        groups=_name_groups(policy, records),
        provenance=_describe(policy, records),
        references=_draw_references(policy, model, records, signal, rng),
    )


@lru_cache(maxsize=2)
def _number(kind: str, n: int) -> NDArray[np.str_]:
    """Return (n,) names; a proof draws many times as many records, and writing names took a sixth of its time."""
    names = np.array([f"{kind}-{i:07d}" for i in range(n)])
    names.setflags(write=False)
    return names


def _draw_records(policy: Policy, forget: float, rng: np.random.Generator) -> _Records:
    sizes = policy.sizes
    if sizes is None:
        raise ValueError("expected a policy that declares sizes, found none")
    together = sizes.records_per_cluster if policy.protocol.cluster else 1
    counts = count_splits(sizes, forget)
    split = np.repeat(list(counts), [n for n, _ in counts.values()])
    positive = np.concatenate([np.arange(n) < positives for n, positives in counts.values()])
    starts = np.concatenate([np.arange(n) // together for n, _ in counts.values()])
    changes = np.r_[False, (starts[1:] != starts[:-1]) | (split[1:] != split[:-1])]
    cluster = np.cumsum(changes)
    shared = _WITHIN_CLUSTER if together > 1 else 0.0
    difficulty = sqrt(shared) * rng.standard_normal(int(cluster[-1]) + 1)[cluster]
    difficulty += sqrt(1 - shared) * rng.standard_normal(len(split))
    return _Records(split, positive, cluster, difficulty)


def _answer_records(records: _Records, signal: Signal, own: Numbers, moved: Numbers) -> Numbers:
    phi = signal.delta / 2 + sqrt(SHARED) * records.difficulty + sqrt(1 - SHARED) * own + moved
    return signal.answer(phi, records.positive)


def _draw_references(
    policy: Policy, model: SimulatedModel, records: _Records, signal: Signal, rng: np.random.Generator
) -> References | None:
    """Reference models on complementary halves by cluster, and what the audited method makes of each."""
    if policy.membership.references is None or not needs_references(policy):
        return None
    halves = draw_halves(
        records.split,
        records.positive.astype(np.int64),
        policy.membership.references.models,
        int(rng.integers(2**31)),
        np.array([f"{number}" for number in records.cluster]) if policy.protocol.cluster else None,
    )
    seen = np.where(records.split == "retain", RETAINED, 0.0)
    trained, unlearned = [], []
    for half in halves.own:
        noise = rng.standard_normal(len(records))
        trained.append(answer(_answer_records(records, signal, noise, seen + MEMORY * half)))
        after = seen.copy()
        after[half] += records.recall(model, half)
        own = model.copies * noise + sqrt(1 - model.copies**2) * rng.standard_normal(len(records))
        odds = _answer_records(records, signal, own, after)
        if model.distort is not None:
            odds = model.distort(rng, odds, records.positive, signal)
        unlearned.append(answer(odds))
    return References(halves.trained_on, halves.candidates, np.stack(trained), {"unlearned": np.stack(unlearned)})


def _name_groups(policy: Policy, records: _Records) -> dict[str, NDArray[np.str_]]:
    """Clusters and disjoint columns by cluster, subgroups evenly over the clusters."""
    names = _number("cluster", int(records.cluster[-1]) + 1)[records.cluster]
    columns = {policy.protocol.cluster, policy.data.disjoint if policy.data else None} - {None}
    groups: dict[str, NDArray[np.str_]] = {str(column): names for column in columns}
    subgroups = policy.subgroups
    for column in subgroups.columns if subgroups else ():
        edges = subgroups.bands.get(column.removesuffix("_band")) if subgroups else None
        values = np.array(name_bands(edges) if edges else _asked_values(policy, column))
        groups[column] = values[records.cluster % len(values)]
    return groups


def _asked_values(policy: Policy, column: str) -> list[str]:
    """The groups of a column that checks name, at least two."""
    named = sorted({str(c.among.value) for c in policy.checks if c.among.is_group and c.among.column == column})
    return [*named, *["first", "second"][: max(0, 2 - len(named))]]


def _describe(policy: Policy, records: _Records) -> Provenance:
    counts = {
        name: SplitCount(
            n=int((records.split == name).sum()), positive=int(records.positive[records.split == name].sum())
        )
        for name in ("retain", "forget", "validation", "test")
    }
    forget = counts["forget"]
    return Provenance(
        version="0",
        created=_CREATED,
        seed=0,
        case="policy proof",
        data=DataCard(
            name="simulated",
            source="simulated by 'unlearn-audit policy check'",
            licence="none",
            sha256="0" * 64,
            official=None,
            classes=("negative", "positive"),
            positive=("positive",),
            positive_asked=policy.task.positive,
            splits=counts,
        ),
        forget=ForgetRequest(
            by="fraction",
            count=forget.n,
            positive=forget.positive,
            fraction=forget.n / (forget.n + counts["retain"].n),
            commitment="0" * 64,
        ),
        models=tuple(
            ModelCard(name=name, role=name, method="simulated", title=name)
            for name in ("original", "retrained", "unlearned")
        ),
    )
