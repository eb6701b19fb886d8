"""Data: records with their classes and splits, leaks between splits, and the records to forget."""

from unlearn_audit.data.bands import band_columns
from unlearn_audit.data.commitment import build_request, commit, draw_salt
from unlearn_audit.data.dataset import SPLITS, Dataset
from unlearn_audit.data.disjoint import make_disjoint, take_splits
from unlearn_audit.data.forget import (
    Forgotten,
    choose_forget,
    choose_forget_by_class,
    name_groups,
    resolve_forget,
)
from unlearn_audit.data.forget_list import ForgetList, read_forget_ids
from unlearn_audit.data.halves import Halves, draw_halves
from unlearn_audit.data.load_options import ImageRules, LoadOptions
from unlearn_audit.data.overlaps import CLUSTER_COLUMNS, find_overlaps, note_unsearched
from unlearn_audit.data.positive import Task, binarise, map_positive, map_task
from unlearn_audit.data.store import find_cache
from unlearn_audit.data.stored import Inputs, StoredImages, digest_rows, take_rows
from unlearn_audit.data.table import DATASETS, Loader, Source, load_dataset

__all__ = [
    "CLUSTER_COLUMNS",
    "DATASETS",
    "SPLITS",
    "Dataset",
    "ForgetList",
    "Forgotten",
    "Halves",
    "ImageRules",
    "Inputs",
    "LoadOptions",
    "Loader",
    "Source",
    "StoredImages",
    "Task",
    "band_columns",
    "binarise",
    "build_request",
    "choose_forget",
    "choose_forget_by_class",
    "commit",
    "digest_rows",
    "draw_halves",
    "draw_salt",
    "find_cache",
    "find_overlaps",
    "load_dataset",
    "make_disjoint",
    "map_positive",
    "map_task",
    "name_groups",
    "note_unsearched",
    "read_forget_ids",
    "resolve_forget",
    "take_rows",
    "take_splits",
]
