"""Makes reference models. Cache keys follow from contents and never from the audited model: one ensemble serves all."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data import Halves, digest_rows
from unlearn_audit.models import count_parameters
from unlearn_audit.models.cache import ModelCache, make_key
from unlearn_audit.policy import MethodChoice
from unlearn_audit.records import ProgressCallback, derive_integer, digest_of
from unlearn_audit.reference_models.jobs import (
    ModelSpec,
    TrainedModel,
    TrainingJob,
    UnlearningJob,
    ask_models,
    train_models,
    unlearn_models,
)
from unlearn_audit.reference_models.pool import Pool
from unlearn_audit.reference_models.workers import Workers
from unlearn_audit.training import is_ordinary

GROUP = 16  # trained together at most; fixed, because a model's last bits may depend on its group
_SMALL = 100_000  # weights; larger networks spend their time in products that are large enough already
_ASKED_AT_ONCE = 8

_Order = TrainingJob | UnlearningJob


@dataclass(frozen=True, eq=False)
class ReferenceModelTrainer:
    """Makes reference models: every finished one is kept at once, and none is made twice.

    Attributes:
        pool: all records of the case.
        halves: what each model is trained on.
        spec: the original's network and recipe.
        seed: of the policy; every model has named children of it.
        cache: finished models.
        workers: where they are made.
        progress: called as each part is finished.
    """

    pool: Pool
    halves: Halves
    spec: ModelSpec
    seed: int
    cache: ModelCache
    workers: Workers
    progress: ProgressCallback

    @property
    def count(self) -> int:
        """K, the number of reference models."""
        return len(self.halves.trained_on)

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each model's initialisation and shuffles."""
        return tuple(derive_integer(self.seed, "references", "train", str(k)) for k in range(self.count))

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the models that are trained as one; alone, where the network does not gain by it."""
        if not self.is_stackable:
            return _cut(range(self.count), 1)
        sizes = self.halves.trained_on.sum(axis=1)  # halves of an odd number of candidates differ by one
        alike = [np.flatnonzero(sizes == size).tolist() for size in np.unique(sizes)]
        return tuple(group for numbers in alike for group in _cut(numbers, GROUP))

    @cached_property
    def is_stackable(self) -> bool:
        """Whether many models are trained as one: the network allows it, and is small enough to gain by it."""
        if self.spec.training is not None or not is_ordinary(self.spec.recipe):
            return False
        return self.spec.architecture.stackable and count_parameters(self.spec.build(0)) <= _SMALL

    def train(self) -> tuple[TrainedModel, ...]:
        """Return all models, trained or found."""
        orders = [
            TrainingJob(group, tuple(self.seeds[k] for k in group), tuple(self.halves.trained_on[k] for k in group))
            for group in self.groups
        ]
        keys = {k: self._key(k, kind="reference", group=self._name_group(g)) for g in self.groups for k in g}
        return self._make("train reference models", train_models, orders, keys)

    def unlearn(self, trained: Sequence[TrainedModel], choice: MethodChoice) -> tuple[TrainedModel, ...]:
        """Return the models after the method of `choice` made each forget its own half of the candidates."""
        method = self.spec.methods[choice.method]
        parameters = method.parse(choice.parameters)
        seeds = [derive_integer(self.seed, "references", "unlearn", choice.method, str(k)) for k in range(self.count)]
        groups = _cut(range(self.count), GROUP if method.prepare and self.is_stackable else 1)
        orders = [
            UnlearningJob(
                numbers=group,
                seeds=tuple(seeds[k] for k in group),
                starts=tuple(trained[k].weights for k in group),
                retain=self.halves.retain,
                forget=tuple(self.halves.own[k] for k in group),
                method=method,
                parameters=parameters,
            )
            for group in groups
        ]
        starts = [hashlib.sha256(finished.weights).hexdigest() for finished in trained]
        shown = {
            "kind": f"reference, then {choice.method}",
            "parameters": parameters.model_dump(mode="json"),
            "positive": digest_of(np.packbits(self.pool.positive).tobytes()),
            **({"code": method.digest} if method.digest else {}),
        }
        keys = {
            k: self._key(k, **shown, group=[[starts[i], seeds[i]] for i in g], start=starts[k])
            for g in groups
            for k in g
        }
        return self._make(f"{method.title}: reference models", unlearn_models, orders, keys)

    def ask(self, models: Sequence[TrainedModel]) -> NDArray[np.float64]:
        """Return (K, n, k) the log-probabilities that `models` give to all records."""
        orders = [tuple(models[i : i + _ASKED_AT_ONCE]) for i in range(0, len(models), _ASKED_AT_ONCE)]
        by_model: dict[int, NDArray[np.float64]] = {}
        for answers in self._run(ask_models, orders, "ask reference models"):
            by_model |= dict(answers)
            self.progress("ask reference models", len(by_model), len(models))
        return np.stack([by_model[k] for k in range(len(models))])

    @cached_property
    def _data(self) -> str:
        """Digest of all records that some reference model is trained on."""
        seen = np.asarray(self.halves.trained_on.any(axis=0), dtype=np.bool_)
        shown = [digest_rows(self.pool.x, seen), self.pool.label[seen].tolist()]
        return digest_of(shown)

    def _name_mask(self, mask: NDArray[np.bool_]) -> str:
        return hashlib.sha256(np.packbits(mask[self.halves.trained_on.any(axis=0)]).tobytes()).hexdigest()

    def _name_group(self, group: Sequence[int]) -> list[Any]:
        return [[self.seeds[k], self._name_mask(self.halves.trained_on[k])] for k in group]

    def _key(self, number: int, **parts: Any) -> str:
        import torch

        spec = self.spec
        common = {
            "seed": self.seeds[number],
            "data": self._data,
            "trained_on": self._name_mask(self.halves.trained_on[number]),
            "own": self._name_mask(self.halves.own[number]),
            "recipe": spec.recipe.model_dump(mode="json"),
            "model": [spec.architecture.name, list(spec.shape), spec.classes],
            "torch": torch.__version__,
            **spec.identity,
        }
        return make_key(**(common | parts))

    def _make(
        self, title: str, job: Callable[..., list[TrainedModel]], orders: Sequence[_Order], keys: Mapping[int, str]
    ) -> tuple[TrainedModel, ...]:
        found = {k: entry for k in keys if (entry := self._find(k, keys[k]))}
        self.progress(title, len(found), len(keys))
        missing = [order for order in orders if any(k not in found for k in order.numbers)]
        for made in self._run(job, missing, title):
            for finished in (one for one in made if one.number not in found):
                about = {"name": f"reference {finished.number}", "method": title}
                self.cache.keep(keys[finished.number], finished.weights, finished.seconds, about)
                found[finished.number] = finished
            self.progress(title, len(found), len(keys))
        return tuple(found[k] for k in sorted(found))

    def _find(self, number: int, key: str) -> TrainedModel | None:
        entry = self.cache.read(key)
        return None if entry is None else TrainedModel(number, entry.path.read_bytes(), entry.seconds)

    def _run(self, job: Callable[..., Any], orders: Sequence[Any], name: str) -> Iterator[Any]:
        return self.workers.run(job, (self.pool, self.spec), orders, name)


def _cut(numbers: Sequence[int], size: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(numbers[i : i + size]) for i in range(0, len(numbers), size))
