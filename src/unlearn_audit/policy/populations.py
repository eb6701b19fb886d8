"""Whom a number speaks about: 'all', 'positive', a group such as 'sex=female', or the 'worst of sex'.

A check on the worst of a column is about every group of it. Where lower is better the worst group has the highest
value; where both ends count, the highest and the lowest group are measured each, and both must hold.
"""

from itertools import pairwise

_WORST = "worst of "
_EXTREMES = (_WORST, "highest of ", "lowest of ")


def split_group(among: str) -> tuple[str, str] | None:
    """Return column and value of a single group, None where `among` is none.

    >>> split_group("sex=female")
    ('sex', 'female')
    """
    column, equals, value = among.partition("=")
    return (column, value) if equals and value else None


def find_column(among: str) -> str | None:
    """Return the column whose groups `among` compares, None where it compares none.

    >>> find_column("worst of age_band")
    'age_band'
    """
    return next((among.removeprefix(word) for word in _EXTREMES if among.startswith(word)), None)


def speaks_of_group(among: str) -> bool:
    """Return whether `among` is a group or an extreme of several."""
    return split_group(among) is not None or find_column(among) is not None


def decides(asked: str, among: str) -> bool:
    """Return whether a finding among `among` may decide a check among `asked`."""
    if not asked.startswith(_WORST):
        return asked == among
    return find_column(among) == find_column(asked)


def belongs_to(asked: str, among: str) -> bool:
    """Return whether a check among `asked` needs the finding among `among`: its own, or that of one of its groups."""
    group = split_group(among)
    return decides(asked, among) or (group is not None and find_column(asked) == group[0])


def name_bands(edges: tuple[float, ...]) -> tuple[str, ...]:
    """Return what the bands between increasing `edges` are called; an edge belongs to the band above it.

    >>> name_bands((40, 60))
    ('under 40', '40 to 59', '60 and over')
    >>> name_bands((0.5, 2))
    ('under 0.5', '0.5 to under 2', '2 and over')
    """
    whole = all(float(edge).is_integer() for edge in edges)
    middle = (f"{low:g} to {high - 1:g}" if whole else f"{low:g} to under {high:g}" for low, high in pairwise(edges))
    return (f"under {edges[0]:g}", *middle, f"{edges[-1]:g} and over")
