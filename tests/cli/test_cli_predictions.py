"""Predictions made elsewhere, through the command: a signed report, without torch, and every refusal's exit code."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pages import read_page
from tests.support.prediction_files import POLICY, make_rows, write_rows

ROOT = Path(__file__).resolve().parents[2]
_BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "medmnist", "safetensors"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Blocked())
from unlearn_audit.cli import main
main()
"""


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "external.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def table(tmp_path):
    return write_rows(tmp_path / "predictions.csv", make_rows())


@pytest.fixture(scope="module")
def external(environment, tmp_path_factory):
    """A folder with a policy, a table, and the report on it, which was made where no torch is to be had."""
    folder = tmp_path_factory.mktemp("external")
    (folder / "external.yaml").write_text(POLICY)
    write_rows(folder / "predictions.csv", make_rows())
    arguments = ["run", "--predictions", "predictions.csv", "--policy", "external.yaml", "--out", "report"]
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED, *arguments], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def bundle(external):
    return external / "report"


def test_predictions_become_a_signed_report_without_torch_that_verifies_and_recomputes(run_here, bundle, environment):
    root = Path(environment["HOME"]) / ".config" / "unlearn-audit" / "test-key" / "root.crt.pem"
    code, out, _ = run_here("verify", bundle, "--trust", root, "--recompute", "--rerender", "--json")

    assert {line["state"] for line in json.loads(out)["lines"]} <= {"ok", "test-key"}, out
    assert code == json.loads(out)["exit_code"]
    assert not (bundle / "models").exists()


def test_the_report_says_brought_along_with_the_files_digest(bundle):
    import hashlib

    table = bundle.parent / "predictions.csv"

    page = (bundle / "report.html").read_text()

    assert "external" in page
    assert "neither ran the models nor saw the data" in page
    assert hashlib.sha256(table.read_bytes()).hexdigest() in page


def test_recheck_of_the_evidence_gives_the_same_record(run_here, bundle, policy):
    code, out, _ = run_here("recheck", bundle / "evidence.parquet", "--policy", policy)

    assert code == 0
    assert "the same, bit for bit" in out


@pytest.mark.usefixtures("small_pages")
def test_rounded_probabilities_do_not_pass_as_forgotten(run_here, policy, tmp_path):
    rows = [{k: f"{float(v):.2f}" if ":" in k else v for k, v in row.items()} for row in make_rows()]
    path = write_rows(tmp_path / "rounded.csv", rows)
    code, out, _ = run_here("run", "--predictions", path, "--policy", policy, "--out", tmp_path / "rounded")

    assert code == 3
    assert "predictions this coarse hide who is remembered" in out


@pytest.mark.usefixtures("small_pages")
def test_a_worse_model_fails_and_a_formula_for_an_id_is_inert_on_the_page_and_kept_in_the_record(
    run_here, policy, tmp_path
):
    rows = make_rows()
    for row in rows:
        row["id"] = f'=cmd|"/c calc"!A{row["id"]}<b>'
        if row["split"] == "test" and row["label"] == "malignant":
            row |= {"unlearned:benign": "0.9", "unlearned:malignant": "0.1"}
    path = write_rows(tmp_path / "formula.csv", rows)
    policy.write_text(f"{POLICY}record_ids: report\n")
    arguments = ("--policy", policy, "--out", tmp_path / "formula", "--format", "html,markdown", "--format", "junit")
    assert run_here("run", "--predictions", path, *arguments)[0] == 1
    record = (tmp_path / "formula" / "record.json").read_text()
    page = (tmp_path / "formula" / "report.html").read_text()

    assert '=cmd|\\"/c calc\\"!A' in record
    assert "<code>&#39;=cmd|" in page
    assert ">=cmd" not in page
    assert "=cmd" not in (tmp_path / "formula" / "report.md").read_text()
    assert "=cmd" not in (tmp_path / "formula" / "report.junit.xml").read_text()


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda rows: rows, 0, "Every required check can be measured."),
        (lambda rows: [{k: v for k, v in r.items() if "retrained" not in k} for r in rows], 3,
         "To bring: predictions of the retrained model, on the same records"),
        (lambda rows: [r for r in rows if r["split"] != "validation"], 0,
         "To bring: predictions of the original (and all other models) on validation records, apart from test"),
        (lambda rows: [{k: f"{float(v):.2f}" if ":" in k else v for k, v in r.items()} for r in rows], 3,
         "To bring: logits, or probabilities with all their digits"),
        (lambda rows: [r for r in rows if r["split"] != "forget" or r["label"] == "benign"], 3,
         "To bring: more records, for 'forgotten-malignant': 0 forget records (positive) are fewer than 10"),
        (lambda rows: [{**r, "label": "x"} for r in rows], 5, "expected labels"),
    ],
)  # fmt: skip
def test_evidence_check_says_what_to_bring(run_here, policy, tmp_path, change, code, words):  # noqa: PLR0917
    path = write_rows(tmp_path / "given.csv", change(make_rows()))
    found, out, err = run_here("evidence", "check", path, "--policy", policy)

    assert words in out + err
    assert found == code


