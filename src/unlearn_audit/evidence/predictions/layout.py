"""Which column of a file is what: wide (`<model>:<class>`), long (a column `model`), or one score a model."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from unlearn_audit.data.columns import ID_COLUMNS, unify_column
from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence.predictions.answers import Answers, Texts, validate_ids
from unlearn_audit.evidence.predictions.files import PER_RECORD, Table
from unlearn_audit.policy import ColumnNames

ROLES = ("original", "retrained", "unlearned")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_SCORES = ("probability", "score", "logit", "p")
"""What the one column of scores of a long file may be called."""
_FEW = 1_000_000


def read_answers(table: Table, columns: ColumnNames, known: Iterable[str]) -> Answers:
    """Return what `table` says.

    Args:
        table: the file.
        columns: what the case file calls columns.
        known: names of models that the case file has; a column of that name (or of a role) holds scores.

    Raises:
        EvidenceError: no ids, no scores, a model without some class or record, or rows that contradict one another.
    """
    id_column = _find_id(table, columns)
    if columns.model in table.columns:
        return _read_long(table, id_column, columns)
    wide = [name for name in table.columns if ":" in name]
    alone = [name for name in table.columns if name in {*ROLES, *known}]
    if wide and alone:
        raise EvidenceError(
            f"{table.where}: expected either columns '<model>:<class>' or one column for each model, found both: "
            f"{name_some(wide, 2)} and {name_some(alone, 2)}"
        )
    used = {id_column, columns.split, columns.label, *wide, *alone}
    return Answers(
        where=table.where,
        ids=table.texts(id_column),
        classes=_list_classes(table, wide),
        scores=_read_wide(table, wide) if wide else {name: table.numbers(name)[:, None] for name in alone},
        facts=_read_facts(table, columns),
        groups=_read_groups(table, columns, used),
    )


def _find_id(table: Table, columns: ColumnNames) -> str:
    wanted = (columns.id,) if columns.id else ID_COLUMNS
    found = [name for name in wanted if name in table.columns]
    if not found:
        raise EvidenceError(
            f"{table.where}: expected a column of record ids ({' or '.join(wanted)}), found the columns "
            f"{name_some(table.columns, 8)}",
            hint=PER_RECORD,
        )
    return found[0]


def _read_facts(table: Table, columns: ColumnNames) -> dict[str, Texts]:
    named = {"split": columns.split, "label": columns.label}
    return {fact: table.texts(name) for fact, name in named.items() if name in table.columns}


def _read_groups(table: Table, columns: ColumnNames, used: Iterable[str]) -> dict[str, Texts]:
    listed = [name for name in table.columns if name not in set(used)]
    if columns.groups is not None:
        absent = [name for name in columns.groups if name not in table.columns]
        listed = [name for name in listed if name in columns.groups]
        if absent:
            raise EvidenceError(f"{table.where}: expected the group columns {name_some(absent)}, found no such columns")
    return {name: unify_column(f"{table.where}: '{name}'", table.texts(name)) for name in listed}


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


def _read_long(table: Table, id_column: str, columns: ColumnNames) -> Answers:
    """One row for each record and model, or for each record, model and class."""
    marked = {name.partition(":")[2].strip(): name for name in table.columns if ":" in name}
    alone = [name for name in _SCORES if name in table.columns]
    if bool(marked) == bool(alone) or len(alone) > 1:
        raise EvidenceError(
            f"{table.where}: with a column '{columns.model}', expected one column of scores ({', '.join(_SCORES)}) or "
            f"one 'p:<class>' for each class, found {name_some([*marked.values(), *alone]) or 'none'}"
        )
    by_class = columns.class_ in table.columns and not marked
    used = {id_column, columns.split, columns.label, columns.model, *marked.values(), *alone}
    rows = _Rows(
        table.where,
        ids=table.texts(id_column),
        models=table.texts(columns.model),
        parts=table.texts(columns.class_) if by_class else np.full(len(table), ""),
        values=np.column_stack([table.numbers(name) for name in (marked.values() if marked else alone)]),
    )
    told = _read_facts(table, columns)
    groups = _read_groups(table, columns, used | ({columns.class_} if by_class else set()))
    scores, classes = rows.pivot()
    return Answers(
        where=table.where,
        ids=rows.records,
        classes=tuple(marked) if marked else classes,
        scores=scores,
        facts={name: rows.take(name, values) for name, values in told.items()},
        groups={name: rows.take(name, values) for name, values in groups.items()},
    )


class _Rows:
    """The rows of a long file, by record, model and class."""

    def __init__(self, where: str, ids: Texts, models: Texts, parts: Texts, values: np.ndarray) -> None:
        self.where, self.ids, self.values = where, ids, values
        self.records, self._first, self._record = np.unique(ids, return_index=True, return_inverse=True)
        validate_ids(where, self.records)
        self.models, self._model = np.unique(models, return_inverse=True)
        self.parts, self._part = np.unique(parts, return_inverse=True)

    def pivot(self) -> tuple[Mapping[str, np.ndarray], tuple[str, ...]]:
        """Return (n, k) scores for each model, and the names of the classes where rows name them."""
        shape = (len(self.models), len(self.records), len(self.parts))
        if math.prod(shape) > max(2 * len(self.ids), _FEW):  # no room is made for what cannot be complete
            raise EvidenceError(
                f"{self.where}: expected one row for each record and model, found {len(self.ids)} rows for "
                f"{shape[1]} records and {shape[0]} models ({name_some(self.models)})"
            )
        place = np.ravel_multi_index((self._model, self._record, self._part), shape)
        counts = np.bincount(place, minlength=int(np.prod(shape)))
        for bad, what in ((counts > 1, "more than one row"), (counts == 0, "no row")):
            if bad.any():
                model, record, part = np.unravel_index(int(np.flatnonzero(bad)[0]), shape)
                named = f", class '{self.parts[part]}'" if self.parts[part] else ""
                raise EvidenceError(
                    f"{self.where}: expected one row for each record and model, found {what} for record "
                    f"'{self.records[record]}', model '{self.models[model]}'{named} ({int(bad.sum())} such in all)",
                    hint="every model must have answered about the same records",
                )
        order = np.argsort(place)
        values = self.values[order].reshape(*shape[:2], -1)
        classes = tuple(part for part in self.parts.tolist() if part)
        return {name: values[index] for index, name in enumerate(self.models.tolist())}, classes

    def take(self, name: str, values: Texts) -> Texts:
        """Return (n,) one value for each record, which all its rows must agree on."""
        kept = values[self._first]
        differ = np.flatnonzero(kept[self._record] != values)
        if differ.size:
            row = differ[0]
            raise EvidenceError(
                f"{self.where}: record '{self.ids[row]}' has '{name}' as '{kept[self._record[row]]}' in one row and "
                f"as '{values[row]}' in another"
            )
        return kept


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
