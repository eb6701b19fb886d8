"""docs/references.md: its commands are commands, its policy passage is a policy, its columns are the file's."""

import re
from pathlib import Path

import pytest

from tests.support.pages import read_page
from unlearn_audit.cli import run_guarded
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import find_policy, parse_policy

ROOT = Path(__file__).resolve().parents[2]
PAGE = read_page("references.md")
COMMANDS = re.findall(r"^unlearn-audit (.*)", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood_and_asks_for_sixteen_models(command, monkeypatch):
    given = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("unlearn_audit.cli.run.run_from_options", lambda options: given.update(vars(options)) or 0)

    assert run_guarded(command.split()) == 0

    assert given["references"] == 16
    assert find_policy(given["policy"]).is_file()


def test_the_passage_of_a_policy_fits_into_a_shipped_one():
    passage = re.search(r"^  references: .*", PAGE, re.MULTILINE).group()
    path = ROOT / "policies" / "dermatology.yaml"
    text = re.sub(r"^  references: .*\n", "", path.read_text("utf-8"), flags=re.MULTILINE)

    policy = parse_policy(text.replace("\nmembership:\n", f"\nmembership:\n{passage}\n"), "p.yaml", name_known())

    assert policy.membership.references.models == 16


def test_the_columns_are_those_of_the_evidence_file():
    columns = re.findall(r"^\| `(reference[^`]*)`", PAGE, re.MULTILINE)
    source = (ROOT / "src" / "unlearn_audit" / "evidence" / "parquet.py").read_text("utf-8")

    assert len(columns) == 4
    for column in columns:
        stem = column.split("<")[0]
        assert f'"{stem}' in source or f'"{stem.rstrip(":")}"' in source, column