def test_evidence_check_asks_for_the_policys_cluster_column(run_here, policy, table, tmp_path):
    clustered = tmp_path / "clustered.yaml"
    clustered.write_text(policy.read_text().replace("resamples: 1000", "resamples: 1000, cluster: lesion_id"))
    code, out, _ = run_here("evidence", "check", table, "--policy", clustered)

    assert code == 3
    assert "To bring: a group column 'lesion_id'" in out


def test_evidence_check_shows_no_result(run_here, policy, table):
    _, out, _ = run_here("evidence", "check", table, "--policy", policy)

    assert not re.search(r"pass\b|fail\b|0\.\d", out.replace("never pass", ""))


def test_evidence_check_reads_evidence_too(run_here, bundle, policy, tmp_path):
    assert run_here("evidence", "check", bundle / "evidence.parquet", "--policy", policy)[0] == 0
    case = tmp_path / "case.yaml"
    case.write_text("schema: unlearn-audit/case/v1\nname: x\n")
    assert run_here("evidence", "check", bundle / "evidence.parquet", "--policy", policy, "--case", case)[0] == 2


def test_evidence_check_takes_the_predictions_that_the_case_names_as_run_does(run_here, policy, table, tmp_path):
    case = tmp_path / "case.yaml"
    case.write_text(f"schema: unlearn-audit/case/v1\nname: x\npredictions: [{table.name}]\n")
    code, out, err = run_here("evidence", "check", "--policy", policy, "--case", case)

    assert (code, err) == (0, "")
    assert "Every required check can be measured." in out


def test_evidence_check_without_any_file_says_how_to_name_one(run_here, policy):
    code, _, err = run_here("evidence", "check", "--policy", policy)

    assert code == 2
    assert "predictions: [FILE]" in err


def test_what_labels_mean_is_about_predictions_and_refused_elsewhere(run_here, policy, tmp_path):
    case = tmp_path / "case.yaml"
    for more in ("", "models: {original: {file: o.pt}, unlearned: {file: u.pt}}\n"):
        case.write_text(f"schema: unlearn-audit/case/v1\nname: x\nlabels: {{B: benign}}\n{more}")
        code, _, err = run_here("run", "--policy", policy, "--case", case)

        assert code == 2
        assert "'labels' of the case file would do nothing" in err


@pytest.mark.usefixtures("small_pages")
def test_missing_retained_records_are_not_run_where_the_case_states_the_number(run_here, policy, tmp_path):
    path = write_rows(tmp_path / "some.csv", [row for row in make_rows() if row["split"] != "retain"])
    case = tmp_path / "case.yaml"
    case.write_text(
        f"schema: unlearn-audit/case/v1\nname: x\npredictions: [{path.name}]\nabout_data: {{training_records: 400}}\n"
        "observations: [Accuracy 0.93]\n"
    )
    code, out, _ = run_here(
        "run", "--case", case, "--policy", policy, "--out", tmp_path / "out", "--format", "html,markdown"
    )
    record = json.loads((tmp_path / "out" / "record.json").read_text())

    assert code == 3
    assert "not run" in out
    assert record["provenance"]["forget"]["fraction"] == 0.1
    assert record["provenance"]["notes"][-1]["text"].endswith("not checked: Accuracy 0.93")
    assert "Observation only" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    "options",
    [("--data", "x.npz"), ("--method", "salun"), ("--compare", "salun"), ("--no-remedy",), ("--no-retrain",),
     ("--offline",), ("--threads", "2"), ("--cache", "c"), ("--forget", "0.2"),
     ("--jobs", "2"), ("--cluster", "tcp://a:1")],
)  # fmt: skip
def test_options_that_only_training_uses_are_refused(run_here, policy, table, tmp_path, options):
    code, _, err = run_here("run", "--predictions", table, "--policy", policy, "--out", tmp_path / "o", *options)

    assert code == 2
    assert options[0] in err or "share" in err
    assert not (tmp_path / "o").exists()


