"""An index of a record: findings by key, models and metrics by their printed names."""

from functools import cached_property
from typing import Any

from unlearn_audit.presentation.wording import bound
from unlearn_audit.records import (
    ALL,
    ARGMAX,
    AuditRecord,
    Curve,
    CurveKind,
    Finding,
    ModelCard,
    OperatingPoint,
    Population,
    digest_of,
)
from unlearn_audit.records.trivial_models import TRIVIAL_MODELS

KeyPart = str | Population | OperatingPoint | None
_LONGEST = 80
_ROLES = {"unlearned": "audited", "remedied": "remedied", "compared": "compared"}


class Index:
    """A record and the questions that sections ask it."""

    def __init__(self, record: AuditRecord) -> None:
        self.record = record
        self.policy: dict[str, Any] = record.policy
        self.task: dict[str, Any] = record.policy.get("task", {})

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the record. A large one takes a twentieth of the time of its pages to be written."""
        return digest_of(self.record.to_bytes())

    @property
    def point(self) -> OperatingPoint:
        """The operating point at which checks are read where they name none."""
        return next(iter(self.points), ARGMAX)

    @cached_property
    def points(self) -> tuple[OperatingPoint, ...]:
        """All operating points, the default first; those that only findings name come last."""
        named = [OperatingPoint.parse(str(point)) for point in self.task.get("operating_points", ())]
        found = [f.key.at for f in self._by_metric.get("global-risk", ()) if f.key.at]
        return tuple(dict.fromkeys([*named, *found]))

    @property
    def positive(self) -> str:
        """What a positive is called."""
        return bound(self.task.get("positive_name", "positive"), _LONGEST)

    @property
    def negative(self) -> str:
        """What a negative is called."""
        return bound(self.task.get("negative_name", "negative"), _LONGEST)

    @cached_property
    def models(self) -> tuple[ModelCard, ...]:
        """Reference models first, then the audited one, then the others, each in the record's order."""
        order = {"original": 0, "retrained": 1, "unlearned": 2}
        return tuple(sorted(self.record.provenance.models, key=lambda card: order.get(card.role, 3)))

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """Names of the models that long tables compare: without controls, which stand with the candidates."""
        return tuple(card.name for card in self.models if card.control_for is None)

    @property
    def audited(self) -> str:
        """Name of the audited model."""
        return self.record.verdict.model

    def find_name(self, role: str) -> str | None:
        """Return the name of the first model in `role`, None where there is none."""
        return next((card.name for card in self.models if card.role == role), None)

    def name(self, model: str | None) -> str:
        """Return a model's title, with its role where the title does not say it."""
        if model is None:
            return ""
        card = next((card for card in self.models if card.name == model), None)
        if card is None:
            trivial = TRIVIAL_MODELS.get(model)
            return trivial.title if trivial else bound(model, _LONGEST)
        if card.role in ("original", "retrained"):
            return card.role.capitalize()
        return f"{bound(card.title, _LONGEST)} ({_ROLES[card.role]})"

    @cached_property
    def _by_metric(self) -> dict[str, list[Finding]]:
        found: dict[str, list[Finding]] = {}
        for finding in self.record.findings:
            found.setdefault(finding.key.metric, []).append(finding)
        return found

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the record has findings of, in its order."""
        return tuple(self._by_metric)

    def title(self, metric: str) -> str:
        """Return the printed name of a metric, as its findings carry it; without one its name with spaces."""
        found = self._by_metric.get(metric)
        return bound(found[0].title if found else metric.replace("-", " ").capitalize(), _LONGEST)

    def find_all(self, metric: str, **key: KeyPart) -> tuple[Finding, ...]:
        """Return all findings of `metric` with these parts of their key; parts not named may be anything."""
        listed = self._by_metric.get(metric, ())
        return tuple(f for f in listed if all(getattr(f.key, name) == value for name, value in key.items()))

    def find(self, metric: str, model: str, **key: KeyPart) -> Finding | None:
        """Return the finding with this key; `among` is all records unless named."""
        found = self.find_all(metric, model=model, **{"among": ALL, **key})
        return found[0] if found else None

    def find_curves(self, kind: CurveKind, **key: KeyPart) -> tuple[Curve, ...]:
        """Return the curves of `kind` with these parts of their key."""
        listed = (curve for curve in self.record.curves if curve.kind is kind)
        return tuple(c for c in listed if all(getattr(c.key, name) == value for name, value in key.items()))

    @cached_property
    def attacks(self) -> tuple[str, ...]:
        """Attacks that have a membership AUC, in the record's order."""
        return tuple(dict.fromkeys(f.key.attack for f in self._by_metric.get("membership-auc", ()) if f.key.attack))

    @cached_property
    def strongest(self) -> str | None:
        """The attack whose AUC on the original lies farthest from chance: the leak that was to be removed."""
        original = self.find_name("original")
        found = self.find_all("membership-auc", model=original or self.audited, among=ALL)
        listed = [(abs(f.estimate.value - (f.null or 0.0)), f.key.attack) for f in found if f.estimate and f.key.attack]
        return max(listed, key=lambda pair: pair[0])[1] if listed else None
