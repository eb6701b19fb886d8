"""Labels become class indices. A label that is neither a class nor declared is refused: it is never a negative."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.positive import find_positive
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence.predictions.answers import Answers, Texts
from unlearn_audit.policy import Task
from unlearn_audit.records import Message, write_message

_BINARY = ("0", "1")


@dataclass(frozen=True, eq=False)
class Labelled:
    """The true classes: `label` (n,) indices into `classes`, `positive` among them, and what was assumed."""

    label: NDArray[np.int64]
    classes: tuple[str, ...]
    positive: tuple[int, ...]
    named: tuple[str, ...]
    """The positive classes as the report names them."""
    notes: tuple[Message, ...] = ()


def name_classes(answers: Answers, declared: Sequence[str]) -> Answers:
    """Return the answers with numbered columns in the order of their numbers, called by the declared names if any.

    Raises:
        EvidenceError: numbers that leave one out, or that are not as many as the declared names.
    """
    if not answers.classes or not all(name.isascii() and name.isdecimal() for name in answers.classes):
        return answers
    k = len(declared) or len(answers.classes)
    wanted = [str(number) for number in range(k)]
    if sorted(answers.classes, key=int) != wanted:
        raise EvidenceError(
            f"{answers.where}: expected columns of the classes 0 to {k - 1}"
            f"{' that the case declares' if declared else ''}, found {name_some(answers.classes, 9)}"
        )
    places = [answers.classes.index(number) for number in wanted]
    scores = {name: values[:, places] for name, values in answers.scores.items()}
    return replace(answers, classes=tuple(declared or wanted), scores=scores)


def read_labels(answers: Answers, task: Task, declared: Sequence[str]) -> Labelled:
    """Return each record's true class, and which classes are positive.

    With two outputs (one score, or columns called as the policy names negative and positive) a label may be one of
    those two names, 0 or 1, or an original class: positive where the policy's task lists it, negative where the case
    declares it. With other columns a label is the name of a column, or its number.

    Args:
        answers: with `name_classes` done.
        task: of the policy.
        declared: names of the class numbers 0, 1, ..., from the case file; may be empty.

    Raises:
        EvidenceError: no labels, a label that nothing says the meaning of, positive classes that are no columns.
    """
    if "label" not in answers.facts:
        raise EvidenceError(f"{answers.where}: expected a column 'label' with the true classes, found none")
    names = (task.negative_name, task.positive_name)
    two = not answers.classes or set(answers.classes) == set(names)
    texts, place = np.unique(answers.facts["label"], return_inverse=True)
    if two:
        return _read_two(answers, task, declared, texts, place)
    positive = _find_positive(answers, task, declared)
    indices = [_find_class(answers, declared, text) for text in texts.tolist()]
    _validate_known(answers, texts, indices, answers.classes)
    label = np.array(indices, dtype=np.int64)[place]
    return Labelled(label, answers.classes, positive, tuple(answers.classes[index] for index in positive))


def _find_positive(answers: Answers, task: Task, declared: Sequence[str]) -> tuple[int, ...]:
    """Columns stand in any order, so a class's number means its place among the declared names, never among columns."""
    classes, where = answers.classes, answers.where
    numbered = [name for name in task.positive if name.isdecimal() and name not in classes]
    if numbered and not declared:
        raise EvidenceError(
            f"{where}: the policy names positive classes by number ({name_some(numbered)}), the columns are called "
            f"{name_some(classes, 9)}",
            hint="say in the case file what the class numbers mean, such as 'classes: [benign, malignant]'",
        )
    known = declared or classes
    names = [known[index] for index in find_positive(where, known, task.positive)]
    missing = [name for name in names if name not in classes]
    if missing:
        raise EvidenceError(
            f"{where}: no column of the positive class {name_some(missing)}, only {name_some(classes, 9)}"
        )
    return tuple(sorted(classes.index(name) for name in names))


def _read_two(
    answers: Answers, task: Task, declared: Sequence[str], texts: Texts, place: NDArray[np.int64]
) -> Labelled:
    names = (task.negative_name, task.positive_name)
    classes = answers.classes or names
    positive = _list_positive(answers.where, task, declared)
    plain = set(texts.tolist()) <= set(_BINARY) and not declared and not set(texts.tolist()) & positive
    meaning = {**dict.fromkeys(declared, False), names[0]: False, names[1]: True, **dict.fromkeys(positive, True)}
    meaning |= {str(number): meaning[name] for number, name in enumerate(declared) if str(number) not in meaning}
    meaning |= dict(zip(_BINARY, (False, True), strict=True)) if plain else {}
    said = [meaning.get(text) for text in texts.tolist()]
    _validate_known(answers, texts, said, (*names, *declared, *task.positive))
    is_positive = np.array(said, dtype=np.bool_)[place]
    column = classes.index(names[1])
    notes = (write_message("labels-read-as-classes", negative=names[0], positive=names[1]),) if plain else ()
    return Labelled(np.where(is_positive, column, 1 - column), classes, (column,), task.positive, notes)


def _list_positive(where: str, task: Task, declared: Sequence[str]) -> set[str]:
    """Return the labels that mean positive; no declared class becomes a negative because two spellings differ."""
    negative, positive = task.negative_name, task.positive_name
    if not declared or set(declared) == {negative, positive}:
        found = set(task.positive)
    else:
        found = {declared[index] for index in find_positive(where, declared, task.positive)}
    if negative in found or (positive in declared and positive not in found and set(declared) != {negative, positive}):
        wrong = negative if negative in found else positive
        raise EvidenceError(
            f"{where}: the policy calls {'negatives' if wrong == negative else 'positives'} '{wrong}', which is also "
            f"the name of a class that it counts {'as positive' if wrong == negative else 'as negative'}",
            hint="give the policy's task another positive_name or negative_name",
        )
    return found


def _find_class(answers: Answers, declared: Sequence[str], text: str) -> int | None:
    if text in answers.classes:
        return answers.classes.index(text)
    if text.isascii() and text.isdecimal() and int(text) < len(declared) and declared[int(text)] in answers.classes:
        return answers.classes.index(declared[int(text)])
    return None


def _validate_known(answers: Answers, texts: Texts, found: Sequence[object], known: Sequence[str]) -> None:
    unknown = [text for text, meaning in zip(texts.tolist(), found, strict=True) if meaning is None]
    if not unknown:
        return
    numbers = all(text.isdecimal() for text in unknown)
    many = len(unknown) > len(answers.ids) / 2 > len(known)
    hint = (
        "are the columns swapped? this one has a value of its own for most records"
        if many
        else "say in the case file what the class numbers mean, such as 'classes: [benign, malignant]'"
        if numbers
        else "declare every class in the case file ('classes: [...]'), or mend the spelling: what is not declared "
        "is never taken as negative"
    )
    first = int(np.flatnonzero(answers.facts["label"] == unknown[0])[0])
    raise EvidenceError(
        f"{answers.where}: expected labels {name_some(dict.fromkeys(known), 9)}, found {name_some(unknown)}, "
        f"first for record '{answers.ids[first]}'",
        hint=hint,
    )
