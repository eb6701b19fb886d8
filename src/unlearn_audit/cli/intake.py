"""The intake summary on the terminal: what was assumed about the input, one line each."""

from collections.abc import Sequence

import click

from unlearn_audit.records.intake import IntakeEntry

_MARKS = {"contradicted": "!", "assumed": "?", "left-out": "-", "declared": "=", "verified": "+"}
_COLOURS = {"contradicted": "red", "assumed": "yellow"}


def print_intake(entries: Sequence[IntakeEntry], *, everything: bool = False) -> None:
    """Print one line for each property that is not verified here; `everything`: for the others too.

    What the input speaks against stands first, then what nobody declares, what was left out, what policy, case or
    publisher declare.
    """
    if not entries:
        return
    click.echo("\nInput")
    shown = [entry for entry in entries if everything or entry.status != "verified"]
    for entry in shown:
        mark = click.style(_MARKS[entry.status], fg=_COLOURS.get(entry.status), bold=True)
        click.echo(f"{mark} {entry.status:<12}  {entry.text}")
    if hidden := len(entries) - len(shown):
        click.echo(f"+ {hidden} more properties are verified; 'evidence check' and the report list them.")
