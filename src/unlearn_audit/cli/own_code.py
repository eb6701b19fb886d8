"""`evidence check --train` and `references plan`: what a user brings as code, and who trains on what elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.console import show_progress
from unlearn_audit.errors import ExitCode

if TYPE_CHECKING:
    from unlearn_audit.cases import CaseRequest

_SIGNS = {True: "+", False: "-", None: "?"}


def check_code(policy_name: str, request: "CaseRequest") -> int:
    """Try the user's functions on a few records and print what holds; return 0, or 5 where something does not."""
    from unlearn_audit.cases.request import make_plan
    from unlearn_audit.cases.setup import prepare_case
    from unlearn_audit.cases.user_functions import check_functions
    from unlearn_audit.pipeline.audit import name_known
    from unlearn_audit.policy import find_policy, load_policy

    policy = load_policy(find_policy(policy_name), name_known())
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


def plan_references(file: Path, out: Path, options: Mapping[str, Any]) -> int:
    """Draw the halves of reference models that are made elsewhere, and write them."""
    from unlearn_audit.reference_models.plan import draw_plan

    plan = draw_plan(file, options["models"], options["seed"], by=options["by"], forget=options["forget"])
    about, table = plan.write(out)
    counts = {name: int((plan.candidates & (plan.split == name)).sum()) for name in ("forget", "test")}
    click.echo(
        f"{len(plan.trained_on)} models; each trains on all retained records and one half of {counts['forget']} "
        f"forgotten and {counts['test']} test records"
    )
    click.echo(f"Who trains on what:  {table}\nPlan:                {about}")
    return ExitCode.PASS
