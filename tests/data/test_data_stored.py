"""Large sets of images lie in a file: the same pixels, digests and leaks as in memory, decoded once, never half."""

import copy
import hashlib
import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

from unlearn_audit.data import LoadOptions, StoredImages, digest_rows, find_overlaps, load_dataset, take_rows
from unlearn_audit.data.near_identical import note_unsearched
from unlearn_audit.data.store import keep_images
from unlearn_audit.errors import DataError
from unlearn_audit.records import digest_of


@pytest.fixture
def stream(monkeypatch):
    return lambda limit=0: monkeypatch.setattr("unlearn_audit.data.stored.STREAM_FROM", limit)


@pytest.fixture
def options(tmp_path):
    return LoadOptions(cache=tmp_path / "cache")


@pytest.fixture
def npz(make_arrays, write_npz):
    return write_npz(make_arrays(size=(24, 22, 3)))


@pytest.fixture
def folder(tmp_path):
    rows = ["file,split,label"]
    rng = np.random.default_rng(1)
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,{('train', 'val', 'test')[i % 3]},{i // 6}")
    (tmp_path / "records.csv").write_text("\n".join(rows))
    return tmp_path


@pytest.fixture
def stored(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (40, 5, 4, 3), dtype=np.uint8)
    (tmp_path / "images.u8").write_bytes(pixels.tobytes())
    return StoredImages(tmp_path / "images.u8", (5, 4, 3), np.arange(40)), pixels


@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_a_file_holds_what_memory_would(request, kind, stream, options):
    path = request.getfixturevalue(kind)
    held = load_dataset("own-data", path)
    stream()
    streamed = load_dataset("own-data", path, options=options)

    assert isinstance(streamed.x, StoredImages)
    assert np.array_equal(streamed.x[:], held.x)
    assert (streamed.sha256, streamed.notes) == (held.sha256, held.notes)
    assert find_overlaps(streamed) == find_overlaps(held)
    train = held.select("train")
    assert digest_rows(streamed.x, train) == digest_rows(held.x, train) == digest_of(held.x[train].tobytes())


def test_sets_below_the_limit_stay_in_memory(npz, stream, options):
    stream(60 * 24 * 22 * 3)
    assert isinstance(load_dataset("own-data", npz, options=options).x, np.ndarray)
    stream(60 * 24 * 22 * 3 - 1)
    assert isinstance(load_dataset("own-data", npz, options=options).x, StoredImages)


@pytest.mark.parametrize(
    "which",
    [
        slice(None),
        slice(30, 3, -2),
        slice(40, 50),
        np.array([3, 3, 4, 5, 0]),
        np.arange(40) % 7 == 2,
        np.zeros(40, bool),
        -1,
    ],
)
def test_indexing_reads_what_it_would_of_an_array(stored, which):
    images, pixels = stored
    assert np.array_equal(images[which], pixels[which])


def test_taking_reads_nothing_and_keeps_the_order(stored):
    images, pixels = stored
    images.path.rename(images.path.with_suffix(".away"))
    taken = take_rows(take_rows(images, np.array([9, 1, 30])), slice(1, 3))
    images.path.with_suffix(".away").rename(images.path)

    assert taken.shape == (2, 5, 4, 3)
    assert np.array_equal(taken[:], pixels[[1, 30]])
    assert np.array_equal(copy.deepcopy(taken)[:], pixels[[1, 30]])


def test_a_position_outside_is_an_index_error(stored):
    with pytest.raises(IndexError):
        stored[0][40]


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"0" * 70)])
def test_a_file_that_is_gone_or_cut_short_is_refused(stored, damage):
    damage(stored[0].path)
    with pytest.raises(DataError, match=r"images\.u8 (cannot be read back|is cut short)|images.u8 is cut") as refusal:
        stored[0][:]
    assert "run the same command again" in refusal.value.hint


def list_steps(path, options):
    tasks = []
    dataset = load_dataset("own-data", path, options=options, progress=lambda task, *_: tasks.append(task))
    return dataset, set(tasks)


