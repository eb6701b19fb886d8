"""An external original that is unlearned here, on the network and the preprocessing that the user declares."""

import hashlib
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unlearn_audit.cases.model_builder import CaseModel, ModelBuilder
from unlearn_audit.cases.networks import find_network
from unlearn_audit.data import Dataset, Task
from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import CaseError
from unlearn_audit.models import Preprocessing, load_external, name_program, save_weights
from unlearn_audit.models.architecture import describe_factory
from unlearn_audit.models.preprocessing import describe_preprocessing
from unlearn_audit.policy import ExternalModelFacts, Network
from unlearn_audit.records import Message, ModelCard, digest_of, quote_text, write_message
from unlearn_audit.records.intake import IntakeEntry

_TITLES = {"original": "Original", "retrained": "Retrained reference"}


@dataclass(frozen=True)
class ExternalOriginal:
    """Files of weights by role ('original', and 'retrained' where there is one), and what they are loaded into."""

    files: dict[str, Path]
    network: Network
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    outputs: tuple[str, ...] = ()
    """Names of the outputs in their order; the data set's classes by default."""
    about: dict[str, ExternalModelFacts] = field(default_factory=dict)
    folder: Path = Path()
    """What a factory 'file.py:function' is relative to."""

    def fit_builder(self, builder: ModelBuilder, loaded: Dataset, task: Task) -> ModelBuilder:
        """Return the builder with the user's network, whose outputs are put into the order of the task."""
        order = self._order_outputs(loaded, task)
        architecture, _ = find_network(self.network, self.folder, order)
        digest = digest_of([self.network.model_dump(mode="json"), list(order), repr(self.preprocessing)])
        return replace(builder, architecture=architecture, architecture_name=f"{self.network.factory} {digest}")

    def take(self, builder: ModelBuilder, role: str) -> CaseModel:
        """Return the external model of `role`, with its weights as the report will hold them.

        Raises:
            CaseError: no weights but a program, or weights of another architecture (the layer is named).
        """
        path = self.files[role]
        facts = self.about.get(role, ExternalModelFacts())
        kind = name_program(path)
        model = load_external(path, builder.build_empty, facts.weights) if kind is None else None
        if model is None or model.network is None:
            raise CaseError(
                f"{path} is a program ({kind or 'ONNX'}), which cannot be trained further and so not be unlearned here",
                hint="bring the unlearned model as well (--unlearned), or the original as weights with --model",
            )
        with tempfile.TemporaryDirectory() as folder:
            save_weights(model.network, Path(folder) / "model.safetensors")
            weights = (Path(folder) / "model.safetensors").read_bytes()
        card = self._describe(role, write_message("original-read-from", file=path.name, sha256=model.sha256), weights)
        return CaseModel(model.network, weights, card, (*self.describe_intake(), *model.intake))

    def describe_intake(self) -> tuple[IntakeEntry, ...]:
        """Return what was done to data before the model saw it, and whose code made the network."""
        own = (describe_factory(self.network.factory, self.folder),) if ":" in self.network.factory else ()
        return (describe_preprocessing(self.preprocessing), *own)

    def _describe(self, role: str, read: Message, weights: bytes) -> ModelCard:
        facts = self.about.get(role, ExternalModelFacts())
        return ModelCard.model_validate(
            {
                "name": role,
                "role": role,
                "method": f"{facts.made_by} (external)" if facts.made_by else "external",
                "title": facts.title or _TITLES[role],
                "parameters": facts.made_with,
                "source": facts.source,
                "file": f"models/{role}.safetensors",
                "sha256": hashlib.sha256(weights).hexdigest(),
                "notes": (read, *map(quote_text, facts.notes)),
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
