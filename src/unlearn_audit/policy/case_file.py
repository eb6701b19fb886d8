"""The case file: what is audited this time, where it differs from the policy's reference case.

Unlike a policy it belongs to this machine and this time: it may name files. Paths are relative to the case file.
"""

from typing import Literal

from pydantic import Field, field_validator

from unlearn_audit.policy.choice import MethodChoice, Slug
from unlearn_audit.policy.external_facts import (
    ColumnNames,
    ComputeFacts,
    Expectation,
    ExternalDataFacts,
    ExternalModelFacts,
    Functions,
    Images,
    Network,
    PreprocessingFacts,
    ReferenceAnswers,
)
from unlearn_audit.policy.fields import Column, ForgetRequest, Text
from unlearn_audit.policy.reference_case import Recipe
from unlearn_audit.records.frozen import Frozen
from unlearn_audit.records.provenance import Deviation, Device


class CaseFile(Frozen):
    """A case; everything left out is the policy's reference case."""

    schema_: Literal["unlearn-audit/case/v1"] = Field(alias="schema")
    name: Text = Field(description="as the report calls the case")
    dataset: Slug | None = Field(
        default=None, description="name in the table of data sets, such as own-data; the policy's where nothing is said"
    )
    data: Text | None = Field(default=None, description="npz in MedMNIST's format, or a folder of images")
    embeddings: Text | None = Field(
        default=None,
        description="npz of features that a frozen backbone made: the head on top of them is audited, 'linear' where "
        "no 'network' is named",
    )
    images: Images | None = Field(
        default=None, description="what is done to every image of a folder when it is taken in, such as {size: 224}"
    )
    forget: ForgetRequest = Field(
        default=None,
        description="share of the training records, shares by class such as {malignant: 0.5, benign: 0.11}, or a CSV "
        "of record, lesion or patient ids",
    )
    unlearn: MethodChoice | None = Field(default=None, description="the audited method and its parameters")
    compare: tuple[MethodChoice, ...] = Field(default=(), description="methods that are audited beside it")
    retrain: bool | None = None
    split_column: Column | None = Field(
        default=None,
        description="column of the data that holds train, val or test, where the policy names none",
    )
    recipe: Recipe | None = None
    predictions: tuple[Text, ...] = Field(
        default=(), description="CSV or Parquet files of predictions that were made elsewhere; nothing is trained then"
    )
    scores: Literal["probabilities", "logits", "log-probabilities"] | None = Field(
        default=None,
        description="what predictions, or external models' outputs, are; never guessed: where nothing is said, "
        "predictions are probabilities and outputs are logits",
    )
    classes: tuple[Text, ...] = Field(
        default=(), description="what the class numbers 0, 1, ... of labels and columns mean, in this order"
    )
    labels: dict[Text, Text] = Field(
        default_factory=dict,
        description="what labels mean that are neither class names nor numbers, such as {B: benign, M: malignant}",
    )
    columns: ColumnNames = Field(default=ColumnNames(), description="columns that are called otherwise")
    models: dict[Slug, ExternalModelFacts] = Field(
        default_factory=dict, description="what is known of external models, by their name in the audit"
    )
    network: Network | None = Field(
        default=None, description="what makes the network, of external models or of models that are trained here"
    )
    preprocessing: PreprocessingFacts = Field(
        default=PreprocessingFacts(), description="what is done to the data before a model sees it"
    )
    functions: Functions | None = Field(
        default=None, description="the user's own code that trains, unlearns or preprocesses; naming it runs it"
    )
    references: ReferenceAnswers | None = Field(
        default=None, description="answers of reference models that were made elsewhere, beside predictions or models"
    )
    compute: ComputeFacts | None = Field(
        default=None, description="on which device models are trained and asked, such as {device: auto}"
    )
    expect: Expectation | None = Field(
        default=None, description="what the owner knows of the original, such as {accuracy: 0.80, on: test}"
    )
    about_data: ExternalDataFacts = Field(
        default=ExternalDataFacts(), description="the data behind the predictions, for the report"
    )
    observations: tuple[Text, ...] = Field(
        default=(), description="further statements for the report: observation only, they never drive a verdict"
    )
    device: Device | None = Field(
        default=None, description="the product that the model belongs to, as its maker names it"
    )
    deviations: tuple[Deviation, ...] = Field(
        default=(), description="what was done otherwise than policy or protocol say; printed in the report"
    )
    earlier_runs: tuple[Text, ...] = Field(
        default=(), description="record.json of each earlier audit of this case; listed in the report"
    )

    @field_validator("compare")
    @classmethod
    def _each_method_once(cls, compare: tuple[MethodChoice, ...]) -> tuple[MethodChoice, ...]:
        names = [choice.method for choice in compare]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each method once, found {', '.join(twice)} more than once")
        return compare
