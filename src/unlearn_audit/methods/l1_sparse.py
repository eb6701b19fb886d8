"""l1-sparse: fine-tune on the retain set under a penalty on the sum of all |weights|, which fades out.

Source: Jia, Liu, Ram, Yao, Liu, Liu, Sharma and Liu 2023, "Model sparsity can simplify machine unlearning", NeurIPS,
arXiv 2304.04934, equation 3 with the decreasing schedule of section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.training import Method, Parameters, Records, Setting, adapt, fit

if TYPE_CHECKING:
    from torch import Tensor, nn


class L1SparseParameters(Parameters):
    """Strength of the penalty, and how hot and long the fine-tuning is."""

    gamma: float = Field(default=0.0005, gt=0, le=1, description="weight of the penalty at the start; falls to zero")
    learning_rate: float = Field(default=0.05, gt=0, le=10, description="peak of the one-cycle schedule")
    epochs: int = Field(default=5, ge=1, le=1_000)


def l1_sparse(
    original: nn.Module, retain: Records, _forget: Records, parameters: L1SparseParameters, setting: Setting
) -> nn.Module:
    """Return the original fine-tuned on `retain` with gamma(t) * sum |theta| added, gamma(t) falling linearly to zero.

    What is small and not needed for the retain set is driven out first, while the penalty is strong; then the model
    recovers. The forget set is not touched: whether it is gone is for the audit to measure.

    Source: Jia et al. 2023, arXiv 2304.04934.
    """
    recipe = adapt(setting.recipe, epochs=parameters.epochs, learning_rate=parameters.learning_rate)

    def penalise(share: float, model: nn.Module) -> Tensor:
        return parameters.gamma * (1 - share) * sum_absolute(model)

    return fit(original, retain, recipe, setting.seed, setting.progress, task="l1-sparse", penalty=penalise)


def sum_absolute(model: nn.Module) -> Tensor:
    """Return the scalar sum of |theta| over all trainable weights."""
    import torch

    return torch.stack([weight.abs().sum() for weight in model.parameters() if weight.requires_grad]).sum()


L1_SPARSE = Method(
    name="l1-sparse",
    title="l1-sparse",
    source="Jia et al. 2023, arXiv 2304.04934",
    parameters=L1SparseParameters,
    function=l1_sparse,
    needs=("retain",),
    cost="its epochs on the retain set",
)
