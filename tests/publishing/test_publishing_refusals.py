"""What goes wrong between here and a server: one clear message each, its exit code, no secret, nothing half-told."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

import pytest

from tests.support.mlflow_server import find_port

needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="MLflow is not installed here: see 'make mlflow'")


@pytest.fixture
def try_publishing(passing, laboratory, monkeypatch, capfd):
    """Run the command without any server of ours; return exit code and stderr."""
    from unlearn_audit.cli import run_guarded

    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    def run(*options, bundle=passing):
        capfd.readouterr()
        trust = ("--trust", laboratory["root_certificate"])
        code = run_guarded(["publish", "mlflow", *map(str, (bundle, *trust, *options))])
        out, err = capfd.readouterr()
        assert out == ""
        assert "Traceback" not in err
        assert "internal error" not in err
        return int(code), err

    return run


@pytest.fixture
def answer_always():
    """Start a server that gives one answer to everything; return its address."""
    servers = []

    def start(status, content, kind="application/json"):
        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - the names that it looks for

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_without_an_address_nothing_is_written_anywhere(try_publishing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, err = try_publishing()
    assert code == 2
    assert "no MLflow server was named" in err
    assert list(tmp_path.iterdir()) == []


def test_without_mlflow_the_message_says_what_to_install(try_publishing, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    code, err = try_publishing("--tracking-uri", "http://127.0.0.1:1")
    assert code == 5
    assert "pip install 'unlearn-audit[mlflow]'" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--promote", "champion"), "which version, and the policy"),
        (("--promote", "champion", "--model-version", "m/1"), "which version, and the policy"),
        (("--promote", "a b", "--model-version", "m/1", "--policy", "breast-cytology"), "expected an alias"),
        (("--promote", "v3", "--model-version", "m/1", "--policy", "breast-cytology"), "expected an alias"),
        (("--model-version", "m/latest"), "NAME/VERSION"),
        (("--policy", "no-such.yaml"), "expected a policy file"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_before_anything_else(try_publishing, options, message):
    code, err = try_publishing("--tracking-uri", "http://127.0.0.1:1", *options)
    assert code == 2
    assert message in err


@pytest.mark.parametrize("what", ["nothing", "pdf"])
def test_what_is_no_folder_is_refused(try_publishing, tmp_path, what):
    place = tmp_path / "report.pdf"
    if what == "pdf":
        place.write_bytes(b"%PDF-1.7")
    code, err = try_publishing("--tracking-uri", "http://127.0.0.1:1", bundle=place)
    assert code == 2
    assert "expected the folder of a bundle" in err


@needs_mlflow
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_server_that_is_down(try_publishing, host):
    address = f"http://{host}:{find_port()}"
    code, err = try_publishing("--tracking-uri", address)
    assert code == 5
    assert f"no MLflow server answers at {address}" in err
    assert len(err.splitlines()) == 2  # with its hint


@needs_mlflow
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_server_that_does_not_let_us_in(try_publishing, answer_always, status, form, monkeypatch):
    name = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}[status]
    content = json.dumps({"error_code": name, "message": "no"}) if form == "json" else "You are not authenticated."
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "anna")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    code, err = try_publishing("--tracking-uri", answer_always(status, content.encode()))
    assert code == 5
    assert "does not allow to" in err
    assert "MLFLOW_TRACKING_USERNAME" in err
    assert "s3cret" not in err


@needs_mlflow
@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [(200, b"<html>A proxy's page</html>", "text/html"), (500, b"oops", "text/plain"), (404, b"not here", "text/plain"),
     (200, b"{}", "application/json"), (200, b"[1, 2]", "application/json")],
)  # fmt: skip
def test_a_server_that_is_no_mlflow(try_publishing, answer_always, status, content, kind):
    address = answer_always(status, content, kind)
    code, err = try_publishing("--tracking-uri", address)
    assert code == 5
    assert f"server at {address} " in err
    assert "could not" in err or "does not answer as MLflow does" in err
    assert len(err.splitlines()) <= 2


@needs_mlflow
@pytest.mark.parametrize("address", ["ftp://127.0.0.1/x", "nonsense://x"])
def test_an_address_of_no_kind_that_mlflow_knows(try_publishing, address):
    code, err = try_publishing("--tracking-uri", address)
    assert code == 5
    assert f"the MLflow server at {address} could not be used" in err


@needs_mlflow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--run-id", "0" * 32), f"knows no run {'0' * 32}"),
        (("--model-version", "no-such-model/1"), "knows no version 1 of a model 'no-such-model'"),
    ],
)
def test_an_unknown_run_or_version_is_a_usage_error(publish, passing, options, message):
    code, out, err = publish(passing, *options, "--experiment", "unknown things")
    assert (code, out) == (2, "")
    assert message in err


@needs_mlflow
def test_a_deleted_experiment_is_not_written_to(publish, client, passing):
    client.delete_experiment(client.create_experiment("deleted"))
    code, _, err = publish(passing, "--experiment", "deleted")
    assert code == 2
    assert "'deleted'" in err
    assert "was deleted" in err
