"""A real MLflow server holds what a report says, binds it to a version, and promotes only a bound pass."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from unlearn_audit import publish_to_mlflow
from unlearn_audit.errors import IntegrityError

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_reports"
GOLDEN = ROOT / "tests" / "golden" / "bundles" / "v0.1.0"
SAMPLE = SAMPLES / "breast-cytology-pass"
WEIGHTS = (SAMPLE / "models" / "unlearned.safetensors").read_bytes()
GATE = ("--policy", SAMPLE / "policy.yaml", "--promote", "champion")


def find_run(client, bundle):
    """Return the one run that holds the bundle's record."""
    digest = sha256((bundle / "record.json").read_bytes()).hexdigest()
    homes = [home.experiment_id for home in client.search_experiments()]
    (run,) = client.search_runs(homes, f"tags.`unlearn_audit.record_sha256` = '{digest}'")
    return run


def count_runs(client):
    return len(client.search_runs([home.experiment_id for home in client.search_experiments()]))


def list_files(client, run, folder="unlearn-audit"):
    for entry in client.list_artifacts(run.info.run_id, folder):
        if entry.is_dir:
            yield from list_files(client, run, entry.path)
        else:
            yield entry.path


def read_alias(client, version, alias="champion"):
    return client.get_registered_model(version.split("/")[0]).aliases.get(alias)


@pytest.mark.parametrize(
    "case",
    [
        ("breast-cytology-pass", 0, "pass"),
        ("breast-cytology-inconclusive", 3, "inconclusive"),
        ("breast-cytology", 1, "fail"),
    ],
)
def test_a_run_holds_the_report_and_the_exit_code_is_the_verdicts(publish, client, tmp_path, case):
    name, code, outcome = case
    ended, out, err = publish(SAMPLES / name)

    run = find_run(client, SAMPLES / name)
    record = json.loads((SAMPLES / name / "record.json").read_bytes())
    assert (ended, err) == (code, "")
    assert outcome.upper() in out
    assert run.info.run_id in out
    assert run.info.status == "FINISHED"
    tags, metrics = run.data.tags, run.data.metrics
    assert tags["unlearn_audit.outcome"] == outcome
    assert tags["unlearn_audit.authenticity"] == "test-key"
    assert tags["unlearn_audit.evidence_sha256"] == record["evidence_sha256"]
    for check in record["verdicts"][0]["checks"]:
        assert tags[f"unlearn_audit.check.{check['id']}"].startswith(check["outcome"].replace("_", " "))
        assert metrics[f"check/{check['id']}/estimate"] == check["estimate"]["value"]
        assert metrics[f"check/{check['id']}/upper"] == check["estimate"]["bounds"]["high"]
    assert run.data.params["forget_count"] == str(record["provenance"]["forget"]["count"])
    logged = {path.removeprefix("unlearn-audit/") for path in list_files(client, run)}
    assert logged == {
        "record.json",
        "report.html",
        "report.pdf",
        "attestation.dsse.json",
        "policy.yaml",
        "signer-chain.pem",
    }
    local = client.download_artifacts(run.info.run_id, "unlearn-audit/record.json", str(tmp_path))
    assert Path(local).read_bytes() == (SAMPLES / name / "record.json").read_bytes()


def test_publishing_again_changes_nothing(publish, client):
    publish(SAMPLE)
    run, count = find_run(client, SAMPLE), count_runs(client)

    assert publish(SAMPLE)[0] == 0

    again = find_run(client, SAMPLE)
    assert count_runs(client) == count
    assert (again.data.tags, again.data.metrics, again.data.params) == (
        run.data.tags,
        run.data.metrics,
        run.data.params,
    )
    for name in run.data.metrics:
        (point,) = client.get_metric_history(run.info.run_id, name)
        assert point.step == 0


def test_with_evidence_the_downloaded_folder_verifies(publish, client, bundle, laboratory, tmp_path):
    from unlearn_audit.verification.verification import verify

    assert publish(bundle, "--with-evidence", "--experiment", "whole bundles")[0] == 0

    home = client.get_experiment_by_name("whole bundles")
    (run,) = client.search_runs([home.experiment_id])
    local = client.download_artifacts(run.info.run_id, "unlearn-audit", str(tmp_path))
    assert verify(Path(local), (laboratory["root_certificate"],)).exit_code == 0


def test_a_countersigned_report_with_trusted_time_is_logged_with_all_its_signatures(publish, client):
    trust = ("--trust", GOLDEN / "root.pem", "--trust-time", GOLDEN / "time-root.pem", "--require-timestamp")

    assert publish(GOLDEN / "bundle", trust=trust)[0] == 0

    logged = {Path(path).name for path in list_files(client, find_run(client, GOLDEN / "bundle"))}
    assert {"attestation.tst", "countersignature-1.dsse.json", "countersignature-1.tst", "report.pdf"} <= logged


