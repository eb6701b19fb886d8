"""The help of the commands: in the order of use, in two screens, and true to what the commands read."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from unlearn_audit.cli import (
    countersign,
    evidence,
    publish,
    recheck,
    render,
    run,
    seal,
    study,
    verify,
)
from unlearn_audit.cli.commands import group
from unlearn_audit.cli.modes import MODES
from unlearn_audit.policy import CaseFile

SCREEN = 40
OPTIONS = {
    run.command: run.RunOptions,
    recheck.command: recheck.RecheckOptions,
    verify.command: verify.VerifyOptions,
    render.command: render.RenderOptions,
    seal.command: seal.SealOptions,
    countersign.command: countersign.CountersignOptions,
    study.command: study.StudyOptions,
    evidence.check_evidence: evidence.EvidenceCheckOptions,
    publish.mlflow: publish.MlflowOptions,
}


def test_the_help_of_run_fits_two_screens_of_80_columns(run_here, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = run_here("run", "--help")[1].splitlines()

    assert len(lines) <= 2 * SCREEN
    assert max(map(len, lines)) <= 80


def test_the_options_of_run_stand_in_sections(run_here):
    output = run_here("run", "--help")[1]
    heads = [line.rstrip(":") for line in output.splitlines() if line.endswith(":") and not line.startswith(" ")]

    assert heads == ["What", "Data", "Models", "Signing", "Output", "Speed", "Help"]
    assert all(hasattr(option, "section") for option in run.command.params)


def test_commands_stand_in_the_order_of_use(run_here):
    output = run_here("--help")[1]
    names = list(group.commands)

    assert names[:6] == ["policy", "evidence", "references", "run", "verify", "recheck"]
    places = [output.index(f"\n  {name} ") for name in names]
    assert places == sorted(places)


@pytest.mark.parametrize("name", list(group.commands))
def test_a_command_lies_in_the_module_of_its_name_and_is_summed_up_in_the_table(name):
    command = group.commands[name]
    (summary,) = [entries[name].summary for entries in group.sections.values() if name in entries]

    assert command.name == name
    assert Path(sys.modules[f"unlearn_audit.cli.{name}"].__file__).stem == name
    assert command.help
    assert summary.endswith(".")


def test_an_unknown_command_is_a_usage_error(run_here):
    assert run_here("rum")[0] == 2


@pytest.mark.parametrize("command", OPTIONS, ids=lambda command: command.name)
def test_every_option_of_a_command_is_a_field_of_its_options_and_every_field_an_option(command):
    fields = {field.name for field in dataclasses.fields(OPTIONS[command])}

    assert {parameter.name for parameter in command.params} == fields
    assert OPTIONS[command].__dataclass_params__.frozen


@pytest.mark.parametrize("command", OPTIONS, ids=lambda command: command.name)
def test_the_defaults_of_a_command_are_those_of_its_options(command):
    """Whoever makes the options in Python gets what the command line gives."""
    required = {"policy": ["--policy", "p"], "file": ["f"], "bundle": ["b"], "record": ["r"], "evidence": ["e"]}
    needed = [parameter.name for parameter in command.params if parameter.required]
    given = command.make_context("x", [word for name in needed for word in required[name]]).params
    made = {field.name: field.default for field in dataclasses.fields(OPTIONS[command])}

    for name in given.keys() - {*needed, "files"}:
        assert given[name] == made[name], name


def test_every_mode_reads_options_and_facts_that_there_are():
    options = {field.name for field in dataclasses.fields(run.RunOptions)}
    for mode in MODES:
        assert mode.options <= options
        assert mode.facts <= set(CaseFile.model_fields)


def test_each_option_is_read_by_every_mode_or_named_by_those_that_read_it():
    everywhere = {"policy", "case", "waivers", "seals", "forget", "key", "chain", "timestamp_url", "signing", "out",
                  "force", "formats", "baseline", "fail_on"}  # fmt: skip
    named = {name for mode in MODES for name in mode.options}

    assert {field.name for field in dataclasses.fields(run.RunOptions)} == everywhere | named
    assert not everywhere & named


def test_help_imports_no_command():
    code = (
        "import sys; from unlearn_audit.cli import run_guarded; run_guarded(['--help']); "
        "print([m for m in sys.modules if m.startswith('unlearn_audit.cli.')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(eval(done.stderr)) == {  # noqa: S307 - what the line above printed
        f"unlearn_audit.cli.{name}" for name in ("commands", "layout", "options")
    }
