"""Scenarios of the self-test: one line each, with the gate that each is held against.

The hardest failure to catch is not a bad model but one whose true value lies exactly on a tolerance: nowhere else
may a sound gate pass so often. Each check of the gate has such a scenario, for each side that it guards. There the
tolerance is put on the truth, to the last bit, and the other checks are well inside theirs. Beside them stand clear
failures and sound models.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from unlearn_audit.evidence import Evidence
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import Check, Policy, parse_policy
from unlearn_audit.selftest.closed_form_truth import compute_truth
from unlearn_audit.selftest.simulation import Behaviour, Simulation, draw_evidence

Standing = Literal["inside", "on", "beyond"]
Kind = Literal["boundary", "failure", "sound", "dishonest", "undetectable"]

GATE = """\
schema: unlearn-audit/policy/v1
id: selftest
version: "1"
title: The gate of the self-test
owner: unlearn-audit
applies_to: Planted models
task: {positive: [malignant], operating_points: [argmax]}
costs: {false_negative: 10, false_positive: 1, rationale: A missed malignancy weighs ten false alarms.}
checks:
  - {id: risk, metric: global-risk, at_most: 1.0, why: ceiling}
  - {id: increase, metric: global-risk-increase, against: original, at_most: 0.3, why: margin}
  - {id: missed, metric: false-negative-rate, at_most: 0.2, why: ceiling}
  - {id: missed-increase, metric: false-negative-rate-increase, against: original, at_most: 0.15, why: margin}
  - {id: newly-missed, metric: newly-missed-rate, against: original, at_most: 0.15, why: ceiling}
  - {id: discrimination, metric: auroc-drop, against: retrained, at_most: 0.06, why: margin}
  - {id: balanced, metric: balanced-accuracy, at_least: 0.8, why: floor}
  - {id: alive, metric: positive-share, within: [0.2, 0.6], why: not collapsed}
  - {id: kept, metric: retain-accuracy, at_least: 0.8, why: floor}
  - {id: forgotten, metric: membership-auc, within: [0.36, 0.64], why: unseen}
  - {id: forgotten-malignant, metric: membership-auc, among: positive, within: [0.32, 0.68], why: unseen}
  - {id: found, metric: membership-tpr, at_most: 0.08, why: few are found}
  - {id: like-retrained, metric: membership-auc-difference, against: retrained, within: [-0.17, 0.17], why: unseen}