def test_it_logs_to_a_run_that_is_given_and_leaves_it_to_its_owner(publish, client, bundle, register):
    home = client.create_experiment("own runs")
    mine = client.create_run(home).info.run_id

    assert publish(bundle, "--run-id", mine)[0] == 0

    run = client.get_run(mine)
    assert run.data.tags["unlearn_audit.outcome"] == "pass"
    assert run.info.status == "RUNNING"
    code, _, err = publish(SAMPLES / "breast-cytology-inconclusive", "--run-id", mine)
    assert code == 2
    assert "holds another audit" in err
    assert client.get_run(mine).data.tags == run.data.tags


@pytest.mark.parametrize(
    "case",
    [
        ("record.json", lambda b: b.replace(b'"outcome":"pass"', b'"outcome":"fail"'), "record.json"),
        ("report.html", lambda b: b + b" ", "changed since signing"),
        ("evidence.parquet", lambda b: b[:-1], "changed since signing"),
        ("notes.txt", lambda b: b"x", "not part of what was signed"),
    ],
)
def test_an_altered_report_is_not_logged(publish, client, bundle, case):
    file, change, message = case
    path, count = bundle / file, count_runs(client)
    path.write_bytes(change(path.read_bytes() if path.exists() else b""))

    code, out, err = publish(bundle)

    assert (code, out) == (4, "")
    assert message in err
    assert count_runs(client) == count


@pytest.mark.parametrize(
    ("trust", "message"),
    [((), "give the laboratory's root with --trust"), (("--trust", GOLDEN / "root.pem"), "authenticity")],
)
def test_a_report_that_nobody_trusts_is_not_logged(publish, client, passing, trust, message):
    count = count_runs(client)

    code, out, err = publish(passing, trust=trust)

    assert (code, out) == (4, "")
    assert "nothing was logged" in err
    assert message in err
    assert count_runs(client) == count


def test_a_report_by_another_policy_than_the_one_given_is_not_logged(publish, client, passing):
    count = count_runs(client)

    code, _, err = publish(passing, "--policy", "dermatology")

    assert code == 4
    assert "judged by another policy" in err
    assert count_runs(client) == count


def test_a_trusted_time_that_is_asked_for_and_missing_is_not_passed_over(publish, client, passing):
    count = count_runs(client)

    code, _, err = publish(passing, "--require-timestamp")

    assert code == 5
    assert "could not be verified, nothing was logged: time" in err
    assert count_runs(client) == count


def test_a_bound_pass_is_promoted_and_its_version_says_by_what(publish, client, register, bundle):
    version = register({"weights.safetensors": WEIGHTS, "MLmodel": b"flavors: {}"})
    name, number = version.split("/")

    code, out, _ = publish(bundle, *GATE, "--model-version", version)

    tags = client.get_model_version(name, number).tags
    assert code == 0
    assert f"champion is version {number}" in out
    assert read_alias(client, version) == number
    assert tags["unlearn_audit.outcome"] == "pass"
    assert tags["unlearn_audit.bound"] == "yes"
    assert "weights.safetensors" in tags["unlearn_audit.bound_by"]
    assert client.get_run(tags["unlearn_audit.run_id"]).data.tags["unlearn_audit.model_version"] == version


def test_a_version_with_other_weights_is_tagged_as_not_bound_and_not_promoted(publish, client, register, bundle):
    good = register({"weights.safetensors": WEIGHTS})
    assert publish(bundle, *GATE, "--model-version", good)[0] == 0
    other = register({"weights.safetensors": WEIGHTS[:-1] + b"x"})

    code, out, _ = publish(bundle, *GATE, "--model-version", other)

    tags = client.get_model_version(*other.split("/")).tags
    assert code == 4
    assert "NOT promoted, champion still is version 1" in out
    assert read_alias(client, other) == "1"
    assert tags["unlearn_audit.outcome"] == "not bound"
    assert tags["unlearn_audit.bound"] == "not bound"
    assert tags["unlearn_audit.reason"].startswith("not bound")


def test_without_a_promotion_the_verdicts_exit_code_stays_and_the_tag_says_not_bound(publish, client, register, bundle):
    other = register({"weights.safetensors": b"other"})

    code, out, _ = publish(bundle, "--model-version", other)

    assert code == 0
    assert "NOT BOUND" in out
    assert client.get_model_version(*other.split("/")).tags["unlearn_audit.outcome"] == "not bound"


def test_the_same_weights_can_be_required_before_anything_is_logged(publish, client, register, bundle):
    other = register({"weights.safetensors": b"other"})
    count = count_runs(client)

    code, _, err = publish(bundle, "--model-version", other, "--require-same-weights", "--experiment", "never")

    assert code == 4
    assert "nothing was logged" in err
    assert count_runs(client) == count
    assert client.get_experiment_by_name("never") is None
    assert client.get_model_version(*other.split("/")).tags == {}


