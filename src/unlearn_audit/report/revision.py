"""What was added to a rendered PDF when it was signed: only a signature, or something that a reader would see?

`signed.startswith(rendered)` alone does not say: a PDF is read from its end, and whoever signs could first append
other pages.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

from unlearn_audit.errors import IntegrityError

_ROOT = frozenset({"/AcroForm", "/Extensions", "/Version", "/Perms"})
_PAGE = frozenset({"/Annots"})
_FORM = frozenset({"/Fields", "/SigFlags"})
_FIELD = frozenset({"/FT", "/T", "/Type", "/Subtype", "/F", "/Rect", "/P", "/TU", "/V"})
_OUTSIDE = [-9999, -9999, -9999, -9999]
_NEW = 4  # the form, the field, the signature, the cross-references


def examine_addition(signed: bytes, rendered: bytes) -> None:
    """Check that `signed` is `rendered` and an invisible signature, and shows the same.

    Raises:
        IntegrityError: says what else was added.
    """
    if not signed.startswith(rendered):
        raise IntegrityError("its pages are not what the record gives")
    try:
        _compare(signed, rendered)
    except IntegrityError:
        raise
    except Exception as error:  # a parser fed with hostile bytes may fail in any way, and each way is a refusal
        raise IntegrityError(f"what was added to it cannot be read ({type(error).__name__})") from error


def _compare(signed: bytes, rendered: bytes) -> None:
    from pyhanko.pdf_utils.reader import PdfFileReader

    new, old = PdfFileReader(BytesIO(signed), strict=True), PdfFileReader(BytesIO(rendered), strict=True)
    if new.xrefs.total_revisions != 2 or old.xrefs.total_revisions != 1:  # noqa: PLR2004 - rendered, then signed
        raise IntegrityError("it was changed more than once after it was rendered")
    _compare_places(new, old)
    before = old.xrefs.explicit_refs_in_revision(0)
    touched = new.xrefs.explicit_refs_in_revision(1) | new.xrefs.refs_freed_in_revision(1)
    root, page = old.root_ref, _find_first_page(old)
    allowed = {root, page, old.trailer.raw_get("/Info").reference, old.root.raw_get("/Metadata").reference}
    if new.root_ref != root or not touched & before <= allowed or len(touched - before) != _NEW:
        raise IntegrityError("more than a signature was added to it")
    if _write(new.root, except_=_ROOT) != _write(old.root, except_=_ROOT):
        raise IntegrityError("its catalogue was changed when it was signed")
    _compare_first_page(new, old, page)
    if new.root["/Metadata"].get("/Subtype") != "/XML":
        raise IntegrityError("its metadata was replaced by something else when it was signed")


def _compare_places(new: Any, old: Any) -> None:
    """The older objects must be the rendered ones, byte for byte at the same place."""
    for ref in old.xrefs.explicit_refs_in_revision(0):
        if new.xrefs.get_historical_ref(ref, 0) != old.xrefs.get_historical_ref(ref, 0):
            raise IntegrityError("its table of objects was changed when it was signed")


def _compare_first_page(new: Any, old: Any, page: Any) -> None:
    now, then = new.get_object(page), old.get_object(page)
    if _write(now, except_=_PAGE) != _write(then, except_=_PAGE):
        raise IntegrityError("its first page was changed when it was signed")
    form = new.root["/AcroForm"]
    fields, before, after = form["/Fields"], then.get("/Annots", []), now["/Annots"]
    added = [after.raw_get(place) for place in range(len(after))]
    kept = [before.raw_get(place) for place in range(len(before))]
    if set(form) - _FORM or added != [*kept, fields.raw_get(0)] or len(fields) != 1 or set(fields[0]) - _FIELD:
        raise IntegrityError("more than a signature was added to its first page")
    field = fields[0]
    if field["/FT"] != "/Sig" or [int(end) for end in field["/Rect"]] != _OUTSIDE:
        raise IntegrityError("its signature is drawn over its pages")


def _find_first_page(reader: Any) -> Any:
    node = reader.root.raw_get("/Pages")
    while "/Kids" in node.get_object():
        node = node.get_object()["/Kids"].raw_get(0)
    return node.reference


def _write(dictionary: Any, *, except_: Iterable[str]) -> bytes:
    from pyhanko.pdf_utils.generic import DictionaryObject

    new_dictionary: Any = DictionaryObject  # untyped in pyHanko
    kept = new_dictionary({key: dictionary.raw_get(key) for key in sorted(dictionary) if key not in except_})
    out = BytesIO()
    kept.write_to_stream(out, None)
    return out.getvalue()
