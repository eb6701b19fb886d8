"""Reconstruction by difference: what the change of a linear model's weights says about who left, record by record."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.evidence import Evidence
from unlearn_audit.stats import HeadChange, HeadLoss, rank_by_alignment

if TYPE_CHECKING:
    from torch import nn

    from unlearn_audit.cases.build import Case


def align_records(case: "Case", known: Evidence | None) -> dict[str, NDArray[np.float64]]:
    """Return per model how the gradient of each record is aligned with what its weights lost since the original.

    Of linear models alone: the features of others change too. Somebody who holds both releases and some records of the
    same kind (here the validation records) can compute the same. A model with the original's very weights has no
    difference and is left out.
    """
    alignments = dict(known.alignments) if known else {}
    before = find_head(case.made["original"].model)
    if before is None or not (case.split == "validation").any():
        return alignments
    features = np.asarray(case.inputs[np.arange(len(case.split))], dtype=np.float64).reshape(len(case.split), -1)
    features = np.column_stack([features, np.ones(len(features))])
    for name, made in case.made.items():
        after = find_head(made.model)
        if name in alignments or name == "original" or after is None:
            continue
        try:
            alignments[name] = _align(case, features, before, after)
        except MeasurementError:
            continue  # the same weights: the finding says that nothing is there
    return alignments


def _align(
    case: "Case", features: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.float64]:
    remaining = int((case.split == "retain").sum())
    change = HeadChange(before, after, HeadLoss.CROSS_ENTROPY, case.builder.recipe.weight_decay * remaining)
    background = features[case.split == "validation"]
    alignments, _ = rank_by_alignment(
        change, features, case.dataset.label.astype(np.int64), background=background, remaining=remaining
    )
    return alignments


def find_head(model: "nn.Module") -> NDArray[np.float64] | None:
    """Return (k, d + 1) weights of a linear model, the bias last; None where the model is no linear one."""
    from unlearn_audit.models.networks import LinearHead

    if not isinstance(model, LinearHead):
        return None
    weight, bias = (value.detach().cpu().numpy().astype(np.float64) for value in (model.head.weight, model.head.bias))
    return np.column_stack([weight, bias])