membership: {attacks: [logit, modified-entropy]}
protocol: {resamples: 1000}
"""


@dataclass(frozen=True)
class Scenario:
    """One planted truth. `on` names the check whose tolerance is put on it, `end` which end of a two-sided one."""

    title: str
    simulation: Simulation
    on: str | None = None
    end: Literal["low", "high"] = "high"

    @property
    def policy(self) -> Policy:
        """The gate, with the tolerance of `on` exactly where the truth is."""
        return _make_gate(self)

    def draw(self, rng: np.random.Generator) -> Evidence:
        """Return evidence in which this is true."""
        return draw_evidence(self.simulation, rng)

    def list_truths(self) -> list[tuple[Check, float, Standing]]:
        """Return each check, its true value, and how that stands to the tolerance."""
        truths = [(check, compute_truth(self.simulation, check, self.policy.costs)) for check in self.policy.checks]
        return [(check, truth, _stand(check, truth)) for check, truth in truths]

    @property
    def kind(self) -> Kind:
        """'failure' where a true value lies beyond its tolerance, 'boundary' where one lies on it, else 'sound'."""
        standings = {standing for *_, standing in self.list_truths()}
        return "failure" if "beyond" in standings else "boundary" if "on" in standings else "sound"

    def describe(self) -> str:
        """Return the true values that are not well inside, with their tolerances."""
        lines = [
            f"{check.id}: {truth:.4f}, {'on' if standing == 'on' else 'beyond'} {_print_limit(check)}"
            for check, truth, standing in self.list_truths()
            if standing != "inside"
        ]
        return "; ".join(lines) or "every true value inside its tolerance"


def _print_limit(check: Check) -> str:
    low, high = check.ends
    if low is not None and high is not None:
        return f"{low:.4g} to {high:.4g}"
    return f"≤ {high:.4g}" if high is not None else f"≥ {low:.4g}"


def _stand(check: Check, truth: float) -> Standing:
    low, high = check.ends
    if (low is not None and truth < low) or (high is not None and truth > high):
        return "beyond"
    return "on" if truth in (low, high) else "inside"


@cache
def _read_gate() -> Policy:
    return parse_policy(GATE, "the self-test's gate", name_known())


@cache
def _make_gate(scenario: Scenario) -> Policy:
    gate = _read_gate()
    content = gate.model_dump(mode="json")
    if scenario.simulation.images > 1:
        content["protocol"]["cluster"] = "patient_id"
    for check, written in zip(gate.checks, content["checks"], strict=True):
        if check.id == scenario.on:
            truth = compute_truth(scenario.simulation, check, gate.costs)
            if check.within is not None:
                written["within"][0 if scenario.end == "low" else 1] = truth
            else:
                written["at_most" if check.at_most is not None else "at_least"] = truth
    return Policy.model_validate(content)


_BLURRED = Behaviour(1.3, 1.3)
_ALARMING, _QUIET = Behaviour(2.0, 1.0), Behaviour(1.0, 2.0)
_LESS_SURE = Behaviour(1.5, 2.0)


def _remember(behaviour: Behaviour) -> Behaviour:
    """Let an original know the records that are to be forgotten: one that does not keeps any gate from passing."""
    return replace(behaviour, forget_positive=1.0, forget_negative=1.0)


def _unlearn(forget_positive: float, forget_negative: float, **more: float) -> Behaviour:
    return Behaviour(forget_positive=forget_positive, forget_negative=forget_negative, **more)


SCENARIOS: Mapping[str, Scenario] = {
    "risk-on-ceiling": Scenario(
        "Global Risk exactly on its ceiling, original no better", Simulation(_LESS_SURE, _remember(_LESS_SURE)), "risk"
    ),
    "increase-on-margin": Scenario("Global Risk rises by exactly the margin", Simulation(_LESS_SURE), "increase"),
    "missed-on-limit": Scenario(
        "false-negative rate exactly on its limit, original no better",
        Simulation(_LESS_SURE, _remember(_LESS_SURE)),
        "missed",
    ),
    "missed-on-limit-clustered": Scenario(
        "the same, three like images of each patient", Simulation(_LESS_SURE, _remember(_LESS_SURE), images=3), "missed"
    ),
    "missed-increase-on-margin": Scenario(
        "false-negative rate rises by exactly the margin", Simulation(_LESS_SURE), "missed-increase"
    ),
    "newly-missed-on-limit": Scenario(
        "exactly so many newly missed as tolerated, as many newly caught",
        Simulation(_LESS_SURE, _remember(_LESS_SURE), agreement=0.3),
        "newly-missed",
    ),
    "auroc-drop-on-margin": Scenario(
        "AUROC below the retrained model's by exactly the margin",
        Simulation(_BLURRED, _remember(_BLURRED)),
        "discrimination",
    ),
    "balanced-on-floor": Scenario(
        "balanced accuracy exactly on its floor", Simulation(_BLURRED, _remember(_BLURRED), _BLURRED), "balanced"
    ),
    "calls-on-upper-limit": Scenario(
        "calls exactly so many positive as tolerated", Simulation(_ALARMING, _remember(_ALARMING), _ALARMING), "alive"
    ),
    "calls-on-lower-limit": Scenario(
        "calls exactly so few positive as tolerated", Simulation(_QUIET, _remember(_QUIET), _QUIET), "alive", "low"
    ),
    "kept-on-floor": Scenario(
        "accuracy on retained records exactly on its floor",
        Simulation(Behaviour(1.3, 1.3, retain=0.0), _remember(_BLURRED), _BLURRED),
        "kept",
    ),
    "leak-on-limit": Scenario("membership AUC exactly on the upper edge", Simulation(_unlearn(0.15, 0.3)), "forgotten"),
    "leak-on-limit-clustered": Scenario(
        "the same, three like images of each patient", Simulation(_unlearn(0.15, 0.3), images=3), "forgotten"
    ),
    "over-unlearned-on-limit": Scenario(
        "membership AUC exactly on the lower edge", Simulation(_unlearn(-0.15, -0.3)), "forgotten", "low"
    ),
    "hidden-leak-on-limit": Scenario(
        "malignant records leak exactly to the edge, benign ones hide it",
        Simulation(_unlearn(0.35, -0.2)),
        "forgotten-malignant",
    ),
    "hidden-over-unlearning-on-limit": Scenario(
        "malignant records marked exactly to the lower edge, benign ones hide it",
        Simulation(_unlearn(-0.35, 0.2)),
        "forgotten-malignant",
        "low",
    ),
    "found-on-limit": Scenario(
        "exactly so many found at one false alarm in a hundred as tolerated", Simulation(_unlearn(0.2, 0.2)), "found"
    ),
    "unlike-retrained-on-limit": Scenario(
        "membership AUC above the retrained model's by exactly the margin",
        Simulation(_unlearn(0.25, 0.25)),
        "like-retrained",
    ),
    "unlike-retrained-on-lower-limit": Scenario(
        "membership AUC below the retrained model's by exactly the margin",
        Simulation(_unlearn(-0.25, -0.25)),
        "like-retrained",
        "low",
    ),
    "no-op": Scenario(
        "nothing was unlearned: nearly the original itself", Simulation(_unlearn(1.0, 1.0), agreement=0.98)
    ),
    "hidden-leak": Scenario(
        "malignant records remembered, benign ones over-unlearned", Simulation(_unlearn(1.4, -0.9))
    ),
    "over-unlearned": Scenario("forget records answered worse than unseen ones", Simulation(_unlearn(-1.0, -1.0))),
    "worse": Scenario("forgotten, but misses a third of the malignancies", Simulation(Behaviour(0.43, 2.0))),
    "collapsed": Scenario("calls nearly everything benign", Simulation(Behaviour(-2.5, 4.0))),
    "destroyed": Scenario("answers by chance, so nothing is recognised", Simulation(Behaviour(0.0, 0.0, retain=0.0))),
    "sound": Scenario("forgotten, and as safe as the original", Simulation()),
    "sound-but-other": Scenario("the same risk, with mistakes on other records", Simulation(agreement=0.0)),
    "sound-clustered": Scenario("sound, three like images of each patient", Simulation(images=3)),
}
"""Every scenario by name. Names enter the seeds: a renamed scenario draws other records."""
