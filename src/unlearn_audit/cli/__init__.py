"""The command `unlearn-audit`: thin over the library. Every ending has its exit code; a crash is never a verdict."""

import gc
import sys
from contextlib import suppress
from typing import NoReturn

from unlearn_audit.errors import AuditError, ExitCode

_QUIET_COLLECTOR = 200_000
"""New objects before Python looks for garbage: imports make tens of thousands of objects, all of which stay."""


def main() -> NoReturn:
    """Run the command line and exit with a code of `ExitCode`."""
    from unlearn_audit.cli.streams import find_loss, keep_printing

    gc.set_threshold(_QUIET_COLLECTOR)
    keep_printing()
    code = run_guarded(sys.argv[1:])
    if (loss := find_loss()) is not None:
        code = code or _end(f"the output could not be written: {loss.strerror}", ExitCode.INCOMPLETE)
    gc.freeze()  # Python would look through all objects once more at its end: a quarter of the time of `verify`
    sys.exit(code)


def run_guarded(arguments: list[str]) -> int:
    """Run the command with `arguments`; return the exit code whatever happens."""
    try:
        return _run(arguments)
    except SystemExit as error:  # of code that is not ours: its number would read as a verdict
        return _end(f"the work was ended from within (exit {error.code})", ExitCode.INCOMPLETE)
    except Exception as error:  # noqa: BLE001 - the last defence: a traceback would exit 1, a verdict
        return _end_by(error)


def _run(arguments: list[str]) -> int:
    import click

    from unlearn_audit.cli.commands import group

    try:
        result = group.main(args=arguments, prog_name="unlearn-audit", standalone_mode=False)
    except click.exceptions.Abort:
        return _end("interrupted; what was trained is kept: run the same command again to go on", ExitCode.INCOMPLETE)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    return int(result) if isinstance(result, int) else ExitCode.PASS


def _end_by(error: Exception) -> ExitCode:
    if isinstance(error, ModuleNotFoundError):  # an optional package that was needed after all: say what brings it
        from unlearn_audit.software import explain_missing

        error = explain_missing(error.name or "") or error
    if isinstance(error, AuditError):
        return _end(error.message + (f"\nhint: {error.hint}" if error.hint else ""), error.exit_code)
    return _end(f"internal error, which is ours, not yours: {_log()}", ExitCode.INCOMPLETE)


def _end(message: str, code: ExitCode) -> ExitCode:
    from unlearn_audit.escaping import show_lines

    with suppress(OSError, ValueError, AttributeError):  # closed, full, or never there: the exit code stands
        sys.stderr.write(f"{show_lines(f'unlearn-audit: {message}')}\n")
    return code


def _log() -> str:
    """Write the traceback to a private file and say where. It holds code and messages, never keys or data."""
    import os
    import tempfile
    import traceback

    text = traceback.format_exc()
    try:
        handle, name = tempfile.mkstemp(prefix="unlearn-audit-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8") as log:
            log.write(text)
    except OSError as error:
        return f"the log cannot be written ({error.strerror}), here it is\n{text}"
    return f"the log is at {name}"
