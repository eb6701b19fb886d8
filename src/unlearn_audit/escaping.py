r"""Escaping of untrusted text for print: it ends no line, moves no cursor, hides nothing and commands nobody.

One function for the terminal, logs of pipelines and Markdown, one table for notebooks. What cannot be seen is shown as
an escape, so that a reader sees that something was there.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from html import escape

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # zero width, and part of how several languages are written
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_COMMAND = re.compile(r"\s*(::|##\[)")
_BYTE = 0x100
_PLANE = 0x10000


def show_text(text: str, longest: int | None = None) -> str:
    r"""Return `text` as one line in which every character can be seen, of at most `longest` characters.

    >>> show_text("a\nb\x1b[2J")
    'a\\nb\\x1b[2J'
    """
    normal = unicodedata.normalize("NFC", text)
    shown = normal if normal.isprintable() else normal.translate({ord(each): _show(each) for each in set(normal)})
    return shown if longest is None or len(shown) <= longest else shown[: longest - 1].rstrip() + "\u2026"


def show_lines(text: str) -> str:
    """Return `text` with its line breaks, each line as `show_text` shows it.

    A line that a pipeline would take for a command (GitHub's '::' and '##[') begins with a backslash instead.
    """
    return "\n".join(_disarm(show_text(line)) for line in text.split("\n"))


def draw_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table for notebooks, in HTML. Every text is escaped: names and titles come from outside."""
    first = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div><p>{escape(title)}</p><table><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table></div>"


def _disarm(line: str) -> str:
    return f"\\{line}" if _COMMAND.match(line) else line


def _show(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _UNSEEN:
        return character
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < _BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _PLANE else f"\\U{code:08x}"
