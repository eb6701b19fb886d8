"""Runs the self-test; writes page, figure and outcomes to docs/appendix/, and the short form that records carry."""

import sys
from pathlib import Path

from unlearn_audit.cli.console import show_progress
from unlearn_audit.records import to_canonical_json
from unlearn_audit.selftest import SEED, SelfTest, draw_rates, run_selftest, write_page

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


if __name__ == "__main__":
    with show_progress() as progress:
        found = run_selftest(REPEATS, SEED, progress)
    publish(found)
    sys.exit(found.exit_code)
