"""The layout of a file: wide (`<model>:<class>`), long (a column `model`), or one score a model."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from unlearn_audit.data.columns import ID_COLUMNS
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.overlaps import CLUSTER_COLUMNS
from unlearn_audit.data.spelling import find_column
from unlearn_audit.data.split_names import find_split
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence.predictions.answers import Answers, Texts, validate_ids
from unlearn_audit.evidence.predictions.files import NAMELESS, PER_RECORD, Table
from unlearn_audit.evidence.predictions.long_rows import LongRows
from unlearn_audit.policy import ColumnNames
from unlearn_audit.records.intake import IntakeEntry, note_intake

ROLES = ("original", "retrained", "unlearned")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_SCORES = ("probability", "score", "logit", "p")
"""What the one column of scores of a long file may be called."""
_SAMPLE = 1_000


@dataclass(frozen=True)
class Wanted:
    """What of a file is wanted: how its columns are called, its models, and the group columns that are kept or used.

    Attributes:
        columns: what the case calls columns.
        models: names of models that the case has; a column of that name (or of a role) holds scores.
        groups: columns that policy, case or list of ids name; patients and lesions are read as well, for leaks.
    """

    columns: ColumnNames = field(default_factory=ColumnNames)
    models: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()

    def choose(self, names: Iterable[str]) -> list[str]:
        """Return the group columns to read among `names`."""
        return [name for name in names if name in self.groups or name in CLUSTER_COLUMNS]


@dataclass(frozen=True)
class _Found:
    """The columns of one file that have a meaning; None where it has none of the kind."""

    id: str | None
    split: str | None
    label: str | None
    nameless: str | None

    @property
    def named(self) -> set[str]:
        return {name for name in (self.id, self.split, self.label, self.nameless) if name is not None}


def read_answers(table: Table, wanted: Wanted) -> Answers:
    """Return what `table` says.

    Raises:
        EvidenceError: no ids, no scores, a model without some class or record, or rows that contradict one another.
    """
    if table.evaluator:
        return _read_evaluator(table, *table.evaluator)
    found = _find_columns(table, wanted.columns)
    model = find_column(table.names, wanted.columns.model)
    if model is not None:
        return _read_long(table, found, model, wanted)
    wide = [name for name in table.names if ":" in name and not NAMELESS.fullmatch(name)]
    alone, alike = _find_alone(table, wanted.models)
    if wide and alone:
        raise EvidenceError(
            f"{table.where}: expected either columns '<model>:<class>' or one column for each model, found both: "
            f"{name_some(wide, 2)} and {name_some(alone, 2)}"
        )
    used = {*found.named, *wide, *alone}
    groups = wanted.choose(name for name in table.names if name not in used)
    table.read([*used, *groups])
    ids, numbered = _name_records(table, found, bool(wide or alone))
    validate_ids(table.where, ids)
    scores = _read_wide(table, wide) if wide else {alone[name]: table.numbers(name)[:, None] for name in alone}
    left = [name for name in table.names if name not in {*used, *groups}]
    return Answers(
        where=table.where,
        ids=ids,
        classes=_list_classes(table, wide),
        scores=_spell_roles(table, scores),
        facts=_read_facts(table, found),
        groups=_read_groups(table, groups),
        id_names=_list_id_names(found),
        split=find_split(table.path),
        intake=(*numbered, *alike, *_note_left(table, left, look=bool(alone)), *_note_wide(table, wide)),
    )


def find_id(table: Table, columns: ColumnNames) -> str | None:
    """Return the column of record ids, None where there is none: the one that the case names, else a usual one."""
    asked = (columns.id,) if columns.id else ID_COLUMNS
    return next((found for name in asked if (found := find_column(table.names, name)) is not None), None)


def _find_columns(table: Table, columns: ColumnNames) -> _Found:
    names = table.names
    nameless = names[0] if names and NAMELESS.fullmatch(names[0]) else next(filter(NAMELESS.fullmatch, names), None)
    return _Found(
        id=find_id(table, columns),
        split=find_column(names, columns.split),
        label=find_column(names, columns.label),
        nameless=nameless,
    )


def _list_id_names(found: _Found) -> tuple[str, ...]:
    return (found.id,) if found.id is not None else ()


def _find_alone(table: Table, models: Iterable[str]) -> tuple[dict[str, str], tuple[IntakeEntry, ...]]:
    """Return columns of one model each, with the model; roles are known whatever their capitals."""
    known = {name: name for name in models}
    roles = {name: name.casefold() for name in table.names if name.casefold() in ROLES and name not in known}
    alone = {name: known.get(name, roles.get(name, "")) for name in table.names if name in known or name in roles}
    if len(set(alone.values())) < len(alone):
        raise EvidenceError(f"{table.where}: expected one column for each model, found {name_some(alone, 9)}")
    spelt = {name: model for name, model in roles.items() if name != model}
    return alone, (note_intake("models.case", found=sorted(spelt), models=sorted(spelt.values())),) if spelt else ()


def _name_records(table: Table, found: _Found, scored: bool) -> tuple[Texts, tuple[IntakeEntry, ...]]:
    """Return the ids: a column's, else the index that pandas wrote along, else numbers where one file says it all."""
    nameless, counted = found.nameless, True
    if nameless is not None:
        values = table.texts(nameless)
        counted = values.tolist() == [str(row) for row in range(len(table))]
    if found.id is not None:
        passed = (note_intake("columns.index", column=nameless or "without a name"),) if nameless is not None else ()
        return table.texts(found.id), (note_intake("ids.column", column=f"'{found.id}'"), *passed)
    if nameless is not None and not counted and len(set(values.tolist())) == len(values):
        return values, (note_intake("ids.index"),)
    if not (scored and found.label is not None):
        raise EvidenceError(
            f"{table.where}: expected a column of record ids ({' or '.join(ID_COLUMNS)}), found the columns "
            f"{name_some(table.names, 8)}",
            hint=PER_RECORD,
        )
    stem = re.sub(r"[^\w.-]", "_", table.path.stem)
    ids = np.array([f"{stem}-{row}" for row in range(len(table))], dtype=np.str_)
    return ids, (note_intake("ids.numbered", where=table.path.name),)


