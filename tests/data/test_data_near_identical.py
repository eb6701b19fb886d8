"""Near-identical images are found though they were changed a little; different images are not called so."""

import numpy as np
import pytest

from unlearn_audit.data import find_overlaps

SIDE = 32


def make_images(n, seed=1):
    """Smooth grey blobs with some texture, in the likeness of lesions: none resembles another."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    images = np.empty((n, SIDE, SIDE, 1))
    for image in images:
        waves = sum(
            rng.normal() * np.cos(2 * np.pi * (rows * u + columns * v) / SIDE + rng.uniform(0, 6.3)) / (1 + u + v)
            for u in range(4)
            for v in range(4)
            if u + v
        )
        image[..., 0] = 128 + 50 * waves / np.abs(waves).max() + rng.normal(0, 2, (SIDE, SIDE))
    return images


def as_bytes(images):
    return np.clip(images, 0, 255).round().astype(np.uint8)


@pytest.fixture
def overlap(make_dataset):
    """Near-identical images of twelve of which the last, in test, is made of the first, in train."""

    def find(change):
        images = make_images(11)
        x = as_bytes(np.concatenate([images, change(images[:1])]))
        found = find_overlaps(make_dataset(x=x, groups={}))
        return [(" ".join(filter(None, (o.copies, o.column))), o.splits, o.shared_groups) for o in found]

    return find


def halve(images):
    return images.reshape(len(images), SIDE // 2, 2, SIDE // 2, 2, 1).mean(axis=(2, 4))


def crop(images, pixels):
    """Cut off `pixels` on each side and scale back, linearly."""
    at = np.linspace(pixels, SIDE - 1 - pixels, SIDE)
    low = np.floor(at).astype(int).clip(0, SIDE - 2)
    share = at - low
    rows = images[:, low] * (1 - share)[:, None, None] + images[:, low + 1] * share[:, None, None]
    return rows[:, :, low] * (1 - share)[:, None] + rows[:, :, low + 1] * share[:, None]


NEAR = [("near-identical image", ("train", "test"), 1)]


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images * 0.8 + 10,
        lambda images: images * 1.15,
        lambda images: 255 - (255 - images) * 0.7,
        lambda images: images + np.random.default_rng(2).normal(0, 5, images.shape),
        lambda images: images // 16 * 16,
        lambda images: halve(images).repeat(2, axis=1).repeat(2, axis=2),
        lambda images: crop(images, 0.5),
        lambda images: crop(images, 1.0),
    ],
    ids=["darker", "brighter", "paler", "noise", "coarser greys", "half the resolution", "crop", "more crop"],
)
def test_a_changed_copy_is_found(overlap, change):
    assert overlap(change) == NEAR


@pytest.mark.parametrize(
    "change",
    [
        lambda images: make_images(1, seed=9),
        lambda images: images[:, ::-1],
        lambda images: 255 - images,
        lambda images: np.full_like(images, 128) + np.random.default_rng(3).normal(0, 1, images.shape),
    ],
    ids=["another image", "mirrored, which is not looked for", "negative", "nothing to see"],
)
def test_another_image_is_not_called_a_copy(overlap, change):
    assert overlap(change) == []


def test_an_identical_copy_is_called_identical_and_counted_once(overlap):
    assert overlap(lambda images: images) == [("identical image", ("train", "test"), 1)]


def test_two_copies_of_one_image_count_as_two_in_the_later_split(make_dataset):
    images = make_images(10)
    x = as_bytes(np.concatenate([images, images[:1] * 0.9, images[:1] * 0.8]))

    found = find_overlaps(make_dataset(x=x, groups={}))

    assert [(o.splits, o.shared_groups) for o in found] == [(("train", "test"), 2)]
    assert "thumbnails" in found[0].method.text


def test_flat_images_resemble_nobody(make_dataset):
    x = np.full((12, SIDE, SIDE, 3), 90, np.uint8)
    x[np.arange(12), 0, 0, 0] = np.arange(12)

    assert find_overlaps(make_dataset(x=x, groups={})) == ()


def test_many_likenesses_are_no_burden(make_dataset):
    """Where everything resembles everything the most alike are looked at, and found."""
    rng = np.random.default_rng(4)
    n = 600
    x = as_bytes(make_images(1) + rng.normal(0, 1, (n, SIDE, SIDE, 1)))
    split = np.repeat(["train", "validation", "test"], n // 3)
    fields = {"label": np.arange(n, dtype=np.int64) % 3, "ids": np.array([f"i{i}" for i in range(n)]), "split": split}

    found = find_overlaps(make_dataset(x=x, groups={}, **fields))

    assert [o.shared_groups for o in found] == [200, 200, 200]


def test_features_and_tiny_images_are_compared_for_identity_only(make_dataset):
    tiny = as_bytes(make_images(12)[:, :8, :8])
    tiny[11] = np.clip(tiny[0].astype(int) + 1, 0, 255)

    assert find_overlaps(make_dataset(x=tiny, groups={})) == ()
