"""`policy new`: a policy from flags, a file or an interview; answers are kept when it is interrupted."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.interview import Question, describe_classes, list_questions
from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.writing import write_whole

if TYPE_CHECKING:
    from unlearn_audit.policy import Draft

_KEPT = ".answers.yaml"


def draft_policy(path: Path, *, force: bool, given: Sequence[str] = (), answers: Path | None = None) -> int:
    """Ask what is not answered yet, write, check, and say what to do next.

    Args:
        path: of the policy.
        force: whether it may be replaced.
        given: 'KEY=ANSWER' of flags.
        answers: file of answers, KEY: ANSWER; that of an interrupted interview beside `path` where None.

    Raises:
        UsageError: the file is there and is not to be replaced, or an answer that nothing asks for.
        PolicyError: the answers make no policy; nothing is written.
    """
    from unlearn_audit.data import DATASETS
    from unlearn_audit.pipeline.audit import name_known
    from unlearn_audit.policy import parse_policy, write_draft

    if path.exists() and not force:
        raise UsageError(f"{path} is there already", hint="choose another name, or replace it with --force")
    known = name_known()
    questions = list_questions(
        path.stem, {name: source.title for name, source in DATASETS.items()}, tuple(sorted(known.models or ()))
    )
    kept = path.with_name(path.name + _KEPT)
    answered = _read_given(answers or (kept if kept.is_file() else None), given, questions)
    text = write_draft(_ask_all(questions, answered, kept, {name: source.title for name, source in DATASETS.items()}))
    policy = parse_policy(text, str(path), known)
    write_whole(path, text.encode())
    kept.unlink(missing_ok=True)
    click.echo(f"\n{path}: {len(policy.checks)} checks. Read every line: each number is a judgement of yours now.")
    click.echo(f"Next: unlearn-audit policy check {path}; unlearn-audit run --policy {path}")
    return ExitCode.PASS


def _read_given(path: Path | None, given: Sequence[str], questions: Sequence[Question]) -> dict[str, str]:
    """Return the answers of file and flags, flags first."""
    answers: dict[str, str] = {}
    if path is not None:
        from unlearn_audit.policy.document import read_document

        try:
            value = read_document(path.read_text("utf-8"), str(path)).value
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the answers at {path} cannot be read: {error}") from error
        answers = {str(key): _write(item) for key, item in (value if isinstance(value, dict) else {}).items()}
        click.echo(f"{len(answers)} answers taken from {path}.")
    for item in given:
        key, equals, answer = item.partition("=")
        if not equals:
            raise UsageError(f"expected --answer KEY=ANSWER, found '{item}'")
        answers[key.strip()] = answer.strip()
    names = [question.key for question in questions]
    if unknown := [key for key in answers if key not in names]:
        raise UsageError(f"no question is called '{unknown[0]}'", hint=f"the questions are {', '.join(names)}")
    return answers


def _write(item: Any) -> str:
    if isinstance(item, bool):
        return "yes" if item else "no"
    return ", ".join(map(str, item)) if isinstance(item, list) else str(item)


def _ask_all(questions: Sequence[Question], given: dict[str, str], kept: Path, titles: Mapping[str, str]) -> "Draft":
    """Ask every question that is not answered; whatever stops that, the answers so far are kept."""
    answers: dict[str, Any] = {}
    if len(given) < len(questions):
        click.echo("Some twenty questions; Enter takes what stands in brackets. Nothing is final: the file is yours.\n")
    try:
        for question in questions:
            if question.asked(answers):
                answers[question.key] = _answer(question, answers, given, titles)
    except (click.Abort, KeyboardInterrupt, EOFError):
        if given:
            lines = [f"{key}: {json.dumps(text, ensure_ascii=False)}" for key, text in given.items()]
            write_whole(kept, ("\n".join(lines) + "\n").encode())
            click.echo(f"\nYour answers so far are kept in {kept}: the same command goes on from there.", err=True)
        raise
    return _make_draft(answers)


def _answer(question: Question, answers: Mapping[str, Any], given: dict[str, str], titles: Mapping[str, str]) -> Any:
    if question.key == "dataset" and question.key not in given:
        width = max(map(len, titles))
        click.echo("\n".join(f"  {name:<{width}}  {title}" for name, title in titles.items()))
    if question.key in given:
        try:
            return _take(question, given[question.key])
        except click.UsageError as error:
            raise UsageError(f"answer '{question.key}': {error.message}") from error
    usual = question.usual(answers)

    def take(text: str) -> Any:
        answer = _take(question, text)
        given[question.key] = text.strip()
        return answer

    answer = click.prompt(question.text, default=usual, value_proc=take)
    if question.key == "dataset" and (line := describe_classes(answer)):
        click.echo(line)
    return answer


def _take(question: Question, text: str) -> Any:
    if not text.strip():
        raise click.UsageError("an answer is needed")
    if not text.isprintable():  # line breaks and direction marks would hide in a file that people read
        raise click.UsageError("expected printable characters only")
    return question.read(text.strip())


def _make_draft(answers: Mapping[str, Any]) -> "Draft":
    from unlearn_audit.policy import Draft

    usual = {"dataset": "own-data", "model": "resnet18-small"}
    values = {name: value for name, value in {**usual, **answers}.items() if name != "kind"}
    values["cases_per_miss"] = round(answers["cases_per_miss"])
    return Draft(**values, trained=answers["kind"] == "trained here")
