"""Trivial models, which ignore the record: any audited model must be held against them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TrivialModel:
    """A model that predicts the same of every record.

    Attributes:
        name: in findings and curves, where a model of the case has its own; no model of a case may take it.
        title: as printed.
        predicts_positive: its prediction.
    """

    name: str
    title: str
    predicts_positive: bool


CALL_ALL_POSITIVE = TrivialModel("call-all-positive", "Call all positive", predicts_positive=True)
CALL_NONE_POSITIVE = TrivialModel("call-none-positive", "Call none positive", predicts_positive=False)
TRIVIAL_MODELS: Mapping[str, TrivialModel] = {model.name: model for model in (CALL_ALL_POSITIVE, CALL_NONE_POSITIVE)}
