"""docs/mlflow.md: options, exit codes and names are those of the code. `tests/publishing` runs its commands."""

import re
import shlex
from pathlib import Path

import pytest

from unlearn_audit.cli.commands import group
from unlearn_audit.errors import ExitCode
from unlearn_audit.publishing.description import describe
from unlearn_audit.verification.verification import verify

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "mlflow.md").read_text("utf-8")


@pytest.mark.parametrize("line", re.findall(r"^unlearn-audit (.*)$", PAGE, re.MULTILINE))
def test_every_command_exists_with_its_options(line):
    words = shlex.split(line)
    command = group.commands[words[0]].commands[words[1]]
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_every_option_is_explained():
    options = {name for parameter in group.commands["publish"].commands["mlflow"].params for name in parameter.opts}
    assert {name for name in options if name.startswith("--")} <= set(re.findall(r"--[a-z-]+", PAGE))


def test_the_exit_codes_are_the_codes():
    assert [int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)] == [int(code) for code in ExitCode]


def test_the_names_on_the_page_are_those_that_are_logged():
    sample = ROOT / "sample_reports"
    description = describe(verify(sample / "breast-cytology-pass", (sample / "test-root.pem",)))
    for name in [*description.tags, *description.version_tags]:
        assert f"`.{name.removeprefix('unlearn_audit.')}`" in PAGE
    kinds = {re.sub(r"/[a-z0-9-]+/", "/ID/", name) for name in description.metrics if name.startswith("check/")}
    assert kinds == {"check/ID/estimate", "check/ID/lower", "check/ID/upper"}
    assert all(f"`{kind}`" in PAGE for kind in kinds)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE))
def test_every_link_leads_somewhere(link):
    assert (ROOT / "docs" / link).exists()
