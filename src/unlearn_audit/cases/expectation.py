"""Compares the original with what its owner states of it, so that no other model is audited by mistake."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import CaseError
from unlearn_audit.policy import Expectation

if TYPE_CHECKING:
    from torch import nn

    from unlearn_audit.training import Inputs

_HINT = (
    "does 'preprocessing' do to the data what was done in training, are 'classes' in the order of the outputs, and are "
    "these the same records? The policy's classes count: with a binary head a record is right when it is on its side"
)


def meet_expectation(
    expect: Expectation, model: "nn.Module", inputs: "Inputs", split: NDArray[np.str_], label: NDArray[np.int64]
) -> None:
    """Ask the original about the records of the split that its owner speaks of; see `validate_accuracy`."""
    from unlearn_audit.training import predict_log_probs, select_inputs

    inside = np.asarray(split == expect.on)
    answers = predict_log_probs(model, select_inputs(inputs, inside))
    validate_accuracy(expect, answers, label[inside])


def validate_accuracy(expect: Expectation, log_probs: NDArray[np.float64], label: NDArray[np.int64]) -> None:
    """Refuse an original whose accuracy differs from what its owner knows.

    Args:
        expect: the accuracy, and by how much it may differ either way.
        log_probs: (n, k) answers of the original on the records of that split.
        label: (n,) true classes.

    Raises:
        CaseError: it differs by more, or there are no such records.
    """
    if not len(label):
        raise CaseError(f"'expect' speaks of the accuracy on {expect.on}, where there are no records")
    found = float(np.mean(log_probs.argmax(axis=1) == label))
    if abs(found - expect.accuracy) > expect.tolerance + 1e-12:
        raise CaseError(
            f"expected the original to be right on {expect.accuracy:.3f} of the {expect.on} records (within "
            f"{expect.tolerance:g}), found {found:.3f} of {len(label)}",
            hint=_HINT,
        )
