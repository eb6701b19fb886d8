"""Metadata of a PDF: title, author, version. A signer may add when and with what, and no more."""

import re
from typing import Any
from xml.etree import ElementTree as ET

from unlearn_audit.errors import IntegrityError

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_META = "{adobe:ns:meta/}xmpmeta"
_BY_SIGNING = {
    "{http://ns.adobe.com/pdf/1.3/}Producer",
    "{http://ns.adobe.com/xap/1.0/}ModifyDate",
    "{http://ns.adobe.com/xap/1.0/}MetadataDate",
}
_FREE = ("/Producer", "/ModDate")
_VERSIONS = ("/1.7", "/2.0")
_EXTENSION = {"/Type", "/BaseVersion", "/ExtensionLevel", "/ExtensionRevision", "/URL"}
_LARGEST = 1 << 20
_PRODUCER = re.compile(r"(; )?pyHanko [0-9A-Za-z.+]{1,40}")


def compare_metadata(new: Any, old: Any) -> None:
    """Check that a revision says the same of itself as the one before, in both places where a PDF says it.

    Args:
        new: pyHanko's reader of the later revision.
        old: of the one before.

    Raises:
        IntegrityError: title, author or another property was changed, or its version is none.
    """
    _compare_information(new, old)
    if _read_properties(new) != _read_properties(old):
        raise IntegrityError("its title, author or other metadata was changed when it was signed")
    version = new.root.get("/Version", old.root.get("/Version"))
    if version is not None and str(version) not in _VERSIONS and version != old.root.get("/Version"):
        raise IntegrityError("its version was changed to one that there is not when it was signed")
    extensions = new.root.get("/Extensions", {})
    for key in extensions:
        _validate_extension(key, extensions[key])


def _compare_information(new: Any, old: Any) -> None:
    if new.trailer.raw_get("/Info").reference != old.trailer.raw_get("/Info").reference:
        raise IntegrityError("its information was replaced when it was signed")
    now, then = new.trailer["/Info"], old.trailer["/Info"]
    after, before = ({key: str(info[key]) for key in info if key not in _FREE} for info in (now, then))
    producers = [str(info.get("/Producer", "")) for info in (now, then)]
    added = producers[0].removeprefix(producers[1])
    kept = producers[0].startswith(producers[1]) and (not added or _PRODUCER.fullmatch(added))
    if after != before or not kept:
        raise IntegrityError("its title, author or other information was changed when it was signed")


def _read_properties(reader: Any) -> dict[str, list[str]]:
    """Return every property of the XMP metadata with all text in it, however it is nested."""
    content = bytes(reader.root["/Metadata"].data)
    if len(content) > _LARGEST or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise IntegrityError("its metadata is too large, or is no plain XMP")
    tree = ET.fromstring(content.strip(b"\0"))  # noqa: S314 - without a document type nothing is expanded
    (packet,) = tree
    if (tree.tag, packet.tag) != (_META, f"{_RDF}RDF"):
        raise IntegrityError("its metadata is no plain XMP")
    found: dict[str, list[str]] = {}
    for description in packet:
        if description.tag != f"{_RDF}Description" or (description.text or "").strip():
            raise IntegrityError("its metadata is no plain XMP")
        for name, value in description.attrib.items():
            if name != f"{_RDF}about":
                found.setdefault(name, []).append(value)
        for part in description:
            found.setdefault(part.tag, []).extend(_list_text(part))
    return {name: sorted(values) for name, values in found.items() if name not in _BY_SIGNING}


def _list_text(element: ET.Element) -> list[str]:
    texts = [text.strip() for text in element.itertext()]
    values = [value for part in element.iter() for name, value in part.attrib.items() if name != f"{_RDF}parseType"]
    return [text for text in (*texts, *values) if text]


def _validate_extension(name: str, extension: Any) -> None:
    """A developer extension is a version and a level; a reader runs nothing that stands in one."""
    listed = extension if isinstance(extension, list) else [extension]
    if not re.fullmatch(r"/[A-Z_]{4}", name) or any(not set(item) <= _EXTENSION for item in listed):
        raise IntegrityError("more than a signature was added to its extensions")
