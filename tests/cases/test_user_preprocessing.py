"""preprocess(image) -> array of the user's: the same inputs at once and batch by batch, for every model of the case."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from unlearn_audit.cases.user_functions import ImageConverter
from unlearn_audit.errors import CaseError
from unlearn_audit.reference_models import pool as pools
from unlearn_audit.reference_models.pool import Pool, show_inputs
from unlearn_audit.training import Streamed
from unlearn_audit.training.contract import check_preprocessing
from unlearn_audit.user_code import find_user_function

CODE = """\
import numpy as np


def prepare(image):
    return np.kron(image.transpose(2, 0, 1) / 255, np.ones((1, 2, 2)))


def scribble(image):
    image[:] = 0
    return image / 255


def shapeless(image):
    return np.zeros(1 + int(image[0, 0, 0]) % 3)


def moody(image):
    return image + np.random.normal()


def raises(image):
    raise ValueError("no such image")
"""


@pytest.fixture
def find(tmp_path):
    (tmp_path / "prepare.py").write_text(CODE)
    return lambda name: find_user_function(f"prepare.py:{name}", tmp_path)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (20, 6, 6, 3), dtype=np.uint8)


def test_inputs_are_made_image_by_image(find, images):
    made = ImageConverter(find("prepare"))(images)
    assert made.shape == (20, 3, 12, 12)
    assert made.dtype == torch.float32
    assert torch.equal(made[3], ImageConverter(find("prepare"))(images[3:4])[0])


def test_large_inputs_are_made_batch_by_batch_and_are_the_same(find, images, monkeypatch):
    convert = ImageConverter(find("prepare"))
    whole = show_inputs(images, convert)
    monkeypatch.setattr(pools, "MOST_INPUT_BYTES", 1_000)
    streamed = show_inputs(images, convert)
    pool = Pool(images, np.arange(20) % 2, np.arange(20) % 2 == 1, convert)
    records = pool.cut(np.arange(20) >= 5)

    assert isinstance(streamed, Streamed)
    assert torch.equal(streamed[:], whole)
    assert isinstance(records.x, Streamed)
    loaded = torch.cat([x for x, _ in DataLoader(records, batch_size=4)])
    assert torch.equal(loaded, whole[5:])
    assert torch.equal(records[2][0], whole[7])


def test_code_that_holds_is_said_to(find, images):
    assert all(check.holds for check in check_preprocessing(find("prepare"), images[:4]))


@pytest.mark.parametrize(
    ("name", "what"), [("scribble", "leaves the image as it was"), ("moody", "gives one image one answer")]
)
def test_code_that_does_not_hold_is_found(find, images, name, what):
    broken = [check.what for check in check_preprocessing(find(name), images[:4]) if not check.holds]
    assert what in broken


@pytest.mark.parametrize(
    ("name", "message"), [("shapeless", "one shape"), ("raises", "raised ValueError: no such image")]
)
def test_code_that_cannot_be_used_is_refused(find, images, name, message):
    with pytest.raises(CaseError, match=message):
        check_preprocessing(find(name), images)
