"""Sealing, signing with trusted time, countersigning and verifying, through the command."""

import json
import shutil
import time
from pathlib import Path

import pytest

from tests.support.timestamp_authority import Responder, serve
from unlearn_audit.pki import time_stamp_client as stamping

OFFICER = "Dr. A. Officer"
RESPONSIBLE = f"responsible: [{{name: {OFFICER}, role: clinical safety officer, countersigns: true}}]\ncosts:"


@pytest.fixture(scope="module")
def stamps(tmp_path_factory):
    with serve(Responder(tmp_path_factory.mktemp("stamps"))) as responder:
        yield responder


@pytest.fixture(scope="module")
def ca(audit, tmp_path_factory):
    """A laboratory with an officer, made by the command."""
    folder = tmp_path_factory.mktemp("laboratory") / "ca"
    made = audit("keys", "init", folder, "--organisation", "Example Clinic", "--name", "Audit desk", "--no-passphrase")
    assert made.returncode == 0, made.stderr
    made = audit("keys", "issue", folder, "--name", OFFICER, "--no-passphrase")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def desk(ca):
    return ("--key", ca / "signer.key.pem", "--chain", ca / "signer-chain.pem")


@pytest.fixture(scope="module")
def officer(ca):
    return ("--key", ca / "dr-a-officer.key.pem", "--chain", ca / "dr-a-officer-chain.pem")


@pytest.fixture(scope="module")
def policy(policy_file):
    return policy_file(change=("costs:", RESPONSIBLE))


@pytest.fixture(scope="module")
def lasting(ca, stamps):
    """Options that name a signing file for the highest level."""
    path = ca.parent / "signing.yaml"
    path.write_text(
        "schema: unlearn-audit/signing/v1\nlevel: B-LTA\n"
        f"timestamps: {{url: '{stamps.url}', trust: ['{stamps.root_path}']}}\n"
        f"revocations: [ca/root.crl.pem, '{stamps.crl_path}']\n"
    )
    return ("--signing", path)


@pytest.fixture(scope="module")
def sealed(audit, policy, desk, lasting, tmp_path_factory):
    """A finished run under a sealed policy at the highest level; its seed follows from the seal."""
    folder = tmp_path_factory.mktemp("sealed")
    options = (*desk, *lasting)
    seal = audit("seal", "--policy", policy, "--out", folder / "quick.seal.json", *options, SOURCE_DATE_EPOCH="1")
    assert seal.returncode == 0, seal.stderr
    assert f"Seal:    {folder / 'quick.seal.json'}, time stamp {folder / 'quick.seal.tst'}" in seal.stdout
    out = folder / "report"
    done = audit("run", "--policy", policy, "--out", out, "--seal", folder / "quick.seal.json",
                 *options, SOURCE_DATE_EPOCH=str(int(time.time())))  # fmt: skip
    assert done.returncode in (0, 1, 3), done.stdout + done.stderr
    assert f"Due:     {OFFICER} (clinical safety officer) countersigns" in done.stdout
    return folder


@pytest.fixture
def report(sealed, tmp_path):
    return Path(shutil.copytree(sealed / "report", tmp_path / "report"))


@pytest.fixture
def trust(ca, stamps):
    return ("--trust", ca / "root.crt.pem", "--trust-time", stamps.root_path)


def lines_of(out):
    return {line["name"]: line for line in json.loads(out)["lines"]}


