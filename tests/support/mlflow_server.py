"""A real MLflow server: started on the loopback alone, and ended for certain."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException

import pytest

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
PATIENCE = 240.0  # seconds, for a machine whose cores are all taken


def find_port():
    """Return a port of the loopback that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def serve(place):
    """Yield the address of a server whose database and artifacts lie in `place`; its whole group is ended after."""
    port = find_port()
    options = {
        "--host": "127.0.0.1",
        "--port": port,
        "--workers": 1,
        "--backend-store-uri": f"sqlite:///{place}/mlflow.db",
        "--artifacts-destination": place / "artifacts",
    }
    command = [sys.executable, "-m", "mlflow", "server", *(str(word) for pair in options.items() for word in pair)]
    with (place / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=place, stdout=log, stderr=log, env=os.environ | QUIET, start_new_session=True
        )
    try:
        wait_for(port, server, place / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        end_group(server)


def end_group(server):
    """End the server and its workers at once: what they hold is thrown away, and asking first takes them seconds."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait(10)


def wait_for(port, server, log):
    """Return when the server answers; fail with the end of its log where it never does."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError, HTTPException), contextlib.closing(connection):
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"the MLflow server did not start:\n{log.read_text()[-3000:]}")
