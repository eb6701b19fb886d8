"""Where the numbers come from: data, models, the erasure request, the software, the signer."""

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from unlearn_audit.records.estimates import Estimate
from unlearn_audit.records.frozen import Frozen


class SplitCount(Frozen):
    """How many records a split holds, and how many of them are positive."""

    n: int
    positive: int


class Overlap(Frozen):
    """Groups (lesions, patients) that stand in two splits at once: the test set is not independent of them."""

    column: str
    splits: tuple[str, str]
    shared_groups: int


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
    notes: tuple[str, ...] = ()


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


class ModelCard(Frozen):
    """One model of the case."""

    name: str = Field(description="its name in the evidence and in every finding")
    role: Literal["original", "retrained", "unlearned", "remedied", "compared"]
    method: str = Field(description="'train', an unlearning method's name, or 'brought along'")
    title: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    seed: int | None = None
    seconds: float | None = Field(
        default=None, description="wall time it took to make, None where it was brought along"
    )
    file: str | None = Field(default=None, description="path inside the bundle")
    sha256: str | None = Field(default=None, description="of that file")
    source: str | None = Field(default=None, description="paper of the method")
    notes: tuple[str, ...] = ()


class TriedSetting(Frozen):
    """One setting of a method, judged on the validation split alone."""

    parameters: dict[str, Any]
    seconds: float | None = Field(default=None, description="wall time it took to make, None where it failed")
    risk: Estimate | None = Field(default=None, description="Global Risk on validation")
    forgetting: Estimate | None = Field(
        default=None, description="membership AUC of positive forget records against validation, furthest from 0.5"
    )
    holds: bool = Field(description="every required forgetting and utility check passes on validation")
    reason: str = Field(description="why it holds or not, in a sentence")


class SettingSearch(Frozen):
    """How the setting of a remedy was chosen: on validation alone, before its test records were looked at."""

    method: str
    tried: tuple[TriedSetting, ...] = Field(min_length=1)
    chosen: int | None = Field(description="index of the setting that was audited; None where none holds")
    reason: str


class ReferenceCard(Frozen):
    """The ensemble of reference models that membership attacks are calibrated by; see `References`."""

    models: int = Field(description="K, in pairs that share the candidates between them")
    seeds: tuple[int, ...] = Field(description="of each model's training")
    recipe: dict[str, Any] = Field(description="network and recipe: the original's")
    records: int = Field(description="most records that one of them was trained on")
    forget: int = Field(description="forgotten records among the candidates: all of them")
    controls: int = Field(description="test records among the candidates: as many, or all where there are fewer")
    together: int = Field(description="models trained as one by stacked weights; 1: each by itself")
    seconds: float = Field(description="wall time to train them, summed over models")
    unlearned: dict[str, float] = Field(
        default_factory=dict, description="per model of the case, the seconds to apply its method to all of them"
    )


class Signer(Frozen):
    """Who signs the report that is made from this evidence."""

    kind: Literal["test", "configured"] = Field(description="'test': a labelled TEST key that proves nothing")
    subject: str
    fingerprint: str = Field(description="SHA-256 of the signer certificate's public key (DER), hex")


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
    searches: tuple[SettingSearch, ...] = Field(default=(), description="how settings of remedies were chosen")
    recipe: dict[str, Any] = Field(default_factory=dict, description="how the original was trained")
    environment: dict[str, str] = Field(default_factory=dict)
    signer: Signer | None = None
    notes: tuple[str, ...] = ()
    references: ReferenceCard | None = Field(
        default=None, description="the ensemble of reference models; left out where none were made"
    )

    @model_serializer(mode="wrap")
    def _leave_out_absent(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Keep the bytes, and so the digests, of evidence and records that have no reference models."""
        said: dict[str, Any] = write(self)
        if self.references is None:
            said.pop("references", None)
        return said

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
