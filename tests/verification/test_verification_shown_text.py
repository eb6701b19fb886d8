"""What others wrote is shown as it is: it ends no line, moves no cursor, hides nothing, and says no verdict."""

import json
import unicodedata
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pipeline_records import HOSTILE
from tests.support.proofs import make_small_record, write_small_bundle
from unlearn_audit.cli import run_guarded
from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.escaping import show_lines, show_text
from unlearn_audit.verification.verification import State, verify

SCREEN = "\x1b[2J\x1b[H" + "\r\n".join(["authenticity     OK             Signed by a friend."] * 3) + "\x1b[8m"


@given(st.text())
def test_shown_text_is_one_line_of_characters_that_can_be_seen(text):
    shown = show_text(text)
    assert len(shown.splitlines()) <= 1
    assert all(unicodedata.category(c) not in {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"} for c in shown)
    assert not {"\u202e", "\u2066", "\ufeff", "\u200b"} & set(shown)
    assert show_text(shown) == shown


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_what_can_be_seen_is_kept(text):
    assert show_text(text) == unicodedata.normalize("NFC", text)


@given(st.text(), st.integers(1, 50))
def test_shown_text_is_no_longer_than_asked_for(text, longest):
    assert len(show_text(text, longest)) <= longest


@given(st.lists(st.sampled_from(["::error::x", "  ::stop-commands::y", "##[error]z", "plain", ""])))
def test_no_line_of_a_message_is_a_command_of_a_pipeline(lines):
    shown = show_lines("\n".join(lines))
    assert all(not line.strip().startswith(("::", "##[")) for line in shown.split("\n"))
    assert len(shown.split("\n")) == max(1, len(lines))


def test_escapes_tell_what_was_there():
    assert show_text("a\nb\r\tc\x1b[2K\x9b\u202e\u2028") == r"a\nb\r\tc\x1b[2K\x9b\u202e\u2028"
    assert (
        show_text("Zoë, 中文, \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")
        == "Zoë, 中文, \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    )


@pytest.fixture
def roots(laboratory):
    return (laboratory["root_certificate"],)


@pytest.fixture
def hostile(trial_key, tmp_path):
    """A stranger's passing report, whose texts play a terminal."""
    record = make_small_record(trial_key)
    provenance = record.provenance.model_copy(update={"created": f"2026-04-23T10:00:00Z{SCREEN}"})
    return write_small_bundle(tmp_path / "b", record.model_copy(update={"provenance": provenance}), trial_key)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_bundle_cannot_write_on_the_screen_of_whoever_verifies_it(hostile, lab, test_folder, capsys, trusted):
    root = test_folder / "root.crt.pem" if trusted else lab.roots[0]
    run_guarded(["verify", str(hostile), "--trust", str(root)])
    captured = capsys.readouterr()
    names = [line.split("  ")[0] for line in captured.out.splitlines()]
    assert names == list(dict.fromkeys(names))
    assert not {"\x1b", "\r", "\x9b"} & set(captured.out + captured.err)
    assert r"\x1b[2J" in captured.out


@pytest.mark.parametrize("trusted", [True, False])
def test_json_says_pass_where_the_exit_code_is_0_and_nowhere_else(lab, tmp_path, capsys, trusted):
    folder = write_small_bundle(tmp_path / "b", make_small_record(lab.key), lab.key)
    arguments = ["verify", str(folder), "--json"] + (["--trust", str(lab.roots[0])] if trusted else [])
    code = run_guarded(arguments)
    text = capsys.readouterr().out
    assert ("pass" in text.lower(), json.loads(text)["exit_code"]) == (trusted, code)
    assert json.loads(text)["outcome"] == ("pass" if trusted else "untrusted")
    assert code == (ExitCode.PASS if trusted else ExitCode.INTEGRITY)


def test_json_of_an_incomplete_or_invalid_report_says_so(lab, tmp_path, capsys):
    folder = write_small_bundle(tmp_path / "b", make_small_record(lab.key), lab.key)
    arguments = ["verify", str(folder), "--json", "--trust", str(lab.roots[0])]
    assert run_guarded([*arguments, "--require-timestamp"]) == ExitCode.INCOMPLETE
    text = capsys.readouterr().out
    assert (json.loads(text)["outcome"], "pass" in text.lower()) == ("incomplete", False)
    (folder / "policy.yaml").write_bytes(b"x")
    assert run_guarded(arguments) == ExitCode.INTEGRITY
    assert json.loads(capsys.readouterr().out)["outcome"] == "invalid"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_an_error_shows_the_words_of_a_file_and_obeys_none(text, tmp_path, capsys):
    policy = tmp_path / "policy.yaml"
    policy.write_text(json.dumps({"schema": "unlearn-audit/policy/v1", "id": text, text: text}))
    assert run_guarded(["policy", "check", str(policy)]) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert not {"\x1b", "\r", "\x9b", "\x08", "\u202e"} & set(captured.out + captured.err)
    assert all(not line.strip().startswith(("::", "##[")) for line in (captured.out + captured.err).splitlines())


def test_a_genuine_page_is_never_called_invalid_and_can_be_compared_with_its_pdf(signed, tmp_path, roots, capsys):
    page = signed / "report.html"
    alone = verify(page, roots)
    assert (alone.find("integrity").state, alone.exit_code) == (State.ABSENT, ExitCode.INCOMPLETE)
    assert "--pdf" in alone.find("integrity").sentence
    compare = ["verify", "--pdf", str(signed / "report.pdf"), "--trust", str(roots[0])]
    assert run_guarded([*compare, str(page)]) == ExitCode.FAIL
    forged = tmp_path / "report.html"
    forged.write_bytes(page.read_bytes().replace(b"FAIL", b"PASS"))
    assert run_guarded([*compare, str(forged)]) == ExitCode.INTEGRITY
    assert run_guarded([*compare, str(signed / "report.pdf")]) == ExitCode.USAGE
    capsys.readouterr()


def test_a_folder_of_pages_alone_is_told_from_a_broken_bundle(signed, tmp_path, roots):
    mail = tmp_path / "mail"
    mail.mkdir()
    for name in ("report.pdf", "report.html"):
        (mail / name).write_bytes((signed / name).read_bytes())
    verification = verify(mail, roots)
    assert (verification.find("integrity").state, verification.exit_code) == (State.ABSENT, ExitCode.INCOMPLETE)
    (mail / "record.json").write_bytes(b"{}")
    assert verify(mail, roots).find("integrity").state is State.INVALID


def test_an_archive_is_to_be_unpacked_first(tmp_path, roots):
    place = tmp_path / "bundle.zip"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("record.json", "{}")
    with pytest.raises(UsageError, match="is an archive"):
        verify(place, roots)
    import tarfile

    with tarfile.open(tmp_path / "bundle.tar", "w") as archive:
        archive.add(place, "x")
    with pytest.raises(UsageError, match="is an archive"):
        verify(tmp_path / "bundle.tar", roots)


def test_links_and_the_line_ends_of_git_have_sentences_of_their_own(lab, tmp_path):
    import shutil

    folder = write_small_bundle(tmp_path / "b", make_small_record(lab.key), lab.key)
    (tmp_path / "linked").mkdir()
    for path in folder.iterdir():
        (tmp_path / "linked" / path.name).symlink_to(path)
    assert "symbolic link" in verify(tmp_path / "linked", lab.roots).find("integrity").sentence
    (tmp_path / "whole").symlink_to(folder)
    assert verify(tmp_path / "whole", lab.roots).exit_code is ExitCode.PASS
    crlf = shutil.copytree(folder, tmp_path / "crlf")
    chain = crlf / "signer-chain.pem"
    chain.write_bytes(chain.read_bytes().replace(b"\n", b"\r\n"))
    line = verify(crlf, lab.roots).find("integrity")
    assert (line.state, "core.autocrlf" in line.sentence) == (State.INVALID, True)
