"""SalUn: random labelling of the weights that matter to the forget set, and of no others.

Source: Fan et al., "SalUn: empowering machine unlearning via gradient-based weight saliency", ICLR 2024,
arXiv 2310.12508.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.training import Method, Records, Relabelling, Setting, find_saliency, relabel, select_salient

if TYPE_CHECKING:
    from torch import nn


class SalUnParameters(Relabelling):
    """Random labelling's, and the share of weights that may move."""

    keep: float = Field(default=0.5, gt=0, le=1, description="share of all weights, the most salient, that may move")


def salun(
    original: nn.Module, retain: Records, forget: Records, parameters: SalUnParameters, setting: Setting
) -> nn.Module:
    """Return the original with only its salient weights trained, on random labels for `forget` and own for `retain`.

    Saliency is |gradient of the loss summed over `forget`| at the original weights; its top `keep` share over
    all weights together may move; every other weight stays bit-equal to the original's, through momentum and weight
    decay. The running statistics of batch normalisation are no weights and follow the
    batches. A malignant record may be taught as benign: this is known to raise false negatives.

    Source: Fan et al. 2024, arXiv 2310.12508.
    """
    mask = select_salient(find_saliency(original, forget), parameters.keep)
    return relabel(original, retain, forget, parameters, setting, trainable=mask)


SALUN = Method(
    name="salun",
    title="SalUn",
    source="Fan et al. 2024, arXiv 2310.12508",
    parameters=SalUnParameters,
    function=salun,
    needs=("retain", "forget"),
    cost="its epochs on all training records, and one gradient over the forget set",
)
