"""Labels become class indices. A label that is neither a class nor declared is refused: it is never a negative."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.positive import find_positive
from unlearn_audit.data.spelling import find_values
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence.predictions.answers import Answers, Texts
from unlearn_audit.policy import Task
from unlearn_audit.records.intake import IntakeEntry, note_intake

_TRUTHS = {"false": "0", "true": "1"}
_TWO = 2


@dataclass(frozen=True, eq=False)
class Labelled:
    """The true classes: `label` (n,) indices into `classes`, `positive` among them, and how that is known."""

    label: NDArray[np.int64]
    classes: tuple[str, ...]
    positive: tuple[int, ...]
    named: tuple[str, ...]
    """The positive classes as the report names them."""
    intake: tuple[IntakeEntry, ...] = ()


@dataclass(frozen=True)
class Meaning:
    """What a case declares of labels.

    Attributes:
        classes: what the class numbers 0, 1, ... mean; may be empty.
        labels: what other labels mean, such as B: benign; may be empty.
    """

    classes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def spell(self, texts: Texts) -> list[str]:
        """Return unique labels as declared classes or class numbers.

        With declared classes '1.0' is the number 1; with two of them True is 1 and False is 0.
        """
        return [self._spell_one(text) for text in texts.tolist()]

    def _spell_one(self, text: str) -> str:
        if text in self.labels:
            return self.labels[text]
        if not self.classes or text in self.classes:
            return text
        whole = text.partition(".")[0] if text.partition(".")[2].strip("0") == "" else text
        if len(self.classes) == _TWO and text.casefold() in _TRUTHS:
            return _TRUTHS[text.casefold()]
        return whole if whole.isascii() and whole.isdecimal() else text

    def describe(self, texts: Texts, classes: Sequence[str]) -> IntakeEntry:
        """Return how the labels found are known."""
        found = set(texts.tolist())
        if found & self.labels.keys():
            listed = ", ".join(f"{label} = {name}" for label, name in self.labels.items())
            return note_intake("labels.mapped", meaning=listed)
        if self.classes and not found <= set(self.classes):
            listed = ", ".join(f"{number} = {name}" for number, name in enumerate(self.classes))
            return note_intake("labels.numbers", meaning=listed)
        return note_intake("labels.columns" if found <= set(classes) else "labels.policy", classes=sorted(found))


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


def read_labels(answers: Answers, task: Task, meaning: Meaning) -> Labelled:
    """Return each record's true class, and which classes are positive.

    With two outputs (one score, or columns called as the policy names negative and positive) a label may be one of
    those two names, a number that the case declares, or an original class: positive where the policy's task lists it,
    negative where the case declares it. With other columns a label is the name of a column, or its declared number.

    Args:
        answers: with `name_classes` done.
        task: of the policy.
        meaning: what the case declares.

    Raises:
        EvidenceError: no labels, a label that nothing says the meaning of, positive classes that are no columns.
    """
    if "label" not in answers.facts:
        raise EvidenceError(
            f"{answers.where}: expected a column 'label' with the true classes, found none",
            hint="is it called otherwise? say so in the case file: 'columns: {label: NAME}'. Where it stands in a "
            "table of its own (MedMNIST's evaluator writes none), add that: id, split and label, with the ids of the "
            f"answers, such as '{answers.ids[0]}'",
        )
    names, declared = (task.negative_name, task.positive_name), meaning.classes
    found = find_values(answers.facts["label"])
    texts, place = np.array(found.texts, dtype=np.str_), found.place
    spelt = meaning.spell(texts)
    if not answers.classes or set(answers.classes) == set(names):
        return _read_two(answers, task, meaning, texts, place)
    positive = _find_positive(answers, task, declared)
    indices = [_find_class(answers, declared, text) for text in spelt]
    _validate_known(answers, texts, indices, answers.classes, names)
    label = np.array(indices, dtype=np.int64)[place]
    named = tuple(answers.classes[index] for index in positive)
    return Labelled(label, answers.classes, positive, named, (meaning.describe(texts, answers.classes),))


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


def _read_two(answers: Answers, task: Task, meaning: Meaning, texts: Texts, place: NDArray[np.int64]) -> Labelled:
    names, declared = (task.negative_name, task.positive_name), meaning.classes
    classes = answers.classes or names
    positive = _list_positive(answers.where, task, declared)
    means = {**dict.fromkeys(declared, False), names[0]: False, names[1]: True, **dict.fromkeys(positive, True)}
    means |= {str(number): means[name] for number, name in enumerate(declared) if str(number) not in means}
    values = [means.get(text) for text in meaning.spell(texts)]
    _validate_known(answers, texts, values, (*names, *declared, *task.positive), names)
    is_positive = np.array(values, dtype=np.bool_)[place]
    column = classes.index(names[1])
    label = np.where(is_positive, column, 1 - column)
    return Labelled(label, classes, (column,), task.positive, (meaning.describe(texts, classes),))


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


def _validate_known(
    answers: Answers, texts: Texts, found: Sequence[object], known: Sequence[str], names: tuple[str, str]
) -> None:
    unknown = [text for text, meaning in zip(texts.tolist(), found, strict=True) if meaning is None]
    if not unknown:
        return
    many = len(unknown) > len(answers.ids) / 2 > len(known)
    first = int(np.flatnonzero(answers.facts["label"] == unknown[0])[0])
    raise EvidenceError(
        f"{answers.where}: expected labels {name_some(dict.fromkeys(known), 9)}, found {name_some(unknown)}, "
        f"first for record '{answers.ids[first]}'",
        hint="are the columns swapped? this one has a value of its own for most records"
        if many
        else _hint_meaning(unknown, names),
    )


def _hint_meaning(unknown: Sequence[str], names: tuple[str, str]) -> str:
    """Numbers mean what somebody numbered: 0 is malignant in as many public data sets as 1 is."""
    if all(_is_number(text) for text in unknown) or {text.casefold() for text in unknown} <= _TRUTHS.keys():
        return (
            f"say what the numbers mean, such as --classes {','.join(names)} or in the case file 'classes: "
            f"[{', '.join(names)}]': 0 is the positive class in many data sets, and is never guessed"
        )
    return (
        f"declare what they mean in the case file ('labels: {{X: {names[0]}, Y: {names[1]}}}'), every class by name "
        "('classes: [...]'), or mend the spelling: what is not declared is never taken as negative"
    )


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()
