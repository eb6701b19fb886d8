"""A base install has neither torch nor WeasyPrint: it works, or says at once which extra is missing."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from unlearn_audit.software import EXTRAS

ROOT = Path(__file__).resolve().parents[2]
BARE = ("torch", "weasyprint", "medmnist", "safetensors", "matplotlib", "onnxruntime", "distributed", "mlflow")
ABSENT = f"""
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, path=None, target=None: (
    None if name.partition(".")[0] in {BARE!r} else find(name, path, target))
"""
"""Python code after which these packages cannot be found, as if they were not installed."""


@pytest.fixture(scope="module")
def bare(environment, place):
    """Run the command in a process that cannot import what the extras bring."""

    def run(*arguments):
        code = f"{ABSENT}\nfrom unlearn_audit.cli import run_guarded; sys.exit(run_guarded(sys.argv[1:]))"
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True, text=True, cwd=place, env=environment, check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def options(place):
    """A small sound table, its policy and the records to forget, as a newcomer has them."""
    import numpy as np

    rng = np.random.default_rng(3)
    rows = ["id,split,label,original,unlearned"]
    erased = [i for i in range(400) if i % 8 < 2]
    for i in range(900):
        truth, split = i % 2, ("train", "train", "val", "test")[i // 2 % 4]
        side = 1 if truth else -1
        score = 3 * side + rng.normal(0, 1.2)
        later = score + rng.normal(0, 0.2)
        score += 1.5 * side * (i in erased)
        answers = f"{1 / (1 + np.exp(-score))},{1 / (1 + np.exp(-later))}"
        rows.append(f"r{i:04d},{split},{('benign', 'malignant')[truth]},{answers}")
    (place / "bare.csv").write_text("\n".join(rows))
    (place / "bare-ids.csv").write_text("id\n" + "\n".join(f"r{i:04d}" for i in erased))
    (place / "bare.yaml").write_text(
        (ROOT / "policies" / "breast-cytology.yaml").read_text().partition("reference_case:")[0]
    )
    return ("--predictions", "bare.csv", "--forget", "bare-ids.csv", "--policy", "bare.yaml")


@pytest.mark.thorough
def test_predictions_are_judged_and_the_report_is_html_and_record_which_is_said_before_the_work(
    bare, options, place, run_here
):
    done = bare("run", *options, "--out", "bare")

    assert done.returncode in (0, 1, 3), done.stderr
    first = done.stderr.splitlines()[0]
    assert first.startswith("This report will be written as report.html, record.json. No report.pdf: WeasyPrint is not")
    assert "pip install 'unlearn-audit[pdf]'" in first
    names = {path.name for path in (place / "bare").iterdir()}
    assert {"report.html", "record.json"} <= names
    assert "report.pdf" not in names
    root = place / ".config" / "unlearn-audit" / "test-key" / "root.crt.pem"
    code, output, _ = run_here("verify", "bare", "--trust", root, "--recompute", "--rerender", "--json")
    states = {line["name"]: line for line in json.loads(output)["lines"]}
    assert code == done.returncode
    assert states["PDF signature"]["state"] == "absent"
    assert "made without a report.pdf" in states["PDF signature"]["sentence"]
    assert states["pages equal record"]["state"] == "ok"


def test_a_pdf_that_was_asked_for_is_refused_before_the_work(bare, options, place):
    done = bare("run", *options, "--out", "no-pdf", "--format", "html,pdf")

    assert done.returncode == 5
    assert done.stderr == (
        "unlearn-audit: WeasyPrint is not installed: a PDF cannot be made\nhint: pip install 'unlearn-audit[pdf]'\n"
    )
    assert not (place / "no-pdf").exists()


@pytest.mark.parametrize("arguments", [("run", "--policy", "breast-cytology", "--out", "no-torch"),
                                       ("study", ROOT / "studies" / "cytology.yaml", "--out", "no-torch")],
                         ids=["run", "study"])  # fmt: skip
def test_making_models_without_torch_names_the_extra_before_the_work(bare, place, arguments):
    done = bare(*arguments)

    assert done.returncode == 5
    assert "torch, which is not installed\nhint: pip install 'unlearn-audit[train]'\n" in done.stderr
    assert "internal error" not in done.stderr
    assert not (place / "no-torch").exists()


@pytest.mark.parametrize(
    "command",
    [
        "verify",
        pytest.param("recheck", marks=pytest.mark.thorough),
        "render",
        pytest.param("policy check", marks=pytest.mark.thorough),
        "list",
        "schema policy",
        "seal",
    ],
)
def test_what_needs_no_extra_works_without_them(bare, place, command):
    sample = ROOT / "sample_reports" / "breast-cytology-pass"
    more = {
        "verify": (sample, "--trust", ROOT / "sample_reports" / "test-root.pem"),
        "recheck": (sample / "evidence.parquet", "--policy", sample / "policy.yaml"),
        "render": (sample / "record.json", "--out", "bare-rendered"),
        "policy check": ("breast-cytology",),
        "seal": ("--policy", "breast-cytology", "--out", "bare.seal.json"),
    }
    done = bare(*command.split(), *more.get(command, ()))

    assert done.returncode == 0, done.stderr


def test_a_module_that_is_missing_in_the_middle_names_its_extra_and_another_one_stays_a_bug_of_ours(
    run_here, monkeypatch
):
    for module, words in (
        ("safetensors.torch", "hint: pip install 'unlearn-audit[train]'"),
        ("numppy", "internal error"),
    ):

        def miss(_names, module=module):
            raise ModuleNotFoundError(f"No module named '{module}'", name=module)

        monkeypatch.setattr("unlearn_audit.cli.policy.check_policy_files", miss)
        code, _, err = run_here("policy", "check", "dermatology")
        assert code == 5
        assert words in err
        if "the log is at" in err:
            Path(err.strip().rsplit(" ", 1)[-1]).unlink()


def test_the_extras_are_those_of_the_package():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    distributions = {"pkcs11": "python-pkcs11", "mlflow": "mlflow-skinny"}
    for extra, modules in EXTRAS.items():
        named = {re.match(r"[\w-]+", requirement).group() for requirement in extras[extra]}
        assert {distributions.get(module, module) for module in modules} == named


def test_the_base_install_brings_no_matplotlib():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert not [name for name in project["dependencies"] if name.startswith(("matplotlib", "torch", "weasyprint"))]


def test_verify_imports_nothing_that_judges_or_renders(environment):
    sample, root = ROOT / "sample_reports" / "breast-cytology-pass", ROOT / "sample_reports" / "test-root.pem"
    code = (
        "import sys; from unlearn_audit.cli import run_guarded\n"
        f"assert run_guarded(['verify', {str(sample)!r}, '--trust', {str(root)!r}]) == 0\n"
        "heavy = ('sklearn', 'scipy', 'numpy', 'pyarrow', 'jinja2', 'matplotlib', 'torch', 'weasyprint', 'rich',\n"
        "         'unlearn_audit.formats', 'unlearn_audit.presentation', 'unlearn_audit.stats')\n"
        "measures = {m for m in sys.modules if m.startswith('unlearn_audit.findings.')}\n"
        "print(sorted(set(heavy) & set(sys.modules)), sorted(measures), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)

    assert done.stderr == "[] ['unlearn_audit.findings.traits']\n"  # what a check may ask for, without what measures it
