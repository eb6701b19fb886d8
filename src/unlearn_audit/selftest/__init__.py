"""The self-test: simulated models of known truth, judged as real ones are, and the rate of wrong decisions."""

from unlearn_audit.selftest.figure import draw_rates
from unlearn_audit.selftest.page import write_page
from unlearn_audit.selftest.result import Rate, SelfTest, Tampering, Trials
from unlearn_audit.selftest.scenarios import SCENARIOS, Scenario
from unlearn_audit.selftest.trials import SEED, run_selftest

__all__ = [
    "SCENARIOS",
    "SEED",
    "Rate",
    "Scenario",
    "SelfTest",
    "Tampering",
    "Trials",
    "draw_rates",
    "run_selftest",
    "write_page",
]