@pytest.mark.parametrize(("kind", "task"), [("npz", "unpack images"), ("folder", "read images")])
def test_images_are_decoded_once(request, kind, task, stream, options):
    path = request.getfixturevalue(kind)
    stream()
    assert task in list_steps(path, options)[1]
    assert task not in list_steps(path, options)[1]


def change_pixels(cache):
    (pixels,) = cache.glob("pixels/*.u8")
    content = bytearray(pixels.read_bytes())
    content[5] ^= 1
    pixels.write_bytes(content)


def cut_pixels(cache):
    (pixels,) = cache.glob("pixels/*.u8")
    pixels.write_bytes(pixels.read_bytes()[:-1])


def break_note(cache):
    (note,) = cache.glob("pixels/*.json")
    note.write_text("{")


def drop_note(cache):
    (note,) = cache.glob("pixels/*.json")
    note.unlink()


@pytest.mark.parametrize("damage", [change_pixels, cut_pixels, break_note, drop_note])
def test_an_entry_that_does_not_hold_is_made_again(npz, stream, options, damage):
    stream()
    right = load_dataset("own-data", npz, options=options).x[:]
    damage(options.cache)

    dataset, tasks = list_steps(npz, options)

    assert "unpack images" in tasks
    assert np.array_equal(dataset.x[:], right)


def test_other_pixels_or_rules_are_another_entry(folder, stream, options):
    stream()
    load_dataset("own-data", folder, options=options)
    Image.fromarray(np.full((9, 8, 3), 7, np.uint8)).save(folder / "0.png")
    changed = load_dataset("own-data", folder, options=options)

    assert len(list(options.cache.glob("pixels/*.u8"))) == 2
    assert (changed.x[0] == 7).all()


def test_another_label_needs_no_decoding(folder, stream, options):
    stream()
    load_dataset("own-data", folder, options=options)
    table = folder / "records.csv"
    table.write_text(table.read_text().replace("11.png,test,1", "11.png,test,0"))

    assert "read images" not in list_steps(folder, options)[1]


def test_what_is_interrupted_leaves_nothing(tmp_path):
    def decode():
        yield np.zeros((3, 2, 2, 1), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_images(tmp_path, "key", (5, 2, 2, 1), decode)
    assert list((tmp_path / "pixels").iterdir()) == []


def test_fewer_pixels_than_were_promised_are_refused(tmp_path):
    with pytest.raises(DataError, match="expected 20 bytes of pixels, found 12"):
        keep_images(tmp_path, "key", (5, 2, 2, 1), lambda: iter([np.zeros((3, 2, 2, 1), np.uint8)]))
    assert list((tmp_path / "pixels").iterdir()) == []


def test_the_note_holds_the_digest_of_the_pixels(tmp_path):
    pixels = np.arange(20, dtype=np.uint8).reshape(5, 2, 2, 1)
    keep_images(tmp_path, "key", pixels.shape, lambda: iter([pixels]))
    (note,) = (tmp_path / "pixels").glob("*.json")
    assert json.loads(note.read_text()) == {
        "shape": [5, 2, 2, 1],
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
    }


def test_a_disk_without_room_is_refused_before_anything_is_written(npz, stream, options):
    stream()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000})())
        with pytest.raises(DataError, match=r"do not fit into .* 1,000 bytes are free") as refusal:
            load_dataset("own-data", npz, options=options)
    assert "images: {size: 224}" in refusal.value.hint
    assert list(options.cache.glob("pixels/*")) == []


def test_a_cache_that_is_no_folder_is_refused(npz, stream, tmp_path):
    stream()
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot keep decoded images in") as refusal:
        load_dataset("own-data", npz, options=LoadOptions(cache=tmp_path / "file"))
    assert "--cache" in refusal.value.hint


def test_a_file_that_changes_while_it_is_read_is_refused(folder, stream, options):
    stream()

    def progress(task, done, _total):
        if task == "check images" and done == 12:
            Image.fromarray(np.zeros((9, 8, 3), np.uint8)).save(folder / "3.png")

    with pytest.raises(DataError, match=r"3\.png changed while the images were read"):
        load_dataset("own-data", folder, options=options, progress=progress)
    assert list(options.cache.glob("pixels/*.u8")) == []


