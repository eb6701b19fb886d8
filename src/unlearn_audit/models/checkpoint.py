"""Weights inside a checkpoint: found where trainers leave them, chosen where there is one choice, never guessed.

A checkpoint may hold several sets of weights (raw and averaged ones, a teacher, the best and the last epoch). Which of
them answers is a fact about the model in use: where more than one set fits the network and they differ, the case must
say which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unlearn_audit.errors import CaseError
from unlearn_audit.records.intake import IntakeEntry, note_intake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

_DEEPEST = 5
_FIRST = 3  # of the network, the first of which may be tied to a later one
_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""What torch.compile, FSDP and activation checkpointing put into names, wherever they wrap."""
_COUNTER = "num_batches_tracked"
_SPARE = ("n_averaged", "total_ops", "total_params")
"""Counters of averaging and of profilers beside the weights."""


def show_names(names: Sequence[str], limit: int = 3) -> str:
    """Return the first few names, quoted, and how many more there are."""
    listed = ", ".join(f"'{name}'" for name in names[:limit])
    return listed + (f" and {len(names) - limit} more" if len(names) > limit else "")


@dataclass(frozen=True, eq=False)
class Weights:
    """One set of weights that fits the network.

    Attributes:
        key: where it lies: names of the containers, then the prefix of its names; '' for the file itself.
        state: tensors by the network's names.
        spare: names of tensors beside it that belong to no set that fits.
        counters: whether batch counters of normalisation are missing.
        tied: names that the file does not hold, since they are others' weights.
    """

    key: str
    state: Mapping[str, Tensor]
    spare: tuple[str, ...] = ()
    counters: bool = False
    tied: tuple[str, ...] = ()


def choose_weights(
    content: Any, network: Mapping[str, Tensor], path: Path, key: str | None
) -> tuple[Weights, tuple[IntakeEntry, ...]]:
    """Return the weights in `content` for the network with the state `network`, and what must be said of the choice.

    Args:
        content: of the file: a state dict, or containers that hold some.
        network: names and shapes that are expected.
        path: the file, for messages.
        key: which set the case declares; None where it declares none.

    Raises:
        CaseError: no set that fits, several that differ, or none of the declared key.
    """
    found = list(_find_all(content, network))
    lists = list(_find_lists(content, network))
    if not found:
        raise _explain_misfit(content, network, path)
    keys = [weights.key for weights in found]
    if key is not None:
        chosen = next((weights for weights in found if weights.key == key.strip("/")), None)
        if chosen is None:
            raise CaseError(
                f"{path}: expected weights under '{key}', found those that fit under {_list_keys(keys)}",
                hint="'weights' in the case file takes one of these",
            )
        return chosen, (*_describe(chosen, path), note_intake("weights.declared", file=path.name, key=_name(key)))
    others = [weights for weights in found[1:] if not _same(found[0].state, weights.state)]
    if others or lists:
        raise CaseError(
            f"{path} holds several sets of weights that fit and differ: {_list_keys([*keys, *lists])}",
            hint=f"say which one answers, such as 'models: {{unlearned: {{file: {path.name}, weights: "
            f"{found[-1].key or keys[0]}}}}}': averaged (EMA) and raw weights are two models",
        )
    chosen = found[0]
    if chosen.key:
        return chosen, (*_describe(chosen, path), note_intake("weights.key", file=path.name, key=_name(chosen.key)))
    count = len(chosen.state)
    return chosen, (*_describe(chosen, path), note_intake("weights.whole", file=path.name, tensors=count))


def _describe(chosen: Weights, path: Path) -> tuple[IntakeEntry, ...]:
    entries = []
    if chosen.spare:
        entries.append(note_intake("weights.left-out", file=path.name, count=len(chosen.spare), names=chosen.spare))
    if chosen.counters:
        entries.append(note_intake("weights.counters", file=path.name))
    if chosen.tied:
        entries.append(note_intake("weights.tied", file=path.name, names=chosen.tied))
    return tuple(entries)


def _list_keys(keys: list[str]) -> str:
    return show_names([key or "(the file itself)" for key in keys], 9)


def _name(key: str) -> str:
    return f"'{key}'" if key else "the file itself"


def _find_all(content: Any, network: Mapping[str, Tensor]) -> Iterator[Weights]:
    for place, state in _walk(content, ()):
        plain = _unwrap(state)
        wanted = _unwrap(network)
        groups = {prefix: _fit(plain, wanted, prefix) for prefix in _find_prefixes(plain, wanted)}
        fitting = {prefix: names for prefix, names in groups.items() if names is not None}
        taken = {prefix + name for prefix, names in fitting.items() for name in names}
        for prefix, names in fitting.items():
            rest = [name for name in plain if name not in taken and not _is_counter(name)]
            if any(name.startswith(prefix) for name in rest):
                continue
            yield _make(place, prefix, names, plain, wanted, network, tuple(rest))