def test_what_the_case_says_for_the_report_and_earlier_runs_are_kept(run_here, policy, table, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767323045")
    case = tmp_path / "case.yaml"
    case.write_text("schema: unlearn-audit/case/v1\nname: x\ndevice: {name: Dermascope}\n")
    arguments = (
        "run",
        "--predictions",
        table,
        "--policy",
        policy,
        "--case",
        case,
        "--out",
        tmp_path / "o",
        "--force",
        "--format",
        "html",
    )
    codes = [run_here(*arguments)[0] for _ in range(2)]
    provenance = json.loads((tmp_path / "o" / "record.json").read_text())["provenance"]

    assert codes == [0, 0]
    assert provenance["device"]["name"] == "Dermascope"
    assert len(provenance["earlier_runs"]) == 1


def test_scores_without_predictions_are_refused(run_here, policy):
    assert run_here("run", "--policy", policy, "--scores", "logits")[0] == 2


def test_what_a_case_says_of_training_is_refused_beside_predictions(run_here, policy, table, tmp_path):
    case = tmp_path / "case.yaml"
    case.write_text("schema: unlearn-audit/case/v1\nname: x\nunlearn: {method: salun}\n")
    code, _, err = run_here("run", "--predictions", table, "--policy", policy, "--case", case)

    assert code == 2
    assert "'unlearn' of the case file would do nothing" in err


def test_a_mistake_in_the_facts_of_a_model_has_its_line(run_here, policy, tmp_path):
    case = tmp_path / "case.yaml"
    case.write_text("schema: unlearn-audit/case/v1\nname: x\nmodels:\n  unlearned: {titel: SCRUB}\n")
    code, _, err = run_here("run", "--policy", policy, "--case", case)

    assert code == 2
    assert "case.yaml:4:15: models.unlearned.titel: " in err
    assert "did you mean 'title'?" in err


@pytest.mark.thorough
def test_the_commands_and_the_case_of_the_page_run(run_here, monkeypatch, environment, tmp_path):
    page = read_page("data.md#predictions")
    commands = re.search(r"```console\n(.*?)```", page, re.DOTALL).group(1).strip().splitlines()
    write_rows(
        tmp_path / "predictions.csv", make_rows(sizes={"retain": 60, "forget": 40, "validation": 40, "test": 200})
    )
    sample = ROOT / "examples" / "predictions" / "policy.yaml"
    (tmp_path / "policy.yaml").write_bytes(sample.read_bytes())
    monkeypatch.chdir(tmp_path)
    check, run, verify = [line.removeprefix("unlearn-audit ").split() for line in commands]

    assert run_here(*check)[0] == 0
    assert run_here(*run)[0] in (0, 1, 3)
    root = Path(environment["HOME"]) / ".config" / "unlearn-audit" / "test-key" / "root.crt.pem"
    assert "integrity" in run_here(*(root if word.endswith("root.crt.pem") else word for word in verify))[1]


def test_the_case_file_of_the_page_is_one(tmp_path):
    from unlearn_audit.policy import KnownNames, load_case

    page = read_page("data.md#predictions")
    (tmp_path / "case.yaml").write_text(re.search(r"```yaml\n(.*?)```", page, re.DOTALL).group(1))
    case = load_case(tmp_path / "case.yaml", KnownNames())

    assert case.models["unlearned"].column == "scrub_v2"
    assert case.about_data.training_records == 12_000
