"""Several files become one: files on the same records add models, files on other records add records."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence.predictions.answers import Answers, Texts, explain_mismatch
from unlearn_audit.records.intake import join_intake, note_intake


def join_answers(parts: Sequence[Answers]) -> Answers:
    """Return several files' answers as one.

    Files whose ids are the same are joined by id; files that share no id (one for each split) are put one below the
    other and must hold the same models. A file without scores adds labels, splits and groups to the others.

    Raises:
        EvidenceError: records that are in some files only, other classes, a model twice or on some records only, or
            facts that contradict one another.
    """
    parts = _take_splits_of_names(parts)
    scored = [part for part in parts if part.scores]
    facts = [part for part in parts if not part.scores]
    blocks: list[tuple[frozenset[str], Answers]] = []
    for part in scored:
        ids = frozenset(part.ids.tolist())
        known = next((place for place, (others, _) in enumerate(blocks) if ids & others), None)
        if known is None:
            blocks.append((ids, part))
        else:
            blocks[known] = (ids, _merge(blocks[known][1], part))
    whole = reduce(_stack, (block for _, block in blocks)) if blocks else facts.pop(0)
    return reduce(_merge, facts, whole)


def _take_splits_of_names(parts: Sequence[Answers]) -> list[Answers]:
    """Where no file has a column of splits and each is named after one, the names say them."""
    scored = [part for part in parts if part.scores]
    if any("split" in part.facts for part in parts) or not all(part.split for part in scored):
        return list(parts)
    entry = note_intake("splits.file-names", files=sorted({part.where.rpartition("/")[2] for part in scored}))
    return [
        replace(
            part,
            facts={**part.facts, "split": np.full(len(part.ids), str(part.split))},
            intake=(*part.intake, entry),
        )
        if part.scores
        else part
        for part in parts
    ]


def _stack(whole: Answers, part: Answers) -> Answers:
    if whole.scores.keys() != part.scores.keys():
        raise EvidenceError(
            f"expected answers of every model on every record, found {name_some(whole.scores, 9)} in {whole.where} and "
            f"{name_some(part.scores, 9)} in {part.where}, which share no record",
            hint=explain_mismatch(whole.ids.tolist(), part.ids.tolist())
            or "files of one model each are joined by id: the same ids must stand in each",
        )
    _validate_classes(whole, part)
    if whole.facts.keys() != part.facts.keys():
        raise EvidenceError(
            f"expected the same columns in files on different records, found {name_some(whole.facts) or 'none'} in "
            f"{whole.where} and {name_some(part.facts) or 'none'} in {part.where}"
        )
    places = [part.classes.index(name) for name in whole.classes] if whole.classes else [0]
    nothing = np.full(len(part.ids), ""), np.full(len(whole.ids), "")
    groups = {
        name: np.concatenate([whole.groups.get(name, nothing[1]), part.groups.get(name, nothing[0])])
        for name in dict.fromkeys((*whole.groups, *part.groups))
    }
    return replace(
        whole,
        where=f"{whole.where}, {part.where}",
        ids=np.concatenate([whole.ids, part.ids]),
        scores={name: np.concatenate([values, part.scores[name][:, places]]) for name, values in whole.scores.items()},
        facts={name: np.concatenate([values, part.facts[name]]) for name, values in whole.facts.items()},
        groups=groups,
        id_names=tuple(dict.fromkeys((*whole.id_names, *part.id_names))),
        intake=join_intake(whole.intake, part.intake),
    )


def _merge(whole: Answers, part: Answers) -> Answers:
    _validate_records(whole, part)
    part = part.order(whole.ids)
    _validate_classes(whole, part)
    twice = sorted(whole.scores.keys() & part.scores.keys())
    if twice:
        raise EvidenceError(f"expected each model once, found {name_some(twice)} in {whole.where} and {part.where}")
    classes = whole.classes if whole.scores else part.classes
    places = [part.classes.index(name) for name in classes] if part.scores and classes else [0]
    return replace(
        whole,
        where=f"{whole.where}, {part.where}",
        classes=classes,
        scores={**whole.scores, **{name: values[:, places] for name, values in part.scores.items()}},
        facts=_join_facts(whole, whole.facts, part, part.facts),
        groups=_join_facts(whole, whole.groups, part, part.groups),
        id_names=tuple(dict.fromkeys((*whole.id_names, *part.id_names))),
        intake=join_intake(whole.intake, part.intake),
    )


def _validate_records(whole: Answers, part: Answers) -> None:
    for ours, theirs in ((whole, part), (part, whole)):
        missing = np.setdiff1d(ours.ids, theirs.ids)
        if missing.size:
            raise EvidenceError(
                f"expected the same records in all files, but {len(missing)} of {ours.where} are not in "
                f"{theirs.where}: {name_some(missing)}",
                hint=explain_mismatch(missing.tolist(), theirs.ids.tolist())
                or "files either hold the same records, or (one for each split) none in common",
            )


def _validate_classes(whole: Answers, part: Answers) -> None:
    if whole.scores and part.scores and set(whole.classes) != set(part.classes):
        raise EvidenceError(
            f"expected the same classes in all files, found {name_some(whole.classes, 9) or 'one score'} in "
            f"{whole.where} and {name_some(part.classes, 9) or 'one score'} in {part.where}"
        )


def _join_facts(
    whole: Answers, ours: Mapping[str, Texts], part: Answers, theirs: Mapping[str, Texts]
) -> dict[str, Texts]:
    for name in ours.keys() & theirs.keys():
        differ = np.flatnonzero(ours[name] != theirs[name])
        if differ.size:
            row = differ[0]
            raise EvidenceError(
                f"record '{whole.ids[row]}': '{name}' is '{ours[name][row]}' in {whole.where} and "
                f"'{theirs[name][row]}' in {part.where}, as for {len(differ)} records in all"
            )
    return {**ours, **theirs}
