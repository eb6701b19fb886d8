"""The example package, installed as any other and used by a policy; and plug-ins that cannot be used."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.pages import CONTRIBUTING, read_page
from tests.support.policies import LOOSE, write_case, write_policy
from unlearn_audit.errors import PluginError
from unlearn_audit.registry import Table

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "unlearn-audit-example"
POLICY = write_policy(
    "example",
    [
        "{id: sent-home, title: =Sent home, metric: negative-predictive-value, at_least: 0.5, why: sent home on it}",
        *LOOSE,
    ],
    title="=Example",
    membership="{attacks: [confidence, margin], fpr: [0.01]}",
    protocol="seed: 37",
    reference_case=write_case(
        "{method: cf-k, parameters: {layers: 1, epochs: 2}}", "{epochs: 100, batch: 32}", forget=0.5
    ),
)
"""Of the halves that a seed draws, the original tells this one from the test records: few do on the embedded data."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the example installed into `plugins`, and a policy that uses it."""
    folder = tmp_path_factory.mktemp("plugins")
    source = folder / "source"
    for path in EXAMPLE.rglob("*"):  # setuptools writes beside its source
        if path.is_file() and "__pycache__" not in path.parts and "build" not in path.parts:
            (source / path.relative_to(EXAMPLE)).parent.mkdir(parents=True, exist_ok=True)
            (source / path.relative_to(EXAMPLE)).write_bytes(path.read_bytes())
    command = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", folder / "plugins"]
    subprocess.run([sys.executable, "-m", "pip", *map(str, command), str(source)], check=True, capture_output=True)
    (folder / "example.yaml").write_text(POLICY)
    return folder


@pytest.fixture(scope="module")
def run(place):
    def runner(*arguments, plugins=True):
        mine = [str(place / "plugins")] if plugins else []
        paths = os.pathsep.join([*mine, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
        environment |= {"PYTHONPATH": paths, "HOME": str(place)}
        return subprocess.run(
            [sys.executable, "-m", "unlearn_audit", *map(str, arguments)],
            capture_output=True, text=True, cwd=place, env=environment, check=False,
        )  # fmt: skip

    return runner


@pytest.mark.parametrize(
    ("kind", "name"),
    [("methods", "cf-k"), ("metrics", "negative-predictive-value"), ("attacks", "margin"), ("formats", "csv")],
)
def test_an_installed_plugin_is_listed(run, kind, name):
    assert re.search(rf"^  {name} ", run("list", kind).stdout, re.MULTILINE)


@pytest.mark.thorough
def test_a_policy_uses_method_metric_attack_and_format_of_the_plugin(run, place):
    done = run("run", "--policy", "example.yaml", "--format", "html,csv", "--no-retrain", "--out", "out")
    record = json.loads((place / "out" / "record.json").read_text())
    rows = list(csv.DictReader((place / "out" / "checks.csv").read_text().splitlines()))

    assert done.returncode == 0, done.stdout + done.stderr
    assert record["provenance"]["models"][-1]["method"] == "cf-k"
    assert {finding["key"].get("attack") for finding in record["findings"]} >= {"confidence", "margin"}
    assert [row["check"] for row in rows] == ["sent-home", "forgotten", "forgotten-malignant", "kept"]
    assert rows[0]["title"] == "'=Sent home"
    assert float(rows[0]["low"]) >= 0.5
    assert "Negative predictive value" in (place / "out" / "report.html").read_text("utf-8")
    trust = ("--trust", ".config/unlearn-audit/test-key/root.crt.pem", "--recompute", "--json")
    assert find_state(run("verify", "out", *trust)) == "ok"
    assert find_state(run("verify", "out", *trust, plugins=False)) == "absent"
    assert find_state(run("verify", "out", "--recompute", "--json")) == "absent"


def find_state(done):
    """Return how the question was answered whether the numbers follow from the evidence."""
    return next(line["state"] for line in json.loads(done.stdout)["lines"] if line["name"] == "numbers equal evidence")


def test_the_metric_of_the_plugin_counts_what_it_says(run, place):
    sys.path.insert(0, str(place / "plugins"))
    try:
        from unlearn_audit_example.attack import score_margin
    finally:
        sys.path.remove(str(place / "plugins"))
    log_probs = np.log([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])

    np.testing.assert_allclose(score_margin(log_probs, np.array([0, 1])), np.log([0.7 / 0.2, 0.3 / 0.4]))


def test_a_mistake_in_the_plugins_parameters_has_its_line(run, place):
    (place / "wrong.yaml").write_text(POLICY.replace("layers: 1", "layer: 1"))
    done = run("policy", "check", "wrong.yaml")

    assert done.returncode == 2
    assert "wrong.yaml:19:40: reference_case.unlearn.parameters.layer" in done.stderr
    assert "did you mean 'layers'?" in done.stderr


def test_the_policy_of_the_page_is_part_of_the_tested_one_and_its_commands_are_run_here():
    page = read_page(f"{CONTRIBUTING}#plug-ins")

    for name in (
        "negative-predictive-value",
        "[confidence, margin]",
        "{method: cf-k, parameters: {layers: 1, epochs: 2}}",
    ):
        assert name in page
        assert name in POLICY
    assert "--no-deps --no-build-isolation --target plugins examples/unlearn-audit-example" in page


def write_plugin(folder, package, entries, code):
    (folder / f"{package}.py").write_text(code)
    info = folder / f"{package}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (info / "entry_points.txt").write_text("".join(f"[{group}]\n{line}\n" for group, line in entries))


@pytest.mark.parametrize(
    ("entry", "code", "words"),
    [
        ("broken = broken_plugin:THING", "raise RuntimeError('no licence')", "does not load: RuntimeError: no licence"),
        ("absent = broken_plugin:NOTHING", "THING = 1", "does not load: AttributeError"),
        ("other = broken_plugin:THING", "THING = 'text'", "expected a int, found str"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_refused_by_name(tmp_path, monkeypatch, entry, code, words):
    write_plugin(tmp_path, "broken_plugin", [("tests.broken", entry)], code)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("broken_plugin", None)
    table = Table("thing", "tests.broken", {"own": 1})

    with pytest.raises(PluginError, match="of broken_plugin") as caught:
        list(table)
    assert words in caught.value.message


def test_two_packages_of_one_name_are_refused(tmp_path, monkeypatch):
    for package in ("first_plugin", "second_plugin"):
        write_plugin(tmp_path, package, [("tests.twice", f"same = {package}:THING")], "THING = 2")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(PluginError, match="two packages add a thing 'same'"):
        list(Table("thing", "tests.twice", {"own": 1}))


def test_a_plugin_never_replaces_a_name_of_the_tool(tmp_path, monkeypatch):
    write_plugin(tmp_path, "greedy_plugin", [("tests.greedy", "own = greedy_plugin:THING")], "raise RuntimeError")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert dict(Table("thing", "tests.greedy", {"own": 1})) == {"own": 1}
