"""Declared preprocessing: resize, then crop the middle, as the usual transforms do it."""

import numpy as np
import pytest
import torch
from PIL import Image

from unlearn_audit.errors import CaseError
from unlearn_audit.models import Preprocessing


def make_images(height, width, channels=3):
    return np.random.default_rng(0).integers(0, 256, (2, height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(40, 57), (57, 40), (45, 45), (33, 90)])
@pytest.mark.parametrize(("size", "crop"), [(32, 28), (32, 27), (33, 28)])
def test_shorter_side_and_crop_are_torchvisions(height, width, size, crop):
    found = Preprocessing(size=size, fit="shorter-side", crop=crop, scale="0..1").prepare(make_images(height, width))

    expected = np.stack([resize_and_crop(Image.fromarray(one), size, crop) for one in make_images(height, width)])
    np.testing.assert_allclose(found.numpy(), expected.transpose(0, 3, 1, 2) / 255, atol=1e-6)


def resize_and_crop(image, size, crop):
    """As torchvision's documentation of Resize(size) and CenterCrop(crop) says, in Pillow's own words."""
    width, height = image.size
    scaled = (size, int(size * height / width)) if width <= height else (int(size * width / height), size)
    image = image.resize(scaled, Image.Resampling.BILINEAR)
    left, top = (round((side - crop) / 2.0) for side in image.size)
    return np.asarray(image.crop((left, top, left + crop, top + crop)))


def test_crop_alone_takes_the_middle():
    images = make_images(10, 12)
    found = Preprocessing(crop=8, scale="0..255").prepare(images)
    assert np.array_equal(found.numpy(), images[:, 1:9, 2:10].transpose(0, 3, 1, 2).astype(np.float32))


def test_without_crop_and_fit_nothing_changes():
    images = make_images(9, 9)
    assert torch.equal(Preprocessing(size=6).prepare(images), Preprocessing(size=6, fit="stretch").prepare(images))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({"crop": 40}, "expected images of 40 pixels or more a side to crop"),
        ({"fit": "shorter-side"}, "'preprocessing.fit' without 'size'"),
    ],
)
def test_steps_that_cannot_be_taken_are_refused(steps, message):
    with pytest.raises(CaseError, match=message):
        Preprocessing(**steps).prepare(make_images(20, 20))


def test_features_are_not_cropped():
    with pytest.raises(CaseError, match="the data holds features"):
        Preprocessing(crop=3).prepare(np.zeros((2, 5), np.float32))
