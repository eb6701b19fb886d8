"""The study file: which methods, on which data, how often. A study speaks of methods, an audit of a model.

Paths are relative to the study file. Costs, operating points, recipe and attacks are those of its policy.
"""

import operator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from unlearn_audit.policy.choice import MethodChoice, Slug, refuse
from unlearn_audit.policy.external_facts import Images
from unlearn_audit.policy.fields import Column, ForgetShare, Text
from unlearn_audit.policy.reference_case import Recipe
from unlearn_audit.policy.study_rules import validate_study_consistency
from unlearn_audit.records.frozen import Frozen

LARGEST_SEED = 2**53 - 1

Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class StudiedModel(MethodChoice):
    """One row of the study's tables: a method in one setting."""

    name: Slug = Field(description="unique in its cell; the same name in two cells is compared as the same method")
    title: Text = Field(description="as the tables call it")


class StudyCell(Frozen):
    """What is done where this share of the training records is forgotten."""

    forget: ForgetShare = Field(
        description="drawn anew for each seed: a share of the training records of every class, or shares by class, "
        "such as {malignant: 0.5, benign: 0.11}; a class that is not named gives nothing"
    )
    models: tuple[StudiedModel, ...] = Field(min_length=1, max_length=64)


class Relearning(Frozen):
    """An attack: show a model half of what it forgot, and see whether the other half comes back.

    What comes back beyond what the same treatment does to the retrained model was hidden, not forgotten.
    """

    of: tuple[Slug, ...] = Field(default=(), description="models that are attacked beside the retrained one")
    epochs: int = Field(default=5, ge=1, le=1_000, description="passes over the half that is shown")
    learning_rate: float = Field(default=0.01, gt=0, le=10, description="peak of the one-cycle schedule")


class StudyReferences(Frozen):
    """Reference models for attacks that need them. Costly, so that fewer seeds and models may be asked for."""

    models: int = Field(ge=4, le=512, multiple_of=2, description="per seed and share; pairs share the candidates")
    seeds: tuple[Seed, ...] = Field(min_length=1, description="of the study's seeds")
    of: tuple[Slug, ...] = Field(min_length=1, description="models whose method is applied to every reference model")
    attacks: tuple[Slug, ...] = Field(default=("u-lira",), min_length=1, description="that are run with them")


class Claim(Frozen):
    """A sentence that the study is to answer: is a measure higher or lower for one model than for another?

    With a margin it asks for less: not worse by the margin ("comparable"). A margin is a judgement: state its reason.
    """

    says: Text = Field(description="the claim in words")
    source: Text = Field(description="who says so")
    measure: Slug = Field(description="see docs/studies.md")
    model: Slug = Field(description="a model of a cell, or 'original' or 'retrained'")
    than: Slug = Field(description="another one; the claim is answered in every cell that has both")
    expected: Literal["higher", "lower"] = Field(description="what the measure of `model` is said to be")
    margin: float = Field(
        default=0.0,
        ge=0,
        le=1_000_000,
        exclude_if=operator.not_,
        description="how much to the other side still counts: 'lower' with a margin is 'not higher by the margin'",
    )


class StudyFile(Frozen):
    """A study: methods x shares x seeds."""

    schema_: Literal["unlearn-audit/study/v1"] = Field(alias="schema")
    id: Slug = Field(description="names the folder of the results: study-<id>")
    title: Text = Field(description="heading of the page")
    policy: Text = Field(description="a shipped policy by name, or a file")
    data: Text | None = Field(default=None, description="npz in MedMNIST's format, or a folder of images")
    images: Images | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="what is done to every image of a folder when it is taken in, such as {size: 64}",
    )
    split_column: Column | None = Field(default=None, description="column of the data that holds train, val or test")
    recipe: Recipe | None = Field(default=None, description="of the training, where it is not the policy's")
    model: Slug | None = Field(
        default=None, exclude_if=operator.not_, description="network by its name in the table, where not the policy's"
    )
    head: Literal["binary", "classes"] | None = Field(
        default=None, exclude_if=operator.not_, description="of the network, where it is not as the policy's task says"
    )
    seeds: tuple[Seed, ...] = Field(
        min_length=1, max_length=1_000, description="of the training runs; intervals need three or more"
    )
    cost_ratio: float = Field(
        default=5, gt=0, le=1_000_000, description="false negative to false positive, where models are read at argmax"
    )
    by_class: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="also measure risk where a miss costs one false alarm, the risk of positives and negatives alone, "
        "their gap, and the accuracy of either",
    )
    by_subgroup: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="also measure the false-negative rate in each of the policy's subgroups that the data have",
    )
    cells: tuple[StudyCell, ...] = Field(min_length=1, max_length=16)
    relearning: Relearning | None = None
    references: StudyReferences | None = None
    claims: tuple[Claim, ...] = Field(default=(), max_length=100)
    notes: tuple[Text, ...] = Field(default=(), max_length=100, description="printed under the tables")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        refuse(validate_study_consistency(self.model_dump(mode="json")))
        return self
