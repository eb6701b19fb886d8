"""The user's own functions: called for every model, held to a contract, named in the record."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from unlearn_audit.cases import add_remedy, list_remedies
from unlearn_audit.cases.collection import collect
from unlearn_audit.cases.user_functions import find_functions
from unlearn_audit.errors import CaseError, UsageError
from unlearn_audit.pipeline.audit import judge, name_known, run_audit
from unlearn_audit.policy import CaseFile, Functions, load_case
from unlearn_audit.records import ignore_progress
from unlearn_audit.reference_models.workers import Workers
from unlearn_audit.training import Records

OWN = """\
import copy

import torch
from torch.utils.data import DataLoader

SEEN = []


class Net(torch.nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(shape[0], 8), torch.nn.Tanh(), torch.nn.Linear(8, classes))

    def forward(self, x):
        return self.body(x)


def make(shape, classes):
    return Net(shape, classes)


def _train(model, records, setting, epochs):
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    shuffle = torch.Generator().manual_seed(setting.seed)
    for _ in range(epochs):
        for x, y in DataLoader(records, batch_size=64, shuffle=True, generator=shuffle):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimiser.step()
    return model


def train(records, setting):
    SEEN.append((len(records), setting.seed))
    return _train(Net(setting.shape, setting.classes), records, setting, setting.parameters.get("epochs", 2))


def forget(original, retain, forget, setting):
    return _train(copy.deepcopy(original), retain, setting, setting.parameters.get("epochs", 1))
"""


@pytest.fixture
def own(tmp_path):
    """Write the user's file (with passages replaced) and return a case that names it."""
    folder = tmp_path / "case"
    folder.mkdir()

    def write(*changes, functions=None, name="own.py", **case):
        text = OWN
        for old, new in changes:
            assert text.count(old) >= 1
            text = text.replace(old, new)
        (folder / name).write_text(text)
        names = {"train": f"{name}:train", "unlearn": f"{name}:forget", "deterministic": True} | (functions or {})
        entries = {"functions": names, "network": {"factory": f"{name}:make"}} | case
        return {
            "case": CaseFile.model_validate({"schema": "unlearn-audit/case/v1", "name": "Own"} | entries),
            "case_folder": folder,
        }

    return write


def seen():
    module = next(m for n, m in reversed(sys.modules.items()) if n.startswith("user_code_") and not n.endswith("again"))
    return module.SEEN


def test_a_file_beside_the_case_trains_every_model_that_is_trained_from_nothing(build, own, referenced):
    case = build(**own(), references=4)
    trained = [n for n, _ in seen()]

    # the trial: two (and one by code loaded afresh), and one to unlearn; the original, the reference, four more
    # half of all 200 controls and of the 60 forgotten, beside the 240 retained
    assert trained == [128, 128, 128, 300, 240, 370, 370, 370, 370]
    assert case.made["unlearned"].card.method == "user-supplied"

    retrain = list_remedies(referenced(), case)[1]
    remedied = add_remedy(case, retrain, retrain)
    assert [n for n, _ in seen()][len(trained) :] == [240] * 5
    evidence = collect(remedied, ignore_progress)
    assert set(evidence.references.unlearned) == {"unlearned", "remedied-retrain"}


RELEARNING = ("membership: {references: {models: 4}}", "membership: {relearning: {epochs: 1}}")


def test_a_judged_model_is_trained_further_by_the_users_function_that_begins_with_the_network_it_is_given(build, own):
    begun = ("_train(Net(setting.shape, setting.classes), records", "_train(setting.build(setting.seed), records")
    case = build(**own(begun), policy=[RELEARNING])
    trained = len(seen())

    evidence = collect(case, ignore_progress)

    assert [n for n, _ in seen()][trained:] == [240] * len(evidence.relearned)
    assert set(evidence.relearned) == set(case.made) - {"original"}
    pairs = [(evidence.relearned[name], evidence.log_probs[name]) for name in evidence.relearned]
    assert all(np.abs(after - before).mean() > 0 for after, before in pairs)


def test_a_function_that_begins_with_a_network_of_its_own_relearns_nothing(build, own):
    evidence = collect(build(**own(), policy=[RELEARNING]), ignore_progress)

    assert not evidence.relearned


