"""Differences between two values of JSON, place by place."""

from collections.abc import Iterator
from typing import Any


def find_differences(before: Any, after: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the path of each place in which two values of JSON differ, with both values; the path of the whole is ''.

    Lists of other lengths differ as a whole. What one of two mappings lacks counts as null there.

    >>> list(find_differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}))
    [('a[1].b', 2, 3)]
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from find_differences(before.get(key), after.get(key), f"{where}.{key}" if where else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (left, right) in enumerate(zip(before, after, strict=True)):
            yield from find_differences(left, right, f"{where}[{place}]")
    elif before != after:
        yield where, before, after