def test_a_sealed_stamped_and_countersigned_report_verifies(  # noqa: PLR0917 - fixtures
    report, run_here, trust, officer, lasting, ca, monkeypatch
):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(time.time())))  # of the report: nobody signs before the evidence
    code, out, _ = run_here("verify", report, *trust, "--require-timestamp", "--recompute", "--json")
    lines = lines_of(out)
    assert tuple(lines[name]["state"] for name in ("time", "seal", "numbers equal evidence", "countersignatures")) == (
        "ok",
        "ok",
        "ok",
        "absent",
    )
    assert code in (1, 3, 5)
    code, out, err = run_here("countersign", report, *officer, *lasting)
    assert (code, err) == (0, "")
    assert f"Signed:  {OFFICER}, clinical safety officer" in out
    code, out, _ = run_here("verify", report, *trust, "--require-timestamp", "--crl", ca / "root.crl.pem", "--json")
    lines = lines_of(out)
    assert {"ok"} == {line["state"] for line in lines.values()}
    assert json.loads((report / "record.json").read_bytes())["outcome"] == json.loads(out)["outcome"]
    assert code in (0, 1, 3)


def test_a_report_without_a_pdf_is_countersigned_and_verifies_and_takes_no_pdf_later(  # noqa: PLR0917 - fixtures
    run_here, policy, desk, officer, sealed, ca, tmp_path
):
    out = tmp_path / "no-pdf"
    assert run_here("run", "--policy", policy, "--out", out, *desk, "--format", "html")[0] in (0, 1, 3)
    assert run_here("countersign", out, *officer)[0] == 0
    code, output, _ = run_here("verify", out, "--trust", ca / "root.crt.pem", "--json")
    lines = lines_of(output)
    assert {name: line["state"] for name, line in lines.items() if line["state"] != "ok"} == {"PDF signature": "absent"}
    assert code == {"pass": 0, "fail": 1, "inconclusive": 3}[json.loads(output)["outcome"]]

    shutil.copy(sealed / "report" / "report.pdf", out / "report.pdf")
    code, output, _ = run_here("verify", out, "--trust", ca / "root.crt.pem")
    assert code == 4
    assert "report.pdf: not part of what was signed" in output


def test_the_seed_of_a_sealed_run_is_not_the_policys(sealed):
    record = json.loads((sealed / "report" / "record.json").read_bytes())
    assert record["policy"]["protocol"]["seed"] != record["provenance"]["seed"]
    assert [seal["policy_id"] for seal in record["provenance"]["seals"]] == ["quick"]
    assert record["provenance"]["signer"]["level"] == "B-LTA"


def test_the_report_names_its_seals_and_who_has_to_sign(sealed):
    page = (sealed / "report" / "report.html").read_text()
    assert "PAdES B-LTA" in page
    assert "CN=Example stamps" in page
    assert OFFICER in page


def test_countersigning_at_another_level_or_without_a_key_is_a_usage_error(report, run_here, officer):
    code, _, err = run_here("countersign", report, *officer)
    assert code == 2
    assert "level B-LTA needs a time-stamp authority" in err
    code, _, err = run_here("countersign", report)
    assert code == 2
    assert "a person signs with their own key" in err


def test_a_policy_edited_after_its_seal_is_not_run(sealed, run_here, policy, tmp_path, desk):
    edited = tmp_path / "edited.yaml"
    edited.write_text(policy.read_text().replace("false_negative: 10", "false_negative: 1"))
    out = tmp_path / "out"
    code, _, err = run_here("run", "--policy", edited, "--out", out, "--seal", sealed / "quick.seal.json", *desk)
    assert code == 2
    assert "amended after it was sealed: costs.false_negative" in err
    assert not out.exists()
    code, _, err = run_here("seal", "--policy", edited, "--out", sealed / "quick.seal.json", *desk)
    assert code == 5
    assert "never overwritten" in err