def test_an_array_in_fortran_order_is_refused_where_it_is_large(make_arrays, write_npz, stream, options):
    arrays = make_arrays()
    arrays["train_images"] = np.asfortranarray(arrays["train_images"])
    path = write_npz(arrays)
    held = load_dataset("own-data", path)
    stream()
    with pytest.raises(DataError, match="Fortran order") as refusal:
        load_dataset("own-data", path, options=options)
    assert "numpy.ascontiguousarray(train_images)" in refusal.value.hint
    assert np.array_equal(held.x[:40], arrays["train_images"])


def test_what_is_too_large_to_be_searched_for_copies_is_said(npz, monkeypatch):
    dataset = load_dataset("own-data", npz)
    assert note_unsearched(dataset) == ()
    monkeypatch.setattr("unlearn_audit.data.near_identical._MOST_PAIRS", 100)
    (note,) = note_unsearched(dataset)
    assert note.text.startswith("Near-identical images were not looked for: 9e+02 pairs")
    assert find_overlaps(dataset) == ()


def test_many_copies_of_one_image_do_not_fill_memory(make_dataset):
    """500 x 500 equal pairs would be candidates; of each image 64 are kept, and all are found."""
    image = np.random.default_rng(1).integers(0, 256, (1, 20, 20, 1), dtype=np.uint8)
    split = np.repeat(["train", "validation", "test"], [500, 1, 500])
    x = np.repeat(image, 1001, axis=0)
    x[500] = 255 - x[500]
    x[:500, 0, 0] ^= 1  # near, and not identical
    found = find_overlaps(
        make_dataset(x=x, split=split, label=np.arange(1001) % 3, ids=np.arange(1001).astype(str), groups={})
    )
    assert [(o.copies, o.column, o.shared_groups) for o in found] == [("near-identical", "image", 500)]


MEASURE = """
    import sys
    from pathlib import Path
    import numpy as np
    from unlearn_audit.reference_models.pool import Pool
    from unlearn_audit.data import LoadOptions, digest_rows, find_overlaps, load_dataset, stored
    from unlearn_audit.models import MODELS
    from unlearn_audit.policy import Recipe
    from unlearn_audit.training import fit, predict_log_probs
    import torch

    def read_peak():
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024

    torch.set_num_threads(1)
    stored.STREAM_FROM = 2**20
    folder = Path(sys.argv[1])
    network = torch.nn.Sequential(torch.nn.AvgPool2d(16), torch.nn.Flatten(), torch.nn.Linear(192, 2))
    for n in (384, 1152):
        arrays = {}
        for prefix in ("train", "val", "test"):
            arrays[f"{prefix}_images"] = np.lib.stride_tricks.as_strided(
                np.arange(2**20, dtype=np.uint8), (n // 3, 128, 128, 3), (1024, 1, 3, 5))
            arrays[f"{prefix}_labels"] = np.arange(n // 3) % 2
        np.savez(folder / f"{n}.npz", **arrays)
        del arrays
    for n in (384, 1152):
        data = load_dataset("own-data", folder / f"{n}.npz", options=LoadOptions(cache=folder / "cache"))
        digest_rows(data.x, data.select("train"))
        find_overlaps(data)
        pool = Pool(data.x, data.label, data.label == 1)
        model = fit(network, pool.cut(data.select("train")), Recipe(epochs=1, batch=32), seed=1)
        predict_log_probs(model, pool.show(slice(None)))
        print(read_peak())
"""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    """768 more images are 38 MB of pixels and 151 MB of floats; the peak grows by less than 10 MB.

    glibc is told to give back every large block at once: else its own holes, of a few batches and without growth, are
    counted too.
    """
    script = tmp_path / "measure.py"
    script.write_text(textwrap.dedent(MEASURE))
    environ = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**20), "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, env=environ, check=False)
    assert not done.returncode, done.stderr
    first, second = (int(line) for line in done.stdout.split())
    assert second - first < 10e6
