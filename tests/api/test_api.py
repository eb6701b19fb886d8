"""The tool from Python: what the docs show is run, what a notebook shows is inert, what is saved verifies."""

import doctest
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import unlearn_audit
from tests.support.proofs import render_small
from unlearn_audit import (
    Evidence,
    api,
    audit,
    load_policy,
    make_evidence,
    read_evidence,
    read_predictions,
    write_report,
)
from unlearn_audit.errors import AuditError, EvidenceError
from unlearn_audit.policy import ExternalModelFacts

ROOT = Path(__file__).resolve().parents[2]
PARTS = np.repeat(["retain", "forget", "validation", "test"], 60)
TRUTH = np.arange(240) % 5 < 2


@pytest.fixture(scope="module")
def policy():
    return load_policy("breast-cytology")


def make_scores(seed=3):
    rng = np.random.default_rng(seed)
    logit = np.where(TRUTH, 3, -3) + rng.normal(size=240)
    return {name: logit + rng.normal(0, 0.2, 240) for name in ("original", "unlearned", "retrained")}


@pytest.fixture(scope="module")
def make(policy):
    def maker(**changes):
        given = {"ids": np.arange(240), "split": PARTS, "label": TRUTH.astype(int), "models": make_scores()}
        given["classes"] = ["benign", "malignant"]
        return make_evidence(policy, **{**given, "scores": "logits", **changes})

    return maker


def test_the_page_runs_as_it_stands(monkeypatch):
    monkeypatch.chdir(ROOT)  # the page names a policy of the repository
    assert doctest.testfile(str(ROOT / "docs" / "python.md"), module_relative=False).failed == 0
    assert "Five lines" in (ROOT / "docs" / "python.md").read_text()


def test_the_docstrings_run_as_they_stand():
    result = doctest.testmod(api)

    assert result.attempted > 5
    assert result.failed == 0


def test_the_package_gives_the_function_also_after_every_module_was_imported():
    code = (
        "import unlearn_audit.pipeline.audit, unlearn_audit.cli.run, unlearn_audit.selftest\n"
        "from unlearn_audit import audit, load_policy, Evidence\n"
        "print(callable(audit), 'torch' in __import__('sys').modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert output.split() == ["True", "False"]


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, unlearn_audit; print(sorted({'numpy', 'pydantic', 'scipy', 'torch'} & set(sys.modules)))"

    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_type_checkers_and_python_know_the_same_names():
    stub = (ROOT / "src" / "unlearn_audit" / "__init__.pyi").read_text()

    assert set(re.findall(r"import (\w+) as \1$", stub, re.MULTILINE)) == {*unlearn_audit.__all__} - {"__version__"}


def test_every_public_name_is_there_and_documented():
    for name in unlearn_audit.__all__:
        assert name == "__version__" or getattr(unlearn_audit, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        unlearn_audit.nothing  # noqa: B018


def test_one_score_two_columns_and_lists_give_the_same_answers(make):
    single = make()
    two = make(
        models={name: np.column_stack([np.zeros(240), z]) for name, z in make_scores().items()},
        classes=["benign", "malignant"],
        label=np.where(TRUTH, "malignant", "benign"),
    )
    lists = make(models={name: z.tolist() for name, z in make_scores().items()}, ids=[str(i) for i in range(240)])

    for other in (two, lists):
        assert other.ids.tolist() == single.ids.tolist()
        assert (other.label == single.label).all()
        np.testing.assert_allclose(other.log_probs["unlearned"], single.log_probs["unlearned"], rtol=1e-12)


def test_pandas_columns_are_taken(make):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": [f"a{i}" for i in range(240)], "split": PARTS, "sex": ["f", None] * 120})
    evidence = make(ids=frame["id"], split=frame["split"], groups={"sex": frame["sex"]})

    assert isinstance(evidence, Evidence)
    assert evidence.groups["sex"][:2].tolist() == ["f", ""]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ids": np.zeros(240)}, "more than once: '0'"),
        ({"ids": np.arange(239)}, "expected one split for each of 239 records, found 240"),
        ({"split": np.full(240, "tset")}, "expected splits"),
        ({"label": np.full(240, 2)}, "expected labels"),
        ({"models": {"original": np.full(240, np.nan), "unlearned": np.zeros(240)}}, "NaN or infinity at position 0"),
        ({"models": {"original": np.zeros(240)}}, "expected predictions of the unlearned model"),
        ({"models": {"original": np.zeros((240, 3)), "unlearned": np.zeros(240)}}, "found (240, 3)"),
        ({"models": {"original": ["high"] * 240, "unlearned": np.zeros(240)}}, "expected numbers as scores"),
        ({"scores": "probabilities"}, "expected probabilities between 0 and 1"),
        ({"ids": np.zeros((240, 2))}, "found shape (240, 2)"),
        ({"groups": {"sex": ["f"]}}, "expected one sex for each of 240 records, found 1"),
    ],
)
def test_arrays_that_cannot_be_judged_are_refused(make, change, words):
    with pytest.raises(EvidenceError) as caught:
        make(**change)

    assert words in caught.value.message


