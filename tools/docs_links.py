"""A hook of mkdocs: links out of docs/ lead to copies inside the site, so that the built site is whole by itself.

Pages keep the links that work in the repository. A page about the project (CONTRIBUTING.md and the like) becomes a page
of the site; any other file that a page links to is copied to `repository/`. A link to a folder, or to nothing, stops
the build.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PROJECT = {"CONTRIBUTING.md": "contributing", "SECURITY.md": "security", "CHANGELOG.md": "changelog"}
"""Files at the root that are pages of the site, under project/."""
_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)((?:#[^)\s]*)?\))")
_CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Add the project's pages, and every file outside docs/ that a page links to."""
    sources = {f"docs/{file.src_uri}": file.content_string for file in files.documentation_pages()}
    for name, slug in PROJECT.items():
        sources[name] = (ROOT / name).read_text("utf-8")
        files.append(File.generated(config, f"project/{slug}.md", content=sources[name]))
    linked = {target for source, text in sources.items() for target in find_targets(text, source)}
    for target in sorted(linked - set(PROJECT)):
        if not target.startswith("docs/"):
            files.append(File.generated(config, f"repository/{target}", abs_src_path=str(ROOT / target)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn each link, which is relative to the file in the repository, into one that is relative to the page."""
    here = page.file.src_uri
    slugs = {f"project/{slug}.md": name for name, slug in PROJECT.items()}
    return rewrite(markdown, slugs.get(here, f"docs/{here}"), here)


def find_targets(text: str, source: str) -> set[str]:
    """Return the files of the repository that `text`, which stands in the file `source`, links to.

    Raises:
        PluginError: a link leads to a folder, or out of the repository, or to nothing.
    """
    prose = _CODE.sub("", text)
    return {_resolve(link.group(2), source) for link in _LINK.finditer(prose)}


def rewrite(text: str, source: str, page: str) -> str:
    """Return `text` of the file `source` with links as the page at `page` (relative to the site) needs them."""

    def turn(link: re.Match[str]) -> str:
        place = _place(_resolve(link.group(2), source))
        return f"{link.group(1)}{posixpath.relpath(place, posixpath.dirname(page) or '.')}{link.group(3)}"

    pieces = _CODE.split(text)
    return "".join(piece if number % 2 else _LINK.sub(turn, piece) for number, piece in enumerate(pieces))


def _resolve(link: str, source: str) -> str:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    if target.startswith("..") or not (ROOT / target).is_file():
        raise PluginError(f"{source} links to {link}, which is no file of the repository")
    return target


def _place(target: str) -> str:
    """Return where a file of the repository stands in the site."""
    if target in PROJECT:
        return f"project/{PROJECT[target]}.md"
    return target.removeprefix("docs/") if target.startswith("docs/") else f"repository/{target}"
