"""Each exit code, shown by the installed command; further ways to one of them in this process."""

import pytest

from tests.support.ceilings import UNDECIDED


def test_exit_0_when_every_required_check_passes(passing_run):
    _, done = passing_run

    assert done.returncode == 0
    assert "Verdict: PASS" in done.stdout


def test_exit_1_when_a_required_check_fails(failing_run):
    out, done = failing_run

    assert done.returncode == 1
    assert "Verdict: FAIL" in done.stdout
    assert (out / "report.pdf").is_file()


def test_exit_2_on_an_unknown_policy_key(audit, policy_file, tmp_path):
    policy = policy_file(change=("owner:", "ovner:"))

    done = audit("run", "--policy", policy, "--out", tmp_path / "out")

    assert done.returncode == 2
    assert "did you mean 'owner'?" in done.stderr
    assert not (tmp_path / "out").exists()


def test_exit_2_on_an_unknown_option(audit):
    assert audit("run", "--polcy", "x").returncode == 2


@pytest.mark.thorough
def test_exit_3_when_the_evidence_does_not_decide(audit, policy_file, tmp_path, finished):
    undecided = ("--policy", policy_file(UNDECIDED), "--out", tmp_path / "out")
    done = audit("run", *undecided, "--no-remedy", "--format", "html")

    assert done.returncode == 3
    assert "Verdict: INCONCLUSIVE" in done.stdout


@pytest.mark.usefixtures("small_pages")
def test_exit_3_when_a_required_check_did_not_run(run_here, policy_file, tmp_path, finished):
    check = "{id: like, metric: membership-auc-difference, against: retrained, within: [-0.5, 0.49], why: w}"
    policy = policy_file(change=("  - {id: kept", f"  - {check}\n  - {{id: kept"))

    code, out, _ = run_here("run", "--policy", policy, "--out", tmp_path / "out", "--no-retrain", "--no-remedy")

    assert code == 3
    assert "not run" in out


@pytest.mark.usefixtures("small_pages")
def test_inconclusive_exits_0_only_when_the_pipeline_asks_for_it_and_never_reads_as_a_pass(
    run_here, policy_file, tmp_path, finished
):
    code, out, _ = run_here(
        "run", "--policy", policy_file(UNDECIDED), "--out", tmp_path / "out", "--no-remedy", "--fail-on", "fail"
    )

    assert code == 0
    assert "Verdict: INCONCLUSIVE" in out
    assert "Inconclusive is not a pass" in out


def test_exit_4_when_a_byte_of_the_bundle_was_changed(audit, bundle, root_certificate):
    record = bundle / "record.json"
    record.write_bytes(record.read_bytes().replace(b'"outcome":"pass"', b'"outcome":"fail"', 1))

    done = audit("verify", bundle, "--trust", root_certificate)

    assert done.returncode == 4
    assert "INVALID" in done.stdout


@pytest.mark.thorough
def test_exit_5_when_the_data_is_absent_and_there_is_no_network(audit, tmp_path):
    done = audit("run", "--policy", "dermatology", "--out", tmp_path / "out", "--offline")

    assert done.returncode == 5
    assert "--data" in done.stderr
    assert "breast-cytology" in done.stderr
    assert not (tmp_path / "out").exists()
