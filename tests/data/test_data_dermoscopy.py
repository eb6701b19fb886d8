"""Folders as HAM10000 and the ISIC challenges are published, made up here."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from unlearn_audit.data import ImageRules, LoadOptions, load_dataset
from unlearn_audit.data.drawn_splits import draw_splits
from unlearn_audit.errors import DataError

SEEDED = LoadOptions(seed=7)
CODES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
HAM = "HAM10000_metadata.csv"
TRUTH, META = "ISIC_2019_Training_GroundTruth.csv", "ISIC_2019_Training_Metadata.csv"


def save(path, i, size=(6, 8, 3)):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full(size, i, np.uint8)).save(path)


@pytest.fixture
def ham(tmp_path):
    """140 images in two folders: each class has ten lesions of two images."""
    rows = ["lesion_id,image_id,dx,dx_type,age,sex,localization"]
    for i in range(140):
        lesion = i // 2
        rows.append(f"HAM_{lesion:04},ISIC_{i:04},{CODES[lesion % 7]},histo,{(i % 9) * 10}.0,female,back")
        save(tmp_path / f"HAM10000_images_part_{1 + i // 70}" / f"ISIC_{i:04}.png", i)
    (tmp_path / HAM).write_text("\n".join(rows))
    return tmp_path


@pytest.fixture
def isic(tmp_path):
    """60 images: 30 nevi (one of each two lesions unknown), 30 melanomas; class SCC has none."""
    truth, meta = ["image,MEL,NV,SCC"], ["image,age_approx,anatom_site_general,lesion_id,sex"]
    for i in range(60):
        truth.append(f"ISIC_{i:04},{float(i % 2)},{float(1 - i % 2)},0.0")
        meta.append(f"ISIC_{i:04},{'' if i == 5 else 35},anterior torso,{f'L{i // 4}' if i % 4 else ''},male")
        save(tmp_path / "ISIC_2019_Training_Input" / f"ISIC_{i:04}.png", i)
    (tmp_path / TRUTH).write_text("\n".join(truth))
    (tmp_path / META).write_text("\n".join([meta[0], *reversed(meta[1:])]))
    return tmp_path


def load(folder, options=SEEDED, name="own-data"):
    return load_dataset(name, folder, options=options)


def find(data, code):
    (entry,) = [entry for entry in data.intake if entry.code == code]
    return entry


def refuse(folder, options=SEEDED, name="own-data"):
    with pytest.raises(DataError) as refusal:
        load(folder, options, name)
    return refusal.value


def rewrite(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_ham10000_is_read_as_published(ham):
    data = load(ham)

    assert data.classes == CODES
    assert data.ids[139] == "ISIC_0139"
    assert data.x.shape == (140, 6, 8, 3)
    assert data.x[:, 0, 0, 0].tolist() == list(range(140))
    assert data.groups["lesion_id"][3] == "HAM_0001"
    assert set(data.groups) == {"lesion_id", "dx_type", "sex", "localization", "age_band"}
    assert data.exact["age"][1] == "10.0"


def test_without_splits_they_are_drawn_by_lesion_and_said(ham):
    data = load(ham)

    lesions = [set(data.groups["lesion_id"][data.select(s)]) for s in ("train", "validation", "test")]
    assert [len(part) for part in lesions] == [49, 7, 14]
    assert not lesions[0] & lesions[1] | lesions[0] & lesions[2] | lesions[1] & lesions[2]
    assert find(data, "splits.drawn").details == {"by": "lesion_id"}
    assert all(len(set(data.label[data.select(s)])) == 7 for s in ("train", "validation", "test"))


def test_the_seed_decides_the_splits_and_nothing_else_does(ham):
    first = load(ham)
    lines = (ham / HAM).read_text().splitlines()
    (ham / HAM).write_text("\n".join([lines[0], *reversed(lines[1:])]))
    again, other = load(ham), load(ham, LoadOptions(seed=8))

    assert dict(zip(first.ids, first.split, strict=True)) == dict(zip(again.ids, again.split, strict=True))
    assert again.split.tolist() != other.split.tolist()


def test_a_column_split_is_taken(ham):
    lines = (ham / HAM).read_text().splitlines()
    parts = ["split", *(("train", "val", "test")[i % 3] for i in range(140))]
    (ham / HAM).write_text("\n".join(f"{line},{part}" for line, part in zip(lines, parts, strict=True)))
    data = load(ham, LoadOptions())

    assert data.split[:3].tolist() == ["train", "validation", "test"]
    assert data.notes == ()
    assert "split" not in data.groups


def test_no_split_is_drawn_for_models_that_were_trained_elsewhere(ham):
    refusal = refuse(ham, LoadOptions())
    assert "expected a column 'split' with train, val or test, found none" in refusal.message
    assert "cannot be drawn here" in refusal.hint


def test_the_folder_serves_the_policy_of_dermamnist(ham):
    data = load(ham, name="dermamnist")

    assert data.classes[4] == "melanoma"
    assert data.label[8] == 4
    assert data.official is False


def test_an_isic_challenge_is_read_as_published(isic):
    data = load(isic)

    assert data.classes == ("MEL", "NV")
    assert data.label[:3].tolist() == [1, 0, 1]
    assert data.groups["lesion_id"][:3].tolist() == ["", "L0", "L0"]
    assert data.groups["age_band"][4:6].tolist() == ["under 40", ""]
    assert data.groups["anatom_site_general"][0] == "anterior torso"
    assert find(data, "splits.drawn-with-single-records").details["single"] == 15
    assert find(data, "labels.absent").details == {"classes": ["SCC"]}


def test_patients_stay_together_before_lesions_do():
    label, group = np.arange(40) % 2, np.repeat(np.arange(10), 4).astype(str)
    split = draw_splits(label.astype(np.int64), group, 1)

    assert all(len(set(split[group == name])) == 1 for name in set(group))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ISIC_0003,", "ISIC_9999,", "1 of them at ISIC_9999, found none"),
        ("ISIC_0003,", "ISIC_0002,", "found more than one for 'ISIC_0002'"),
        ("ISIC_0003,", ",", "found more than one for '(empty)'"),
        (",akiec,", ",ack,", "expected the diagnoses akiec, bcc, bkl, df, mel, nv, vasc, found 'ack' at 'ISIC_0000'"),
        ("lesion_id,image_id", "lesion,image_id", "expected distinct columns with lesion_id, image_id, dx among them"),
        (",10.0,", ",old,", "expected ages in years, found text"),
    ],
)
def test_metadata_of_ham10000_that_do_not_fit_are_refused(ham, old, new, message):
    rewrite(ham / HAM, old, new)
    assert message in refuse(ham).message


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        (
            TRUTH,
            "ISIC_0003,1.0,0.0",
            "ISIC_0003,1.0,1.0",
            "found MEL 1, NV 1 for 'ISIC_0003', and such in 1 of",
        ),
        (TRUTH, "ISIC_0003,1.0,0.0", "ISIC_0003,0.0,0.0", "expected one class of each image, found none"),
        (TRUTH, "ISIC_0003,1.0,0.0", "ISIC_0003,0.5,0.5", "found MEL 0.5, NV 0.5 for 'ISIC_0003'"),
        (TRUTH, "ISIC_0003,1.0,0.0", "ISIC_0003,yes,0.0", "expected 0 or 1 for each class"),
        (TRUTH, "ISIC_0003,", "ISIC_0002,", "found more than one for 'ISIC_0002'"),
        (META, "ISIC_0003,", "ISIC_9999,", "expected a row for each of 60 images, found none for 'ISIC_0003'"),
        (META, "ISIC_0003,", "ISIC_0002,", "found more than one for 'ISIC_0002'"),
    ],
)
def test_tables_of_a_challenge_that_do_not_fit_are_refused(isic, table, old, new, message):
    rewrite(isic / table, old, new)
    assert message in refuse(isic).message


def test_the_first_few_of_many_absent_images_are_named(ham):
    for i in range(10, 20):
        (ham / "HAM10000_images_part_1" / f"ISIC_{i:04}.png").unlink()
    message = refuse(ham).message
    assert "expected 140 images, 10 of them at ISIC_0010, ISIC_0011, ISIC_0012 and 7 more, found none" in message


def test_an_image_in_both_folders_is_refused(ham):
    save(ham / "HAM10000_images_part_2" / "ISIC_0001.png", 9)
    assert "found several for 'ISIC_0001'" in refuse(ham).message


def test_two_tables_of_diagnoses_are_refused(isic):
    (isic / HAM).write_text("lesion_id,image_id,dx\n")
    assert "expected one table of diagnoses, found" in refuse(isic).message


def test_images_without_a_row_are_counted(ham):
    save(ham / "HAM10000_images_part_1" / "ISIC_7777.png", 1)
    assert find(load(ham), "files.spare").details == {"count": 1, "table": HAM}


@pytest.mark.parametrize(
    ("pixels", "words", "hint"),
    [
        (
            np.zeros((9, 8, 3), np.uint8),
            "expected images of one size",
            "in the case file: 'images: {size: 224}'",
        ),
        (np.zeros((6, 8), np.uint8), "expected images of one size and colour", "channels: 3"),
        (
            np.zeros((6, 8, 4), np.uint8),
            "found transparency (mode RGBA)",
            "what lies behind transparent pixels is not guessed",
        ),
        (np.zeros((6, 8), np.uint16), "found 16 bits a channel", "which values are kept is a clinical choice"),
    ],
    ids=["another size", "grey", "transparent", "16 bits"],
)
def test_images_that_are_not_alike_are_refused_with_the_way_on(ham, pixels, words, hint):
    Image.fromarray(pixels).save(ham / "HAM10000_images_part_1" / "ISIC_0003.png")
    refusal = refuse(ham)
    assert words in refusal.message
    assert "ISIC_0003" in refusal.message
    assert hint in refusal.hint


def test_an_unreadable_image_is_named(ham):
    (ham / "HAM10000_images_part_1" / "ISIC_0003.png").write_bytes(b"no image")
    assert "ISIC_0003.png is not a readable image" in refuse(ham).message


def test_a_huge_file_is_refused_before_it_is_read_whole(ham, monkeypatch):
    monkeypatch.setattr("unlearn_audit.data.images._LARGEST_FILE", 40)
    assert "expected a file of at most 40 bytes, found more" in refuse(ham).message


@pytest.mark.parametrize("streamed", [False, True])
def test_a_declared_size_and_colour_are_done_and_said(ham, tmp_path, monkeypatch, streamed):
    if streamed:
        monkeypatch.setattr("unlearn_audit.data.stored.STREAM_FROM", 0)
    Image.fromarray(np.full((12, 16), 3, np.uint8)).save(ham / "HAM10000_images_part_1" / "ISIC_0003.png")
    rules = ImageRules(size=(4, 5), fit="crop", interpolation="bicubic", channels=3)
    data = load(ham, replace(SEEDED, images=rules, cache=tmp_path / "cache"))

    assert data.x.shape == (140, 4, 5, 3)
    assert (data.x[3] == 3).all()
    assert find(data, "pixels.declared").text == (
        "Each image was resized to 4 x 5 pixels (height x width, bicubic) after cropping the middle to its proportions "
        "and given three colour channels, as the case declares."
    )


def test_a_declaration_that_would_do_nothing_is_refused(make_arrays, write_npz):
    rules = LoadOptions(images=ImageRules(size=(4, 5)))
    for name, path in (("own-data", write_npz(make_arrays())), ("breast-cytology", None)):
        with pytest.raises(DataError, match="'images' of the case file would do nothing"):
            load_dataset(name, path, options=rules)
