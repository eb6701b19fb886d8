"""Breast cytology: the Wisconsin Diagnostic Breast Cancer set inside scikit-learn. Real, small, no network."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.apportion import apportion
from unlearn_audit.data.dataset import SPLITS, Dataset
from unlearn_audit.errors import DataError
from unlearn_audit.records import ProgressCallback, write_message
from unlearn_audit.records.intake import note_intake

TITLE = "Wisconsin Diagnostic Breast Cancer: 569 fine-needle aspirates, 30 features, 212 malignant; built in"
SEED = 20_260_423
"""Names the split: the project's reference split is this one for ever."""
SIZES = (300, 69, 200)
"""Records in train, validation and test."""


def load_breast_cytology(path: Path | None, *, download: bool, progress: ProgressCallback) -> Dataset:
    """Load the 569 records (212 malignant, 357 benign) in a fixed split, stratified by class: 300 / 69 / 200.

    Within each class the records are ordered by SHA-256 of '<SEED>:<index>' and dealt to train, validation and test
    in proportion: no random generator, whose streams may change between library versions, is involved. Features are
    standardised by mean and standard deviation of the *training* records (float32). `sha256` is of the raw
    arrays, so that a change of the embedded data would show.

    Source: Wolberg, Mangasarian, Street and Street, Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning
    Repository (1993), doi:10.24432/C5DW2B, CC BY 4.0; the copy in scikit-learn.

    What must not be concluded: features of one clinic of the early 1990s say nothing about a device of today; the set
    shows that an audit runs and how it reads.

    Args:
        path: must be None: the data are built in.
        download: not needed, nothing is fetched.
        progress: progress.

    Raises:
        DataError: a path is given.
    """
    del download
    if path is not None:
        raise DataError(
            f"'breast-cytology' is built in and reads no file, found --data {path}",
            hint="name a data set that reads files, such as 'own-data' or 'dermamnist'",
        )
    from sklearn.datasets import load_breast_cancer

    progress("load breast-cytology", 0, 1)
    raw = load_breast_cancer()
    features = np.ascontiguousarray(raw.data, dtype="<f8")
    label = np.ascontiguousarray(raw.target, dtype="<i8")
    split = split_by_hash(label)
    train = features[split == "train"]
    x = ((features - train.mean(axis=0)) / train.std(axis=0)).astype(np.float32)
    progress("load breast-cytology", 1, 1)
    return Dataset(
        name="breast-cytology",
        x=x,
        label=label.astype(np.int64),
        ids=np.array([f"wdbc-{index:03}" for index in range(len(label))]),
        split=split,
        classes=("malignant", "benign"),
        source=(
            "Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning Repository, doi:10.24432/C5DW2B "
            "(Wolberg, Mangasarian, Street and Street 1993); the copy in scikit-learn"
        ),
        licence="CC BY 4.0",
        sha256=hashlib.sha256(features.tobytes() + label.tobytes()).hexdigest(),
        intake=(
            note_intake("ids.numbered", where="the copy in scikit-learn"),
            note_intake("splits.own"),
            note_intake("labels.published", title="the UCI repository", classes=("malignant", "benign")),
            note_intake("pixels.features"),
        ),
        notes=(write_message("splits-of-this-tool"),),
    )


def split_by_hash(label: NDArray[np.int64]) -> NDArray[np.str_]:
    """Return (n,) split names: `SIZES` in total, each class in proportion to within one record.

    Args:
        label: (n,) class indices; n is the sum of `SIZES`.
    """
    order = sorted(range(len(label)), key=lambda index: hashlib.sha256(f"{SEED}:{index}".encode()).digest())
    split = np.full(len(label), SPLITS[1], dtype=f"<U{max(map(len, SPLITS))}")
    classes, counts = np.unique(label, return_counts=True)
    for name, size in ((SPLITS[0], SIZES[0]), (SPLITS[2], SIZES[2])):
        shares = apportion(size, [size * count / len(label) for count in counts.tolist()])
        for number, share in zip(classes, shares, strict=True):
            free = [index for index in order if label[index] == number and split[index] == SPLITS[1]]
            split[free[:share]] = name
    return split
