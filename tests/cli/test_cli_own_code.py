"""`evidence check` on the user's code, and `references plan`: what they print and how they end."""

import csv

import pytest

from tests.support.policies import OUT_OF_REACH, WITH_SALUN, write_policy
from unlearn_audit.cli import run_guarded

NETWORK = """\
import torch


def make(shape, classes):
    return torch.nn.Linear(shape[0], classes)


def train(records, setting):
    model = setting.build(setting.seed)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.nn.functional.cross_entropy(model(records.x), records.y).backward()
    optimiser.step()
    return model


def lazy(records, setting):
    torch.manual_seed(0)
    return make(setting.shape, setting.classes)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "case.yaml").write_text(
        "schema: unlearn-audit/case/v1\nname: own\nnetwork: {factory: 'net.py:make'}\n"
        "functions: {train: 'net.py:train', deterministic: true}\n"
    )
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_code_that_holds_is_said_to(capsys):
    code = run_guarded(["evidence", "check", "--policy", "breast-cytology", "--case", "case.yaml"])

    output = capsys.readouterr().out
    assert code == 0, output
    assert "+ train the same seed gives the same bits" in output
    assert "The code can be audited." in output


@pytest.mark.usefixtures("folder")
def test_an_option_names_other_code_and_what_breaks_is_listed(capsys):
    code = run_guarded(
        ["evidence", "check", "--policy", "breast-cytology", "--case", "case.yaml", "--train", "net.py:lazy"]
    )

    output = capsys.readouterr().out
    assert code == 5
    assert "- train another seed gives another network: it ignores setting.seed" in output
    assert "1 of 7 do not hold." in output


@pytest.mark.usefixtures("folder")
def test_without_file_and_without_code_there_is_nothing_to_check(capsys):
    assert run_guarded(["evidence", "check", "--policy", "breast-cytology"]) == 2
    assert "--train file.py:function" in capsys.readouterr().err


def test_a_plan_is_written(folder, capsys):
    with (folder / "records.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "split", "label", "patient_id"])
        for row in range(120):
            split = ("retain", "forget", "validation", "test")[row // 30]
            writer.writerow([f"r{row:03}", split, row % 2, f"p{row // 3}"])

    assert run_guarded(["references", "plan", "records.csv", "--models", "4", "--by", "patient_id", "--seed", "2"]) == 0
    assert "4 models" in capsys.readouterr().out
    assert (folder / "plan" / "plan.json").is_file()
    assert (folder / "plan" / "trains-on.csv").read_text().startswith("id,split,0,1,2,3\n")


def test_an_absent_accelerator_ends_the_run_by_name(folder, capsys):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    (folder / "policy.yaml").write_text(write_policy("small", OUT_OF_REACH, reference_case=WITH_SALUN))
    code = run_guarded(["run", "--policy", "policy.yaml", "--device", "cuda:5", "--out", str(folder / "out")])
    assert code == 5
    assert "'cuda:5' is asked for" in capsys.readouterr().err
