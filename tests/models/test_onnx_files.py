"""ONNX models whose weights lie in other files: every byte that decides an answer is in the digest."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
torch = pytest.importorskip("torch")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from unlearn_audit.errors import CaseError  # noqa: E402
from unlearn_audit.models import load_external  # noqa: E402
from unlearn_audit.models.onnx_files import list_data_files  # noqa: E402
from unlearn_audit.pipeline.external_models import validate_separate  # noqa: E402
from unlearn_audit.publishing.binding import bind, digest_files  # noqa: E402


def write(path, seed, *, bias=0.0, data="w.bin"):
    """Write a linear model; `data` names the file of its weights, None where they lie inside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = np.random.default_rng(seed).normal(size=(30, 2)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Add", ["h", "b"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 30])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.full(2, bias, np.float32), "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if data is None:
        onnx.save(model, str(path))
    else:
        (path.parent / data).unlink(missing_ok=True)
        onnx.save_model(model, str(path), save_as_external_data=True, location=data, size_threshold=0)
    return path


def test_the_digest_covers_the_weights_wherever_they_lie(tmp_path):
    one, other = (load_external(write(tmp_path / name / "model.onnx", seed), None) for seed, name in enumerate("ab"))

    assert one.parts["model.onnx"] == other.parts["model.onnx"]
    assert one.sha256 != other.sha256
    assert {entry.code for entry in one.intake} == {"program.parts"}


def test_the_digest_of_several_files_is_that_of_their_lines(tmp_path):
    model = load_external(write(tmp_path / "model.onnx", 1), None)
    lines = ""
    for name in ("model.onnx", "w.bin"):
        lines += f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}\n"

    assert model.sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_the_digest_does_not_hang_on_how_the_model_is_addressed(tmp_path, monkeypatch):
    path = write(tmp_path / "models" / "model.onnx", 1)
    monkeypatch.chdir(tmp_path)

    relative = load_external(Path("models/model.onnx"), None)

    assert relative.parts == load_external(path, None).parts
    assert relative.sha256 == load_external(path, None).sha256


def test_one_file_keeps_its_own_digest(tmp_path):
    path = write(tmp_path / "model.onnx", 1, data=None)

    assert load_external(path, None).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_external(path, None).parts == {}


@pytest.mark.parametrize(
    "location", ["../w.bin", "/etc/hostname", "sub/../../w.bin", "missing.bin", "*/_ORT_MEM_ADDR_/*"]
)
def test_weights_outside_of_the_models_folder_are_refused(tmp_path, location):
    path = write(tmp_path / "m" / "model.onnx", 1)
    model = onnx.load(str(path), load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    path.write_bytes(model.SerializeToString())
    (tmp_path / "w.bin").write_bytes(b"\0" * 240)

    with pytest.raises(CaseError, match="expected its weights inside it or in files of its own folder"):
        load_external(path, None)


def test_weights_behind_a_link_are_refused(tmp_path):
    path = write(tmp_path / "model.onnx", 1)
    (tmp_path / "w.bin").rename(tmp_path / "real.bin")
    (tmp_path / "w.bin").symlink_to(tmp_path / "real.bin")

    with pytest.raises(CaseError, match="is a link"):
        load_external(path, None)


def test_weights_of_subgraphs_and_functions_are_found(tmp_path):
    tensor = numpy_helper.from_array(np.zeros(2, np.float32), "c")
    inner = helper.make_graph([], "inner", [], [], [tensor])
    node = helper.make_node("If", ["p"], ["y"], then_branch=inner, else_branch=inner)
    constant = helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.zeros(3, np.float32), "k"))
    model = helper.make_model(helper.make_graph([node, constant], "outer", [], []))
    for place, found in enumerate([*(a.g.initializer[0] for a in node.attribute), constant.attribute[0].t]):
        del found, place
    for index, held in enumerate(_tensors(model.graph)):
        held.data_location = TensorProto.EXTERNAL
        held.ClearField("raw_data")
        entry = held.external_data.add()
        entry.key, entry.value = "location", f"part{index}.bin"
        (tmp_path / f"part{index}.bin").write_bytes(b"\0" * 12)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())

    assert [path.name for path in list_data_files(tmp_path / "model.onnx")] == ["part0.bin", "part1.bin", "part2.bin"]


def _tensors(graph):
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from attribute.g.initializer
            if attribute.HasField("t"):
                yield attribute.t


@pytest.mark.parametrize("content", [b"", b"ORTM" * 9, b"\xff" * 40, b"not a model at all"])
def test_bytes_that_are_no_model_are_refused(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(CaseError, match="not a readable ONNX model"):
        load_external(tmp_path / "model.onnx", None)


def test_two_models_that_share_one_file_of_weights_are_refused(tmp_path):
    one = write(tmp_path / "original.onnx", 1, data="model.onnx.data")
    other = write(tmp_path / "unlearned.onnx", 1, bias=1.0, data="model.onnx.data")
    models = {name: load_external(path, None) for name, path in (("original", one), ("unlearned", other))}

    with pytest.raises(CaseError, match=r"'original' and 'unlearned' have the same weights in 'model\.onnx\.data'"):
        validate_separate(models)


def test_a_model_beside_a_copy_of_anothers_weights_is_refused(tmp_path):
    one = write(tmp_path / "a" / "model.onnx", 1)
    other = write(tmp_path / "b" / "model.onnx", 2)
    onnx_file = onnx.load(str(other), load_external_data=False)
    onnx_file.doc_string = "another graph"
    other.write_bytes(onnx_file.SerializeToString())
    (tmp_path / "b" / "w.bin").write_bytes((tmp_path / "a" / "w.bin").read_bytes())

    with pytest.raises(CaseError, match="speaks with the other's weights"):
        validate_separate({"original": load_external(one, None), "unlearned": load_external(other, None)})


def test_publishing_binds_all_files_of_a_model_or_none(tmp_path, monkeypatch):
    from types import SimpleNamespace

    from unlearn_audit.records import ModelCard

    model = load_external(write(tmp_path / "audited" / "model.onnx", 1), None)
    card = ModelCard(
        name="unlearned", role="unlearned", method="x", title="Unlearned", sha256=model.sha256, parts=dict(model.parts)
    )
    provenance = SimpleNamespace(models=(card,), find_model=lambda _: card)
    record = SimpleNamespace(provenance=provenance, verdict=SimpleNamespace(model="unlearned"))
    write(tmp_path / "version" / "data" / "model.onnx", 1)
    write(tmp_path / "swapped" / "model.onnx", 2)

    assert bind(record, digest_files(tmp_path / "version")).file == "data/model.onnx"
    assert not bind(record, digest_files(tmp_path / "swapped")).holds
    (tmp_path / "version" / "data" / "w.bin").unlink()
    assert not bind(record, digest_files(tmp_path / "version")).holds
