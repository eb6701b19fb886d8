"""One cell of a study, one share and one seed: makes its models, asks them, and keeps the answers as evidence on disk.

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
from unlearn_audit.cases import Case, CaseRequest, add_model, add_references, begin_case, make_plan
from unlearn_audit.cases.collection import collect
from unlearn_audit.errors import CaseError, UnfinishedError
from unlearn_audit.evidence import Evidence
from unlearn_audit.evidence.parquet import read_evidence, to_parquet
from unlearn_audit.policy import (
    CaseFile,
    Images,
    MethodChoice,
    Network,
    Policy,
    Recipe,
    Relearning,
    StudiedModel,
    StudyFile,
    name_share,
)
from unlearn_audit.records import digest_of, ignore_progress
from unlearn_audit.reference_models.workers import Workers
from unlearn_audit.study.relearning import PREFIX, add_relearned, list_relearned, mark_shown
from unlearn_audit.writing import write_whole

if TYPE_CHECKING:
    from unlearn_audit.policy import StudyCell

FORMAT = 1  # raised when this package makes other cells of the same order
REFERENCES = "references"
RETRAINED = "retrained"


@dataclass(frozen=True)
class CellJob:
    """All that shapes a cell.

    Attributes:
        policy: with the cell's own seed, and the study's head.
        data: file or folder; None for data that a library carries.
        data_sha256: of the file, or of names, sizes and times of a folder; None with `data`.
        images: what is done to every image of a folder when it is taken in.
        model: network, where it is not the policy's.
        forget: share of the training records, or shares by class.
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
    images: Images | None
    split_column: str | None
    recipe: Recipe | None
    model: str | None
    forget: float | Mapping[str, float]
    models: tuple[StudiedModel, ...]
    relearning: Relearning | None
    references: int
    calibrated: tuple[str, ...]
    split_seed: int

    @property
    def name(self) -> str:
        """File name without suffix."""
        return f"forget-{name_share(self.forget)}-seed-{self.policy.protocol.seed}"

    def digest(self) -> str:
        """Return what the cell is made from, as one digest; where the data lie is not part of it."""
        import torch

        declared = {"model": self.model, "images": self.images and self.images.model_dump(mode="json")}
        return digest_of(
            {
                **{key: value for key, value in declared.items() if value},
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
    """A cell as it is read back: what the models answered, and which could not be made and why."""

    forget: float | Mapping[str, float]
    seed: int
    evidence: Evidence
    failed: Mapping[str, str]
    """Reason by model; of a relearned copy by its name, of the reference models by `REFERENCES`."""


def list_jobs(study: StudyFile, policy: Policy, data: Path | None, data_sha256: str | None) -> list[CellJob]:
    """Return the orders of all cells, one seed after the other, so that early results are whole seeds."""
    return [
        _order(study, cell, policy, seed, data=data, data_sha256=data_sha256)
        for seed in study.seeds
        for cell in study.cells
    ]


def _order(
    study: StudyFile, cell: "StudyCell", policy: Policy, seed: int, *, data: Path | None, data_sha256: str | None
) -> CellJob:
    names = {model.name for model in cell.models}
    asked = study.references if study.references and seed in study.references.seeds else None
    relearning = study.relearning and study.relearning.model_copy(
        update={"of": tuple(name for name in study.relearning.of if name in names)}
    )
    task = policy.task.model_copy(update={"head": study.head or policy.task.head})
    protocol = policy.protocol.model_copy(update={"seed": seed})
    return CellJob(
        policy=policy.model_copy(update={"protocol": protocol, "task": task}),
        data=data,
        data_sha256=data_sha256,
        images=study.images,
        split_column=study.split_column,
        recipe=study.recipe,
        model=study.model,
        forget=cell.forget,
        models=cell.models,
        relearning=relearning,
        references=asked.models if asked else 0,
        calibrated=tuple(name for name in asked.of if name in names or name == RETRAINED) if asked else (),
        split_seed=policy.protocol.seed,
    )


def train_original(cache: Path, created: str, job: CellJob) -> str:
    """Make the original of a cell, which its seed's other cells share, and return its name: first jobs of a study."""
    _begin(cache, created, job, retrain=False)
    return job.name


def make_cell(cache: Path, folder: Path, created: str, job: CellJob) -> str:
    """Make a cell, write it into `folder`, and return its name. A finished one is left as it is.

    A method that diverges or cannot be applied is a result: its reason is kept, the others go on. So is a relearned
    copy that diverges, and so are reference models that cannot be made.

    Raises:
        DataError, CaseError: data or training of the original or of the retrained model fails.
        UnfinishedError, ReportError: what is finished cannot be kept, or workers died. That is no result: the cell
            stays unfinished.
    """
    if is_finished(folder, job):
        return job.name
    case = _begin(cache, created, job, retrain=True)
    failed: dict[str, str] = {}
    for model in job.models:
        case = _try(failed, model.name, case, partial(_add, model))
    if job.relearning:
        case = mark_shown(case)
        for name in list_relearned(case, job.relearning):
            case = _try(failed, PREFIX + name, case, partial(_relearn, name, job.relearning))
    choices = _list_choices(job, case)
    if job.references and choices:
        case = _try(failed, REFERENCES, case, partial(_refer, job, choices))
    content = to_parquet(collect(case, ignore_progress))
    write_whole(folder / f"{job.name}.parquet", content)
    note = {"order": job.digest(), "evidence_sha256": hashlib.sha256(content).hexdigest(), "failed": failed}
    write_whole(folder / f"{job.name}.json", json.dumps(note, indent=1, sort_keys=True).encode())
    return job.name


def _list_choices(job: CellJob, case: Case) -> dict[str, MethodChoice]:
    """Return what is done to the reference models, in the study's order: methods that worked, and retraining."""
    known: dict[str, MethodChoice] = {model.name: model for model in job.models}
    known[RETRAINED] = MethodChoice(method="retrain")
    return {name: known[name] for name in job.calibrated if name in case.made}


def is_finished(folder: Path, job: CellJob) -> bool:
    """Return whether the cell of `job` is there, whole, and made from nothing else."""
    return _read_note(folder, job) is not None


def read_cell(folder: Path, job: CellJob) -> FinishedCell | None:
    """Return the finished cell of `job`, None where there is none, or one that was made from something else."""
    failed = _read_note(folder, job)
    if failed is None:
        return None
    evidence = read_evidence(folder / f"{job.name}.parquet")
    return FinishedCell(job.forget, job.policy.protocol.seed, evidence, failed)


def _read_note(folder: Path, job: CellJob) -> dict[str, str] | None:
    try:
        note: dict[str, Any] = json.loads((folder / f"{job.name}.json").read_text("utf-8"))
        with (folder / f"{job.name}.parquet").open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if (note["order"], note["evidence_sha256"]) != (job.digest(), found):
            return None
        return {str(name): str(reason) for name, reason in note["failed"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _begin(cache: Path, created: str, job: CellJob, *, retrain: bool) -> Case:
    case = CaseFile(
        schema_="unlearn-audit/case/v1",
        name="a cell of a study",
        images=job.images,
        split_column=job.split_column,
        recipe=job.recipe,
        network=Network(factory=job.model) if job.model else None,
    )
    request = CaseRequest(
        created=created,
        cache=cache,
        case=case,
        data=job.data,
        forget=job.forget,
        retrain=retrain,
        offline=True,
        threads=1,
        references=0,
        split_seed=job.split_seed,
    )
    return begin_case(job.policy, request, make_plan(job.policy, request), ignore_progress)


def _try(failed: dict[str, str], name: str, case: Case, step: Callable[[Case], Case]) -> Case:
    """Return the case after `step`, or as it is, with the reason in `failed`; a full disk is nobody's reason."""
    try:
        return step(case)
    except UnfinishedError:
        raise
    except CaseError as error:
        failed[name] = error.message
        return case


def _add(model: StudiedModel, case: Case) -> Case:
    return _validate_answers(add_model(case, model, name=model.name, role="compared"), model.name)


def _relearn(name: str, relearning: Relearning, case: Case) -> Case:
    return _validate_answers(add_relearned(case, name, relearning), PREFIX + name)


def _refer(job: CellJob, choices: Mapping[str, MethodChoice], case: Case) -> Case:
    return add_references(case, job.references, choices, Workers(), job.policy.protocol.cluster)


def _validate_answers(case: Case, name: str) -> Case:
    """Refuse finite weights that give answers that are no numbers: else the whole cell could not be collected.

    Raises:
        CaseError: an answer is NaN or infinite.
    """
    from unlearn_audit.training import predict_log_probs

    predict_log_probs(case.models[name], case.inputs)
    return case
