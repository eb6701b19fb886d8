"""How the numbers of an audit are made: confidence, draws and looks, membership attacks and their reference models."""

import operator
from typing import Literal

from pydantic import Field

from unlearn_audit.policy.choice import Slug
from unlearn_audit.policy.dormant_memory import DormantMemory
from unlearn_audit.policy.fields import Column, Fraction
from unlearn_audit.policy.recognition import Recognition
from unlearn_audit.records.frozen import Frozen


class ReferenceModels(Frozen):
    """The ensemble that membership attacks are calibrated by: the original's network and recipe, on other records."""

    models: int = Field(
        ge=4,
        le=512,
        multiple_of=2,
        description="how many, in pairs: each is trained on the retained records and half of the candidates",
    )


class Membership(Frozen):
    """Which membership attacks must run."""

    attacks: tuple[Slug, ...] = Field(
        default=("confidence", "logit", "entropy", "modified-entropy"),
        min_length=1,
        description="membership attacks; every one listed must hold for a membership check to pass",
    )
    fpr: tuple[Fraction, ...] = Field(
        default=(0.01, 0.001), description="false-positive rates at which TPR is reported"
    )
    unrecognised: Literal["refuse", "inform"] = Field(
        default="refuse",
        exclude_if=lambda choice: choice == "refuse",
        description="'refuse': where no attack recognises the erased in the original no forgetting check passes; "
        "'inform': it may, and page one says that it shows nothing",
    )
    references: ReferenceModels | None = Field(
        default=None,
        exclude_if=lambda references: references is None,
        description="reference models to train; none where absent: attacks that need them are not run",
    )
    recognition: Recognition | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="what the test of single records must be able to find; a check on it needs this",
    )
    relearning: DormantMemory | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="train the models further on retained records and see what comes back; nothing where absent",
    )


class Protocol(Frozen):
    """How the numbers are made."""

    confidence: Fraction = Field(default=0.95, ge=0.5, description="of every interval and of each one-sided bound")
    resamples: int = Field(default=10_000, ge=1_000, le=1_000_000, description="bootstrap and posterior draws")
    seed: int = Field(default=20_260_423, ge=0, le=2**53, description="every draw comes from a named child of it")
    cluster: Column | None = Field(default=None, description="group column whose records are not independent")
    cluster_required: bool = Field(
        default=True,
        description="without the cluster column nothing is measured; false tolerates its absence, with a caveat",
    )
    smallest_group: int = Field(
        default=10, ge=2, le=1_000_000, description="a population with fewer records is not measured"
    )
    looks: int | None = Field(
        default=None,
        ge=1,
        le=1_000,
        exclude_if=lambda looks: looks is None,
        description="how many audits of one test split are planned, the first among them: each gets an equal share of "
        "the error, and past them nothing passes; earlier runs are listed and not charged where absent",
    )
