"""The network of a case, by the policy's name or by the user's factory, in a form that workers can build."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearn_audit.errors import CaseError
from unlearn_audit.models import MODELS, Architecture, call_factory, find_architecture
from unlearn_audit.policy import Network
from unlearn_audit.user_code import UserFunction

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class OwnNetwork:
    """Makes the user's network, whose outputs come in the order of the task's classes.

    Attributes:
        factory: as it was found.
        parameters: its arguments by name; without any it is called as factory(shape, classes).
        order: for each class of the task the output that speaks of it; None where they are in this order already.
    """

    factory: Architecture
    parameters: Mapping[str, Any] = field(default_factory=dict)
    order: tuple[int, ...] | None = None

    def __call__(self, shape: tuple[int, ...], classes: int) -> "nn.Module":
        """Return the network; one output becomes two, negative first."""
        network = call_factory(self.factory, self.parameters, shape, classes)
        order = tuple(range(classes)) if self.order is None else self.order
        network.register_forward_hook(partial(_shape_outputs, order))
        return network


def find_network(
    network: Network, folder: Path, order: tuple[int, ...] | None = None
) -> tuple[Architecture, UserFunction | None]:
    """Return the architecture that the case declares, and its code where that is the user's own.

    Raises:
        UsageError: no such factory; UnknownNameError: no such network.
    """
    found = find_architecture(network.factory, MODELS, folder)
    if not isinstance(found.make, UserFunction) and not network.parameters and order is None:
        return found, None
    raw = replace(found, make=partial(call_factory, found, network.parameters))
    code = found.make if isinstance(found.make, UserFunction) else None
    return replace(found, make=OwnNetwork(found, network.parameters, order), raw=raw, order=order), code


def _shape_outputs(order: tuple[int, ...], _module: "nn.Module", _inputs: object, output: "Tensor") -> "Tensor":
    """One logit becomes two, negative first; several come into the order of the task's classes."""
    import torch

    if not isinstance(output, torch.Tensor):
        return output
    if output.ndim == 1 or output.shape[-1] == 1:
        logit = output.reshape(len(output), 1)
        return torch.cat([torch.zeros_like(logit), logit], dim=1)
    if output.shape[-1] != len(order):
        raise CaseError(
            f"expected 1 or {len(order)} outputs of the network, found {output.shape[-1]}",
            hint="a policy with 'head: classes' keeps every class; else the network answers positive or negative",
        )
    return output if order == tuple(range(len(order))) else output[:, list(order)]
