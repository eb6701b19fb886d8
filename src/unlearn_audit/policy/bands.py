"""Names of the bands that a policy cuts a numeric group column into."""

from itertools import pairwise


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
