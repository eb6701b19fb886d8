"""The two-dimensional MedMNIST sets with one label per image: found on this machine, or downloaded and checked."""

import importlib.util
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from unlearn_audit.data.dataset import SPLITS, Dataset
from unlearn_audit.data.dermoscopy import DIAGNOSES
from unlearn_audit.data.download import download as fetch
from unlearn_audit.data.folder import load_folder
from unlearn_audit.data.load_options import PLAIN, LoadOptions
from unlearn_audit.data.npz import Checksums, Identity, compute_checksums, load_npz
from unlearn_audit.errors import DataError
from unlearn_audit.records import Message, ProgressCallback, write_message
from unlearn_audit.writing import find_home

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "bloodmnist": "BloodMNIST: blood cells under the microscope, 8 classes",
        "breastmnist": "BreastMNIST: breast ultrasound, 2 classes",
        "dermamnist": "DermaMNIST: dermatoscopic images of skin lesions, 7 classes",
        "octmnist": "OCTMNIST: optical coherence tomography of the retina, 4 classes",
        "organamnist": "OrganAMNIST: organs in axial CT slices, 11 classes",
        "organcmnist": "OrganCMNIST: organs in coronal CT slices, 11 classes",
        "organsmnist": "OrganSMNIST: organs in sagittal CT slices, 11 classes",
        "pathmnist": "PathMNIST: colorectal tissue under the microscope, 9 classes",
        "pneumoniamnist": "PneumoniaMNIST: chest X-rays of children, 2 classes",
        "retinamnist": "RetinaMNIST: grades of diabetic retinopathy on fundus photographs, 5 classes",
        "tissuemnist": "TissueMNIST: kidney cortex cells under the microscope, 8 classes",
    }
)
"""Every flag of `medmnist.INFO` with two dimensions and one label per image, and what it shows. Written out, so that
listing the data sets imports nothing."""

_SOURCE = (
    "{name}, MedMNIST v2 ({url}); Yang et al., MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D "
    "biomedical image classification, Scientific Data 10:41 (2023), doi:10.1038/s41597-022-01721-8"
)


@dataclass(frozen=True)
class Published:
    """What MedMNIST publishes about one set."""

    title: str
    url: str
    md5: str
    variants: Mapping[str, str]
    classes: tuple[str, ...]
    licence: str
    counts: tuple[int, int, int]


@cache
def _read_info() -> Mapping[str, Mapping[str, Any]]:
    """Read `medmnist.info` alone: `import medmnist` would load torch and take seconds."""
    package = importlib.util.find_spec("medmnist")  # finds the package without running it
    if package is None or not package.submodule_search_locations:
        raise DataError(
            "the labels and checksums of the MedMNIST sets come with the package 'medmnist', which is not installed",
            hint='pip install "unlearn-audit[train]"',
        )
    path = Path(package.submodule_search_locations[0]) / "info.py"
    spec = importlib.util.spec_from_file_location("_unlearn_audit_medmnist_info", path)
    if spec is None or spec.loader is None:
        raise DataError(f"expected MedMNIST's list of data sets at {path}, found none")
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where the home folder cannot be written, which is no concern here
        spec.loader.exec_module(module)
    return dict(module.INFO)


def find_published(flag: str) -> Published:
    """Return what MedMNIST publishes about the set `flag`.

    Raises:
        DataError: medmnist is not installed, or its version does not know the set.
    """
    info = _read_info()
    if flag not in info:
        raise DataError(f"the installed medmnist knows no set '{flag}'", hint="pip install --upgrade medmnist")
    entry = info[flag]
    label: Mapping[str, str] = entry["label"]
    return Published(
        title=entry["python_class"],
        url=entry["url"],
        md5=entry["MD5"],
        variants={entry[key]: key.removeprefix("MD5_") for key in entry if key.startswith("MD5_")},
        classes=tuple(label[str(number)] for number in range(len(label))),
        licence=entry["license"],
        counts=(entry["n_samples"]["train"], entry["n_samples"]["val"], entry["n_samples"]["test"]),
    )


def load_medmnist(
    flag: str, path: Path | None, *, download: bool, progress: ProgressCallback, options: LoadOptions = PLAIN
) -> Dataset:
    """Load the MedMNIST set `flag` from `path`, else from ~/.medmnist, else (where allowed) from the network.

    A file whose MD5 is not the published one is used and says so: `official` is False and a note names both digests.
    Another data set is never taken in its place.

    Args:
        flag: name in `medmnist.INFO`, such as 'dermamnist'.
        path: an npz in MedMNIST's format, or a folder of images with a CSV (see `load_folder`), whose labels mean
            what the set's labels mean.
        download: whether the network may be used.
        progress: progress.
        options: where large sets are kept, what is declared to be done to images.

    Raises:
        DataError: no data and no way to get them (names the three ways on), or what `load_npz` refuses.
    """
    published = find_published(flag)
    identity = Identity(
        flag, _SOURCE.format(name=published.title, url=published.url), published.licence, published.classes
    )
    if path is not None and path.is_dir():
        note = write_message("folder-of-own-images", title=published.title)
        codes = DIAGNOSES if flag == "dermamnist" else None
        own = replace(identity, official=False, notes=(note,), codes=codes)
        return load_folder(path, own, options, progress)
    file = path if path is not None else _find_file(flag, published, download=download, progress=progress)
    checksums = compute_checksums(file)
    official, notes = _compare(file, checksums, published)
    dataset = load_npz(file, replace(identity, official=official, notes=notes), checksums.sha256, options, progress)
    return replace(dataset, notes=(*dataset.notes, *_compare_counts(dataset, published)))


def _find_file(flag: str, published: Published, *, download: bool, progress: ProgressCallback) -> Path:
    file = find_home() / ".medmnist" / f"{flag}.npz"
    if file.is_file():
        return file
    hint = (
        f"three ways on: download {published.url} to {file} (on a machine with a network the tool does it itself); "
        f"or name your own file with --data FILE.npz; or use the policy 'breast-cytology', whose data are built in"
    )
    if not download:
        raise DataError(f"no data for '{flag}': expected {file}, found nothing, and downloads are off", hint=hint)
    try:
        fetch(published.url, published.md5, file, progress)
    except DataError as error:
        raise DataError(
            f"no data for '{flag}': expected {file}, found nothing, and {error.message}", hint=hint
        ) from error
    return file


def _compare(file: Path, found: Checksums, published: Published) -> tuple[bool, tuple[Message, ...]]:
    if found.md5 == published.md5:
        return True, ()
    if found.md5 in published.variants:
        size = published.variants[found.md5]
        return True, (write_message("published-variant", file=file.name, size=size),)
    note = write_message("not-the-published-file", file=file.name, found=found.md5, published=published.md5)
    return False, (note,)


def _compare_counts(dataset: Dataset, published: Published) -> tuple[Message, ...]:
    here = tuple(int(dataset.select(split).sum()) for split in SPLITS)
    if here == published.counts:
        return ()
    found, expected = ([f"{n:,}" for n in counts] for counts in (here, published.counts))
    return (write_message("other-split-sizes", found=found, published=expected),)