@pytest.mark.parametrize(
    "case",
    [
        ("breast-cytology-pass", 4, "TEST key"),
        ("breast-cytology-inconclusive", 3, "the verdict is inconclusive"),
        ("breast-cytology", 1, "the verdict is fail"),
    ],
)
def test_what_fails_is_open_or_signed_by_nobody_is_logged_but_not_promoted(publish, client, register, case):
    name, code, message = case
    version = register({"w": (SAMPLES / name / "models" / "unlearned.safetensors").read_bytes()})
    policy = SAMPLES / name / "policy.yaml"

    ended, out, _ = publish(SAMPLES / name, "--model-version", version, "--promote", "champion", "--policy", policy)

    assert ended == code
    assert "NOT promoted, nothing is champion" in out
    assert message in out
    assert read_alias(client, version) is None
    outcome = json.loads((SAMPLES / name / "record.json").read_bytes())["outcome"]
    assert client.get_model_version(*version.split("/")).tags["unlearn_audit.outcome"] == outcome


def test_a_remedied_model_that_passed_is_not_the_audited_one(publish, client, register):
    sample = SAMPLES / "breast-cytology"
    version = register({"w": (sample / "models" / "remedied-salun-cra.safetensors").read_bytes()})

    code, out, _ = publish(sample, "--model-version", version)

    assert code == 1
    assert "holds another model of the same audit: w (" in out
    assert client.get_model_version(*version.split("/")).tags["unlearn_audit.outcome"] == "not bound"


def test_a_version_says_what_was_published_last(publish, client, register):
    sample = SAMPLES / "breast-cytology-inconclusive"
    version = register({"w": (sample / "models" / "unlearned.safetensors").read_bytes()})
    publish(sample, "--model-version", version)
    assert client.get_model_version(*version.split("/")).tags["unlearn_audit.outcome"] == "inconclusive"

    publish(SAMPLE, "--model-version", version)

    tags = client.get_model_version(*version.split("/")).tags
    assert tags["unlearn_audit.outcome"] == "not bound"
    assert tags["unlearn_audit.record_sha256"] == sha256((SAMPLE / "record.json").read_bytes()).hexdigest()


def test_what_was_interrupted_never_reads_as_a_verdict_and_is_completed_by_the_next(
    publish, client, bundle, monkeypatch
):
    from unlearn_audit.publishing.server import Server

    def fail(self, run_id, files):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Server, "upload", fail)
        assert publish(bundle, "--experiment", "interrupted")[0] == 5
    home = client.get_experiment_by_name("interrupted").experiment_id
    (run,) = client.search_runs([home])
    assert run.data.tags["unlearn_audit.outcome"] == "publishing"
    assert run.info.status == "FAILED"

    assert publish(bundle, "--experiment", "interrupted")[0] == 0
    (run,) = client.search_runs([home])
    assert run.data.tags["unlearn_audit.outcome"] == "pass"
    assert run.info.status == "FINISHED"


def test_what_is_logged_is_what_was_verified_whoever_writes_meanwhile(publish, client, bundle, monkeypatch, tmp_path):
    from unlearn_audit.publishing import publication

    verify = publication.verify_bundle

    def verify_and_swap(folder, *rest):
        answers = verify(folder, *rest)
        (bundle / "report.html").write_text("<h1>PASS</h1>")
        return answers

    monkeypatch.setattr(publication, "verify_bundle", verify_and_swap)
    assert publish(bundle, "--experiment", "swapped")[0] == 0
    (run,) = client.search_runs([client.get_experiment_by_name("swapped").experiment_id])
    local = client.download_artifacts(run.info.run_id, "unlearn-audit/report.html", str(tmp_path))
    assert Path(local).read_bytes() == (SAMPLE / "report.html").read_bytes()


def test_from_python_the_same_is_returned_or_raised(uri, register, bundle, laboratory):
    version = register({"w": WEIGHTS})
    trust = (laboratory["root_certificate"],)

    done = publish_to_mlflow(
        bundle, uri, trust=trust, model_version=version, promote="champion", policy=bundle / "policy.yaml"
    )

    assert (done.outcome, done.alias_at, done.objection, done.exit_code) == ("pass", "1", None, 0)
    assert done.binding.file == "w"
    with pytest.raises(IntegrityError, match="nobody was named to trust"):
        publish_to_mlflow(bundle, uri)


def test_nothing_of_the_callers_environment_is_changed(uri, bundle, laboratory, monkeypatch):
    import os

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "50")
    before = dict(os.environ)
    publish_to_mlflow(bundle, uri, trust=(laboratory["root_certificate"],))
    assert dict(os.environ) == before


def test_a_password_in_the_address_is_never_printed(publish, uri, bundle, monkeypatch):
    secret = uri.replace("http://", "http://anna:s3cret@")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for given in (secret, secret.replace(uri.rpartition(":")[2], "1")):
        code, out, err = publish(bundle, "--tracking-uri", given)
        assert code in (0, 5)
        assert "s3cret" not in out + err
        assert "***@127.0.0.1" in out + err


def test_a_copied_bundle_with_a_link_in_it_is_refused(publish, client, bundle):
    shutil.move(bundle / "report.html", bundle.parent / "elsewhere.html")
    (bundle / "report.html").symlink_to(bundle.parent / "elsewhere.html")
    code, _, err = publish(bundle)
    assert code == 4
    assert "is a symbolic link" in err
