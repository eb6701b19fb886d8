"""One real MLflow server for all tests of publishing, and reports to publish to it.

The full MLflow and the packages that this project is pinned to do not go together, so these tests run in an
environment of their own: `make mlflow`.
"""

import contextlib
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.mlflow_server import serve

SAMPLES = Path(__file__).resolve().parents[2] / "sample_reports"


@pytest.fixture(scope="session")
def uri(tmp_path_factory):
    """The address of the real server."""
    if find_spec("mlflow") is None:
        pytest.skip("MLflow is not installed here: 'make mlflow' runs these tests in an environment of their own")
    with serve(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture
def client(uri):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


@pytest.fixture
def register(client, uri, tmp_path, request):
    """Register files (name -> content) as a new version of this test's own model; return NAME/VERSION."""

    def make(files, name=None):
        name = name or request.node.name.replace("[", ".").replace("]", "")[:80]
        home = client.get_experiment_by_name("training")
        run = client.create_run(home.experiment_id if home else client.create_experiment("training"))
        folder = tmp_path / f"registered-{run.info.run_id}"
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        client.log_artifacts(run.info.run_id, str(folder), "model")
        with contextlib.suppress(Exception):
            client.create_registered_model(name)
        made = client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)
        return f"{name}/{made.version}"

    return make


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory):
    """A laboratory's own authority: the path of each file by its role."""
    from unlearn_audit.pki.laboratory_ca import init_laboratory_ca

    return init_laboratory_ca(tmp_path_factory.mktemp("laboratory") / "ca", "Example Clinic", "Audit desk")


@pytest.fixture(scope="session")
def passing(laboratory, tmp_path_factory):
    """The passing sample, signed again with the laboratory's own key and without its PDF, which is slow to verify."""
    from unlearn_audit.pki.keys import describe_signer, load_signing_key
    from unlearn_audit.records import AuditRecord
    from unlearn_audit.signing.bundle import write_bundle

    sample = SAMPLES / "breast-cytology-pass"
    key = load_signing_key(laboratory["signer_key"], laboratory["signer_chain"])
    record = AuditRecord.from_bytes((sample / "record.json").read_bytes())
    made = record.provenance.model_copy(update={"signer": describe_signer(key.certificate)})
    signed = record.model_copy(update={"provenance": made})
    names = ["policy.yaml", "report.html", "evidence.parquet", *(card.file for card in record.provenance.models)]
    files = {name: (sample / name).read_bytes() for name in names}
    return write_bundle(tmp_path_factory.mktemp("passing") / "bundle", files, signed, key)


@pytest.fixture
def bundle(passing, tmp_path):
    """A copy of the passing bundle, to be changed."""
    return Path(shutil.copytree(passing, tmp_path / "bundle"))


@pytest.fixture
def publish(uri, laboratory, monkeypatch, capfd):
    """Run `unlearn-audit publish mlflow` in this process, trusting everyone here; return exit code, stdout, stderr."""
    from unlearn_audit.cli import run_guarded

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    roots = ("--trust", laboratory["root_certificate"], "--trust", SAMPLES / "test-root.pem")

    def run(bundle, *options, trust=roots):
        capfd.readouterr()
        code = run_guarded(["publish", "mlflow", *map(str, (bundle, *trust, *options))])
        captured = capfd.readouterr()
        return int(code), captured.out, captured.err

    return run
