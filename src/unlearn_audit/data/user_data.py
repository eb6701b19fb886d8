"""The user's own data: an npz in MedMNIST's format, or a folder of images with a CSV."""

from pathlib import Path

from unlearn_audit.data.dataset import Dataset
from unlearn_audit.data.folder import load_folder
from unlearn_audit.data.load_options import PLAIN, LoadOptions
from unlearn_audit.data.npz import Identity, compute_checksums, load_npz
from unlearn_audit.errors import DataError
from unlearn_audit.records import ProgressCallback

TITLE = "your own images: --data with an npz in MedMNIST's format, or with a folder of images and a records.csv"


def load_user_data(
    path: Path | None, *, download: bool, progress: ProgressCallback, options: LoadOptions = PLAIN
) -> Dataset:
    """Load the npz or folder at `path`; class names come from the data themselves, see `load_npz`, `load_folder`.

    Args:
        path: required.
        download: not needed, nothing is fetched.
        progress: progress.
        options: where large sets are kept, what is declared to be done to images.

    Raises:
        DataError: no path, or what `load_npz` and `load_folder` refuse.
    """
    del download
    if path is None:
        raise DataError("'own-data' needs a file or folder, found none", hint="add --data FILE.npz or --data FOLDER")
    identity = Identity("own-data", f"the user's own data: {path.name}", "not stated")
    if path.is_dir():
        return load_folder(path, identity, options, progress)
    return load_npz(path, identity, compute_checksums(path).sha256, options, progress)
