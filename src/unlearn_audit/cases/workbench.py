"""Makes the models of a case: trains, unlearns, retrains, each at most once (see `cache`)."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unlearn_audit.cases.cache import ModelCache, make_key
from unlearn_audit.methods import METHODS
from unlearn_audit.policy import MethodChoice, Recipe
from unlearn_audit.records import ModelCard, Say, derive_integer
from unlearn_audit.records.intake import IntakeEntry
from unlearn_audit.training import Setting

if TYPE_CHECKING:
    from torch import nn

    from unlearn_audit.models import Architecture
    from unlearn_audit.training import Records


@dataclass(frozen=True)
class Made:
    """A finished model with its weights as they are written to disk."""

    model: "nn.Module"
    weights: bytes
    card: ModelCard
    intake: tuple[IntakeEntry, ...] = ()
    """What was assumed where it was made elsewhere."""


@dataclass(frozen=True, eq=False)
class Workbench:
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
    say: Say

    def train_original(self) -> Made:
        """Train on retain and forget together."""
        from unlearn_audit.training import fit

        seed = derive_integer(self.seed, "train", "original")
        return self._make(
            ModelCard(name="original", role="original", method="train", title="Original", seed=seed),
            lambda: fit(self._build(seed), self.train, self.recipe, seed=seed, say=self._name("train the original")),
            key={"kind": "original"},
        )

    def retrain_reference(self) -> Made:
        """Train from scratch on retain alone: what never having seen the forget set looks like."""
        from unlearn_audit.training import fit

        seed = derive_integer(self.seed, "train", "retrained")
        return self._make(
            ModelCard(name="retrained", role="retrained", method="retrain", title="Retrained reference", seed=seed),
            lambda: fit(
                self._build(seed), self.retain, self.recipe, seed=seed, say=self._name("retrain the reference")
            ),
            key={"kind": "retrained", "forget": self.forget_identity},
        )

    def unlearn(self, original: Made, choice: MethodChoice, *, name: str, role: str) -> Made:
        """Apply an unlearning method to the original. A method sees retain and forget, never validation or test."""
        method = METHODS[choice.method]
        parameters = method.parse(choice.parameters)
        seed = derive_integer(self.seed, "unlearn", choice.method)
        setting = Setting(build=self._build, recipe=self.recipe, seed=seed, say=self._name(method.title))
        shown = parameters.model_dump(mode="json")
        return self._make(
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
            lambda: method.run(original.model, self.retain, self.forget, parameters, setting),
            key={
                "kind": choice.method,
                "parameters": shown,
                "forget": self.forget_identity,
                "original": original.card.sha256,
            },
        )

    def build_empty(self) -> "nn.Module":
        """Return a network of this case's architecture, for weights to be loaded into."""
        return self._build(0)

    def _build(self, seed: int) -> "nn.Module":
        return self.architecture.build(self.shape, self.classes, seed)

    def _name(self, title: str) -> Say:
        outer = self.say

        def renamed(task: str, done: int, total: int) -> None:  # noqa: ARG001 - the method's own words
            outer(title, done, total)

        return renamed

    def _make(self, card: ModelCard, make: Callable[[], "nn.Module"], key: dict[str, Any]) -> Made:
        import torch

        from unlearn_audit.models import load_weights, save_weights

        full = make_key(
            **key,
            seed=card.seed,
            data=self.train_identity,
            recipe=self.recipe.model_dump(mode="json"),
            model=[self.architecture_name, list(self.shape), self.classes],
            torch=torch.__version__,
        )
        entry = self.cache.read(full)
        if entry is None:
            started = time.perf_counter()
            model = make()
            seconds = round(time.perf_counter() - started, 3)
            about = {"name": card.name, "method": card.method}
            entry = self.cache.write(full, lambda path: save_weights(model, path), seconds, about)
        else:
            self.say(f"{card.title}: made before", 1, 1)
        weights = entry.path.read_bytes()
        made = {
            "seconds": entry.seconds,
            "file": f"models/{card.name}.safetensors",
            "sha256": hashlib.sha256(weights).hexdigest(),
        }
        return Made(load_weights(entry.path, into=self._build(0)), weights, card.model_copy(update=made))
