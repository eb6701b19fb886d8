"""The files that others copy: the action, the GitLab job, the hook and the examples, each of them run or read."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
JOB = ROOT / "docs" / "pipelines" / "unlearn-audit.gitlab-ci.yml"
PAGE = ROOT / "docs" / "pipelines.md"
STUB = """#!/bin/bash
# Stands in for the command: says what it was given, writes what it would, ends as it is told.
printf '%s\\n' "$@" > "$SEEN"
out=$(printf '%s\\n' "$@" | sed -n 's/^--out=//p')
if [ -n "$WRITES" ]; then
  mkdir -p "$out"
  echo '::error::a check' > "$out/report.github.txt"
  echo '## verdict' > "$out/report.md"
  echo '{"outcome": "inconclusive"}' > "$out/record.json"
fi
exit "$ENDS"
"""
NASTY = "a b; touch owned; $(touch owned) `touch owned` * 'x\" --force"


def read_yaml(path):
    return YAML(typ="safe").load(path.read_text())


@pytest.fixture
def place(tmp_path):
    """A working folder with the stub where the action and the job look for the command."""
    folder = tmp_path / "temp" / "unlearn-audit" / "bin"
    folder.mkdir(parents=True)
    (folder / "unlearn-audit").write_text(STUB)
    (folder / "unlearn-audit").chmod(0o755)
    (folder / "python").symlink_to(Path(os.sys.executable))
    (tmp_path / "work").mkdir()
    return tmp_path


def run_script(script, place, variables, *, ends=0, writes=True):
    """Run `script` as the service does; return the finished process and the arguments that the command saw."""
    seen = place / "seen"
    environment = {
        "PATH": f"{place}/temp/unlearn-audit/bin:/usr/bin:/bin",
        "RUNNER_TEMP": str(place / "temp"),
        "GITHUB_OUTPUT": str(place / "output"),
        "GITHUB_STEP_SUMMARY": str(place / "summary"),
        "SEEN": str(seen),
        "ENDS": str(ends),
        "WRITES": "yes" if writes else "",
        **variables,
    }
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(shell, capture_output=True, text=True, cwd=place / "work", env=environment, check=False)
    return done, seen.read_text().splitlines() if seen.exists() else []


@pytest.fixture(scope="module")
def action():
    return read_yaml(ROOT / "action.yml")


def run_action(action, place, given, **how):
    """Run the audit step with the defaults of the inputs and what is `given`."""
    step = action["runs"]["steps"][-1]
    inputs = {name: entry.get("default", "") for name, entry in action["inputs"].items()} | given
    variables = {
        name: inputs[re.fullmatch(r"\$\{\{ inputs\.([\w-]+) }}", text)[1]] for name, text in step["env"].items()
    }
    return run_script(step["run"], place, variables, **how)


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 127])
def test_the_action_ends_with_the_commands_exit_code(action, place, code):
    done, _ = run_action(action, place, {"policy": "p.yaml"}, ends=code)

    assert done.returncode == code


def test_the_action_gives_every_input_to_the_command(action, place):
    given = {"policy": "p.yaml", "data": "d.npz", "case": "c.yaml", "baseline": "b.json", "fail-on": "fail", "out": "o"}
    _, seen = run_action(action, place, {**given, "formats": "junit sarif"})

    assert seen == [
        *("run", "--policy=p.yaml", "--out=o", "--fail-on=fail", "--data=d.npz", "--case=c.yaml"),
        *("--baseline=b.json", "--format=junit", "--format=sarif"),
    ]


def test_the_action_gives_keys_seals_predictions_and_force_to_the_command(action, place):
    files = {"waivers": "w.yaml", "key": "k.pem", "chain": "c.pem", "signing": "s.yaml"}
    given = {"policy": "p.yaml", "predictions": "a.csv\n\nb c.csv\n", "seal": "one.json\ntwo.json", "force": "true"}
    _, seen = run_action(action, place, {**given, **files, "formats": ""})

    assert {f"--{name}={file}" for name, file in files.items()} < set(seen)
    assert [word for word in seen if word.startswith(("--predictions", "--seal"))] == [
        *("--predictions=a.csv", "--predictions=b c.csv", "--seal=one.json", "--seal=two.json"),
    ]
    assert seen[-1] == "--force"


@pytest.mark.parametrize("force", ["yes", "TRUE", "1", "true; touch owned"])
def test_a_force_that_is_neither_true_nor_false_stops_before_the_command(action, place, force):
    done, seen = run_action(action, place, {"policy": "p.yaml", "force": force})

    assert (done.returncode, seen) == (2, [])
    assert not list(place.rglob("owned"))


def test_every_option_that_the_pipelines_name_is_one_of_the_command(action, job):
    from unlearn_audit.cli.run import command

    known = {name for parameter in command.params for name in parameter.opts}
    groovy = PAGE.read_text().split("```groovy")[1].split("```")[0].split('unlearn-audit" run')[1]
    step, (script,) = action["runs"]["steps"][-1]["run"], job["script"]
    named = {f"--{name}" for name in re.findall(r"^ *add(?:_each)? ([a-z-]+) ", step, re.MULTILINE)}
    named |= set(re.findall(r"--[a-z]+(?:-[a-z]+)*", step + script + groovy))
    assert {"--key", "--chain", "--seal", "--predictions", "--case", "--force", "--baseline"} <= named
    assert named <= known
    for option in ("--key", "--chain", "--seal", "--predictions", "--case", "--force"):
        assert option in groovy
        assert option in script


def test_the_actions_defaults_name_formats_and_a_gate_that_the_command_knows(action, place):
    from unlearn_audit.formats import FORMATS

    _, seen = run_action(action, place, {"policy": "p.yaml"})

    assert {word.split("=")[1] for word in seen if word.startswith("--format=")} <= set(FORMATS)
    assert "--fail-on=inconclusive" in seen


def test_no_input_of_the_action_becomes_a_command_or_an_option(action, place):
    given = dict.fromkeys(set(action["inputs"]) - {"formats", "force", "source"}, NASTY)
    _, seen = run_action(action, place, given)

    assert f"--policy={NASTY}" in seen
    assert not {"--force", "owned"} & set(seen)
    assert not list(place.rglob("owned"))


def test_no_input_is_pasted_into_a_script(action):
    for step in action["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"


@pytest.mark.parametrize("code", [0, 1, 3])
def test_with_a_verdict_annotations_summary_and_outputs_are_written_before_the_exit(action, place, code):
    done, _ = run_action(action, place, {"policy": "p.yaml", "out": "o"}, ends=code)

    assert "::error::a check" in done.stdout
    assert (place / "summary").read_text() == "## verdict\n"
    assert (place / "output").read_text() == f"exit-code={code}\nreport=o\nverdict=inconclusive\n"


@pytest.mark.parametrize("code", [2, 5])
def test_without_a_verdict_an_older_report_is_not_taken_for_this_one(action, place, code):
    done, _ = run_action(action, place, {"policy": "p.yaml"}, ends=code)

    assert "a check" not in done.stdout
    assert "There is no verdict" in done.stdout
    assert not (place / "summary").exists()
    assert "verdict=" not in (place / "output").read_text()


def test_formats_that_were_not_asked_for_are_not_missed(action, place):
    (place / "temp" / "unlearn-audit" / "bin" / "unlearn-audit").write_text(STUB.replace("report.", "other."))
    done, seen = run_action(action, place, {"policy": "p.yaml", "formats": ""}, ends=1)

    assert done.returncode == 1
    assert not [word for word in seen if word.startswith("--format")]
    assert not (place / "summary").exists()


def test_the_action_uploads_nothing_and_depends_on_no_other_action(action):
    assert all("uses" not in step for step in action["runs"]["steps"])
    assert not re.search(r"upload|curl|wget|git push|\bgh ", (ROOT / "action.yml").read_text().split("runs:")[1])


def test_what_the_action_installs_from_is_there(action):
    install = action["runs"]["steps"][0]["run"]

    for name in re.findall(r"\$SOURCE/([\w./-]+)", install):
        assert (ROOT / name).exists()


@pytest.mark.parametrize("given", ["", "package"])
def test_the_action_installs_itself_or_the_checkout_that_is_named(action, place, given):
    """Run with stand-ins for Python and the libraries, which say what they would install."""
    source = place / "work" / "package"
    (source / "tools").mkdir(parents=True)
    (source / "tools" / "install-system-libraries.sh").write_text("")
    python = place / "temp" / "unlearn-audit" / "bin" / "python"
    python.unlink()
    for path in (python, python.with_name("python3")):
        path.write_text('#!/bin/bash\nprintf "%s\\n" "$@" >> "$SEEN"\n')
        path.chmod(0o755)
    step = action["runs"]["steps"][0]
    assert step["env"] == {"SOURCE": "${{ inputs.source || github.action_path }}"}
    done, seen = run_script(step["run"], place, {"SOURCE": given or str(source)})

    assert done.returncode == 0, done.stderr
    assert f"{source}[all]" in seen
    assert f"{source}/constraints.txt" in seen


@pytest.fixture(scope="module")
def job():
    return read_yaml(JOB)[".unlearn-audit"]


def run_job(job, place, given, **how):
    (command,) = job["script"]
    return run_script(command, place, {**job["variables"], **given}, **how)


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5])
def test_the_gitlab_job_ends_with_the_commands_exit_code(job, place, code):
    assert run_job(job, place, {}, ends=code)[0].returncode == code


def test_gitlab_lets_nothing_but_inconclusive_through(job):
    assert job["allow_failure"] == {"exit_codes": [3]}


def test_the_gitlab_job_keeps_report_and_junit_whatever_the_verdict(job):
    from unlearn_audit.formats import FORMATS

    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"] == {"junit": f"$UNLEARN_AUDIT_OUT/{FORMATS['junit'].file}"}


def test_the_gitlab_job_leaves_out_what_is_not_set_and_splits_no_value(job, place):
    _, plain = run_job(job, place, {})
    names = ("DATA", "CASE", "WAIVERS", "CHAIN", "SIGNING", "BASELINE")
    files = {f"UNLEARN_AUDIT_{name}": f"{name} {NASTY}" for name in names}
    several = {"UNLEARN_AUDIT_PREDICTIONS": f"a b.csv\n{NASTY}", "UNLEARN_AUDIT_SEAL": "one.json\ntwo.json"}
    _, full = run_job(job, place, {**files, **several, "UNLEARN_AUDIT_FORCE": "true"})

    assert [word.split("=")[0] for word in plain if word.startswith("--")] == ["--policy", "--out", "--format"]
    assert {f"--{name.lower()}={name} {NASTY}" for name in names} < set(full)
    assert full[-4:] == ["--predictions=a b.csv", f"--predictions={NASTY}", "--seal=one.json", "--seal=two.json"]
    assert "--force" in full
    assert not list(place.rglob("owned"))


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_gitlab_job_signs_with_a_copy_of_the_key_that_nobody_else_can_read_and_removes_it(job, place, code):
    key = place / "work" / "key"
    key.write_text("secret\n")
    key.chmod(0o666)
    command = place / "temp" / "unlearn-audit" / "bin" / "unlearn-audit"
    look = 'file=$(printf "%s\\n" "$@" | sed -n "s/^--key=//p"); { cat "$file"; stat -c %a "$file"; } > "$SEEN.key"\n'
    command.write_text(STUB.replace("exit ", look + "exit "))
    done, seen = run_job(job, place, {"UNLEARN_AUDIT_KEY": str(key)}, ends=code)

    assert done.returncode == code
    assert (place / "seen.key").read_text() == "secret\n600\n"
    (used,) = [word.split("=")[1] for word in seen if word.startswith("--key=")]
    assert not Path(used).exists()


def test_the_gitlab_job_installs_the_commit_that_is_named_with_the_constraints_that_lie_in_it(job, place):
    commands = "\n".join(job["before_script"])
    for name in re.findall(r"\$source/([\w./-]+)", commands):
        assert (ROOT / name).exists()
    for missing in ("UNLEARN_AUDIT_REPOSITORY", "UNLEARN_AUDIT_COMMIT"):
        given = {"UNLEARN_AUDIT_REPOSITORY": str(ROOT), "UNLEARN_AUDIT_COMMIT": "HEAD", missing: ""}
        done, _ = run_script(commands, place, {**job["variables"], **given})
        assert done.returncode != 0
        assert missing in done.stderr


def test_every_action_on_the_page_is_pinned_by_its_whole_commit_and_none_is_a_version_that_ends():
    used = re.findall(r"uses: ([\w./-]+)@(\S+)(?: # v(\d+))?", PAGE.read_text())
    versions = {name: int(version) for name, commit, version in used if re.fullmatch("[0-9a-f]{40}", commit)}

    assert {name for name, commit, _ in used} - set(versions) == {"OWNER/unlearn-audit"}
    assert versions["github/codeql-action/upload-sarif"] >= 4
    assert versions["actions/checkout"] >= 6


def test_the_hook_runs_a_command_that_exists_on_policies_only():
    (hook,) = read_yaml(ROOT / ".pre-commit-hooks.yaml")

    assert {"id", "name", "entry", "language"} <= hook.keys()
    assert hook["entry"] == "unlearn-audit policy check"
    taken = re.compile(hook["files"])
    assert all(taken.search(str(path.relative_to(ROOT))) for path in (ROOT / "policies").glob("*.yaml"))
    assert not taken.search("docs/pipelines/unlearn-audit.gitlab-ci.yml")
    assert not taken.search(".github/workflows/policies.yaml")


def test_every_example_on_the_page_is_yaml_and_names_things_that_exist(action):
    from unlearn_audit.formats import FORMATS

    page = PAGE.read_text()
    blocks = [YAML(typ="safe").load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    (audit,) = [step for step in blocks[0]["jobs"]["audit"]["steps"] if step.get("id") == "audit"]
    assert audit["with"].keys() <= action["inputs"].keys()
    assert {f"`{name}`" for name in action["inputs"]} <= set(re.findall(r"`[\w-]+`", page))
    assert set(re.findall(r"--format (\w+)", page)) <= set(FORMATS)
    assert blocks[2]["repos"][0]["hooks"][0]["id"] == read_yaml(ROOT / ".pre-commit-hooks.yaml")[0]["id"]
    assert blocks[1]["include"]["local"] == JOB.name


def test_the_table_of_exit_codes_is_the_programs():
    from unlearn_audit.errors import ExitCode

    assert [int(code) for code in re.findall(r"^\| (\d) \|", PAGE.read_text(), re.MULTILINE)] == sorted(ExitCode)
