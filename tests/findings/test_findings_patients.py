"""Every patient: one remembered record is found whatever the average says, and silence passes only with power."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.evidence_with_references import draw_training_sets, plant_references, to_log_probs
from unlearn_audit.evidence import References
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.findings.metrics.worst_recognition import count_simulated_audits
from unlearn_audit.findings.recognised import list_recognised
from unlearn_audit.pipeline.audit import judge, name_known
from unlearn_audit.policy import InvalidPolicyError, parse_policy
from unlearn_audit.records import Outcome
from unlearn_audit.stats.binomial import estimate_proportion
from unlearn_audit.verdict.decision import decide

MODELS = ("original", "retrained", "unlearned", "remedied-retrain")
CHECKS = """\
  - {id: pairs, metric: paired-recognition, within: [0.4, 0.6], why: on average}
  - {id: pairs-malignant, metric: paired-recognition, among: positive, within: [0.35, 0.65], why: by class}
  - {id: worst, metric: worst-record-recognition, at_least: 0.05, why: nobody}
"""


@pytest.fixture
def read(policy_text):
    """Parse the planted policy with the checks on pairs, and with passages replaced."""

    def parse(*changes):
        text = policy_text.replace("membership: {", "membership: {recognition: {shift: 4}, references: {models: 32}, ")
        text = text.replace("membership: {recog", CHECKS + "membership: {recog")
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return parse_policy(text, "planted.yaml", name_known())

    return parse


@pytest.fixture
def plant(make_evidence):
    """Small evidence with 24 reference models, and what `left` of each record after the audited method."""

    def make(left=0.0, *, models=24, sizes=(60, 40, 40, 120), **given):
        evidence = make_evidence(models=MODELS, sizes=sizes)
        retrain = plant_references(evidence, models=models, left=0.0, unlearned=("remedied-retrain",), memory=4.0)
        planted = plant_references(evidence, models=models, left=left, unlearned=("unlearned",), memory=4.0, **given)
        both = {**planted.references.unlearned, **retrain.references.unlearned}
        cards = tuple(
            card.model_copy(update={"method": "retrain" if "retrain" in card.name else card.method})
            for card in planted.provenance.models
        )
        return replace(
            planted,
            references=replace(planted.references, unlearned=both),
            provenance=planted.provenance.model_copy(update={"models": cards}),
        )

    return make


def audit(policy, evidence):
    """Measure and decide what is said about pairs and single records, and nothing else."""
    about = ("paired", "worst", "recognised", "listed", "checkpoint")
    findings = measure(EvaluationContext(evidence, policy), wants=lambda key: key.metric.startswith(about))
    candidates = evidence.provenance.candidates
    return SimpleNamespace(findings=findings, verdicts=[decide(findings, policy, card.name) for card in candidates])


def on_one_malignant_record(evidence, shift):
    left = np.zeros(len(evidence))
    left[np.flatnonzero(evidence.select("forget") & evidence.is_positive)[0]] = shift
    return left


def get(record, metric, among="all", model="unlearned"):
    return next(f for f in record.findings if (f.key.metric, str(f.key.among), f.key.model) == (metric, among, model))


def check_of(record, name, model="unlearned"):
    verdict = next(v for v in record.verdicts if v.model == model)
    return next(check for check in verdict.checks if check.id == name)


def test_one_remembered_record_of_forty_is_found_while_the_average_covers_a_half(read, plant):
    evidence = plant(on_one_malignant_record(plant(), 8.0))

    record = audit(read(), evidence)

    assert check_of(record, "pairs").outcome is Outcome.PASS
    assert check_of(record, "worst").outcome is Outcome.FAIL
    assert get(record, "recognised-records").estimate.events == 1
    assert get(record, "recognised-records", "positive").estimate.events == 1
    assert "still recognised" in check_of(record, "worst").reason


def test_a_procedure_that_forgets_passes_with_the_power_that_was_asked_for(read, plant):
    record = audit(read(), plant())

    worst = check_of(record, "worst")
    assert worst.outcome is Outcome.PASS, worst.reason
    assert worst.estimate.power.low >= 0.8
    assert "nobody stands out beyond chance" in worst.reason
    assert get(record, "recognised-records").estimate.events == 0


def test_silence_without_power_is_inconclusive(read, plant):
    record = audit(read(("shift: 4", "shift: 0.1")), plant())

    worst = check_of(record, "worst")
    assert worst.outcome is Outcome.INCONCLUSIVE
    assert worst.estimate.bounds.low > 0.05
    assert "train more reference models (now 24)" in worst.reason


def test_more_tries_ask_for_more_power(read, plant):
    """The audited model gets one half of the error, and two remedies the other: each may wrongly pass as rarely."""
    record = audit(read(), plant())

    assert check_of(record, "worst").estimate.power.needed == pytest.approx(0.9)
    assert check_of(record, "worst", "remedied-retrain").estimate.power.needed == pytest.approx(0.95)


@pytest.mark.parametrize("tries", [1, 3, 4, 13, 14, 64, 128])
def test_enough_audits_are_simulated_to_show_the_power_that_many_tries_ask_for(tries):
    """Of 400 in 400 the lower bound is .9925: with 14 tries or more no test of silence could have passed."""
    needed = 1 - 0.2 / (2 * tries)
    audits = count_simulated_audits(needed)
    missed = int(audits * (1 - needed) / 2)

    assert estimate_proportion(audits - missed, audits, confidence=0.95).bounds.low >= needed
    assert audits >= 400


def test_both_controls_stand_where_they_must(read, plant):
    record = audit(read(), plant(1.0))

    plain, exact = (get(record, "worst-record-recognition", model=m).estimate for m in ("original", "retrained"))
    assert plain.value < 0.01
    assert plain.events > 0
    assert exact.value > 0.05
    assert get(record, "paired-recognition", model="original").estimate.bounds.low > 0.6
    assert get(record, "paired-recognition", model="retrained").estimate.value == pytest.approx(0.5, abs=0.1)


def test_what_cancels_between_the_classes_is_seen_within_them(read, plant):
    positive = plant().is_positive
    record = audit(read(), plant(np.where(positive, 1.2, -0.8)))

    assert check_of(record, "pairs").outcome is Outcome.PASS
    assert check_of(record, "pairs-malignant").outcome is Outcome.FAIL


def test_an_open_check_over_pairs_asks_for_models_and_not_for_records(read, plant):
    record = audit(read(("within: [0.4, 0.6], why: on average", "within: [0.49, 0.51], why: on average")), plant())

    assert check_of(record, "pairs").outcome is Outcome.INCONCLUSIVE
    assert "more reference models decide it" in check_of(record, "pairs").reason


def test_nobody_is_named(read, plant):
    evidence = plant(on_one_malignant_record(plant(), 8.0))
    forgotten = evidence.ids[evidence.select("forget")]

    content = judge(read(), evidence).to_bytes().decode()

    assert not [name for name in forgotten if name in content]


def test_whoever_holds_the_evidence_can_find_out_who_it_is(read, plant):
    left = on_one_malignant_record(plant(), 8.0)
    evidence = plant(left)

    assert list_recognised(read(), evidence, "unlearned") == tuple(evidence.ids[left > 0])


def test_parts_of_the_recognised_add_up(read, plant):
    record = audit(read(("among: positive, within: [0.35, 0.65]", "among: negative, within: [0.35, 0.65]")), plant(2.5))

    counts = [get(record, "recognised-records", among).estimate for among in ("all", "positive")]
    assert counts[0].events >= counts[1].events > 0
    assert counts[0].n == 40


def drop_pairs(references):
    return replace(
        references, trained_on=np.where(np.arange(references.count)[:, None] == 1, True, references.trained_on)
    )


def show_all(references):
    first = np.flatnonzero(references.candidates)[0]
    seen = references.trained_on.copy()
    seen[:, first] = True
    return replace(references, trained_on=seen)


@pytest.mark.parametrize(
    ("change", "models", "expected"),
    [
        (drop_pairs, 24, "without a partner"),
        (show_all, 24, "1 of 80 that every reference model was trained on"),
        (lambda references: references, 10, "expected at least 6 pairs of reference models (12 models), found 5"),
        (lambda references: replace(references, unlearned={}), 24, "what made 'unlearned', there are some for: none"),
        (lambda _: None, 24, "needs reference models, the evidence has none"),
    ],
)  # fmt: skip
def test_references_that_cannot_tell_are_refused_by_name(read, plant, change, models, expected):
    evidence = plant(models=models)
    evidence = replace(evidence, references=change(evidence.references))

    record = audit(read(), evidence)

    for name in ("pairs", "worst"):
        assert check_of(record, name).outcome is Outcome.NOT_RUN
        assert expected in check_of(record, name).reason
    assert record.verdicts[0].outcome is not Outcome.PASS


def test_answers_that_were_filtered_on_one_erased_record_are_refused(read, plant):
    evidence = plant(on_one_malignant_record(plant(), 8.0))
    answers = evidence.references.unlearned["unlearned"].copy()
    answers[:, np.flatnonzero(evidence.select("forget") & evidence.is_positive)[0]] = np.log([0.4, 0.6])

    record = audit(read(), with_answers(evidence, answers))

    assert check_of(record, "worst").outcome is Outcome.NOT_RUN
    assert "in half or more of those of 1 of 80" in check_of(record, "worst").reason


def with_answers(evidence, answers):
    unlearned = {**evidence.references.unlearned, "unlearned": answers}
    return replace(evidence, references=replace(evidence.references, unlearned=unlearned))


def test_models_that_are_certain_beyond_the_bound_are_ties_and_no_filter(read, plant):
    evidence = plant()
    sure = np.flatnonzero(evidence.references.candidates)[:2]
    answers = evidence.references.unlearned["unlearned"].copy()
    noise = np.random.default_rng(0).random((len(answers), 2))
    answers[:, sure] = np.stack([to_log_probs(70 + 9 * row, evidence.label[sure]) for row in noise])

    record = audit(read(), with_answers(evidence, answers))

    assert check_of(record, "worst").outcome is Outcome.PASS


def test_a_forget_set_of_one_is_tested_and_is_too_small_for_an_average(read, plant):
    evidence = plant(on_one_malignant_record(plant(sizes=(60, 1, 40, 120)), 8.0), sizes=(60, 1, 40, 120))

    record = audit(read(), evidence)

    assert get(record, "recognised-records").estimate.n == 1
    assert check_of(record, "pairs").outcome is Outcome.NOT_RUN
    assert "1 forgotten records are fewer than 10" in check_of(record, "pairs").reason


def draw_by_person(evidence, rng, models=24):
    """Return (K, n) who trained on what, persons of two records on one side of each pair."""
    candidates = evidence.references.candidates
    persons = np.unique(evidence.groups["patient_id"][candidates])
    retain = evidence.select("retain")
    by_person = draw_training_sets(np.ones(len(persons), bool), np.zeros(len(persons), bool), models, rng)
    place = np.searchsorted(persons, evidence.groups["patient_id"]).clip(0, len(persons) - 1)
    return np.where(candidates, by_person[:, place], retain)


def test_a_patient_on_both_sides_of_a_pair_is_refused_by_name(read, plant):
    policy = read(("protocol: {resamples: 1000}", "protocol: {resamples: 1000, cluster: patient_id}"))

    record = audit(policy, plant())

    reason = get(record, "worst-patient-recognition").not_run.text
    assert "expected all records of a person on one side of each pair" in reason
    assert check_of(record, "pairs").outcome is Outcome.NOT_RUN
    assert get(record, "worst-record-recognition").estimate is not None


def test_a_patient_is_found_by_what_is_left_of_all_records(read, plant):
    policy = read(("protocol: {resamples: 1000}", "protocol: {resamples: 1000, cluster: patient_id}"))
    evidence = plant()
    rng = np.random.default_rng(5)
    trained_on = draw_by_person(evidence, rng)
    left = np.zeros(len(evidence))
    left[np.flatnonzero(evidence.select("forget"))[:2]] = 3.0
    drawn = trained_on & evidence.references.candidates
    answers = np.stack([to_log_probs(2 + left * one + rng.normal(size=len(evidence)), evidence.label) for one in drawn])
    references = References(
        trained_on, evidence.references.candidates, evidence.references.log_probs, {"unlearned": answers}
    )

    record = audit(policy, replace(evidence, references=references))

    patients = get(record, "recognised-patients").estimate
    assert (patients.events, patients.n) == (1, 20)
    assert get(record, "worst-patient-recognition").estimate.value < 0.01
    assert get(record, "paired-recognition").estimate.n < evidence.references.candidates.sum()


def test_a_check_on_single_records_needs_to_say_what_it_must_find(read):
    with pytest.raises(InvalidPolicyError, match="what the test must be able to find before it may pass"):
        read(("recognition: {shift: 4}, ", ""))


def test_a_check_on_single_records_has_one_kind_of_limit(read):
    with pytest.raises(InvalidPolicyError, match="expected at_least for 'worst-record-recognition'"):
        read(("metric: worst-record-recognition, at_least: 0.05", "metric: worst-record-recognition, at_most: 0.05"))


def test_the_checkpoint_that_its_procedure_did_not_make_is_an_outlier(read, plant):
    """The references forget; the audited checkpoint is the original under another name."""
    evidence = plant()
    swapped = {**evidence.log_probs, "unlearned": evidence.log_probs["original"]}

    honest, dishonest = (
        get(audit(read(), held), "checkpoint-spread").estimate
        for held in (evidence, replace(evidence, log_probs=swapped))
    )

    assert honest.interval.low <= honest.value <= honest.interval.high
    assert dishonest.value > dishonest.interval.high
    assert dishonest.bounds is None


# --- before and after ---


def compare(evidence, policy, metric="disclosure", model="unlearned", among="all"):
    findings = measure(
        EvaluationContext(evidence, policy), wants=lambda key: key.metric == metric and key.model == model
    )
    return next(f for f in findings if str(f.key.among) == among)


def with_phi(evidence, shift):
    """Evidence whose unlearned model is the original with `shift` (n,) added to phi, and a little noise."""
    phi = evidence.log_probs["original"][np.arange(len(evidence)), evidence.label]
    rest = evidence.log_probs["original"][np.arange(len(evidence)), 1 - evidence.label]
    noise = np.random.default_rng(3).normal(0, 0.2, len(phi))
    answers = to_log_probs(phi - rest + shift + noise, evidence.label)
    return replace(evidence, log_probs={**evidence.log_probs, "unlearned": answers})


def test_whoever_keeps_the_old_release_finds_records_that_lost_certainty(policy, make_evidence):
    evidence = make_evidence(sizes=(60, 40, 40, 120))

    lost, gained = (with_phi(evidence, shift * evidence.select("forget")) for shift in (-2.0, 2.0))

    assert compare(lost, policy).estimate.bounds.low > 0.8
    assert compare(gained, policy).estimate.bounds.high < 0.2
    assert compare(lost, policy, "retained-disclosure").estimate.value == pytest.approx(0.5, abs=0.12)


def test_another_persons_erasure_can_expose_those_who_stay(policy, make_evidence):
    evidence = make_evidence(sizes=(60, 40, 40, 120))

    found = compare(with_phi(evidence, -0.4 * evidence.select("retain")), policy, "retained-disclosure")

    assert found.estimate.bounds.low > 0.7
    assert found.estimate.p < 1e-6


def test_the_same_model_under_another_name_discloses_nothing_and_is_not_run(policy, make_evidence):
    evidence = make_evidence(sizes=(60, 40, 40, 120))
    same = {**evidence.log_probs, "unlearned": evidence.log_probs["original"]}

    found = compare(replace(evidence, log_probs=same), policy)

    assert "expected answers that changed from one release to the next, found none that did" in found.not_run.text


def test_disclosure_alone_guards_no_forgetting(policy_text):
    """A model that was moved a little and remembers everything discloses nothing by comparison."""
    text = policy_text.replace("metric: membership-auc, ", "metric: disclosure, against: original, ")

    with pytest.raises(InvalidPolicyError, match="at least one required forgetting check"):
        parse_policy(text, "planted.yaml", name_known())


# --- by subgroup ---


def test_the_worst_group_is_bounded_and_needs_its_power_in_every_group(read, plant):
    among = "among: worst of sex, "
    policy = read(
        ("protocol: {resamples: 1000}", "protocol: {resamples: 1000}\nsubgroups: {columns: [sex], smallest: 10}"),
        ("worst-record-recognition, at", f"worst-record-recognition, {among}at"),
        ("paired-recognition, within: [0.4, 0.6]", f"paired-recognition, {among}within: [0.3, 0.7]"),
    )
    sizes = (60, 60, 40, 160)
    evidence = plant(sizes=sizes)
    sexes = np.where(np.arange(len(evidence)) % 3 == 0, "female", "male")
    left = np.zeros(len(evidence))
    left[np.flatnonzero((sexes == "male") & evidence.select("forget"))[0]] = 8.0

    clean, leaky = (
        audit(policy, replace(held, groups={**held.groups, "sex": sexes}))
        for held in (plant(sizes=sizes, seed=11), plant(left, sizes=sizes, seed=11))
    )

    assert check_of(clean, "worst").estimate.power is not None
    assert check_of(clean, "worst").outcome in (Outcome.PASS, Outcome.INCONCLUSIVE)
    assert check_of(leaky, "worst").outcome is Outcome.FAIL
    assert get(leaky, "recognised-records", "sex=female").estimate.events == 0
    assert get(leaky, "recognised-records", "sex=male").estimate.events >= 1
    assert check_of(clean, "pairs").outcome is Outcome.PASS
    assert get(clean, "paired-recognition", "highest of sex").estimate.bounds is not None
