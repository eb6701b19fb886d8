"""NegGrad+: descend on the retain set and climb on the forget set in the same step.

Source: Kurmanji, Triantafillou, Hayes and Triantafillou 2023, "Towards unbounded machine unlearning", NeurIPS,
arXiv 2302.09880, section 4 (baseline NegGrad+).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.training import Method, Parameters, Records, Setting, Stage, make_generator, train_in_stages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn


class NegGradPlusParameters(Parameters):
    """How the two losses are weighed, how fast and how long."""

    retain_weight: float = Field(
        default=0.95, gt=0, lt=1, description="beta: share of the retain loss; the forget loss is climbed with 1 - beta"
    )
    learning_rate: float = Field(default=0.005, gt=0, le=10, description="constant")
    epochs: int = Field(default=5, ge=1, le=1_000, description="passes over the retain set")


def neggrad_plus(
    original: nn.Module, retain: Records, forget: Records, parameters: NegGradPlusParameters, setting: Setting
) -> nn.Module:
    """Return the original after steps down beta * loss(retain) - (1 - beta) * loss(forget).

    Each retain record brings a forget record of its own as a partner, drawn anew each epoch, so that both halves of
    a batch are of one size and go through the model together. The retain half is what keeps the ascent from
    destroying the model; it may still happen with a small beta.

    Source: Kurmanji et al. 2023, arXiv 2302.09880.
    """
    import torch

    lots = make_generator(setting.seed, "partners")

    def make_epochs() -> Iterator[list[Stage]]:
        for _ in range(parameters.epochs):
            partners = torch.randint(0, len(forget), (len(retain),), generator=lots)
            yield [pair(retain, forget, partners, parameters.retain_weight)]

    sizes = [[len(retain)]] * parameters.epochs
    return train_in_stages(original, make_epochs(), sizes, parameters.learning_rate, setting)


def pair(retain: Records, forget: Records, partners: Tensor, beta: float) -> Stage:
    """Return the pass over `retain` in which record i brings the forget record `partners[i]`."""
    import torch
    from torch.nn.functional import cross_entropy

    def read(part: Tensor) -> Tensor:
        return torch.cat([retain.x[part], forget.x[partners[part]]])

    def find_loss(part: Tensor, logits: Tensor) -> Tensor:
        kept, forgotten = torch.split(logits, len(part))
        return beta * cross_entropy(kept, retain.y[part]) - (1 - beta) * cross_entropy(
            forgotten, forget.y[partners[part]]
        )

    return Stage(len(retain), read, find_loss)


NEGGRAD_PLUS = Method(
    name="neggrad-plus",
    title="NegGrad+",
    source="Kurmanji et al. 2023, arXiv 2302.09880",
    parameters=NegGradPlusParameters,
    function=neggrad_plus,
    needs=("retain", "forget"),
    cost="twice its epochs on the retain set",
)
