"""An external original that is unlearned here: its network, and its data as the user prepares them."""

import hashlib
import tempfile
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unlearn_audit.cases.model_builder import CaseModel, ModelBuilder
from unlearn_audit.data import Dataset, Task
from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import CaseError
from unlearn_audit.models import (
    MODELS,
    Architecture,
    Preprocessing,
    call_factory,
    find_architecture,
    load_external,
    save_weights,
)
from unlearn_audit.policy import ExternalModelFacts, Network
from unlearn_audit.records import ModelCard, digest_of

if TYPE_CHECKING:
    from torch import Tensor, nn

_TITLES = {"original": "Original", "retrained": "Retrained reference"}


@dataclass(frozen=True)
class ExternalOriginal:
    """Files of weights by role ('original', and 'retrained' where there is one), and what they are loaded into."""

    files: dict[str, Path]
    network: Network
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    outputs: tuple[str, ...] = ()
    """Names of the outputs in their order; the data set's classes where nothing is said."""
    about: dict[str, ExternalModelFacts] = field(default_factory=dict)

    def fit_builder(self, builder: ModelBuilder, loaded: Dataset, task: Task) -> ModelBuilder:
        """Return the model builder with the user's network, whose outputs are brought into the order of the task."""
        found = find_architecture(self.network.factory, MODELS)
        order = self._order_outputs(loaded, task)

        def make(shape: tuple[int, ...], classes: int) -> "nn.Module":
            network = call_factory(found, self.network.parameters, shape, classes)
            network.register_forward_hook(partial(_shape_outputs, order))
            return network

        told = digest_of([self.network.model_dump(mode="json"), list(order), repr(self.preprocessing)])
        architecture = Architecture(found.name, found.title, found.source, make)
        return replace(builder, architecture=architecture, architecture_name=f"{self.network.factory} {told}")

    def take(self, builder: ModelBuilder, role: str) -> CaseModel:
        """Return the model that was brought in `role`, with its weights as the report will hold them.

        Raises:
            CaseError: no weights but a program, or weights of another architecture (the layer is named).
        """
        path = self.files[role]
        model = load_external(path, builder.build_empty)
        if model.network is None:
            raise CaseError(
                f"{path} is a program ({model.kind}), which cannot be trained further and so not be unlearned here",
                hint="bring the unlearned model as well (--unlearned), or the original as weights with --model",
            )
        with tempfile.TemporaryDirectory() as folder:
            save_weights(model.network, Path(folder) / "model.safetensors")
            weights = (Path(folder) / "model.safetensors").read_bytes()
        return CaseModel(model.network, weights, self._describe(role, path, weights))

    def _describe(self, role: str, path: Path, weights: bytes) -> ModelCard:
        told = self.about.get(role, ExternalModelFacts())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return ModelCard.model_validate(
            {
                "name": role,
                "role": role,
                "method": f"{told.made_by} (brought along)" if told.made_by else "brought along",
                "title": told.title or _TITLES[role],
                "parameters": told.made_with,
                "source": told.source,
                "file": f"models/{role}.safetensors",
                "sha256": hashlib.sha256(weights).hexdigest(),
                "notes": (f"Read from {path.name} (SHA-256 {digest}).", *told.notes),
            }
        )

    def _order_outputs(self, loaded: Dataset, task: Task) -> tuple[int, ...]:
        """Return for each class of the task the output that speaks of it; a binary task may call two classes anew."""
        names = task.dataset.classes
        same = len(loaded.classes) == len(names)
        firsts = [int(np.flatnonzero(task.dataset.label == index)[0]) for index in range(len(names))]
        own = tuple(loaded.classes[loaded.label[first]] for first in firsts) if same else names
        given = self.outputs or (loaded.classes if same else names)
        for wanted in (own, names):
            if sorted(given) == sorted(wanted):
                return tuple(given.index(name) for name in wanted)
        raise CaseError(
            f"expected the outputs {name_some(own, 12)} of the original, found the declared {name_some(given, 12)}",
            hint="'classes' in the case file names the outputs in their order; a policy with 'head: classes' keeps all",
        )


def _shape_outputs(order: tuple[int, ...], _module: "nn.Module", _inputs: object, output: "Tensor") -> "Tensor":
    """One logit becomes two, negative first; several come into the order of the task's classes."""
    import torch

    if not isinstance(output, torch.Tensor):
        return output
    if output.ndim == 1 or output.shape[-1] == 1:
        logit = output.reshape(len(output), 1)
        return torch.cat([torch.zeros_like(logit), logit], dim=1)
    if output.shape[-1] != len(order):
        raise CaseError(f"expected 1 or {len(order)} outputs of the original, found {output.shape[-1]}")
    return output if order == tuple(range(len(order))) else output[:, list(order)]
