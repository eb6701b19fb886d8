"""A folder of images with a CSV."""

import numpy as np
import pytest
from PIL import Image

from unlearn_audit.data import load_dataset
from unlearn_audit.data.load_options import LoadOptions, TableColumns
from unlearn_audit.errors import DataError

SPLITS = ("train", "train", "val", "validation", "test", "test")


@pytest.fixture
def folder(tmp_path):
    """Six grey images of 5 x 4 pixels, image i all of grey i, and a records.csv."""
    rows = ["file,split,label,sex,age"]
    for i, split in enumerate(SPLITS):
        Image.fromarray(np.full((4, 5), i, np.uint8)).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,{split},{i % 2},{'male' if i % 2 else 'unknown'},{20 * i}")
    (tmp_path / "records.csv").write_text("\n".join(rows))
    return tmp_path


def rewrite(folder, old, new):
    table = folder / "records.csv"
    table.write_text(table.read_text().replace(old, new))
    return folder


def refuse(folder):
    with pytest.raises(DataError) as refusal:
        load_dataset("own-data", folder)
    return refusal.value


def test_images_splits_labels_and_columns_are_read(folder):
    dataset = load_dataset("own-data", folder)
    assert dataset.x.shape == (6, 4, 5, 1)
    assert dataset.x[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert dataset.split.tolist() == ["train", "train", "validation", "validation", "test", "test"]
    assert dataset.label.tolist() == [0, 1] * 3
    assert dataset.classes == ("0", "1")
    assert dataset.ids.tolist() == [f"{i}.png" for i in range(6)]
    assert dataset.groups["sex"].tolist() == ["", "male"] * 3
    assert dataset.groups["age_band"].tolist() == ["under 40"] * 2 + ["40 to 59"] + ["60 and over"] * 3


def test_colour_images_have_three_channels(folder):
    for i in range(6):
        Image.fromarray(np.full((4, 5, 3), i, np.uint8)).save(folder / f"{i}.png")
    assert load_dataset("own-data", folder).x.shape == (6, 4, 5, 3)


def test_progress_is_told(folder):
    steps = []
    load_dataset("own-data", folder, progress=lambda *step: steps.append(step))
    assert steps[-1] == ("read images", 6, 6)


def test_an_id_column_names_the_records(folder):
    table = folder / "records.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join(f"{'image_id' if i == 0 else f'img{i}'},{line}" for i, line in enumerate(lines)))
    assert load_dataset("own-data", folder).ids[0] == "img1"


def test_the_digest_covers_table_and_pixels(folder):
    first = load_dataset("own-data", folder).sha256
    Image.fromarray(np.full((4, 5), 9, np.uint8)).save(folder / "0.png")
    second = load_dataset("own-data", folder).sha256
    third = load_dataset("own-data", rewrite(folder, "male", "female")).sha256
    assert len({first, second, third}) == 3


def test_labels_may_be_names_and_then_name_the_classes(folder):
    rewrite(rewrite(folder, ",0,", ",nevus,"), ",1,", ",melanoma,")
    dataset = load_dataset("own-data", folder)
    assert dataset.classes == ("melanoma", "nevus")
    assert dataset.label.tolist() == [1, 0] * 3


def test_named_labels_must_be_classes_of_the_named_data_set(folder):
    rewrite(rewrite(folder, ",0,", ",malignant,"), ",1,", ",benign,")
    with pytest.raises(DataError) as refusal:
        load_dataset("breastmnist", folder)
    assert "the class names 'malignant', 'normal, benign', found the labels 'benign'" in refusal.value.message


def test_a_folder_for_a_published_set_is_noted_as_not_official(folder):
    dataset = load_dataset("breastmnist", folder)
    assert dataset.official is False
    assert (
        dataset.notes[0].text == "a folder of the user's images with the labels of BreastMNIST, not the published file"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("file,split", "path,split", "expected distinct columns with file among them, found path, split"),
        ("sex,age", "sex,sex", "expected distinct columns"),
        ("0.png,train,0", "0.png,train", "row 2: expected 5 values, found more or fewer"),
        ("0.png,train,0", "0.png,train,0,1", "row 2: expected 5 values, found more or fewer"),
        ("0.png,", "../0.png,", "expected files inside the folder, found '../0.png'"),
        ("0.png,", "/etc/passwd,", "expected files inside the folder, found '/etc/passwd'"),
        ("0.png,", "gone.png,", "gone.png, found none"),
        ("0.png,", "records.csv,", "records.csv is not a readable image"),
        ("0.png,", "1.png,", "expected unique record ids, found duplicates: '1.png'"),
        (
            ",val,",
            ",holdout,",
            "expected the splits train, training, val, valid, validation, test, testing, found 'holdout'",
        ),
        (",1,", ",9999999999,", "expected class numbers as labels, found '9999999999'"),
        (",1,", ",5000,", "expected labels that number at most 1000 classes, found 5000"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(folder, old, new, message):
    rewrite(folder, old, new)
    assert message in refuse(folder).message


def test_a_folder_without_table_is_refused(tmp_path):
    refusal = refuse(tmp_path)
    assert refusal.message.startswith(f"expected a table of the images at {tmp_path / 'records.csv'}, found none")
    assert refusal.hint == "a folder of images needs a records.csv with the columns file, split, label"


def test_an_empty_table_is_refused(folder):
    (folder / "records.csv").write_text("file,split,label\n")
    assert "expected one row for each image, found none" in refuse(folder).message


def test_a_table_in_another_encoding_is_refused(folder):
    (folder / "records.csv").write_bytes("file,split,label\nä.png,train,0".encode("latin-1"))
    assert "is not a CSV file in UTF-8" in refuse(folder).message


def test_images_of_several_sizes_are_refused_not_resized(folder):
    Image.fromarray(np.zeros((9, 5), np.uint8)).save(folder / "3.png")
    refusal = refuse(folder)
    assert "expected images of one size and colour, (4, 5, 1) like the first, found (9, 5, 1)" in refusal.message


def test_images_with_transparency_are_refused(folder):
    Image.fromarray(np.zeros((4, 5, 4), np.uint8)).save(folder / "3.png")
    assert "expected an 8-bit grey or RGB image of at most 2048 x 2048 pixels, found transparency (mode RGBA)" in (
        refuse(folder).message
    )


def test_an_image_cut_short_is_refused(folder):
    content = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(content[: len(content) // 2])
    assert "3.png is not a readable image" in refuse(folder).message


@pytest.fixture
def archive(tmp_path):
    """Six images in two folders below, named by an id without an ending, and no column of files."""
    rows = ["image_id,split,dx"]
    for i, split in enumerate(SPLITS):
        place = tmp_path / f"part-{i % 2}" / "images"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 5), i, np.uint8)).save(place / f"ISIC_{i}.png")
        rows.append(f"ISIC_{i},{split},{'nv' if i % 2 else 'mel'}")
    (tmp_path / "records.csv").write_text("\n".join(rows))
    return tmp_path


NAMED = LoadOptions(columns=TableColumns(id="image_id", label="dx"))


def test_ids_name_files_in_folders_below(archive):
    dataset = load_dataset("own-data", archive, options=NAMED)

    assert dataset.ids.tolist() == [f"ISIC_{i}" for i in range(6)]
    assert dataset.x[:, 0, 0, 0].tolist() == list(range(6))
    assert dataset.classes == ("mel", "nv")


def test_an_id_that_names_two_files_below_is_refused(archive):
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(archive / "part-0" / "ISIC_1.jpg")

    with pytest.raises(DataError, match="found several for 'ISIC_1'"):
        load_dataset("own-data", archive, options=NAMED)


def test_an_id_without_a_file_below_is_named(archive):
    (archive / "part-1" / "images" / "ISIC_3.png").unlink()

    with pytest.raises(DataError, match="expected 6 images, 1 of them at ISIC_3"):
        load_dataset("own-data", archive, options=NAMED)


def test_images_below_that_the_table_does_not_name_are_counted(archive):
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(archive / "part-0" / "other.png")

    (spare,) = (e for e in load_dataset("own-data", archive, options=NAMED).intake if e.code == "files.spare")
    assert spare.details == {"count": 1, "table": "records.csv"}


def test_a_column_of_files_is_never_looked_for_below(archive):
    rewrite(archive, "image_id,", "file,")

    with pytest.raises(DataError, match="expected 6 images, 6 of them at"):
        load_dataset("own-data", archive, options=LoadOptions(columns=TableColumns(label="dx")))
