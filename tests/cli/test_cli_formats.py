"""`--format` and `--baseline`: what pipelines get beside the exit code."""

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from tests.support.ceilings import FAILS, PASSES

FILES = {"junit": "report.junit.xml", "sarif": "report.sarif", "markdown": "report.md", "github": "report.github.txt"}


def ask_for(names):
    return [word for name in names for word in ("--format", name)]


@pytest.fixture(scope="session")
def failing(failing_run):
    """The folder of a failing bundle in all formats, and what was printed."""
    out, done = failing_run
    assert done.returncode == 1, done.stdout + done.stderr
    return out, done.stdout


def test_each_format_is_a_file_of_the_bundle_that_the_signature_covers(run_here, failing, root_certificate, tmp_path):
    out, _ = failing
    copy = shutil.copytree(out, tmp_path / "copy")
    assert all((out / name).stat().st_size > 0 for name in FILES.values())
    assert run_here("verify", copy, "--trust", root_certificate)[0] == 1

    with (copy / "report.junit.xml").open("a") as file:
        file.write(" ")
    code, output, _ = run_here("verify", copy, "--trust", root_certificate)
    assert code == 4
    assert "report.junit.xml: changed since signing" in output


def test_sarif_points_at_the_line_of_the_policy_that_was_given(failing, policy_file):
    out, _ = failing
    log = json.loads((out / "report.sarif").read_text())
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]

    policy = policy_file(FAILS)
    assert place["artifactLocation"]["uri"] == policy.name
    assert "id: risk" in policy.read_text().splitlines()[place["region"]["startLine"] - 1]


def test_junit_counts_the_failure(failing):
    suites = ET.parse(failing[0] / "report.junit.xml").getroot()  # noqa: S314 - written by the run above

    assert suites.get("failures") == "1"


def test_a_regression_is_printed_by_name_with_both_bounds_and_stands_in_the_markdown(failing):
    out, output = failing

    line = next(line for line in output.splitlines() if line.startswith("REGRESSION, same"))
    assert line.split("  ")[1] == "Global Risk"
    assert line.count("[") == 2
    assert "Regressions: 1: Global Risk" in output
    assert "**1 regression.**" in (out / "report.md").read_text()


def test_the_record_does_not_know_of_formats_and_baseline(run_here, failing, tmp_path):
    out, _ = failing
    arguments = ("--policy", out / "policy.yaml", "--out", tmp_path / "plain", "--format", "json")

    assert run_here("recheck", out / "evidence.parquet", *arguments)[0] == 1
    assert (tmp_path / "plain" / "record.json").read_bytes() == (out / "record.json").read_bytes()


def test_a_baseline_that_was_worse_does_not_save_a_verdict_nor_a_better_one_spoil_it(
    run_here, finished, failing, policy_file
):
    evidence, policy = finished / "evidence.parquet", policy_file(PASSES)

    code, output, _ = run_here("recheck", evidence, "--policy", policy, "--baseline", failing[0] / "record.json")
    assert code == 0
    assert "Verdict then FAIL, now PASS." in output
    assert "Regressions: 0" in output

    code, output, _ = run_here(
        "recheck", evidence, "--policy", policy_file(FAILS), "--baseline", finished / "record.json"
    )
    assert code == 1
    assert "Both judge the same evidence." in output


@pytest.mark.parametrize(("content", "code"), [(None, 2), ("{}", 4), ("no json", 4)])
def test_a_baseline_that_is_no_record_is_refused_before_anything_is_trained(
    run_here, policy_file, tmp_path, content, code
):
    baseline = tmp_path / "baseline.json"
    if content is not None:
        baseline.write_text(content)

    result, _, err = run_here("run", "--policy", policy_file(), "--out", tmp_path / "out", "--baseline", baseline)
    assert result == code
    assert "train" not in err
    assert not (tmp_path / "out").exists()


def test_a_folder_as_baseline_gets_a_hint(run_here, policy_file, tmp_path, finished):
    code, _, err = run_here("run", "--policy", policy_file(), "--out", tmp_path / "out", "--baseline", finished)

    assert code == 2
    assert f"did you mean {finished / 'record.json'}?" in err


def test_an_unknown_format_is_refused_before_anything_is_trained(run_here, policy_file, tmp_path):
    code, _, err = run_here("run", "--policy", policy_file(), "--out", tmp_path / "out", "--format", "junitt")

    assert code == 2
    assert "did you mean 'junit'?" in err
    assert not (tmp_path / "out").exists()


