"""The contract that every data set of the table keeps, tried on each that can be loaded here."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from unlearn_audit.data import DATASETS, SPLITS, find_overlaps, load_dataset
from unlearn_audit.data.apportion import apportion
from unlearn_audit.data.cytology import split_by_hash
from unlearn_audit.data.medmnist_sets import TITLES, _read_info, find_published
from unlearn_audit.errors import DataError, UnknownNameError

FILES = {
    "breast-cytology": None,
    "breastmnist": "breastmnist.npz",
    "dermamnist": "dermamnist_rebuilt_28.npz",
    "pathmnist": "made",
    "own-data": "made",
}


@pytest.fixture(params=FILES)
def loaded(request, real_file, make_arrays, write_npz):
    file = FILES[request.param]
    path = write_npz(make_arrays(classes=9)) if file == "made" else file and real_file(file)
    return lambda: load_dataset(request.param, path, download=False)


def test_every_data_set_says_where_it_comes_from(loaded):
    dataset = loaded()
    assert dataset.source
    assert dataset.licence
    assert len(dataset.sha256) == 64


def test_loading_twice_gives_the_same_bits(loaded):
    first, second = loaded(), loaded()
    assert first.x.tobytes() == second.x.tobytes()
    assert first.label.tolist() == second.label.tolist()
    assert first.ids.tolist() == second.ids.tolist()
    assert first.split.tolist() == second.split.tolist()
    assert first.sha256 == second.sha256


def test_every_split_shows_more_than_one_class(loaded):
    dataset = loaded()
    assert all(len(np.unique(dataset.label[dataset.select(split)])) > 1 for split in SPLITS)


def test_every_entry_has_a_title():
    assert all(source.title for source in DATASETS.values())


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError) as refusal:
        load_dataset("dermanist")
    assert (refusal.value.message, refusal.value.hint) == (
        "no data set is called 'dermanist'",
        "did you mean 'dermamnist'?",
    )


def test_the_table_holds_every_flat_medmnist_set_with_one_label_per_image():
    expected = {
        flag
        for flag, info in _read_info().items()
        if not flag.endswith("3d") and info["task"] in ("multi-class", "binary-class", "ordinal-regression")
    }
    assert set(TITLES) == expected


@pytest.mark.parametrize("flag", TITLES)
def test_the_title_counts_the_published_classes(flag):
    published = find_published(flag)
    assert TITLES[flag].startswith(f"{published.title}: ")
    assert TITLES[flag].endswith(f" {len(published.classes)} classes")


def test_listing_the_data_sets_imports_nothing_heavy():
    code = (
        "import sys; from unlearn_audit.data import DATASETS; list(DATASETS); "
        "print([m for m in ('torch', 'medmnist', 'sklearn', 'scipy', 'pooch', 'requests', 'PIL') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_reading_medmnists_labels_imports_no_torch():
    code = (
        "import sys; from unlearn_audit.data.medmnist_sets import find_published; "
        "print(find_published('pathmnist').classes[8], 'torch' in sys.modules, 'medmnist' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "colorectal adenocarcinoma epithelium False False"


# The embedded set


def count_by_split(dataset, number):
    return [int((dataset.label[dataset.select(split)] == number).sum()) for split in SPLITS]


def test_breast_cytology_is_the_real_set_in_its_fixed_split():
    dataset = load_dataset("breast-cytology")
    assert dataset.x.shape == (569, 30)
    assert dataset.classes == ("malignant", "benign")
    assert count_by_split(dataset, 0) == [112, 25, 75]
    assert count_by_split(dataset, 1) == [188, 44, 125]
    assert dataset.official is None
    assert dataset.licence == "CC BY 4.0"


def test_breast_cytology_never_changes_in_silence():
    dataset = load_dataset("breast-cytology")
    assert dataset.sha256 == "25e2eb7b7a8745b1bde5ba18bc4969983d2e2f403291ecd5bde4a29ef30c3859"
    assert hashlib.sha256("".join(split[0] for split in dataset.split).encode()).hexdigest() == (
        "d452da982603fa440307225f84b3185c0520325d26266a163f55cf19a8145eef"
    )


def test_breast_cytology_is_standardised_by_the_training_records_alone():
    dataset = load_dataset("breast-cytology")
    train = dataset.x[dataset.select("train")].astype(np.float64)
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-6)
    assert abs(dataset.x[dataset.select("test")].mean(axis=0)).max() > 0.01


def test_breast_cytology_has_no_record_twice():
    assert find_overlaps(load_dataset("breast-cytology")) == ()


def test_breast_cytology_refuses_a_file(tmp_path):
    with pytest.raises(DataError, match="is built in and reads no file, found --data"):
        load_dataset("breast-cytology", tmp_path / "mine.npz")


def test_own_data_needs_a_file():
    with pytest.raises(DataError, match="'own-data' needs a file or folder, found none"):
        load_dataset("own-data")


def test_a_split_by_hash_gives_every_class_its_share():
    label = np.repeat([0, 1, 2], [500, 60, 9])
    split = split_by_hash(label)
    assert [(split == name).sum() for name in SPLITS] == [300, 69, 200]
    assert (split[label == 2] == "train").sum() in (4, 5)


@pytest.mark.parametrize(
    ("total", "quotas", "shares"),
    [(10, [5.0, 5.0], [5, 5]), (1, [0.5, 0.5], [1, 0]), (3, [2.4, 0.6], [2, 1]), (0, [0.0, 0.4], [0, 0])],
)
def test_shares_are_quotas_rounded_by_largest_remainder(total, quotas, shares):
    assert apportion(total, quotas) == shares


# The real files


def test_the_official_breastmnist_is_recognised(real_file):
    dataset = load_dataset("breastmnist", real_file("breastmnist.npz"))
    assert dataset.official is True
    assert dataset.notes == ()
    assert dataset.x.shape == (780, 28, 28, 1)
    assert dataset.classes == ("malignant", "normal, benign")
    assert count_by_split(dataset, 0) == [147, 21, 42]
    assert dataset.ids[[0, 546, 624]].tolist() == ["train-0", "validation-0", "test-0"]


def test_the_rebuilt_dermamnist_says_that_it_is_not_the_published_file(real_file):
    dataset = load_dataset("dermamnist", real_file("dermamnist_rebuilt_28.npz"))
    assert dataset.official is False
    (note,) = dataset.notes
    assert note.text == (
        "dermamnist_rebuilt_28.npz is not the published file: its MD5 is 0f7b3538f824788d9ccbf97b26227bee, "
        "the published one 0744692d530f8e62ec473284d019b0c7"
    )
    assert dataset.licence == "CC BY-NC 4.0"
    assert dataset.ids[0] == "ISIC_0024306"
    assert set(dataset.groups) == {"lesion_id", "c_split", "sex", "localization", "age_band"}
    assert set(dataset.groups["sex"]) == {"", "female", "male"}


def list_overlaps(overlaps):
    return [
        (" ".join(filter(None, (overlap.copies, overlap.column))), overlap.splits, overlap.shared_groups)
        for overlap in overlaps
    ]


def test_the_leaks_of_dermamnist_are_found(real_file):
    assert list_overlaps(find_overlaps(load_dataset("dermamnist", real_file("dermamnist_rebuilt_28.npz")))) == [
        ("lesion_id", ("train", "validation"), 332),
        ("lesion_id", ("train", "test"), 641),
        ("lesion_id", ("validation", "test"), 113),
        ("near-identical image", ("train", "validation"), 26),
        ("near-identical image", ("train", "test"), 38),
        ("near-identical image", ("validation", "test"), 5),
    ]


def test_the_repeated_images_of_breastmnist_are_found(real_file):
    assert list_overlaps(find_overlaps(load_dataset("breastmnist", real_file("breastmnist.npz")))) == [
        ("identical image", ("train", "test"), 1),
        ("near-identical image", ("train", "validation"), 30),
        ("near-identical image", ("train", "test"), 56),
        ("near-identical image", ("validation", "test"), 8),
    ]
