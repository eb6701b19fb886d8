"""The policy file. Every tolerance has a reason; nothing here names a file of this machine."""

import operator
from typing import Literal, Self

from pydantic import Field, model_validator

from unlearn_audit.escaping import draw_table
from unlearn_audit.policy.choice import MethodChoice, Remedy, Slug, refuse
from unlearn_audit.policy.fields import Column, Cost, Fraction, PolicyPoint, Text
from unlearn_audit.policy.protocol import Membership, Protocol
from unlearn_audit.policy.reference_case import ReferenceCase
from unlearn_audit.policy.rules import validate_consistency, validate_limits
from unlearn_audit.policy.sizes import Sizes
from unlearn_audit.records.canonical import digest_of
from unlearn_audit.records.frozen import Frozen
from unlearn_audit.records.operating_points import ARGMAX, COST_OPTIMAL
from unlearn_audit.records.populations import ALL, Population
from unlearn_audit.records.verdicts import Limit
from unlearn_audit.records.waivers import Waiver

LONGEST_WAIVER = 366
"""Days that a waiver may last where the policy says nothing else."""
POLICY_SCHEMA = "unlearn-audit/policy/v1"


class Person(Frozen):
    """Someone who answers for the audit."""

    name: Text = Field(description="as it is printed above the signature")
    role: Text = Field(description="in which capacity this person answers for the audit")
    meaning: Text | None = Field(
        default=None,
        exclude_if=lambda meaning: meaning is None,
        description="what this person's signature means: review, approval, responsibility, ...",
    )
    countersigns: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="whether a report is complete only with this person's signature; the name must then be the common "
        "name of their certificate",
    )


class Hazard(Frozen):
    """One row of the risk analysis: what may happen, how bad it is, and which checks measure how often."""

    hazard: Text = Field(description="what may go wrong")
    harm: Text = Field(description="what it does to a person")
    severity: Literal["negligible", "minor", "serious", "critical", "catastrophic"] = Field(
        description="of the harm, by the policy owner's judgement"
    )
    checks: tuple[Slug, ...] = Field(
        default=(), description="ids of the checks that measure its probability; none: this audit does not measure it"
    )
    control: Text | None = Field(default=None, description="what else lowers the risk where the model is used")
    residual: Text = Field(description="the risk that remains when the checks pass, and why it is borne")


class Task(Frozen):
    """What counts as positive, and at which operating points the models are read."""

    positive: tuple[Text, ...] = Field(
        min_length=1, description="class names (or numbers, as strings) that are positive: what must not be missed"
    )
    positive_name: Text = Field(default="malignant", description="what a positive is called in the report")
    negative_name: Text = Field(default="benign", description="what a negative is called in the report")
    head: Literal["binary", "classes"] = Field(
        default="binary", description="'binary' maps the labels to two classes before training; 'classes' keeps them"
    )
    operating_points: tuple[PolicyPoint, ...] = Field(
        default=(ARGMAX, COST_OPTIMAL),
        min_length=1,
        description="thresholds are frozen on validation of the original; the first is the default of the checks",
    )


class Costs(Frozen):
    """What a mistake costs, in any one unit, and why."""

    false_negative: Cost = Field(description="cost of calling a positive negative: a missed malignancy")
    false_positive: Cost = Field(default=1.0, description="cost of calling a negative positive: a false alarm")
    rationale: Text = Field(description="why these costs: they are a judgement that someone must defend")
    ratios: tuple[Cost, ...] = Field(
        default=(1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0),
        min_length=2,
        description="cost ratios of the sensitivity analysis, increasing: a reader must see whether the verdict "
        "depends on the ratio",
    )
    prevalence: Fraction | None = Field(default=None, description="of the positive class where the model will be used")

    @property
    def ratio(self) -> float:
        """Lambda: the cost of a false negative in units of a false positive."""
        return self.false_negative / self.false_positive


