"""Group columns of one input: unknown is unknown, ages are bands, and only what is asked for is kept."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.ages import BAND, band_ages, is_age
from unlearn_audit.data.bands import Bands, band_values
from unlearn_audit.data.overlaps import CLUSTER_COLUMNS
from unlearn_audit.data.spelling import blank_unknown, find_values, validate_codes, validate_spelling
from unlearn_audit.errors import AuditError, DataError
from unlearn_audit.records.intake import IntakeEntry, note_intake

Texts = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Columns:
    """Group columns as they may be used.

    Attributes:
        kept: per name (n,) text of the columns that policy or case ask for: these enter the evidence.
        read: all of them, for counting groups that stand in two splits; ages are not among them.
        intake: what was kept, left out, banded, unknown, and that spelling is one.
    """

    kept: Mapping[str, Texts]
    read: Mapping[str, Texts]
    intake: tuple[IntakeEntry, ...]


def read_groups(
    where: str,
    groups: Mapping[str, Texts],
    asked: Collection[str],
    bands: Mapping[str, Bands],
    error: Callable[..., AuditError] = DataError,
) -> Columns:
    """Return the columns of an input as the evidence may hold them.

    Args:
        where: file or data set, as messages name it.
        groups: per name (n,) text as it was written.
        asked: names that policy or case have a use for.
        bands: edges and names per numeric column, of the policy.
        error: of which kind a refusal is.

    Raises:
        AuditError: `error`, for a person spelt in two ways, a code for unknown that would be one big patient, an age
            that is none, or a column beside its own bands.
    """
    read: dict[str, Texts] = {}
    banded: dict[str, Texts] = {}
    entries: list[IntakeEntry] = []
    for name, raw in groups.items():
        found = find_values(raw)
        values, spelt = blank_unknown(raw, found)
        if name in asked and spelt:
            entries.append(_count_unknown(name, values, spelt))
        if name in bands or is_age(name):
            if f"{name}{BAND}" in groups:
                raise error(f"{where}: found both '{name}' and '{name}{BAND}'", hint="keep one of them")
            banded[f"{name}{BAND}"] = _band(f"{where}: column '{name}'", name, values, bands)
            continue
        validate_spelling(where, name, [text for text in found.texts if text not in spelt], error)
        if name in CLUSTER_COLUMNS:
            validate_codes(where, name, found, error)
        read[name] = values
    kept = {name: values for name, values in read.items() if name in asked}
    kept |= {name: values for name, values in banded.items() if {name, name.removesuffix(BAND)} & {*asked}}
    return Columns(kept, read, (*entries, *_describe(kept, read, banded)))


def _band(where: str, name: str, values: Texts, bands: Mapping[str, Bands]) -> Texts:
    usual = band_ages(where, values) if is_age(name) else values
    return band_values(where, values, *bands[name]) if name in bands else usual


def _count_unknown(name: str, values: Texts, spelt: Mapping[str, int]) -> IntakeEntry:
    written = [text or "nothing" for text in spelt]
    return note_intake("unknown.counted", column=name, count=int((values == "").sum()), n=len(values), spelt=written)


def _describe(
    kept: Mapping[str, Texts], read: Mapping[str, Texts], banded: Mapping[str, Texts]
) -> tuple[IntakeEntry, ...]:
    known = note_intake("columns.kept", columns=list(kept)) if kept else note_intake("columns.none")
    bands = [name for name in kept if name in banded]
    left = [name for name in read if name not in kept] + [
        name.removesuffix(BAND) for name in banded if name not in kept
    ]
    full = all((values != "").all() for values in kept.values())
    return (
        known,
        *((note_intake("columns.banded", columns=bands),) if bands else ()),
        *((note_intake("columns.left-out", columns=left),) if left else ()),
        note_intake("spelling.one", columns=list(read)) if read else note_intake("spelling.none"),
        *((note_intake("unknown.none"),) if full else ()),
    )
