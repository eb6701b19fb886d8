"""Boundary shrink: give each forget record to the class on the other side of its nearest decision boundary.

Source: Chen, Gao, Liu, Peng and Wang 2023, "Boundary unlearning: rapid forgetting of deep networks via shifting the
decision boundary", CVPR, arXiv 2303.11570, section 4.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.training import (
    Method,
    Parameters,
    Records,
    Setting,
    Stage,
    choose_batch,
    read_model,
    split_inputs,
    train_in_stages,
)

if TYPE_CHECKING:
    from torch import Tensor, nn


class BoundaryShrinkParameters(Parameters):
    """How far a record is pushed to find its neighbour, and how the model is then trained."""

    step: float = Field(default=0.1, gt=0, le=10, description="of the one perturbation, in units of the model's inputs")
    learning_rate: float = Field(default=0.0005, gt=0, le=10, description="constant")
    epochs: int = Field(default=5, ge=1, le=1_000, description="passes over the forget set")


def boundary_shrink(
    original: nn.Module, _retain: Records, forget: Records, parameters: BoundaryShrinkParameters, setting: Setting
) -> nn.Module:
    """Return the original trained on `forget` with the nearest wrong class of each record as its label.

    With two classes there is one wrong class, so the perturbation changes nothing and every malignant record is
    taught as benign: expect missed malignancies. The retain set is not read and nothing holds the model in place.

    Source: Chen et al. 2023, arXiv 2303.11570.
    """
    from torch.nn.functional import cross_entropy

    neighbours = find_neighbours(original, forget, parameters.step)

    def teach(part: Tensor, logits: Tensor) -> Tensor:
        return cross_entropy(logits, neighbours[part])

    stage = Stage(len(forget), forget.x.__getitem__, teach)
    epochs = parameters.epochs
    return train_in_stages(original, [[stage]] * epochs, [[len(forget)]] * epochs, parameters.learning_rate, setting)


def find_neighbours(model: nn.Module, records: Records, step: float) -> Tensor:
    """Return (n,) the most probable class but the true one, after one step up the sign of the input's gradient."""
    import torch

    found = []
    with read_model(model), torch.enable_grad():
        batch = choose_batch(records.x)
        for x, y in zip(split_inputs(records.x, batch), torch.split(records.y, batch), strict=True):
            at = x.clone().requires_grad_()
            (slope,) = torch.autograd.grad(torch.nn.functional.cross_entropy(model(at), y, reduction="sum"), at)
            logits = model(x + step * slope.sign()).detach()
            found.append(logits.scatter(1, y[:, None], -torch.inf).argmax(dim=1))
    return torch.cat(found)


BOUNDARY_SHRINK = Method(
    name="boundary-shrink",
    title="Boundary shrink",
    source="Chen et al. 2023, arXiv 2303.11570",
    parameters=BoundaryShrinkParameters,
    function=boundary_shrink,
    needs=("forget",),
    cost="its epochs on the forget set, and one gradient over it",
)
