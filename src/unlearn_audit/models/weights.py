"""Weights on disk: written as safetensors, read from safetensors or torch files, and never by running a pickle."""

from __future__ import annotations

import os
import re
import warnings
from typing import TYPE_CHECKING, Any

from unlearn_audit.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

_TORCH = (".pt", ".pth")
_HINT = "save it as: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"


def save_weights(model: nn.Module, path: Path) -> None:
    """Write all weights and running statistics of `model` to `path` as safetensors.

    The same weights give the same bytes. The file appears whole or not at all.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(encode_weights(model))
        partial.replace(path)
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


def load_weights(path: Path, into: nn.Module) -> nn.Module:
    """Return a copy of `into` with the weights in `path`, in evaluation mode; `into` itself is left as it was.

    Reads .safetensors, and .pt or .pth files that hold tensors only (a state dict, alone or under 'state_dict').
    There is no fallback to unpickling objects, which could run any code. Floating-point weights may be narrower on
    disk than in the model, never wider: nothing is rounded in silence.

    Raises:
        CaseError: no file, another format, an object that is no tensor (named), another architecture (the first
            layer that differs is named, with shapes), or a weight that is not a finite number (the layer is named).
    """
    if not path.is_file():
        raise CaseError(f"expected a checkpoint at {path}, found none")
    return _fill(into, _read(path), path)


def _fill(into: nn.Module, state: Mapping[str, Tensor], path: Path) -> nn.Module:
    from copy import deepcopy

    _validate_architecture(state, into.state_dict(), path)
    _validate_finite(state, path)
    model = deepcopy(into)
    model.load_state_dict(dict(state))
    return model.eval()


def _read(path: Path) -> Mapping[str, Tensor]:
    if path.suffix == ".safetensors":
        return _decode_safetensors(path.read_bytes(), path)
    if path.suffix in _TORCH:
        return _read_torch(path)
    raise CaseError(
        f"expected a checkpoint as .safetensors, .pt or .pth, found {path}",
        hint=f"pickled objects are refused: they can run any code when read; {_HINT}",
    )


def _decode_safetensors(content: bytes, path: Path) -> Mapping[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        state: dict[str, Tensor] = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CaseError(f"{path} is not a readable safetensors file: {error}") from error
    return state


def _read_torch(path: Path) -> Mapping[str, Tensor]:
    import pickle  # its error class alone: torch reads with weights_only

    import torch

    try:
        with warnings.catch_warnings():  # torch warns of what it then refuses; the refusal is what is shown
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"the object '{found.group(1)}'" if found else "something other than tensors, or is no checkpoint"
        raise CaseError(
            f"{path} holds {what}: expected tensors only, since a pickled object can run any code when read",
            hint=_HINT,
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise CaseError(f"{path} is not a readable torch checkpoint: {error}", hint=_HINT) from error
    return _find_state(content, path)


def _find_state(content: Any, path: Path) -> Mapping[str, Tensor]:
    """Return the state dict in `content`: itself, or what it holds under 'state_dict'."""
    import torch

    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(state, dict):
        raise CaseError(f"{path}: expected a dict of tensors, found {type(state).__name__}", hint=_HINT)
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise CaseError(f"{path}: expected tensors only, found '{name}' of type {type(value).__name__}", hint=_HINT)
    return state


def _validate_architecture(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: Path) -> None:
    import torch

    missing = [name for name in expected if name not in found]
    surplus = sorted(name for name in found if name not in expected)
    if missing or surplus:
        parts = [f"missing {_show(missing)}"] * bool(missing) + [f"not in the model {_show(surplus)}"] * bool(surplus)
        wrapped = bool(surplus) and all(name.startswith("module.") for name in surplus)
        raise CaseError(
            f"{path} is a checkpoint of another architecture: {'; '.join(parts)}",
            hint="strip the prefix 'module.' that data-parallel training adds" if wrapped else None,
        )
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


def _show(names: list[str], limit: int = 3) -> str:
    listed = ", ".join(f"'{name}'" for name in names[:limit])
    return listed + (f" and {len(names) - limit} more" if len(names) > limit else "")
