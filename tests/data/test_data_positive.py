"""Which classes are malignant: a name too many or too few is a missed melanoma."""

import numpy as np
import pytest

from unlearn_audit.data import binarise, load_dataset, map_positive, map_task
from unlearn_audit.errors import DataError

NAMES = ("harmless", "harmful")


@pytest.mark.parametrize("positive", [("melanoma",), ("1",)])
def test_a_class_is_named_by_name_or_number(make_dataset, positive):
    assert map_positive(make_dataset(), positive) == (1,)


def test_positive_classes_come_sorted(make_dataset):
    assert map_positive(make_dataset(), ("keratosis", "0")) == (0, 2)


@pytest.mark.parametrize(
    ("positive", "message", "hint"),
    [
        (
            ("melanom",),
            "data set 'toy' has no class 'melanom'; its classes are 0 = 'nevus', 1 = 'melanoma', 2 = 'keratosis'",
            "did you mean 'melanoma'?",
        ),
        (("zzz",), "has no class 'zzz'", "name a class or its number"),
        (("3",), "has no class '3'", "name a class or its number"),
        (("01",), "has no class '01'", "name a class or its number"),
        (("-1",), "has no class '-1'", "name a class or its number"),
        (("1", "melanoma"), "the positive classes name 'melanoma' more than once", None),
        ((), "expected some but not all of the 3 classes as positive, found none", None),
        (("0", "1", "2"), "expected some but not all of the 3 classes as positive, found '0', '1', '2'", None),
    ],
)
def test_what_names_no_proper_part_of_the_classes_is_refused(make_dataset, positive, message, hint):
    with pytest.raises(DataError) as refusal:
        map_positive(make_dataset(), positive)
    assert message in refusal.value.message
    assert refusal.value.hint == hint


def test_a_number_that_is_also_the_name_of_another_class_is_refused(make_dataset):
    with pytest.raises(DataError) as refusal:
        map_positive(make_dataset(classes=("1", "2", "3")), ("1",))
    assert "positive class '1' could be the class of that name (number 0) or the class number 1 ('2')" in (
        refusal.value.message
    )


def test_classes_named_by_their_own_numbers_are_not_ambiguous(make_dataset):
    assert map_positive(make_dataset(classes=("0", "1", "2")), ("1", "2")) == (1, 2)


def test_two_classes_remain_and_the_original_is_kept_as_a_column(make_dataset):
    dataset = make_dataset()
    mapped = binarise(dataset, ("melanoma", "keratosis"), NAMES)
    assert mapped.classes == NAMES
    assert mapped.label.tolist() == [0, 1, 1] * 4
    assert mapped.groups["class"].tolist() == ["nevus", "melanoma", "keratosis"] * 4
    assert mapped.groups["sex"].tolist() == dataset.groups["sex"].tolist()
    assert mapped.x is dataset.x


def test_malignant_stays_malignant_where_it_was_class_zero():
    mapped = binarise(load_dataset("breast-cytology"), ("malignant",))
    assert mapped.classes == ("benign", "malignant")
    assert int(mapped.label.sum()) == 212
    assert set(mapped.groups["class"][mapped.label == 1]) == {"malignant"}


def test_dermamnist_has_the_published_number_of_malignant_lesions(real_file):
    dataset = load_dataset("dermamnist", real_file("dermamnist_rebuilt_28.npz"))
    mapped = binarise(dataset, ("0", "basal cell carcinoma", "melanoma"))
    assert [int(mapped.label[mapped.select(s)].sum()) for s in ("train", "validation", "test")] == [1366, 196, 392]


def test_a_column_called_class_is_refused(make_dataset):
    with pytest.raises(DataError, match="the group column 'class' is needed for the original class"):
        binarise(make_dataset(groups={"class": np.array(["x"] * 12)}), ("1",))


@pytest.mark.parametrize("head", ["binary", "classes"])
@pytest.mark.parametrize(("split", "n"), [("train", 6), ("validation", 3), ("test", 3)])
def test_a_split_without_positives_is_refused_with_either_head(make_dataset, head, split, n):
    dataset = make_dataset()
    label = np.where((dataset.split == split) & (dataset.label == 1), 0, dataset.label)
    with pytest.raises(DataError) as refusal:
        map_task(make_dataset(label=label), ("melanoma",), head, NAMES)
    assert f"expected positives and negatives in {split}, found 0 positive and {n} negative" in refusal.value.message
    assert refusal.value.hint == "check the positive classes of the policy: 'melanoma'"


def test_a_split_without_negatives_is_refused(make_dataset):
    dataset = make_dataset()
    with pytest.raises(DataError, match="in test, found 3 positive and 0 negative"):
        binarise(make_dataset(label=np.where(dataset.split == "test", 1, dataset.label)), ("melanoma",))


def test_the_binary_head_has_class_one_as_positive(make_dataset):
    task = map_task(make_dataset(), ("nevus",), "binary", NAMES)
    assert (task.positive, task.dataset.classes) == ((1,), NAMES)


def test_the_classes_head_keeps_the_data_set(make_dataset):
    dataset = make_dataset()
    task = map_task(dataset, ("2", "melanoma"), "classes", NAMES)
    assert (task.positive, task.dataset) == ((1, 2), dataset)


def test_a_class_that_train_does_not_show_is_refused_by_the_classes_head(make_dataset):
    dataset = make_dataset()
    lacking = make_dataset(label=np.where((dataset.split == "train") & (dataset.label == 2), 0, dataset.label))
    with pytest.raises(DataError, match="expected training records of every class, found none of 'keratosis'"):
        map_task(lacking, ("melanoma",), "classes", NAMES)
    assert map_task(lacking, ("melanoma",), "binary", NAMES).positive == (1,)
