"""Progress and tables as a person sees them."""

import io
import sys

import pytest

from unlearn_audit.cli.console import show_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_bars(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)

    with show_progress() as progress:
        progress("train the original", 0, 10)
        progress("train the original", 10, 10)

    assert "train the original" in screen.getvalue()
    assert "10/10" in screen.getvalue()


def test_a_log_gets_one_line_when_a_task_begins_and_one_when_it_is_done(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)

    with show_progress() as progress:
        for done in range(4):
            progress("train", done, 3)

    assert log.getvalue() == "train: ...\ntrain: done\n"


@pytest.mark.parametrize("name", ["XDG_CACHE_HOME", None])
def test_the_cache_is_where_the_system_says(monkeypatch, tmp_path, name):
    from unlearn_audit.data import find_cache

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    if name:
        monkeypatch.setenv(name, str(tmp_path / "cache"))

    assert find_cache() == tmp_path / ("cache" if name else ".cache") / "unlearn-audit"