def _read_facts(table: Table, found: _Found) -> dict[str, Texts]:
    named = {"split": found.split, "label": found.label}
    return {fact: table.texts(name) for fact, name in named.items() if name is not None}


def _read_groups(table: Table, names: Iterable[str]) -> dict[str, Texts]:
    return {name: table.texts(name) for name in names}


def _note_left(table: Table, left: list[str], *, look: bool) -> tuple[IntakeEntry, ...]:
    """List what is not read; numbers like probabilities beside single columns may be a model that nobody declared."""
    left = [name for name in left if not NAMELESS.fullmatch(name)]
    alike = [name for name in left if look and _looks_like_scores(table, name)]
    entries = [note_intake("models.look-alike", columns=alike)] if alike else []
    others = [name for name in left if name not in alike]
    return (*entries, *((note_intake("columns.left-out", columns=others),) if others else ()))


def _looks_like_scores(table: Table, name: str) -> bool:
    try:
        values = table.numbers(name)[:_SAMPLE]
    except EvidenceError:
        return False
    return bool(((values >= 0) & (values <= 1)).all() and (values % 1 != 0).any())


def _note_wide(table: Table, wide: list[str]) -> tuple[IntakeEntry, ...]:
    return (note_intake("scores.classes", classes=_list_classes(table, wide)),) if wide else ()


