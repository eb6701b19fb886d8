"""`run --references`, `--jobs` and `--cluster`, through the command."""

import json
from contextlib import contextmanager

import pytest

from unlearn_audit.evidence.parquet import read_evidence
from unlearn_audit.reference_models.workers import Workers

pytestmark = pytest.mark.usefixtures("small_pages")


@pytest.fixture
def run_quick(run_here, policy_file, tmp_path):
    """Run the quick policy without remedies into a folder of its own."""

    def run(*options, change=("", "")):
        out = tmp_path / "out"
        return (*run_here("run", "--policy", policy_file(change=change), "--no-remedy", "--out", out, *options), out)

    return run


def test_reference_models_are_made_told_and_judged_again_bit_for_bit(run_quick, run_here, policy_file):
    code, output, err, out = run_quick("--references", "4", "--jobs", "1")

    assert code == 0, output + err
    assert "train reference models: done" in err
    evidence = read_evidence(out / "evidence.parquet")
    assert evidence.references.log_probs.shape == (4, 569, 2)
    assert set(evidence.references.unlearned) == {"unlearned"}
    record = json.loads((out / "record.json").read_bytes())
    assert record["provenance"]["references"]["models"] == 4
    assert "4, by the recipe of the original" in (out / "report.html").read_text("utf-8")
    code, output, _ = run_here("recheck", out / "evidence.parquet", "--policy", policy_file())
    assert "the same, bit for bit" in output


def test_a_policy_asks_for_reference_models_and_an_option_that_makes_none_is_noted(run_quick):
    change = ("membership: {", "membership: {references: {models: 4}, ")

    *_, out = run_quick("--references", "0", change=change)

    record = json.loads((out / "record.json").read_bytes())
    assert "references" not in record["provenance"]
    assert "The policy asks for 4 reference models; this run was told to make none." in [
        note["text"] for note in record["provenance"]["notes"]
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--references", "5"), "an even number from 4 to 512, found 5"),
        (("--references", "-2"), "not in the range"),
        (("--jobs", "0"), "not in the range"),
        (("--jobs", "2", "--cluster", "tcp://127.0.0.1:9"), "--jobs would do nothing"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_a_usage_error(run_quick, options, words):
    code, _, err, out = run_quick(*options)

    assert (code, out.exists()) == (2, False)
    assert words in err


def test_a_cluster_that_does_not_answer_ends_in_5(run_quick, monkeypatch):
    monkeypatch.setattr("unlearn_audit.reference_models.workers._PATIENCE", 1)

    code, _, err, _ = run_quick("--cluster", "tcp://127.0.0.1:9")

    assert code == 5
    assert "expected a Dask scheduler at tcp://127.0.0.1:9" in err


def test_jobs_and_cluster_say_where_models_are_made(run_quick, monkeypatch):
    opened = []

    @contextmanager
    def spy(*options):
        opened.append(options)
        yield Workers()

    monkeypatch.setattr("unlearn_audit.reference_models.workers.open_workers", spy)
    run_quick("--jobs", "3")
    run_quick("--cluster", "tcp://10.0.0.1:8786", "--force")

    assert opened == [(3, None), (None, "tcp://10.0.0.1:8786")]


def test_a_running_cluster_makes_the_same_models(run_quick, tmp_path):
    """The cluster's worker is a thread of this process here; tests/cases has one of real processes."""
    from distributed import LocalCluster

    *_, here = run_quick("--references", "4", "--jobs", "1")
    expected = read_evidence(here / "evidence.parquet").references
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", host="127.0.0.1",
                      dashboard_address="127.0.0.1:0") as cluster:  # fmt: skip
        options = ("--cluster", cluster.scheduler_address)
        code, _, err, out = run_quick("--references", "4", "--force", "--cache", tmp_path / "cache", *options)

    assert code == 0, err
    found = read_evidence(out / "evidence.parquet").references
    assert found.log_probs.tobytes() == expected.log_probs.tobytes()
    assert found.unlearned["unlearned"].tobytes() == expected.unlearned["unlearned"].tobytes()
