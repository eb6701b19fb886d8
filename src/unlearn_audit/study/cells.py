"""One cell of a study, one share and one seed: its models are made, asked, and kept as evidence on disk.

A cell is finished when its note is there; the note is written last and names what the cell was made from, so that a
study that is cut off at any moment goes on where it stopped, and a cell of other data, another setting or another
version of this package is made anew. The models behind it are kept by themselves (see `cases`).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearn_audit import __version__
from unlearn_audit.cases import Case, CaseRequest, Workers, add_model, add_references, begin_case, make_plan
from unlearn_audit.errors import CacheError, CaseError
from unlearn_audit.evidence import collect, read_evidence, to_parquet
from unlearn_audit.policy import CaseFile, Policy, Recipe, Relearning, StudiedModel, StudyFile
from unlearn_audit.records import Evidence, digest_of, say_nothing
from unlearn_audit.study.relearning import PREFIX, add_relearned, list_relearned, mark_shown
from unlearn_audit.writing import write_whole

if TYPE_CHECKING:
    from unlearn_audit.policy import StudyCell

FORMAT = 1  # raised when this package makes other cells of the same order
REFERENCES = "references"


@dataclass(frozen=True)
class CellOrder:
    """All that shapes a cell.

    Attributes:
        policy: with the cell's own seed.
        data: file or folder; None for data that a library carries.
        data_sha256: of the file, or of names, sizes and times of a folder; None with `data`.
        forget: share of the training records.
        models: in the order of the tables.
        relearning: which models are shown half of what they forgot, and how; None for none.
        references: reference models, 0 for none.
        calibrated: the models whose method is applied to every reference model.
        split_seed: of splits where the data have none: the policy's own, one for all seeds, or other patients would be
            compared.
    """

    policy: Policy
    data: Path | None
    data_sha256: str | None
    split_column: str | None
    recipe: Recipe | None
    forget: float
    models: tuple[StudiedModel, ...]
    relearning: Relearning | None
    references: int
    calibrated: tuple[str, ...]
    split_seed: int

    @property
    def name(self) -> str:
        """File name without suffix."""
        return f"forget-{self.forget:g}-seed-{self.policy.protocol.seed}"

    def digest(self) -> str:
        """Return what the cell is made from, as one digest; where the data lie is not part of it."""
        import torch

        return digest_of(
            {
                "format": FORMAT,
                "version": __version__,
                "torch": torch.__version__,
                "policy": self.policy.model_dump(mode="json"),
                "data": self.data_sha256,
                "split_column": self.split_column,
                "recipe": self.recipe.model_dump(mode="json") if self.recipe else None,
                "forget": self.forget,
                "models": [model.model_dump(mode="json") for model in self.models],
                "relearning": self.relearning.model_dump(mode="json") if self.relearning else None,
                "references": [self.references, list(self.calibrated)],
                "split_seed": self.split_seed,
            }
        )


@dataclass(frozen=True, eq=False)
class FinishedCell:
    """A cell as it is read back: what the models said, and which could not be made and why."""

    forget: float
    seed: int
    evidence: Evidence
    failed: Mapping[str, str]
    """Reason by model; of a relearned copy by its name, of the reference models by `REFERENCES`."""


def list_orders(study: StudyFile, policy: Policy, data: Path | None, data_sha256: str | None) -> list[CellOrder]:
    """Return the orders of all cells, one seed after the other, so that early results are whole seeds."""
    return [
        _order(study, cell, policy, seed, data=data, data_sha256=data_sha256)
        for seed in study.seeds
        for cell in study.cells
    ]


def _order(
    study: StudyFile, cell: "StudyCell", policy: Policy, seed: int, *, data: Path | None, data_sha256: str | None
) -> CellOrder:
    names = {model.name for model in cell.models}
    asked = study.references if study.references and seed in study.references.seeds else None
    relearning = study.relearning and study.relearning.model_copy(
        update={"of": tuple(name for name in study.relearning.of if name in names)}
    )
    return CellOrder(
        policy=policy.model_copy(update={"protocol": policy.protocol.model_copy(update={"seed": seed})}),
        data=data,
        data_sha256=data_sha256,
        split_column=study.split_column,
        recipe=study.recipe,
        forget=cell.forget,
        models=cell.models,
        relearning=relearning,
        references=asked.models if asked else 0,
        calibrated=tuple(name for name in asked.of if name in names) if asked else (),
        split_seed=policy.protocol.seed,
    )


def train_original(cache: Path, created: str, order: CellOrder) -> float:
    """Make the original of a cell, which its seed's other cells share, and return its share: first jobs of a study."""
    _begin(cache, created, order, retrain=False)
    return order.forget


