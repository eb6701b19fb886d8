"""Scenarios with reference models: one remembered record among two hundred, none, and pairs on a tolerance.

With own noise of variance 1 - SHARED in every model, the difference of a pair is normal around what the model that
trained on the record remembers, m, and P(IN > OUT) = Phi(m / sqrt(2 (1 - SHARED))).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np

from unlearn_audit.evidence import Evidence
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import Check, Policy, parse_policy
from unlearn_audit.selftest.scenarios import Kind
from unlearn_audit.selftest.simulated_evidence import draw_simulated_evidence
from unlearn_audit.selftest.simulated_models import FINE_MODEL, SHARED, Mask, Numbers, Places, Signal, SimulatedModel

FORGET = 0.25
"""Of 800 records: 200 are erased."""
SHIFT = 3.0
"""Log-odds by which the one remembered record is answered more surely, which the gate asks the test to find."""
_HEAD = """\
schema: unlearn-audit/policy/v1
id: selftest-references
version: "1"
title: The gate of the self-test with reference models
owner: unlearn-audit
applies_to: Planted models
task: {positive: [malignant], operating_points: [argmax]}
costs: {false_negative: 10, false_positive: 1, rationale: A missed malignancy weighs ten false alarms.}
membership: {attacks: [logit, rmia], references: {models: 32}, recognition: {shift: 3, records: 1, power: 0.8}}
protocol: {resamples: 1000}
sizes:
  train: {records: 800, positive: 0.4}
  validation: {records: 60, positive: 0.4}
  test: {records: 100, positive: 0.4}
  forget: 0.25
  auroc: 0.95
checks:
  - {id: missed, metric: false-negative-rate, at_most: 0.5, why: not collapsed}
  - {id: kept, metric: retain-accuracy, at_least: 0.8, why: floor}
"""
_CHECKS = {
    "pairs": """\
  - {id: paired, metric: paired-recognition, within: [0.4, 0.6], why: nobody on average}
  - {id: paired-malignant, metric: paired-recognition, among: positive, within: [0.38, 0.62], why: nobody on average}
""",
    "records": """\
  - {id: worst-record, metric: worst-record-recognition, at_least: 0.02, why: nobody by himself}
  - {id: paired-malignant, metric: paired-recognition, among: positive, within: [0.38, 0.62], why: nobody on average}
""",
}


@dataclass(frozen=True)
class Shifts:
    """What models remember: shifts of phi in standard deviations, by class; of one record alone where `one`."""

    positive: float = 0.0
    negative: float = 0.0
    one: bool = False

    @property
    def model(self) -> SimulatedModel:
        """The model that remembers so much."""
        return SimulatedModel("planted", self._remember) if self != Shifts() else FINE_MODEL

    def _remember(self, positive: Mask, places: Places) -> Numbers:
        moved = np.where(positive, self.positive, self.negative)
        return np.where(places == 0, moved, 0.0) if self.one else moved


@dataclass(frozen=True)
class ReferenceScenario:
    """One planted truth about pairs of reference models. `on`: the check whose tolerance is put on it."""

    title: str
    shifts: Shifts = Shifts()
    checks: Literal["pairs", "records"] = "pairs"
    on: str | None = None
    end: Literal["low", "high"] = "high"
    kind: Kind = "boundary"

    @cached_property
    def policy(self) -> Policy:
        """The gate, with the tolerance of `on` exactly where the truth is."""
        gate = _read_gate(self.checks)
        content = gate.model_dump(mode="json")
        for check, written in zip(gate.checks, content["checks"], strict=True):
            if check.id == self.on:
                written["within"][0 if self.end == "low" else 1] = self.compute_truth(check)
        return Policy.model_validate(content)

    def compute_truth(self, check: Check) -> float:
        """Return P(IN > OUT) of the planted models among the records that `check` asks about."""
        share = 1.0 if check.among.kind == "positive" else 0.4
        spread = sqrt(2 * (1 - SHARED))
        normal = NormalDist()
        shares = ((share, self.shifts.positive), (1 - share, self.shifts.negative))
        return sum(part * normal.cdf(moved / spread) for part, moved in shares)

    def draw(self, rng: np.random.Generator) -> Evidence:
        """Return evidence in which this is true."""
        return draw_simulated_evidence(self.policy, self.shifts.model, FORGET, rng)

    def describe(self) -> str:
        """Return what is true of it."""
        if self.shifts.one:
            return f"one of 200 erased records remembered by {SHIFT:g} in log-odds"
        lines = [f"{c.id}: {self.compute_truth(c):.4f}, on its limit" for c in self.policy.checks if c.id == self.on]
        return "; ".join(lines) or "nothing is remembered"


@cache
def _read_gate(checks: str) -> Policy:
    return parse_policy(_HEAD + _CHECKS[checks], "the self-test's gate with reference models", name_known())


def _shift_of_one() -> float:
    """`SHIFT` in standard deviations of phi."""
    return SHIFT / Signal.of(_read_gate("records")).delta


REFERENCE_SCENARIOS: Mapping[str, ReferenceScenario] = {
    "paired-on-limit": ReferenceScenario(
        "pairs tell a record that was trained on exactly as often as tolerated", Shifts(0.08, 0.08), on="paired"
    ),
    "paired-on-lower-limit": ReferenceScenario(
        "pairs find it treated worse than strangers exactly as often as tolerated",
        Shifts(-0.08, -0.08),
        on="paired",
        end="low",
    ),
    "hidden-paired-on-limit": ReferenceScenario(
        "malignant records told exactly as often as tolerated, benign ones hide it",
        Shifts(0.1, -0.06),
        on="paired-malignant",
    ),
    "hidden-paired-on-lower-limit": ReferenceScenario(
        "malignant records told exactly as seldom as tolerated, benign ones hide it",
        Shifts(-0.1, 0.06),
        on="paired-malignant",
        end="low",
    ),
    "one-in-two-hundred": ReferenceScenario(
        "one record remembered, 199 forgotten",
        Shifts(_shift_of_one(), _shift_of_one(), one=True),
        "records",
        kind="failure",
    ),
    "nobody-remembered": ReferenceScenario("every record forgotten", checks="records", kind="sound"),
}
"""Every scenario with reference models by name. Names enter the seeds."""
