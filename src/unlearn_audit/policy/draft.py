"""A first policy, written from a dozen answers: every number has the reason beside it that someone must defend."""

import json
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Draft:
    """What must be known to write a policy.

    Attributes:
        id: short name, lower-case with hyphens.
        title: as printed on the report.
        owner: who may change the policy.
        applies_to: device or model.
        intended_purpose: for whom, by whom and for what it is used.
        person: name of who answers for the audit.
        role: in which capacity.
        dataset: name in the table of data sets.
        model: name in the table of models.
        positive: classes that must not be missed.
        positive_name: what a positive is called in print.
        negative_name: what a negative is called in print.
        false_negative: cost of a missed positive, in units of a false alarm.
        rationale: why it costs that.
        prevalence: share of positives in the test split, in (0, 1): where the trivial models' risks come from.
        most_missed: tolerated false-negative rate.
        cases_per_miss: one more miss is tolerated in this many cases, at least 1.
        cluster: group column whose records are not independent, '' where there is none.
        retrain: whether a retrained reference will be trained here or external.
        point: operating point that decides, 'argmax' or 'cost-optimal'; the other is measured beside it.
        trained: whether models are trained here; else predictions or models of the user's are audited, nothing is
            remedied, and there is no reference case.
    """

    id: str
    title: str
    owner: str
    applies_to: str
    intended_purpose: str
    person: str
    role: str
    dataset: str
    model: str
    positive: tuple[str, ...]
    positive_name: str
    negative_name: str
    false_negative: float
    rationale: str
    prevalence: float
    most_missed: float
    cases_per_miss: int
    cluster: str
    retrain: bool
    point: str = "argmax"
    trained: bool = True

    @property
    def trivial_risk(self) -> float:
        """Global Risk of the better of the two trivial models: call all positive, call none."""
        return min(1 - self.prevalence, self.prevalence * self.false_negative)

    @property
    def ceiling(self) -> float:
        """Highest tolerated Global Risk: clearly below what a model that looks at nothing costs."""
        return round(0.9 * self.trivial_risk, 3)

    @property
    def increase(self) -> float:
        """Highest tolerated increase of Global Risk over the original's."""
        return round(self.false_negative / self.cases_per_miss, 4)


def write_draft(draft: Draft) -> str:
    """Return the policy as YAML, with the reasons of its numbers as comments and in each check's `why`.

    It is a start and no standard: whoever signs it must read every line, and change what does not fit.
    """
    return "\n".join([*_write_head(draft), *_write_checks(draft), *_write_rest(draft)]) + "\n"


def _quote(text: str) -> str:
    """Return `text` as a YAML string: JSON's are, whatever stands in them."""
    return json.dumps(text, ensure_ascii=False)


def _write_head(draft: Draft) -> Iterator[str]:
    positive = ", ".join(_quote(name) for name in draft.positive)
    yield f"""\
# Written by 'unlearn-audit policy new'. Read every line before you sign it: each number is a judgement.
# After a change run: unlearn-audit policy check FILE

schema: unlearn-audit/policy/v1
id: {draft.id}
version: "0.1"
title: {_quote(draft.title)}
owner: {_quote(draft.owner)}
applies_to: {_quote(draft.applies_to)}
intended_purpose: {_quote(draft.intended_purpose)}
responsible:
  - name: {_quote(draft.person)}
    role: {_quote(draft.role)}

task:
  # What must not be missed. Names as the data set has them; 'unlearn-audit run' refuses a name that it does not know.
  positive: [{positive}]
  positive_name: {_quote(draft.positive_name)}
  negative_name: {_quote(draft.negative_name)}
  # The first decides unless a check says otherwise. Thresholds are frozen on validation of the original, before the
  # unlearned model is looked at: that is what a device in use does.
  operating_points: [{draft.point}, {"argmax" if draft.point == "cost-optimal" else "cost-optimal"}]

costs:
  # A ratio of {draft.false_negative:g} means acting from a probability of 1/{draft.false_negative + 1:g} upwards.
  false_negative: {draft.false_negative:g}
  false_positive: 1
  rationale: {_quote(draft.rationale)}
  # prevalence: 0.05   # where the model will be used, once known; the test split has about {draft.prevalence:g}
"""


