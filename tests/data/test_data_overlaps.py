"""Leaks between the splits are noticed without being asked for."""

import numpy as np

from unlearn_audit.data import find_overlaps


def listed(dataset):
    return [
        (" ".join(filter(None, (overlap.copies, overlap.column))), overlap.splits, overlap.shared_groups)
        for overlap in find_overlaps(dataset)
    ]


def test_a_lesion_in_two_splits_is_an_overlap(make_dataset):
    """Lesion c stands in train twice and in validation once, d in validation and test; unknown is none."""
    assert listed(make_dataset()) == [
        ("lesion_id", ("train", "validation"), 1),
        ("lesion_id", ("validation", "test"), 1),
    ]


def test_unknown_patients_are_not_one_patient(make_dataset):
    assert listed(make_dataset(groups={"patient_id": np.array([""] * 12)})) == []


def test_other_columns_are_no_leaks(make_dataset):
    assert listed(make_dataset(groups={"sex": np.array(["male"] * 12)})) == []


def test_a_repeated_image_id_is_a_leak(make_dataset):
    groups = {"image_id": np.array([f"i{n}" for n in range(11)] + ["i0"])}
    assert listed(make_dataset(groups=groups)) == [("image_id", ("train", "test"), 1)]


def test_identical_pixels_are_found_and_counted_once(make_dataset):
    x = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    x[6] = x[7] = x[0]
    x[9] = x[1]
    assert listed(make_dataset(x=x, groups={})) == [
        ("identical image", ("train", "validation"), 1),
        ("identical image", ("train", "test"), 1),
    ]


def test_identical_features_are_called_records(make_dataset):
    x = np.arange(24, dtype=np.float32).reshape(12, 2)
    x[11] = x[0]
    assert listed(make_dataset(x=x, groups={})) == [("identical record", ("train", "test"), 1)]