def make_cell(cache: Path, folder: Path, created: str, order: CellOrder) -> str:
    """Make a cell, write it into `folder`, and return its name. A finished one is left as it is.

    A method that diverges or cannot be applied is a result: its reason is kept, the others go on. So is a relearned
    copy that diverges, and so are reference models that cannot be made.

    Raises:
        DataError, CaseError: data or training of the original or of the retrained model fails.
        CacheError, ReportError: what is finished cannot be kept. That is no result: the cell stays unfinished.
    """
    if is_finished(folder, order):
        return order.name
    case = _begin(cache, created, order, retrain=True)
    failed: dict[str, str] = {}
    for model in order.models:
        case = _try(failed, model.name, case, partial(_add, model))
    if order.relearning:
        case = mark_shown(case)
        for name in list_relearned(case, order.relearning):
            case = _try(failed, PREFIX + name, case, partial(_relearn, name, order.relearning))
    choices = {m.name: m for m in order.models if m.name in order.calibrated and m.name in case.made}
    if order.references and choices:
        case = _try(failed, REFERENCES, case, partial(_refer, order, choices))
    content = to_parquet(collect(case, say_nothing))
    write_whole(folder / f"{order.name}.parquet", content)
    note = {"order": order.digest(), "evidence_sha256": hashlib.sha256(content).hexdigest(), "failed": failed}
    write_whole(folder / f"{order.name}.json", json.dumps(note, indent=1, sort_keys=True).encode())
    return order.name


def is_finished(folder: Path, order: CellOrder) -> bool:
    """Return whether the cell of `order` is there, whole, and made from nothing else."""
    return _read_note(folder, order) is not None


def read_cell(folder: Path, order: CellOrder) -> FinishedCell | None:
    """Return the finished cell of `order`, None where there is none, or one that was made from something else."""
    failed = _read_note(folder, order)
    if failed is None:
        return None
    evidence = read_evidence(folder / f"{order.name}.parquet")
    return FinishedCell(order.forget, order.policy.protocol.seed, evidence, failed)


def _read_note(folder: Path, order: CellOrder) -> dict[str, str] | None:
    try:
        note: dict[str, Any] = json.loads((folder / f"{order.name}.json").read_text("utf-8"))
        with (folder / f"{order.name}.parquet").open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if (note["order"], note["evidence_sha256"]) != (order.digest(), found):
            return None
        return {str(name): str(reason) for name, reason in note["failed"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _begin(cache: Path, created: str, order: CellOrder, *, retrain: bool) -> Case:
    case = CaseFile(
        schema_="unlearn-audit/case/v1", name="a cell of a study", split_column=order.split_column, recipe=order.recipe
    )
    request = CaseRequest(
        created=created,
        cache=cache,
        case=case,
        data=order.data,
        forget=order.forget,
        retrain=retrain,
        offline=True,
        threads=1,
        references=0,
        split_seed=order.split_seed,
    )
    return begin_case(order.policy, request, make_plan(order.policy, request), say_nothing)


def _try(failed: dict[str, str], name: str, case: Case, step: Callable[[Case], Case]) -> Case:
    """Return the case after `step`, or as it is, with the reason in `failed`; a full disk is nobody's reason."""
    try:
        return step(case)
    except CacheError:
        raise
    except CaseError as error:
        failed[name] = error.message
        return case


def _add(model: StudiedModel, case: Case) -> Case:
    return _refuse_no_answers(add_model(case, model, name=model.name, role="compared"), model.name)


def _relearn(name: str, relearning: Relearning, case: Case) -> Case:
    return _refuse_no_answers(add_relearned(case, name, relearning), PREFIX + name)


def _refer(order: CellOrder, choices: Mapping[str, StudiedModel], case: Case) -> Case:
    return add_references(case, order.references, choices, Workers(), order.policy.protocol.cluster)


def _refuse_no_answers(case: Case, name: str) -> Case:
    """Refuse finite weights that give answers that are no numbers: else the whole cell could not be collected.

    Raises:
        CaseError: an answer is NaN or infinite.
    """
    from unlearn_audit.training import predict_log_probs

    predict_log_probs(case.models[name], case.inputs)
    return case
