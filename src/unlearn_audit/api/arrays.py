"""Arrays of NumPy, pandas or plain lists become answers, as a file's columns do."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.columns import read_text
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence.predictions import Answers
from unlearn_audit.evidence.predictions.answers import validate_ids
from unlearn_audit.records.intake import note_intake

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_WHERE = "the arrays given"


def take_arrays(
    ids: "ArrayLike",
    facts: "Mapping[str, ArrayLike]",
    models: "Mapping[str, ArrayLike]",
    classes: Sequence[str],
    groups: "Mapping[str, ArrayLike]",
) -> tuple[Answers, str]:
    """Return the arrays as answers, and the SHA-256 of what they say; for the arguments see `make_evidence`.

    Raises:
        EvidenceError: shapes or lengths that do not fit, NaN, values that are no text.
    """
    scores = {name: _shape_scores(name, given, classes) for name, given in models.items()}
    wide = any(array.shape[1] > 1 for array in scores.values())
    answers = Answers(
        where=_WHERE,
        ids=_read_texts("ids", ids),
        classes=tuple(classes) if wide else (),
        scores=scores,
        facts={name: _read_texts(name, column) for name, column in facts.items()},
        intake=(note_intake("ids.column", column="ids"),),
        groups={name: _read_texts(name, col) for name, col in groups.items()},
    )
    validate_ids(_WHERE, answers.ids)
    _validate_lengths(answers)
    return answers, _digest(answers)


def _read_texts(name: str, given: "ArrayLike") -> NDArray[np.str_]:
    values = np.asarray(given)
    if values.ndim != 1:
        raise EvidenceError(f"{_WHERE}: expected one value of {name} for each record, found shape {values.shape}")
    if values.dtype.kind in "OT":
        values = np.array(["" if _is_nothing(item) else str(item) for item in values.tolist()], dtype=np.str_)
    return read_text(f"{_WHERE}: {name}", values)


def _is_nothing(item: Any) -> bool:
    return item is None or (isinstance(item, float) and np.isnan(item)) or type(item).__name__ in {"NAType", "NaTType"}


def _shape_scores(name: str, given: "ArrayLike", classes: Sequence[str]) -> NDArray[np.float64]:
    try:
        values = np.asarray(given, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise EvidenceError(f"model '{name}': expected numbers as scores, found something else: {error}") from error
    values = values[:, np.newaxis] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] not in {1, len(classes)}:  # noqa: PLR2004 - records, classes
        raise EvidenceError(
            f"model '{name}': expected scores of shape (n,) or (n, {len(classes) or 'k'}), found {values.shape}",
            hint="name the classes of several columns: classes=['benign', 'malignant']",
        )
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise EvidenceError(f"model '{name}': expected finite scores, found NaN or infinity at position {row}")
    return values


def _validate_lengths(answers: Answers) -> None:
    columns = {**answers.facts, **answers.groups, **{f"model '{name}'": v for name, v in answers.scores.items()}}
    for name, column in columns.items():
        if len(column) != len(answers.ids):
            raise EvidenceError(f"expected one {name} for each of {len(answers.ids)} records, found {len(column)}")
    if len({array.shape[1] for array in answers.scores.values()}) > 1:
        raise EvidenceError("expected scores of one shape for all models, found columns for some and one for others")


def _digest(answers: Answers) -> str:
    """Return the SHA-256 of what was given."""
    sha = sha256()
    for column in (answers.ids, *answers.facts.values(), *answers.groups.values()):
        sha.update("\x1f".join(column.tolist()).encode())
        sha.update(b"\x1e")
    for name, values in answers.scores.items():
        sha.update(name.encode() + np.ascontiguousarray(values, dtype="<f8").tobytes())
    return sha.hexdigest()