def _make(  # noqa: PLR0917 - one call site
    place: tuple[str, ...],
    prefix: str,
    names: tuple[str, ...],
    plain: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    network: Mapping[str, Tensor],
    spare: tuple[str, ...],
) -> Weights:
    real = dict(zip(wanted, network, strict=True))
    state = {real[name]: plain[prefix + name] for name in names}
    tied = tuple(name for name in wanted if name not in names and not name.endswith(_COUNTER))
    for name in tied:
        state[real[name]] = plain[f"{prefix}{_find_twin(name, wanted, names)}"]
    missing = [real[name] for name in wanted if name not in names and name.endswith(_COUNTER)]
    state |= {name: network[name] for name in missing}
    key = "/".join((*place, prefix.rstrip("."))) if prefix else "/".join(place)
    return Weights(key, state, spare, counters=bool(missing), tied=tied)


def _walk(content: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Tensor]]]:
    """Yield every mapping that holds tensors under names, with its place; optimisers number theirs and are none."""
    import torch

    if not isinstance(content, dict) or len(place) > _DEEPEST or not all(isinstance(name, str) for name in content):
        return
    tensors = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    if tensors:
        yield place, tensors
    for name, value in content.items():
        yield from _walk(value, (*place, name))


def _find_lists(content: Any, network: Mapping[str, Tensor], place: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield places of lists of tensors of the network's shapes: averages that are kept without names."""
    import torch

    if len(place) > _DEEPEST:
        return
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _find_lists(value, network, (*place, str(name)))
    elif isinstance(content, list | tuple) and content and all(isinstance(item, torch.Tensor) for item in content):
        shapes = [tuple(value.shape) for name, value in network.items() if value.is_floating_point()]
        listed = [tuple(item.shape) for item in content]
        if len(listed) > 1 and all(shape in shapes for shape in listed) and 2 * len(listed) >= len(shapes):
            yield "/".join(place)


def _unwrap(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    plain: dict[str, Tensor] = {}
    for name, value in state.items():
        short = name
        for wrapper in _WRAPPERS:
            short = short.replace(wrapper, "")
        plain[short] = value
    return plain if len(plain) == len(state) else dict(state)


def _is_counter(name: str) -> bool:
    return name.rpartition(".")[2] in {_COUNTER, *_SPARE}


def _find_prefixes(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    firsts = [name for name in wanted if not name.endswith(_COUNTER)][:_FIRST]
    return list(
        dict.fromkeys(
            name.removesuffix(first)
            for first in firsts
            for name in state
            if name == first or name.endswith(f".{first}")
        )
    )


def _fit(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], prefix: str) -> tuple[str, ...] | None:
    """Return the names of `wanted` that stand under `prefix`, None where some is missing or of another shape."""
    names = tuple(name for name in wanted if prefix + name in state)
    missing = [name for name in wanted if name not in set(names) and not name.endswith(_COUNTER)]
    if any(_find_twin(name, wanted, names) is None for name in missing):
        return None
    fits = all(state[prefix + name].shape == wanted[name].shape for name in names)
    return names if fits else None


def _find_twin(name: str, wanted: Mapping[str, Tensor], names: tuple[str, ...]) -> str | None:
    """Return a name of the same memory in the network: tied weights, which some formats store once."""
    mine = wanted[name]
    for other in names:
        theirs = wanted[other]
        if mine.numel() and mine.data_ptr() == theirs.data_ptr() and mine.shape == theirs.shape:
            return other
    return None


def _same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    import torch

    return all(torch.equal(value, theirs[name]) for name, value in ours.items())


def _explain_misfit(content: Any, network: Mapping[str, Tensor], path: Path) -> CaseError:
    """Return the refusal that names the first layers that differ, in the set of weights that comes nearest."""
    best: tuple[int, str, dict[str, Tensor]] = (-1, "", {})
    wanted = _unwrap(network)
    for place, state in _walk(content, ()):
        plain = _unwrap(state)
        for prefix in _find_prefixes(plain, wanted) or [""]:
            inside = {name.removeprefix(prefix): value for name, value in plain.items() if name.startswith(prefix)}
            met = sum(name in wanted for name in inside)
            if met > best[0]:
                best = (met, "/".join((*place, prefix.rstrip("."))).strip("/"), inside)
    met, key, state = best
    if met < 0:
        kind = type(content).__name__
        return CaseError(
            f"{path}: expected a dict of tensors, found {kind}" + (" without any" if isinstance(content, dict) else ""),
            hint="save it as: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')",
        )
    return CaseError(
        f"{path} is a checkpoint of another architecture: {_compare(state, wanted)}"
        + (f" (under '{key}')" if key else "")
    )


def _compare(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    missing = [name for name in expected if name not in found and not name.endswith(_COUNTER)]
    surplus = sorted(name for name in found if name not in expected and not _is_counter(name))
    parts = [f"missing {show_names(missing)}"] * bool(missing) + [f"not in the model {show_names(surplus)}"] * bool(
        surplus
    )
    if parts:
        return "; ".join(parts)
    name = next(name for name, value in expected.items() if name in found and found[name].shape != value.shape)
    return f"layer '{name}': expected shape {tuple(expected[name].shape)}, found {tuple(found[name].shape)}"
