"""Waivers, devices, deviations and earlier runs through the command."""

import json
import re

import pytest

from tests.support.ceilings import FAILS, UNDECIDED
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import load_policy
from unlearn_audit.records import AuditRecord, digest_of

pytestmark = pytest.mark.usefixtures("small_pages")

WAIVERS = """\
schema: unlearn-audit/waivers/v1
policy: quick
waivers:
  - check: risk
    reason: Bridged by a second reader
    approver: A. Head
    expires: EXPIRES
    covers: COVERS
    policy_sha256: POLICY
    model_sha256: MODEL
    versions: ">=0.1"
"""
SPLIT = (
    "  - {id: forgotten,",
    "  - {id: balance, metric: balanced-accuracy, at_least: 0.5, why: w}\n  - {id: forgotten,",
)


@pytest.fixture
def write_waivers(tmp_path, finished):
    """Write a file of waivers bound to a policy and to the model that every run of these tests audits."""

    def write(policy, expires="2026-12-31", covers="fail", text=WAIVERS):
        path = tmp_path / "waivers.yaml"
        found = {"EXPIRES": expires, "COVERS": covers, "MODEL": f"'{audited_digest(finished)}'"}
        found["POLICY"] = f"'{load_policy(policy, name_known()).digest()}'"
        for name, value in found.items():
            text = text.replace(name, value)
        path.write_text(text)
        return path

    return write


def audited_digest(out):
    return next(card["sha256"] for card in read(out)["provenance"]["models"] if card["role"] == "unlearned")


@pytest.fixture
def waived_run(run_here, policy_file, tmp_path, write_waivers):
    def run(ceiling, *more, sign=True, **waiver):
        policy = policy_file(ceiling, change=SPLIT)
        out, waivers = tmp_path / "out", write_waivers(policy, **waiver)
        if sign:
            run_here("seal", "--policy", policy, "--waivers", waivers)
        return *run_here("run", "--policy", policy, "--waivers", waivers, "--no-remedy", "--out", out, *more), out

    return run


def read(out):
    return json.loads((out / "record.json").read_bytes())


def test_a_waived_failure_exits_0_says_with_waivers_and_verifies_with_its_own_line(
    waived_run, run_here, root_certificate
):
    code, output, _, out = waived_run(FAILS)

    assert code == 0, output
    assert "Verdict: PASS WITH WAIVERS" in output
    assert "That is not a pass alone" in output
    (check,) = [c for c in read(out)["verdicts"][0]["checks"] if c["id"] == "risk"]
    assert (check["outcome"], check["waiver"]["state"]) == ("fail", "in force")
    assert json.loads((out / "record.json").read_bytes())["provenance"]["waivers"][0]["approver"] == "A. Head"

    code, output, _ = run_here("verify", out, "--trust", root_certificate, "--recompute")
    assert re.search(r"^waivers +(WAIVED|EXPIRED) .*risk", output, re.MULTILINE)
    assert re.search(r"^numbers equal evidence +OK", output, re.MULTILINE)

    code, output, _ = run_here("verify", out, "--trust", root_certificate, "--no-waivers")
    assert code == 1
    assert re.search(r"^waivers taken +REFUSED .*risk.*FAIL", output, re.MULTILINE)


