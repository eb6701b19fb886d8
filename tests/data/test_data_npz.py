"""Reading an npz in MedMNIST's format, and refusing what is none."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearn_audit.data import archive as archive_module
from unlearn_audit.data import load_dataset
from unlearn_audit.data.archive import open_archive
from unlearn_audit.errors import DataError


def find_entry(dataset, code):
    (entry,) = [entry for entry in dataset.intake if entry.code == code]
    return entry


def add_column(arrays, name, values):
    start = 0
    for prefix in ("train", "val", "test"):
        n = len(arrays[f"{prefix}_labels"])
        arrays[f"{prefix}_{name}"] = np.array(values[start : start + n])
        start += n
    return arrays


def load(path):
    return load_dataset("own-data", path)


def refuse(path):
    with pytest.raises(DataError) as refusal:
        load(path)
    return refusal.value


def test_images_and_labels_of_the_splits_stand_one_after_the_other(make_arrays, write_npz):
    arrays = make_arrays()
    dataset = load(write_npz(arrays))
    assert dataset.x.tobytes() == b"".join(arrays[f"{p}_images"].tobytes() for p in ("train", "val", "test"))
    assert dataset.label.tolist() == [int(v) for p in ("train", "val", "test") for v in arrays[f"{p}_labels"][:, 0]]
    assert dataset.classes == ("0", "1", "2", "3")
    assert dataset.official is None
    assert dataset.ids[[0, 39, 40, 48]].tolist() == ["train-0", "train-39", "validation-0", "test-0"]


def test_grey_images_get_a_channel(make_arrays, write_npz):
    assert load(write_npz(make_arrays(size=(6, 5)))).x.shape == (60, 6, 5, 1)


def test_arrays_in_fortran_order_and_uncompressed_files_are_read_alike(make_arrays, write_npz, tmp_path):
    arrays = make_arrays()
    expected = load(write_npz(arrays)).x
    arrays["train_images"] = np.asfortranarray(arrays["train_images"])
    np.savez(tmp_path / "plain.npz", **arrays)
    assert (load(tmp_path / "plain.npz").x == expected).all()


def test_class_names_come_from_the_file(make_arrays, write_npz):
    arrays = make_arrays(classes=2) | {"classes": np.array(["benign", "malignant"])}
    assert load(write_npz(arrays)).classes == ("benign", "malignant")


def test_class_names_other_than_the_published_are_refused(make_arrays, write_npz):
    """A label must never mean two things: swapped names would swap benign and malignant."""
    path = write_npz(make_arrays(classes=2) | {"classes": np.array(["normal, benign", "malignant"])})
    with pytest.raises(DataError) as refusal:
        load_dataset("breastmnist", path)
    assert "the file names its classes ['normal, benign', 'malignant'], but 'breastmnist' has" in refusal.value.message
    assert "'own-data'" in refusal.value.hint


def test_a_pathmnist_shaped_file_gets_the_published_classes(make_arrays, write_npz):
    dataset = load_dataset("pathmnist", write_npz(make_arrays(classes=9, size=(28, 28, 3))))
    assert dataset.classes[7:] == ("cancer-associated stroma", "colorectal adenocarcinoma epithelium")
    assert dataset.official is False
    assert dataset.notes[1].text == (
        "the splits hold 40 / 8 / 12 records (train / validation / test), the published ones 89,996 / 10,004 / 7,180"
    )


# Columns


def test_the_image_id_names_the_records(make_arrays, write_npz):
    dataset = load(write_npz(add_column(make_arrays(), "image_id", [f"ISIC_{i}" for i in range(60)])))
    assert dataset.ids[0] == "ISIC_0"
    assert "image_id" not in dataset.groups


def test_an_image_id_that_repeats_stays_a_column_and_is_noted(make_arrays, write_npz):
    dataset = load(write_npz(add_column(make_arrays(), "image_id", ["twice", "twice", *map(str, range(58))])))
    assert dataset.ids[0] == "train-0"
    assert dataset.groups["image_id"][1] == "twice"
    assert find_entry(dataset, "ids.passed-over").details["column"] == "image_id"


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        (["male", " male ", "unknown", "NaN", "", "N/A"], ["male", "male", "", "", "", ""]),
        ([b"male", b"unknown"], ["male", ""]),
        ([1_234_567.0, np.nan], ["1234567", ""]),
        ([1.5, 2.0], ["1.5", "2"]),
        ([12, 7], ["12", "7"]),
        ([True, False], ["True", "False"]),
    ],
)
def test_columns_become_text_with_unknown_as_empty(make_arrays, write_npz, stored, read):
    dataset = load(write_npz(add_column(make_arrays(), "site", (stored * 60)[:60])))
    assert dataset.groups["site"].tolist() == (read * 60)[:60]


def test_ages_become_bands(make_arrays, write_npz):
    ages = [0.0, 39.9, 40.0, 59.5, 60.0, 129.0, np.nan]
    dataset = load(write_npz(add_column(make_arrays(), "age", (ages * 9)[:60])))
    bands = ["under 40", "under 40", "40 to 59", "40 to 59", "60 and over", "60 and over", ""]
    assert dataset.groups["age_band"].tolist() == (bands * 9)[:60]
    assert "age" not in dataset.groups


@pytest.mark.parametrize(("age", "found"), [(-1.0, "'-1'"), (130.0, "'130'"), (np.inf, "'inf'")])
def test_an_age_that_cannot_be_is_refused(make_arrays, write_npz, age, found):
    refusal = refuse(write_npz(add_column(make_arrays(), "age", [age] + [50.0] * 59)))
    assert f"expected ages between 0 and 130 years, found {found}" in refusal.message


def test_an_age_in_words_is_refused(make_arrays, write_npz):
    refusal = refuse(write_npz(add_column(make_arrays(), "age", ["old"] * 60)))
    assert "'age': expected ages in years, found text" in refusal.message


def test_an_age_beside_an_age_band_is_refused(make_arrays, write_npz):
    arrays = add_column(add_column(make_arrays(), "age", [50] * 60), "age_band", ["old"] * 60)
    assert "found both 'age' and 'age_band'" in refuse(write_npz(arrays)).message


def test_a_column_of_one_split_only_is_refused(make_arrays, write_npz):
    """Filled up with unknowns it would hide every leak."""
    refusal = refuse(write_npz(make_arrays() | {"train_lesion_id": np.array(["x"] * 40)}))
    assert "the column 'lesion_id' needs train_lesion_id, val_lesion_id, test_lesion_id" in refusal.message
    assert "missing val_lesion_id, test_lesion_id" in refusal.message


def test_a_column_of_the_wrong_length_is_refused(make_arrays, write_npz):
    arrays = add_column(make_arrays(), "sex", ["male"] * 60)
    arrays["val_sex"] = arrays["val_sex"][:5]
    assert "expected 8 values in 'val_sex', found shape (5,)" in refuse(write_npz(arrays)).message


def test_a_column_that_is_neither_text_nor_number_is_refused(make_arrays, write_npz):
    refusal = refuse(write_npz(add_column(make_arrays(), "shift", [np.timedelta64(1, "D")] * 60)))
    assert "'train_shift': expected text or numbers, found timedelta64[D]" in refusal.message


def test_dates_stay_dates(make_arrays, write_npz):
    loaded = load(write_npz(add_column(make_arrays(), "date", [np.datetime64("2020-01-31")] * 60)))
    assert set(loaded.groups["date"].tolist()) == {"2020-01-31"}


def test_arrays_that_are_no_columns_are_named(make_arrays, write_npz):
    arrays = add_column(make_arrays(), "mask", np.zeros((60, 6, 6), np.uint8)) | {"readme": np.array(["hello"])}
    names = find_entry(load(write_npz(arrays)), "columns.unread").details["names"]
    assert set(names) == {"readme", "train_mask", "val_mask", "test_mask"}


# Refusals


def test_missing_arrays_are_named(make_arrays, write_npz):
    arrays = make_arrays()
    del arrays["val_labels"], arrays["test_images"]
    refusal = refuse(write_npz(arrays))
    assert "expected the arrays train_images, train_labels, val_images" in refusal.message
    assert (
        "missing val_labels, test_images; found train_images, train_labels, val_images, test_labels" in refusal.message
    )


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "val_labels",
            np.zeros((8, 14), np.uint8),
            "'val_labels' has 14 labels per record (multi-label), expected one",
        ),
        ("val_labels", np.zeros(7, np.uint8), "expected 8 labels in 'val_labels', found shape (7,)"),
        ("val_labels", np.zeros(8), "expected whole numbers as labels in 'val_labels', found float64"),
        ("val_labels", np.array(["nevus"] * 8), "expected whole numbers as labels in 'val_labels', found <U5"),
        (
            "val_labels",
            np.full(8, 2**64 - 1, np.uint64),
            "holds labels that are no class numbers: 18446744073709551615",
        ),
        ("val_labels", np.full(8, 2**40), "expected labels that number at most 1000 classes, found 1099511627776"),
        ("val_labels", np.full(8, -1), "found -1 at 'validation-0'"),
        ("val_images", np.zeros((8, 6, 6, 3)), "expected 'val_images' as uint8 of shape (n, height, width)"),
        ("val_images", np.zeros((8, 36), np.uint8), "found uint8 of shape (8, 36)"),
        (
            "val_images",
            np.zeros((8, 7, 7, 3), np.uint8),
            "found (6, 6, 3) in 'train_images' and (7, 7, 3) in 'val_images'",
        ),
        ("val_images", np.zeros((0, 6, 6, 3), np.uint8), "array 'val_images' is empty, found shape (0, 6, 6, 3)"),
        (
            "train_sex",
            np.array(["male", None] * 20),
            "'train_sex' is a pickled array (dtype object), which is never loaded",
        ),
        ("val_images", np.array([None] * 8), "'val_images' is a pickled array (dtype object), which is never loaded"),
    ],
)
def test_an_array_that_does_not_fit_is_refused_by_name(make_arrays, write_npz, name, array, message):
    arrays = add_column(make_arrays(), "sex", ["male"] * 60)
    assert message in refuse(write_npz(arrays | {name: array})).message


def test_images_of_several_layers_are_refused(make_arrays, write_npz):
    assert "found uint8 of shape (60, 6, 6, 6)" in refuse(write_npz(make_arrays(size=(6, 6, 6)))).message


def test_an_absent_file_is_refused(tmp_path):
    assert refuse(tmp_path / "gone.npz").message == f"expected an npz file at {tmp_path / 'gone.npz'}, found nothing"


def test_a_file_that_is_no_npz_is_refused(tmp_path):
    (tmp_path / "page.npz").write_text("<html>404</html>")
    assert "page.npz is not a readable npz file" in refuse(tmp_path / "page.npz").message


def test_a_damaged_byte_is_noticed(make_arrays, tmp_path):
    np.savez(tmp_path / "own.npz", **make_arrays())
    content = bytearray((tmp_path / "own.npz").read_bytes())
    content[content.find(b"NUMPY") + 500] ^= 1
    (tmp_path / "own.npz").write_bytes(content)
    refusal = refuse(tmp_path / "own.npz")
    assert "is not a readable npz file: Bad CRC-32" in refusal.message
    assert "cut short or damaged" in refusal.hint


def write_member(path, content):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("train_images.npy", content)


def test_a_header_that_claims_more_than_the_file_holds_is_refused_before_memory_is_taken(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (2**30, 2**20, 3)})
    write_member(tmp_path / "liar.npz", stream.getvalue() + b"12345")
    with (
        pytest.raises(DataError, match=r"says it holds 3377699720527872 bytes .* found 5"),
        open_archive(tmp_path / "liar.npz") as archive,
    ):
        archive.read("train_images")


@pytest.mark.parametrize("shape", ["(-1,)", "(-1, -5)", "(0, 9)"])
def test_a_size_that_cannot_be_is_refused(tmp_path, shape):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    write_member(tmp_path / "odd.npz", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"12345")
    with pytest.raises(DataError, match="is empty, found shape"), open_archive(tmp_path / "odd.npz") as archive:
        archive.read("train_images")


def test_a_decompression_bomb_is_refused_unopened(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_module, "_BOMB_BYTES", 2**20)
    write_member(tmp_path / "bomb.npz", bytes(2**22))
    with (
        pytest.raises(DataError, match="claim to unpack to 4194304: refused as a decompression bomb"),
        open_archive(tmp_path / "bomb.npz"),
    ):
        pass


def test_a_compression_that_numpy_does_not_write_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "odd.npz", "w", zipfile.ZIP_LZMA) as members:
        members.writestr("train_images.npy", b"anything")
    with pytest.raises(DataError, match="'train_images' is encrypted or compressed in a way that numpy does not"):
        load(tmp_path / "odd.npz")


def test_an_unknown_version_of_the_format_is_refused(tmp_path):
    write_member(tmp_path / "odd.npz", b"\x93NUMPY\x09\x00" + bytes(100))
    with (
        pytest.raises(DataError, match=r"of the npy version \(9, 0\), expected 1.0 or 2.0"),
        open_archive(tmp_path / "odd.npz") as archive,
    ):
        archive.read("train_images")


def test_the_wide_header_of_the_format_is_read(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.arange(5), version=(2, 0))
    write_member(tmp_path / "wide.npz", stream.getvalue())
    with open_archive(tmp_path / "wide.npz") as archive:
        assert archive.read("train_images").tolist() == [0, 1, 2, 3, 4]


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch, make_arrays, write_npz):
    path = write_npz(make_arrays())

    def deny(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(zipfile, "ZipFile", deny)
    assert refuse(path).message == f"{path} cannot be read: Permission denied"


def test_a_folder_is_no_npz(tmp_path):
    with pytest.raises(DataError, match=r"expected an npz file at .*, found a folder"), open_archive(tmp_path):
        pass


def test_bytes_that_are_no_text_are_refused(make_arrays, write_npz):
    refusal = refuse(write_npz(add_column(make_arrays(), "site", [b"\xff\xfe"] * 60)))
    assert "'train_site': expected UTF-8 text, found other bytes" in refusal.message


def test_an_id_that_is_sometimes_empty_names_no_record(make_arrays, write_npz):
    dataset = load(write_npz(add_column(make_arrays(), "id", ["", *map(str, range(59))])))
    assert dataset.ids[0] == "train-0"
    assert dataset.groups["repeated_id"][1] == "0"
    assert find_entry(dataset, "ids.passed-over").details["column"] == "id"


@settings(max_examples=60, deadline=None)
@given(header=st.binary(max_size=60) | st.text("{}'():, descr<|u1shapefortran_order", max_size=60).map(str.encode))
def test_no_header_gets_through_as_anything_but_a_refusal(tmp_path_factory, header):
    path = tmp_path_factory.mktemp("fuzz") / "fuzz.npz"
    write_member(path, b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(DataError), open_archive(path) as archive:
        archive.read("train_images")


def test_a_file_cut_short_anywhere_is_refused(make_arrays, write_npz):
    path = write_npz(make_arrays())
    content = path.read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(DataError):
            load(path)


def test_a_flipped_byte_is_refused_or_harmless(make_arrays, write_npz):
    path = write_npz(make_arrays())
    content = path.read_bytes()
    expected = load(path)
    for place in range(0, len(content), 61):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            found = load(path)
        except DataError:
            continue
        assert found.x.tobytes() == expected.x.tobytes()
        assert found.label.tolist() == expected.label.tolist()