def test_an_authority_that_is_down_stops_the_run_before_the_work(run_here, policy, desk, tmp_path, monkeypatch):
    monkeypatch.setattr(stamping, "PAUSES", (0.0,))
    with serve(Responder(tmp_path / "gone")) as gone:
        pass
    out = tmp_path / "out"
    code, _, err = run_here("run", "--policy", policy, "--out", out, *desk, "--timestamp-url", gone.url)
    assert code == 5
    assert "does not answer" in err
    assert "tried 2 times" in err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--timestamp-url", "http://127.0.0.1:9/", "--offline"), "--offline forbids the network"),
        (("--timestamp-url", "file:///etc/passwd"), "begins with http(s)://"),
        (("--chain", "c.pem"), "--chain without --key"),
        (("--signing", "absent.yaml"), "expected a signing file at absent.yaml"),
        (("--seal", "absent.seal.json"), "cannot be read"),
    ],
)
def test_options_that_do_not_go_together_are_usage_errors(run_here, policy, tmp_path, options, message):
    code, _, err = run_here("run", "--policy", policy, "--out", tmp_path / "out", *options)
    assert code == 2
    assert message in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (
            "level: B-T",
            (),
            "signing.yaml:2:8: level: expected 'timestamps' beside it, found 'B-T' without an authority",
        ),
        ("level: B-X", (), "signing.yaml:2:8: level: "),
        ("levle: B-T", (), "did you mean 'level'?"),
        ("level: B-B\ntimestamps: {url: x}", (), "expected a level with time stamps"),
        ("timestamps: {trust: [root.pem]}", (), "timestamps.url: "),
        ("revocations: [absent.pem]", (), "expected level B-LT or B-LTA, found lists at level B-T"),
        ("level: B-LT\ntimestamps: {url: 'http://127.0.0.1:9/'}\nrevocations: [absent.pem]", (), "cannot be read"),
        ("token: {module: x.so}", (), "token.label: "),
        ("token: {module: x.so, label: t, key: k}\nkey: k.pem", (), "expected one of them"),
        ("chain: c.pem", (), "found a chain without its key"),
        ("key: k.pem", ("--key", "k.pem"), "say the same thing"),
        ("token: {module: x.so, label: t, key: k}", ("--key", "k.pem"), "say the same thing"),
        ("timestamps: {url: 'http://a/'}", ("--timestamp-url", "http://b/"), "say the same thing"),
        ("timestamps: {url: 'http://127.0.0.1:9/'}", ("--offline",), "--offline forbids the network"),
    ],
)
def test_a_signing_file_is_held_to_its_schema_before_any_work(  # noqa: PLR0917
    run_here, policy, tmp_path, lines, options, message
):
    (tmp_path / "signing.yaml").write_text(f"schema: unlearn-audit/signing/v1\n{lines}\n")
    named = ("--signing", tmp_path / "signing.yaml", *options)
    code, _, err = run_here("run", "--policy", policy, "--out", tmp_path / "out", *named)
    assert message in err
    assert code == 2
    assert not (tmp_path / "out").exists()


def test_a_pin_is_read_from_the_environment_or_asked_for_and_never_guessed(run_here, policy, tmp_path, monkeypatch):
    (tmp_path / "signing.yaml").write_text(
        "schema: unlearn-audit/signing/v1\ntoken: {module: no.so, label: t, key: k}\nchain: absent.pem\n"
    )
    token = ("--signing", tmp_path / "signing.yaml")
    monkeypatch.setattr("os.isatty", lambda _descriptor: False)
    code, _, err = run_here("run", "--policy", policy, "--out", tmp_path / "out", *token)
    assert code == 2
    assert "set UNLEARN_AUDIT_TOKEN_PIN" in err
    monkeypatch.setenv("UNLEARN_AUDIT_TOKEN_PIN", "1234")
    code, _, err = run_here("run", "--policy", policy, "--out", tmp_path / "out", *token)
    assert code == 5
    assert "cannot be read" in err


def test_a_revoked_key_is_refused_by_whoever_has_the_list(run_here, report, trust, tmp_path, ca):
    other = Path(shutil.copytree(ca, tmp_path / "ca"))
    code, out, _ = run_here("keys", "crl", other, "--revoke", other / "signer-chain.pem", "--no-passphrase")
    assert code == 0
    assert "revocation list" in out
    code, out, _ = run_here("verify", report, *trust[:2], "--crl", other / "root.crl.pem")
    assert code == 4
    assert "was revoked on" in out
