"""Provenance: where the numbers come from. Data, models, the erasure request, the software, the signer."""

import operator
from datetime import UTC, date, datetime
from typing import Any, Literal

from pydantic import Field

from unlearn_audit.records.cards import DataCard, HyperparameterSearch, ModelCard, ReferenceCard
from unlearn_audit.records.frozen import Frozen, is_absent
from unlearn_audit.records.intake import IntakeEntry
from unlearn_audit.records.messages import Message
from unlearn_audit.records.seals import Seal
from unlearn_audit.records.signer import Signer
from unlearn_audit.records.verdicts import Outcome, name_outcome
from unlearn_audit.records.waivers import Waiver, WaiverSeal


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
