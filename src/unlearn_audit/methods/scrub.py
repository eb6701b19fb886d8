"""SCRUB: a student moves away from its teacher on the forget set and stays with it on the retain set.

Source: Kurmanji, Triantafillou, Hayes and Triantafillou 2023, "Towards unbounded machine unlearning", NeurIPS,
arXiv 2302.09880, equation 3 and algorithm 1. Without the rewinding of SCRUB+R, which needs validation records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.training import Method, Parameters, Records, Setting, Stage, predict_log_probs, train_in_stages

if TYPE_CHECKING:
    from torch import Tensor, nn


class ScrubParameters(Parameters):
    """How student and teacher are weighed, and how often each kind of pass is made."""

    alpha: float = Field(default=0.5, ge=0, le=100, description="weight of the distance to the teacher on retain")
    gamma: float = Field(default=1.0, ge=0, le=100, description="weight of the cross-entropy on retain")
    temperature: float = Field(default=4.0, gt=0, le=100, description="at which answers are compared")
    learning_rate: float = Field(default=0.0005, gt=0, le=10, description="constant")
    max_epochs: int = Field(default=2, ge=1, le=1_000, description="epochs that begin with a pass over forget")
    epochs: int = Field(default=3, ge=1, le=1_000, description="passes over retain; those after max_epochs repair")


def scrub(
    original: nn.Module, retain: Records, forget: Records, parameters: ScrubParameters, setting: Setting
) -> nn.Module:
    """Return a student of the original that disagrees with it on `forget` and agrees with it on `retain`.

    In each of the first `max_epochs` epochs the distance to the teacher is increased on `forget`; in every epoch
    alpha * distance + gamma * cross-entropy is decreased on `retain`. The distance is the Kullback-Leibler
    divergence of the student's from the teacher's answer at the given temperature, times its square.

    The teacher is the original as it was: its answers are computed once, before the student exists. A student that
    shares its weights with its teacher is a known mistake, and does nothing. Where student and teacher agree the
    distance has no slope, so the first pass over `forget` does nothing to a model without batch normalisation: with
    `max_epochs` = 1 such a model is only fine-tuned.

    Source: Kurmanji et al. 2023, arXiv 2302.09880.
    """
    from torch.nn.functional import cross_entropy

    heat = parameters.temperature
    on_forget, on_retain = (soften(original, records, heat) for records in (forget, retain))

    def part_ways(part: Tensor, logits: Tensor) -> Tensor:
        return -measure_distance(logits, on_forget[part], heat)

    def stay(part: Tensor, logits: Tensor) -> Tensor:
        distance = measure_distance(logits, on_retain[part], heat)
        return parameters.alpha * distance + parameters.gamma * cross_entropy(logits, retain.y[part])

    leave = Stage(len(forget), forget.x.__getitem__, part_ways)
    keep = Stage(len(retain), retain.x.__getitem__, stay)
    epochs = [[leave, keep] if epoch < parameters.max_epochs else [keep] for epoch in range(parameters.epochs)]
    sizes = [[stage.size for stage in stages] for stages in epochs]
    return train_in_stages(original, epochs, sizes, parameters.learning_rate, setting)


def soften(teacher: nn.Module, records: Records, temperature: float) -> Tensor:
    """Return (n, k) the probabilities of `teacher` at `temperature`, as fixed numbers without a gradient."""
    import torch

    log_probs = torch.from_numpy(predict_log_probs(teacher, records.x))
    return torch.softmax(log_probs / temperature, dim=1).to(device=records.y.device, dtype=records.x.dtype)


def measure_distance(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return the mean over records of T^2 * KL(teacher || student at T), in nats; 0 where they agree."""
    from torch.nn.functional import kl_div, log_softmax

    return kl_div(log_softmax(logits / temperature, dim=1), teacher, reduction="batchmean") * temperature**2


SCRUB = Method(
    name="scrub",
    title="SCRUB",
    source="Kurmanji et al. 2023, arXiv 2302.09880",
    parameters=ScrubParameters,
    function=scrub,
    needs=("retain", "forget"),
    cost="its epochs on all training records",
)
