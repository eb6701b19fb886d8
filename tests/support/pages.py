"""A page of docs/ as its reader uses it: files to write, commands to run, and what they print.

A page may have parts for several readers. The line `<!-- another reader: NAME -->` begins one; its reader starts in a
folder of their own, and here it is called `PAGE.md#NAME`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
CONTRIBUTING = "../CONTRIBUTING.md"
_PART = re.compile(r"^<!-- another reader: ([a-z-]+) -->$", re.MULTILINE)
_BLOCK = re.compile(
    r'(?:<!-- not run: (?P<reason>[^\n]+?) -->\n\n)?^```(?P<kind>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^```',
    re.MULTILINE | re.DOTALL,
)
_CODES = re.compile(r"#.*\bexit code (\d)(?: or (\d))?")


@dataclass(frozen=True)
class Write:
    """A block with a title is a file of that name."""

    name: str
    content: str


@dataclass(frozen=True)
class Command:
    """One line of a console block. `codes`: the exit codes that the page tells; 0 where it tells none."""

    line: str
    codes: tuple[int, ...] = (0,)
    not_run: str = ""


@dataclass(frozen=True)
class Printed:
    """One line of a text block: part of what the commands before it print, spaces apart."""

    text: str


def read_page(name: str) -> str:
    """Return the text of `PAGE.md`, up to its first part for another reader, or of the part `PAGE.md#NAME`."""
    page, _, part = name.partition("#")
    first, *others = _PART.split((DOCS / page).read_text("utf-8"))
    return {"": first, **dict(zip(others[::2], others[1::2], strict=True))}[part]


def list_parts(page: str) -> list[str]:
    """Return the names of a page's parts, the page itself as the first."""
    return [page, *(f"{page}#{name}" for name in _PART.findall((DOCS / page).read_text("utf-8")))]


def read_steps(page: str) -> list[Write | Command | Printed]:
    """Return what a reader of the page does and sees, in order."""
    steps: list[Write | Command | Printed] = []
    for block in _BLOCK.finditer(read_page(page)):
        lines = [line for line in block["body"].splitlines() if line.strip() and not line.startswith("#")]
        if block["title"]:
            steps.append(Write(block["title"], block["body"]))
        elif block["kind"] == "console":
            steps += [_read_command(line, block["reason"] or "") for line in lines]
        elif block["kind"] == "text":
            steps += [Printed(squeeze(line)) for line in lines]
    return steps


def list_commands(page: str) -> list[Command]:
    return [step for step in read_steps(page) if isinstance(step, Command)]


def _read_command(line: str, reason: str) -> Command:
    found = _CODES.search(line)
    codes = tuple(int(code) for code in found.groups() if code) if found else (0,)
    return Command(re.sub(r"\s+# .*", "", line), codes, reason)


def squeeze(text: str) -> str:
    """Return `text` with every run of spaces as one: columns are as wide as their contents."""
    return " ".join(text.split())


PARTS = [part for page in PAGES for part in list_parts(page)] + list_parts(CONTRIBUTING)[1:]
"""Everything that somebody reads from its beginning. The start of CONTRIBUTING.md, which sets up, is not among it."""