def test_neither_validation_nor_test_records_reach_the_user_but_the_controls_of_reference_models(
    build, own, monkeypatch
):
    handed = []
    whole = Records.__post_init__
    monkeypatch.setattr(Records, "__post_init__", lambda self: handed.append(self) or whole(self))

    case = build(**own(), references=0)

    outside = np.isin(case.split, ["validation", "test"])
    rows = {row.tobytes() for row in case.inputs[torch.from_numpy(outside)].numpy()}
    everything = max(handed, key=len)
    assert not any(row.numpy().tobytes() in rows for r in handed if r is not everything for row in r.x)


def test_the_record_names_the_code_by_its_digest_and_what_the_trial_found(build, own, referenced, ask):
    case = build(**own(), references=0)
    digest = hashlib.sha256((case.builder.functions.unlearn.folder / "own.py").read_bytes()).hexdigest()

    roles = {code.role: code for code in case.provenance.code}

    assert set(roles) == {"train", "unlearn", "network"}
    assert {code.sha256 for code in roles.values()} == {digest}
    assert roles["train"].name == "own.py:train"
    assert "the same seed gives the same bits" in roles["train"].tried
    assert "leaves the original as it was, and returns a changed network like it" in roles["unlearn"].tried
    assert case.provenance.recipe["train"] == "own.py:train"
    record = judge(referenced(), collect(case, ignore_progress))
    assert b"own.py:train" in record.to_bytes()


def test_a_file_that_the_code_imports_from_beside_it_counts(tmp_path):
    (tmp_path / "a.py").write_text("def train(records, setting):\n    import nets\n    return nets.make()\n")
    (tmp_path / "nets.py").write_text("def make():\n    return 1\n")
    (tmp_path / "idle.py").write_text("x = 1\n")
    first = find_functions(Functions(train="a.py:train"), tmp_path, {})
    (tmp_path / "nets.py").write_text("def make():\n    return 2\n")
    second = find_functions(Functions(train="a.py:train"), tmp_path, {})

    assert first.describe()[0].files == ("a.py", "nets.py")
    assert first.describe()[0].sha256 != second.describe()[0].sha256
    assert second.train.function(None, None) == 2


def test_models_of_other_code_or_parameters_are_not_taken_from_the_cache(build, own):
    first = build(**own(), references=4)
    again = build(**own(), references=4)
    assert [f.seconds for f in again.ensemble.trained] == [f.seconds for f in first.ensemble.trained]

    for changed in (own(functions={"parameters": {"epochs": 3}}), own(("lr=0.05", "lr=0.04"))):
        other = build(**changed, references=4)
        assert other.made["original"].card.sha256 != first.made["original"].card.sha256
        assert all(a.weights != b.weights for a, b in zip(other.ensemble.trained, first.ensemble.trained, strict=True))


def test_processes_of_their_own_make_the_same_bits(build, own, importable, tmp_path):
    alone = build(**own(), references=4, cache=tmp_path / "one")
    beside = build(**own(), references=4, cache=tmp_path / "two", workers=Workers(2))

    assert [f.weights for f in alone.ensemble.trained] == [f.weights for f in beside.ensemble.trained]
    assert [f.weights for f in alone.ensemble.unlearned["unlearned"]] == [
        f.weights for f in beside.ensemble.unlearned["unlearned"]
    ]


def test_an_original_that_was_brought_gets_reference_models_by_the_function_that_made_it(build, own, tmp_path):
    from unlearn_audit.cases import ExternalOriginal
    from unlearn_audit.policy import Network

    made = build(**own(), references=0)
    weights = tmp_path / "original.safetensors"
    weights.write_bytes(made.made["original"].weights)
    options = own()
    external = ExternalOriginal(
        {"original": weights},
        Network(factory="own.py:make"),
        outputs=("benign", "malignant"),
        folder=options["case_folder"],
    )
    case = build(**options, original=external, references=4, cache=tmp_path / "other", split_seed=None)

    assert case.ensemble.trainer.count == 4
    assert case.made["retrained"].card.role == "retrained"
    assert np.array_equal(
        collect(case, ignore_progress).log_probs["original"], collect(made, ignore_progress).log_probs["original"]
    )


