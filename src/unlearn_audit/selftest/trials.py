"""Planting and deciding, many times: from drawn evidence to the verdict by the product's own way."""

from collections.abc import Collection

from unlearn_audit import __version__
from unlearn_audit.pipeline.audit import reach_verdicts
from unlearn_audit.policy import Policy
from unlearn_audit.records import ProgressCallback, derive_integer, derive_rng, ignore_progress
from unlearn_audit.selftest.result import SelfTest, Tampering, Trials
from unlearn_audit.selftest.scenarios import SCENARIOS, Scenario
from unlearn_audit.selftest.simulation import draw_evidence
from unlearn_audit.selftest.tampering import tamper

SEED = 20_260_423
"""The seed of the published run."""
_TASK = "self-test"


def run_selftest(
    repeats: int, seed: int, progress: ProgressCallback = ignore_progress, names: Collection[str] | None = None
) -> SelfTest:
    """Run every scenario (or those called `names`) `repeats` times, and change `repeats` reports.

    Each repeat has a seed of its own, so that the first ones of a long run are those of a short one.
    """
    chosen = {name: scenario for name, scenario in SCENARIOS.items() if names is None or name in names}
    total = (len(chosen) + 1) * repeats
    found = []
    for place, (name, scenario) in enumerate(chosen.items()):
        letters = []
        for repeat in range(repeats):
            progress(_TASK, place * repeats + repeat, total)
            letters.append(_run_once(name, scenario, repeat, seed))
        found.append(Trials(name, scenario.title, scenario.describe(), scenario.kind, "".join(letters)))
    progress(_TASK, len(chosen) * repeats, total)
    tampering = Tampering(tamper(repeats, seed))
    progress(_TASK, total, total)
    confidence = next(iter(SCENARIOS.values())).policy.protocol.confidence
    return SelfTest(__version__, seed, repeats, confidence, tuple(found), tampering)


def _run_once(name: str, scenario: Scenario, repeat: int, seed: int) -> str:
    """Return the first letter of the verdict: p(ass), f(ail), i(nconclusive)."""
    words = ("selftest", name, str(repeat))
    evidence = draw_evidence(scenario.simulation, derive_rng(seed, *words))
    policy = _reseed(scenario.policy, derive_integer(seed, *words, "protocol"))
    return reach_verdicts(policy, evidence)[0].outcome.value[0]


def _reseed(policy: Policy, seed: int) -> Policy:
    """Give each repeat draws of its own: under one seed the error of the drawn bounds would be the same in all."""
    return policy.model_copy(update={"protocol": policy.protocol.model_copy(update={"seed": seed})})
