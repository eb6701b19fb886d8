"""Where commands of pages run: a folder like a checkout's root, a home of its own, an authority for time."""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pages import ROOT, Command, Printed, Write, read_steps, squeeze
from tests.support.sharing import find_home
from tests.support.timestamp_authority import Responder, serve

PASSPHRASE = "correct horse battery staple"  # noqa: S105 - of keys that live as long as a test
AUTHORITY = "https://timestamps.example/"
_SHELL = ("~", ">", "|", "$", "=", ";")


def _read_id(policy: str) -> str:
    return re.search(r"^id: (\S+)", policy, re.MULTILINE).group(1)


class Reader:
    """Somebody who follows pages in one folder, command by command."""

    def __init__(self, folder: Path, home: Path, stamps: Responder) -> None:
        self.folder, self.stamps = folder, stamps
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "UNLEARN_"))}
        self.environment = kept | {
            "HOME": str(home),
            "COLUMNS": "200",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "UNLEARN_AUDIT_KEY_PASSPHRASE": PASSPHRASE,
        }
        self.importable: list[Path] = []
        """What PYTHONPATH names, where a page's reader has modules of their own."""
        for name in ("Makefile", "policies", "studies", "examples"):
            (folder / name).symlink_to(ROOT / name)
        shutil.copytree(ROOT / "sample_reports", folder / "sample_reports")
        shutil.copy(stamps.root_path, folder / "authority-root.pem")
        shutil.copy(stamps.crl_path, folder / "authority.crl.pem")

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.is_symlink():
            raise AssertionError(f"{name} would be written into the checkout")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def follow(self, page: str, answers: str = "") -> str:
        """Do what the page says, hold every command to its exit code and output; return all that was printed."""
        printed, everything = "", []
        steps = read_steps(page)
        for number, step in enumerate(steps):
            if isinstance(step, Write):
                self.write(step.name, step.content.replace(AUTHORITY, self.stamps.url))
            elif isinstance(step, Printed):
                assert step.text in squeeze(printed), f"{page}: '{step.text}' is not printed but\n{printed}"
            elif not step.not_run:
                if number and not isinstance(steps[number - 1], Command):
                    printed = ""
                code, output = self.run(step.line, answers)
                assert code in step.codes, f"{page}: '{step.line}' exits {code}, not {step.codes}\n{output}"
                printed += output
                everything.append(output)
        return "\n".join(everything)

    def run(self, line: str, answers: str = "") -> tuple[int, str]:
        """Run one line: our own command in this process, where it needs no shell; everything else in bash."""
        line = line.replace(AUTHORITY, self.stamps.url)
        words = shlex.split(line)
        self._clear(words)
        if words[0] == "unlearn-audit" and not answers and not any(sign in line for sign in _SHELL):
            return self._run_here(words[1:])
        if words[0] == "make":  # everything but the set-up, which these tests run in
            line = f"{line} -o setup BIN={Path(sys.executable).parent}"
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self.environment, check=False,
            capture_output=True, text=True, input=answers,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def _clear(self, words: list[str]) -> None:
        """Commands of a page that write to the same folder are alternatives: each finds none."""
        if "run" in words and "--policy" in words and "--out" not in words:
            policy = (self.folder / words[words.index("--policy") + 1]).read_text("utf-8")
            shutil.rmtree(self.folder / f"audit-{_read_id(policy)}", ignore_errors=True)

    def _run_here(self, words: list[str]) -> tuple[int, str]:
        from unlearn_audit.cli import run_guarded

        output = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.delenv("XDG_CONFIG_HOME", raising=False)
            patch.delenv("XDG_CACHE_HOME", raising=False)
            patch.chdir(self.folder)
            for place in self.importable:
                patch.syspath_prepend(str(place))
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                code = run_guarded(words)
        return int(code), output.getvalue()


@pytest.fixture(scope="session")
def stamps(tmp_path_factory):
    with serve(Responder(tmp_path_factory.mktemp("stamps"))) as responder:
        yield responder


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return find_home(tmp_path_factory)


@pytest.fixture
def reader(tmp_path, home, stamps):
    return Reader(tmp_path, home, stamps)
