"""Files without a signature of their own: what can be checked of a page, a folder of pages, an archive."""

from pathlib import Path

from unlearn_audit.bundle.layout import ATTESTATION, CHAIN, HTML, PDF, RECORD
from unlearn_audit.errors import UsageError
from unlearn_audit.verification.answers import State, Verification, VerificationCheck

_PAGE = (b"<!doctype html", b"<html")
_ARCHIVES = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z", b"BZh": "bzip2"}
_USTAR = 257


def read_start(path: Path) -> bytes:
    """Return the first bytes of a file, by which its kind is told.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(512)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def is_page(start: bytes) -> bool:
    """Return whether a file that begins so is an HTML page."""
    return start.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(_PAGE)


def validate_no_archive(path: Path, start: bytes) -> None:
    """Refuse an archive, which holds a bundle and is none.

    Raises:
        UsageError: it is one.
    """
    kind = next((name for magic, name in _ARCHIVES.items() if start.startswith(magic)), None)
    if kind is None and start[_USTAR : _USTAR + 5] == b"ustar":
        kind = "tar"
    if kind is not None:
        raise UsageError(f"{path} is an archive ({kind}): a bundle is verified as a folder", hint="unpack it first")


def describe_page(path: Path) -> Verification:
    """Return that a page proves nothing by itself, and what to hold it against."""
    beside = path.parent / PDF
    how = f"--pdf {beside}" if beside.is_file() else "--pdf REPORT.pdf"
    text = (
        "An HTML page carries no signature: nothing shows whether it is genuine. Compare it with the signed PDF that "
        f"came with it ({how}), or verify the folder of the whole report."
    )
    return _answer(text)


def describe_folder(path: Path) -> Verification | None:
    """Return what a folder without any signature of a bundle can be asked for, None where it is a bundle."""
    if any((path / name).exists() or (path / name).is_symlink() for name in (RECORD, ATTESTATION, CHAIN)):
        return None
    pages = [name for name in (PDF, HTML) if (path / name).is_file()]
    if not pages:
        return None
    steps = {PDF: f"{path / PDF} alone", HTML: f"{path / HTML} with --pdf {path / PDF}"}
    return _answer(
        f"This folder holds pages of a report ({', '.join(pages)}) and none of its signatures over all files. Verify "
        f"{', and '.join(steps[name] for name in pages)}; or ask for the whole folder."
    )


def _answer(sentence: str) -> Verification:
    return Verification((VerificationCheck("integrity", State.ABSENT, sentence, asked=True),), None)
