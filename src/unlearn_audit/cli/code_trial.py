"""A trial of the user's own code on a few records, before the long work."""

from typing import TYPE_CHECKING

import click

from unlearn_audit.cli.console import show_progress
from unlearn_audit.errors import ExitCode

if TYPE_CHECKING:
    from unlearn_audit.cases import CaseRequest
    from unlearn_audit.policy import Policy

_SIGNS = {True: "+", False: "-", None: "?"}


def check_code(policy: "Policy", request: "CaseRequest") -> int:
    """Try the user's functions on a few records and print what holds; return 0, or 5 where something does not."""
    from unlearn_audit.cases.request import make_plan
    from unlearn_audit.cases.setup import prepare_case
    from unlearn_audit.cases.user_functions import check_functions

    with show_progress() as progress:
        plan = make_plan(policy, request)
        prepared = prepare_case(policy, request, plan, progress)
        functions = prepared.builder.functions
        checks = check_functions(functions, prepared.builder, prepared.task.dataset.x)
    for code in functions.describe():
        click.echo(f"Code     {code.role}: {code.name} (SHA-256 {code.sha256})")
    click.echo()
    for check in checks:
        detail = f": {check.detail}" if check.detail else ""
        click.echo(f"{_SIGNS[check.holds]} {check.role} {check.what}{detail}")
    broken = sum(check.holds is False for check in checks)
    click.echo(f"\n{broken} of {len(checks)} do not hold." if broken else "\nThe code can be audited.")
    return ExitCode.INCOMPLETE if broken else ExitCode.PASS
