"""The evaluation context of a metric: evidence, policy, thresholds frozen beforehand, and named randomness.

A metric is one pure function from an evaluation context and a metric key (which model, against which, among which
records, at which operating point) to one estimate.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.evidence import Evidence
from unlearn_audit.findings.reissued_threshold import choose_reissued, find_rule
from unlearn_audit.policy import Policy, charge_looks
from unlearn_audit.records import (
    NEGATIVE,
    POSITIVE,
    Looks,
    Message,
    OperatingPoint,
    Population,
    choose_seed,
    derive_rng,
    write_message,
)
from unlearn_audit.records.key import MetricKey
from unlearn_audit.records.trivial_models import TRIVIAL_MODELS
from unlearn_audit.stats import choose_threshold

Kept = TypeVar("Kept")


class Sampling(TypedDict):
    """The arguments that every estimate with drawn ends takes."""

    confidence: float
    resamples: int
    rng: np.random.Generator


@dataclass(frozen=True, eq=False)
class EvaluationContext:
    """All that a metric may look at."""

    evidence: Evidence
    policy: Policy
    group: Population | None = None
    """The one group of a column that is looked at; None for all records."""
    shares: int = 1
    """Among how many claims the error of one is shared."""
    whole: "EvaluationContext | None" = None
    """What this is a part of: thresholds and clusters are its own."""
    _memory: dict[tuple[Hashable, ...], Any] = field(default_factory=dict, init=False, repr=False)

    def remember(self, key: tuple[Hashable, ...], compute: Callable[[], Kept]) -> Kept:
        """Return what `compute` gives, from the second time on without computing: metrics share costly parts.

        A group shares the memory of the whole: what hangs on the group must say so in its key.
        """
        if self.whole is not None:
            return self.whole.remember(key, compute)
        if key not in self._memory:
            self._memory[key] = compute()
        kept: Kept = self._memory[key]
        return kept

    def narrow(self, among: Population, shares: int = 1) -> "EvaluationContext":
        """Return the context of the group `among`, itself where that is no group.

        Only the records that are judged become fewer: thresholds are frozen on the whole validation split, since a
        device has one for all of its patients.

        Args:
            among: the population to be looked at.
            shares: the error that the policy allows is divided by it (Bonferroni).
        """
        if not among.is_group:
            return self
        return self.remember(
            ("narrow", str(among), str(shares)), lambda: replace(self, group=among, shares=shares, whole=self)
        )

    def select(self, split: str) -> NDArray[np.bool_]:
        """Return the (n,) mask of the records of `split` that are looked at."""
        mask = self.evidence.select(split)
        if self.group is None:
            return mask
        return np.asarray(mask & (self.evidence.groups[str(self.group.column)] == self.group.value))

    def confidence_for(self, model: str) -> float:
        """Return the one-sided confidence at which bounds on `model` decide.

        Where the policy lists remedies, a false release has m + 1 roads: the audited model and m remedies, tried in
        order on one test split. The audited model gets one half of the error, the remedies share the other equally
        (weighted Bonferroni). Every setting of a search counts: validation chooses, but on the same forget records. The
        control of a remedy, trained from scratch at its cost, is held to what the remedy is held to.

        Where the policy plans looks at the test split, each of them has an equal share to begin with.
        """
        protocol = self.policy.protocol
        confidence, shares = protocol.confidence, self.shares * (protocol.looks or 1)
        tries = sum(len(remedy.settings) for remedy in self.policy.remediation)
        if model in self.remedied or model in self.controls:
            shares *= 2 * max(tries, len(self.remedied))
        elif tries and model == self.audited:
            shares *= 2
        return confidence if shares == 1 else 1 - (1 - confidence) / shares

    @cached_property
    def looks(self) -> Looks | None:
        """How often the test split was looked at; None where the policy plans no looks."""
        if self.policy.protocol.looks is None:
            return None
        return charge_looks(self.policy, self.evidence.provenance, self.evidence.digest_split("test"))

    @cached_property
    def audited(self) -> str | None:
        """Name of the audited model, None where there is none."""
        return next((card.name for card in self.evidence.provenance.candidates), None)

    @cached_property
    def remedied(self) -> frozenset[str]:
        """Names of the remedied models."""
        return frozenset(card.name for card in self.evidence.provenance.models if card.role == "remedied")

    @cached_property
    def controls(self) -> frozenset[str]:
        """Names of the models that were trained from scratch at the cost of a remedy."""
        return frozenset(card.name for card in self.evidence.provenance.models if card.control_for is not None)

    @cached_property
    def test(self) -> NDArray[np.bool_]:
        """(n,) mask of the test split."""
        return self.select("test")

    @property
    def positives(self) -> NDArray[np.bool_]:
        """(n,) mask of the positive test records."""
        return self.test & self.evidence.is_positive

    @property
    def negatives(self) -> NDArray[np.bool_]:
        """(n,) mask of the negative test records."""
        return self.test & ~self.evidence.is_positive

    @cached_property
    def actual(self) -> NDArray[np.bool_]:
        """(n_test,) whether each test record is positive."""
        return np.asarray(self.evidence.is_positive[self.test])

    @cached_property
    def all_clusters(self) -> NDArray[np.int64] | None:
        """(n,) number of each record's cluster; a record whose cluster is unknown is a cluster of its own."""
        if self.whole is not None:
            return self.whole.all_clusters
        protocol = self.policy.protocol
        if protocol.cluster is None:
            return None
        if protocol.cluster not in self.evidence.groups:
            if not protocol.cluster_required:
                return None
            raise MeasurementError(
                write_message("no-cluster-column", column=protocol.cluster, have=list(self.evidence.groups))
            )
        values = self.evidence.groups[protocol.cluster]
        # numbered once: every estimate sorts them, and names sort twenty times slower
        _, numbers = np.unique(values, return_inverse=True)
        alone = np.flatnonzero(values == "")
        numbers[alone] = len(values) + alone
        return numbers.astype(np.int64)

    @property
    def cluster_caveat(self) -> Message | None:
        """Say so where the policy tolerates data without its cluster column and the data has none."""
        protocol = self.policy.protocol
        if protocol.cluster is None or protocol.cluster in self.evidence.groups:
            return None
        return write_message("no-cluster-column-tolerated", column=protocol.cluster)

    def clusters(self, mask: NDArray[np.bool_]) -> NDArray[np.int64] | None:
        """Return the cluster numbers of the records that `mask` (n,) selects, None where records are independent.

        Raises:
            MeasurementError: the policy requires a cluster column that the evidence does not have.
        """
        return None if self.all_clusters is None else self.all_clusters[mask]

    @cached_property
    def _thresholds(self) -> dict[OperatingPoint, float | None]:
        return {}

    def find_threshold(self, at: OperatingPoint | None) -> float | None:
        """Return the threshold of operating point `at` (None: the policy's first); None for 'argmax'.

        Chosen on validation of the original alone, and once: a point that needs no validation is not lost with it.

        Raises:
            MeasurementError: the validation records do not define it.
        """
        if self.whole is not None:
            return self.whole.find_threshold(at)
        point = at or self.policy.task.operating_points[0]
        if point not in self._thresholds:
            validation = self.evidence.select("validation")
            costs = self.policy.costs
            if point.needs_validation and not validation.any():
                raise MeasurementError(write_message("no-validation-records", point=point))
            self._thresholds[point] = choose_threshold(
                point,
                actual=self.evidence.is_positive[validation],
                probability=self.evidence.positive_probability("original")[validation],
                false_negative=costs.false_negative,
                false_positive=costs.false_positive,
            )
        return self._thresholds[point]

    def find_threshold_of(self, model: str, point: OperatingPoint) -> float | None:
        """Return the threshold at which `model` is read at `point`: its own where a remedy re-issued it.

        Raises:
            MeasurementError: the validation records do not define it.
        """
        if point == self.policy.task.operating_points[0] and find_rule(self.evidence, model) is not None:
            return choose_reissued(self.evidence, model, self.all_clusters).threshold
        return self.find_threshold(point)

    def predict_positive(self, model: str, at: OperatingPoint | None, split: str = "test") -> NDArray[np.bool_]:
        """Return (n_split,) whether `model` predicts each record of `split` positive at operating point `at`."""
        point = at or self.policy.task.operating_points[0]
        predicted = self.remember(("predictions", model, str(point)), lambda: self._predict_all(model, point))
        return predicted[self.select(split)]

    def _predict_all(self, model: str, point: OperatingPoint) -> NDArray[np.bool_]:
        """Return (n,) the predictions on every record of the evidence."""
        if model in TRIVIAL_MODELS:
            return np.full(len(self.evidence), TRIVIAL_MODELS[model].predicts_positive)
        threshold = self.find_threshold_of(model, point)
        if threshold is None:
            return self.evidence.predicted_positive(model)
        return np.asarray(self.evidence.positive_probability(model) >= threshold)

    def log_odds(self, model: str) -> NDArray[np.float64]:
        """Return (n,) the log-odds of being positive, for every record of the evidence.

        Log-odds rank as probabilities do, but do not tie where a confident model's probability rounds to one.

        Raises:
            MeasurementError: the model gives probabilities of exactly 0 or 1.
        """
        log_probs, positive = self.evidence.log_probs[model], list(self.evidence.positive)
        negative = [c for c in range(log_probs.shape[1]) if c not in positive]
        odds = np.logaddexp.reduce(log_probs[:, positive], axis=1) - np.logaddexp.reduce(log_probs[:, negative], axis=1)
        if not np.isfinite(odds).all():
            raise MeasurementError(write_message("no-log-odds", model=model))
        return np.asarray(odds)

    def select_among(self, split: str, among: Population) -> NDArray[np.bool_]:
        """Return the (n,) mask of `split`, restricted to positive or negative records where asked."""
        mask = self.select(split)
        if among == POSITIVE:
            return mask & self.evidence.is_positive
        return mask & ~self.evidence.is_positive if among == NEGATIVE else mask

    @property
    def prevalence(self) -> float:
        """Prevalence of intended use.

        Raises:
            MeasurementError: the policy states none.
        """
        if self.policy.costs.prevalence is None:
            raise MeasurementError(write_message("no-prevalence-stated"))
        return self.policy.costs.prevalence

    def reference(self, key: MetricKey) -> str:
        """Return the model that `key` compares with.

        Raises:
            MeasurementError: it is not in the evidence: the case was made without it.
        """
        if key.against is None or key.against not in self.evidence.log_probs:
            raise MeasurementError(write_message("no-model-to-compare-with", model=key.against))
        return key.against

    @property
    def seed(self) -> int:
        """The seed of every draw: of the seals that were set before the run, else the policy's."""
        return choose_seed(self.policy.protocol.seed, self.evidence.provenance.seals)

    def sampling(self, key: MetricKey) -> Sampling:
        """Return confidence, resamples and the generator that belongs to this key and to no other."""
        return Sampling(
            confidence=self.confidence_for(key.model),
            resamples=self.policy.protocol.resamples,
            rng=derive_rng(self.seed, "measure", *key.words),
        )
