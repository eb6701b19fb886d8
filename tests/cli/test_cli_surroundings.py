"""Where the command runs: readers that go away, full disks, folders that cannot be written, nobody's account."""

import os
import subprocess
import sys
from contextlib import closing

import pytest

from unlearn_audit.cli import run_guarded
from unlearn_audit.errors import ExitCode

NOBODY = (
    "import os, pwd, sys\n"
    "def refuse(_): raise KeyError\n"
    "pwd.getpwuid = refuse\n"
    "os.environ.pop('HOME')\n"
    "sys.argv[0] = 'unlearn-audit'\n"
    "from unlearn_audit.cli import main\n"
    "main()\n"
)


@pytest.fixture
def start(environment, place):
    """Start the command with streams of the test's own; return what it ended with."""

    def run(*arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, program=("-m", "unlearn_audit"), **changes):
        return subprocess.run(
            [sys.executable, *program, *map(str, arguments)],
            stdout=stdout,
            stderr=stderr,
            cwd=place,
            env={**environment, **changes},
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture
def gone():
    """The writing end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.fixture
def full():
    if not os.path.exists("/dev/full"):  # noqa: PTH110 - a device
        pytest.skip("there is no /dev/full here")
    with closing(open("/dev/full", "wb")) as device:  # noqa: PTH123
        yield device


@pytest.mark.process
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["list", "methods"], 0), (["--help"], 0), (["schema", "policy"], 0), (["policy", "check", "no-such"], 2)],
)
def test_a_reader_that_goes_away_changes_no_exit_code(start, gone, arguments, code, unbuffered):
    assert start(*arguments, stdout=gone, stderr=gone, PYTHONUNBUFFERED=unbuffered).returncode == code
    assert start(*arguments, stdout=gone, PYTHONUNBUFFERED=unbuffered).returncode == code


@pytest.mark.thorough
@pytest.mark.process
def test_a_report_is_written_whoever_reads_what_is_printed(start, gone, failing_run, policy_file, tmp_path):
    out, _ = failing_run
    arguments = ("recheck", out / "evidence.parquet", "--policy", out / "policy.yaml", "--format", "json")
    done = start(*arguments, "--out", tmp_path / "again", stdout=gone, stderr=gone)

    assert done.returncode == ExitCode.FAIL
    assert (tmp_path / "again" / "record.json").read_bytes() == (out / "record.json").read_bytes()


@pytest.mark.process
def test_output_that_is_lost_is_never_a_pass_and_a_lost_message_changes_nothing(start, full):
    done = start("list", "methods", stdout=full)
    assert done.returncode == ExitCode.INCOMPLETE
    assert b"the output could not be written: No space left on device" in done.stderr

    assert start("policy", "check", "no-such", stderr=full).returncode == ExitCode.USAGE


def test_code_that_ends_the_process_is_no_verdict(monkeypatch, capsys):
    from unlearn_audit.cli import commands

    def leave(**_):
        raise SystemExit(1)

    monkeypatch.setattr(commands.group, "main", leave)
    assert run_guarded([]) == ExitCode.INCOMPLETE
    assert "ended from within (exit 1)" in capsys.readouterr().err


def test_an_internal_error_without_a_place_for_its_log_is_printed_and_no_verdict(monkeypatch, capsys):
    import tempfile

    from unlearn_audit.cli import commands

    def break_down(**_):
        raise ZeroDivisionError("planted")

    def refuse(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(commands.group, "main", break_down)
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    assert run_guarded([]) == ExitCode.INCOMPLETE
    err = capsys.readouterr().err
    assert "the log cannot be written (No space left on device), here it is" in err
    assert "planted" in err


@pytest.fixture(params=["run", "recheck"])
def work(request, policy_file, failing_run):
    """A command that works long, with what it needs."""
    evidence = [failing_run[0] / "evidence.parquet"] if request.param == "recheck" else []
    return request.param, *evidence, "--policy", policy_file()


@pytest.mark.parametrize("name", ["file/out", "x" * 300, "/proc/1/out"])
def test_an_out_that_cannot_be_written_is_found_before_the_work(run_here, work, tmp_path, name):
    (tmp_path / "file").write_text("in the way")
    code, output, err = run_here(*work, "--out", tmp_path / name)

    assert code == ExitCode.INCOMPLETE
    assert "cannot be written" in err
    assert "choose an --out that can be written" in err
    assert "train" not in output + err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_looking_leaves_no_folder_behind_and_takes_none_away(tmp_path):
    from unlearn_audit.signing.bundle import validate_output_folder

    (tmp_path / "mine").mkdir()
    validate_output_folder(tmp_path / "mine" / "a" / "b", force=False)
    validate_output_folder(tmp_path / "mine", force=False)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


@pytest.mark.thorough
@pytest.mark.process
def test_without_home_and_account_a_report_is_made_in_a_folder_of_ones_own(start, failing_run, tmp_path):
    out, _ = failing_run
    (tmp_path / "temporary").mkdir()
    arguments = ("recheck", out / "evidence.parquet", "--policy", out / "policy.yaml", "--format", "json")
    done = start(*arguments, "--out", tmp_path / "again", program=("-c", NOBODY), TMPDIR=str(tmp_path / "temporary"))

    assert done.returncode == ExitCode.FAIL, done.stderr
    (own,) = (tmp_path / "temporary").iterdir()
    assert own.stat().st_mode & 0o777 == 0o700
    assert (own / ".config" / "unlearn-audit" / "test-key").is_dir()


@pytest.mark.parametrize("trap", ["link", "file", "open"])
def test_a_home_that_somebody_else_laid_out_is_not_used(monkeypatch, tmp_path, trap):
    from pathlib import Path

    from unlearn_audit import writing
    from unlearn_audit.errors import ReportError

    def refuse():
        raise RuntimeError

    monkeypatch.setattr(Path, "home", refuse)
    monkeypatch.setattr(writing.tempfile, "gettempdir", lambda: str(tmp_path))
    place = tmp_path / f"unlearn-audit-{os.getuid()}"
    (tmp_path / "theirs").mkdir(mode=0o700)
    if trap == "link":
        place.symlink_to(tmp_path / "theirs")
    elif trap == "file":
        place.write_text("")
    else:
        place.mkdir()
        place.chmod(0o777)
    with pytest.raises(ReportError, match="there is no HOME") as caught:
        writing.find_home()
    assert caught.value.hint == "set HOME to a folder that can be written"


def test_a_test_key_that_cannot_be_kept_is_found_before_the_work(run_here, policy_file, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    code, output, err = run_here("run", "--policy", policy_file(), "--out", tmp_path / "out")

    assert code == ExitCode.INCOMPLETE
    assert "set XDG_CONFIG_HOME" in err
    assert "train" not in output + err


def test_a_cache_that_cannot_be_written_is_found_before_the_first_model_is_trained(run_here, policy_file, tmp_path):
    (tmp_path / "file").write_text("")
    arguments = ("--policy", policy_file(), "--out", tmp_path / "out", "--cache", tmp_path / "file" / "cache")
    code, output, err = run_here("run", *arguments)

    assert code == ExitCode.INCOMPLETE
    assert "no model can be kept: cannot write into" in err
    assert "choose another folder with --cache" in err
    assert "train the original: done" not in output + err
