"""Folders, archives and tables as people have them: read right, refused by name, or said."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from unlearn_audit.cases.data_preparation import choose_groups
from unlearn_audit.data import LoadOptions, Source, load_dataset
from unlearn_audit.data.ages import is_age, read_years
from unlearn_audit.data.images import decode
from unlearn_audit.data.load_options import ImageRules, TableColumns
from unlearn_audit.data.spelling import validate_spelling
from unlearn_audit.errors import DataError
from unlearn_audit.policy import find_policy, load_case, load_policy
from unlearn_audit.records.intake import OF_LOADERS, PROPERTIES

SEEDED = LoadOptions(seed=7)
N = 60


def save(path, number, size=(6, 8, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, number, np.uint8)).save(path)


def write_folder(folder, header="file,split,label,patient_id", row=None, ending="\n"):
    row = row or (lambda i, split: f"{i}.png,{split},{('nevus', 'melanoma')[i % 2]},p{i // 2}")
    lines = [header]
    for i in range(N):
        save(folder / f"{i}.png", i)
        lines.append(row(i, "train" if i < 30 else "val" if i < 45 else "test"))
    (folder / "records.csv").write_text(ending.join(lines) + ending)
    return folder


def find(data, code):
    return next(entry for entry in data.intake if entry.code == code)


def refuse(folder, options=SEEDED):
    with pytest.raises(DataError) as refusal:
        load_dataset("own-data", folder, options=options)
    return f"{refusal.value.message}\n{refusal.value.hint}"


# tables of folders


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("file;split;label", lambda i, split: f"{i}.png;{split};{i % 2}"),
        ("file\tsplit\tlabel", lambda i, split: f"{i}.png\t{split}\t{i % 2}"),
        ("File,Split,Label", lambda i, split: f"{i}.png,{split.capitalize()},{i % 2}"),
        ("file,split,label", lambda i, split: f"{i}.png,{'valid' if split == 'val' else split},{i % 2}"),
        ("file,split,label", lambda i, split: f".\\{i}.png,{split},{i % 2}"),
        (",file,split,label", lambda i, split: f"{i},{i}.png,{split},{i % 2}"),
        ("image_id,split,label", lambda i, split: f"{i},{split},{i % 2}"),
    ],
    ids=["semicolons", "tabs", "capitals", "valid", "backslashes", "index", "ids without endings"],
)
def test_tables_are_read_as_people_write_them(tmp_path, header, row):
    data = load_dataset("own-data", write_folder(tmp_path, header, row))

    assert data.x[:, 0, 0, 0].tolist() == list(range(N))
    assert [int(data.select(split).sum()) for split in ("train", "validation", "test")] == [30, 15, 15]


def test_lines_may_end_in_carriage_returns_alone(tmp_path):
    assert len(load_dataset("own-data", write_folder(tmp_path, ending="\r"))) == N


def test_splits_that_were_spelt_otherwise_are_said(tmp_path):
    data = load_dataset("own-data", write_folder(tmp_path))

    assert find(data, "splits.spelt").details == {"found": ["val"], "read": ["validation"]}


@pytest.mark.parametrize(
    "names",
    [
        TableColumns(id="image", split="fold", label="dx"),
        TableColumns(file="image", split="fold", label="dx"),
    ],
)
def test_the_case_can_call_the_columns_otherwise(tmp_path, names):
    write_folder(tmp_path, "image,dx,fold", lambda i, split: f"{i}.png,{i % 2},{split}")
    data = load_dataset("own-data", tmp_path, options=LoadOptions(columns=names))

    assert data.ids[3] == "3.png"
    assert "where they are called otherwise, the case file says so" in refuse(tmp_path)


def test_columns_that_would_do_nothing_are_refused(tmp_path, make_arrays, write_npz):
    with pytest.raises(DataError, match="would do nothing"):
        load_dataset("own-data", write_npz(make_arrays()), options=LoadOptions(columns=TableColumns(label="dx")))


@pytest.mark.parametrize("what", ["file", "folder", "outside"])
def test_links_are_refused(tmp_path, what):
    folder = write_folder(tmp_path / "data")
    if what == "file":
        (folder / "3.png").unlink()
        (folder / "3.png").symlink_to(folder / "4.png")
    elif what == "folder":
        (folder / "sub").symlink_to(folder)
        text = (folder / "records.csv").read_text().replace("3.png", "sub/3.png", 1)
        (folder / "records.csv").write_text(text)
    else:
        save(tmp_path / "other.png", 1)
        (folder / "3.png").unlink()
        (folder / "3.png").symlink_to(tmp_path / "other.png")
    assert "found links" in refuse(folder) or "inside the folder" in refuse(folder)


def test_a_table_behind_a_link_is_refused(tmp_path):
    folder = write_folder(tmp_path / "data")
    (folder / "records.csv").rename(tmp_path / "t.csv")
    (folder / "records.csv").symlink_to(tmp_path / "t.csv")

    assert "found a link" in refuse(folder)


# images


def encode(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


GREY = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8))
RGB = Image.fromarray(np.arange(144, dtype=np.uint8).reshape(6, 8, 3))


def make_png(depth, colour, samples):
    """Return a PNG of 4 x 4 pixels that Pillow itself would not write."""
    raw = b"".join(b"\0" + b"\x01" * (4 * samples * depth // 8) for _ in range(4))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 4, 4, depth, colour, 0, 0, 0)),
        (b"IDAT", zlib.compress(raw)),
        (b"IEND", b""),
    ]
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts)
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (make_png(16, 2, 3), "16 bits a channel"),
        (make_png(16, 0, 1), "16 bits a channel"),
        (make_png(16, 6, 4), "16 bits a channel"),
        (encode(Image.fromarray(np.zeros((6, 8), np.uint16)), "TIFF"), "16 bits a channel"),
        (encode(RGB, "PNG", transparency=(1, 2, 3)), "transparency"),
        (encode(RGB.convert("RGBA"), "PNG"), "transparency"),
        (encode(RGB.convert("RGBA"), "TIFF"), "transparency"),
        (encode(GREY.convert("LA"), "PNG"), "transparency"),
        (encode(GREY, "TIFF", save_all=True, append_images=[GREY, GREY]), "several frames or pages"),
        (encode(GREY, "PNG", save_all=True, append_images=[GREY.point(lambda v: 255 - v)]), "several frames"),
        (encode(RGB, "MPO", save_all=True, append_images=[RGB]), "several frames or pages"),
        (encode(GREY, "GIF", save_all=True, append_images=[GREY.point(lambda v: 255 - v)]), "of the formats"),
        (encode(RGB, "WEBP"), "of the formats PNG, JPEG, TIFF, BMP"),
        (encode(RGB, "PDF"), "of the formats"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 5\n%%EndComments\n{ } loop\n", "of the formats"),
    ],
)
def test_what_pillow_would_pass_over_in_silence_is_refused_by_name(tmp_path, content, words):
    with pytest.raises(DataError, match=words):
        decode(tmp_path / "x.png", content, ImageRules())


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("image", [GREY, RGB])
def test_plain_images_are_read_as_they_are(tmp_path, form, image):
    pixels = decode(tmp_path / "x", encode(image, form), ImageRules())

    assert (pixels.squeeze() == np.asarray(image)).all()


@pytest.mark.parametrize("streamed", [False, True])
def test_an_orientation_that_is_not_applied_is_counted(tmp_path, monkeypatch, streamed):
    if streamed:
        monkeypatch.setattr("unlearn_audit.data.stored.STREAM_FROM", 0)
    folder = write_folder(tmp_path / "data")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.full((6, 8, 3), 9, np.uint8)).save(folder / "9.png", exif=turned)
    data = load_dataset("own-data", folder, options=LoadOptions(cache=tmp_path / "cache"))

    assert find(data, "pixels.orientation").details == {"count": 1, "n": N}


def test_an_image_too_large_is_refused_before_it_is_decoded(tmp_path):
    content = bytearray(make_png(8, 2, 3))
    content[16:24] = struct.pack(">II", 9_000, 9_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    with pytest.raises(DataError, match="at most 2048 x 2048 pixels"):
        decode(tmp_path / "x.png", bytes(content), ImageRules())


# ISIC challenges


def write_isic(folder, table, lines, n=N):
    folder.mkdir(exist_ok=True)
    for i in range(n):
        save(folder / "images" / f"ISIC_{i:07}.jpg", i % 250)
    (folder / table).write_text("\n".join(lines) + "\n")
    return folder


CHALLENGES = {
    "2016": (
        "ISBI2016_ISIC_Part3_Training_GroundTruth.csv",
        [f"ISIC_{i:07},{('benign', 'malignant')[i % 2]}" for i in range(N)],
        ("benign", "malignant"),
    ),
    "2016 test": (
        "ISBI2016_ISIC_Part3_Test_GroundTruth.csv",
        [f"ISIC_{i:07},{float(i % 2)}" for i in range(N)],
        ("benign", "malignant"),
    ),
    "2017": (
        "ISIC-2017_Training_Part3_GroundTruth.csv",
        ["image_id,melanoma,seborrheic_keratosis"]
        + [f"ISIC_{i:07},{float(i % 3 == 0)},{float(i % 3 == 1)}" for i in range(N)],
        ("melanoma", "nevus", "seborrheic_keratosis"),
    ),
    "2018": (
        "ISIC2018_Task3_Training_GroundTruth.csv",
        ["image,MEL,NV"] + [f"ISIC_{i:07},{float(i % 2)},{float(1 - i % 2)}" for i in range(N)],
        ("MEL", "NV"),
    ),
    "2020": (
        "ISIC_2020_Training_GroundTruth.csv",
        ["image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target"]
        + [
            f"ISIC_{i:07},IP_{i // 3:03},male,{40 + i % 9}.0,torso,unknown,{('benign', 'malignant')[i % 2]},{i % 2}"
            for i in range(N)
        ],
        ("benign", "malignant"),
    ),
}


@pytest.mark.parametrize("year", CHALLENGES)
def test_ground_truth_is_read_as_each_year_published_it(tmp_path, year):
    table, lines, classes = CHALLENGES[year]
    data = load_dataset("own-data", write_isic(tmp_path / "d", table, lines), options=SEEDED)

    assert data.classes == classes
    assert np.bincount(data.label).tolist() == [N // len(classes)] * len(classes)
    assert len(data) == N


def test_images_of_2017_that_are_neither_are_called_nevi_and_counted(tmp_path):
    table, lines, _ = CHALLENGES["2017"]
    data = load_dataset("own-data", write_isic(tmp_path / "d", table, lines), options=SEEDED)

    assert find(data, "labels.rest").details["n"] == N // 3


@pytest.mark.parametrize("name", ["ISIC2018_Task3_Training_LesionGroupings.csv", "ISIC_Metadata.csv", "lesions.csv"])
def test_lesions_named_in_a_table_beside_the_images_keep_splits_apart(tmp_path, name):
    folder = write_isic(tmp_path / "d", *CHALLENGES["2018"][:2])
    lines = ["image,lesion_id,diagnosis_confirm_type"]
    (folder / name).write_text("\n".join(lines + [f"ISIC_{i:07},HAM_{i // 3:05},histo" for i in range(N)]))
    data = load_dataset("own-data", folder, options=SEEDED)
    parts = [set(data.groups["lesion_id"][data.select(split)]) for split in ("train", "test")]

    assert not parts[0] & parts[1]
    assert find(data, "splits.drawn").details == {"by": "lesion_id"}


def test_without_lesions_the_summary_says_that_independence_is_not_shown(tmp_path):
    data = load_dataset("own-data", write_isic(tmp_path / "d", *CHALLENGES["2018"][:2]), options=SEEDED)
    columns = choose_groups(data, load_policy(find_policy("breast-cytology"), _known()), None)

    assert "independence.unknown" in {entry.code for entry in columns.intake}
    assert find(data, "splits.drawn-with-single-records").status == "assumed"


def test_three_tables_of_one_challenge_say_the_splits_in_their_names(tmp_path):
    folder = tmp_path / "d"
    for part, low, high in (("Training", 0, 30), ("Validation", 30, 45), ("Test", 45, 60)):
        rows = [f"ISIC_{i:07},{float(i % 2)},{float(1 - i % 2)}" for i in range(low, high)]
        write_isic(folder, f"ISIC2018_Task3_{part}_GroundTruth.csv", ["image,MEL,NV", *rows])
    data = load_dataset("own-data", folder)

    assert [int(data.select(split).sum()) for split in ("train", "validation", "test")] == [30, 15, 15]
    assert "splits.file-names" in {entry.code for entry in data.intake}


def test_tables_that_name_no_image_are_listed_as_unread(tmp_path):
    folder = write_isic(tmp_path / "d", *CHALLENGES["2018"][:2])
    (folder / "ISIC_2020_Training_Duplicates.csv").write_text("image_name_1,image_name_2\nISIC_9,ISIC_8\n")

    data = load_dataset("own-data", folder, options=SEEDED)
    assert find(data, "columns.unread").details["names"] == ["ISIC_2020_Training_Duplicates.csv"]


# columns of persons


def _known():
    from unlearn_audit.pipeline.audit import name_known

    return name_known()


def test_only_columns_that_policy_or_case_name_are_kept_and_persons_are_spelt_once(tmp_path):
    folder = write_folder(tmp_path / "d")
    policy = load_policy(find_policy("breast-cytology"), _known())
    data = load_dataset("own-data", folder)
    kept = choose_groups(data, policy, None)
    (tmp_path / "case.yaml").write_text("schema: unlearn-audit/case/v1\nname: x\ncolumns: {groups: [patient_id]}\n")
    named = choose_groups(data, policy, load_case(tmp_path / "case.yaml", _known()))

    assert dict(kept.kept) == {}
    assert list(named.kept) == ["patient_id"]
    text = (folder / "records.csv").read_text().replace(",p3\n", ",P3\n", 1)
    (folder / "records.csv").write_text(text)
    with pytest.raises(DataError, match="may spell one person or group in several ways"):
        choose_groups(load_dataset("own-data", folder), policy, None)


@pytest.mark.parametrize(
    ("text", "years"),
    [("045Y", 45.0), ("006M", 0.5), ("026W", 0.5), ("30,0", 30.0), ("30.5", 30.5), ("", None), ("007D", 0.019)],
)
def test_ages_are_read_as_people_and_dicom_write_them(text, years):
    (found,) = read_years("x", np.array([text]))

    assert np.isnan(found) if years is None else abs(found - years) < 0.01


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        *(
            (name, True)
            for name in ("age", "Age", "PatientAge", "age_approx", "patient_age", "age_at_diagnosis", "ageYears")
        ),
        *(
            (name, False)
            for name in ("age_band", "age_group", "stage", "image", "dosage", "page", "language", "ageband")
        ),
    ],
)
def test_columns_of_ages_are_known_by_their_names(name, holds):
    assert is_age(name) is holds


def test_real_dicom_ages_are_read():
    pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed")
    dataset = pydicom.Dataset()
    dataset.PatientAge = "045Y"

    assert read_years("x", np.array([str(dataset.PatientAge)])).tolist() == [45.0]


def test_what_excel_writes_is_refused_where_digits_are_lost(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    book = openpyxl.Workbook()
    book.active.append([20210000000000123])
    book.save(tmp_path / "b.xlsx")
    value = openpyxl.load_workbook(tmp_path / "b.xlsx").active["A1"].value

    with pytest.raises(DataError, match="last digits are lost"):
        validate_spelling("x", "patient_id", [f"{float(value):.2E}"])


@pytest.mark.parametrize(
    "values",
    [
        ["12", "\u0661\u0662"],  # Arabic digits
        ["A1", "\u04101"],  # a Cyrillic A
        ["B7", "\u03927"],  # a Greek beta
        ["12", "'12"],  # text, as a spreadsheet marks it
        ["12", '"12"'],
        ["P_1", "P-1"],
        ["P/1", "P-1", "P_22"],
        ["p_1", "p-1"],
        ["1,200", "1200"],
        ["1,200,300", "1200300"],
    ],
)
def test_one_person_is_known_in_whatever_script_and_separator(values):
    with pytest.raises(DataError, match="may spell one person or group in several ways"):
        validate_spelling("x", "patient_id", values)


@pytest.mark.parametrize(
    "values",
    [
        *(["1", "2", "10"], ["p01", "p02", "p10"], ["1.5", "1.05"], ["a", "b"], ["1-2", "12"]),
        *(["1-12", "11-2"], ["\u0661", "\u0662"], ["\u04101", "\u04111"], ["1,2", "12"], ["p-1", "p-2"]),
    ],
)
def test_different_persons_are_never_called_alike(values):
    validate_spelling("x", "patient_id", values)


# the contract


def _readers(tmp_path, make_arrays, write_npz):
    yield load_dataset("breast-cytology")
    yield load_dataset("own-data", write_npz(make_arrays()))
    yield load_dataset("own-data", write_folder(tmp_path / "folder"))
    for year, (table, lines, _) in CHALLENGES.items():
        yield load_dataset("own-data", write_isic(tmp_path / year.replace(" ", ""), table, lines), options=SEEDED)


def test_every_reader_of_data_speaks_of_every_property(tmp_path, make_arrays, write_npz):
    policy = load_policy(find_policy("breast-cytology"), _known())
    for data in _readers(tmp_path, make_arrays, write_npz):
        spoken = {entry.property for entry in data.intake}
        assert set(OF_LOADERS) <= spoken, data.source
        spoken |= {entry.property for entry in choose_groups(data, policy, None).intake}
        assert set(PROPERTIES["data"]) <= spoken, data.source


def test_a_loader_of_a_third_party_that_says_nothing_is_said_to(monkeypatch, make_dataset):
    silent = Source("x", lambda path, *, download, progress: make_dataset())
    monkeypatch.setattr("unlearn_audit.data.table.DATASETS", {"x": silent})

    (entry,) = load_dataset("x").intake
    assert entry.details["properties"] == list(OF_LOADERS)


def test_the_page_prints_every_limit():
    from pathlib import Path

    from unlearn_audit.limits import LIMITS

    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text("utf-8")
    assert [limit.what for limit in LIMITS if f"| {limit.what} | {limit.describe()} |" not in page] == []
