"""The structure of a PDF, mended where WeasyPrint leaves it short of what assistive programs ask for.

Tables get headings with a scope, which every cell names and an index finds; a list of terms becomes items of a term and
what is said about it; a list in columns becomes one list again; each attached file is listed once.
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
    for element in tree.walk(roots[0]):
        if element["S"] == "/Table":
            _mend_table(tree, element)
    roots[0]["IDTree"] = _index_headings(tree.walk(roots[0]))
    _list_once(pdf.catalog)


class _Tree:
    """Elements of the structure by what refers to them."""

    def __init__(self, pdf: Any) -> None:
        self._objects = {one.reference: one for one in pdf.objects}

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


def _mend_list(tree: _Tree, element: Any) -> None:
    items = [item for kid in tree.kids(element) for item in (tree.kids(kid) if kid["S"] == "/L" else [kid])]
    for item in items:
        if item["S"] == "/Div":
            _pair(tree, item)
    tree.adopt(element, items)


def _pair(tree: _Tree, item: Any) -> None:
    """Make one item of a term and what is said about it, which are an item each; a term may stand a page before."""
    parts = [part for half in tree.kids(item, "/LI") for part in tree.kids(half)]
    item["S"] = "/LI"
    if len(parts) > 1:
        parts[0]["S"] = "/Lbl"
    tree.adopt(item, parts)


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
