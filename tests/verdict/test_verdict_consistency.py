"""A record that contradicts its own policy or findings is refused, whoever signed it; nobody needs the evidence."""

import json
import subprocess
import sys

import pytest

from tests.support.record_factory import (
    CHECKS,
    make_estimate,
    make_judged_record,
    make_policy,
    make_record,
    shape_findings,
)
from unlearn_audit.errors import IntegrityError
from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.policy import Policy
from unlearn_audit.records import AuditRecord, OperatingPoint, Outcome, PointKind, Unit, digest_of, quote_text
from unlearn_audit.verdict.consistency import UnknownRulesError, find_contradictions
from unlearn_audit.verdict.decision import decide
from unlearn_audit.verdict.rulings import find_point
from unlearn_audit.verification.integrity import read_record

RECORD = make_record()
FAILING = [check.id for check in RECORD.verdict.checks if check.outcome is Outcome.FAIL]
NAMES = [check["id"] for check in CHECKS]


def forge(change, record=RECORD) -> AuditRecord:
    data = json.loads(record.to_bytes())
    change(data)
    data["policy_sha256"] = digest_of(data["policy"])
    return AuditRecord.model_validate_json(json.dumps(data))


def quote(text) -> dict:
    return json.loads(quote_text(text).model_dump_json())


def release(data) -> None:
    """What a forger writes everywhere where a reader looks."""
    verdict = data["verdicts"][0]
    verdict["outcome"] = data["outcome"] = "pass"
    verdict["reasons"] = [quote("Of 11 required checks 11 passed.")]
    advice = [quote("Every required check holds.")]
    data["recommendation"] = {"action": "release", "model": verdict["model"], "advice": advice}


def omit_failed(data):
    data["verdicts"][0]["checks"] = [c for c in data["verdicts"][0]["checks"] if c["outcome"] == "pass"]
    release(data)


def omit_one_that_passed(data):
    data["verdicts"][1]["checks"].pop(3)


def call_all_passed(data):
    for check in data["verdicts"][0]["checks"]:
        check["outcome"] = "pass"
    release(data)


def require_less(data):
    for check in data["verdicts"][0]["checks"]:
        check["required"] = check["outcome"] == "pass"
    release(data)


def loosen_limits(data):
    for check in data["verdicts"][0]["checks"]:
        if check["outcome"] != "pass":
            check["limit"] = {k: (9.0 if "most" in k else -9.0) for k, v in check["limit"].items() if v is not None}
            check["outcome"] = "pass"
    release(data)


def show_better_estimates(data):
    for check in data["verdicts"][0]["checks"]:
        if check["outcome"] != "pass":
            check["estimate"] = json.loads(make_estimate(0.5, Unit.AUC).model_dump_json())
            check["outcome"] = "pass"
    release(data)


def put_the_remedy_first(data):
    data["verdicts"] = [data["verdicts"][2], *data["verdicts"][:2]]
    release(data)


def put_checks_of_another_model(data):
    data["verdicts"][0]["checks"] = data["verdicts"][2]["checks"]
    release(data)


def leave_out_the_failing_attacks(data):
    data["findings"] = [
        f
        for f in data["findings"]
        if not ({"metric": "membership-auc", "model": "unlearned"}.items() <= f["key"].items())
        or f["key"]["attack"] == "entropy"
    ]


def add_a_better_finding(data):
    wanted = {"metric": "auroc-drop", "model": "unlearned"}.items()
    finding = next(f for f in data["findings"] if wanted <= f["key"].items())
    data["findings"].append({**finding, "estimate": json.loads(make_estimate(0.0, Unit.AUC).model_dump_json())})


def swap_two_titles(data):
    first, second = data["verdicts"][0]["checks"][:2]
    first["title"], second["title"] = second["title"], first["title"]


def relabel_a_kind(data):
    data["verdicts"][0]["checks"][0]["kind"] = "forgetting"


def rename_a_check(data):
    data["verdicts"][0]["checks"][0]["id"] = "something-else"


def repeat_a_check(data):
    data["verdicts"][0]["checks"].append(data["verdicts"][0]["checks"][0])


def raise_the_confidence(data):
    data["verdicts"][0]["confidence"] = 0.999


def recommend_release(data):
    data["recommendation"] = {"action": "release", "model": "unlearned", "advice": [quote("Go ahead.")]}


def recommend_the_failing_remedy(data):
    data["recommendation"]["model"] = "remedied-salun-cra"


def state_the_outcome_of_the_remedy(data):
    data["outcome"] = "pass"


def call_a_metric_otherwise(data):
    next(f for f in data["findings"] if f["key"]["metric"] == "false-negative-rate")["title"] = "False-positive rate"


def put_no_difference_elsewhere(data):
    next(f for f in data["findings"] if f["key"]["metric"] == "membership-auc")["null"] = 0.7


def write_another_text_beside_a_code(data):
    reason = data["verdicts"][0]["checks"][0]["reasons"][0]
    reason["text"] = "Both bounds lie inside of the tolerance."


def write_another_number_into_a_text(data):
    method = next(f["estimate"]["bounds"]["method"] for f in data["findings"] if (f["estimate"] or {}).get("bounds"))
    method["text"] = "exact, at 99.9 % confidence"


