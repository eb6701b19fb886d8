"""Shared by the commands that write reports: formats are resolved before the work, places are printed after it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pydantic import BaseModel

    from unlearn_audit.formats import Format

POLICY_COPY = "policy.yaml"


def announce_formats(asked: Iterable[str]) -> "Mapping[str, Format]":
    """Return the formats of a report; say before the work which usual one this installation cannot write.

    Raises:
        UnknownNameError: no format of that name.
        ReportError: a format was asked for that this installation cannot write.
    """
    from unlearn_audit.formats import choose_formats

    formats, left_out = choose_formats(asked)
    if left_out:
        written = ", ".join(form.file for form in formats.values())
        click.echo(
            f"This report will be written as {written}. {' '.join(_capitalise(why) for why in left_out)}", err=True
        )
    return formats


def warn_of_letters(formats: "Mapping[str, Format]", *written: "BaseModel | None") -> None:
    """Say before the work which letters of policy and case the typefaces of the PDF lack; nothing without a PDF."""
    if not any(form.file.endswith(".pdf") for form in formats.values()):
        return
    from unlearn_audit.formats.typefaces import examine, find_fonts
    from unlearn_audit.presentation.wording import name_letters

    texts = "".join(one.model_dump_json() for one in written if one is not None)
    text = name_letters(examine(texts, find_fonts()).missing)
    if text:
        click.echo(f"Letters of the policy or case: {text} The HTML shows them with its reader's fonts.", err=True)


def _capitalise(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def name_policy_file(given: str, out: Path) -> str:
    """Return the policy that was `given` as a path from the working folder, which is a pipeline's repository.

    Its copy in the report folder `out` stands for a policy from elsewhere, such as a shipped one.
    """
    return find_below(Path(given)) or name_file(out / POLICY_COPY)


def find_below(path: Path) -> str | None:
    """Return a file as a path from the working folder, None where it is none or lies elsewhere."""
    placed, here = path.resolve(), Path.cwd().resolve()
    return placed.relative_to(here).as_posix() if path.is_file() and placed.is_relative_to(here) else None


def name_file(path: Path) -> str:
    """Return a file of a report, there or to come, as a path from the working folder, else with its folder's name.

    Never the bare name of a file from elsewhere: at the root of a repository another file may be called so.
    """
    placed, here = path.resolve(), Path.cwd().resolve()
    return placed.relative_to(here).as_posix() if placed.is_relative_to(here) else f"{placed.parent.name}/{placed.name}"


def print_place(out: Path, formats: "Mapping[str, Format]", *, is_test: bool) -> None:
    """Print where the report is, and how it is checked."""
    from unlearn_audit.bundle.layout import RECORD
    from unlearn_audit.pki.laboratory_ca import ROOT_CERTIFICATE, find_test_folder

    names = dict.fromkeys([*(form.file for form in formats.values()), RECORD])
    click.echo("\nReport:  " + "\n         ".join(str(out / name) for name in names))
    if is_test:
        click.echo("Signed with a TEST key: fine for a trial, worthless for a submission (see 'keys init').")
        click.echo(f"Check:   unlearn-audit verify {out} --trust {find_test_folder() / ROOT_CERTIFICATE}")
    else:
        click.echo(f"Check:   unlearn-audit verify {out} --trust ROOT.pem")
