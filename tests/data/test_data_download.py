"""Finding MedMNIST's files: at home, over the network, or a clear refusal; never another data set."""

import hashlib
import importlib.util
import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from unlearn_audit.data import load_dataset, medmnist_sets
from unlearn_audit.data.medmnist_sets import Published
from unlearn_audit.errors import DataError


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """An address on the loopback that serves `tmp_path`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


@pytest.fixture
def publish(make_arrays, write_npz, monkeypatch):
    """Publish a small file as 'pathmnist' at an address, with its own MD5 or another; returns the file."""

    def as_pathmnist(url, md5=None, variants=None):
        path = write_npz(make_arrays(classes=9), "pathmnist.npz")
        found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        published = Published(
            title="PathMNIST",
            url=f"{url}/pathmnist.npz",
            md5=md5 or found,
            variants={found: "64"} if variants else {},
            classes=tuple(f"tissue {c}" for c in range(9)),
            licence="CC BY 4.0",
            counts=(40, 8, 12),
        )
        monkeypatch.setattr(medmnist_sets, "find_published", {"pathmnist": published}.__getitem__)
        return path

    return as_pathmnist


def test_a_file_is_downloaded_checked_and_kept_at_home(server, publish, home):
    publish(server)
    steps = []
    dataset = load_dataset("pathmnist", progress=lambda *step: steps.append(step))
    assert (dataset.official, dataset.notes) == (True, ())
    assert (home / ".medmnist" / "pathmnist.npz").is_file()
    task, done, total = steps[-1]
    assert task == "download pathmnist.npz"
    assert done == total > 0


def test_what_was_downloaded_once_is_not_downloaded_again(server, publish, home):
    file = publish(server)
    load_dataset("pathmnist")
    file.unlink()
    assert len(load_dataset("pathmnist", download=False)) == 60


def test_a_download_with_another_checksum_is_refused_and_leaves_nothing(server, publish, home):
    publish(server, md5="0" * 32)
    with pytest.raises(DataError) as refusal:
        load_dataset("pathmnist")
    assert f"the file at {server}/pathmnist.npz is not the published one: expected MD5 {'0' * 32}" in (
        refusal.value.message
    )
    assert list((home / ".medmnist").iterdir()) == []


def test_an_address_without_the_file_is_refused(server, publish):
    publish(server).unlink()
    with pytest.raises(DataError, match="404"):
        load_dataset("pathmnist")


def test_without_a_network_the_three_ways_on_are_named(publish, home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
        publish(closed)
        with pytest.raises(DataError) as refusal:
            load_dataset("pathmnist")
    file = home / ".medmnist" / "pathmnist.npz"
    assert refusal.value.message.startswith(f"no data for 'pathmnist': expected {file}, found nothing, and {closed}")
    assert "Connection refused" in refusal.value.message
    assert_names_three_ways(refusal.value.hint, f"{closed}/pathmnist.npz", file)


def test_with_downloads_off_nothing_is_fetched_and_the_three_ways_on_are_named(server, publish, home):
    publish(server)
    with pytest.raises(DataError) as refusal:
        load_dataset("pathmnist", download=False)
    file = home / ".medmnist" / "pathmnist.npz"
    assert refusal.value.message == (f"no data for 'pathmnist': expected {file}, found nothing, and downloads are off")
    assert_names_three_ways(refusal.value.hint, f"{server}/pathmnist.npz", file)


def assert_names_three_ways(hint, url, file):
    assert f"download {url} to {file}" in hint
    assert "--data FILE.npz" in hint
    assert "the policy 'breast-cytology', whose data are built in" in hint


def test_another_file_at_home_is_used_and_said_not_to_be_official(publish, home):
    file = publish("http://nowhere.invalid", md5="0" * 32)
    (home / ".medmnist").mkdir()
    file.rename(home / ".medmnist" / "pathmnist.npz")
    dataset = load_dataset("pathmnist")
    assert dataset.official is False
    assert "pathmnist.npz is not the published file: its MD5 is " in dataset.notes[0].text


def test_a_published_variant_is_official_and_named(publish):
    file = publish("http://nowhere.invalid", md5="0" * 32, variants=True)
    dataset = load_dataset("pathmnist", file)
    assert dataset.official is True
    assert tuple(map(str, dataset.notes)) == ("pathmnist.npz is the published variant with images of 64 x 64 pixels",)


def test_a_home_that_cannot_be_written_is_refused(server, publish, home):
    publish(server)
    (home / ".medmnist").write_text("in the way")
    with pytest.raises(DataError, match="could not be downloaded to"):
        load_dataset("pathmnist")


def test_an_absent_path_is_refused_even_where_a_download_would_do(server, publish, tmp_path):
    publish(server)
    with pytest.raises(DataError, match=r"expected an npz file at .*gone.npz, found nothing"):
        load_dataset("pathmnist", tmp_path / "gone.npz")


def test_without_medmnist_the_extra_is_named(monkeypatch):
    medmnist_sets._read_info.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError) as refusal:
        load_dataset("pathmnist", download=False)
    assert refusal.value.hint == 'pip install "unlearn-audit[train]"'