def test_an_expired_waiver_says_so_and_fail_on_fail_does_not_spare_what_it_was_to_spare(waived_run):
    code, output, err, _ = waived_run(UNDECIDED, "--fail-on", "fail", expires="2025-12-31")

    assert code == 3
    assert "expired on 2025-12-31" in output
    assert "Expired waivers: risk" in err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("policy: quick", "policy: slow", "expected 'quick', the policy of this run"),
        ("check: risk", "check: risc", "did you mean 'risk'?"),
        ("    reason: Bridged by a second reader\n", "", "waivers[0].reason"),
        ("schema: unlearn-audit/waivers/v1\n", "", "schema"),
        ("    policy_sha256: POLICY\n", "", "no policy_sha256"),
        ("    model_sha256: MODEL\n", "", "no model_sha256"),
        ('    versions: ">=0.1"\n', "", "no versions"),
        ("policy_sha256: POLICY", f"policy_sha256: '{'0' * 64}'", "the policy of this run"),
        ('versions: ">=0.1"', 'versions: "latest"', "a range of versions"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_before_anything_is_trained(waived_run, old, new, words):
    assert WAIVERS.count(old) == 1

    code, _, err, out = waived_run(FAILS, text=WAIVERS.replace(old, new))

    assert code == 2
    assert words in err
    assert not out.exists()


def test_a_waiver_file_that_nobody_signed_is_refused_before_anything_is_trained(waived_run):
    code, _, err, out = waived_run(FAILS, sign=False)

    assert code == 2
    assert "expected their signature at" in err
    assert "unlearn-audit seal --policy POLICY --waivers" in err
    assert not out.exists()


def test_a_waiver_file_that_was_changed_after_it_was_signed_is_refused(waived_run):
    waived_run(FAILS, expires="2026-12-30")
    code, _, err, _ = waived_run(FAILS, "--force", expires="2026-12-31")

    assert code == 4
    assert "found one over other waivers" in err


def test_a_waiver_of_another_model_counts_for_nothing_and_says_whose_digest_was_expected(waived_run, finished):
    code, output, _, out = waived_run(FAILS, text=WAIVERS.replace("MODEL", f"'{'1' * 64}'"))

    (check,) = [c for c in read(out)["verdicts"][0]["checks"] if c["id"] == "risk"]
    assert (code, check["waiver"]["state"]) == (1, "not bound")
    assert f"expected model_sha256 {audited_digest(finished)}, found {'1' * 64}" in " ".join(output.split())


def test_a_waiver_is_granted_to_a_result_that_was_seen_and_costs_no_further_look(
    run_here, policy_file, write_waivers, tmp_path, root_certificate
):
    policy, seen, granted = policy_file(FAILS, change=SPLIT), tmp_path / "seen", tmp_path / "granted"
    code, _, _ = run_here("run", "--policy", policy, "--no-remedy", "--out", seen)
    assert code == 1
    waivers = write_waivers(policy)
    arguments = ("recheck", seen / "evidence.parquet", "--policy", policy, "--waivers", waivers, "--out", granted)
    code, _, err = run_here(*arguments)
    assert (code, "expected their signature at" in err) == (2, True)

    run_here("seal", "--policy", policy, "--waivers", waivers)
    code, output, err = run_here(*arguments)
    assert (code, "PASS WITH WAIVERS" in output) == (0, True), err
    assert "earlier_runs" not in read(granted)["provenance"]
    code, output, _ = run_here("verify", granted, "--trust", root_certificate, "--recompute")
    assert re.search(r"^numbers equal evidence +OK", output, re.MULTILINE)


def test_waivers_are_signed_beside_their_file_and_no_signature_is_overwritten(run_here, policy_file, write_waivers):
    policy = policy_file(FAILS, change=SPLIT)
    waivers = write_waivers(policy)
    code, _, err = run_here("seal", "--policy", policy, "--waivers", waivers, "--out", "elsewhere.json")
    assert (code, "--waivers without --out" in err) == (2, True)

    assert run_here("seal", "--policy", policy, "--waivers", waivers)[0] == 0
    code, _, err = run_here("seal", "--policy", policy, "--waivers", waivers)
    assert (code, "no signature is overwritten" in err) == (5, True)


def test_who_signed_the_waivers_is_a_line_of_verification(waived_run, run_here, root_certificate):
    _, _, _, out = waived_run(FAILS)
    _, output, _ = run_here("verify", out, "--trust", root_certificate)

    assert re.search(r"^waivers signed +TEST-KEY .*Granted", output, re.MULTILINE)


def test_the_schema_of_a_waiver_file_is_printed(run_here):
    code, out, _ = run_here("schema", "waivers")

    assert code == 0
    assert set(json.loads(out)["required"]) == {"schema", "policy", "waivers"}


def test_a_replaced_report_is_listed_as_an_earlier_run_with_those_that_it_lists(run_here, bundle, policy_file):
    earlier = AuditRecord.from_bytes((bundle / "record.json").read_bytes())
    before = earlier.model_copy(
        update={"provenance": earlier.provenance.model_copy(update={"earlier_runs": earlier.list_runs()})}
    )
    (bundle / "record.json").write_bytes(before.to_bytes())
    run_here("run", "--policy", policy_file(FAILS), "--out", bundle, "--force", "--no-remedy")

    runs = read(bundle)["provenance"]["earlier_runs"]
    assert {run["record_sha256"] for run in runs} == {digest_of(r.to_bytes()) for r in (earlier, before)}
    assert {run["outcome"] for run in runs} == {"pass"}
    assert "Earlier runs of this case" in (bundle / "report.html").read_text()


CASE = """\
schema: unlearn-audit/case/v1
name: Request 17
device: {name: CytoReader, version: "2.4", manufacturer: Example Devices, identifier: "(01)0401"}
deviations:
  - {what: Sixty records fewer, reason: Consent was withdrawn, approver: A. Head}
earlier_runs: [EARLIER]
"""


def test_a_case_names_device_deviations_and_earlier_runs_and_the_report_prints_them(
    run_here, policy_file, tmp_path, finished
):
    case = tmp_path / "case.yaml"
    case.write_text(CASE.replace("EARLIER", str(finished / "record.json")))
    code, _, err = run_here("run", "--policy", policy_file(), "--case", case, "--out", tmp_path / "out")

    assert code == 0, err
    html = (tmp_path / "out" / "report.html").read_text()
    for words in ("CytoReader 2.4; by Example Devices; identifier (01)0401", "Sixty records fewer", "Earlier runs of"):
        assert words in html
    assert [run["outcome"] for run in read(tmp_path / "out")["provenance"]["earlier_runs"]] == ["pass"]


def test_an_earlier_run_that_cannot_be_read_is_refused(run_here, policy_file, tmp_path):
    case = tmp_path / "case.yaml"
    case.write_text(CASE.replace("EARLIER", "nowhere.json"))

    code, _, err = run_here("run", "--policy", policy_file(), "--case", case, "--out", tmp_path / "out")

    assert code == 2
    assert "nowhere.json" in err
