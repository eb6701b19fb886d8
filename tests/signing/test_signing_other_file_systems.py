"""File systems that can less than a disk: mounts that refuse permissions, flushing or renaming; mount points."""

import errno
import os
from pathlib import Path

import pytest

from tests.signing.test_signing_bundle import SMALL, look
from unlearn_audit.errors import ReportError
from unlearn_audit.pki.laboratory_ca import make_test_key
from unlearn_audit.signing.bundle import write_bundle
from unlearn_audit.verification.integrity import check_bundle
from unlearn_audit.writing import move_file, replace_file, write_whole

FILES = {**SMALL, "evidence.parquet": b"e"}


def refuse(code):
    def fail(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    return fail


def mount(monkeypatch, *, chmod=None, rename=None, fsync=None):
    for owner, names, code in (
        (Path, ("chmod",), chmod),
        (os, ("chmod", "fchmod", "utime"), chmod),
        (Path, ("rename", "replace"), rename),
        (os, ("fsync",), fsync),
    ):
        for name in names if code else ():
            monkeypatch.setattr(owner, name, refuse(code))


KINDS = {
    "no chmod": {"chmod": errno.EPERM},
    "no fsync": {"fsync": errno.EINVAL},
    "no fsync at all": {"fsync": errno.ENOSYS},
    "no rename": {"rename": errno.ENOSYS},
    "no rename, as a right": {"rename": errno.EPERM},
    "a mount point": {"rename": errno.EBUSY},
    "across mounts": {"rename": errno.EXDEV},
    "none of them": {"chmod": errno.EPERM, "fsync": errno.ENOTSUP, "rename": errno.ENOTSUP},
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def poor(request, monkeypatch):
    """Return what makes the file system poor from then on."""
    return lambda: mount(monkeypatch, **request.param)


def test_a_bundle_is_written_whole_and_verifies(poor, tmp_path, record, key):
    poor()
    out = write_bundle(tmp_path / "out", FILES, record, key)

    assert check_bundle(out).record == record
    assert [out] == list(tmp_path.iterdir())
    assert out.stat().st_mode & 0o777 == 0o700
    assert (out / "evidence.parquet").stat().st_mode & 0o777 == 0o600


def test_an_earlier_bundle_is_replaced_whole(poor, tmp_path, record, key):
    out = write_bundle(tmp_path / "out", {**FILES, "old.txt": b"old"}, record, key)
    poor()
    write_bundle(out, FILES, record, key, force=True)

    assert check_bundle(out).record == record
    assert "old.txt" not in look(out)
    assert [out] == list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["attestation.dsse.json", "record.json"])
def test_a_copy_that_breaks_off_leaves_the_earlier_bundle(tmp_path, record, key, monkeypatch, place):
    out = write_bundle(tmp_path / "out", FILES, record, key)
    before, real = look(out), os.open
    mount(monkeypatch, rename=errno.ENOSYS)

    def break_off(path, *arguments, **named):
        if Path(path).name == place and Path(path).parent == out:
            monkeypatch.setattr(os, "open", real)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, "open", break_off)
    with pytest.raises(ReportError, match="full"):
        write_bundle(out, FILES, record, key, force=True)

    assert before == look(out)
    assert [out] == list(tmp_path.iterdir())


def test_a_failure_that_is_none_of_the_file_systems_kind_is_not_copied_around(tmp_path, record, key, monkeypatch):
    mount(monkeypatch, rename=errno.EIO)
    with pytest.raises(ReportError, match="cannot be written"):
        write_bundle(tmp_path / "out", FILES, record, key)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_leaves_no_room_for_a_longer_one_is_written(tmp_path, record, key):
    out = write_bundle(tmp_path / ("\u00e4" * 127), FILES, record, key)
    assert check_bundle(out).record == record


def test_single_files_are_written_and_replaced(poor, tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    poor()
    write_whole(tmp_path / "a", b"new")
    replace_file(tmp_path / "b", b"b")

    assert look(tmp_path) == {"a": b"new", "b": b"b"}


def test_a_file_that_is_moved_is_gone_from_where_it_was(poor, tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    poor()
    move_file(tmp_path / "a", tmp_path / "b")

    assert look(tmp_path) == {"b": b"a"}


def test_a_test_key_is_made_and_found_again(poor, tmp_path):
    poor()
    first = make_test_key(tmp_path / "test-key")

    assert make_test_key(tmp_path / "test-key").certificate == first.certificate
