import errno
import os
from pathlib import Path

import pytest

from tests.support.record_factory import make_record
from unlearn_audit.bundle.layout import is_safe_name
from unlearn_audit.errors import ReportError
from unlearn_audit.pki.keys import describe_signer
from unlearn_audit.signing import bundle as bundle_module
from unlearn_audit.signing.bundle import write_bundle

SMALL = {"report.html": b"<html>", "models/m.safetensors": b"m"}


def look(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def fail_with(code):
    def fail(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    return fail


def test_a_bundle_holds_what_was_given_and_what_signs_it(tmp_path, record, key):
    (tmp_path / "weights").write_bytes(b"w" * 3_000_000)
    out = write_bundle(tmp_path / "a" / "b", {**SMALL, "models/w.safetensors": tmp_path / "weights"}, record, key)
    made = {"record.json", "signer-chain.pem", "attestation.dsse.json"}
    assert {*SMALL, "models/w.safetensors"} | made == set(look(out))
    assert record.to_bytes() == (out / "record.json").read_bytes()
    assert (out / "models/w.safetensors").read_bytes() == b"w" * 3_000_000
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_folder_that_holds_something_is_refused(tmp_path, record, key):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ReportError, match="is not empty"):
        write_bundle(tmp_path / "out", SMALL, record, key)
    assert look(tmp_path / "out") == {"mine.txt": b"mine"}


def test_an_empty_folder_is_used(tmp_path, record, key):
    (tmp_path / "out").mkdir()
    assert "record.json" in look(write_bundle(tmp_path / "out", SMALL, record, key))


def test_force_replaces_an_earlier_bundle_as_a_whole(tmp_path, record, key):
    out = write_bundle(tmp_path / "out", {**SMALL, "old.txt": b"old"}, record, key)
    write_bundle(out, SMALL, record, key, force=True)
    assert "old.txt" not in look(out)
    assert [out] == list(tmp_path.iterdir())


def test_force_never_replaces_a_folder_that_is_no_bundle(tmp_path, record, key):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years")
    with pytest.raises(ReportError, match="no earlier bundle"):
        write_bundle(tmp_path / "home", SMALL, record, key, force=True)
    assert look(tmp_path / "home") == {"thesis.tex": b"years"}


def test_a_file_or_link_in_the_way_is_refused(tmp_path, record, key):
    (tmp_path / "file").write_text("x")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("file", "link"):
        with pytest.raises(ReportError, match="not a folder"):
            write_bundle(tmp_path / name, SMALL, record, key, force=True)


@pytest.mark.parametrize("force", [False, True])
def test_a_full_disk_leaves_everything_as_it_was(tmp_path, record, key, monkeypatch, force):
    out = tmp_path / "out"
    before = look(write_bundle(out, SMALL, record, key)) if force else {}
    monkeypatch.setattr(bundle_module.os, "fsync", fail_with(errno.ENOSPC))
    with pytest.raises(ReportError, match="full"):
        write_bundle(out, SMALL, record, key, force=force)
    assert before == (look(out) if out.exists() else {})
    assert ([out] if force else []) == list(tmp_path.iterdir())


def test_a_rename_that_fails_brings_the_old_bundle_back(tmp_path, record, key, monkeypatch):
    out = write_bundle(tmp_path / "out", SMALL, record, key)
    before, rename = look(out), Path.rename

    def refuse(self, target):
        if ".part-" in self.name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ReportError, match="cannot be written"):
        write_bundle(out, SMALL, record, key, force=True)
    assert before == look(out)
    assert [out] == list(tmp_path.iterdir())


def test_an_interrupt_between_the_renames_brings_the_old_bundle_back(tmp_path, record, key, monkeypatch):
    out = write_bundle(tmp_path / "out", SMALL, record, key)
    before, rename = look(out), Path.rename

    def interrupt(self, target):
        if ".part-" in self.name:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(out, SMALL, record, key, force=True)
    assert before == look(out)
    assert [out] == list(tmp_path.iterdir())


def test_a_parent_that_cannot_be_written_is_a_report_error(tmp_path, record, key):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ReportError, match="cannot be written"):
        write_bundle(tmp_path / "file" / "out", SMALL, record, key)


def test_a_source_that_is_missing_is_a_report_error_and_leaves_nothing(tmp_path, record, key):
    with pytest.raises(ReportError, match="cannot be written"):
        write_bundle(tmp_path / "out", {"evidence.parquet": tmp_path / "absent"}, record, key)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/x",
        "a//b",
        "a/../b",
        ".hidden",
        "a\\b",
        "C:x",
        "",
        "x.",
        "attestation.dsse.json",
        "signer-chain.pem",
        "a\nb",
    ],
)
def test_names_that_leave_the_folder_or_are_made_here_are_refused(tmp_path, record, key, name):
    with pytest.raises(ReportError):
        write_bundle(tmp_path / "out", {name: b""}, record, key)


def test_names_that_only_case_tells_apart_are_refused(tmp_path, record, key):
    with pytest.raises(ReportError, match="upper and lower"):
        write_bundle(tmp_path / "out", {"a.txt": b"", "A.txt": b""}, record, key)
    assert is_safe_name("models/remedied-salun-cra.safetensors")


def test_a_model_file_that_the_record_does_not_mean_is_refused_and_leaves_nothing(tmp_path, record, key):
    with pytest.raises(ReportError, match="not the model"):
        write_bundle(tmp_path / "out", {"models/unlearned.safetensors": b"another"}, record, key)
    assert list(tmp_path.iterdir()) == []


def test_another_record_or_another_signer_is_refused(tmp_path, record, key, trial_key):
    with pytest.raises(ReportError, match="not the record"):
        write_bundle(tmp_path / "out", {"record.json": b"{}"}, record, key)
    with pytest.raises(ReportError, match="the key belongs to"):
        write_bundle(tmp_path / "out", SMALL, record, trial_key)
    with pytest.raises(ReportError, match="nobody"):
        write_bundle(tmp_path / "out", SMALL, make_record(), key)
    assert write_bundle(tmp_path / "out", SMALL, make_record(describe_signer(trial_key.certificate)), trial_key)