def test_render_makes_the_pipelines_files_again_byte_for_byte(run_here, failing, policy_file, tmp_path):
    out, _ = failing
    arguments = ("--policy", policy_file(FAILS).name, "--out", tmp_path, *ask_for(["junit", "sarif"]))

    assert run_here("render", out / "record.json", *arguments)[0] == 0
    for name in ("report.junit.xml", "report.sarif"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_render_finds_the_policy_beside_the_record(run_here, failing, place, tmp_path):
    run_here("render", failing[0] / "record.json", "--out", tmp_path, "--format", "sarif")

    log = json.loads((tmp_path / "report.sarif").read_text())
    spot = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert spot["artifactLocation"]["uri"] == "failing/policy.yaml"
    assert spot["region"]["startLine"] > 1


@pytest.mark.parametrize("beside", [None, "not: a policy", "other"])
def test_render_without_its_policy_points_at_no_line_and_says_so(run_here, failing, tmp_path, beside, policy_file):
    shutil.copy(failing[0] / "record.json", tmp_path)
    if beside is not None:
        text = policy_file(PASSES).read_text() if beside == "other" else beside
        (tmp_path / "policy.yaml").write_text(text)

    code, _, err = run_here("render", tmp_path / "record.json", "--out", tmp_path, "--format", "sarif")

    assert code == 0
    assert "results point at no line" in err
    assert '"region"' not in (tmp_path / "report.sarif").read_text()


def test_render_refuses_a_policy_that_is_not_the_records(run_here, failing, policy_file, tmp_path):
    arguments = ("--policy", policy_file(PASSES), "--out", tmp_path / "out", "--format", "sarif")

    code, _, err = run_here("render", failing[0] / "record.json", *arguments)
    assert code == 2
    assert "is not the policy of this record" in err
    assert not (tmp_path / "out").exists()


def test_list_names_each_format_and_its_file(run_here):
    output = run_here("list", "formats")[1]

    assert all(name in output and file in output for name, file in FILES.items())


def test_the_policy_check_of_the_hook_needs_no_torch(environment):
    code = (
        "import sys; sys.modules['torch'] = None; from unlearn_audit.cli import run_guarded; "
        "sys.exit(run_guarded(['policy', 'check', 'breast-ultrasound']))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr


def test_a_summary_is_written_by_its_profile_and_by_its_formats(run_here, finished, tmp_path):
    record = finished / "record.json"
    code, _, _ = run_here("render", record, "--profile", "summary", "--out", tmp_path)

    assert code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["summary.html", "summary.pdf"]
    assert "This is a summary" in (tmp_path / "summary.html").read_text()
    assert run_here("render", record, "--format", "summary", "--out", tmp_path / "again")[0] == 0
    assert (tmp_path / "again" / "summary.html").read_bytes() == (tmp_path / "summary.html").read_bytes()


def test_a_format_without_a_summary_is_refused(run_here, finished, tmp_path):
    code, _, err = run_here(
        "render", finished / "record.json", "--profile", "summary", "--format", "sarif", "--out", tmp_path / "out"
    )

    assert code == 2
    assert "expected the formats html and pdf, found sarif" in err
    assert not (tmp_path / "out").exists()


def read_places(folder):
    log = json.loads((folder / "report.sarif").read_text())
    spots = [result["locations"][0]["physicalLocation"] for result in log["runs"][0]["results"]]
    junit = ET.parse(folder / "report.junit.xml").getroot()  # noqa: S314 - written by us
    (named,) = {spot["artifactLocation"]["uri"] for spot in spots} | {junit[0].get("file")}
    return named, [spot.get("region", {}).get("startLine") for spot in spots]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A working folder with a policy.yaml at its root that has nothing to do with the audit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "policy.yaml").write_text("unrelated: true\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def judged(failing, policy_file):
    """The failing report's evidence, and a policy outside of the repository."""
    return failing[0] / "evidence.parquet", policy_file(FAILS).absolute()


def test_a_policy_from_elsewhere_is_pointed_at_in_its_copy_in_the_report_never_at_the_root(
    run_here, judged, repository
):
    evidence, policy = judged
    run_here("recheck", evidence, "--policy", policy, "--out", repository / "out", *ask_for(["sarif", "junit"]))

    named, lines = read_places(repository / "out")
    assert named == "out/policy.yaml"
    written = (repository / named).read_text().splitlines()
    assert all("id:" in written[line - 1] for line in lines)


def test_render_of_a_record_from_elsewhere_points_at_no_file_of_the_repository(
    run_here, failing, judged, repository, tmp_path
):
    _, policy = judged
    shutil.copy(failing[0] / "record.json", tmp_path / "record.json")
    run_here("render", tmp_path / "record.json", "--policy", policy, "--out", repository, *ask_for(["sarif", "junit"]))

    named, lines = read_places(repository)
    assert named == f"elsewhere/{policy.name}"
    assert all(lines)
    assert not (repository / named).exists()


def test_render_beside_the_bundle_points_into_the_bundle(run_here, failing, judged, repository):
    _, policy = judged
    bundle = shutil.copytree(failing[0], repository / "bundle")
    run_here("render", bundle / "record.json", "--policy", policy, "--out", repository, *ask_for(["sarif", "junit"]))

    named, lines = read_places(repository)
    assert named == "bundle/policy.yaml"
    assert all(lines)
