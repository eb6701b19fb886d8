"""Runs the self-test; writes page, figure and outcomes to docs/appendix/, and the short form that records carry."""

import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from unlearn_audit.records import to_canonical_json
from unlearn_audit.selftest import SEED, SelfTest, Tampering, draw_rates, write_page
from unlearn_audit.selftest.tampering import tamper
from unlearn_audit.selftest.trials import PLANTED, collect_trials, run_trials

REPEATS = 400


ROOT = Path(__file__).resolve().parents[1]


def publish(result: SelfTest) -> None:
    """Write the four files, which are functions of the result alone."""
    contents = {
        "docs/appendix/selftest.json": result.to_bytes(),
        "docs/appendix/selftest.md": write_page(result).encode(),
        "docs/appendix/selftest.svg": draw_rates(result).encode(),
        "src/unlearn_audit/published_selftest.json": to_canonical_json(result.summarise().model_dump(mode="json")),
    }
    for name, content in contents.items():
        (ROOT / name).write_bytes(content)


def run() -> SelfTest:
    """Run all scenarios, one on each core at a time."""
    with ProcessPoolExecutor() as pool:
        changed = pool.submit(tamper, REPEATS, SEED)
        trials = list(pool.map(run_trials, PLANTED, repeat(REPEATS), repeat(SEED)))
        return collect_trials(REPEATS, SEED, trials, Tampering(changed.result()))


if __name__ == "__main__":
    found = run()
    publish(found)
    sys.exit(found.exit_code)