FORGERIES = [
    call_a_metric_otherwise, put_no_difference_elsewhere, write_another_text_beside_a_code,
    write_another_number_into_a_text,
    omit_failed, omit_one_that_passed, call_all_passed, require_less, loosen_limits, show_better_estimates,
    put_the_remedy_first, put_checks_of_another_model, leave_out_the_failing_attacks, add_a_better_finding,
    swap_two_titles, relabel_a_kind, rename_a_check, repeat_a_check, raise_the_confidence, recommend_release,
    recommend_the_failing_remedy, state_the_outcome_of_the_remedy,
]  # fmt: skip


def test_what_the_product_would_have_written_contradicts_itself_nowhere():
    assert list(find_contradictions(RECORD)) == []
    assert len(FAILING) > 1
    assert read_record(RECORD.to_bytes()) == RECORD


@pytest.mark.parametrize("change", FORGERIES, ids=lambda change: change.__name__)
def test_a_forged_record_is_refused_before_anyone_is_trusted(change):
    with pytest.raises(IntegrityError, match="the record contradicts itself: "):
        read_record(forge(change).to_bytes())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_RUN])
def test_each_outcome_of_each_check_follows_from_its_finding_and_from_nothing_else(name, outcome):
    record = make_judged_record(shape_findings(RECORD.findings, "unlearned", {name: outcome}))
    assert next(c.outcome for c in record.verdict.checks if c.id == name) is outcome
    assert list(find_contradictions(record)) == []

    def change(data):
        next(c for c in data["verdicts"][0]["checks"] if c["id"] == name)["outcome"] = "pass"

    assert any(name in sentence for sentence in find_contradictions(forge(change, record)))


def test_deriving_agrees_with_the_decision_that_made_the_record():
    policy = Policy.model_validate(RECORD.policy)
    for verdict in RECORD.verdicts:
        again = decide(RECORD.findings, policy, verdict.model)
        assert [(c.outcome, c.estimate, c.key) for c in again.checks] == [
            (c.outcome, c.estimate, c.key) for c in verdict.checks
        ]


def share_the_error(finding, low, high):
    """Give a finding on the ranking bounds beyond its tolerance, and `low` to `high` at its share of the error."""
    if (finding.key.metric, finding.key.model) != ("auroc-drop", "unlearned"):
        return finding
    estimate = make_estimate(0.08, Unit.AUC, spread=0.03)
    corrected = estimate.bounds.model_copy(update={"low": low, "high": high})
    return finding.model_copy(update={"estimate": estimate.model_copy(update={"corrected": corrected})})


@pytest.mark.parametrize(
    ("low", "outcome", "code"),
    [(0.01, Outcome.INCONCLUSIVE, "bounds-outside-by-chance"), (0.04, Outcome.FAIL, "bounds-above")],
)
def test_a_check_fails_by_the_bounds_at_its_share_of_the_error_here_as_when_it_is_made(low, outcome, code):
    shaped = shape_findings(RECORD.findings, "unlearned", {})
    record = make_judged_record(tuple(share_the_error(finding, low, 0.15) for finding in shaped))
    made = decide(record.findings, Policy.model_validate(record.policy), "unlearned")
    (ranking,) = (check for check in made.checks if check.id == "ranking")
    assert (ranking.outcome, ranking.reasons[0].code) == (outcome, code)
    assert [check.outcome for check in record.verdict.checks] == [check.outcome for check in made.checks]
    assert list(find_contradictions(record)) == []


@pytest.mark.parametrize("name", TRAITS)
def test_a_check_reads_its_metric_at_the_first_point_where_it_is_measured(name):
    policy, traits = make_policy(), TRAITS[name]
    check = policy.checks[0].model_copy(update={"metric": name, "at": None})
    first = {"membership-tpr": OperatingPoint(PointKind.FPR, policy.membership.fpr[0])}
    usual = policy.task.operating_points[0] if traits.at else None
    if name != "threshold":  # it is read nowhere at argmax, and no check can ask for it
        assert find_point(check, traits, policy) == first.get(name, usual)


def test_a_policy_that_this_version_cannot_read_proves_nothing_either_way():
    for change in (
        lambda data: data["policy"].update(schema="unlearn-audit/policy/v9"),
        lambda data: data["policy"]["checks"][0].update(metric="of-a-plug-in"),
        lambda data: data["policy"]["checks"][0].update(metric="brier"),
    ):
        with pytest.raises(UnknownRulesError):
            list(find_contradictions(forge(change)))


def test_the_light_table_names_every_shipped_metric():
    assert list(TRAITS) == list(METRICS)
    assert all(METRICS[name].traits is traits and traits.title for name, traits in TRAITS.items())
    assert not [name for name, metric in METRICS.items() if metric.traits.every_attack and metric.attacks is not None]


def test_verifying_needs_no_numerical_library():
    heavy = "numpy scipy sklearn pyarrow pandas torch matplotlib weasyprint"
    listed = f"print([name for name in '{heavy}'.split() if name in sys.modules])"
    program = f"import sys, unlearn_audit.verification.verification; {listed}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
