"""The questions of `policy new`: text, default, and the reading of an answer."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from unlearn_audit.errors import DataError

Answers = Mapping[str, Any]
KINDS = ("trained here", "models", "predictions")
_STEEP = 3.0
"""Cost ratio from which a threshold at one half no longer fits what a miss costs."""


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        key: of the answer, in flags and files.
        text: as it is asked.
        read: returns what an answer means, or raises `click.UsageError`.
        usual: the answer in brackets, from those given before; None where there is none.
        asked: whether it is asked at all, from the answers given before.
    """

    key: str
    text: str
    read: Callable[[str], Any] = str
    usual: Callable[[Answers], str | None] = lambda _: None
    asked: Callable[[Answers], bool] = lambda _: True


def list_questions(stem: str, datasets: Mapping[str, str], models: tuple[str, ...]) -> tuple[Question, ...]:
    """Return the questions in their order; `stem` is the file's name, `datasets` titles by name."""
    slug = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "policy"
    return (
        Question("kind", f"What is audited ({', '.join(KINDS)})", _choose(KINDS), _always(KINDS[0])),
        Question(
            "dataset",
            "Data set",
            _choose(tuple(datasets)),
            _always("own-data"),
            lambda answers: answers["kind"] != "predictions",
        ),
        Question("positive_name", "A positive is called", usual=_suggest_positive),
        Question("id", "Short name of the policy (lower-case, hyphens)", _read_slug, _always(slug)),
        Question("title", "Title, as printed on the report"),
        Question("owner", "Who may change this policy"),
        Question("applies_to", "Device or model"),
        Question("intended_purpose", "Its intended purpose: for whom, by whom and for what it is used"),
        Question("person", "Who answers for the audit (name)"),
        Question("role", "In which role", usual=_always("clinical safety officer")),
        Question(
            "model",
            f"Model ({', '.join(models)})",
            _choose(models),
            lambda answers: "mlp" if answers["dataset"] == "breast-cytology" else "resnet18-small",
            lambda answers: answers["kind"] == "trained here",
        ),
        Question(
            "positive",
            "Classes that must not be missed (comma-separated)",
            _read_names,
            lambda answers: answers["positive_name"],
        ),
        Question("negative_name", "A negative is called", usual=_always("benign")),
        Question("prevalence", "Share of positives in the test split, about", _number(0.001, 0.999), _always("0.2")),
        Question("false_negative", "How many false alarms cost as much as one miss", _number(1, 1e6), _suggest_cost),
        Question("point", "Operating point that decides (argmax, cost-optimal)", _choose(POINTS), _suggest_point),
        Question("rationale", "Why these costs"),
        Question("most_missed", "Largest share of positives that may be missed", _number(1e-4, 0.9999), _always("0.1")),
        Question("cases_per_miss", "One more miss is tolerated in how many cases", _number(1, 1e9), _always("200")),
        Question(
            "cluster",
            "Column that says which records belong together, such as patient_id",
            _read_column,
            _always("none"),
        ),
        Question(
            "retrain",
            "Will there be a model retrained without the forgotten records (yes, no)",
            _read_yes,
            _always("yes"),
        ),
    )


POINTS = ("argmax", "cost-optimal")


def describe_classes(dataset: str) -> str | None:
    """Return the classes of a published data set as a line, None where they are not known before the data are read."""
    if dataset == "breast-cytology":
        return "Its classes: malignant, benign"
    from unlearn_audit.data.medmnist_sets import TITLES, find_published

    if dataset not in TITLES:
        return None
    try:
        return f"Its classes: {', '.join(find_published(dataset).classes)}"
    except DataError:
        return None


def _suggest_positive(answers: Answers) -> str:
    return "malignant" if answers else ""


def _suggest_cost(answers: Answers) -> str:
    """At least as many false alarms as there are negatives for each positive: calling none positive is no bargain."""
    return f"{max(10, round((1 - answers['prevalence']) / answers['prevalence'])):g}"


def _suggest_point(answers: Answers) -> str:
    """A miss that costs many alarms asks for a threshold below one half, frozen on validation of the original."""
    return "cost-optimal" if answers["false_negative"] >= _STEEP else "argmax"


def _always(text: str) -> Callable[[Answers], str]:
    return lambda _: text


def _choose(names: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in names:
            raise click.UsageError(f"expected one of {', '.join(names)}, found '{text}'")
        return text

    return read


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text.removesuffix("%"))
        except ValueError:
            raise click.UsageError(f"expected a number, found '{text}'") from None
        if not low <= number <= high:
            fraction = f"; a fraction: did you mean {number / 100:g}?" if high < 1 < number <= 100 else ""  # noqa: PLR2004
            raise click.UsageError(f"expected a number from {low:g} to {high:g}, found {text}{fraction}")
        return number

    return read


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


def _read_yes(text: str) -> bool:
    answers = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}
    if text.casefold() not in answers:
        raise click.UsageError(f"expected yes or no, found '{text}'")
    return answers[text.casefold()]
