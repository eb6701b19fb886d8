"""DER, the one encoding that ASN.1 has per value (X.690, clauses 8, 10 and 11): validation of a byte string.

A signature cannot cover itself: what may be written in two ways there can be changed unseen. Not examined, because it
needs the types: whether a value equal to its default is left out, and whether text keeps to its alphabet. In a
signature both occur only where it covers them.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

_CLASS, _CONSTRUCTED, _NUMBER, _LONG = 0xC0, 0x20, 0x1F, 0x80
_SEQUENCE, _SET = 0x30, 0x31
_DEEPEST = 40


class NotDerError(ValueError):
    """The bytes are no DER; says which rule they break."""


def check_der(content: bytes) -> None:
    """Check that `content` is one value in DER and nothing else.

    A value of a context's own class that holds several is taken for a set, which it is in a CMS signature.

    Raises:
        NotDerError: names the first rule that is broken.
    """
    if len(list(_walk(content, 0))) != 1:
        raise NotDerError("not one value")


def _walk(content: bytes, depth: int) -> Iterator[bytes]:
    """Yield the values in `content` as they are written, each after it and all inside it was held to the rules."""
    if depth > _DEEPEST:
        raise NotDerError("nested too deeply")
    place = 0
    while place < len(content):
        start, end = _measure(content, place)
        if content[place] & _CONSTRUCTED:
            _check_order(content[place], list(_walk(content[start:end], depth + 1)))
        else:
            _check_primitive(content[place], content[start:end])
        yield content[place:end]
        place = end


def _measure(content: bytes, place: int) -> tuple[int, int]:
    """Return where the value that starts at `place` has its content; lengths are definite and as short as can be."""
    header = content[place : place + 2]
    if len(header) < 2 or header[0] & _NUMBER == _NUMBER:  # noqa: PLR2004 - a tag and a length
        raise NotDerError("no length, or a tag that signatures do not use")
    start, length = place + 2, header[1]
    if length >= _LONG:
        size = length - _LONG
        start, length = start + size, int.from_bytes(content[start : start + size], "big")
        if length < _LONG or length.bit_length() <= 8 * (size - 1):
            raise NotDerError("a length that is not written as short as it can be")
    if start + length > len(content):
        raise NotDerError("a value longer than what holds it")
    return start, start + length


def _check_order(tag: int, values: list[bytes]) -> None:
    if not tag & _CLASS and tag not in (_SEQUENCE, _SET):
        raise NotDerError("a constructed value that must be primitive")
    if tag != _SEQUENCE and any(first > second for first, second in pairwise(values)):
        raise NotDerError("a set that is not in order")


def _check_primitive(tag: int, content: bytes) -> None:
    if tag in (0, _SEQUENCE & ~_CONSTRUCTED, _SET & ~_CONSTRUCTED):
        raise NotDerError("a primitive value that must be constructed")
    if tag in _RULES and not _RULES[tag](content):
        raise NotDerError(f"a value with tag {tag} that is not written as DER does")


def _is_integer(content: bytes) -> bool:
    sign = content[1:2] >= b"\x80"
    return bool(content) and (len(content) == 1 or content[0] != (0xFF if sign else 0))


def _is_bit_string(content: bytes) -> bool:
    """The first byte tells how many bits of the last are spare: they are zero, and without a last none can be."""
    if not content or content[0] > (7 if len(content) > 1 else 0):
        return False
    return not content[-1] & ((1 << content[0]) - 1)


def _is_object_identifier(content: bytes) -> bool:
    starts = [0, *(place + 1 for place, byte in enumerate(content) if byte < _LONG)]
    return bool(content) and starts[-1] == len(content) and all(content[start] != _LONG for start in starts[:-1])


_RULES: dict[int, Callable[[bytes], bool]] = {
    0x01: lambda content: content in (b"\0", b"\xff"),
    0x02: _is_integer,
    0x03: _is_bit_string,
    0x05: lambda content: not content,
    0x06: _is_object_identifier,
    0x0A: _is_integer,
}
