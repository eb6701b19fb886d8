"""A report of any released version verifies for ever, and says what it said when it was made."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from unlearn_audit.verification.answers import State
from unlearn_audit.verification.verification import VerificationOptions, verify

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = Path(__file__).with_name("bundles")
RELEASED = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def check(golden):
    expected = json.loads((golden / "expected.json").read_bytes())
    options = VerificationOptions(trust_time=(golden / "time-root.pem",), require_timestamp=True)
    for path in (golden / "bundle", golden / "bundle" / "report.pdf"):
        verification = verify(path, (golden / "root.pem",), options)
        states = {line.name: line.state.value for line in verification.lines}
        alone = {"policy file": "absent", "completeness": None} if path.is_file() else {}
        assert {**expected["lines"], **alone} == {name: states.get(name) for name in expected["lines"]}
        assert expected["exit_code"] == verification.exit_code
        assert State.INVALID.value not in states.values()


@pytest.mark.parametrize("golden", sorted(BUNDLES.glob("v*/")), ids=lambda path: path.name)
def test_a_golden_bundle_verifies_as_when_it_was_made(golden):
    check(golden)


@pytest.mark.parametrize("version", RELEASED)
def test_every_released_version_left_a_golden_bundle(version):
    assert (BUNDLES / f"v{version}" / "bundle" / "attestation.dsse.json").is_file(), "tools/make_golden_bundle.py"


@pytest.mark.slow
def test_the_tool_makes_a_bundle_that_holds_everything_and_is_small(tmp_path):
    pytest.importorskip("weasyprint", reason="WeasyPrint is not installed", exc_type=ImportError)
    out = tmp_path / "golden"
    tool = ROOT / "tools" / "make_golden_bundle.py"
    done = subprocess.run([sys.executable, tool, "--out", out], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    check(out)
    names = {path.name for path in (out / "bundle").iterdir()}
    assert {"attestation.tst", "countersignature-1.dsse.json", "countersignature-1.tst", "report.pdf"} <= names
    record = json.loads((out / "bundle" / "record.json").read_bytes())
    assert len(record["provenance"]["seals"]) == 1
    assert sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) < 2_000_000
