"""The table of data sets: one line adds one. Third parties join through the entry points 'unlearn_audit.datasets'."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from unlearn_audit.data.cytology import TITLE as CYTOLOGY
from unlearn_audit.data.cytology import load_breast_cytology
from unlearn_audit.data.dataset import Dataset
from unlearn_audit.data.embeddings import TITLE as EMBEDDINGS
from unlearn_audit.data.embeddings import load_embeddings
from unlearn_audit.data.load_options import PLAIN, LoadOptions
from unlearn_audit.data.medmnist_sets import TITLES, load_medmnist
from unlearn_audit.data.user_data import TITLE as OWN
from unlearn_audit.data.user_data import load_user_data
from unlearn_audit.errors import DataError
from unlearn_audit.records import ProgressCallback, ignore_progress
from unlearn_audit.records.intake import OF_LOADERS, note_intake
from unlearn_audit.registry import Table


class Loader(Protocol):
    """Makes a data set, from `path` where one is given. Refuses with `DataError`; never takes another data set."""

    def __call__(self, path: Path | None, *, download: bool, progress: ProgressCallback) -> Dataset:
        """Load it; the network is used only where `download` allows it."""
        ...


class ImageLoader(Protocol):
    """A loader that can also keep large sets in a file, and do to images what is declared."""

    def __call__(
        self, path: Path | None, *, download: bool, progress: ProgressCallback, options: LoadOptions
    ) -> Dataset:
        """Load it."""
        ...


@dataclass(frozen=True)
class Source:
    """One line of the table: what it is, and how to load it; `load_images` where its loader takes `LoadOptions`."""

    title: str
    load: Loader
    load_images: ImageLoader | None = None


DATASETS: Table[Source] = Table(
    "data set",
    "unlearn_audit.datasets",
    {
        "breast-cytology": Source(CYTOLOGY, load_breast_cytology),
        **{
            flag: Source(title, partial(load_medmnist, flag), partial(load_medmnist, flag))
            for flag, title in TITLES.items()
        },
        "embeddings": Source(EMBEDDINGS, load_embeddings),
        "own-data": Source(OWN, load_user_data, load_user_data),
    },
)


def load_dataset(
    name: str,
    path: Path | None = None,
    *,
    download: bool = True,
    progress: ProgressCallback = ignore_progress,
    options: LoadOptions = PLAIN,
) -> Dataset:
    """Load the data set called `name`.

    Args:
        name: in `DATASETS`.
        path: file or folder to read it from; None for the place where it usually lies.
        download: whether it may be fetched where it is absent.
        progress: progress.
        options: where large sets of images are kept, what is declared to be done to images, the seed of drawn splits.

    Raises:
        UnknownNameError: no such data set.
        DataError: no data, or data that cannot be used.
    """
    source = DATASETS[name]
    if source.load_images is not None:
        return _complete(source.load_images(path, download=download, progress=progress, options=options))
    if options.images.declared or options.columns != PLAIN.columns:
        what = "images" if options.images.declared else "columns"
        raise DataError(f"'{what}' of the case file would do nothing: '{name}' takes no images of yours")
    return _complete(source.load(path, download=download, progress=progress))


def _complete(dataset: Dataset) -> Dataset:
    """Return the data set with a line on what its loader does not speak of: nothing is assumed in silence."""
    spoken = {entry.property for entry in dataset.intake}
    silent = [name for name in OF_LOADERS if name not in spoken]
    if not silent:
        return dataset
    entry = note_intake("loader.silent", name=dataset.name, properties=silent)
    return replace(dataset, intake=(*dataset.intake, entry))
