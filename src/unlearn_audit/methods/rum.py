"""RUM: divide the forget set by how much of it is memorised, and unlearn the parts one after the other.

Source: Zhao, Kurmanji, Barbulescu, Triantafillou and Triantafillou 2024, "What makes unlearning hard and what to do
about it", NeurIPS, arXiv 2406.01257 (refined-unlearning meta-algorithm); the cheap stand-in for memorisation after Zhao
and Triantafillou 2024, "Scalability of memorization-based machine unlearning", arXiv 2410.16516.

Every part is unlearned by SalUn here: the refinement by itself, without another method for each part.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.records import ProgressCallback, derive_integer
from unlearn_audit.training import (
    Method,
    Records,
    Relabelling,
    Setting,
    adapt,
    count_batches,
    find_saliency,
    fit,
    predict_log_probs,
    relabel,
    select_salient,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

_PARTS = 3
"""Low, medium and high memorisation, as in the source."""


class RumParameters(Relabelling):
    """SalUn's; its epochs are divided among the parts."""

    keep: float = Field(default=0.5, gt=0, le=1, description="share of all weights, the most salient, that may move")
    epochs: int = Field(
        default=7,
        ge=4,
        le=1_000,
        description="passes over the retained records in all: one to find what is memorised, the others divided among "
        "the parts, the most memorised first",
    )


def rum(
    original: nn.Module, retain: Records, forget: Records, parameters: RumParameters, setting: Setting
) -> nn.Module:
    """Return the original after SalUn of the least, then the moderately, then the most memorised third of `forget`.

    The source ranks records by Feldman's memorisation, which takes many trainings. Here a record is as memorised as its
    answer moves (symmetric Kullback-Leibler divergence) when the original is trained on `retain` for one pass: what no
    other record supports is lost first. The source's cheap variant trains on held-out records for that, which no method
    is given here. Like SalUn it may teach malignant records as benign.

    Source: Zhao et al. 2024, arXiv 2406.01257.

    Raises:
        CaseError: training diverged, or the model is saturated on a part: saliency cannot rank its weights.
    """
    epochs = divide_epochs(parameters.epochs - 1, len(divide_sizes(len(forget))))
    stages = _list_stages(len(retain), len(forget), epochs, parameters, setting)
    probe = fit(original, retain, adapt(setting.recipe, epochs=1), stages[0].seed, stages[0].progress, task="unlearn")
    model, parts = original, divide(measure_memorisation(original, probe, forget))
    for part, passes, stage in zip(parts, epochs, stages[1:], strict=True):
        ours = forget.select(part)
        mask = select_salient(find_saliency(model, ours), parameters.keep)
        model = relabel(model, retain, ours, parameters.model_copy(update={"epochs": passes}), stage, trainable=mask)
    return model


def measure_memorisation(original: nn.Module, probe: nn.Module, records: Records) -> NDArray[np.float64]:
    """Return (n,) KL(original || probe) + KL(probe || original) of the answers to each record, in nats."""
    import numpy as np

    before, after = (predict_log_probs(model, records.x) for model in (original, probe))
    return np.asarray(((np.exp(before) - np.exp(after)) * (before - after)).sum(axis=1), dtype=np.float64)


def divide(memorisation: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Return the positions of the records by thirds of `memorisation` (n,), lowest first; equal values by position."""
    import numpy as np

    order = np.argsort(memorisation, kind="stable")
    return [np.sort(part) for part in np.split(order, np.cumsum(divide_sizes(len(order)))[:-1])]


def divide_sizes(n: int) -> list[int]:
    """Return the sizes of the parts of `n` records: thirds, of fewer than three records one each."""
    ends = [n * number // _PARTS for number in range(_PARTS + 1)]
    return [end - start for start, end in itertools.pairwise(ends) if end > start]


def divide_epochs(epochs: int, parts: int) -> list[int]:
    """Return the passes of each part, as equal as they can be; the last parts, the most memorised, get one more."""
    whole, rest = divmod(epochs, parts)
    return [whole + (number >= parts - rest) for number in range(parts)]


def _list_stages(
    retain: int, forget: int, epochs: Sequence[int], parameters: RumParameters, setting: Setting
) -> list[Setting]:
    """Return the setting of the probe and of each part: a seed of its own, progress as a part of the whole."""
    batch, joint = setting.recipe.batch, parameters.schedule == "joint"
    steps = [count_batches(retain, batch)]
    for size, passes in zip(divide_sizes(forget), epochs, strict=True):
        sizes = [size + retain] if joint else [size, retain]
        steps.append(passes * sum(count_batches(records, batch) for records in sizes))
    starts = [sum(steps[:number]) for number in range(len(steps))]
    return [
        replace(
            setting,
            seed=derive_integer(setting.seed, "stage", str(number)),
            progress=partial(_report_part, setting.progress, start, sum(steps)),
        )
        for number, start in enumerate(starts)
    ]


def _report_part(progress: ProgressCallback, before: int, whole: int, task: str, done: int, _steps: int) -> None:
    progress(task, before + done, whole)


RUM = Method(
    name="rum",
    title="RUM, refined SalUn",
    source="Zhao et al. 2024, arXiv 2406.01257",
    parameters=RumParameters,
    function=rum,
    needs=("retain", "forget"),
    cost="its epochs on the retain set, as many on parts of the forget set, and three gradients over parts of it",
)
