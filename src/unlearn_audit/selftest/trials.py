"""Trials of a scenario: drawn evidence, and the verdict on it by the product's own way."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from unlearn_audit import __version__
from unlearn_audit.pipeline.audit import reach_verdicts
from unlearn_audit.policy import Policy
from unlearn_audit.records import ProgressCallback, derive_integer, derive_rng, ignore_progress
from unlearn_audit.selftest.forgeries import FORGERIES, Forgery
from unlearn_audit.selftest.reference_scenarios import REFERENCE_SCENARIOS, ReferenceScenario
from unlearn_audit.selftest.result import SelfTest, Tampering, Trials
from unlearn_audit.selftest.scenarios import SCENARIOS, Scenario
from unlearn_audit.selftest.tampering import tamper

SEED = 20_260_423
"""The seed of the published run."""
_TASK = "self-test"
PLANTED: Mapping[str, Scenario | ReferenceScenario | Forgery] = {**SCENARIOS, **REFERENCE_SCENARIOS, **FORGERIES}
"""All that is planted, by name."""


def run_selftest(
    repeats: int, seed: int, progress: ProgressCallback = ignore_progress, names: Collection[str] | None = None
) -> SelfTest:
    """Run every scenario (or those called `names`) `repeats` times, and change `repeats` reports.

    Each repeat has a seed of its own, so that the first ones of a long run are those of a short one.
    """
    chosen = [name for name in PLANTED if names is None or name in names]
    total = (len(chosen) + 1) * repeats
    found = []
    for place, name in enumerate(chosen):
        found.append(run_trials(name, repeats, seed, partial(_count, progress, total, place * repeats)))
    progress(_TASK, len(chosen) * repeats, total)
    tampering = Tampering(tamper(repeats, seed))
    progress(_TASK, total, total)
    return collect_trials(repeats, seed, found, tampering)


def _count(progress: ProgressCallback, total: int, before: int, done: int) -> None:
    progress(_TASK, before + done, total)


def run_trials(name: str, repeats: int, seed: int, count: Callable[[int], None] | None = None) -> Trials:
    """Run one scenario `repeats` times; `count` is told how many are done."""
    scenario, letters = PLANTED[name], []
    for repeat in range(repeats):
        if count is not None:
            count(repeat)
        letters.append(_run_once(name, scenario, repeat, seed))
    return Trials(name, scenario.title, scenario.describe(), scenario.kind, "".join(letters))


def collect_trials(repeats: int, seed: int, trials: Iterable[Trials], tampering: Tampering) -> SelfTest:
    """Return the self-test that these are the parts of."""
    confidence = next(iter(SCENARIOS.values())).policy.protocol.confidence
    return SelfTest(__version__, seed, repeats, confidence, tuple(trials), tampering)


def _run_once(name: str, scenario: Scenario | ReferenceScenario | Forgery, repeat: int, seed: int) -> str:
    """Return the first letter of the verdict: p(ass), f(ail), i(nconclusive)."""
    words = ("selftest", name, str(repeat))
    evidence = scenario.draw(derive_rng(seed, *words))
    policy = _reseed(scenario.policy, derive_integer(seed, *words, "protocol"))
    return reach_verdicts(policy, evidence, plan=False)[0].outcome.value[0]


def _reseed(policy: Policy, seed: int) -> Policy:
    """Give each repeat draws of its own: under one seed the error of the drawn bounds would be the same in all."""
    return policy.model_copy(update={"protocol": policy.protocol.model_copy(update={"seed": seed})})
