"""Cards: the data, the models, the searches and the reference models of a case, as a record describes them."""

import operator
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from unlearn_audit.records.estimates import Estimate
from unlearn_audit.records.frozen import Frozen, is_absent
from unlearn_audit.records.messages import Message
from unlearn_audit.records.verdicts import Outcome


class SplitCount(Frozen):
    """How many records a split holds, and how many of them are positive."""

    n: int
    positive: int


class Overlap(Frozen):
    """Groups (lesions, patients) or copies that stand in two splits at once: these are not independent."""

    column: str = Field(description="the group column; for copies, what they are copies of: 'image' or 'record'")
    copies: Literal["identical", "near-identical"] | None = Field(
        default=None, exclude_if=is_absent, description="how alike the copies are; none where groups are shared"
    )
    splits: tuple[str, str]
    shared_groups: int
    method: Message | None = Field(
        default=None, exclude_if=is_absent, description="how it was found, where that is not obvious"
    )


class Disjoint(Frozen):
    """Splits that were made to share no group, and what it cost."""

    column: str = Field(description="group column that was kept apart")
    split_column: str | None = Field(default=None, description="column that the splits were taken from, if any")
    dropped: dict[str, int] = Field(description="records left out, by the split that they stood in")
    unknown: int = Field(description="records of unknown group, each taken as one of its own")


class DataCard(Frozen):
    """The data, so that a reader can get the same and see whether it is what it claims to be."""

    name: str
    source: str = Field(description="where it comes from: citation or address")
    licence: str
    sha256: str = Field(description="of the file, or of the arrays where the data set is embedded in a library")
    official: bool | None = Field(description="checksum equals the published one; None where none is published")
    classes: tuple[str, ...] = Field(description="names of the model's output columns")
    positive: tuple[str, ...] = Field(description="original classes that count as positive")
    positive_asked: tuple[str, ...] = Field(description="the same as the policy's task named them")
    splits: dict[str, SplitCount] = Field(description="retain, forget, validation, test")
    overlaps: tuple[Overlap, ...] = ()
    cluster: str | None = Field(default=None, description="group column whose members are not independent")
    notes: tuple[Message, ...] = ()
    disjoint: Disjoint | None = Field(
        default=None, exclude_if=is_absent, description="where the policy required disjoint splits"
    )


class ReissuedThreshold(Frozen):
    """The promise by which a remedy re-issued the threshold of its model, in place of the first operating point."""

    miss_at_most: float = Field(description="largest false-negative rate of positives like those of validation")
    confidence: float = Field(description="with which the rate is at most that")


class ModelCard(Frozen):
    """One model of the case."""

    name: str = Field(description="its name in the evidence and in every finding")
    role: Literal["original", "retrained", "unlearned", "remedied", "compared"]
    method: str = Field(description="'train', an unlearning method's name, or 'external'")
    title: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    seed: int | None = None
    seconds: float | None = Field(default=None, description="wall time it took to make, None where it is external")
    file: str | None = Field(default=None, description="path inside the bundle")
    sha256: str | None = Field(
        default=None,
        description="of that file; of the lines '<sha256>  <name>' of `parts` where the model lies in several files",
    )
    parts: dict[str, str] = Field(
        default_factory=dict,
        exclude_if=operator.not_,
        description="SHA-256 of each file by its name, where the model lies in several",
    )
    source: str | None = Field(default=None, description="paper of the method")
    control_for: str | None = Field(
        default=None,
        exclude_if=is_absent,
        description="name of the remedied model at whose cost this one was trained from scratch, as its control",
    )
    reissued: ReissuedThreshold | None = Field(
        default=None,
        exclude_if=is_absent,
        description="where the device's threshold changes with the model",
    )
    notes: tuple[Message, ...] = ()


class PairsOfConfiguration(Frozen):
    """What pairs of reference models say of one setting, after each of them was unlearned in it."""

    outcome: Outcome = Field(
        description="the worst of the required checks over pairs; not_run where they were not looked at"
    )
    reason: Message = Field(description="which checks pass or do not, and why")
    estimates: dict[str, Estimate] = Field(
        default_factory=dict, description="by id of the check; for the chosen setting the verdict repeats them"
    )
    seconds: float | None = Field(
        default=None, description="wall time to unlearn the reference models, summed over them; None where none was"
    )


class TriedConfiguration(Frozen):
    """One setting of a method, judged on validation records; over pairs of reference models where it was asked."""

    parameters: dict[str, Any]
    seconds: float | None = Field(default=None, description="wall time it took to make, None where it failed")
    risk: Estimate | None = Field(default=None, description="Global Risk on validation")
    forgetting: Estimate | None = Field(
        default=None, description="membership AUC of positive forget records against validation, furthest from 0.5"
    )
    holds: bool = Field(description="every required forgetting and utility check passes on validation")
    reason: Message = Field(description="why it holds or not")
    pairs: PairsOfConfiguration | None = Field(
        default=None,
        exclude_if=is_absent,
        description="what reference models say; absent where no required check asks, where it does not hold on "
        "validation, or where a setting with less risk had passed",
    )


class HyperparameterSearch(Frozen):
    """How the setting of a remedy was chosen, before its model was asked about a test record."""

    method: str
    tried: tuple[TriedConfiguration, ...] = Field(min_length=1)
    chosen: int | None = Field(description="index of the setting that was audited; None where none meets all")
    reason: Message

    @model_validator(mode="after")
    def _chosen_meets_all(self) -> Self:
        if self.chosen is None:
            return self
        if not 0 <= self.chosen < len(self.tried):
            raise ValueError(f"setting {self.chosen + 1} of {len(self.tried)} cannot have been chosen")
        setting = self.tried[self.chosen]
        if not setting.holds or (setting.pairs is not None and setting.pairs.outcome is not Outcome.PASS):
            raise ValueError(f"setting {self.chosen + 1} does not meet what it was held to: it cannot have been chosen")
        return self


class ReferenceCard(Frozen):
    """The ensemble of reference models that membership attacks are calibrated by; see `References`."""

    models: int = Field(description="K, in pairs that share the candidates between them")
    seeds: tuple[int, ...] = Field(description="of each model's training")
    recipe: dict[str, Any] = Field(description="network and recipe: the original's")
    records: int = Field(description="most records that one of them was trained on")
    forget: int = Field(description="forgotten records among the candidates: all of them")
    controls: int = Field(description="test records among the candidates: all of them")
    together: int = Field(description="models trained as one by stacked weights; 1: each by itself")
    seconds: float | None = Field(
        description="wall time to train them, summed over models; None where they were made elsewhere"
    )
    source: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="files of their answers, where they were made elsewhere",
    )
    unlearned: dict[str, float] = Field(
        default_factory=dict, description="per model of the case, the seconds to apply its method to all of them"
    )
