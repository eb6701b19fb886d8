"""The files of an ONNX model: its tensors may lie in others, and whoever changes those changes the answers.

The model is walked as the protobuf message that it is (onnx.proto3), nothing is loaded: every tensor of graph,
subgraphs, attributes and functions is asked where its data lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearn_audit.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}
_DEEPEST = 100
_LOCATION = b"location"
_EXTERNAL = 1
_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "function": {7: "node", 11: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""The fields of each message that lead to tensors, by number, with the message that they hold."""


def list_data_files(path: Path) -> tuple[Path, ...]:
    """Return the files beside the ONNX model at `path` that hold some of its tensors, sorted by name.

    Raises:
        CaseError: no ONNX model, or data in a place that is no file of the model's own folder.
    """
    try:
        locations = set(_find_locations(memoryview(path.read_bytes()), "model", 0))
    except (_NotAMessageError, RecursionError) as error:
        raise CaseError(f"{path} is not a readable ONNX model: {error or 'too deeply nested'}") from error
    return tuple(_find_file(path, location) for location in sorted(locations))


def _find_file(path: Path, location: str) -> Path:
    folder = path.resolve().parent
    file = folder / location
    inside = location.isprintable() and not file.is_symlink() and file.resolve().is_relative_to(folder)
    if not inside or not file.is_file():
        raise CaseError(
            f"{path}: expected its weights inside it or in files of its own folder, found {location[:200]!r}"
            + ("" if inside else ", which lies elsewhere or is a link"),
            hint="save the model as one file: onnx.save_model(model, path, save_as_external_data=False)",
        )
    return file


class _NotAMessageError(ValueError):
    """The bytes are no protobuf message of the kind that was expected."""


def _find_locations(content: memoryview, kind: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise _NotAMessageError("too deeply nested")
    known, found, external = _PARTS[kind], False, False
    for number, value in _read_fields(content):
        part = known.get(number)
        if part == "entry" and isinstance(value, memoryview):
            fields = {key: bytes(item) for key, item in _read_fields(value) if isinstance(item, memoryview)}
            if fields.get(1) == _LOCATION:
                found = True
                yield fields.get(2, b"").decode("utf-8", "backslashreplace")
        elif part is not None and isinstance(value, memoryview):
            yield from _find_locations(value, part, depth + 1)
        external |= kind == "tensor" and number == 14 and value == _EXTERNAL  # noqa: PLR2004 - data_location
    if external and not found:
        raise _NotAMessageError("a tensor lies in another file that it does not name")


def _read_fields(content: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Yield number and value of each field: bytes as they are, varints as numbers, fixed widths as bytes."""
    place = 0
    while place < len(content):
        tag, place = _read_varint(content, place)
        number, wire = tag >> 3, tag & 7
        if number == 0 or wire not in {_VARINT, _FIXED64, _BYTES, _FIXED32}:
            raise _NotAMessageError("expected a protobuf message, found other bytes")
        if wire == _VARINT:
            value, place = _read_varint(content, place)
            yield number, value
            continue
        size = _WIDTHS.get(wire)
        if size is None:
            size, place = _read_varint(content, place)
        if place + size > len(content):
            raise _NotAMessageError("it is cut short")
        yield number, content[place : place + size]
        place += size


def _read_varint(content: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(content):
            raise _NotAMessageError("it is cut short")
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint
            return value, place
    raise _NotAMessageError("expected a protobuf message, found other bytes")
