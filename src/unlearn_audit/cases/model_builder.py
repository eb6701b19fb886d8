"""Makes the models of a case: trains, unlearns and retrains, each at most once (see `models.cache`)."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from unlearn_audit.cases.user_functions import UserFunctions
from unlearn_audit.models.cache import ModelCache, make_key
from unlearn_audit.policy import MethodChoice, Recipe
from unlearn_audit.records import ModelCard, ProgressCallback, derive_integer
from unlearn_audit.records.intake import IntakeEntry
from unlearn_audit.reference_models.jobs import ModelSpec
from unlearn_audit.training import Compute, Method, Setting, unlearn_on

if TYPE_CHECKING:
    from torch import nn

    from unlearn_audit.models import Architecture
    from unlearn_audit.training import Records


@dataclass(frozen=True)
class CaseModel:
    """A finished model with its weights as they are written to disk."""

    model: "nn.Module"
    weights: bytes
    card: ModelCard
    intake: tuple[IntakeEntry, ...] = ()
    """What was assumed where it was made elsewhere."""


@dataclass(frozen=True, eq=False)
class ModelBuilder:
    """Everything that shapes a model; `identity` digests the data, so that a key stands for it."""

    architecture: "Architecture"
    architecture_name: str
    shape: tuple[int, ...]
    classes: int
    retain: "Records"
    forget: "Records"
    train: "Records"
    recipe: Recipe
    seed: int
    cache: ModelCache
    train_identity: str
    forget_identity: str
    progress: ProgressCallback
    functions: UserFunctions = field(default_factory=UserFunctions)
    user_parameters: Mapping[str, Any] = field(default_factory=dict)
    compute: Compute = field(default_factory=Compute)

    @property
    def spec(self) -> ModelSpec:
        """What reference models share with the original."""
        return ModelSpec(
            self.architecture,
            self.shape,
            self.classes,
            self.recipe,
            self.functions.train,
            self.methods,
            self.identity,
            self.compute,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What shapes a model beyond data, network, recipe and seed; empty where nothing does, so that keys stay."""
        return self.functions.identity | ({"compute": self.compute.describe()} if self.compute.describe() else {})

    @property
    def methods(self) -> Mapping[str, Method]:
        """Unlearning methods by name, the user's own among them."""
        return self.functions.methods

    def train_original(self) -> CaseModel:
        """Train on retain and forget together."""
        seed = derive_integer(self.seed, "train", "original")
        return self.make(
            ModelCard(name="original", role="original", method="train", title="Original", seed=seed),
            lambda: self.train_model(self.train, self.make_setting(seed, "train the original")),
            key={"kind": "original"},
        )

    def retrain_reference(self) -> CaseModel:
        """Train from scratch on retain alone: what never having seen the forget set looks like."""
        seed = derive_integer(self.seed, "train", "retrained")
        return self.make(
            ModelCard(name="retrained", role="retrained", method="retrain", title="Retrained reference", seed=seed),
            lambda: self.train_model(self.retain, self.make_setting(seed, "retrain the reference")),
            key={"kind": "retrained", "forget": self.forget_identity},
        )

    def unlearn(self, original: CaseModel, choice: MethodChoice, *, name: str, role: str) -> CaseModel:
        """Apply an unlearning method to the original. A method sees retain and forget, never validation or test."""
        method = self.methods[choice.method]
        parameters = method.parse(choice.parameters)
        seed = derive_integer(self.seed, "unlearn", choice.method)
        setting = self.make_setting(seed, method.title)
        shown = parameters.model_dump(mode="json")
        return self.make(
            ModelCard.model_validate(
                {
                    "name": name,
                    "role": role,
                    "method": choice.method,
                    "title": method.title,
                    "parameters": shown,
                    "seed": seed,
                    "source": method.source,
                }
            ),
            lambda: unlearn_on(
                self.compute.take(0), method, original.model, self.retain, self.forget, parameters, setting
            ),
            key={
                "kind": choice.method,
                "parameters": shown,
                "forget": self.forget_identity,
                "original": original.card.sha256,
                **({"code": method.digest} if method.digest else {}),
            },
        )

    def make_setting(self, seed: int, title: str) -> Setting:
        """Return what a training or unlearning function is given; progress is heard under `title`."""
        return replace(self.spec.make_setting(seed), progress=self._name(title))

    def train_model(self, records: "Records", setting: Setting) -> "nn.Module":
        """Train from nothing, by the user's function where there is one, else by the recipe."""
        return replace(self.spec, compute=self.compute.take(0)).train(records, setting)

    def build_empty(self) -> "nn.Module":
        """Return a network of this case's architecture, for weights to be loaded into."""
        return self._build(0)

    def _build(self, seed: int) -> "nn.Module":
        return self.architecture.build(self.shape, self.classes, seed)

    def _name(self, title: str) -> ProgressCallback:
        outer = self.progress

        def renamed(task: str, done: int, total: int) -> None:  # noqa: ARG001 - the method's own words
            outer(title, done, total)

        return renamed

    def make(self, card: ModelCard, make: Callable[[], "nn.Module"], key: dict[str, Any]) -> CaseModel:
        """Return the model that `make` gives, or the one of the same `key` that was made before."""
        import torch

        from unlearn_audit.models import load_weights, save_weights

        full = make_key(
            **key,
            seed=card.seed,
            data=self.train_identity,
            recipe=self.recipe.model_dump(mode="json"),
            model=[self.architecture_name, list(self.shape), self.classes],
            torch=torch.__version__,
            **self.identity,
        )
        entry = self.cache.read(full)
        if entry is None:
            started = time.perf_counter()
            model = make()
            seconds = round(time.perf_counter() - started, 3)
            about = {"name": card.name, "method": card.method}
            entry = self.cache.write(full, lambda path: save_weights(model, path), seconds, about)
        else:
            self.progress(f"{card.title}: made before", 1, 1)
        weights = entry.path.read_bytes()
        made = {
            "seconds": entry.seconds,
            "file": f"models/{card.name}.safetensors",
            "sha256": hashlib.sha256(weights).hexdigest(),
        }
        return CaseModel(load_weights(entry.path, into=self._build(0)), weights, card.model_copy(update=made))
