"""Models made elsewhere, through the command: every kind of file, and one clear message for each that is not one."""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.support.policies import LOOSE, write_policy

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402 - torch may be absent

from unlearn_audit.cli.modes import find_list  # noqa: E402
from unlearn_audit.data import load_dataset  # noqa: E402
from unlearn_audit.errors import UsageError  # noqa: E402
from unlearn_audit.policy import CaseFile  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    write_policy(
        "external-models",
        [
            "{id: risk, metric: global-risk, at_most: 0.9, why: ceiling}",
            *LOOSE[:2],
            "{id: twin, metric: membership-auc-difference, against: retrained, within: [-0.49, 0.49], why: unseen}",
            LOOSE[2],
        ],
        points="argmax, cost-optimal",
        membership="{attacks: [confidence], fpr: [0.01]}",
    )
    + "DATASET\n"
)
FACTORY = """\
from torch import nn

def make(shape, classes):
    return nn.Sequential(nn.Linear(shape[0], classes))

def make_wide(features, outputs, dropout=0.0):
    return nn.Sequential(nn.Linear(features, outputs), nn.Dropout(dropout))

def make_soft(shape, classes):
    return nn.Sequential(nn.Linear(shape[0], classes), nn.Softmax(1))

def fail(shape, classes):
    raise RuntimeError("no weights at \\u2039here\\u203a")

def make_nothing(shape, classes):
    return "a network"
"""


@pytest.fixture(scope="module")
def cytology():
    return load_dataset("breast-cytology")


@pytest.fixture(scope="module")
def erased(cytology):
    """Rows of the records that the models had to forget."""
    return np.flatnonzero(cytology.select("train"))[:60]


@pytest.fixture(scope="module")
def networks(cytology, erased):
    """Linear models on standardised features: the original overfits, the other two never saw the erased records."""
    from sklearn.linear_model import LogisticRegression

    train = np.flatnonzero(cytology.select("train"))
    kept = np.setdiff1d(train, erased)
    made = {}
    for role, strength, rows in (("original", 100.0, train), ("unlearned", 0.2, kept), ("retrained", 0.3, kept)):
        fitted = LogisticRegression(C=strength, max_iter=5000).fit(cytology.x[rows], cytology.label[rows])
        positive = cytology.classes.index("malignant")
        sign = 1.0 if fitted.classes_[1] == positive else -1.0
        network = nn.Sequential(nn.Linear(cytology.x.shape[1], 2))
        weight = np.zeros((2, cytology.x.shape[1]))
        weight[positive] = sign * fitted.coef_[0]
        bias = np.zeros(2)
        bias[positive] = sign * fitted.intercept_[0]
        with torch.no_grad():
            network[0].weight.copy_(torch.from_numpy(weight))
            network[0].bias.copy_(torch.from_numpy(bias))
        made[role] = network.eval()
    return made


