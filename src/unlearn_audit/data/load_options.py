"""Load options of images: declared preprocessing, where large sets are kept, the seed of drawn splits."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from unlearn_audit.records import write_message
from unlearn_audit.records.intake import IntakeEntry, note_intake


@dataclass(frozen=True)
class ImageRules:
    """What is declared to be done to the images of a folder. None is what was not declared, and is not done.

    Attributes:
        size: (height, width) in pixels that every image is resized to.
        fit: 'stretch' to that size whatever the sides, or 'crop' the middle to its proportions first.
        interpolation: Pillow's filter, 'bilinear' where nothing is said.
        channels: 1 or 3: colour is weighted to grey (ITU-R 601-2), grey is repeated.
    """

    size: tuple[int, int] | None = None
    fit: Literal["stretch", "crop"] | None = None
    interpolation: Literal["bilinear", "bicubic", "nearest"] | None = None
    channels: Literal[1, 3] | None = None

    @property
    def declared(self) -> bool:
        """Whether anything is declared."""
        return self != ImageRules()

    def describe(self) -> tuple[IntakeEntry, ...]:
        """Return what a reader of the report must see; nothing where nothing was done."""
        steps = []
        if self.size:
            code = "image-resized-cropped" if self.fit == "crop" else "image-resized-stretched"
            height, width = self.size
            steps.append(write_message(code, height=height, width=width, filter=self.interpolation or "bilinear"))
        if self.channels:
            steps.append(write_message("image-made-coloured" if self.channels > 1 else "image-made-grey"))
        return (note_intake("pixels.declared", steps=steps),) if steps else ()


@dataclass(frozen=True)
class TableColumns:
    """What a folder's table calls its columns; None where it uses the usual name."""

    file: str | None = None
    id: str | None = None
    split: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class LoadOptions:
    """What a loader of images needs beyond their place.

    Attributes:
        cache: folder for large sets; None for the user's usual one.
        images: what is declared to be done to each image.
        columns: what the case calls the columns of a folder's table.
        seed: of splits where the data have none; None where none may be drawn, since models were trained already.
    """

    cache: Path | None = None
    images: ImageRules = field(default_factory=ImageRules)
    seed: int | None = None
    columns: TableColumns = field(default_factory=TableColumns)


PLAIN = LoadOptions()
"""The usual cache, nothing done to images, no split drawn."""