def test_the_users_code_sees_class_numbers_as_the_outputs_of_his_network_are(build, own, tmp_path):
    """An external network answers in the order of the data set (malignant first), the task counts benign first."""
    from unlearn_audit.cases import ExternalOriginal
    from unlearn_audit.policy import Network

    weights = tmp_path / "original.safetensors"
    weights.write_bytes(build(**own(), references=0).made["original"].weights)
    options = own(functions={"parameters": {"epochs": 6}})
    external = ExternalOriginal({"original": weights}, Network(factory="own.py:make"), folder=options["case_folder"])
    case = build(**options, original=external, references=4, cache=tmp_path / "other")

    evidence = collect(case, ignore_progress)
    right = {
        "retrained": evidence.log_probs["retrained"].argmax(axis=1) == evidence.label,
        "reference": evidence.references.log_probs[0].argmax(axis=1) == evidence.label,
        "its unlearned self": evidence.references.unlearned["unlearned"][0].argmax(axis=1) == evidence.label,
    }
    assert {name: bool(mask.mean() > 0.8) for name, mask in right.items()} == dict.fromkeys(right, True)
    assert (evidence.log_probs["original"].argmax(axis=1) == evidence.label).mean() < 0.2


def test_without_a_training_function_a_brought_original_gets_no_reference_models(build, own, tmp_path):
    from unlearn_audit.cases import ExternalOriginal
    from unlearn_audit.policy import Network

    external = ExternalOriginal({"original": tmp_path / "x"}, Network(factory="mlp"))
    with pytest.raises(UsageError, match="reference models") as caught:
        build(original=external, references=4)
    assert "functions" in caught.value.hint


KEEP = """\
SEEN = []
KEPT = []


def keep(setting):
    if not KEPT:
        KEPT.append(Net(setting.shape, setting.classes))
"""
BROKEN = {
    "returns the given model": (
        [("return _train(copy.deepcopy(original)", "return _train(original")],
        "returned the model that it was given",
    ),
    "returns a number": ([("def train(records, setting):", "def train(records, setting):\n    return 3")], "found int"),
    "ignores its seed": (
        [("SEEN.append", "torch.manual_seed(0); SEEN.append"), ("manual_seed(setting.seed)", "manual_seed(0)")],
        "another seed gives another network.*ignores setting.seed",
    ),
    "keeps state": (
        [("return _train(Net(setting.shape, setting.classes),", "return _train(keep(setting),"),
         ("SEEN = []", KEEP + "    return copy.deepcopy(KEPT[0])\n")],
        "same seed gives the same bits|another seed",
    ),
    "returns one network for ever": (
        [("return _train(Net(setting.shape, setting.classes),", "return _train(keep(setting),"),
         ("SEEN = []", KEEP + "    return KEPT[0]\n")],
        "returns another network each time",
    ),
    "draws without the seed": (
        [("SEEN.append", "import os; torch.manual_seed(int.from_bytes(os.urandom(4), 'big')); SEEN.append")],
        "same seed gives the same bits",
    ),
    "changes the records": ([("SEEN.append", "records.x.mul_(0.5); SEEN.append")], "leaves the records as they were"),
    "diverges": ([("cross_entropy(model(x)", "cross_entropy(model(x) * 1e38 * 1e38")], "no finite numbers"),
    "raises": ([("SEEN.append", "1 / 0; SEEN.append")], r"own.py:train' raised ZeroDivisionError.* line \d+ of own.py"),
    "wants a GPU": ([("SEEN.append", "torch.zeros(1).to('cuda:7'); SEEN.append")], "own.py:train' raised"),
    "makes another network": ([("torch.nn.Linear(8, classes)", "torch.nn.Linear(8, classes), torch.nn.Identity()"),
                               ("return Net(shape, classes)", "return torch.nn.Linear(shape[0], classes)")],
                              "another architecture"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_code_that_breaks_the_contract_is_refused_by_name_before_the_long_work(build, own, name, tmp_path):
    changes, message = BROKEN[name]
    with pytest.raises(CaseError, match=message):
        build(**own(*changes), references=4)
    assert not list((tmp_path / "cache").glob("*.safetensors"))


def test_a_function_that_draws_nothing_says_so(build, own):
    exact = [("SEEN.append", "torch.manual_seed(0); SEEN.append"), ("manual_seed(setting.seed)", "manual_seed(0)")]
    case = build(**own(*exact, functions={"draws": False}), references=0)
    assert any("draws: false" in what for what in case.provenance.code[0].untried)


def test_without_the_claim_the_same_bits_are_not_promised_and_the_record_says_so(build, own):
    case = build(**own(functions={"deterministic": False}), references=0)
    assert any("does not say 'deterministic: true'" in what for what in case.provenance.code[0].untried)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("absent.py:train", "expected a file at"),
        ("own.py:absent", "expected a function 'absent'"),
        ("own.py", "expected 'module:function' or 'file.py:function'"),
        ("no_such_module_here:train", "expected an importable module"),
        ("own.py:SEEN", "expected a function 'SEEN'"),
    ],
)
def test_code_that_is_not_there_is_refused_by_name(build, own, reference, message):
    with pytest.raises(UsageError, match=message):
        build(**own(functions={"train": reference}))


