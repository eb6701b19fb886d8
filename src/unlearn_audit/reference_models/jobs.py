"""The jobs that make reference models: plain functions of arguments that can be pickled, run on any worker."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import CaseError
from unlearn_audit.methods import METHODS
from unlearn_audit.models import Architecture, decode_weights, encode_weights
from unlearn_audit.policy import Recipe
from unlearn_audit.reference_models.pool import Pool
from unlearn_audit.training import (
    Compute,
    Method,
    OwnOutputs,
    Parameters,
    Setting,
    UserTraining,
    lend_model,
    move_setting,
    unlearn_on,
    use,
)

if TYPE_CHECKING:
    from torch import nn

    from unlearn_audit.training import Records

_SLICE = 4_096  # records in memory as tensors at once; a multiple of the batch in which models are asked


@dataclass(frozen=True)
class ModelSpec:
    """What all reference models share with the original.

    Attributes:
        architecture: the network.
        shape: of one input.
        classes: number of outputs.
        recipe: of training, or where `training` is given of the methods that train on.
        training: the user's own function, which then trains whatever is trained from nothing.
        methods: unlearning methods by name, the user's own among them.
        compute: where models are trained and asked.
        identity: what shapes a model beyond these, for the keys of finished models; empty where nothing does.
    """

    architecture: Architecture
    shape: tuple[int, ...]
    classes: int
    recipe: Recipe
    training: UserTraining | None = None
    methods: Mapping[str, Method] = field(default_factory=lambda: METHODS)
    identity: Mapping[str, Any] = field(default_factory=dict)
    compute: Compute = field(default_factory=Compute)

    def make_setting(self, seed: int) -> Setting:
        """Return what a training or unlearning function is given."""
        return Setting(
            self.build, self.recipe, seed, shape=self.shape, classes=self.classes, train=self.training, own=self._own
        )

    @property
    def _own(self) -> OwnOutputs | None:
        raw = self.architecture.raw
        if raw is None:
            return None
        order = self.architecture.order or tuple(range(self.classes))
        return OwnOutputs(partial(raw.build, self.shape, self.classes), order)

    def train(self, records: "Records", setting: Setting) -> "nn.Module":
        """Return a model trained from nothing.

        Raises:
            CaseError: training diverged, or the user's function cannot be used.
        """
        from unlearn_audit.training import fit

        compute = self.compute
        with use(compute):
            if self.training is not None:
                return self.training(records, replace(setting, device=compute.device))
            fresh, there = self.build(setting.seed), records
            if compute.device != "cpu":
                fresh, there = fresh.to(compute.device), records.to(compute.device)
            return fit(fresh, there, self.recipe, setting.seed, setting.progress).to("cpu")

    def describe_recipe(self) -> dict[str, Any]:
        """Return how models are trained, as a record says it."""
        own = {"train": self.training.function.name, **_prefix(self.training.parameters)} if self.training else {}
        return {"model": self.architecture.name, **own, **self.recipe.model_dump(mode="json")}

    def build(self, seed: int) -> "nn.Module":
        """Return the network, freshly initialised."""
        return self.architecture.build(self.shape, self.classes, seed)

    def load(self, weights: bytes, number: int) -> "nn.Module":
        """Return reference model `number` from its weights."""
        return decode_weights(weights, self.build(0), Path(f"reference model {number}"))


def _prefix(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {f"train.{name}": value for name, value in parameters.items()}


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """Train models `numbers` as one group: model g from `seeds[g]` on the records `masks[g]` (n,) of the pool."""

    numbers: tuple[int, ...]
    seeds: tuple[int, ...]
    masks: tuple[NDArray[np.bool_], ...]


@dataclass(frozen=True, eq=False)
class UnlearningJob:
    """Make models `numbers` forget their own halves of the candidates, as the audited model forgot the forget set."""

    numbers: tuple[int, ...]
    seeds: tuple[int, ...]
    starts: tuple[bytes, ...]
    retain: NDArray[np.bool_]
    forget: tuple[NDArray[np.bool_], ...]
    method: Method
    parameters: Parameters


@dataclass(frozen=True)
class TrainedModel:
    """A reference model: its number, its weights (safetensors), the seconds that it took."""

    number: int
    weights: bytes
    seconds: float


def train_models(pool: Pool, spec: ModelSpec, order: TrainingJob) -> list[TrainedModel]:
    """Train one reference model by `fit`, or several by `fit_together`.

    Raises:
        CaseError: training diverged; the reference model is named.
    """
    started = time.perf_counter()
    if len(order.numbers) == 1:
        with _name_model(order.numbers[0]):
            spec = replace(spec, compute=spec.compute.take(order.numbers[0]))
            models = [spec.train(pool.cut(order.masks[0]), spec.make_setting(order.seeds[0]))]
    else:
        models = _train_group(pool, spec, order)
    return _pack(order.numbers, models, started)


def _train_group(pool: Pool, spec: ModelSpec, order: TrainingJob) -> "list[nn.Module]":
    import torch

    from unlearn_audit.training import fit_together

    seen = np.logical_or.reduce(order.masks)
    rows = torch.from_numpy(np.stack([np.flatnonzero(mask[seen]) for mask in order.masks]))
    compute = spec.compute.take(order.numbers[0])
    names = [f"reference model {number}" for number in order.numbers]
    with use(compute):
        fresh = [move_setting(spec.make_setting(seed), compute).build(seed) for seed in order.seeds]
        records = pool.cut(seen) if compute.device == "cpu" else pool.cut(seen).to(compute.device)
        trained = fit_together(fresh, records, rows, spec.recipe, order.seeds, names=names)
    return [model.to("cpu") for model in trained]


def unlearn_models(pool: Pool, spec: ModelSpec, order: UnlearningJob) -> list[TrainedModel]:
    """Apply an unlearning method to one reference model, or to several at once where it only trains on.

    Raises:
        CaseError: the method diverged or cannot be applied; the reference model is named.
    """
    started = time.perf_counter()
    starts = [spec.load(content, k) for k, content in zip(order.numbers, order.starts, strict=True)]
    settings = [spec.make_setting(seed) for seed in order.seeds]
    retain, compute = pool.cut(order.retain), spec.compute.take(order.numbers[0])
    if len(starts) == 1:
        with _name_model(order.numbers[0]):
            forget = pool.cut(order.forget[0])
            models = [unlearn_on(compute, order.method, starts[0], retain, forget, order.parameters, settings[0])]
    else:
        names = [f"reference model {number}" for number in order.numbers]
        with use(compute):
            if compute.device != "cpu":
                starts, retain = [model.to(compute.device) for model in starts], retain.to(compute.device)
            moved = [move_setting(setting, compute) for setting in settings]
            models = order.method.run_together(starts, retain, order.parameters, moved, names)
    return _pack(order.numbers, models, started)


def _pack(numbers: tuple[int, ...], models: "list[nn.Module]", started: float) -> list[TrainedModel]:
    seconds = round((time.perf_counter() - started) / len(models), 3)
    return [
        TrainedModel(number, encode_weights(model.to("cpu")), seconds)
        for number, model in zip(numbers, models, strict=True)
    ]


def ask_models(pool: Pool, spec: ModelSpec, order: tuple[TrainedModel, ...]) -> list[tuple[int, NDArray[np.float64]]]:
    """Return number and (n, k) log-probabilities of every model of `order`, on all records of the pool."""
    from unlearn_audit.training import predict_log_probs

    compute = spec.compute.take(order[0].number)
    models = [spec.load(finished.weights, finished.number) for finished in order]
    collected: list[list[NDArray[np.float64]]] = [[] for _ in models]
    for begin in range(0, len(pool.x), _SLICE):
        inputs = pool.show(slice(begin, begin + _SLICE))
        for answers, model, finished in zip(collected, models, order, strict=True):
            with _name_model(finished.number), lend_model(model, compute):
                answers.append(predict_log_probs(model, inputs))
    return [(finished.number, np.concatenate(answers)) for finished, answers in zip(order, collected, strict=True)]


@contextmanager
def _name_model(number: int) -> Iterator[None]:
    """Say which reference model an error is about: one that cannot be made is never left out in silence."""
    try:
        yield
    except CaseError as error:
        raise CaseError(f"reference model {number}: {error.message}", hint=error.hint) from error
