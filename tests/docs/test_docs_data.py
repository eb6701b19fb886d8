"""docs/data.md: its commands are commands, its case file is one, its limits are the code's, its links exist."""

import re
from pathlib import Path

import pytest

from tests.support.pages import read_page
from unlearn_audit.cases import read_image_rules
from unlearn_audit.cli import run_guarded
from unlearn_audit.data import near_identical, stored
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import load_case

ROOT = Path(__file__).resolve().parents[2]
PAGE = read_page("data.md")


@pytest.mark.parametrize("command", re.findall(r"^unlearn-audit (.*)", PAGE, re.MULTILINE))
def test_every_command_is_understood(command, monkeypatch):
    given = []
    monkeypatch.setattr("unlearn_audit.cli.run.run_from_options", lambda *options: given.append(options) or 0)

    assert run_guarded(command.split()) == 0
    assert given


@pytest.mark.parametrize("passage", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_every_case_file_is_one(passage, tmp_path):
    (tmp_path / "case.yaml").write_text(passage)

    assert read_image_rules(load_case(tmp_path / "case.yaml", name_known())).size == (224, 224)


def test_the_limits_are_those_of_the_code():
    assert f"Above {stored.STREAM_FROM // 2**20} MiB of pixels" in PAGE
    assert f"{near_identical._MOST_PAIRS // 10**6:,} million pairs" in PAGE


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE))
def test_every_link_leads_somewhere(link):
    assert (ROOT / "docs" / link).exists()
