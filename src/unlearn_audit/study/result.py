"""The result of a study: one JSON file, from which page and figure are made and which tests compare."""

import operator
from typing import Any, Literal

from pydantic import Field

from unlearn_audit.policy import Claim, StudyFile
from unlearn_audit.records import Estimate, OperatingPoint, to_canonical_json
from unlearn_audit.records.frozen import Frozen

RESULT_SCHEMA = "unlearn-audit/study-result/v1"


class Figure(Frozen):
    """One measure of one model over the seeds."""

    measure: str
    values: tuple[float | None, ...] = Field(description="one per seed; None where it was not measured")
    mean: Estimate | None = Field(
        default=None,
        description="without an interval where fewer than three seeds have it, or all values are the same",
    )
    difference: Estimate | None = Field(default=None, description="from the retrained model, paired by seed and record")
    pairs: int = Field(default=0, description="seeds that the difference rests on")
    reason: str | None = Field(default=None, description="why it was not measured, of the first seed without a value")


class Row(Frozen):
    """One model of a cell."""

    name: str
    title: str
    method: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    seconds: float | None = Field(description="wall time to make it, mean over seeds, on one thread")
    failed: dict[str, str] = Field(default_factory=dict, exclude_if=operator.not_, description="reason by seed")
    collapsed: dict[str, str] = Field(default_factory=dict, exclude_if=operator.not_, description="reason by seed")
    unrelearned: dict[str, str] = Field(
        default_factory=dict, exclude_if=operator.not_, description="why its relearned copy was not made, by seed"
    )
    figures: tuple[Figure, ...]

    def find(self, measure: str) -> Figure:
        """Return the figure of `measure`.

        Raises:
            KeyError: the study has no such measure.
        """
        for figure in self.figures:
            if figure.measure == measure:
                return figure
        raise KeyError(measure)


class Answer(Frozen):
    """What a cell says of a claim."""

    claim: Claim
    difference: Estimate | None = Field(description="model less the other, at a confidence shared among all answers")
    agreeing: int = Field(description="seeds in which the difference is on the claimed side")
    seeds: int = Field(description="seeds in which both were measured")
    outcome: Literal["holds", "contradicted", "open"]


class Recognised(Frozen):
    """One number of one procedure over pairs of reference models."""

    metric: str = Field(description="as an audit calls it")
    among: str = Field(description="all, positive or negative")
    estimate: Estimate | None = None
    reason: str | None = Field(default=None, description="why it was not measured")


class Recognition(Frozen):
    """How far a procedure leaves erased records recognisable, over the pairs of reference models of one seed."""

    model: str
    title: str
    seed: int
    figures: tuple[Recognised, ...]

    def find(self, metric: str, among: str = "all") -> Recognised:
        """Return the figure of `metric` among those records.

        Raises:
            KeyError: there is none.
        """
        for figure in self.figures:
            if (figure.metric, figure.among) == (metric, among):
                return figure
        raise KeyError(metric, among)


class CellResult(Frozen):
    """One share to forget, or shares by class."""

    forget: float | dict[str, float]
    seeds: tuple[int, ...] = Field(description="whose cells are finished")
    splits: dict[str, int] = Field(description="records by split, of the first seed")
    positives: dict[str, int] = Field(description="positive ones among them")
    rows: tuple[Row, ...]
    references: dict[str, str] = Field(
        default_factory=dict, exclude_if=operator.not_, description="why reference models were not made, by seed"
    )
    answers: tuple[Answer, ...] = ()
    recognition: tuple[Recognition, ...] = Field(
        default=(), exclude_if=operator.not_, description="where there are reference models: a row for each procedure"
    )

    def find(self, name: str) -> Row:
        """Return the row of a model.

        Raises:
            KeyError: the cell has no such model.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)


class StudyResult(Frozen):
    """A study with its numbers."""

    schema_: Literal["unlearn-audit/study-result/v1"] = Field(alias="schema")
    version: str = Field(description="of the package")
    study: StudyFile
    policy: str = Field(description="id and version")
    settings_sha256: str = Field(description="of what a study reads of the policy: all but its checks and texts")
    policy_ratio: float = Field(description="false negative to false positive")
    point: OperatingPoint = Field(
        description="the policy's first operating point, frozen on the original's validation records"
    )
    data: str
    data_sha256: str
    recipe: dict[str, Any]
    environment: dict[str, str]
    confidence: float = Field(description="of every interval but those of the answers")
    claim_confidence: float = Field(description="of the intervals of the answers, which share the error")
    cluster: str | None = Field(default=None, description="column of the data whose groups are drawn whole, if any")
    cells: tuple[CellResult, ...]
    missing: tuple[str, ...] = Field(default=(), description="cells that are not finished")

    def to_bytes(self) -> bytes:
        """Return the result as canonical JSON."""
        return to_canonical_json(self.model_dump(mode="json"))
