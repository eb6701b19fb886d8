"""docs/studies.md: its commands exist, its study is one and runs, and it names every key and every measure."""

import json
import re
import shlex
from pathlib import Path

import pytest

from unlearn_audit.cli import run_guarded
from unlearn_audit.cli.commands import group
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import Claim, StudyFile, find_policy, load_policy, load_study
from unlearn_audit.policy.study_file import Relearning, StudyReferences
from unlearn_audit.records import Population
from unlearn_audit.study import StudyResult
from unlearn_audit.study.summary import choose_measures

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "studies.md").read_text("utf-8")
COMMANDS = re.findall(r"^unlearn-audit (.*)", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_understood(line, monkeypatch, capsys):
    files = []
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("unlearn_audit.cli.study.study_from_options", lambda options: files.append(options.file) or 0)

    assert run_guarded(shlex.split(line)) == 0

    if line.startswith("study"):
        assert load_study(files[0], name_known()).id == "cytology"
    else:
        assert json.loads(capsys.readouterr().out)["title"] == "StudyFile"


@pytest.fixture
def example(tmp_path):
    (tmp_path / "study.yaml").write_text(re.search(r"```yaml[^\n]*\n(.*?)```", PAGE, re.DOTALL).group(1))
    return load_study(tmp_path / "study.yaml", name_known())


def test_the_example_is_a_study_whose_claims_can_be_answered(example):
    measures = choose_measures(example, load_policy(find_policy(example.policy), name_known()))

    assert {claim.measure for claim in example.claims} <= set(measures)


def test_the_page_names_every_key():
    for key in StudyFile.model_fields:
        assert re.search(rf"(`{key}`|^{key.rstrip('_')}:)", PAGE, re.MULTILINE), key
    for model in (Relearning, StudyReferences, Claim):
        for key in model.model_fields:
            assert re.search(rf"(`{key}|\b{key}: )", PAGE), key


def test_the_page_names_every_measure_and_no_other(example):
    example = example.model_copy(update={"by_class": True})
    groups = (Population.of_group("<column>", "<group>"),)
    measures = set(choose_measures(example, load_policy(find_policy(example.policy), name_known()), groups))
    table = PAGE[PAGE.index("| name | meaning |") : PAGE.index("`fnr` moves")]
    named = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(.*?)`", row)}

    attacks = {name for name in measures if f"{name.rpartition('-')[0]}-positive" in measures}
    assert named - {"<attack>-all", "<attack>-positive"} == measures - attacks | {
        name for name in attacks if name.startswith("relearned")
    }


def test_the_options_are_the_commands():
    known = {name for parameter in group.commands["study"].params for name in parameter.opts}

    assert set(re.findall(r"`(--[a-z]+)", PAGE)) <= known


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)", PAGE))
def test_every_link_leads_somewhere(link):
    assert (ROOT / "docs" / link).exists()


ROWS = re.findall(r"^\| `([a-z0-9-]+)` .*\| ([^|]+) \|$", PAGE.split("## Shipped studies")[1], re.MULTILINE)
PUBLISHED = {path.stem.removeprefix("study-"): path for path in (ROOT / "docs" / "appendix").glob("study-*.json")}


def test_every_shipped_study_has_its_row_and_what_is_not_published_was_not_run():
    assert sorted(name for name, _ in ROWS) == sorted(path.stem for path in (ROOT / "studies").glob("*.yaml"))
    assert {name for name, time in ROWS if "not run" not in time} == {*PUBLISHED, "cytology"}


@pytest.mark.parametrize(("name", "time"), [row for row in ROWS if row[0] in PUBLISHED])
def test_its_time_is_that_of_its_models_and_with_reference_models_more(name, time):
    result = StudyResult.model_validate_json(PUBLISHED[name].read_bytes())
    number, unit = re.fullmatch(r"([\d.]+) (minute|hour)s?", time).groups()
    stated = float(number) * {"minute": 60, "hour": 3_600}[unit]
    models = sum((row.seconds or 0) * len(cell.seeds) for cell in result.cells for row in cell.rows)

    assert models <= 1.1 * stated
    if result.study.references is None:
        assert stated <= 1.5 * models


def test_the_page_of_single_patients_gives_its_studies_the_same_times():
    stated = re.findall(r"some (\d+ minutes) of one core", (ROOT / "docs" / "patients.md").read_text("utf-8"))

    assert stated == [time for name, time in ROWS if name.startswith("patients-")]
