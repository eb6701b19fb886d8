"""Limits of input sizes, each with what it bounds. docs/data.md prints this table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InputLimit:
    """One bound: what it is on, and how much of it."""

    what: str
    most: int
    unit: str

    def describe(self) -> str:
        """Return the bound as it is printed."""
        return f"{self.most:,} {self.unit}"


TABLE_FILE = InputLimit("a file of predictions (CSV, Parquet) or an evidence file", 2**30, "bytes")
TABLE_DECODED = InputLimit(
    "rows times columns that are read of a table, decoded; and 100 times its file above 64 MiB", 2**30, "bytes"
)
TABLE_COLUMNS = InputLimit("columns of a table", 10_000, "columns")
TABLE_CELL = InputLimit("a cell of text", 1_000, "characters")
TABLE_HEAD = InputLimit("the first line of a CSV", 2**20, "bytes")
RECORD_ID = InputLimit("a record's id", 256, "characters")
FORGET_LIST = InputLimit("a list of ids to forget", 64 * 2**20, "bytes")
FOLDER_TABLE = InputLimit("a table beside images", 256 * 2**20, "bytes")
IMAGE_FILE = InputLimit("an image file", 256 * 2**20, "bytes")
IMAGE_SIDE = InputLimit("each side of an image", 2_048, "pixels")
IMAGE_RESIZED_SIDE = InputLimit("each side of an image that 'images' of the case resizes", 8_192, "pixels")
ARCHIVE_RATIO = InputLimit("what an npz above 256 MiB may unpack to, in times of its size", 200, "times")
CERTIFICATES = InputLimit("a file of root certificates", 2**20, "bytes")
REVOCATIONS = InputLimit("a revocation list", 16 * 2**20, "bytes")

LIMITS = (
    TABLE_FILE,
    TABLE_DECODED,
    TABLE_COLUMNS,
    TABLE_CELL,
    TABLE_HEAD,
    RECORD_ID,
    FORGET_LIST,
    FOLDER_TABLE,
    IMAGE_FILE,
    IMAGE_SIDE,
    IMAGE_RESIZED_SIDE,
    ARCHIVE_RATIO,
    CERTIFICATES,
    REVOCATIONS,
)
