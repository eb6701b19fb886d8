"""Bands of numbers: an exact age would identify people, and a group of one age would be almost empty."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.ages import read_years
from unlearn_audit.data.dataset import Dataset, name_some
from unlearn_audit.errors import DataError

Bands = tuple[tuple[float, ...], tuple[str, ...]]
"""Increasing edges, and the names of the bands below, between and above them."""


def band_columns(dataset: Dataset, bands: Mapping[str, Bands]) -> Dataset:
    """Return `dataset` with each numeric column that `bands` names replaced by `<column>_band`.

    An edge belongs to the band above it; unknown stays unknown (''). A column that the data lacks is passed over: the
    numbers that need it say so.

    Args:
        dataset: the data; `exact` columns are looked up first.
        bands: edges and names per column.

    Raises:
        DataError: a value of the column is no finite number.
    """
    groups = dict(dataset.groups)
    for column, (edges, names) in bands.items():
        values = dataset.exact.get(column, dataset.groups.get(column))
        if values is not None:
            groups.pop(column, None)
            groups[f"{column}_band"] = band_values(
                f"data set '{dataset.name}': column '{column}'", values, edges, names
            )
    return replace(dataset, groups=groups)


def band_values(
    where: str, values: NDArray[np.str_], edges: tuple[float, ...], names: tuple[str, ...]
) -> NDArray[np.str_]:
    """Return (n,) the band of each value (n,); an edge belongs to the band above it, unknown ('') stays unknown.

    Raises:
        DataError: a value that is no finite number; `where` says whose.
    """
    known = values != ""
    try:
        numbers = read_years(where, values[known])
    except DataError as error:
        raise DataError(f"{where}: expected numbers to make bands of, found text: {error}", hint=error.hint) from error
    if not np.isfinite(numbers).all():
        raise DataError(f"{where}: expected finite numbers, found {name_some(values[known][~np.isfinite(numbers)])}")
    banded = np.full(len(values), "", dtype=f"<U{max(map(len, names))}")
    banded[known] = np.array(names)[np.searchsorted(edges, numbers, side="right")]
    return banded
