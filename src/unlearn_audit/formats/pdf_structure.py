"""The structure of a PDF, mended where WeasyPrint leaves it short of what assistive programs ask for.

Tables get headings with a scope, which every cell names and an index finds. A table that runs over pages is one table,
with its headings once. A list says how it is numbered, a list of terms becomes items of a term and what is said about
it, and a list in columns becomes one list again. Each attached file is listed once.
"""

from collections.abc import Iterator
from typing import Any

from unlearn_audit.errors import ReportError


def mend_structure(pdf: Any) -> None:
    """Mend the structure tree and the catalogue of `pdf`, a document of pydyf that is not written yet.

    Raises:
        ReportError: the document has no structure tree.
    """
    roots = [one for one in pdf.objects if isinstance(one, dict) and one.get("Type") == "/StructTreeRoot"]
    if len(roots) != 1:
        raise ReportError(f"expected one structure tree in the PDF, found {len(roots)}")
    tree = _Tree(pdf)
    for element in tree.walk(roots[0]):
        if element["S"] == "/L":
            _mend_list(tree, element)
    _join_tables(tree, [element for element in tree.walk(roots[0]) if element["S"] == "/Table"])
    for element in tree.walk(roots[0]):
        if element["S"] == "/Table":
            _mend_table(tree, element)
    roots[0]["IDTree"] = _index_headings(tree.walk(roots[0]))
    _list_once(pdf.catalog)


class _Tree:
    """Elements of the structure by what refers to them."""

    def __init__(self, pdf: Any) -> None:
        self._objects = {one.reference: one for one in pdf.objects}
        root = next(one for one in pdf.objects if isinstance(one, dict) and one.get("Type") == "/StructTreeRoot")
        listed = self._objects[root["ParentTree"]]["Nums"]
        self._marked = dict(zip(listed[::2], listed[1::2], strict=True))

    def kids(self, element: Any, *kinds: str) -> list[Any]:
        """Return the elements right below `element`, those of `kinds` where some are named."""
        found = (self._objects[kid] for kid in element.get("K", ()) if isinstance(kid, bytes))
        return [kid for kid in found if "S" in kid and (not kinds or kid["S"] in kinds)]

    def walk(self, element: Any) -> Iterator[Any]:
        """Yield every element below `element`, parents first."""
        for kid in self.kids(element):
            yield kid
            yield from self.walk(kid)

    def adopt(self, parent: Any, kids: list[Any]) -> None:
        """Make `kids` all that stands right below `parent`."""
        parent["K"][:] = [kid.reference for kid in kids]
        for kid in kids:
            kid["P"] = parent.reference

    def drop(self, element: Any) -> None:
        """Take `element` out, and what holds nothing without it."""
        parent = self._objects[element["P"]]
        parent["K"].remove(element.reference)
        if not parent["K"] and "P" in parent:
            self.drop(parent)

    def read_glyphs(self, element: Any) -> bytes:
        """Return what is shown below `element`, as the numbers of its glyphs."""
        shown = []
        for one, number in self._list_marked(element):
            parts = self._content(one)
            place = _find_marked(parts, number)
            end = parts.index(b"EMC", place)
            shown += [part for part in parts[place:end] if isinstance(part, bytes) and part.endswith(b"TJ")]
        return b"".join(shown)

    def _list_marked(self, element: Any) -> Iterator[tuple[Any, int]]:
        """Yield the elements that hold marked content, each with a number of it."""
        for one in (element, *self.walk(element)):
            yield from ((one, kid) for kid in one["K"] if isinstance(kid, int))

    def _content(self, element: Any) -> Any:
        """Return the content of the page that `element` stands on."""
        return self._objects[self._objects[element["Pg"]]["Contents"]].stream

    def turn_into_layout(self, element: Any) -> None:
        """Make an artifact of all that is printed below `element`: programs that read aloud leave it out."""
        for one, number in self._list_marked(element):
            parts = self._content(one)
            place = _find_marked(parts, number)
            parts[place - 1 : place + 2] = ["/Artifact", b"BMC"]
            self._marked[self._objects[one["Pg"]]["StructParents"]][number] = "null"