def _spell_roles(table: Table, scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return scores with roles in small letters: 'Original:benign' is the original's."""
    spelt = {name: name.casefold() if name.casefold() in ROLES else name for name in scores}
    if len(set(spelt.values())) < len(spelt):
        raise EvidenceError(f"{table.where}: expected each model under one name, found {name_some(spelt, 9)}")
    return {spelt[name]: values for name, values in scores.items()}


def _list_classes(table: Table, wide: list[str]) -> tuple[str, ...]:
    """Return the class names in the order of the first model's columns; every model must have the same."""
    found: dict[str, list[str]] = {}
    for name in wide:
        model, _, label = name.partition(":")
        found.setdefault(model.strip(), []).append(label.strip())
    first = next(iter(found.values()), [])
    for model, classes in found.items():
        if sorted(classes) != sorted(first) or len(set(classes)) < len(classes):
            raise EvidenceError(
                f"{table.where}: expected columns of the classes {name_some(first, 9)} for every model, found "
                f"{name_some(classes, 9)} for '{model}'"
            )
    return tuple(first)


def _read_wide(table: Table, wide: list[str]) -> dict[str, np.ndarray]:
    spelt = {tuple(part.strip() for part in name.split(":", 1)): name for name in wide}
    classes = _list_classes(table, wide)
    models = dict.fromkeys(model for model, _ in spelt)
    return {model: np.column_stack([table.numbers(spelt[model, label]) for label in classes]) for model in models}


def _read_evaluator(table: Table, split: str, model: str) -> Answers:
    """A file of MedMNIST's evaluator: index and probabilities, one split and one model, neither labels nor ids."""
    read = find_split(table.path.with_name(f"{split}.csv"))
    if read is None:
        raise EvidenceError(f"{table.where}: expected a split in the file's name, found '{split}'")
    classes = table.names[1:]
    table.read(table.names)
    ids = np.array([f"{read}-{row}" for row in range(len(table))], dtype=np.str_)
    return Answers(
        where=table.where,
        ids=ids,
        classes=classes,
        scores={model: np.column_stack([table.numbers(name) for name in classes])},
        split=read,
        intake=(note_intake("ids.numbered", where=table.path.name),),
    )


def _read_long(table: Table, found: _Found, model: str, wanted: Wanted) -> Answers:
    """One row for each record and model, or for each record, model and class."""
    if found.id is None:
        _name_records(table, found, False)
    marked = {
        name.partition(":")[2].strip(): name for name in table.names if ":" in name and not NAMELESS.fullmatch(name)
    }
    alone = [name for name in _SCORES if name in table.names]
    if bool(marked) == bool(alone) or len(alone) > 1:
        raise EvidenceError(
            f"{table.where}: with a column '{model}', expected one column of scores ({', '.join(_SCORES)}) or "
            f"one 'p:<class>' for each class, found {name_some([*marked.values(), *alone]) or 'none'}"
        )
    by_class = find_column(table.names, wanted.columns.class_) if not marked else None
    used = {*found.named, model, *marked.values(), *alone, *((by_class,) if by_class else ())}
    names = wanted.choose(name for name in table.names if name not in used)
    table.read([*used, *names])
    rows = LongRows(
        table.where,
        ids=table.texts(str(found.id)),
        models=table.texts(model),
        parts=table.texts(by_class) if by_class else np.full(len(table), ""),
        values=np.column_stack([table.numbers(name) for name in (marked.values() if marked else alone)]),
    )
    scores, classes = rows.pivot()
    left = [name for name in table.names if name not in {*used, *names}]
    index = (note_intake("columns.index", column=found.nameless),) if found.nameless is not None else ()
    return Answers(
        where=table.where,
        ids=rows.records,
        classes=tuple(marked) if marked else classes,
        scores=_spell_roles(table, scores),
        facts={name: rows.take(name, values) for name, values in _read_facts(table, found).items()},
        groups={name: rows.take(name, values) for name, values in _read_groups(table, names).items()},
        id_names=_list_id_names(found),
        split=find_split(table.path),
        intake=(
            note_intake("ids.column", column=f"'{found.id}'"),
            *index,
            *_note_left(table, left, look=False),
        ),
    )


def validate_model_names(where: str, names: Iterable[str]) -> None:
    """Refuse names of models that cannot stand in an address or a file name.

    Raises:
        EvidenceError: names the first.
    """
    for name in names:
        if not _MODEL.fullmatch(name):
            raise EvidenceError(
                f"{where}: expected model names of letters, digits, '.', '_' and '-', at most 63, found {name[:80]!r}"
            )


def rename_models(answers: Answers, columns: Mapping[str, str]) -> Answers:
    """Return the answers with models called as the audit calls them; `columns` maps the file's names to those."""
    return replace(answers, scores={columns.get(name, name): values for name, values in answers.scores.items()})