class Check(Frozen):
    """One tolerance: a metric, what it is compared with, and exactly one of at_most, at_least, within."""

    id: Slug = Field(description="unique in the policy: results, waivers and pipelines refer to it")
    title: Text | None = Field(default=None, description="as printed; made from the metric where absent")
    metric: Slug = Field(description="name in the table of metrics: see 'unlearn-audit list'")
    against: Literal["original", "retrained"] | None = Field(
        default=None, description="the model that a change is measured from"
    )
    among: Population = Field(
        default=ALL,
        description="'all', 'positive', 'negative'; a group as 'sex=female', or 'worst of sex': every group must hold",
    )
    at: PolicyPoint | None = Field(default=None, description="defaults to the first operating point of the task")
    at_most: float | None = Field(default=None, description="passes when the upper bound is at or below it")
    at_least: float | None = Field(default=None, description="passes when the lower bound is at or above it")
    within: tuple[float, float] | None = Field(default=None, description="[low, high]: two one-sided tests")
    attacks: tuple[Slug, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="those of membership.attacks that must hold here; all of them where nothing is said",
    )
    required: bool = Field(default=True, description="whether the verdict rests on it; false only informs")
    why: Text = Field(description="the reason for this tolerance, as printed in the report")

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The tolerance as a lowest and a highest value, None where that side is open."""
        return self.within or (self.at_least, self.at_most)

    @property
    def limit(self) -> Limit:
        """The tolerance as a record states it."""
        return Limit(at_least=self.ends[0], at_most=self.ends[1])

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        refuse(validate_limits((), self.model_dump(mode="json", exclude_none=True)))
        return self


class Subgroups(Frozen):
    """Groups of patients in which the model is measured by itself: a mean can hide who pays for it."""

    columns: tuple[Column, ...] = Field(
        min_length=1, max_length=8, description="group columns of the data, such as sex or age_band"
    )
    bands: dict[Column, tuple[float, ...]] = Field(
        default_factory=dict,
        description="edges per numeric column: age: [40, 60] makes age_band of under 40, 40 to 59, 60 and over",
    )
    smallest: int = Field(
        default=30, ge=2, le=1_000_000, description="a number that rests on fewer records of a group is not assessable"
    )
    multiplicity: Literal["holm", "none"] = Field(
        default="holm",
        description="that some group is beyond a tolerance is claimed after Holm's correction; 'none' claims it sooner",
    )
    unassessable: Literal["refuse", "inform"] = Field(
        default="refuse",
        description="'refuse': a check on the worst group does not pass while a group is too small; 'inform': it is "
        "decided by the other groups, and the report says which were left out",
    )


class DataRules(Frozen):
    """What the splits must be like."""

    disjoint: Column | None = Field(
        default=None, description="group column, such as patient_id: none of its groups may stand in two splits"
    )
    shared: Literal["refuse", "inform"] = Field(
        default="refuse",
        exclude_if=lambda rule: rule == "refuse",
        description="'refuse': no check passes while a patient or lesion stands in training and in test; 'inform': it "
        "may, and the report says how many do",
    )
    split_column: Column | None = Field(
        default=None, description="column of the data that holds train, val or test, in place of the data's own splits"
    )


class Policy(Frozen):
    """A governance policy: what mistakes cost, which risk is tolerated, how it is measured."""

    schema_: Literal["unlearn-audit/policy/v1"] = Field(alias="schema", description="version of this file's format")
    id: Slug = Field(description="the same in every version of this policy")
    version: Text = Field(description='in quotes, such as "1.0": a new one for every change')
    title: Text = Field(description="as printed on the report")
    owner: Text = Field(description="who may change it")
    applies_to: Text = Field(description="device or model, and its intended purpose")
    intended_purpose: Text | None = Field(
        default=None,
        exclude_if=lambda purpose: purpose is None,
        description="for whom, by whom and for what the device is used, where `applies_to` is too short for it",
    )
    responsible: tuple[Person, ...] = Field(default=(), description="who signs reports made under it")
    task: Task
    costs: Costs
    checks: tuple[Check, ...] = Field(
        min_length=1, description="an empty list is refused: nothing checked never passes"
    )
    membership: Membership = Field(default=Membership(), description="which membership attacks must run")
    protocol: Protocol = Field(default=Protocol(), description="how the numbers are made")
    subgroups: Subgroups | None = Field(
        default=None, exclude_if=operator.not_, description="groups in which the model is measured by itself"
    )
    data: DataRules | None = Field(default=None, exclude_if=operator.not_, description="what the splits must be like")
    sizes: Sizes | None = Field(
        default=None,
        exclude_if=lambda sizes: sizes is None,
        description="records that an audit under it will have: the policy is proved at these sizes",
    )
    remediation: tuple[Remedy, ...] = Field(
        default=(), description="methods tried in this order when the audited model does not pass"
    )
    risk_analysis: tuple[Hazard, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="hazards, in the manner of ISO 14971: probability comes from the checks, acceptability from the "
        "tolerances",
    )
    waivers: tuple[Waiver, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="required checks that need not pass on the audited model for a while, and who accepts that",
    )
    record_ids: Literal["annex", "report"] = Field(
        default="annex",
        exclude_if=lambda where: where == "annex",
        description="where test records that are counted one by one (newly missed, newly caught) are named: in "
        "annex.json, which stays with the evidence, or in record and pages",
    )
    waiver_days: int = Field(
        default=LONGEST_WAIVER,
        ge=0,
        le=3660,
        exclude_if=lambda days: days == LONGEST_WAIVER,
        description="longest time from the day of the evidence to the last day of a waiver; 0 takes no waiver at all",
    )
    comparison: tuple[MethodChoice, ...] = Field(
        default=(), description="parameters of methods that are compared; nothing is run because it stands here"
    )
    reference_case: ReferenceCase | None = Field(default=None, description="what 'run' audits given the policy alone")

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        refuse(validate_consistency(self.model_dump(mode="json", exclude_none=True)))
        return self

    def _repr_html_(self) -> str:
        """Return the checks as a table for notebooks."""
        heads = ("Check", "Metric", "Among", "Against", "Tolerance", "Decides")
        rows = [(c.id, c.metric, c.among, c.against or "", c.limit, "yes" if c.required else "no") for c in self.checks]
        return draw_table(f"{self.title} ({self.id} {self.version})", heads, rows)

    def digest(self) -> str:
        """Return the SHA-256 of the policy as validated (canonical JSON), independent of layout and comments."""
        return digest_of(self.model_dump(mode="json"))
