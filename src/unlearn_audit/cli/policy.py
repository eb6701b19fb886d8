"""`policy check` and `policy new`."""

from pathlib import Path

import click

from unlearn_audit.cli.layout import OrderedGroup
from unlearn_audit.cli.options import FILE
from unlearn_audit.errors import AuditError, ExitCode, PolicyError
from unlearn_audit.escaping import show_lines, show_text


@click.group("policy", cls=OrderedGroup)
def command() -> None:
    """Write and check policies."""


@command.command(name="new")
@click.argument("file", type=FILE)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option("--answer", "given", multiple=True, metavar="KEY=ANSWER", help="Answer a question here; may be repeated.")
@click.option("--answers", type=FILE, metavar="FILE", help="Answers from a file (YAML: KEY: ANSWER).")
def write_new_policy(file: Path, *, force: bool, given: tuple[str, ...], answers: Path | None) -> int:
    """Ask some twenty questions and write a policy to FILE, with the reason of every number beside it.

    An interview that is broken off is kept beside FILE, and the same command goes on from there.
    """
    from unlearn_audit.cli.drafting import draft_policy

    return draft_policy(file, force=force, given=given, answers=answers)


@command.command(name="check")
@click.argument("policies", nargs=-1, required=True, metavar="FILE...")
def check_policies(policies: tuple[str, ...]) -> int:
    """Check policy files: print every mistake at once, with its place and a way to mend it.

    A policy that declares sizes is also tried on simulated models: six that it must stop, and a fine one.
    """  # fmt: skip
    return check_policy_files(policies)


def check_policy_files(names: tuple[str, ...]) -> int:
    """Check each policy; print what is wrong with all of them before the exit code says that something is."""
    from unlearn_audit.cli.proving import print_lacking, print_proof, prove_named_policy
    from unlearn_audit.pipeline.audit import name_known
    from unlearn_audit.policy import find_policy, load_policy

    code = ExitCode.PASS
    known = name_known()
    for name in names:
        try:
            policy = load_policy(find_policy(name), known)
        except PolicyError as error:
            _complain(error)
            code = ExitCode.USAGE
            continue
        facts = f"{policy.id} {show_text(policy.version)}, {len(policy.checks)} checks, sha256 {policy.digest()}"
        try:
            proof = prove_named_policy(policy, name)
        except PolicyError as error:
            _complain(error)
            code = ExitCode.USAGE
            continue
        click.echo(f"{name}: fine ({facts})")
        print_proof(proof)
        print_lacking(policy)
    return code


def _complain(error: AuditError) -> None:
    click.echo(show_lines(error.message + (f"\nhint: {error.hint}" if error.hint else "")), err=True)