def test_code_that_does_not_load_is_refused(build, own):
    with pytest.raises(UsageError, match="no_such_package"):
        build(**own(("import copy", "import copy, no_such_package")))


def test_a_policy_that_asks_for_the_users_method_needs_its_code(build):
    with pytest.raises(UsageError, match="'user-supplied' is asked for, and no code"):
        build(method="user-supplied")


def test_parameters_of_a_function_that_is_not_there_would_do_nothing(tmp_path):
    with pytest.raises(UsageError, match="would do nothing"):
        find_functions(Functions(parameters={"epochs": 3}), tmp_path, {})


def test_a_case_file_on_disk_reads(tmp_path):
    path = tmp_path / "case.yaml"
    path.write_text(
        "schema: unlearn-audit/case/v1\nname: Own\nfunctions: {train: own.py:train, unlearn: own.py:forget}\n"
        "unlearn: {method: user-supplied, parameters: {epochs: 3, how: fast}}\n"
    )
    case = load_case(path, name_known())
    assert case.unlearn.parameters == {"epochs": 3, "how": "fast"}


def test_an_original_that_is_not_what_its_owner_knows_is_not_audited(build, own):
    with pytest.raises(CaseError, match=r"expected the original to be right on 0\.100 of the test records"):
        build(**own(expect={"accuracy": 0.1, "on": "test"}), references=0)
    build(**own(expect={"accuracy": 0.95, "tolerance": 0.1}), references=0)


def test_a_whole_audit_with_the_users_functions(referenced, own, ask):
    audit = run_audit(referenced(), replace(ask(**own()), references=4))

    names = [card.name for card in audit.record.provenance.models]
    assert names[:3] == ["original", "retrained", "unlearned"]
    assert audit.record.provenance.models[2].method == "user-supplied"


def test_generators_that_the_user_draws_from_are_seeded_and_left_as_they_were(build, own):
    """Code that never seeds anything is a function of the setting's seed all the same."""
    unseeded = [(", generator=shuffle", ""), ("shuffle = torch.Generator().manual_seed(setting.seed)", "")]
    state = torch.random.get_rng_state()
    case = build(**own(*unseeded), references=0)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert "the same seed gives the same bits" in case.provenance.code[0].tried


def test_the_folder_of_the_case_is_where_files_are_looked_for(own):
    options = own()
    assert Path.cwd() != options["case_folder"]
    assert find_functions(options["case"].functions, options["case_folder"], {}).train is not None


def test_the_case_says_where_models_are_made_and_an_absent_accelerator_is_refused(build, own, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(CaseError, match="'cuda:3' is asked for, found no such accelerators"):
        build(**own(compute={"device": "cuda:3"}), references=0)
    plain = build(**own(), references=4)
    on_cpu = build(**own(compute={"device": "cpu"}), references=4)
    assert on_cpu.made["original"].card.sha256 == plain.made["original"].card.sha256
    assert "device" not in on_cpu.provenance.environment
    coarse = build(**own(compute={"precision": "bfloat16"}), references=4)
    assert coarse.made["original"].card.sha256 != plain.made["original"].card.sha256
    assert coarse.provenance.environment["precision"] == "bfloat16"


def test_code_that_wants_a_fixed_accelerator_is_told_what_to_use(build, own):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(CaseError) as caught:
        build(**own(("SEEN.append", "torch.zeros(1).to('cuda:7'); SEEN.append")), references=0)
    assert "setting.device" in caught.value.hint


@pytest.mark.parametrize("beside", [False, True])
def test_what_runs_is_the_source_that_is_digested_not_a_compiled_copy_beside_it(tmp_path, beside):
    """A copy of the same time and size passes for current with Python's own import; a forged one passes always."""
    import importlib.util
    import py_compile

    from unlearn_audit.user_code import find_user_function

    name = f"forged_{beside}".lower()
    target = tmp_path / f"{name}_part.py" if beside else tmp_path / f"{name}.py"
    target.write_text("def answer():\n    return 'compiled'\n")
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(target), importlib.util.cache_from_source(str(target)), invalidation_mode=unchecked)
    target.write_text("def answer():\n    return 'source'\n")
    if beside:
        (tmp_path / f"{name}.py").write_text(f"from {name}_part import answer\n")

    assert find_user_function(f"{name}.py:answer", tmp_path)() == "source"
