"""Provenance: where the numbers come from. Data, models, the erasure request, the software, the signer."""

import operator
from datetime import UTC, date, datetime
from typing import Any, Literal

from pydantic import Field

from unlearn_audit.records.estimates import Estimate
from unlearn_audit.records.frozen import Frozen, is_absent
from unlearn_audit.records.intake import IntakeEntry
from unlearn_audit.records.messages import Message
from unlearn_audit.records.seals import Seal
from unlearn_audit.records.signer import Signer
from unlearn_audit.records.verdicts import Outcome, name_outcome
from unlearn_audit.records.waivers import Waiver, WaiverSeal


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


class ForgetRequest(Frozen):
    """What was asked to be erased: counts and a commitment, never identities."""

    by: str = Field(description="'fraction', 'record', 'lesion_id', 'patient_id', ...: how the request named them")
    count: int
    positive: int
    fraction: float = Field(description="share of the training records")
    commitment: str = Field(description="HMAC-SHA256 over the sorted ids under a salt kept beside the evidence")
    salt: str | None = Field(
        default=None,
        description="with it and the ids the holder can prove which records were meant; kept in the evidence file, "
        "left out of the record, because a published salt would let a short list be found by trying",
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


class TriedConfiguration(Frozen):
    """One setting of a method, judged on the validation split alone."""

    parameters: dict[str, Any]
    seconds: float | None = Field(default=None, description="wall time it took to make, None where it failed")
    risk: Estimate | None = Field(default=None, description="Global Risk on validation")
    forgetting: Estimate | None = Field(
        default=None, description="membership AUC of positive forget records against validation, furthest from 0.5"
    )
    holds: bool = Field(description="every required forgetting and utility check passes on validation")
    reason: Message = Field(description="why it holds or not")


class HyperparameterSearch(Frozen):
    """How the setting of a remedy was chosen: on validation alone, before its test records were looked at."""

    method: str
    tried: tuple[TriedConfiguration, ...] = Field(min_length=1)
    chosen: int | None = Field(description="index of the setting that was audited; None where none holds")
    reason: Message


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


class UserCode(Frozen):
    """Code of the user's own that made models of the case; it was run because the user named it."""

    role: Literal["train", "unlearn", "preprocess", "network"]
    name: str = Field(description="'module:function' or 'file.py:function', as the user wrote it")
    sha256: str = Field(
        description="of the file; where several belong to it, of the sorted lines '<sha256>  <path>' of all"
    )
    files: tuple[str, ...] = Field(description="the sources that were digested")
    deterministic: bool | None = Field(
        default=None, description="whether the user says, and a trial found, that the same seed gives the same bits"
    )
    tried: tuple[str, ...] = Field(default=(), description="what held in a trial on a few training records")
    untried: tuple[str, ...] = Field(default=(), description="what was not tried, and why")


class Device(Frozen):
    """The product that the model belongs to, as its maker identifies it. Only `name` is required."""

    name: str = Field(min_length=1, description="of the device or software as it is placed on the market")
    version: str | None = Field(default=None, description="of the device with the audited model in it")
    manufacturer: str | None = None
    identifier: str | None = Field(default=None, description="UDI-DI or another registered number")


class Deviation(Frozen):
    """Something that was done otherwise than the policy or protocol says, as the case file declares it."""

    what: str = Field(min_length=1, description="what was done otherwise")
    reason: str = Field(min_length=1, description="why, and what it may mean for the result")
    approver: str | None = Field(default=None, description="who accepted it")


class EarlierRun(Frozen):
    """An earlier audit of the same case: without the list, one could repeat an audit and show the best."""

    record_sha256: str
    created: str
    case: str
    policy: str = Field(description="id and version")
    policy_sha256: str
    evidence_sha256: str
    model: str = Field(description="title of the audited model")
    test_sha256: str | None = Field(
        default=None, exclude_if=is_absent, description="of its test split, where its policy plans looks"
    )
    spent: float | None = Field(
        default=None, gt=0, exclude_if=is_absent, description="of the error, by this look, where its policy plans looks"
    )
    outcome: Outcome = Field(description="'pass', 'fail' or 'inconclusive'")
    with_waivers: bool = Field(
        default=False, exclude_if=operator.not_, description="whether it is a pass that rested on waivers"
    )

    @property
    def label(self) -> str:
        """The outcome as printed."""
        return name_outcome(self.outcome, with_waivers=self.with_waivers)


class Provenance(Frozen):
    """All that the record says about how the evidence came to be. Travels inside the evidence file."""

    tool: str = "unlearn-audit"
    version: str
    created: str = Field(description="UTC, ISO 8601, seconds")
    seed: int
    case: str = Field(description="name of the case")
    data: DataCard
    forget: ForgetRequest
    models: tuple[ModelCard, ...]
    searches: tuple[HyperparameterSearch, ...] = Field(
        default=(), exclude_if=operator.not_, description="how settings of remedies were chosen"
    )
    recipe: dict[str, Any] = Field(default_factory=dict, description="how the original was trained")
    environment: dict[str, str] = Field(default_factory=dict)
    signer: Signer | None = None
    seals: tuple[Seal, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="every seal of the policy that was set before the run; `seed` follows from them",
    )
    notes: tuple[Message, ...] = ()
    intake: tuple[IntakeEntry, ...] = Field(
        default=(), exclude_if=operator.not_, description="what was assumed about the input, and how it is known"
    )
    device: Device | None = Field(default=None, exclude_if=is_absent)
    waivers: tuple[Waiver, ...] = Field(
        default=(), exclude_if=operator.not_, description="given to the run in a file, beside those of the policy"
    )
    waiver_seal: WaiverSeal | None = Field(
        default=None, exclude_if=is_absent, description="who signed that file; without it none of its waivers counts"
    )
    deviations: tuple[Deviation, ...] = Field(default=(), exclude_if=operator.not_)
    earlier_runs: tuple[EarlierRun, ...] = Field(
        default=(), exclude_if=operator.not_, description="that the run knows of, the oldest first"
    )

    code: tuple[UserCode, ...] = Field(
        default=(), exclude_if=operator.not_, description="user-supplied code that was run"
    )
    references: ReferenceCard | None = Field(
        default=None,
        exclude_if=is_absent,
        description="the ensemble of reference models; left out where none were made",
    )

    @property
    def day(self) -> date:
        """The day (UTC) on which the evidence was collected.

        Raises:
            ValueError: `created` is no ISO 8601 date.
        """
        moment = datetime.fromisoformat(self.created)
        return (moment.astimezone(UTC) if moment.tzinfo else moment).date()

    def find_model(self, name: str) -> ModelCard:
        """Return the card of the model called `name`.

        Raises:
            KeyError: no model of that name is in this case.
        """
        for card in self.models:
            if card.name == name:
                return card
        raise KeyError(name)

    def without_salt(self) -> "Provenance":
        """Return the provenance as it may be published."""
        return self.model_copy(update={"forget": self.forget.model_copy(update={"salt": None})})

    @property
    def candidates(self) -> tuple[ModelCard, ...]:
        """The models that are judged, the audited one first: everything but `original` and `retrained`."""
        return tuple(card for card in self.models if card.role not in ("original", "retrained"))
