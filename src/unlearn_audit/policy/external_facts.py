"""Declared facts of external models and predictions, which nobody here can check."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from unlearn_audit.policy.fields import Text
from unlearn_audit.records.frozen import Frozen

Side = Annotated[int, Field(ge=1, le=4_096)]


class ColumnNames(Frozen):
    """How a table (of predictions, of images) calls its columns; what is left out is found by its usual name."""

    id: Text | None = Field(default=None, description="names the records; usually id, record_id or image_id")
    file: Text | None = Field(default=None, description="of a folder's table: names the images; usually file")
    split: Text = Field(default="split", description="retain, forget, validation or test; or train with a forget list")
    label: Text = Field(default="label", description="the true class, by name or number")
    model: Text = Field(default="model", description="of a long file: which model speaks in this row")
    class_: Text = Field(
        default="class", alias="class", description="of a long file with one row for each class: which class"
    )
    groups: tuple[Text, ...] | None = Field(
        default=None, description="group columns that are kept beside those that the policy names"
    )


class ExternalModelFacts(Frozen):
    """One model that was made elsewhere."""

    file: Text | None = Field(
        default=None,
        description="the model itself: .safetensors, .pt or .pth (weights, TorchScript), .pt2 (torch.export), .onnx",
    )
    weights: Text | None = Field(
        default=None,
        description="which of several sets of weights in the file answers, such as state_dict_ema or state_dict/model",
    )
    role: Literal["original", "unlearned", "retrained", "compared"] | None = Field(
        default=None, description="its name where that is a role, else compared"
    )
    column: Text | None = Field(default=None, description="its name in the predictions where that is another one")
    title: Text | None = Field(default=None, description="as the report calls it")
    made_by: Text | None = Field(default=None, description="how it was made, such as an unlearning method's name")
    made_with: dict[str, Any] = Field(default_factory=dict, description="the parameters it was made with")
    source: Text | None = Field(default=None, description="paper or address of the method")
    notes: tuple[Text, ...] = ()


class ExternalDataFacts(Frozen):
    """The data behind predictions: the report prints it as it is stated."""

    name: Text | None = None
    source: Text | None = Field(default=None, description="citation or address")
    licence: Text | None = None
    training_records: int | None = Field(
        default=None, ge=1, description="retained and forgotten together; needed where no retained record is given"
    )


class Network(Frozen):
    """What weights are loaded into. Naming a factory runs its code, which is the user's own."""

    factory: Text = Field(description="'module:factory', importable; or a name in the table of models")
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="the factory's arguments by name; without any it is called as factory(shape, classes)",
    )


class Functions(Frozen):
    """Code of the user's own: 'module:function', or 'file.py:function' relative to the case. Naming it runs it."""

    train: Text | None = Field(default=None, description="train(records, setting) -> model")
    unlearn: Text | None = Field(
        default=None, description="unlearn(original, retain, forget, setting) -> model: the method 'user-supplied'"
    )
    preprocess: Text | None = Field(default=None, description="preprocess(image) -> array, for each stored image")
    parameters: dict[str, Any] = Field(default_factory=dict, description="given to train as setting.parameters")
    deterministic: bool = Field(
        default=False, description="whether the same seed gives the same bits; where it is said, it is tried"
    )
    draws: bool = Field(default=True, description="whether another seed gives another model")


class ComputeFacts(Frozen):
    """Where models are trained and asked; a processor in float32 where nothing is said."""

    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,2})?)$")] = Field(
        default="cpu", description="auto, cpu, cuda, cuda:N or mps; one that is not there is refused"
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="of the sums in training; models are always asked in float32"
    )
    deterministic: bool = Field(
        default=True, description="on an accelerator: only algorithms that give the same bits again, which cost time"
    )


class ReferenceAnswers(Frozen):
    """What reference models that were made elsewhere answered; see docs/references.md for the columns."""

    answers: tuple[Text, ...] = Field(min_length=1, description="CSV or Parquet files, relative to the case")
    plan: Text | None = Field(
        default=None, description="plan.json of 'references plan': the answers must come from these halves"
    )


class Expectation(Frozen):
    """What the owner of the original knows about it: an audit of another model than that is not begun."""

    accuracy: float = Field(gt=0, le=1, description="share of records whose most probable class is the true one")
    on: Literal["validation", "test"] = Field(default="test", description="the split on which it was measured")
    tolerance: float = Field(default=0.02, ge=0, le=0.5, description="by how much it may differ, either way")


class Images(Frozen):
    """What is done to every image of a folder when it is taken in; without a word, images must be of one size."""

    size: Side | tuple[Side, Side] | None = Field(
        default=None, description="pixels that every image is resized to: one side of a square, or [height, width]"
    )
    fit: Literal["stretch", "crop"] | None = Field(
        default=None,
        description="'stretch' (where nothing is said) to the size, or 'crop' the middle to its proportions first",
    )
    interpolation: Literal["bilinear", "bicubic", "nearest"] | None = Field(
        default=None, description="how images are resized (Pillow's filters); bilinear where nothing is said"
    )
    channels: Literal[1, 3] | None = Field(
        default=None, description="grey is repeated, colour is weighted (ITU-R 601-2) where an image differs from it"
    )

    @model_validator(mode="after")
    def _validate_size(self) -> Self:
        if self.size is None and (self.fit or self.interpolation):
            raise ValueError("'fit' and 'interpolation' do nothing without 'size'")
        return self


class PreprocessingFacts(Frozen):
    """What is done to an image before an external model sees it; without a word, pixels are scaled to [-1, 1]."""

    size: int | None = Field(default=None, ge=1, le=4_096, description="side in pixels that images are resized to")
    fit: Literal["stretch", "shorter-side"] | None = Field(
        default=None,
        description="what gets that side: both ('stretch', where nothing is said), or the shorter one, the other in "
        "proportion",
    )
    crop: int | None = Field(
        default=None, ge=1, le=4_096, description="side in pixels of the square that is cut from the middle after that"
    )
    interpolation: Literal["bilinear", "bicubic", "nearest"] | None = Field(
        default=None, description="how images are resized (Pillow's filters); bilinear where nothing is said"
    )
    channels: Literal[1, 3] | None = Field(
        default=None, description="grey is repeated, colour is weighted (ITU-R 601-2) where the images differ from it"
    )
    scale: Literal["-1..1", "0..1", "0..255"] | None = Field(
        default=None, description="what 0 to 255 becomes before mean and std; -1..1 where nothing is said"
    )
    mean: tuple[float, ...] = Field(default=(), description="subtracted, for each channel or feature")
    std: tuple[float, ...] = Field(default=(), description="divided by, for each channel or feature")
    layout: Literal["channels-first", "channels-last"] = "channels-first"
    transforms: tuple[Annotated[dict[Text, dict[str, Any]], Field(min_length=1, max_length=1)], ...] = Field(
        default=(),
        exclude_if=lambda steps: not steps,
        description="instead of the steps above: torchvision's v2 transforms by name, in their order, such as "
        "'- Resize: {size: 256}'; none that draws",
    )

    @model_validator(mode="after")
    def _validate_one_way(self) -> Self:
        if self.transforms and (others := sorted(self.model_fields_set - {"transforms"})):
            raise ValueError(f"'transforms' says all that is done to an image: remove '{others[0]}'")
        return self