def _find_marked(parts: list[Any], number: int) -> int:
    """Return the place of the properties with which marked content `number` begins."""
    return next(i for i, part in enumerate(parts) if isinstance(part, dict) and part.get("MCID") == number)


def _mend_list(tree: _Tree, element: Any) -> None:
    import pydyf

    items = [item for kid in tree.kids(element) for item in (tree.kids(kid) if kid["S"] == "/L" else [kid])]
    of_terms = [item for item in items if item["S"] == "/Div"]
    for item in of_terms:
        _pair(tree, item)
    tree.adopt(element, items)
    numbering = "/None" if of_terms else _name_numbering(tree, items)
    element["A"] = pydyf.Dictionary({"O": "/List", "ListNumbering": numbering})


def _name_numbering(tree: _Tree, items: list[Any]) -> str:
    """Return how a list is numbered (ISO 32000-1, table 347): labels that differ are numbers, the same ones bullets.

    Terms are words, which count as no numbering.
    """
    labels = [tree.read_glyphs(label) for item in items for label in tree.kids(item, "/Lbl")]
    return "/None" if not labels else "/Decimal" if len(set(labels)) > 1 else "/Disc"


def _pair(tree: _Tree, item: Any) -> None:
    """Make one item of a term and what is said about it, which are an item each; a term may stand a page before."""
    parts = [part for half in tree.kids(item, "/LI") for part in tree.kids(half)]
    item["S"] = "/LI"
    if len(parts) > 1:
        parts[0]["S"] = "/Lbl"
    tree.adopt(item, parts)


def _join_tables(tree: _Tree, tables: list[Any]) -> None:
    """Join what stands on several pages: only the first part of a table has a caption. Headings are read once."""
    whole = None
    for table in tables:
        if whole is None or tree.kids(table, "/Caption"):
            whole = table
            continue
        names = {
            name.string: first for name, first in zip(_name_heads(tree, table), _name_heads(tree, whole), strict=True)
        }
        for cell in (cell for row in _rows(tree, table, "/TBody") for cell in tree.kids(row, "/TD")):
            cell["A"]["Headers"][:] = [names.get(name.string, name) for name in cell["A"]["Headers"]]
        for head in tree.kids(table, "/THead"):
            tree.turn_into_layout(head)
        tree.adopt(whole, [*tree.kids(whole), *tree.kids(table, "/TBody")])
        tree.drop(table)


def _name_heads(tree: _Tree, table: Any) -> list[Any]:
    return [head["ID"] for row in _rows(tree, table, "/THead") for head in tree.kids(row, "/TH")]


def _mend_table(tree: _Tree, table: Any) -> None:
    heads = [head for row in _rows(tree, table, "/THead") for head in tree.kids(row, "/TH")]
    for head in heads:
        head["A"]["Scope"] = "/Column"
    for row in _rows(tree, table, "/TBody"):
        for place, cell in enumerate(tree.kids(row, "/TH", "/TD")):
            if cell["S"] == "/TH":
                cell["A"]["Scope"] = "/Row"
                cell["A"]["Headers"] = _name(heads[place : place + 1])


def _rows(tree: _Tree, table: Any, part: str) -> list[Any]:
    return [row for group in tree.kids(table, part) for row in tree.kids(group, "/TR")]


def _name(heads: list[Any]) -> Any:
    import pydyf

    return pydyf.Array([head["ID"] for head in heads])


def _index_headings(elements: Iterator[Any]) -> Any:
    """Return the name tree by which a reader finds the headings that cells name (ISO 32000-1, table 322)."""
    import pydyf

    named = sorted((element["ID"].string, element) for element in elements if "ID" in element)
    names = [part for name, element in named for part in (pydyf.String(name), element.reference)]
    return pydyf.Dictionary({"Names": pydyf.Array(names)})


def _list_once(catalog: Any) -> None:
    """Drop what stands twice among the associated files: WeasyPrint lists those twice that a document attaches."""
    catalog["AF"][:] = dict.fromkeys(catalog["AF"])
