"""CONTRIBUTING.md says how many files an addition touches: one of each kind is made here in a copy of the source."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.additions import ADDITIONS

ROOT = Path(__file__).resolve().parents[2]
COSTS = dict(
    re.findall(r"^\| ([^|]+?) +\| +(\d+) \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
)  # fmt: skip
TRY_ALL = """
import json, sys, traceback
import numpy as np
from tests.support.additions import ADDITIONS
from tests.support.simulated_evidence import POLICY, simulate_evidence
from unlearn_audit.pipeline.audit import judge, name_known
from unlearn_audit.policy import parse_policy

evidence = simulate_evidence()
record = judge(parse_policy(POLICY, "p.yaml", name_known()), evidence)
errors = {}
for name, addition in ADDITIONS.items():
    try:
        exec(addition.works, dict(globals()))
    except Exception:
        errors[name] = traceback.format_exc()
print(json.dumps(errors))
"""


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """What does not work of all the additions, made together in one copy: name and traceback."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("src", "templates", "policies"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for addition in ADDITIONS.values():
        addition.make(root)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (root / "src", ROOT)))}
    done = subprocess.run(
        [sys.executable, "-c", TRY_ALL], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.thorough
@pytest.mark.process
@pytest.mark.parametrize("name", ADDITIONS)
def test_an_addition_in_these_files_works(broken, name):
    assert name not in broken, broken[name]


@pytest.mark.parametrize("name", ADDITIONS)
def test_it_touches_as_many_files_as_the_page_says(name):
    assert str(len(ADDITIONS[name].touched)) == COSTS[name]


def test_the_page_promises_nothing_else():
    assert set(COSTS) == set(ADDITIONS)
