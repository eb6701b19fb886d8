"""`policy new`: the questions, and the file that their answers make."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.writing import write_whole

if TYPE_CHECKING:
    from unlearn_audit.policy import Draft

Answer = TypeVar("Answer")


def draft_policy(path: Path, *, force: bool) -> int:
    """Ask, write, check, and say what to do next.

    Raises:
        UsageError: the file is there and is not to be replaced.
        PolicyError: the answers make no policy; nothing is written.
    """
    from unlearn_audit.pipeline.audit import name_known
    from unlearn_audit.policy import parse_policy, write_draft

    if path.exists() and not force:
        raise UsageError(f"{path} is there already", hint="choose another name, or replace it with --force")
    known = name_known()
    click.echo("A dozen questions; Enter takes what stands in brackets. Nothing is final: the file is yours to edit.\n")
    text = write_draft(_ask_all(path.stem, sorted(known.datasets or ()), sorted(known.models or ())))
    policy = parse_policy(text, str(path), known)
    write_whole(path, text.encode())
    click.echo(f"\n{path}: {len(policy.checks)} checks. Read every line: each number is a judgement of yours now.")
    click.echo(f"Next: unlearn-audit policy check {path}; unlearn-audit run --policy {path}")
    return ExitCode.PASS


def _ask_all(stem: str, datasets: list[str], models: list[str]) -> "Draft":
    from unlearn_audit.policy import Draft

    dataset = click.prompt("Data set", type=click.Choice(datasets), default="own-data", show_choices=False)
    usual = "mlp" if dataset == "breast-cytology" else "resnet18-small"
    positive_name = _ask("A positive is called", "malignant")
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "policy"
    return Draft(
        id=_ask_as("Short name of the policy (lower-case, hyphens)", name, _read_slug),
        title=_ask("Title, as printed on the report"),
        owner=_ask("Who may change this policy"),
        applies_to=_ask("Device or model, and its intended purpose"),
        person=_ask("Who answers for the audit (name)"),
        role=_ask("In which role", "clinical safety officer"),
        dataset=dataset,
        model=click.prompt("Model", type=click.Choice(models), default=usual),
        positive=_ask_as("Classes that must not be missed (comma-separated)", positive_name, _read_names),
        positive_name=positive_name,
        negative_name=_ask("A negative is called", "benign"),
        false_negative=_ask_number("How many false alarms cost as much as one miss", "20", 1, 1e6),
        rationale=_ask("Why"),
        prevalence=_ask_number("Share of positives in the test split, about", "0.2", 0.001, 0.999),
        most_missed=_ask_number("Largest share of positives that may be missed", "0.1", 0.0001, 0.9999),
        cases_per_miss=round(_ask_number("One more miss is tolerated in how many cases", "200", 1, 1e9)),
        cluster=_ask_as("Column that says which records belong together, such as patient_id", "none", _read_column),
        retrain=click.confirm("Will there be a model retrained without the forgotten records", default=True),
    )


def _ask(question: str, default: str | None = None) -> str:
    return _ask_as(question, default, str)


def _ask_number(question: str, default: str, low: float, high: float) -> float:
    def read(text: str) -> float:
        try:
            number = float(text.removesuffix("%"))
        except ValueError:
            raise click.UsageError(f"expected a number, found '{text}'") from None
        if not low <= number <= high:
            fraction = f"; a fraction: did you mean {number / 100:g}?" if high < 1 < number <= 100 else ""  # noqa: PLR2004
            raise click.UsageError(f"expected a number from {low:g} to {high:g}, found {text}{fraction}")
        return number

    return _ask_as(question, default, read)


def _ask_as(question: str, default: str | None, read: Callable[[str], Answer]) -> Answer:
    """Ask until `read` takes the answer."""

    def take(text: str) -> Answer:
        if not text.strip():
            raise click.UsageError("an answer is needed")
        if not text.isprintable():  # line breaks and direction marks would hide in a file that people read
            raise click.UsageError("expected printable characters only")
        return read(text.strip())

    answer: Answer = click.prompt(question, default=default, value_proc=take)
    return answer


def _read_slug(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", text):
        raise click.UsageError(f"expected lower-case letters, digits and hyphens, found '{text}'")
    return text


def _read_names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise click.UsageError("expected at least one class")
    return names


def _read_column(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", text):
        raise click.UsageError(f"expected the name of a column, or 'none', found '{text}'")
    return "" if text == "none" else text
