"""Writes a bundle: a folder of files that names and signs all of itself, there as a whole or not at all."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from unlearn_audit.bundle.attestation import make_statement
from unlearn_audit.bundle.countersignatures import is_countersignature, list_responsible
from unlearn_audit.bundle.envelope import sign_envelope
from unlearn_audit.bundle.layout import (
    ANNEX,
    ATTESTATION,
    CHAIN,
    EVIDENCE,
    PDF,
    RECORD,
    STAMP,
    SUMMARY_PDF,
    is_safe_name,
)
from unlearn_audit.errors import ReportError
from unlearn_audit.pki.keys import SigningKey, describe_signer
from unlearn_audit.pki.time_stamp_client import Signing
from unlearn_audit.records import AuditRecord
from unlearn_audit.signing.pades import Purpose, sign_pdf
from unlearn_audit.writing import NO_RENAMING, flush_file

_MADE_HERE = (CHAIN, ATTESTATION, STAMP)
_PERSONAL = frozenset({EVIDENCE, ANNEX})
_BLOCK = 1 << 20
_LONGEST_NAME = 48
"""Characters of a name that stand in another one, in any script: file systems take 255 bytes."""


def write_bundle(
    out: Path, files: Mapping[str, bytes | Path], record: AuditRecord, key: SigningKey, *, force: bool = False,
    signing: Signing | None = None,
) -> Path:  # fmt: skip
    """Write a signed bundle to `out` and return it.

    `files` maps names inside the bundle to contents, or to paths that are copied: report.html, report.pdf and where
    asked for summary.pdf (not yet signed), evidence.parquet, policy.yaml, models/*.safetensors. Added here:
    record.json, the signature of each of those PDFs, signer-chain.pem, attestation.dsse.json over all of them and, from
    level B-T on, attestation.tst over that one. All is written beside `out` and renamed into place; `signing` says at
    which level, B-B if it is not given.
    The folder is for its owner alone (0700), and so are evidence and annex (0600), which are personal data.
    `force` replaces an earlier bundle, which is moved aside and removed only when the new one is in place.

    Raises:
        ReportError: `out` holds something; a name leaves the folder; the record names another signer or level; the
            disk is full or refuses.
        TimeStampError: the time-stamp authority cannot be used.
        KeyFileError: the PDF cannot be signed at this level.

    Whatever is raised, nothing is left behind, and what was there before still is.
    """
    how = signing or Signing()
    _validate_contents(files, record, key, how)
    out = out.absolute()
    validate_output_folder(out, force=force)
    stage: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        stage = make_beside(out, "part")
        _fill(stage, files, record, key, how)
        put_in_place(stage, out)
    except OSError as error:
        raise _explain(out, error) from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)
    return out


def _validate_contents(files: Mapping[str, bytes | Path], record: AuditRecord, key: SigningKey, how: Signing) -> None:
    for name in files:
        if not is_safe_name(name) or name in _MADE_HERE or is_countersignature(name):
            raise ReportError(f"a bundle cannot hold a file called {name[:80]!r}")
    folded = [name.casefold() for name in files]
    if len(set(folded)) < len(folded):
        raise ReportError("two files of the bundle differ only in upper and lower case")
    if RECORD in files and files[RECORD] != record.to_bytes():
        raise ReportError("the record.json that was given is not the record that is signed")
    named, signs = record.provenance.signer, describe_signer(key.certificate, how.level)
    if named and named.level != signs.level:
        raise ReportError(f"the record promises signatures at level {named.level}, asked for {signs.level}")
    if named != signs:
        raise ReportError(
            f"the record names the signer {named.subject if named else 'nobody'}, the key belongs to {signs.subject}",
            hint="collect or render with the key that signs, so that the pages and the signature say the same",
        )


def validate_output_folder(out: Path, *, force: bool) -> None:
    """Refuse an `out` that `write_bundle` would refuse; asked before the work is done rather than after.

    Raises:
        ReportError: `out` is no folder, holds something and `force` is not given, holds no earlier bundle, or cannot be
            written.
    """
    out = out.absolute()
    try:
        _validate_contents_of(out, force=force)
        _try_to_write(out)
    except OSError as error:
        raise _explain(out, error) from error


def _try_to_write(out: Path) -> None:
    """Make `out` and something beside it, where the report is put together, and take both away again."""
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        make_beside(out, "part").rmdir()
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def make_beside(out: Path, purpose: str) -> Path:
    """Make a folder for the owner alone beside `out`, whose name is short enough where that of `out` is long."""
    return Path(tempfile.mkdtemp(prefix=f".{out.name[:_LONGEST_NAME]}.{purpose}-", dir=out.parent))


def _validate_contents_of(out: Path, *, force: bool) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ReportError(f"{out} exists and is not a folder", hint="choose another --out")
    if not out.exists() or not any(out.iterdir()):
        return
    if not force:
        raise ReportError(f"{out} is not empty", hint="choose another --out, or replace it with --force")
    if not (out / RECORD).is_file() or not (out / ATTESTATION).is_file():
        raise ReportError(f"{out} holds files but no earlier bundle: it is not replaced", hint="choose another --out")


def _fill(
    stage: Path, files: Mapping[str, bytes | Path], record: AuditRecord, key: SigningKey, how: Signing
) -> None:  # fmt: skip
    contents: dict[str, bytes | Path] = {**files, RECORD: record.to_bytes(), CHAIN: key.chain_pem()}
    # whoever countersigns adds a signature to the report; to the summary none is ever added
    report = Purpose(others_follow=any(p.countersigns for p in list_responsible(record)))
    for name, purpose in ((PDF, report), (SUMMARY_PDF, Purpose(title="Digital signature of the audit summary"))):
        if name in contents:
            pdf = contents[name]
            contents[name] = sign_pdf(pdf.read_bytes() if isinstance(pdf, Path) else pdf, key, how, purpose)
    digests = {
        name: _write_file(stage / PurePosixPath(name), content, 0o600 if name in _PERSONAL else 0o666)
        for name, content in contents.items()
    }  # the folder is 0700 as mkdtemp made it: who passes a report on decides to whom
    for card in record.provenance.models:
        if card.file in digests and digests[card.file] != card.sha256:
            raise ReportError(f"{card.file} is not the model whose digest the record names: a verifier would refuse it")
    write_signed(stage / ATTESTATION, make_statement(digests, record), key, how)


def write_signed(path: Path, statement: bytes, key: SigningKey, how: Signing) -> None:
    """Write the envelope of `statement` to `path`, and where the level has time stamps one over it beside it."""
    envelope = sign_envelope(statement, key)
    _write_file(path, envelope)
    if (token := how.stamp(envelope)) is not None:
        _write_file(path.with_name(path.name.removesuffix(".dsse.json") + ".tst"), token)


def _write_file(path: Path, content: bytes | Path, mode: int = 0o666) -> str:
    """Write or copy one file through to the disk; return its SHA-256 as written.

    It has its `mode`, less what this user takes away, from its beginning: some mounts refuse to change one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sha = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as target:
        if isinstance(content, bytes):
            target.write(content)
            sha.update(content)
        else:
            with content.open("rb") as source:
                while block := source.read(_BLOCK):
                    target.write(block)
                    sha.update(block)
        target.flush()
        flush_file(target.fileno())
    return sha.hexdigest()


def put_in_place(stage: Path, out: Path) -> None:
    """Move `stage` to `out`; an earlier bundle steps aside first and comes back if that fails."""
    aside: Path | None = None
    if out.exists() and any(out.iterdir()):
        aside = make_beside(out, "old")
        try:
            _move_folder(out, aside)
        except OSError:
            with suppress(OSError):
                aside.rmdir()
            raise
    try:
        _move_folder(stage, out)
    except BaseException:  # an interrupt too must not leave `out` without the earlier bundle
        if aside is not None and not (out.exists() and any(out.iterdir())):
            _move_folder(aside, out)
        raise
    _flush_folder(out.parent)
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)


def _move_folder(source: Path, target: Path) -> None:
    """Rename `source` to `target`, which is empty or not there; file by file where that cannot be done.

    A copy that fails is taken away again.
    """
    try:
        source.rename(target)
    except OSError as error:
        if error.errno not in NO_RENAMING:
            raise
        try:
            copy_folder(source, target)
        except BaseException:
            _empty(target)
            raise
        _empty(source)


def copy_folder(source: Path, target: Path) -> None:
    """Copy every file of a bundle with its permissions; the attestation last: without it nothing is a bundle."""
    target.mkdir(mode=0o700, exist_ok=True)
    files = [path for path in source.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: (path.name == ATTESTATION, path)):
        _write_file(target / path.relative_to(source), path, path.stat().st_mode & 0o777)


def _empty(folder: Path) -> None:
    """Take away what lies in `folder`, and the folder itself where it can go (a mount point stays)."""
    shutil.rmtree(folder, ignore_errors=True)


def _flush_folder(folder: Path) -> None:
    """Ask for the renames to reach the disk; not every file system allows it for folders."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _explain(out: Path, error: OSError) -> ReportError:
    if error.errno == errno.ENOSPC:
        return ReportError(
            f"the disk of {out.parent} is full: no bundle was written", hint="free some space, run again"
        )
    return ReportError(
        f"the bundle {out} cannot be written: {error.strerror} ({error.filename or out})",
        hint="choose an --out that can be written, in a folder that can be written as well",
    )
