"""`make bench`: a library that is not there is said to be so, and what is compared is the same work."""

import json

import pytest
import torch
from benchmarks import rivals
from benchmarks.__main__ import publish
from benchmarks.comparison import Comparison
from torch.utils.data import DataLoader, TensorDataset

from unlearn_audit.models import MODELS
from unlearn_audit.training import Records, fit


@pytest.mark.parametrize("compare", [rivals.compare_sacroml, rivals.compare_art])
def test_a_library_that_is_not_installed_is_said_to_be_so_and_gets_no_number(compare, monkeypatch, capsys):
    monkeypatch.setattr(rivals, "find_version", lambda package: None)

    assert compare() is None
    assert "is not installed" in capsys.readouterr().out


def test_no_version_of_a_package_that_does_not_exist_is_found():
    assert rivals.find_version("no-such-package-of-anybody") is None
    assert rivals.find_version("numpy")


def test_half_a_comparison_is_not_published(tmp_path):
    with pytest.raises(ValueError, match="1 missing"):
        publish([Comparison("verdict", 2.0, agree=True), None], tmp_path / "bench.json")

    assert not list(tmp_path.iterdir())


def test_areas_are_published_beside_the_ratio(tmp_path):
    publish([Comparison("lira", 2.04, agree=True, areas=(0.6, 0.5), models=8)], tmp_path / "bench.json")

    written = {"lira": 2.0, "lira-auc": [0.6, 0.5], "lira-models": 8}
    assert json.loads((tmp_path / "bench.json").read_bytes()) == written


def test_sacromls_shadow_models_are_trained_as_ours_are(monkeypatch):
    monkeypatch.setattr(rivals, "RECIPE", rivals.RECIPE.model_copy(update={"epochs": 2}))
    lots = torch.Generator().manual_seed(3)
    x, y = torch.randn(64, 5, generator=lots), torch.randint(2, (64,), generator=lots)
    model = rivals.Perceptron((5,), 2, rivals.WIDTH)
    ours = fit(model, Records(x, y, y == 1), rivals.RECIPE, torch.initial_seed() % 2**31)

    theirs = rivals.train(model, DataLoader(TensorDataset(x, y), batch_size=16))

    for name, weight in ours.state_dict().items():
        assert torch.equal(theirs.state_dict()[name], weight)


def test_their_network_is_the_policys():
    theirs = rivals.Perceptron((30,), 2, rivals.WIDTH).state_dict()
    ours = MODELS["mlp"].build((30,), 2, 1).state_dict()

    assert {name: weight.shape for name, weight in theirs.items()} == {n: w.shape for n, w in ours.items()}
