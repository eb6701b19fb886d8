"""Finding one's way in a record: findings by address, models by name."""

from functools import cached_property
from typing import Any

from unlearn_audit.presentation.wording import bound, format_trivial_model
from unlearn_audit.records import AuditRecord, Curve, Finding, ModelCard, digest_of

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

    @cached_property
    def point(self) -> str:
        """The operating point at which checks are read where they name none."""
        return str((self.task.get("operating_points") or ("argmax",))[0])

    @cached_property
    def points(self) -> tuple[str, ...]:
        """All operating points, the default first; those that only findings name come last."""
        named = [str(point) for point in self.task.get("operating_points", ())]
        found = [f.at for f in self.record.findings if f.at and f.metric == "global-risk"]
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
            return format_trivial_model(model) or bound(model, _LONGEST)
        if card.role in ("original", "retrained"):
            return card.role.capitalize()
        return f"{bound(card.title, _LONGEST)} ({_ROLES[card.role]})"

    @cached_property
    def _by_metric(self) -> dict[str, list[Finding]]:
        found: dict[str, list[Finding]] = {}
        for finding in self.record.findings:
            found.setdefault(finding.metric, []).append(finding)
        return found

    def find_all(self, metric: str, **address: str | None) -> tuple[Finding, ...]:
        """Return all findings of `metric` whose fields equal `address`; fields not named may be anything."""
        listed = self._by_metric.get(metric, ())
        return tuple(f for f in listed if all(getattr(f, key) == value for key, value in address.items()))

    def find(self, metric: str, model: str, **address: str | None) -> Finding | None:
        """Return the finding at this address; `among` is 'all' unless named."""
        found = self.find_all(metric, model=model, **{"among": "all", **address})
        return found[0] if found else None

    def find_curves(self, kind: str, **address: str | None) -> tuple[Curve, ...]:
        """Return the curves of `kind` whose fields equal `address`."""
        listed = (curve for curve in self.record.curves if curve.kind == kind)
        return tuple(c for c in listed if all(getattr(c, key) == value for key, value in address.items()))

    @cached_property
    def attacks(self) -> tuple[str, ...]:
        """Attacks that have a membership AUC, in the record's order."""
        return tuple(dict.fromkeys(f.attack for f in self._by_metric.get("membership-auc", ()) if f.attack))

    @cached_property
    def strongest(self) -> str | None:
        """The attack whose AUC on the original lies farthest from one half: the leak that was to be removed."""
        original = self.find_name("original")
        found = self.find_all("membership-auc", model=original or self.audited, among="all")
        listed = [(abs(f.estimate.value - 0.5), f.attack) for f in found if f.estimate and f.attack]
        return max(listed, key=lambda pair: pair[0])[1] if listed else None
