"""`study`: three files and a summary on the terminal, exit codes, and refusals before anything is trained."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.policies import OUT_OF_REACH, WITH_SALUN, write_policy

POLICY = write_policy("tiny", OUT_OF_REACH, reference_case=WITH_SALUN)
STUDY = """\
schema: unlearn-audit/study/v1
id: tiny
title: A tiny study
policy: tiny.yaml
seeds: [1, 2]
cells:
  - forget: 0.3
    models:
      - {name: fine, title: Fine-tuning, method: fine-tune, parameters: {epochs: 1}}
      - {name: broken, title: Broken, method: fine-tune, parameters: {epochs: 3, learning_rate: 10.0}}
claims:
  - {says: Fine-tuning misses more., source: Tests, measure: fnr, model: fine, than: original, expected: higher}
"""
ROOT = Path(__file__).resolve().parents[2]
FILES = {"study.json", "study.md", "study.svg"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.yaml").write_text(POLICY)
    (folder / "study.yaml").write_text(STUDY)
    return folder


@pytest.fixture
def study(folder):
    return folder / "study.yaml"


@pytest.fixture
def go(run_here, folder):
    """Run the study in this process, one cell after the other."""

    def run(file, *arguments):
        return run_here("study", file, "--jobs", 1, "--cache", folder / "cache", *arguments)

    return run


def test_a_study_writes_three_files_and_says_what_came_out(go, study, tmp_path):
    code, out, err = go(study, "--out", tmp_path / "out")

    assert code == 0, err
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES | {"cells"}
    assert "30 % forgotten, 2 seeds" in out
    assert "! Broken was not made with seed 1: training diverged" in out
    assert "! Broken was not made with seed 2: training diverged" in out
    assert "open         Fine-tuning misses more." in out
    assert "- Broken was not made with seed 1: training diverged" in (tmp_path / "out" / "study.md").read_text()
    result = json.loads((tmp_path / "out" / "study.json").read_bytes())
    assert [row["name"] for row in result["cells"][0]["rows"]] == ["original", "retrained", "fine", "broken"]


def test_the_same_command_makes_nothing_and_writes_the_same_bytes(go, study, tmp_path):
    go(study, "--out", tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    code, _, err = go(study, "--out", tmp_path)

    assert code == 0
    assert "cells" not in err
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_unfinished_study_is_summarised_and_exits_incomplete(go, run_here, study, tmp_path):
    go(study, "--out", tmp_path)
    (tmp_path / "cells" / "forget-0.3-seed-2.json").unlink()

    code, out, err = run_here("study", study, "--out", tmp_path, "--summarise")

    assert code == 5
    assert "Unfinished: forget-0.3-seed-2" in err
    assert "30 % forgotten, 1 seeds" in out
    assert "**Unfinished**, 1 missing: forget-0.3-seed-2." in (tmp_path / "study.md").read_text()
    assert json.loads((tmp_path / "study.json").read_bytes())["missing"] == ["forget-0.3-seed-2"]
    assert not (tmp_path / "cells" / "forget-0.3-seed-2.json").exists()


def test_nothing_to_summarise_is_a_clear_message_and_no_file(run_here, study, tmp_path):
    code, _, err = run_here("study", study, "--out", tmp_path / "none", "--summarise")

    assert code == 5
    assert "expected at least one finished cell, found none" in err
    assert "hint:" in err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("option", [("--jobs", 2), ("--cache", "c"), ("--cluster", "tcp://127.0.0.1:1")])
def test_options_that_would_do_nothing_are_refused(run_here, study, option):
    code, _, err = run_here("study", study, "--summarise", *option)

    assert code == 2
    assert f"{option[0]} says how models are made, --summarise makes none" in err


def test_jobs_beside_a_cluster_are_refused(run_here, study, tmp_path):
    code, _, err = run_here("study", study, "--out", tmp_path, "--jobs", 2, "--cluster", "tcp://127.0.0.1:1")

    assert code == 2
    assert "--jobs would do nothing" in err


CHANGES = {
    "an unknown measure": ("measure: fnr", "measure: fnrr", "expected a measure of this study, found 'fnrr'"),
    "an unknown method": ("method: fine-tune, parameters: {epochs: 1}", "method: fine-tuen", "study.yaml:9:"),
    "an unknown policy": ("policy: tiny.yaml", "policy: nowhere.yaml", "expected a policy file"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_mistakes_are_refused_before_anything_is_trained(go, folder, tmp_path, name):
    old, new, message = CHANGES[name]
    file = folder / "wrong-study.yaml"
    file.write_text(STUDY.replace(old, new, 1))

    code, _, err = go(file, "--out", tmp_path / "out")

    assert code == 2
    assert message in err
    assert not (tmp_path / "out").exists()


def test_data_that_are_not_there_are_one_clear_message(go, study, tmp_path):
    code, _, err = go(study, "--out", tmp_path / "out", "--data", tmp_path / "absent.npz")

    assert code == 5
    assert "absent.npz, could not read them: no such file or directory" in err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_one_clear_message(go, study, tmp_path):
    (tmp_path / "out").write_text("a file")

    code, _, err = go(study, "--out", tmp_path / "out")

    assert code == 5
    assert f"cannot write into {tmp_path / 'out' / 'cells'}" in err


def test_an_interrupt_says_how_to_go_on(go, study, tmp_path, monkeypatch):
    from unlearn_audit.study import running

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "make_cell", interrupt)

    code, _, err = go(study, "--out", tmp_path)

    assert code == 5
    assert "run the same command again to go on" in err


@pytest.mark.slow
def test_a_study_that_is_killed_goes_on_and_ends_in_the_same_bytes(  # noqa: PLR0917
    audit, command, environment, folder, study, tmp_path
):
    """Killed, not interrupted, again and again, at moments that the machine chooses."""
    arguments = ("study", study, "--jobs", "1", "--cache", tmp_path / "cache", "--out")
    for seconds in (3, 5, 7, 9):
        running = subprocess.Popen(
            [str(command), *map(str, arguments), str(tmp_path / "cut")],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(seconds)
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()

    assert audit(*arguments, tmp_path / "cut").returncode == 0
    assert audit(*arguments, tmp_path / "whole").returncode == 0

    for name in FILES:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
def test_the_shipped_cytology_study_runs_in_about_a_minute_on_a_quiet_machine(audit, tmp_path):
    before = os.times().children_user

    done = audit("study", ROOT / "studies" / "cytology.yaml", "--out", tmp_path / "out", "--cache", tmp_path / "cache", "--jobs", "1")  # fmt: skip  # noqa: E501

    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES | {"cells"}
    assert "20 % forgotten, 3 seeds" in done.stdout
    assert os.times().children_user - before < 120, "CPU seconds, since other work may run beside"
