"""docs/mlflow.md and the example, run as they stand against the real server."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.policies import FINE_TUNED, LOOSE, write_policy
from unlearn_audit.cli import run_guarded

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample_reports" / "breast-cytology-pass"
PAGE = (ROOT / "docs" / "mlflow.md").read_text("utf-8")
RELEASE = ROOT / "examples" / "mlflow" / "release.py"
POLICY = write_policy(
    "quick",
    ["{id: risk, metric: global-risk, at_most: RISK, why: ceiling}", *LOOSE],
    points="argmax, cost-optimal",
    membership="{attacks: [confidence, modified-entropy], fpr: [0.01], unrecognised: inform}",
    reference_case=FINE_TUNED,
)


@pytest.fixture
def place(uri, bundle, laboratory, register, monkeypatch):
    """A working folder with everything that the page names: the report, the root, the policy, version 3 of a model."""
    tmp_path = bundle.parent
    bundle.rename(tmp_path / "report")
    shutil.copy(laboratory["root_certificate"], tmp_path / "root.crt.pem")
    shutil.copy(SAMPLE / "policy.yaml", tmp_path / "policy.yaml")
    version = ""
    while not version.endswith("/3"):
        version = register({"w.safetensors": (SAMPLE / "models/unlearned.safetensors").read_bytes()}, "skin-classifier")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("place")
def test_the_page_runs_as_it_stands(client, capsys):
    commands = re.findall(r"^unlearn-audit (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        assert run_guarded(command.split()) == 0, capsys.readouterr().err
    assert client.get_model_version_by_alias("skin-classifier", "champion").version == "3"
    assert client.get_model_version("skin-classifier", "3").tags["unlearn_audit.bound"] == "yes"

    client.delete_registered_model_alias("skin-classifier", "champion")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "publish_to_mlflow" in block]
    exec(compile(code, "docs/mlflow.md", "exec"), {})  # noqa: S102 - the page's own code
    assert client.get_model_version_by_alias("skin-classifier", "champion").version == "3"
    client.delete_registered_model("skin-classifier")


@pytest.fixture
def release(uri, laboratory, tmp_path):
    """Run the example with a ceiling on Global Risk; return the finished process."""
    command = os.environ.get("UNLEARN_AUDIT")
    if not command:
        pytest.skip("UNLEARN_AUDIT does not name a command that can train: 'make mlflow' sets it")

    def run(ceiling, out):
        (tmp_path / "policy.yaml").write_text(POLICY.replace("RISK", ceiling))
        signing = {"--key": "signer_key", "--chain": "signer_chain", "--trust": "root_certificate"}
        options = [str(word) for option, role in signing.items() for word in (option, laboratory[role])]
        return subprocess.run(
            [sys.executable, str(RELEASE), "--policy", "policy.yaml", *options, "--out", out, "--tracking-uri", uri,
             "--model", "released", "--cache", "cache", "--no-remedy", "--no-retrain", "--threads", "1"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.mark.slow
def test_the_example_promotes_what_passes_and_refuses_what_does_not(release, client):
    passed = release("2", "first")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "champion is released/1" in passed.stdout

    failed = release("0.000001", "second")

    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "released/2 is not promoted: the verdict is fail" in failed.stderr
    assert client.get_model_version_by_alias("released", "champion").version == "1"
    assert client.get_model_version("released", "2").tags["unlearn_audit.outcome"] == "fail"