@pytest.fixture
def case(tmp_path, cytology, erased, monkeypatch):
    """A folder with the policy, the list of whom to forget, and a module with factories."""
    (tmp_path / "policy.yaml").write_text(POLICY.replace("DATASET", ""))
    (tmp_path / "own_network.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "ids.csv").write_text("id\n" + "\n".join(cytology.ids[erased].tolist()))
    (tmp_path / "case.yaml").write_text(
        "schema: unlearn-audit/case/v1\nname: external\ndataset: breast-cytology\nforget: ids.csv\n"
    )
    yield tmp_path
    import sys

    sys.modules.pop("own_network", None)


@pytest.fixture
def run(run_here, case):
    """Run the command on models; it leaves out the pages, which take most of the time and are tested elsewhere."""

    def runner(files, *options, more="", allow_code=True):
        path = case / "case.yaml"
        path.write_text(path.read_text() + more)
        given = [word for role, file in files.items() for word in (f"--{role}", file)]
        arguments = (
            "run",
            "--policy",
            case / "policy.yaml",
            "--case",
            path,
            "--out",
            case / "out",
            "--force",
            "--format",
            "html",
        )
        code_is_given = any(path.suffix in {".pt", ".pt2", ".ts"} for path in files.values())
        allowed = ("--allow-code",) if allow_code and code_is_given else ()
        code, out, err = run_here(*arguments, *given, *allowed, *options)
        assert "internal error" not in err, err
        return code, out + err

    return runner


def save(network, path, example=None):
    """Write the network as the kind of file that the suffix says."""
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(network.state_dict(), path)
    elif path.suffix == ".pth":
        torch.save(network.state_dict(), path)
    elif path.suffix == ".pt":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.script(network).save(str(path))
    elif path.suffix == ".pt2":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = torch.export.Dim.DYNAMIC
            exported = torch.export.export(network, (torch.zeros(3, 30),), dynamic_shapes=({0: batch},))
            torch.export.save(exported, path)
    else:
        write_onnx(network, path)
    return path


def write_onnx(network, path, batch="batch"):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    layer = network[0]
    tensors = {"w": layer.weight.detach().numpy().T.copy(), "b": layer.bias.detach().numpy()}
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Add", ["h", "b"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, tensors["w"].shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, tensors["w"].shape[1]])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return path


def save_all(networks, folder, suffix):
    return {role: save(network, folder / f"{role}{suffix}") for role, network in networks.items()}


@pytest.fixture(scope="module")
def programs(networks, tmp_path_factory):
    """The networks as exported programs, which take seconds to make; nobody changes them."""
    return save_all(networks, tmp_path_factory.mktemp("programs"), ".pt2")


@pytest.fixture
def weights(networks, case):
    """The networks as weights of `own_network:make`; a program beside them costs one process, not three."""
    return save_all(networks, case, ".safetensors")


MAKE = ("--model", "own_network:make")


def read_answers(folder):
    from unlearn_audit.evidence.parquet import read_evidence

    evidence = read_evidence(folder / "out" / "evidence.parquet")
    return dict(evidence.log_probs)


@pytest.mark.parametrize(
    "suffix",
    [
        ".safetensors",
        ".pth",
        ".onnx",
        *(pytest.param(program, marks=pytest.mark.thorough) for program in (".pt", ".pt2")),
    ],
)
def test_every_kind_of_file_gives_the_answers_of_the_network(run, case, networks, programs, cytology, suffix):  # noqa: PLR0917
    if suffix == ".onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
    options = ("--model", "own_network:make") if suffix in (".safetensors", ".pth") else ()
    code, output = run(programs if suffix == ".pt2" else save_all(networks, case, suffix), *options)

    assert code == 0, output
    for role, network in networks.items():
        with torch.no_grad():
            logits = network(torch.from_numpy(cytology.x.astype(np.float32))).double()
        np.testing.assert_allclose(read_answers(case)[role], torch.log_softmax(logits, 1), atol=1e-4)


def test_the_report_says_what_was_brought_and_copies_no_model(run, case, networks):
    import hashlib

    files = save_all(networks, case, ".safetensors")
    more = "models:\n  unlearned: {title: SCRUB on site, made_by: scrub, made_with: {epochs: 5}}\n"
    run(files, "--model", "own_network:make", more=more)
    provenance = json.loads((case / "out" / "record.json").read_text())["provenance"]
    card = next(card for card in provenance["models"] if card["name"] == "unlearned")

    assert card["title"] == "SCRUB on site"
    assert card["method"] == "scrub (external)"
    assert card["sha256"] == hashlib.sha256(files["unlearned"].read_bytes()).hexdigest()
    assert [note["text"] for note in card["notes"]] == ["Read from unlearned.safetensors (weights)."]
    assert provenance["data"]["sha256"] == load_dataset("breast-cytology").sha256
    assert any("asked them about every record" in note["text"] for note in provenance["notes"])
    assert not (case / "out" / "models").exists()


def test_without_a_retrained_model_its_checks_are_not_run(run, case, networks):
    files = save_all(networks, case, ".safetensors")
    del files["retrained"]
    code, output = run(files, "--model", "own_network:make")

    assert code == 3
    assert "not run" in output


def test_a_head_of_one_logit_is_the_positive_classs(run, case, networks):
    single = {}
    for role, network in networks.items():
        single[role] = nn.Sequential(nn.Linear(30, 1))
        with torch.no_grad():
            weight, bias = network[0].weight, network[0].bias
            single[role][0].weight.copy_((weight[[1]] - weight[[0]]) * (1 if _malignant() == 1 else -1))
            single[role][0].bias.copy_((bias[[1]] - bias[[0]]) * (1 if _malignant() == 1 else -1))
    more = "network: {factory: 'own_network:make_wide', parameters: {features: 30, outputs: 1}}\n"
    assert run(save_all(single, case, ".safetensors"), more=more)[0] == 0
    one = read_answers(case)
    (case / "case.yaml").write_text((case / "case.yaml").read_text().replace(more, ""))
    assert run(save_all(networks, case, ".safetensors"), "--model", "own_network:make")[0] == 0

    np.testing.assert_allclose(
        np.exp(one["unlearned"][:, 1]), np.exp(read_answers(case)["unlearned"][:, _malignant()]), atol=1e-5
    )


def _malignant():
    return load_dataset("breast-cytology").classes.index("malignant")


def test_outputs_that_are_probabilities_must_be_declared(run, case, networks):
    soft = {role: nn.Sequential(network[0], nn.Softmax(1)) for role, network in networks.items()}
    files, factory = save_all(soft, case, ".safetensors"), ("--model", "own_network:make_soft")
    code, output = run(files, *factory)

    assert code == 5
    assert "scores: probabilities" in output
    assert run(files, *factory, "--scores", "probabilities")[0] == 0


def test_outputs_in_another_order_are_refused_and_can_be_declared(run, case, networks):
    swapped = {}
    for role, network in networks.items():
        swapped[role] = nn.Sequential(nn.Linear(30, 2))
        with torch.no_grad():
            swapped[role][0].weight.copy_(network[0].weight.flip(0))
            swapped[role][0].bias.copy_(network[0].bias.flip(0))
    files = save_all(swapped, case, ".safetensors")
    code, output = run(files, "--model", "own_network:make")
    order = list(reversed(load_dataset("breast-cytology").classes))

    assert code == 5
    assert "the original gives positives a lower probability than negatives" in output
    assert run(files, "--model", "own_network:make", more=f"classes: [{', '.join(order)}]\n")[0] == 0


def test_mean_and_std_are_applied_as_declared(run, case, networks, cytology):
    more = "preprocessing: {mean: [1.0], std: [2.0]}\n"
    run(save_all(networks, case, ".safetensors"), "--model", "own_network:make", more=more)
    with torch.no_grad():
        logits = networks["original"](torch.from_numpy(((cytology.x - 1) / 2).astype(np.float32))).double()

    np.testing.assert_allclose(read_answers(case)["original"], torch.log_softmax(logits, 1), atol=1e-4)


def test_a_script_saved_in_training_mode_is_put_into_evaluation_mode_with_a_note(run, case, networks, weights):
    dropped = nn.Sequential(networks["unlearned"][0], nn.Dropout(0.9)).train()
    code, output = run({**weights, "unlearned": save(dropped, case / "unlearned.pt")}, *MAKE)
    cards = json.loads((case / "out" / "record.json").read_text())["provenance"]["models"]

    assert code == 0, output
    noted = "saved in training mode and put into evaluation mode"
    assert [card["name"] for card in cards if noted in str(card["notes"])] == ["unlearned"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("build", "words"),
    [(lambda head: nn.Sequential(nn.Dropout(0.5), head), "answers the same records differently"),
     (lambda head: nn.Sequential(head, nn.BatchNorm1d(2, track_running_stats=False)),
      "differently when others stand beside it")],
)  # fmt: skip
def test_a_program_exported_in_training_mode_is_refused(run, case, networks, weights, build, words):  # noqa: PLR0917
    """Dropout falls on thirty inputs: twice the same thirty is no chance."""
    noisy = build(networks["unlearned"][0]).train()
    code, output = run({**weights, "unlearned": save(noisy, case / "unlearned.pt2")}, *MAKE)

    assert code == 5
    assert words in output
    assert "model.eval()" in output


def test_an_onnx_model_with_a_fixed_batch_gives_the_same_answers(run, case, networks):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    files = {role: write_onnx(network, case / f"{role}.onnx", 7) for role, network in networks.items()}
    assert run(files)[0] == 0
    fixed = read_answers(case)
    assert run(save_all(networks, case, ".onnx"))[0] == 0

    np.testing.assert_allclose(fixed["unlearned"], read_answers(case)["unlearned"], atol=1e-5)


def test_weights_of_another_architecture_name_the_layer(run, case, networks):
    files = save_all(networks, case, ".safetensors")
    save(nn.Sequential(nn.Linear(31, 2)), files["unlearned"])
    code, output = run(files, "--model", "own_network:make")

    assert code == 5
    assert "layer '0.weight': expected shape (2, 30), found (2, 31)" in output


def test_a_pickled_model_is_refused_by_name(run, case, networks):
    files = save_all(networks, case, ".pth")
    torch.save(networks["unlearned"], files["unlearned"])
    code, output = run(files, "--model", "own_network:make")

    assert code == 5
    assert "torch.nn.modules.container.Sequential" in output
    assert "can run any code" in output


class _Runs:
    """A pickle that would leave a file behind if anybody read it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_inside_an_exported_program_is_refused_unread(run, case, programs, weights):
    import pickle
    import zipfile

    files = {**weights, "unlearned": Path(shutil.copy(programs["unlearned"], case))}
    with zipfile.ZipFile(files["unlearned"], "a") as archive:
        root = archive.namelist()[0].partition("/")[0]
        archive.writestr(f"{root}/data/constants/opaque_obj_0", pickle.dumps(_Runs(case / "ran")))
    code, output = run(files, *MAKE)

    assert code == 5
    assert "opaque_obj_0" in output
    assert not (case / "ran").exists()


def test_sample_inputs_of_an_exported_program_are_never_unpickled(run, case, programs, weights):
    import io
    import pickle
    import zipfile

    files = {**weights, "unlearned": Path(shutil.copy(programs["unlearned"], case))}
    content = io.BytesIO()
    with zipfile.ZipFile(files["unlearned"]) as old, zipfile.ZipFile(content, "w") as new:
        for item in old.infolist():
            swapped = "sample_inputs" in item.filename
            new.writestr(item, pickle.dumps(_Runs(case / "ran")) if swapped else old.read(item))
    files["unlearned"].write_bytes(content.getvalue())
    run(files, *MAKE)

    assert not (case / "ran").exists()


@pytest.mark.parametrize("suffix", [".pt", ".pt2", ".onnx", ".safetensors", ".pth", ".pkl", ".joblib"])
def test_a_file_that_is_no_model_is_refused(run, case, networks, suffix):
    if suffix == ".onnx":
        pytest.importorskip("onnxruntime")
    files = save_all(networks, case, ".safetensors")
    broken = case / f"broken{suffix}"
    broken.write_bytes(b"\x80\x04nonsense")
    code, output = run({**files, "unlearned": broken}, "--model", "own_network:make")

    assert code == 5
    assert "broken" in output


@pytest.mark.parametrize(
    ("factory", "code", "words"),
    [
        (
            "own_network:fail",
            5,
            "the factory 'own_network:fail', called as factory((30,), 2), raised RuntimeErr",
        ),
        (
            "own_network:make_nothing",
            5,
            "expected a torch.nn.Module from the factory 'own_network:make_nothing'",
        ),
        ("own_network:absent", 2, "expected a function 'absent'"),
        ("no_such_module:make", 2, "is its folder on PYTHONPATH?"),
        ("mpl", 2, "did you mean 'mlp'?"),
    ],
)
def test_a_factory_that_makes_no_network_is_refused_by_name(run, case, networks, factory, code, words):  # noqa: PLR0917
    found, output = run(save_all(networks, case, ".safetensors"), "--model", factory)

    assert words in output
    assert found == code


def test_weights_without_a_network_ask_for_one(run, case, networks):
    code, output = run(save_all(networks, case, ".safetensors"))

    assert code == 5
    assert "--model module:factory" in output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("preprocessing: {size: 64}\n", "the data holds features"),
        ("preprocessing: {mean: [1, 2, 3]}\n", "expected 'preprocessing.mean' to hold 1 or 30 numbers"),
        ("preprocessing: {std: [0]}\n", "above zero"),
        ("classes: [a, b]\n", "the declared classes"),
    ],
)
def test_a_preprocessing_that_does_not_fit_is_refused(run, case, networks, more, words):
    code, output = run(save_all(networks, case, ".safetensors"), "--model", "own_network:make", more=more)

    assert code == 5
    assert words in output


@pytest.mark.parametrize(
    "options",
    [
        ("--method", "salun"),
        ("--no-remedy",),
        ("--no-retrain",),
        ("--cache", "x"),
        ("--references", "4"),
        ("--jobs", "2"),
    ],
)
def test_options_that_only_training_uses_are_refused(run, case, networks, options):
    code, output = run(save_all(networks, case, ".safetensors"), "--model", "own_network:make", *options)

    assert code == 2
    assert f"{options[0]} would do nothing" in output


def test_reference_models_are_not_made_for_a_brought_original(run, case, networks):
    (case / "policy.yaml").write_text(POLICY.replace("DATASET", REFERENCE))
    files = {"original": save(networks["original"], case / "original.safetensors")}
    code, output = run(files, "--model", "own_network:make", "--references", "4")

    assert code == 2
    assert "add --references 0" in output


REFERENCE = """\
reference_case:
  dataset: breast-cytology
  model: mlp
  unlearn: {method: fine-tune, parameters: {epochs: 2, learning_rate: 0.01}}
  recipe: {epochs: 20, batch: 32, learning_rate: 0.01}
"""


def test_an_original_alone_is_unlearned_here(run, case, networks):
    from safetensors.torch import load_file

    (case / "policy.yaml").write_text(POLICY.replace("DATASET", REFERENCE))
    files = save_all(networks, case, ".safetensors")
    del files["unlearned"]
    code, output = run(files, "--model", "own_network:make", "--cache", case / "cache")
    provenance = json.loads((case / "out" / "record.json").read_text())["provenance"]
    cards = {card["name"]: card for card in provenance["models"]}
    unlearned = load_file(case / "out" / "models" / "unlearned.safetensors")

    assert code == 0, output
    assert cards["original"]["method"] == "external"
    assert cards["retrained"]["method"] == "external"
    assert cards["unlearned"]["method"] == "fine-tune"
    assert provenance["recipe"]["model"] == "own_network:make"
    assert set(unlearned) == set(networks["original"].state_dict())
    assert not torch.equal(unlearned["0.weight"], networks["original"].state_dict()["0.weight"])
    assert torch.equal(
        load_file(case / "out" / "models" / "original.safetensors")["0.weight"], networks["original"][0].weight
    )


def test_an_original_alone_is_retrained_only_where_the_case_asks(run, case, networks):
    (case / "policy.yaml").write_text(POLICY.replace("DATASET", REFERENCE))
    files = {"original": save(networks["original"], case / "original.safetensors")}
    options = ("--model", "own_network:make", "--cache", case / "cache")
    code, output = run(files, *options)

    assert code == 3, output
    assert "the case has no model 'retrained'" in output
    assert run(files, *options, more="retrain: true\n")[0] in (0, 1)


@pytest.mark.parametrize(
    ("suffix", "options", "code", "words"),
    [(".safetensors", (), 2, "add --model module:factory"),
     (".pt", ("--model", "own_network:make"), 5, "a program (TorchScript), which cannot be trained further"),
     (".safetensors", ("--model", "own_network:make", "--allow-code"), 2, "--allow-code would do nothing"),
     (".safetensors", ("--model", "own_network:make", "--scores", "probabilities"), 2, "--scores would do")],
)  # fmt: skip
def test_an_original_alone_must_be_weights_with_a_network(run, case, networks, suffix, options, code, words):  # noqa: PLR0917
    (case / "policy.yaml").write_text(POLICY.replace("DATASET", REFERENCE))
    found, output = run({"original": save(networks["original"], case / f"original{suffix}")}, *options)

    assert words in output
    assert found == code


def test_an_original_alone_with_swapped_outputs_is_refused_and_its_order_can_be_declared(run, case, networks):
    (case / "policy.yaml").write_text(POLICY.replace("DATASET", REFERENCE))
    swapped = nn.Sequential(nn.Linear(30, 2))
    with torch.no_grad():
        swapped[0].weight.copy_(networks["original"][0].weight.flip(0))
        swapped[0].bias.copy_(networks["original"][0].bias.flip(0))
    files = {"original": save(swapped, case / "original.safetensors")}
    options = ("--model", "own_network:make", "--cache", case / "cache", "--no-remedy")
    code, output = run(files, *options)
    order = ", ".join(reversed(load_dataset("breast-cytology").classes))

    assert code == 5
    assert "the original gives positives a lower probability than negatives" in output
    assert run(files, *options, more=f"classes: [{order}]\n")[0] == 3


def test_what_is_said_of_models_without_any_is_refused(run, case):
    code, output = run({}, "--model", "own_network:make")

    assert code == 2
    assert "--model would do nothing" in output


def test_a_share_to_forget_is_refused_as_the_models_are_made_already(run, case, networks):
    code, output = run(save_all(networks, case, ".safetensors"), "--model", "own_network:make", "--forget", "0.2")

    assert code == 2
    assert "which records they had to forget is a fact" in output


def test_images_are_prepared_as_declared(run, case, policy_file):
    """Grey 12 x 12 images whose brightness is the class; the network sees colour 6 x 6, normalised, channels last."""
    rng = np.random.default_rng(0)
    parts = {"train": 120, "val": 40, "test": 60}
    label = {part: np.arange(n) % 2 for part, n in parts.items()}
    arrays = {f"{part}_labels": values[:, None] for part, values in label.items()}
    for part, values in label.items():
        noise = rng.integers(0, 60, (len(values), 12, 12))
        arrays[f"{part}_images"] = (noise + 120 * values[:, None, None]).astype(np.uint8)
    arrays["classes"] = np.array(["benign", "malignant"])
    np.savez(case / "own.npz", **arrays)
    listed = load_dataset("own-data", case / "own.npz").ids[:40].tolist()
    (case / "ids.csv").write_text("id\n" + "\n".join(listed))
    (case / "own_network.py").write_text(
        "import torch\nfrom torch import nn\n\nclass Bright(nn.Module):\n    def __init__(self, gain):\n"
        "        super().__init__()\n        self.gain = nn.Parameter(torch.tensor(gain))\n"
        "    def forward(self, x):\n        assert x.shape[1:] == (6, 6, 3), x.shape\n"
        "        return self.gain * x.mean(dim=(1, 2, 3))\n"
    )
    import sys

    sys.modules.pop("own_network", None)
    from own_network import Bright

    files = {role: save(Bright(gain), case / f"{role}.safetensors")
             for role, gain in (("original", 3.0), ("unlearned", 2.0), ("retrained", 2.5))}  # fmt: skip
    (case / "case.yaml").write_text(
        "schema: unlearn-audit/case/v1\nname: external\ndataset: own-data\ndata: own.npz\nforget: ids.csv\n"
        "network: {factory: 'own_network:Bright', parameters: {gain: 1.0}}\n"
        "preprocessing: {size: 6, channels: 3, scale: 0..1, mean: [0.4, 0.4, 0.4], std: [0.1], layout: channels-last}\n"
    )
    code, output = run(files)
    assert code in (0, 1, 3), output
    from unlearn_audit.evidence.parquet import read_evidence

    evidence = read_evidence(case / "out" / "evidence.parquet")
    logit = evidence.log_probs["original"] @ [-1, 1]
    images = np.concatenate([arrays[f"{part}_images"] for part in parts])
    about = 3 * (images.reshape(len(images), -1).mean(axis=1) / 255 - 0.4) / 0.1

    np.testing.assert_allclose(logit, about, atol=0.15)
    assert any("size 6" in entry.text for entry in evidence.provenance.intake)


def test_the_command_of_the_page_runs(run_here, case, networks, monkeypatch):
    import re

    page = (ROOT / "docs" / "models.md").read_text()
    line = re.search(r"```console\nunlearn-audit (.*?)\n```", page, re.DOTALL).group(1)
    save_all(networks, case, ".safetensors")
    (case / "own_network.py").rename(case / "my_network.py")
    monkeypatch.chdir(case)

    assert run_here(*line.split(), "--format", "html")[0] == 3  # no retrained model: its check is not run


def test_the_case_file_of_the_page_is_one(tmp_path):
    import re

    from unlearn_audit.policy import KnownNames, load_case

    page = (ROOT / "docs" / "models.md").read_text()
    (tmp_path / "case.yaml").write_text(re.search(r"```yaml\n(.*?)```", page, re.DOTALL).group(1))
    case = load_case(tmp_path / "case.yaml", KnownNames())

    assert case.preprocessing.size == 224
    assert case.models["first-try"].file == "ascent.onnx"


def test_shares_by_class_are_no_list_of_what_models_made_elsewhere_had_to_forget():
    case = CaseFile.model_validate(
        {"schema": "unlearn-audit/case/v1", "name": "external", "forget": {"malignant": 0.5, "benign": 0.11}}
    )
    with pytest.raises(UsageError, match=r"found the share 0\.5 of malignant, 0\.11 of benign"):
        find_list(None, case, Path())
