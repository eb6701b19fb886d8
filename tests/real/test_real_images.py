"""examples/own-images: a network and a training of one's own on a folder of images; on real ones where they are."""

import csv
from pathlib import Path

import numpy as np
import pytest
from benchmarks.own_images import take_slice
from PIL import Image

from unlearn_audit.cases import CaseRequest
from unlearn_audit.pipeline.audit import name_known, run_audit
from unlearn_audit.policy import load_case, load_policy
from unlearn_audit.records import Outcome

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "own-images"
REAL = ROOT.parent / "shared" / "data" / "ham10000_224"
HEADS = ("image_id", "lesion_id", "dx", "split", "age", "sex", "localization")
SIZES = {"train": 240, "val": 60, "test": 120}


@pytest.fixture
def audit(tmp_path):
    """Run the example on a folder, one epoch instead of eight: the path, not the figures."""

    def run(folder):
        case = load_case(EXAMPLE / "case.yaml", name_known())
        quick = {
            "functions": case.functions.model_copy(update={"parameters": {"epochs": 1}}),
            "unlearn": case.unlearn.model_copy(update={"parameters": {"epochs": 1}}),
        }
        request = CaseRequest(
            created="2026-05-02T03:04:05Z",
            cache=tmp_path / "cache",
            case=case.model_copy(update=quick),
            case_folder=EXAMPLE,
            data=folder,
            threads=1,
            offline=True,
            remedy=False,
        )
        return run_audit(load_policy(EXAMPLE / "policy.yaml", name_known()), request)

    return run


def write_table(folder, rows):
    with (folder / "records.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADS)
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def planted(tmp_path):
    """Noise of 40 x 32 pixels with the columns of HAM10000; every diagnosis in every split."""
    rng, rows, folder = np.random.default_rng(4), [], tmp_path / "planted"
    (folder / "images").mkdir(parents=True)
    kinds = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    for split, count in SIZES.items():
        for _ in range(count):
            number = len(rows)
            Image.fromarray(rng.integers(0, 256, (32, 40, 3), np.uint8)).save(folder / "images" / f"N{number:03}.png")
            sex, age = ("male", "female", "unknown")[number % 3], 20 + number % 60
            fields = (f"N{number:03}", f"L{number:03}", kinds[number % 7], split, age, sex, "back")
            rows.append(dict(zip(HEADS, fields, strict=True)))
    return write_table(folder, rows)


@pytest.fixture
def real(tmp_path):
    """So many real images of each split, malignant and benign in turn."""
    if not (REAL / "records.csv").is_file():
        pytest.skip("ham10000_224 is not in ../shared/data beside the checkout")
    take_slice(REAL, SIZES, tmp_path / "real")
    return tmp_path / "real"


def find(record, metric, among):
    return [f for f in record.findings if (f.key.metric, str(f.key.among)) == (metric, among)]


@pytest.mark.thorough
@pytest.mark.training
@pytest.mark.parametrize("folder", ["planted", "real"])
def test_the_example_is_audited_from_the_folder_to_the_verdict(request, audit, folder):
    done = audit(request.getfixturevalue(folder))

    record, evidence = done.record, done.evidence
    assert record.outcome is not Outcome.PASS
    assert record.provenance.references.models == evidence.references.count == 12
    assert {entry.role for entry in record.provenance.code if entry.sha256} == {"network", "train", "unlearn"}
    assert "lesion_id" in evidence.groups
    assert {str(f.key.among) for f in record.findings if f.key.among.is_group} >= {"sex=male", "sex=female"}
    (paired,) = (f for f in find(record, "paired-recognition", "positive") if f.key.model == "unlearned")
    assert paired.estimate is not None, paired.not_run


def test_the_case_shrinks_images_and_leaving_it_out_does_not():
    case = load_case(EXAMPLE / "case.yaml", name_known())

    assert case.images.size == 64
    assert "forget" in case.model_fields_set
