"""Transforms of torchvision by name do to an image what a training script does, and what cannot be meant is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from unlearn_audit.errors import CaseError, PolicyError
from unlearn_audit.models import Preprocessing
from unlearn_audit.models.preprocessing import describe_preprocessing
from unlearn_audit.models.torchvision_transforms import TRANSFORMS
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import load_case

pytestmark = pytest.mark.usefixtures("torchvision_that_loads")

FLOAT = ({"ToImage": {}}, {"ToDtype": {"dtype": "float32", "scale": True}})
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def make_images(height=40, width=57, channels=3):
    return np.random.default_rng(0).integers(0, 256, (2, height, width, channels), dtype=np.uint8)


def prepare(*steps, images=None):
    return Preprocessing(transforms=steps).prepare(make_images() if images is None else images)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width"), [(40, 57), (57, 40), (45, 45)])
def test_the_usual_transforms_are_the_declared_steps(height, width, interpolation):
    images = make_images(height, width)
    ours = Preprocessing(
        size=32, fit="shorter-side", crop=28, interpolation=interpolation, scale="0..1", mean=MEAN, std=STD
    ).prepare(images)
    theirs = prepare(
        {"Resize": {"size": 32, "interpolation": interpolation}},
        {"CenterCrop": {"size": 28}},
        *FLOAT,
        {"Normalize": {"mean": MEAN, "std": STD}},
        images=images,
    )
    assert theirs.dtype == torch.float32
    assert type(theirs) is torch.Tensor
    torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=0)


def test_the_order_is_the_users():
    on_pillow = prepare({"Resize": {"size": [20, 20]}}, *FLOAT)
    on_tensors = prepare(*FLOAT, {"Resize": {"size": [20, 20]}})
    assert on_pillow.shape == on_tensors.shape == (2, 3, 20, 20)
    assert not torch.equal(on_pillow, on_tensors)


def test_grey_images_become_colour():
    found = prepare({"RGB": {}}, *FLOAT, images=make_images(channels=1))
    assert found.shape == (2, 3, 40, 57)
    assert torch.equal(found[:, 0], found[:, 2])


def test_what_one_image_becomes_does_not_depend_on_the_others():
    steps = ({"Resize": {"size": [20, 20]}}, *FLOAT)
    together = prepare(*steps)
    assert torch.equal(together[1:], prepare(*steps, images=make_images()[1:]))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (({"RandomCrop": {"size": 8}}, *FLOAT), "found 'RandomCrop'"),
        (({"__class__": {}},), "found '__class__'"),
        (({"Resize": {"sizes": 8}}, *FLOAT), "Resize has no argument 'sizes'"),
        (({"Resize": {"size": "large"}}, *FLOAT), "transform Resize: "),
        (({"Resize": {"size": 8, "interpolation": "cubist"}}, *FLOAT), "Invalid interpolation mode: 'cubist'"),
        (({"Resize": {"size": 8}},), "do not end with floating-point tensors"),
        (({"ToImage": {}},), "do not end with floating-point tensors"),
        (({"ToImage": {}}, {"ToDtype": {"dtype": "float16"}}), "expected 'float32' or 'uint8' as dtype"),
        ((*FLOAT, {"Normalize": {"mean": [0.5, 0.5], "std": [1, 1]}}), "cannot be applied to the images"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(steps, message):
    with pytest.raises(CaseError, match=message):
        prepare(*steps)


def test_the_page_lists_what_is_taken():
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    assert ", ".join(f"`{name}`" for name in TRANSFORMS[:-1]) + f" and `{TRANSFORMS[-1]}` are taken" in page


def test_features_have_no_transforms():
    with pytest.raises(CaseError, match="the data holds features"):
        prepare(*FLOAT, images=np.zeros((2, 5), np.float32))


CASE = """
schema: unlearn-audit/case/v1
name: Erasure request
preprocessing:
  {extra}transforms:
  - Resize: {{size: 32, interpolation: bicubic}}
  - CenterCrop: {{size: 28}}
  - ToImage: {{}}
  - ToDtype: {{dtype: float32, scale: true}}
"""


def read(tmp_path, extra=""):
    path = tmp_path / "case.yaml"
    path.write_text(CASE.format(extra=extra))
    return load_case(path, name_known()).preprocessing


def test_a_case_declares_them_and_the_report_says_them(tmp_path):
    preprocessing = Preprocessing(**read(tmp_path).model_dump())
    assert preprocessing.prepare(make_images()).shape == (2, 3, 28, 28)
    text = describe_preprocessing(preprocessing).text
    assert "Resize(size=32, interpolation=bicubic)" in text
    assert text.index("CenterCrop(size=28)") < text.index("ToDtype(dtype=float32, scale=True)")


def test_a_case_prepares_images_in_one_way(tmp_path):
    with pytest.raises(PolicyError, match="remove 'size'"):
        read(tmp_path, "size: 64\n  ")
