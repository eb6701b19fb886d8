"""The installed command, run for real on the embedded data with a recipe that takes seconds."""

import json
import os
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.ceilings import FAILS, PASSES
from tests.support.policies import FINE_TUNED, LOOSE, write_policy
from tests.support.proofs import render_small
from tests.support.sharing import find_home, make_once

POLICY = write_policy(
    "quick",
    ["{id: risk, metric: global-risk, at_most: RISK, why: ceiling}", *LOOSE],
    points="argmax, cost-optimal",
    membership="{attacks: [confidence, modified-entropy], fpr: [0.01], unrecognised: inform}",
    remediation="[{method: salun-cra, parameters: {labels: other, schedule: joint, epochs: 1}}]",
    reference_case=FINE_TUNED,
)


@pytest.fixture(scope="session")
def command():
    """The installed script."""
    return Path(sys.executable).with_name("unlearn-audit")


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """The home, in which they also work: their policies and what they write lie in it."""
    return find_home(tmp_path_factory)


@pytest.fixture(scope="session")
def environment(place):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "UNLEARN_"))}
    return kept | {"HOME": str(place), "SOURCE_DATE_EPOCH": "1767323045", "COLUMNS": "100"}


@pytest.fixture(scope="session")
def audit(command, environment, place):
    """Run the command; return the finished process."""

    def run(*arguments, **changes):
        return subprocess.run(
            [str(command), *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=changes.pop("cwd", place),
            preexec_fn=changes.pop("preexec_fn", None),
            env=environment | changes,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture(scope="session")
def policy_file(place):
    """Write the quick policy with a ceiling on Global Risk; return its path."""

    def write(ceiling=PASSES, *, change=("", "")):
        path = place / f"quick-{ceiling}-{zlib.crc32(repr(change).encode())}.yaml"
        text = POLICY.replace("RISK", ceiling)
        make_once(path, lambda: path.write_text(text.replace(*change) if change[0] else text))
        return path

    return write


@pytest.fixture(scope="session")
def passing_run(audit, policy_file, place):
    """A passing run of the installed command, finished: where its bundle is, and the process."""
    out = place / "finished"
    return out, run_once(place / "passing.json", lambda: audit("run", "--policy", policy_file(), "--out", out))


@pytest.fixture(scope="session")
def finished(passing_run):
    """A finished, passing bundle; tests that change it take a copy."""
    out, done = passing_run
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="session")
def failing_run(audit, policy_file, place, finished):
    """A failing run in all formats, compared with the passing one, made in the folder of its policy."""
    out = place / "failing"
    formats = [word for name in ("html", "pdf", "junit", "sarif", "markdown", "github") for word in ("--format", name)]
    arguments = ("--policy", policy_file(FAILS).name, "--out", out, "--no-remedy", *formats)
    baseline = ("--baseline", finished / "record.json")
    return out, run_once(place / "failing.json", lambda: audit("run", *arguments, *baseline))


def run_once(cache, run):
    """Return the finished process, of whichever process of the test run came first: `cache` keeps what it said."""

    def keep():
        done = run()
        cache.with_suffix(".part").write_text(json.dumps([done.args, done.returncode, done.stdout, done.stderr]))
        cache.with_suffix(".part").rename(cache)

    make_once(cache, keep)
    return subprocess.CompletedProcess(*json.loads(cache.read_text()))


@pytest.fixture
def bundle(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def root_certificate(place, finished):
    return place / ".config" / "unlearn-audit" / "test-key" / "root.crt.pem"


@pytest.fixture
def small_pages(monkeypatch):
    """A PDF of one page for tests that run audits and do not read it: pages cost seconds, the rest does not."""
    from unlearn_audit.formats import FORMATS, from_record

    monkeypatch.setitem(FORMATS._own, "pdf", replace(FORMATS["pdf"], render=from_record(render_small)))


@pytest.fixture
def run_here(environment, monkeypatch, capsys, place):
    """Run the command in this process: fast, and seen by coverage. Returns (exit code, stdout, stderr)."""
    from unlearn_audit.cli import run_guarded

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(place)

    def run(*arguments):
        code = run_guarded([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(code), captured.out, captured.err

    return run
