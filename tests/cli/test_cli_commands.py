"""The commands beside `run`, and what bad input gets."""

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.ceilings import FAILS, HELP_SECONDS, VERIFY_SECONDS
from tests.support.ordinary_core import measure_work


def test_a_bundle_holds_report_record_evidence_policy_models_and_signature(finished):
    names = {str(path.relative_to(finished)) for path in finished.rglob("*") if path.is_file()}

    assert names == {
        "annex.json",
        "attestation.dsse.json",
        "evidence.parquet",
        "models/original.safetensors",
        "models/retrained.safetensors",
        "models/unlearned.safetensors",
        "policy.yaml",
        "record.json",
        "report.html",
        "report.pdf",
        "signer-chain.pem",
    }


def test_verify_says_integrity_authenticity_and_verdict_apart(run_here, finished, root_certificate):
    code, out, _ = run_here("verify", finished, "--trust", root_certificate)

    assert code == 0
    assert re.search(r"^integrity +OK", out, re.MULTILINE)
    assert re.search(r"^authenticity +TEST-KEY", out, re.MULTILINE)
    assert re.search(r"^verdict +OK +PASS", out, re.MULTILINE)


def test_verify_without_trust_is_not_invalid_but_does_not_pass(run_here, finished):
    code, out, _ = run_here("verify", finished)

    assert code == 4
    assert "INVALID" not in out


def test_verify_prints_json_for_pipelines(run_here, finished, root_certificate):
    code, out, _ = run_here("verify", finished, "--trust", root_certificate, "--json")

    answer = json.loads(out)
    assert (answer["exit_code"], answer["outcome"]) == (code, "pass")


def test_a_valid_signature_over_a_failing_verdict_still_fails(run_here, failing_run, root_certificate):
    out, _ = failing_run

    assert run_here("verify", out, "--trust", root_certificate)[0] == 1


