"""Splits that share no patient, and ages that become the policy's bands."""

import numpy as np
import pytest

from unlearn_audit.data import band_columns, find_overlaps, make_disjoint, take_splits
from unlearn_audit.errors import DataError


def test_who_stands_in_test_is_left_out_of_train_and_validation(make_dataset):
    """Lesions: train a a b b c '', validation c d '', test d e ''. d leaves validation, c then leaves train."""
    dataset, account = make_disjoint(make_dataset(), "lesion_id")

    assert dataset.groups["lesion_id"].tolist() == ["a", "a", "b", "b", "", "c", "", "d", "e", ""]
    assert account.dropped == {"train": 1, "validation": 1}
    assert account.unknown == 3
    assert not find_overlaps(dataset)


def test_nothing_is_left_out_where_nothing_is_shared(make_dataset):
    groups = {"lesion_id": np.array([f"l{i}" for i in range(12)])}

    dataset, account = make_disjoint(make_dataset(groups=groups), "lesion_id")

    assert dataset.ids.tolist() == make_dataset().ids.tolist()
    assert account.dropped == {"train": 0, "validation": 0}


def test_the_same_data_gives_the_same_splits(make_dataset):
    first, second = (make_disjoint(make_dataset(), "lesion_id")[0] for _ in range(2))

    assert first.ids.tolist() == second.ids.tolist()


def test_exact_columns_and_images_follow_their_records(make_dataset):
    dataset, _ = make_disjoint(make_dataset(exact={"age": np.array([str(i) for i in range(12)])}), "lesion_id")

    assert dataset.exact["age"].tolist() == [item.removeprefix("r").lstrip("0") or "0" for item in dataset.ids]
    assert dataset.x[:, 0].tolist() == [2.0 * int(age) for age in dataset.exact["age"]]


@pytest.mark.parametrize(
    ("column", "message"), [("patient_id", "needs the column 'patient_id'"), ("nobody", "unknown for every record")]
)
def test_a_column_that_keeps_nobody_apart_is_an_error(make_dataset, column, message):
    groups = {"lesion_id": make_dataset().groups["lesion_id"], "nobody": np.array([""] * 12)}

    with pytest.raises(DataError, match=message):
        make_disjoint(make_dataset(groups=groups), column)


def test_a_split_that_is_left_empty_is_an_error(make_dataset):
    groups = {"lesion_id": np.array(["a"] * 6 + ["b"] * 3 + ["b", "a", "c"])}

    with pytest.raises(DataError, match="found none in train"):
        make_disjoint(make_dataset(groups=groups), "lesion_id")


def test_splits_are_taken_from_a_column(make_dataset):
    named = np.array(["train"] * 5 + ["val"] * 4 + ["test"] * 3)

    dataset = take_splits(make_dataset(groups={"c_split": named}), "c_split")

    assert dataset.split.tolist() == ["train"] * 5 + ["validation"] * 4 + ["test"] * 3
    assert [entry.code for entry in dataset.intake] == ["splits.spelt", "splits.column"]


@pytest.mark.parametrize("wrong", ["", "holdout"])
def test_a_split_column_names_a_split_for_every_record(make_dataset, wrong):
    named = np.array(["train"] * 5 + ["val"] * 4 + ["test"] * 2 + [wrong])

    with pytest.raises(DataError, match=f"column 'c_split': expected the splits .*, found '{wrong}'"):
        take_splits(make_dataset(groups={"c_split": named}), "c_split")


BANDS = {"age": ((30.0, 50.0), ("under 30", "30 to 49", "50 and over"))}


def test_exact_ages_become_the_policys_bands(make_dataset):
    ages = np.array(["29", "30", "49", "50", "", "0"] * 2)
    dataset = make_dataset(exact={"age": ages}, groups={"age_band": np.array(["40 to 59"] * 12)})

    banded = band_columns(dataset, BANDS).groups

    assert banded["age_band"].tolist() == ["under 30", "30 to 49", "30 to 49", "50 and over", "", "under 30"] * 2


def test_any_numeric_column_can_be_banded_and_leaves_as_bands_only(make_dataset):
    dataset = make_dataset(groups={"size_mm": np.array(["0.5", "2", "", "11.5"] * 3)})

    banded = band_columns(dataset, {"size_mm": ((2.0,), ("under 2", "2 and over"))}).groups

    assert set(banded) == {"size_mm_band"}
    assert banded["size_mm_band"].tolist() == ["under 2", "2 and over", "", "2 and over"] * 3


@pytest.mark.parametrize("value", ["old", "nan", "inf"])
def test_what_is_no_number_has_no_band(make_dataset, value):
    with pytest.raises(DataError, match="column 'size'"):
        band_columns(make_dataset(groups={"size": np.array([value] * 12)}), {"size": ((2.0,), ("under 2", "more"))})


def test_a_column_that_the_data_lacks_is_left_to_the_numbers_that_need_it(make_dataset):
    assert set(band_columns(make_dataset(), BANDS).groups) == {"lesion_id", "sex"}