def _write_checks(draft: Draft) -> Iterator[str]:
    yield f"""\
checks:
  # Clinical safety: has the model become worse for the patients that remain?
  - id: risk-ceiling
    metric: global-risk
    # Calling everything {draft.positive_name} costs {1 - draft.prevalence:g} a case at this prevalence, calling nothing
    # {draft.positive_name} {draft.prevalence * draft.false_negative:g}: nine tenths of the cheaper of the two.
    at_most: {draft.ceiling:g}
    why: A model that is not shown to cost less than one that looks at nothing is no use to anybody.

  - id: risk-increase
    metric: global-risk-increase
    against: original
    # {draft.false_negative:g} / {draft.cases_per_miss}
    at_most: {draft.increase:g}
    why: >-
      One more miss in {draft.cases_per_miss} cases, or false alarms that cost as much. Erasing one person's records
      must not be paid for by others with more than that.

  - id: missed
    metric: false-negative-rate
    at_most: {draft.most_missed:g}
    why: The largest share of positives that may be missed, whatever false alarms it saves.

  - id: newly-missed
    metric: newly-missed-rate
    against: original
    at_most: 0.05
    why: >-
      Patients whom the original caught and the audited model misses. They are counted by themselves and not set off
      against newly caught ones.

  - id: ranking
    metric: auroc-drop
    against: original
    at_most: 0.05
    why: A threshold can be moved after the audit, a lost ranking cannot be repaired.

  # Forgetting, two-sided: records that are treated worse than unseen ones are given away as well. All records and
  # positive ones apart: a method that spares positive records leaves exactly those recognisable."""
    yield from _write_forgetting(draft)
    low, high = round(draft.prevalence / 2, 3), round(min(2 * draft.prevalence, 0.95), 3)
    yield f"""
  # Utility: a destroyed model looks perfectly forgotten.
  - id: kept
    metric: retain-accuracy
    at_least: 0.8
    why: Records that nobody asked to erase must still be known.

  - id: positive-share
    metric: positive-share
    at: argmax
    # half and twice the share of positives in the test split
    within: [{low:g}, {high:g}]
    why: A model that calls almost none or almost all records positive has collapsed, whatever else it shows.
"""


def _write_forgetting(draft: Draft) -> Iterator[str]:
    for name, among, width in (("forgotten", "all", 0.05), ("forgotten-positive", "positive", 0.1)):
        where = "" if among == "all" else "\n    among: positive"
        if draft.retrain:
            limits, metric = f"[-{width:g}, {width:g}]", "membership-auc-difference\n    against: retrained"
            why = "The retrained model never saw these records: what is recognised about them there is no memory."
        else:
            limits, metric = f"[{0.5 - width:g}, {0.5 + width:g}]", "membership-auc"
            why = "At 0.5 nobody can tell whether a record was used. There is no retrained model to compare with."
        yield f"""\
  - id: {name}
    metric: {metric}{where}
    within: {limits}
    why: >-
      {why}
      At the edge of the band about {100 * (0.5 + width / 2**0.5):.0f} guesses in 100 are right.
"""


def _write_rest(draft: Draft) -> Iterator[str]:
    cluster = (
        f"  # Several records of one {draft.cluster} are not independent; without the column nothing is measured.\n"
        f"  cluster: {draft.cluster}\n  cluster_required: true"
        if draft.cluster
        else "  # cluster: patient_id   # where several records show one patient, or bounds are too narrow"
    )
    epochs, batch = (200, 32) if draft.model == "mlp" else (20, 128)
    yield f"""\
membership:
  attacks: [confidence, logit, entropy, modified-entropy]

protocol:
  confidence: 0.95   # of every one-sided bound that decides
{cluster}"""
    if draft.trained:
        yield f"""
# Tried in this order when the audited model does not pass.
remediation:
  - method: salun-cra
  - method: warm-restart
  - method: retrain

# What 'run' makes when it is given this policy alone. A case file replaces it: see docs/case.md.
reference_case:
  dataset: {draft.dataset}
  model: {draft.model}
  forget: 0.2
  unlearn: {{method: salun}}
  retrain: {"true" if draft.retrain else "false"}
  recipe: {{epochs: {epochs}, batch: {batch}, learning_rate: 0.05}}"""