class _Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)


def test_a_notebook_shows_the_verdict_and_no_markup_from_outside(make, policy):
    hostile = "<script>alert(1)</script>' onmouseover='x"
    check = policy.checks[0].model_copy(update={"title": hostile})
    changed = policy.model_copy(update={"checks": (check, *policy.checks[1:]), "version": hostile})
    result = audit(changed, make())
    page = result._repr_html_()

    assert result.outcome.label.upper() in page
    assert "&lt;script&gt;" in page
    assert _Tags(page).tags == {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "code"}


def test_a_notebook_shows_evidence_and_policy_and_no_markup_from_outside(make, policy):
    hostile = "<script>alert(1)</script>"
    evidence = make(ids=[f"patient-{row}" for row in range(240)])
    shown = {
        "evidence": evidence._repr_html_(),
        "policy": policy.model_copy(update={"title": hostile})._repr_html_(),
    }

    for page in shown.values():
        assert _Tags(page).tags == {"div", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert f"<td>{int((evidence.split == 'test').sum())}</td>" in shown["evidence"]
    assert "patient-" not in shown["evidence"]
    for check in policy.checks:
        assert f"<td>{check.id}</td><td>{check.metric}</td>" in shown["policy"]
    assert "&lt;script&gt;" in shown["policy"]


def test_a_written_report_verifies_and_recomputes(make, policy, tmp_path, monkeypatch):
    """Its PDF is of one page here: nobody reads it, and pages cost seconds."""
    from unlearn_audit.formats import FORMATS, from_record
    from unlearn_audit.pki.laboratory_ca import ROOT_CERTIFICATE, find_test_folder
    from unlearn_audit.verification.answers import State
    from unlearn_audit.verification.recomputation import compare_numbers
    from unlearn_audit.verification.verification import verify

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setitem(FORMATS._own, "pdf", replace(FORMATS["pdf"], render=from_record(render_small)))
    about = {"unlearned": ExternalModelFacts(made_by="scrub", title="SCRUB")}
    result = audit(policy, make(about=about))
    folder = write_report(result, tmp_path / "report")
    verification = verify(folder, (find_test_folder() / ROOT_CERTIFICATE,))

    assert verification.record.outcome is result.outcome
    assert compare_numbers(folder, verification.record).state is State.OK
    assert verification.record.provenance.find_model("unlearned").method == "scrub (external)"
    assert read_evidence(folder / "evidence.parquet").digest() == verification.record.evidence_sha256
    assert audit(policy, read_evidence(folder / "evidence.parquet")).record.to_bytes() == verification.record.to_bytes()
    with pytest.raises(AuditError, match="is not empty"):
        write_report(result, tmp_path / "report")


def test_a_table_is_read_as_by_the_command(policy, tmp_path):
    scores = make_scores()
    lines = ["id,split,label,original,unlearned"]
    lines += [f"{i},{PARTS[i]},{int(TRUTH[i])},{scores['original'][i]},{scores['unlearned'][i]}" for i in range(240)]
    (tmp_path / "p.csv").write_text("\n".join(lines))
    evidence = read_predictions(tmp_path / "p.csv", policy, scores="logits", classes=["benign", "malignant"])

    assert list(evidence.log_probs) == ["original", "unlearned"]
    assert audit(policy, evidence)["forgotten"].estimate is None


@pytest.fixture(scope="module")
def audited(make, policy):
    return audit(policy, make())


def test_a_result_becomes_plain_values_and_a_frame(audited):
    result = audited
    plain = result.to_dict()
    assert plain["outcome"] == result.outcome.value
    assert [check["id"] for check in plain["checks"]] == [check.id for check in result.checks]
    pytest.importorskip("pandas")
    frame = result.to_frame()
    assert frame.index.tolist() == [check.id for check in result.checks]
    measured = [check for check in result.checks if check.estimate is not None]
    assert frame.loc[measured[0].id, "estimate"] == measured[0].estimate.value


def test_a_check_that_is_not_there_is_answered_with_those_that_are(audited):
    with pytest.raises(KeyError, match=audited.checks[0].id):
        audited["no-such-check"]


def test_a_result_can_be_drawn(audited):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = audited.plot()
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [c.title for c in reversed(audited.checks)]
