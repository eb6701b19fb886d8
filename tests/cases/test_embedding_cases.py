"""A case on embeddings: the linear head is trained, retrained, unlearned and attacked with reference models."""

import numpy as np
import pytest
from benchmarks.embeddings import measure_audit

from tests.support.ordinary_core import measure_slowness
from unlearn_audit.cases.collection import collect
from unlearn_audit.errors import UsageError
from unlearn_audit.policy import CaseFile
from unlearn_audit.records import ignore_progress


@pytest.fixture
def embedded(tmp_path):
    rng = np.random.default_rng(1)
    y = np.arange(400) % 4 // 3
    x = (rng.normal(0, 1, (400, 16)) + 0.8 * y[:, None]).astype(np.float32)
    np.savez(
        tmp_path / "features.npz",
        features=x,
        labels=y,
        split=np.repeat(["train", "val", "test"], [240, 60, 100]),
        classes=np.array(["benign", "malignant"]),
    )

    def make(**more):
        fields = {"schema": "unlearn-audit/case/v1", "name": "Head", "embeddings": "features.npz"} | more
        return {"case": CaseFile.model_validate(fields), "case_folder": tmp_path}

    return make


def test_the_head_is_audited_by_one_key_in_the_case(build, embedded):
    case = build(**embedded(), references=4)

    assert case.provenance.recipe["model"] == "linear"
    assert case.ensemble.describe().together == 4
    evidence = collect(case, ignore_progress)
    assert evidence.references.log_probs.shape == (4, 400, 2)
    assert any("frozen backbone" in note.text for note in case.provenance.data.notes)


def test_another_head_may_be_named(build, embedded):
    case = build(**embedded(network={"factory": "mlp"}), references=0)
    assert case.provenance.recipe["model"] == "mlp"


def test_declared_scaling_reaches_reference_models_too(build, embedded):
    plain = collect(build(**embedded(), references=4), ignore_progress)
    scaled = collect(build(**embedded(preprocessing={"std": [2.0]}), references=4), ignore_progress)
    assert not np.array_equal(plain.log_probs["original"], scaled.log_probs["original"])
    assert not np.array_equal(plain.references.log_probs, scaled.references.log_probs)


def test_embeddings_beside_other_data_are_refused(build, embedded, tmp_path):
    with pytest.raises(UsageError, match="either embeddings or other data"):
        build(**embedded(), data=tmp_path / "x.npz")


@pytest.mark.slow
def test_an_audit_of_a_head_with_64_reference_heads_takes_less_than_a_minute_of_an_ordinary_core():
    """docs/models.md says so: 7,000 training records of 512 features, every attack, remedies, at any size of image."""
    slowness = measure_slowness()
    seconds, models = measure_audit()
    assert models == 8
    assert seconds / slowness < 60
