"""Weights on disk: written as safetensors, read from safetensors or torch files, and never by running a pickle."""

from __future__ import annotations

import os
import re
import warnings
from typing import TYPE_CHECKING, Any

from unlearn_audit.errors import CaseError
from unlearn_audit.models.checkpoint import choose_weights, show_names
from unlearn_audit.models.stand_ins import make_stand_ins
from unlearn_audit.records.intake import IntakeEntry, note_intake
from unlearn_audit.writing import move_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

TORCH = (".pt", ".pth", ".tar", ".ckpt", ".bin")
"""Endings of torch files; `.tar` is that of `.pth.tar`."""
_HINT = "save it as: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"


def save_weights(model: nn.Module, path: Path) -> None:
    """Write all weights and running statistics of `model` to `path` as safetensors.

    The same weights give the same bytes. The file appears whole or not at all.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(encode_weights(model))
        move_file(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def encode_weights(model: nn.Module) -> bytes:
    """Return all weights and running statistics of `model` as the bytes of a safetensors file."""
    from safetensors.torch import save

    # contiguous, since channels-last strides are not stored; cloned, since the format has no shared tensors
    state = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    content: bytes = save(state)
    return content


def decode_weights(content: bytes, into: nn.Module, source: Path) -> nn.Module:
    """Return a copy of `into` with the weights in `content`, as `load_weights` does with a file of these bytes.

    Args:
        content: what `encode_weights` made.
        into: a model of the same architecture.
        source: what errors call the content.
    """
    return _fill(into, _decode_safetensors(content, source), source)


def load_weights(path: Path, into: nn.Module, key: str | None = None) -> nn.Module:
    """Return a copy of `into` with the weights in `path`, see `read_weights`."""
    return read_weights(path, into, key)[0]


def read_weights(path: Path, into: nn.Module, key: str | None = None) -> tuple[nn.Module, tuple[IntakeEntry, ...]]:
    """Return a copy of `into` with the weights in `path`, in evaluation mode, and what must be said of their choice.

    Reads .safetensors, and torch files (.pt, .pth, .pth.tar, .ckpt, .bin) that hold tensors: a state dict alone, or
    where trainers put it, see `checkpoint`. There is no fallback to unpickling objects, which could run any code; plain
    ones beside the weights (NumPy scalars, argparse.Namespace, paths) are passed over and never made. Weights may be
    narrower on disk than in the model; 64-bit ones for a 32-bit network are taken, and whether that rounds is said.

    Args:
        path: the file.
        into: a network of the same architecture, which is left as it was.
        key: which set of weights is meant where the file holds several, such as 'state_dict_ema'.

    Raises:
        CaseError: no file, another format, an object that is not passed over (named), another architecture (the first
            layer that differs is named, with shapes), several sets of weights and no key, or a weight that is not a
            finite number (the layer is named).
    """
    if not path.is_file():
        raise CaseError(f"expected a checkpoint at {path}, found none")
    if path.suffix == ".safetensors":
        content: Any = _decode_safetensors(path.read_bytes(), path)
        passed: tuple[str, ...] = ()
    elif path.suffix.lower() in TORCH:
        content, passed = _read_torch(path)
    else:
        raise CaseError(
            f"expected a checkpoint as .safetensors, .pt or .pth, found {path}",
            hint=f"pickled objects are refused: they can run any code when read; {_HINT}",
        )
    chosen, entries = choose_weights(content, into.state_dict(), path, key)
    objects = (note_intake("weights.objects", file=path.name, names=sorted(set(passed))),) if passed else ()
    state, narrowed = _narrow(chosen.state, into.state_dict(), path)
    return _fill(into, state, path), (*entries, *objects, *narrowed)


def _narrow(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: Path
) -> tuple[dict[str, Tensor], tuple[IntakeEntry, ...]]:
    """Return the state with 64-bit numbers as the network's 32-bit ones, and by how much that changed them."""
    import torch

    kept, worst, wide = dict(state), 0.0, False
    for name, value in state.items():
        if value.dtype == torch.float64 and expected[name].dtype == torch.float32:
            wide, kept[name] = True, value.float()
            changed = (kept[name].double() - value).abs() / value.abs().clamp_min(torch.finfo(torch.float32).tiny)
            worst = max(worst, float(changed.nan_to_num(0.0).max())) if value.numel() else worst
    if not wide:
        return kept, ()
    entry = note_intake("weights.rounded", file=path.name, change=worst) if worst else None
    return kept, (entry or note_intake("weights.exact", file=path.name),)


def _fill(into: nn.Module, state: Mapping[str, Tensor], path: Path) -> nn.Module:
    from copy import deepcopy

    _validate_architecture(state, into.state_dict(), path)
    _validate_finite(state, path)
    model = deepcopy(into)
    model.load_state_dict(dict(state))
    return model.eval()


def _decode_safetensors(content: bytes, path: Path) -> Mapping[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        state: dict[str, Tensor] = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CaseError(f"{path} is not a readable safetensors file: {error}") from error
    return state


def _read_torch(path: Path) -> tuple[Any, tuple[str, ...]]:
    """Return what the torch file holds, tensors in containers, and the names of objects that were passed over."""
    import pickle  # its error class alone: torch reads with weights_only

    import torch

    passed: list[str] = []
    try:
        with warnings.catch_warnings():  # torch warns of what it then refuses; the refusal is what is shown
            warnings.simplefilter("ignore")
            with torch.serialization.safe_globals(make_stand_ins(passed)):
                content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"the object '{found.group(1)}'" if found else "something other than tensors, or is no checkpoint"
        raise CaseError(
            f"{path} holds {what}: expected tensors only, since a pickled object can run any code when read",
            hint=_HINT,
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise CaseError(f"{path} is not a readable torch checkpoint: {error}", hint=_HINT) from error
    return content, tuple(passed)


def _validate_architecture(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: Path) -> None:
    import torch

    missing = [name for name in expected if name not in found]
    surplus = sorted(name for name in found if name not in expected)
    if missing or surplus:
        parts = [f"missing {show_names(missing)}"] * bool(missing) + [f"not in the model {show_names(surplus)}"] * bool(
            surplus
        )
        raise CaseError(f"{path} is a checkpoint of another architecture: {'; '.join(parts)}")
    for name, value in expected.items():
        other = found[name]
        if other.shape != value.shape:
            raise CaseError(
                f"{path} is a checkpoint of another architecture: layer '{name}': "
                f"expected shape {tuple(value.shape)}, found {tuple(other.shape)}"
            )
        same_kind = other.is_floating_point() == value.is_floating_point()
        if not same_kind or torch.promote_types(other.dtype, value.dtype) != value.dtype:
            raise CaseError(f"{path}: layer '{name}': expected {value.dtype}, found {other.dtype}")


def _validate_finite(state: Mapping[str, Tensor], path: Path) -> None:
    import torch

    for name, value in state.items():
        bad = int((~torch.isfinite(value)).sum())
        if bad:
            raise CaseError(f"{path}: layer '{name}': {bad} of {value.numel()} weights are NaN or infinite")
