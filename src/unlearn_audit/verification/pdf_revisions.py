"""Revisions of a signed PDF: each must add a signature and nothing that a reader would see.

`signed.startswith(rendered)` alone does not say: a PDF is read from its end, and whoever signs could first append
other pages. The same is asked of every signature and time stamp that comes after the first.
"""

from collections.abc import Iterable, Sequence
from io import BytesIO
from itertools import pairwise
from typing import Any

from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.offline import defer_network_client
from unlearn_audit.verification.pdf_metadata import compare_metadata

_ROOT = frozenset({"/AcroForm", "/Extensions", "/Version", "/DSS"})
_CERTIFIED = frozenset({"/Perms"})
_PAGE = frozenset({"/Annots"})
_FORM = frozenset({"/Fields", "/SigFlags"})
_FIELD = frozenset({"/FT", "/T", "/Type", "/Subtype", "/F", "/Rect", "/P", "/TU", "/V"})
_PROOF = frozenset({"/Type", "/Certs", "/CRLs", "/OCSPs"})
_OUTSIDE = [-9999, -9999, -9999, -9999]
_NEW = 3  # the field, the signature, the cross-references


def examine_addition(signed: bytes, rendered: bytes) -> None:
    """Check that `signed` is `rendered` and invisible signatures, and shows the same.

    Raises:
        IntegrityError: says what else was added.
    """
    if not signed.startswith(rendered):
        raise IntegrityError("its pages are not what the record gives")
    try:
        last = read_pdf(signed)
        stages = [read_pdf(rendered), *(read_pdf(signed[:end]) for end in find_ends(last)[:-1]), last]
    except Exception as error:  # a parser fed with hostile bytes may fail in any way, and each way is a refusal
        raise IntegrityError(f"what was added to it cannot be read ({type(error).__name__})") from error
    examine_stages(stages)


def read_pdf(content: bytes) -> Any:
    """Return pyHanko's reader of a PDF; it parses each object once, when it is first asked for."""
    with defer_network_client():
        from pyhanko.pdf_utils.reader import PdfFileReader
        from pyhanko.sign import validation as _  # noqa: F401 - the reader imports it for the signatures

    return PdfFileReader(BytesIO(content), strict=True)


def find_ends(reader: Any) -> list[int]:
    """Return where each signature and time stamp of a PDF says that what it covers ends, in rising order."""
    ranges = [signature.byte_range for signature in reader.embedded_signatures]
    return sorted({int(covered[2]) + int(covered[3]) for covered in ranges})


def examine_stages(stages: Sequence[Any]) -> None:
    """Check that each of `stages` (readers) adds one invisible signature or time stamp to the one before, and no more.

    Raises:
        IntegrityError: says what else was added.
    """
    for older, newer in pairwise(stages):
        try:
            _compare(newer, older)
        except IntegrityError:
            raise
        except Exception as error:  # as above
            raise IntegrityError(f"what was added to it cannot be read ({type(error).__name__})") from error


def _compare(new: Any, old: Any) -> None:
    last = old.xrefs.total_revisions
    if new.xrefs.total_revisions != last + 1:
        raise IntegrityError("it was changed more than once after it was rendered")
    known = _compare_places(new, old)
    touched = new.xrefs.explicit_refs_in_revision(last) | new.xrefs.refs_freed_in_revision(last)
    root, page = old.root_ref, _find_first_page(old)
    allowed = {root, page, old.trailer.raw_get("/Info").reference, old.root.raw_get("/Metadata").reference}
    form, proof = _list_references(old.root, "/AcroForm"), _list_proof(new.root)
    added = touched - known
    if new.root_ref != root or not touched & known <= allowed | form | _list_proof(old.root):
        raise IntegrityError("more than a signature was added to it")
    if len(added - proof) != (_NEW if form else _NEW + 1):
        raise IntegrityError("more than a signature was added to it")
    free = _ROOT if form else _ROOT | _CERTIFIED
    if _write(new.root, except_=free) != _write(old.root, except_=free):
        raise IntegrityError("its catalogue was changed when it was signed")
    _compare_first_page(new, old, page)
    if new.root["/Metadata"].get("/Subtype") != "/XML":
        raise IntegrityError("its metadata was replaced by something else when it was signed")
    compare_metadata(new, old)


def _compare_places(new: Any, old: Any) -> set[Any]:
    """The older objects must be the older ones, byte for byte at the same place; return all of them."""
    known: set[Any] = set()
    for revision in range(old.xrefs.total_revisions):
        found = old.xrefs.explicit_refs_in_revision(revision)
        known |= found
        for ref in found:
            if new.xrefs.get_historical_ref(ref, revision) != old.xrefs.get_historical_ref(ref, revision):
                raise IntegrityError("its table of objects was changed when it was signed")
    return known


def _compare_first_page(new: Any, old: Any, page: Any) -> None:
    now, then = new.get_object(page), old.get_object(page)
    if _write(now, except_=_PAGE) != _write(then, except_=_PAGE):
        raise IntegrityError("its first page was changed when it was signed")
    form, fields = new.root["/AcroForm"], new.root["/AcroForm"]["/Fields"]
    older = old.root["/AcroForm"]["/Fields"] if "/AcroForm" in old.root else []
    same = _list_raw(fields)[:-1] == _list_raw(older)
    added = _list_raw(now["/Annots"]) == [*_list_raw(then.get("/Annots", [])), *_list_raw(fields)[-1:]]
    field = fields[len(fields) - 1]
    if set(form) - _FORM or not same or not added or set(field) - _FIELD:
        raise IntegrityError("more than a signature was added to its first page")
    if field["/FT"] != "/Sig" or [int(end) for end in field["/Rect"]] != _OUTSIDE:
        raise IntegrityError("its signature is drawn over its pages")


def _list_raw(array: Any) -> list[Any]:
    return [array.raw_get(place) for place in range(len(array))]


def _list_references(dictionary: Any, key: str) -> set[Any]:
    """Return the reference that stands under `key`, as a set of one, or of none."""
    if key not in dictionary:
        return set()
    found = dictionary.raw_get(key)
    return {found.reference} if hasattr(found, "reference") else {None}


def _list_proof(root: Any) -> set[Any]:
    """Return all objects of a document security store: certificates, revocation lists, OCSP answers and no more."""
    from pyhanko.pdf_utils.generic import StreamObject

    if "/DSS" not in root:
        return set()
    store = root["/DSS"]
    if set(store) - _PROOF:
        raise IntegrityError("its store of proof holds more than certificates, revocation lists and OCSP answers")
    found = _list_references(root, "/DSS")
    for key in sorted(set(store) - {"/Type"}):
        found |= _list_references(store, key)
        for raw in _list_raw(store[key]):
            if not isinstance(raw.get_object(), StreamObject):
                raise IntegrityError("its store of proof holds something that is none of these")
            found.add(raw.reference)
    return found - {None}


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
