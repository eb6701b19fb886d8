"""Random labelling: teach the forget set with labels drawn at random, the retain set with its own.

Source: Golatkar, Achille and Soatto 2020, arXiv 1911.04933 ("Random Labels").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearn_audit.training import Method, Records, Relabelling, Setting, relabel

if TYPE_CHECKING:
    from torch import nn


class RandomLabelParameters(Relabelling):
    """Labels, schedule, learning rate, epochs."""


def random_label(
    original: nn.Module, retain: Records, forget: Records, parameters: RandomLabelParameters, setting: Setting
) -> nn.Module:
    """Return the original after epochs of randomly labelled `forget` and rightly labelled `retain`.

    All weights move. A malignant record may be taught as benign: this is known to raise false negatives.

    Source: Golatkar, Achille and Soatto 2020, arXiv 1911.04933.
    """
    return relabel(original, retain, forget, parameters, setting)


RANDOM_LABEL = Method(
    name="random-label",
    title="Random labelling",
    source="Golatkar, Achille and Soatto 2020, arXiv 1911.04933",
    parameters=RandomLabelParameters,
    function=random_label,
    needs=("retain", "forget"),
    cost="its epochs on all training records",
)
