"""Programs are code: they run where somebody allows it, apart from everything else, and the report says so."""

import http.server
import json
import os
import threading
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn

from unlearn_audit.errors import CaseError
from unlearn_audit.models import load_external
from unlearn_audit.models.programs import Program


def export(path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batch = torch.export.Dim("batch", min=2, max=4096)
        given = (torch.zeros(8, 3),)
        torch.export.save(torch.export.export(nn.Linear(3, 2).eval(), given, dynamic_shapes=({0: batch},)), path)
    return path


def infect(source: Path, code: str, place: str) -> Path:
    """Put Python into an exported program where torch evaluates text: no pickle is needed."""
    out = source.with_name(f"{place}.pt2")
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
        for item in old.infolist():
            content = old.read(item)
            if item.filename.endswith("model.json"):
                text = content.decode()
                if place == "guards":
                    tree = json.loads(text)
                    tree["guards_code"] = [f"{code} is None"]
                    text = json.dumps(tree)
                else:
                    found = json.dumps(next(part.split('"')[0] for part in text.split('"expr_str": "')[1:]))[1:-1]
                    text = text.replace(f'"expr_str": "{found}"', f'"expr_str": "{code} or {found}"', 1)
                content = text.encode()
            new.writestr(item.filename, content)
    return out


class _Writes(nn.Module):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, self.path)
        return x


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return export(tmp_path_factory.mktemp("programs") / "good.pt2")


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("scripts") / "good.ts"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(nn.Linear(3, 2)).save(str(path))
    return path


def test_code_is_refused_unless_it_is_allowed_and_the_refusal_names_better_ways(exported, script, tmp_path):
    renamed = tmp_path / "weights.pth"
    renamed.write_bytes(script.read_bytes())
    for path in (exported, script, renamed):
        with pytest.raises(CaseError, match="code, which could do whatever you can") as caught:
            load_external(path, None)
        assert all(word in caught.value.hint for word in ("safetensors", "ONNX", "--allow-code"))


@pytest.mark.thorough
def test_what_a_program_answers_is_what_it_would_answer_here(exported, script):
    batch = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    here = torch.export.load(exported).module()(batch)
    assert torch.equal(load_external(exported, None, allow_code=True).ask(batch), here)
    there = load_external(script, None, allow_code=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert torch.equal(there.ask(batch), torch.jit.load(script)(batch))
    assert "--allow-code" in there.notes[0].text
    assert there.network is None


@pytest.mark.parametrize("place", ["guards", pytest.param("expressions", marks=pytest.mark.thorough)])
def test_code_that_is_not_allowed_never_runs_and_allowed_code_writes_no_file(exported, tmp_path, place):
    mark = tmp_path / "mark"
    code = f"__import__('os').system('echo ran > {mark}; echo ran > /tmp/{mark.parent.name}-{place}')"
    path = infect(exported, code, place)
    with pytest.raises(CaseError, match="code, which could do"):
        load_external(path, None)
    assert not mark.exists()
    with suppress(CaseError):  # the program may break; what counts is what it left behind
        load_external(path, None, allow_code=True)
    left = [file for file in (mark, Path(f"/tmp/{mark.parent.name}-{place}")) if file.exists()]  # noqa: S108
    assert all(file.stat().st_size == 0 for file in left)


def test_a_script_that_writes_a_file_cannot(tmp_path):
    path, mark = tmp_path / "writes.ts", tmp_path / "mark"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(_Writes(str(mark))).save(str(path))
    program = load_external(path, None, allow_code=True)
    with suppress(RuntimeError):  # torch may say so, or say nothing
        program.ask(torch.zeros(2, 3))
    assert not mark.exists() or not mark.stat().st_size


@pytest.mark.thorough
def test_a_program_reaches_no_network_where_the_system_offers_it(exported, tmp_path):
    requests = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/secret"
    path = infect(exported, f"__import__('urllib.request').request.urlopen('{url}', timeout=3)", "guards")
    try:
        note = load_external(path, None, allow_code=True).notes[0]
    except CaseError:
        note = Program(exported, "torch.export").note
    server.shutdown()
    server.server_close()
    if "code-without-network" not in {cause.code for cause in note.causes}:
        pytest.skip(f"this system cannot take the network away: {note}")
    assert requests == []


def test_a_program_sees_no_secret_of_this_process_and_ends_with_it(exported, monkeypatch):
    monkeypatch.setenv("UNLEARN_AUDIT_KEY_PASSPHRASE", "correct horse battery")
    program = Program(exported, "torch.export")
    environment = Path(f"/proc/{program._process.pid}/environ")
    if environment.exists():
        assert b"correct horse" not in environment.read_bytes()
    number = program._process.pid
    program.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_what_is_no_program_is_refused_with_what_the_reader_said(tmp_path):
    path = tmp_path / "broken.ts"
    path.write_bytes(b"nonsense")
    with pytest.raises(CaseError, match="not a readable program of TorchScript"):
        load_external(path, None, allow_code=True)
