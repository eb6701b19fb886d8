"""External models: weights for a user-supplied network, TorchScript, torch.export, or ONNX.

TorchScript and torch.export are code, which can do whatever this process can: they are read only where somebody allows
it, in a process of their own. Safetensors and ONNX are data. No pickled object is ever read: it could run any code
before anybody asked for it.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from unlearn_audit.errors import CaseError
from unlearn_audit.models.onnx_files import list_data_files
from unlearn_audit.models.programs import Kind, Program
from unlearn_audit.models.weights import TORCH, read_weights
from unlearn_audit.records import Message, write_message
from unlearn_audit.records.intake import IntakeEntry, note_intake

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn

KINDS = (".safetensors", *TORCH, ".ts", ".pt2", ".onnx")
_PICKLED = "a pickled object can run any code when read"


@dataclass(frozen=True, eq=False)
class ExternalModel:
    """What answers: `ask` takes a batch of prepared inputs and returns the raw outputs, in evaluation mode.

    Attributes:
        ask: see above.
        kind: of the file.
        network: the module itself where weights were given, which can be trained further; None for a program.
        notes: what a reader of the report must see.
        sha256: of the file; of all its files, see `digest_files`, where there are several.
        parts: SHA-256 of each file by its name, where the model lies in several.
        intake: what was chosen, left out or assumed.
    """

    ask: Callable[[Tensor], Any]
    kind: str
    network: nn.Module | None = None
    notes: tuple[Message, ...] = ()
    sha256: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    intake: tuple[IntakeEntry, ...] = ()


def load_external(
    path: Path, build: Callable[[], nn.Module] | None, key: str | None = None, *, allow_code: bool = False
) -> ExternalModel:
    """Return the model in the file at `path`, with a digest over every byte that decides its answers.

    Args:
        path: `.safetensors`, `.pt` or `.pth` with weights; `.pt`, `.pth` or `.ts` with TorchScript; `.pt2` of
            torch.export; `.onnx`.
        build: makes the network for weights; None where none was named.
        key: which of several sets of weights in the file is meant.
        allow_code: whether TorchScript and torch.export may run, in a process of their own.

    Raises:
        CaseError: no file, another format, code that was not allowed, a pickled object, weights of another architecture
            (the first layer that differs is named), weights without a network, a program that does not load, or files
            that changed while they were read.
    """
    if not path.is_file():
        raise CaseError(f"expected a model at {path}, found no file")
    files = (path, *(list_data_files(path) if path.suffix.lower() == ".onnx" else ()))
    before = _digest_each(files)
    model = _load(path, build, key, allow_code=allow_code)
    if _digest_each(files) != before:
        raise CaseError(f"{path} changed while it was read", hint="run the audit again when nothing writes to it")
    folder = path.resolve().parent
    parts = {path.name if file is path else file.relative_to(folder).as_posix(): sha for file, sha in before.items()}
    notes = _describe_program(path, model.kind, list(parts)[1:]) if model.network is None else ()
    return replace(
        model,
        sha256=digest_files(list(parts.items())),
        parts=parts if len(parts) > 1 else {},
        intake=(*model.intake, *notes),
    )


def digest_files(files: Sequence[tuple[str, str]]) -> str:
    """Return the SHA-256 of one file; of several that of the lines '<sha256>  <name>' (as sha256sum writes them)."""
    if len(files) == 1:
        return files[0][1]
    return hashlib.sha256("".join(f"{sha}  {name}\n" for name, sha in files).encode()).hexdigest()


def _digest_each(files: Sequence[Path]) -> dict[Path, str]:
    digests = {}
    for path in files:
        with path.open("rb") as file:
            digests[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _describe_program(path: Path, kind: str, parts: list[str]) -> tuple[IntakeEntry, ...]:
    if parts:
        return (note_intake("program.parts", file=path.name, kind=kind, parts=parts),)
    return (note_intake("program.whole", file=path.name, kind=kind),)


def _load(path: Path, build: Callable[[], nn.Module] | None, key: str | None, *, allow_code: bool) -> ExternalModel:
    suffix = path.suffix.lower()
    if key is not None and suffix in {".onnx", ".pt2", ".ts"}:
        raise CaseError(f"'weights: {key}' would do nothing: {path} is a program", hint="leave it out")
    if suffix == ".onnx":
        return _load_onnx(path)
    if (kind := name_program(path)) is not None:
        return _load_program(path, kind, allow_code=allow_code)
    if suffix not in KINDS:
        raise CaseError(
            f"expected a model as {', '.join(KINDS)}, found {path}",
            hint=f"pickled objects are refused, since {_PICKLED}: save the state dict as safetensors",
        )
    if build is None:
        raise CaseError(
            f"{path} holds weights, and nothing says into which network they go",
            hint="add --model module:factory, or 'network: {factory: module:factory}' in the case file",
        )
    network, entries = read_weights(path, build(), key)
    return ExternalModel(network, "weights", network, intake=entries)


def name_program(path: Path) -> Kind | None:
    """Return what kind of code the file at `path` is, None where it is weights or ONNX. Nothing of it is run."""
    suffix = path.suffix.lower()
    if suffix == ".pt2":
        return "torch.export"
    is_script = suffix == ".ts" or (suffix in {".pt", ".pth"} and _is_script(path))
    return "TorchScript" if is_script else None


def _is_script(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _load_program(path: Path, kind: Kind, *, allow_code: bool) -> ExternalModel:
    if not allow_code:
        raise CaseError(
            f"{path} is a program of {kind}: code, which could do whatever you can",
            hint="save the weights as safetensors with --model, or export to ONNX; or allow it with --allow-code",
        )
    if kind == "torch.export":
        _validate_no_pickle(path)
    program = Program(path, kind)
    trained = (write_message("put-into-evaluation-mode"),) if program.trained else ()
    return ExternalModel(program, kind, notes=(program.note, *trained))


def _validate_no_pickle(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            configs = [json.loads(archive.read(name)) for name in names if name.endswith("_config.json")]
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise CaseError(f"{path} is not a readable program of torch.export: {_first_line(error)}") from error
    objects = [name for name in names if "opaque_obj_" in name or "custom_obj_" in name or "/aotinductor/" in name]
    objects += [
        str(entry.get("path_name"))
        for config in configs
        for entry in (config.get("config") or {}).values()
        if entry.get("use_pickle")
    ]
    if objects:
        raise CaseError(
            f"{path} holds the pickled object or compiled code '{objects[0]}': expected a program and tensors only, "
            f"since {_PICKLED}",
            hint="export the model's own forward with torch.export, without custom objects",
        )


def _load_onnx(path: Path) -> ExternalModel:
    try:
        import onnxruntime as runtime
    except ImportError as error:
        raise CaseError(
            f"{path} needs onnxruntime, which is not installed", hint="pip install 'unlearn-audit[onnx]'"
        ) from error
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised; the log would write to stderr as well
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the same bits on every machine
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no common class
        raise CaseError(f"{path} is not a readable ONNX model: {_first_line(error)}") from error
    for what, found in (("input", session.get_inputs()), ("output", session.get_outputs())):
        if len(found) != 1:
            listed = ", ".join(f"'{item.name}'" for item in found[:4])
            raise CaseError(f"{path}: expected one {what}, found {len(found)}: {listed}")
    return ExternalModel(_ask_session(session), "ONNX")


def _ask_session(session: Any) -> Callable[[Tensor], Any]:
    """Return a function of a batch; a model with a fixed batch size is asked in pieces of that size."""
    import numpy as np
    import torch

    entry = session.get_inputs()[0]
    fixed = entry.shape[0] if entry.shape and isinstance(entry.shape[0], int) else None
    kind = {"tensor(double)": np.float64, "tensor(float16)": np.float16}.get(entry.type, np.float32)

    def ask(batch: Tensor) -> Tensor:
        values = batch.numpy().astype(kind)
        step = fixed or len(values)
        answers = []
        for start in range(0, len(values), step):
            part = values[start : start + step]
            short = step - len(part)
            padded = np.concatenate([part, np.repeat(part[-1:], short, axis=0)]) if short else part
            answers.append(np.asarray(session.run(None, {entry.name: padded})[0])[: len(part)])
        return torch.from_numpy(np.concatenate(answers))

    return ask


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