def test_verify_imports_no_torch(finished, environment):
    code = (
        "import sys; from pathlib import Path; from unlearn_audit.verification.verification import verify_bundle; "
        f"verify_bundle(Path({str(finished)!r})); print('torch' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)

    assert done.stdout == "False\n"


def test_verify_in_depth_answers_policy_pages_and_numbers(run_here, finished, root_certificate, policy_file):
    code, out, _ = run_here(
        "verify", finished, "--trust", root_certificate, "--policy", policy_file(), "--rerender", "--recompute"
    )

    assert code == 0, out
    for line in ("policy file", "policy match", "pages equal record", "numbers equal evidence"):
        assert re.search(rf"^{line} +OK", out, re.MULTILINE)


def test_verify_in_depth_is_said_in_json_too(run_here, finished, root_certificate):
    code, out, _ = run_here("verify", finished, "--trust", root_certificate, "--recompute", "--json")

    states = {line["name"]: line["state"] for line in json.loads(out)["lines"]}
    assert (code, states["numbers equal evidence"]) == (0, "ok")
    assert "pages equal record" not in states


def test_verify_against_another_policy_than_the_reports_is_invalid(run_here, finished, root_certificate, policy_file):
    code, out, _ = run_here("verify", finished, "--trust", root_certificate, "--policy", policy_file(FAILS))

    assert code == 4
    assert re.search(r"^policy match +INVALID", out, re.MULTILINE)


def test_verify_of_the_pdf_alone_gives_its_verdict_and_says_what_it_did_not_see(run_here, finished, root_certificate):
    code, out, _ = run_here("verify", finished / "report.pdf", "--trust", root_certificate)

    assert code == 0
    assert re.search(r"^authenticity +TEST-KEY", out, re.MULTILINE)
    assert re.search(r"^files beside it +ABSENT", out, re.MULTILINE)


def test_verify_asked_for_numbers_that_a_lone_pdf_cannot_show_does_not_exit_0(run_here, finished, root_certificate):
    code, out, _ = run_here("verify", finished / "report.pdf", "--trust", root_certificate, "--recompute")

    assert code == 5
    assert re.search(r"^numbers equal evidence +ABSENT", out, re.MULTILINE)


def test_verify_of_nothing_is_a_usage_error(run_here, tmp_path):
    assert run_here("verify", tmp_path / "none")[0] == 2


def test_recheck_reproduces_the_record_bit_for_bit(run_here, finished):
    code, out, _ = run_here("recheck", finished / "evidence.parquet", "--policy", finished / "policy.yaml")

    assert code == 0
    assert "the same, bit for bit" in out


@pytest.mark.usefixtures("small_pages")
def test_recheck_writes_the_whole_report_and_under_the_same_key_the_same_record(
    run_here, finished, root_certificate, tmp_path
):
    policy, again = finished / "policy.yaml", tmp_path / "again"
    code, out, _ = run_here("recheck", finished / "evidence.parquet", "--policy", policy, "--out", again)

    assert code == 0
    assert str(again / "report.html") in out
    for path in (path for path in finished.rglob("*") if path.is_file()):
        name = path.relative_to(finished)
        same = (again / name).read_bytes() == path.read_bytes()
        assert same or name.name in ("report.pdf", "attestation.dsse.json"), f"{name} differs"
    assert run_here("verify", again, "--trust", root_certificate, "--recompute")[0] == 0


def test_recheck_with_another_key_names_that_one_and_changes_no_number(run_here, finished, tmp_path):
    lab = tmp_path / "lab"
    run_here("keys", "init", lab, "--organisation", "Clinic", "--name", "Office", "--no-passphrase")
    key = ("--key", lab / "signer.key.pem", "--chain", lab / "signer-chain.pem")
    policy, again = finished / "policy.yaml", tmp_path / "again"
    code, _, err = run_here(
        "recheck", finished / "evidence.parquet", "--policy", policy, "--out", again, *key, "--format", "html"
    )

    assert (code, "error" in err) == (0, False)
    old, new = (json.loads((folder / "record.json").read_bytes()) for folder in (finished, again))
    assert new["provenance"]["signer"]["subject"] == "CN=Office,O=Clinic"
    assert {**new["provenance"], "signer": 0} == {**old["provenance"], "signer": 0}
    assert all(new[name] == old[name] for name in ("findings", "verdicts", "outcome", "threshold_counts"))
    code, out, _ = run_here("verify", again, "--trust", lab / "root.crt.pem", "--recompute")
    assert code == 0, out


@pytest.mark.parametrize("option", [("--key", "k.pem"), ("--signing", "s.yaml"), ("--format", "html"), ("--force",)])
def test_recheck_refuses_what_is_about_a_report_where_it_writes_none(run_here, finished, option):
    code, _, err = run_here("recheck", finished / "evidence.parquet", "--policy", finished / "policy.yaml", *option)

    assert code == 2
    assert f"{option[0]} would do nothing" in err
    assert "add --out DIR" in err


def test_recheck_never_writes_over_something_else(run_here, finished, tmp_path):
    (tmp_path / "record.json").write_text("{}")
    evidence = ("recheck", finished / "evidence.parquet", "--policy", finished / "policy.yaml")

    assert run_here(*evidence, "--out", tmp_path / "record.json")[0] == 5
    assert run_here(*evidence, "--out", tmp_path, "--force")[0] == 5
    assert (tmp_path / "record.json").read_text() == "{}"


def test_recheck_under_a_stricter_policy_fails_and_says_that_the_record_differs(run_here, finished, policy_file):
    code, out, _ = run_here("recheck", finished / "evidence.parquet", "--policy", policy_file(FAILS))

    assert code == 1
    assert "a different one" in out


def test_render_makes_the_same_pages_byte_for_byte(run_here, finished, tmp_path):
    code, _, _ = run_here("render", finished / "record.json", "--out", tmp_path)

    assert code == 0
    assert (tmp_path / "report.html").read_bytes() == (finished / "report.html").read_bytes()
    assert (finished / "report.pdf").read_bytes().startswith((tmp_path / "report.pdf").read_bytes())


def test_render_of_something_else_is_refused(run_here, tmp_path):
    (tmp_path / "record.json").write_text("{}")

    assert run_here("render", tmp_path / "record.json", "--out", tmp_path)[0] == 4
    assert run_here("render", tmp_path / "none.json", "--out", tmp_path)[0] == 5


def test_render_refuses_an_unknown_format_before_writing_anything(run_here, finished, tmp_path):
    code, _, err = run_here(
        "render", finished / "record.json", "--out", tmp_path, "--format", "html", "--format", "pfd"
    )

    assert code == 2
    assert "did you mean 'pdf'?" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_pages")
def test_running_again_trains_nothing_twice(run_here, policy_file, tmp_path, finished):
    _, _, err = run_here("run", "--policy", policy_file(), "--out", tmp_path / "again")

    assert err.count("made before: done") == 3
    assert "train the original" not in err


@pytest.mark.usefixtures("small_pages")
def test_a_cache_entry_that_was_cut_off_is_made_again(run_here, policy_file, tmp_path, finished):
    cache = tmp_path / "cache"
    first, _, _ = run_here("run", "--policy", policy_file(), "--out", tmp_path / "first", "--cache", cache)
    for weights in cache.glob("*.safetensors"):
        weights.write_bytes(weights.read_bytes()[:100])
    second, _, err = run_here("run", "--policy", policy_file(), "--out", tmp_path / "second", "--cache", cache)

    assert (first, second) == (0, 0)
    assert "made before" not in err
    for name in ("original", "unlearned", "retrained"):
        weights = f"models/{name}.safetensors"
        assert (tmp_path / "first" / weights).read_bytes() == (tmp_path / "second" / weights).read_bytes()


@pytest.mark.thorough
@pytest.mark.usefixtures("small_pages")
def test_an_interrupted_run_keeps_what_was_trained_and_the_next_one_goes_on_from_there(
    run_here, command, environment, policy_file, tmp_path
):
    policy = policy_file(change=("epochs: 10,", "epochs: 200,"))
    out, cache = tmp_path / "out", tmp_path / "c"
    arguments = ["run", "--policy", str(policy), "--out", str(out), "--cache", str(cache)]
    with subprocess.Popen(  # a shell's background jobs ignore SIGINT and would hand that down
        [str(command), *arguments],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as started:
        for line in started.stderr:
            if line.startswith("train the original: done"):
                break
        while not list(cache.glob("*.json")) and started.poll() is None:
            time.sleep(0.01)  # what was trained is kept a moment after it is told
        started.send_signal(signal.SIGINT)
        output = started.stderr.read()

    assert started.returncode == 5
    assert "run the same command again" in output
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert len(list(cache.glob("*.json"))) >= 1
    assert len(list(cache.iterdir())) == 2 * len(list(cache.glob("*.json")))

    _, _, err = run_here(*arguments, "--no-remedy")

    assert "Original: made before: done" in err
    assert "train the original" not in err
    assert (out / "report.pdf").is_file()


@pytest.mark.usefixtures("small_pages")
def test_an_output_folder_that_holds_a_report_is_refused_and_force_replaces_it(run_here, bundle, policy_file):
    before = (bundle / "record.json").read_bytes()

    code, _, err = run_here("run", "--policy", policy_file(FAILS), "--out", bundle)
    assert code == 5
    assert "--force" in err
    assert (bundle / "record.json").read_bytes() == before

    assert run_here("run", "--policy", policy_file(FAILS), "--out", bundle, "--force")[0] == 1
    assert (bundle / "record.json").read_bytes() != before


def test_force_does_not_replace_a_folder_that_is_no_report(run_here, policy_file, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")

    assert run_here("run", "--policy", policy_file(), "--out", tmp_path, "--force")[0] == 5
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def give_up_writing_anywhere():
    """Take from a root the right to write where permissions forbid it (CAP_DAC_OVERRIDE), for what it starts next."""
    if os.geteuid() == 0:
        drop_from_bounding_set, write_anywhere = 24, 1
        assert ctypes.CDLL(None).prctl(drop_from_bounding_set, write_anywhere, 0, 0, 0) == 0


@pytest.mark.thorough
def test_an_unwritable_place_is_refused(audit, policy_file, tmp_path, finished):
    tmp_path.chmod(0o500)

    done = audit("run", "--policy", policy_file(), "--out", tmp_path / "out", preexec_fn=give_up_writing_anywhere)

    assert done.returncode == 5
    assert "cannot be written: Permission denied" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_pages")
def test_an_output_below_a_file_is_refused_and_nothing_is_half_written(run_here, policy_file, tmp_path, finished):
    (tmp_path / "file").write_text("in the way")

    code, _, err = run_here("run", "--policy", policy_file(), "--out", tmp_path / "file" / "out")

    assert code == 5
    assert "cannot be written" in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_forget_ids_outside_train_are_refused_by_name(run_here, policy_file, tmp_path):
    (tmp_path / "ids.csv").write_text("id\nnobody\n")

    code, _, err = run_here(
        "run", "--policy", policy_file(), "--out", tmp_path / "out", "--forget", tmp_path / "ids.csv"
    )

    assert code == 5
    assert "'nobody'" in err


@pytest.mark.usefixtures("small_pages")
def test_a_list_of_record_ids_is_an_erasure_request(run_here, policy_file, tmp_path, finished):
    from unlearn_audit.data import load_dataset

    dataset = load_dataset("breast-cytology")
    train = dataset.ids[dataset.split == "train"]
    (tmp_path / "ids.csv").write_text("id\n" + "\n".join(train[:40]) + "\n")

    code, _, err = run_here(
        "run", "--policy", policy_file(), "--out", tmp_path / "out", "--forget", tmp_path / "ids.csv", "--no-remedy"
    )

    assert code in (0, 3), err
    assert json.loads((tmp_path / "out" / "record.json").read_bytes())["provenance"]["forget"]["count"] == 40


@pytest.mark.parametrize(("value", "hint"), [("20", "did you mean 0.2?"), ("0", "a fraction"), ("1.5", "did you mean")])
def test_a_share_that_is_none_is_refused_with_a_hint(run_here, policy_file, value, hint):
    code, _, err = run_here("run", "--policy", policy_file(), "--forget", value)

    assert code == 2
    assert hint in err


def test_an_unknown_method_is_refused_with_the_nearest_name(run_here, policy_file, tmp_path):
    code, _, err = run_here("run", "--policy", policy_file(), "--method", "sallun", "--out", tmp_path / "out")

    assert code == 2
    assert "did you mean 'salun'?" in err


@pytest.mark.usefixtures("small_pages")
def test_compared_methods_are_audited_beside_the_first(run_here, policy_file, tmp_path, finished):
    code, out, _ = run_here(
        "run", "--policy", policy_file(), "--out", tmp_path / "out", "--compare", "fine-tune, random-label,retrain"
    )

    assert code == 0
    record = json.loads((tmp_path / "out" / "record.json").read_bytes())
    assert [v["model"] for v in record["verdicts"]] == ["unlearned", "compared-random-label", "compared-retrain"]
    assert "Other candidates" in out


def test_an_npz_without_the_arrays_is_refused_by_name(run_here, policy_file, tmp_path):
    np.savez(tmp_path / "data.npz", images=np.zeros(3))
    policy = policy_file(change=("dataset: breast-cytology", "dataset: dermamnist"))

    code, _, err = run_here("run", "--policy", policy, "--data", tmp_path / "data.npz", "--out", tmp_path / "out")

    assert code == 5
    assert "train_images" in err


def test_policy_check_prints_every_mistake_of_every_file(run_here, policy_file):
    wrong = policy_file(change=("protocol: {resamples: 1000}", "protocol: {resamples: 1, confidence: 95}"))

    code, out, err = run_here("policy", "check", policy_file(), wrong)

    assert code == 2
    assert "fine" in out
    assert "protocol.resamples" in err
    assert "did you mean 0.95?" in err


def test_policy_check_says_which_checks_nobody_can_measure(run_here, policy_file):
    """A policy whose attacks need reference models that it does not ask for passes nothing that is run under it."""
    lacking = policy_file(change=("attacks: [confidence, ", "attacks: [lira, confidence, "))

    code, out, _ = run_here("policy", "check", lacking)

    assert code == 0
    assert "cannot pass without reference models (attacks lira): forgotten" in out
    assert "cannot pass" not in run_here("policy", "check", policy_file())[1]


LARGER = ("breast-cytology", "dermatology", "histopathology")
"""Proved on many records, or with reference models; the last on 107,000."""


@pytest.mark.parametrize("name", ["breast-ultrasound", *(pytest.param(n, marks=pytest.mark.thorough) for n in LARGER)])
def test_the_shipped_policies_check_out(run_here, name):
    assert run_here("policy", "check", name)[0] == 0


@pytest.mark.parametrize("name", ["policy", "case", "record"])
def test_schemas_are_json(run_here, name):
    code, out, _ = run_here("schema", name)

    assert code == 0
    assert json.loads(out)["type"] == "object"


def test_list_names_the_methods_of_the_paper_and_their_sources(run_here):
    code, out, _ = run_here("list", "methods")

    assert code == 0
    compared = ("gradient-ascent", "neggrad-plus", "l1-sparse", "scrub", "ssd", "boundary-shrink")
    for name in ("retrain", "fine-tune", "random-label", "salun", "salun-cra", "warm-restart", *compared):
        assert re.search(rf"^  {name} ", out, re.MULTILINE)
    assert "2604.23854" in out


def test_list_without_a_kind_lists_every_table(run_here):
    code, out, _ = run_here("list")

    assert code == 0
    for table in ("methods", "metrics", "attacks", "datasets", "models", "formats", "policies"):
        assert f"{table}:" in out


def test_an_unknown_table_is_refused(run_here):
    assert run_here("list", "metrix")[0] == 2


@pytest.mark.usefixtures("small_pages")
def test_keys_are_made_used_and_shown(run_here, policy_file, tmp_path, finished):
    folder = tmp_path / "keys"
    code, out, _ = run_here(
        "keys", "init", folder, "--organisation", "Example Clinic", "--name", "Audit office", "--no-passphrase"
    )
    assert code == 0
    assert "root.crt.pem" in out

    made = tmp_path / "out"
    key, chain = folder / "signer.key.pem", folder / "signer-chain.pem"
    code, out, err = run_here("run", "--policy", policy_file(), "--out", made, "--key", key, "--chain", chain)
    assert code == 0, err
    assert "TEST key" not in out

    code, out, _ = run_here("verify", made, "--trust", folder / "root.crt.pem")
    assert code == 0
    assert re.search(r"^authenticity +OK", out, re.MULTILINE)

    code, out, _ = run_here("keys", "show", chain)
    assert code == 0
    assert "Audit office" in out


@pytest.mark.usefixtures("small_pages")
def test_an_encrypted_key_needs_its_passphrase_and_never_shows_it(
    run_here, monkeypatch, policy_file, tmp_path, finished
):
    folder = tmp_path / "keys"
    monkeypatch.setenv("UNLEARN_AUDIT_KEY_PASSPHRASE", "correct horse")
    assert run_here("keys", "init", folder, "--organisation", "Clinic", "--name", "Office")[0] == 0
    arguments = ("--key", folder / "signer.key.pem", "--chain", folder / "signer-chain.pem", "--out", tmp_path / "out")

    monkeypatch.setenv("UNLEARN_AUDIT_KEY_PASSPHRASE", "wrong battery")
    code, out, err = run_here("run", "--policy", policy_file(), *arguments)

    assert code == 5
    assert "wrong battery" not in out + err
    assert not (tmp_path / "out").exists()


def test_keys_show_of_something_else_is_refused(run_here, tmp_path):
    (tmp_path / "x.pem").write_text("hello")

    assert run_here("keys", "show", tmp_path / "x.pem")[0] == 2


def test_a_crash_exits_5_with_a_log_and_never_reads_as_a_verdict(run_here, monkeypatch):
    def explode(_names):
        raise RuntimeError("boom")

    monkeypatch.setattr("unlearn_audit.cli.policy.check_policy_files", explode)

    code, _, err = run_here("policy", "check", "dermatology")

    assert code == 5
    log = Path(err.strip().rsplit(" ", 1)[-1])
    assert "boom" in log.read_text()
    log.unlink()


def test_version_is_the_packages(run_here):
    from unlearn_audit import __version__

    assert run_here("--version") == (0, f"unlearn-audit {__version__}\n", "")


def test_help_lists_the_exit_codes_and_starts_fast(audit):
    assert "4  signature or integrity failure" in audit("--help").stdout
    assert measure_work(lambda: audit("--help"), enough=HELP_SECONDS, attempts=10) < HELP_SECONDS


@pytest.mark.thorough
def test_verifying_a_whole_report_takes_well_under_a_second(audit, finished, root_certificate):
    arguments = ("verify", finished, "--trust", root_certificate)
    assert audit(*arguments).returncode == 0
    assert measure_work(lambda: audit(*arguments), enough=VERIFY_SECONDS, attempts=10) < VERIFY_SECONDS


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from unlearn_audit.cli import run_guarded; run_guarded(['--help']); "
        "heavy = {'torch', 'numpy', 'pydantic', 'sklearn', 'matplotlib', 'pyhanko', 'rich'}; "
        "print(heavy & set(sys.modules), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr == "set()\n"
