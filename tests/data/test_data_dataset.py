"""What a data set must be before anything is computed from it."""

import numpy as np
import pytest

from unlearn_audit.errors import DataError


def test_a_sound_data_set_is_accepted(make_dataset):
    assert len(make_dataset()) == 12


def test_images_and_features_are_accepted(make_dataset):
    assert make_dataset(x=np.zeros((12, 4, 5, 1), np.uint8)).x.shape == (12, 4, 5, 1)


def test_a_split_is_selected_by_name(make_dataset):
    assert np.flatnonzero(make_dataset().select("validation")).tolist() == [6, 7, 8]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"label": np.zeros(11, np.int64)},
            "data set 'toy': expected one label for each of 12 records, found shape (11,)",
        ),
        ({"label": np.zeros((12, 1), np.int64)}, "expected one label for each of 12 records, found shape (12, 1)"),
        ({"split": np.array(["train"] * 3)}, "expected one split for each of 12 records, found shape (3,)"),
        ({"groups": {"sex": np.array(["male"])}}, "expected one group 'sex' for each of 12 records, found shape (1,)"),
        ({"groups": {"label": np.array(["x"] * 12)}}, "a group column cannot be called 'label'"),
        ({"x": np.zeros((11, 2), np.float32)}, "expected x for each of 12 records, found 11"),
        ({"x": np.zeros((12, 4, 4), np.uint8)}, "found uint8 of shape (12, 4, 4)"),
        ({"x": np.zeros((12, 4, 4, 2), np.uint8)}, "found uint8 of shape (12, 4, 4, 2)"),
        ({"x": np.zeros((12, 4, 4, 3), np.float32)}, "found float32 of shape (12, 4, 4, 3)"),
        ({"x": np.zeros((12, 0), np.float32)}, "found float32 of shape (12, 0)"),
        ({"x": np.zeros((12, 2), np.int64)}, "found int64 of shape (12, 2)"),
        ({"ids": np.array(["same"] * 12)}, "expected unique record ids, found duplicates: 'same'"),
        ({"ids": np.array(["", *"abcdefghijk"])}, "expected a non-empty id for every record, found none at 0"),
        ({"split": np.array(["train"] * 6 + ["val"] * 6)}, "expected splits train, validation, test, found 'val'"),
        ({"split": np.array(["train"] * 6 + ["validation"] * 6)}, "found none in test"),
        ({"split": np.array(["test"] * 6 + ["validation"] * 6)}, "found none in train"),
        (
            {"label": np.full(12, 3)},
            "expected labels 0 to 2, one for each of 3 classes, found 3 at 'r00', 'r01', 'r02' and 9",
        ),
        ({"label": np.full(12, -1)}, "found -1 at 'r00'"),
        ({"label": np.zeros(12, np.float64)}, "expected labels as int64, found float64"),
        ({"classes": ("one", "one", "two")}, "expected distinct, non-empty class names, found ['one', 'one', 'two']"),
        ({"classes": ("only",), "label": np.zeros(12, np.int64)}, "expected at least two classes, found 1: 'only'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make_dataset, changes, message):
    with pytest.raises(DataError) as refusal:
        make_dataset(**changes)
    assert message in refusal.value.message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_no_numbers_are_refused_with_the_record(make_dataset, value):
    x = np.zeros((12, 2), np.float32)
    x[4, 1] = value
    with pytest.raises(DataError) as refusal:
        make_dataset(x=x)
    assert "features that are no finite numbers (NaN or infinite) at 'r04'" in refusal.value.message
