"""Every command on a page of docs/, and on plug-ins in CONTRIBUTING.md, is run in order; it prints and exits as said.

`policy.yaml` and the like stand for the reader's own files; here they are small ones (`given_to_pages`).
"""

import re
import shlex

import pytest

from tests.support.given_to_pages import GIVEN
from tests.support.pages import CONTRIBUTING, PARTS, list_commands, read_page
from unlearn_audit.cli.commands import group

WITH_COMMANDS = [page for page in PARTS if list_commands(page)]
TOGETHER = ("policy.md", "first-audit.md#erasure-request", "verify.md")
"""Pages that are read one after the other: each uses what the one before made."""
ELSEWHERE = {"numbers.md": "tests/selftest runs its command, and compares what it finds with the published run"}
ALONE = [page for page in WITH_COMMANDS if page not in (*TOGETHER, *ELSEWHERE)]
LONG = {
    "references.md": "three audits with reference models",
    "signing.md": "four audits",
    "studies.md": "a study of twelve trainings",
    "models.md#own-training": "forty trainings of the reader's own",
    "references.md#made-elsewhere": "sixteen models of scikit-learn, and an audit",
    "models.md#embeddings": "64 reference heads, and three remedies on each",
}
"""Left to `make test-slow`."""
THOROUGH = {
    "first-audit.md": "an audit with the shipped recipe",
    "data.md#predictions": "an audit of a table; what the page says of it is run by tests/cli as well",
    "data.md": "a folder of images, and an audit of it",
    "models.md": "models brought along, and an audit of them",
    "pipelines.md": "three audits",
    "report.md": "two audits",
    "verify.md#options": "an audit, and two made again",
    f"{CONTRIBUTING}#plug-ins": "a package installed, and an audit",
}
"""Left to `make thorough`, which CI runs."""
INLINE = re.compile(r"`unlearn-audit ([^`]+)`")

pytest.importorskip("torch")
pytest.importorskip("weasyprint", exc_type=ImportError)


def mark(page):
    return [pytest.mark.slow] * (page in LONG) + [pytest.mark.thorough] * (page in THOROUGH)


@pytest.mark.parametrize("page", [pytest.param(page, marks=mark(page)) for page in ALONE])
def test_the_commands_of_a_page_do_what_it_says(page, reader):
    GIVEN.get(page, lambda _: None)(reader)

    reader.follow(page)


@pytest.mark.thorough
def test_the_way_from_a_policy_to_a_verified_report_can_be_walked(reader):
    rows = re.findall(r"^\| ([^|]+?) +\|(?: ([^|]+?))? \|$", read_page("policy.md"), re.MULTILINE)
    questions = rows[rows.index(("question", "answer")) + 1 :][: len(_list_questions())]

    output = reader.follow("policy.md", answers="".join(f"{answer}\n" for _, answer in questions))
    for (start, _), question in zip(questions, _list_questions(), strict=True):
        assert question.startswith(start)
        assert question in output
    GIVEN["first-audit.md#erasure-request"](reader)
    reader.follow("first-audit.md#erasure-request")
    reader.follow("verify.md")


def _list_questions():
    """Return the questions of `policy new` as the code has them."""
    from unlearn_audit.cli.interview import list_questions
    from unlearn_audit.models import MODELS

    return [question.text for question in list_questions("cytology", {"breast-cytology": ""}, tuple(sorted(MODELS)))]


@pytest.mark.parametrize("page", PARTS)
def test_every_command_and_option_exists(page):
    inline = INLINE.findall(read_page(page))
    ours = [line for line in (c.line.partition("unlearn-audit ")[2] for c in list_commands(page)) if line]
    for line in [*ours, *(" ".join(each.split()) for each in inline)]:
        words = shlex.split(line.partition("|")[0])
        command = group
        while hasattr(command, "commands") and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert command is not group or not words or words[0].startswith("-"), f"no command '{line}'"
        known = {name for parameter in command.params for name in parameter.opts} | {"--help", "--version"}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_few_commands_are_not_run_and_each_says_why():
    left_out = {(page, c.line): c.not_run for page in PARTS for c in list_commands(page) if c.not_run}

    assert len(set(left_out.values())) <= 4, left_out
    assert all(len(reason.split()) > 3 for reason in left_out.values())


def test_the_pages_named_here_exist():
    assert {*GIVEN, *LONG, *THOROUGH, *TOGETHER, *ELSEWHERE} <= set(WITH_COMMANDS)
