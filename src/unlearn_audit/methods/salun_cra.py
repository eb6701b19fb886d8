"""SalUn-CRA: SalUn that makes the model uncertain about forgotten malignancies instead of teaching them as benign.

Source: arXiv 2604.23854. Its exact loss was not to be had when this was written, only
its description: the form of the term is therefore a parameter, and the record says which one was used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from unlearn_audit.training import Method, Records, Relabelling, Setting, find_saliency, relabel, select_salient

if TYPE_CHECKING:
    from torch import Tensor, nn


class SalUnCraParameters(Relabelling):
    """SalUn's, and the form of the term for positive records."""

    keep: float = Field(default=0.5, gt=0, le=1, description="share of all weights, the most salient, that may move")
    form: Literal["entropy", "uniform"] = Field(
        default="entropy",
        description="for positive forget records: 'entropy' maximises the entropy H(p) of the answer, 'uniform' "
        "minimises the cross-entropy to the uniform distribution",
    )


def negative_entropy(logits: Tensor) -> Tensor:
    """Return (m,) -H(p) = sum_k p_k log p_k in nats; its gradient vanishes on saturated records (p near one)."""
    import torch

    log_p = torch.log_softmax(logits, dim=1)
    return (log_p.exp() * log_p).sum(dim=1)


def cross_entropy_to_uniform(logits: Tensor) -> Tensor:
    """Return (m,) -(1/k) sum_k log p_k in nats: in expectation the loss of uniformly drawn labels."""
    import torch

    return -torch.log_softmax(logits, dim=1).mean(dim=1)


_FORMS = {"entropy": negative_entropy, "uniform": cross_entropy_to_uniform}


def salun_cra(
    original: nn.Module, retain: Records, forget: Records, parameters: SalUnCraParameters, setting: Setting
) -> nn.Module:
    """Return the original with its salient weights trained as in SalUn, but made uncertain about positive records.

    Positive (malignant) records of `forget` get the term of `form` in place of a random label; negative ones are
    labelled at random; mask, retain set and schedule are SalUn's. Without positive records it is SalUn. Where it
    keeps false negatives down, the malignant records tend to stay recognisable as training records: membership of
    the malignant subgroup must be measured by itself.

    Source: arXiv 2604.23854; mask and labels: Fan et al. 2024, arXiv 2310.12508.
    """
    mask = select_salient(find_saliency(original, forget), parameters.keep)
    term = _FORMS[parameters.form]
    return relabel(original, retain, forget, parameters, setting, trainable=mask, uncertainty=term)


SALUN_CRA = Method(
    name="salun-cra",
    title="SalUn-CRA",
    source="arXiv 2604.23854",
    parameters=SalUnCraParameters,
    function=salun_cra,
    needs=("retain", "forget"),
    cost="its epochs on all training records, and one gradient over the forget set",
)
