"""Model specs: a factory, a shape, a number of classes, a seed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearn_audit.errors import AuditError, CaseError, UsageError
from unlearn_audit.records.intake import IntakeEntry, note_intake
from unlearn_audit.user_code import find_user_function

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn


_SEEDING = threading.Lock()
_HERE = Path()


@dataclass(frozen=True)
class Architecture:
    """An entry of the table of models.

    Attributes:
        name: as a policy names it.
        title: as a report prints it.
        source: paper.
        make: makes the network from the shape of one input (no batch axis) and the number of classes; its forward
            takes (n, *shape) float32 and returns (n, classes) logits. It may draw from torch's global generator:
            `build` sees to that.
        stackable: whether many of it may be trained as one (`training.fit_together`): no buffers such as running
            statistics, no random layers, and no branch on a value in `forward`.
        raw: the user's network as his code knows it, where `make` brings its outputs into the order of the classes.
        order: for each class the output of `raw` that speaks of it; None where they are in that order.
    """

    name: str
    title: str
    source: str
    make: Callable[[tuple[int, ...], int], nn.Module]
    stackable: bool = False
    raw: Architecture | None = None
    order: tuple[int, ...] | None = None

    def build(self, shape: tuple[int, ...], classes: int, seed: int) -> nn.Module:
        """Return the network, freshly initialised from `seed`; the global random state is as it was before.

        Raises:
            CaseError: fewer than two classes, or a shape that the network does not take.
        """
        import torch

        if classes < 2:  # noqa: PLR2004 - to tell one class from none is no classification
            raise CaseError(f"model '{self.name}': expected two classes or more, found {classes}")
        # torch's layers initialise from the global generator: it is seeded for the moment and then restored. Only
        # the CPU's: torch.manual_seed would reach for every accelerator's too. A cluster's worker may build in several
        # threads, which would draw from one another's seeds.
        with _SEEDING, torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return self.make(shape, classes)


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable weights; running statistics are none."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def find_architecture(name: str, table: Mapping[str, Architecture], folder: Path = _HERE) -> Architecture:
    """Return the entry `name` of `table`, or a user's own network: 'module:factory', or 'file.py:factory' in `folder`.

    The factory is called as factory(shape, classes) and returns the network. Naming one runs the code of that
    module, which is the user's own: a policy cannot name one, only a case on the user's machine.

    Raises:
        UnknownNameError: no such entry.
        UsageError: the module or the factory in it cannot be found.
    """
    if ":" not in name:
        return table[name]
    try:
        make = find_user_function(name, folder)
    except UsageError as error:
        raise UsageError(f"model {error.message}", hint=error.hint) from error
    return Architecture(name=name, title=name, source="user-supplied", make=make)


def call_factory(
    architecture: Architecture, parameters: Mapping[str, Any], shape: tuple[int, ...], classes: int
) -> nn.Module:
    """Return the network that a user's factory makes: as factory(**parameters), or as factory(shape, classes).

    It may draw from torch's global generator, which is as it was before.

    Raises:
        CaseError: the factory raised, or returned no network: with its name and its own words.
    """
    import torch

    make: Callable[..., Any] = architecture.make
    try:
        with torch.random.fork_rng(devices=[]):
            network: Any = make(**parameters) if parameters else make(shape, classes)
    except AuditError:
        raise
    except Exception as error:  # the factory is the user's code and may raise anything
        given = f"with {dict(parameters)}" if parameters else f"as factory({shape}, {classes})"
        raise CaseError(
            f"the factory '{architecture.name}', called {given}, raised {type(error).__name__}: {error}",
            hint="'network: {parameters: {...}}' in the case file are its arguments by name",
        ) from error
    if not isinstance(network, torch.nn.Module):
        raise CaseError(
            f"expected a torch.nn.Module from the factory '{architecture.name}', found {type(network).__name__}"
        )
    return network


def describe_factory(name: str, folder: Path = _HERE) -> IntakeEntry:
    """Return that a network is made by the user's code, with the SHA-256 of its sources (see `UserFunction`).

    What must not be concluded: the code may import packages, which no digest here covers.

    Raises:
        UsageError: the module or the factory in it cannot be found.
    """
    return note_intake("code.factory", factory=name, sha256=find_user_function(name, folder).digest)
