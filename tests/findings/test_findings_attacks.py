"""The ladder of attacks, from evidence with reference models to the verdict."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.evidence_with_references import plant_references
from tests.support.ordinary_core import measure_work
from unlearn_audit import registry
from unlearn_audit.errors import MeasurementError
from unlearn_audit.evidence import References
from unlearn_audit.findings.attacks import ATTACKS, Attack, Needs, find_attack, score_groups, score_records
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.pipeline.audit import judge
from unlearn_audit.presentation.page import present
from unlearn_audit.presentation.sections.forgetting import present_coverage
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.records import Outcome
from unlearn_audit.stats import Signal, compute_auc, score_logit
from unlearn_audit.verdict.decision import decide

REFERENCE_ATTACKS = ("rmia", "base", "lira", "lira-offline", "u-lira")
OLD = "attacks: [confidence, modified-entropy]"
ALIVE = "  - {id: alive, metric: positive-share, within: [0.2, 0.6], why: not collapsed}"
CLUSTERED = "attacks: [lira], fpr: [0.01]}\nprotocol: {resamples: 1000, cluster: patient_id}"
SIZES = (600, 300, 200, 1200)


@pytest.fixture(name="ladder")
def fixture_ladder(change_policy):
    """Return the planted policy with these attacks instead of its own."""
    return lambda *attacks: change_policy(OLD, f"attacks: [{', '.join(attacks)}]")


def examine(policy, evidence):
    """Return what `judge` finds about forgetting, without the clinical rest, which takes longer."""

    def wants(key):

        return METRICS[key.metric].per_attack or key.metric == "swap-quality"

    findings = measure(EvaluationContext(evidence, policy), wants=wants)
    return SimpleNamespace(findings=findings, verdict=decide(findings, policy, "unlearned"))


def find(record, metric, attack=None, model="unlearned", among="all", **key):
    found = [
        f
        for f in record.findings
        if (f.key.metric, f.key.attack, f.key.model, str(f.key.among)) == (metric, attack, model, among)
        and all(str(getattr(f.key, part)) == value for part, value in key.items())
    ]
    assert len(found) == 1, (metric, attack, model, found)
    return found[0]


def find_auc(record, attack, model="unlearned", among="all"):
    return find(record, "membership-auc", attack, model, among).estimate.value


def find_outcome(record, check):
    return next(result.outcome for result in record.verdict.checks if result.id == check)


def test_every_attack_with_reference_models_sees_the_leak_before_and_none_after_retraining(ladder, make_evidence):
    record = examine(ladder(*REFERENCE_ATTACKS), plant_references(make_evidence(sizes=SIZES)))

    for attack in ("rmia", "base", "lira", "lira-offline"):
        assert find_auc(record, attack, "original") > 0.7, attack
        assert find_auc(record, attack, "retrained") == pytest.approx(0.5, abs=0.08), attack
    for attack in REFERENCE_ATTACKS:
        assert find_auc(record, attack) == pytest.approx(0.5, abs=0.08), attack


def test_a_leak_that_no_threshold_sees_fails_by_u_lira(ladder, make_evidence):
    """Half of the forgotten records stay too confident, half are pushed down: on average nothing is to be seen."""
    evidence = make_evidence(sizes=SIZES)
    ways = np.where(np.arange(len(evidence)) % 2, 2.5, -2.5)
    planted = plant_references(evidence, models=16, left=ways)

    blind = examine(ladder("confidence"), planted)
    seeing = examine(ladder("confidence", "u-lira"), planted)

    assert find_auc(blind, "confidence") == pytest.approx(0.5, abs=0.06)
    assert find_outcome(blind, "forgotten") is not Outcome.FAIL
    assert find_outcome(seeing, "forgotten") is Outcome.FAIL
    assert next(c.key.attack for c in seeing.verdict.checks if c.id == "forgotten") == "u-lira"


def test_over_unlearning_fails_by_u_lira_on_the_same_side_as_a_leak(ladder, make_evidence):
    record = examine(ladder("confidence", "u-lira"), plant_references(make_evidence(sizes=SIZES), models=16, left=-3.0))

    assert find_auc(record, "confidence") < 0.4
    assert find_auc(record, "u-lira") > 0.7
    assert find_outcome(record, "forgotten") is Outcome.FAIL


def test_a_model_that_forgot_passes_every_attack(ladder, make_evidence):
    evidence = plant_references(make_evidence(sizes=(1000, 1500, 400, 3000)), models=16)

    assert find_outcome(examine(ladder("confidence", *REFERENCE_ATTACKS), evidence), "forgotten") is Outcome.PASS


def test_a_forget_set_that_is_no_random_draw_looks_like_a_leak_to_a_threshold_and_not_to_u_lira(ladder, make_evidence):
    record = examine(ladder("logit", "u-lira"), plant_references(make_evidence(sizes=SIZES), harder=2.0))

    assert find_auc(record, "logit") < 0.3
    assert find_auc(record, "u-lira") == pytest.approx(0.5, abs=0.06)


def test_malignant_records_are_attacked_by_themselves(ladder, make_evidence):
    evidence = make_evidence(sizes=SIZES)
    planted = plant_references(evidence, models=16, left=3.0 * evidence.is_positive)
    record = examine(ladder("u-lira"), planted)

    assert find_auc(record, "u-lira", among="positive") > find_auc(record, "u-lira") > 0.6


def test_a_leak_of_one_group_alone_is_found_there(change_policy, make_evidence):
    check = "{id: forgotten-f, metric: membership-auc, among: sex=f, within: [0.4, 0.6], why: group}"
    policy = change_policy(
        f"{ALIVE}\nmembership: {{{OLD}, fpr: [0.01]}}",
        f"{ALIVE}\n  - {check}\nsubgroups: {{columns: [sex]}}\nmembership: {{attacks: [u-lira], fpr: [0.01]}}",
    )
    evidence = make_evidence(sizes=SIZES)
    female = np.arange(len(evidence)) % 3 == 0
    evidence = replace(evidence, groups={"sex": np.where(female, "f", "m")})
    found = examine(policy, plant_references(evidence, models=16, left=3.5 * female))

    assert find_auc(found, "u-lira", among="sex=f") > find_auc(found, "u-lira") + 0.1
    assert find_outcome(found, "forgotten-f") is Outcome.FAIL


def test_u_lira_is_read_absolutely_because_its_null_is_one_half(ladder, make_evidence):
    """The retrained model is still scored with the audited method's distributions, as a control."""
    policy = ladder("u-lira")
    evidence = plant_references(make_evidence(sizes=SIZES), models=16, left=3.0)
    context = EvaluationContext(evidence, policy)
    record = examine(policy, evidence)
    difference = find(record, "membership-auc-difference", "u-lira", against="retrained").estimate
    auc = find(record, "membership-auc", "u-lira").estimate
    like = score_groups(context, "retrained", "all", "u-lira", "unlearned")

    assert difference.value == pytest.approx(auc.value - 0.5)
    assert (difference.bounds.low, difference.bounds.high) == pytest.approx(
        (auc.bounds.low - 0.5, auc.bounds.high - 0.5)
    )
    assert all((a == b).all() for a, b in zip(like, score_groups(context, "retrained", "all", "u-lira"), strict=True))


def test_a_remedy_is_compared_with_the_retrained_model_on_the_remedys_own_statistic(ladder, make_evidence):
    names = ("original", "retrained", "unlearned", "remedied-salun-cra")
    evidence = plant_references(make_evidence(names, sizes=SIZES), unlearned=names[2:])
    context = EvaluationContext(evidence, ladder("u-lira"))
    ours, theirs = (score_groups(context, "retrained", "all", "u-lira", name)[0] for name in names[2:])

    assert (ours != theirs).any()
    assert find(
        examine(ladder("u-lira"), evidence), "membership-auc-difference", "u-lira", names[3], against="retrained"
    )


def test_reference_attacks_compare_the_candidates_and_others_the_whole_test_split(ladder, make_evidence):
    record = examine(ladder("logit", "lira"), plant_references(make_evidence(sizes=SIZES)))

    assert find(record, "membership-auc", "logit").estimate.n == 300 + 1200
    assert find(record, "membership-auc", "lira").estimate.n == 300 + 300


def test_a_low_false_positive_rate_is_refused_by_the_number_of_controls(change_policy, make_evidence):
    policy = change_policy(f"{OLD}, fpr: [0.01]", "attacks: [logit, lira], fpr: [0.01, 0.001]")
    record = examine(policy, plant_references(make_evidence(sizes=SIZES)))

    assert find(record, "membership-tpr", "logit", at="fpr 0.001").estimate is not None, "1,200 test records"
    assert find(record, "membership-tpr", "lira", at="fpr 0.01").estimate is not None, "300 controls"
    assert "at least 1000 non-members" in find(record, "membership-tpr", "lira", at="fpr 0.001").not_run.text


def test_population_attacks_are_what_they_were_without_reference_models(policy, make_evidence):
    with_them = plant_references(make_evidence(sizes=SIZES))

    first, second = judge(policy, with_them), judge(policy, replace(with_them, references=None))

    assert first.findings == second.findings
    assert not [f for f in first.findings if f.key.metric in ("membership-null", "swap-quality")]


# --- what cannot be run says why


@pytest.mark.parametrize("attack", REFERENCE_ATTACKS)
def test_without_reference_models_an_attack_is_not_run_and_nothing_passes(ladder, make_evidence, attack):
    record = judge(ladder("logit", attack), plant_references(make_evidence(sizes=SIZES), models=0))

    assert "needs reference models, the evidence has none" in find(record, "membership-auc", attack).not_run.text
    assert find_outcome(record, "forgotten") is not Outcome.PASS
    assert record.outcome is not Outcome.PASS


@pytest.mark.parametrize("attack", ["lira", "lira-offline", "u-lira"])
def test_a_single_pair_is_too_few_for_a_likelihood_ratio(ladder, make_evidence, attack):
    record = examine(ladder(attack, "rmia", "base"), plant_references(make_evidence(sizes=SIZES), models=2))

    assert "at least 4 reference models, the evidence has 2" in find(record, "membership-auc", attack).not_run.text
    assert find(record, "membership-auc", "rmia").estimate is not None
    assert find(record, "membership-auc", "base").estimate is not None


def test_a_method_that_the_reference_models_did_not_undergo_is_named(ladder, make_evidence):
    names = ("original", "retrained", "unlearned", "compared-salun")
    record = examine(ladder("u-lira"), plant_references(make_evidence(names, sizes=SIZES)))

    reason = find(record, "membership-auc", "u-lira", "compared-salun").not_run.text
    assert "unlearned as 'compared-salun' was, there are some for: unlearned" in reason
    assert find(record, "membership-auc", "u-lira").estimate is not None


def test_a_forget_set_too_small_for_the_policy_is_not_run(ladder, make_evidence):
    record = examine(ladder(*REFERENCE_ATTACKS), plant_references(make_evidence(sizes=(600, 8, 200, 300))))

    assert {
        str(f.not_run)
        for f in record.findings
        if f.key.metric == "membership-auc" and str(f.key.among) == "all"
    } == {"8 forget records are fewer than 10, the smallest group that the policy lets be measured"}  # fmt: skip


def test_too_few_validation_records_leave_rmia_not_run(ladder, make_evidence):
    record = examine(ladder("rmia", "base"), plant_references(make_evidence(sizes=(600, 300, 9, 400))))

    assert "at least 10 validation records" in find(record, "membership-auc", "rmia").not_run.text
    assert find(record, "membership-auc", "base").estimate is not None


@pytest.mark.parametrize("attack", REFERENCE_ATTACKS)
def test_reference_models_that_all_say_the_same_give_no_number(ladder, make_evidence, attack):
    evidence = plant_references(make_evidence(sizes=SIZES))
    same = np.full_like(evidence.references.log_probs, np.log(0.5))
    constant = replace(evidence.references, log_probs=same, unlearned={"unlearned": same})
    flat = {name: np.full_like(log_probs, np.log(0.5)) for name, log_probs in evidence.log_probs.items()}
    record = judge(ladder(attack), replace(evidence, log_probs=flat, references=constant))

    assert find(record, "membership-auc", attack).estimate is None
    assert find(record, "membership-null", attack).estimate is None
    assert record.outcome is not Outcome.PASS


def test_halves_that_are_not_complementary_give_no_null(ladder, make_evidence):
    evidence = plant_references(make_evidence(sizes=SIZES))
    rolled = replace(evidence.references, trained_on=np.roll(evidence.references.trained_on, 1, axis=0))
    record = examine(ladder("logit", "u-lira"), replace(evidence, references=rolled))

    assert "in pairs" in find(record, "membership-null", "u-lira").not_run.text
    assert "complementary halves" in find(record, "swap-quality").not_run.text


def spoil(references, evidence, how):
    trained_on = references.trained_on.copy()
    if how == "uneven":
        trained_on[0, np.flatnonzero(references.candidates)[0]] ^= True
    elif how == "validation":
        trained_on[0, evidence.select("validation")] = True
    else:
        trained_on[0, np.flatnonzero(evidence.select("retain"))[0]] = False
    return replace(references, trained_on=trained_on)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("uneven", "one half of 8 reference models, found 1 that are not"),
        ("validation", "trained on every retain and on no validation record"),
        ("retain", "trained on every retain and on no validation record"),
    ],
)
def test_reference_models_that_were_trained_otherwise_are_refused(ladder, make_evidence, how, reason):
    evidence = plant_references(make_evidence(sizes=SIZES))
    found = examine(ladder("lira"), replace(evidence, references=spoil(evidence.references, evidence, how)))

    assert reason in find(found, "membership-auc", "lira").not_run.text


def test_a_finding_names_the_paper_of_its_attack(ladder, make_evidence):
    found = examine(ladder("logit", "u-lira"), plant_references(make_evidence(sizes=SIZES)))

    assert "after Hayes et al. (2024), arXiv 2403.01218" in find(found, "membership-auc", "u-lira").source
    assert find(found, "membership-auc", "u-lira").source.endswith("BaVarIA, arXiv 2603.11799")
    assert find(found, "membership-auc", "logit").source.endswith("Carlini et al. (2022), IEEE S&P, section V-A")


def test_candidates_of_one_patient_widen_the_bounds_of_a_reference_attack(change_policy, make_evidence):
    evidence = plant_references(make_evidence(sizes=SIZES), models=16, left=1.5)
    attacks = change_policy(f"{OLD}, fpr: [0.01]}}\nprotocol: {{resamples: 1000}}", CLUSTERED)
    bounds = [
        find(examine(policy, evidence), "membership-auc", "lira").estimate.bounds
        for policy in (attacks, change_policy(OLD, "attacks: [lira]"))
    ]

    assert "cluster" in bounds[0].method.text
    assert bounds[0].low < bounds[1].low


def attack_with(**entries):
    def entry_points(group):
        return [SimpleNamespace(name=n, load=lambda v=v: v) for n, v in entries.items() if group == ATTACKS.group]

    return entry_points


def test_third_parties_may_give_a_signal_or_an_attack(monkeypatch, change_policy, make_evidence):
    ours = Attack(
        lambda view: view.logit - view.ensemble.logit.mean(axis=0), "Calibrated", "tests", Needs.REFERENCES, 2
    )
    spoilt = Attack(lambda view: np.full(len(view.log_probs), np.nan), "NaN", "tests")
    entries = {"theirs": Signal(score_logit, "As before", "tests"), "ours": ours, "spoilt": spoilt, "odd": object()}
    monkeypatch.setattr(registry, "entry_points", attack_with(**entries))
    monkeypatch.setattr(ATTACKS, "_all", None)

    policy = change_policy(OLD, "attacks: [logit, theirs, ours, spoilt]")
    record = judge(policy, plant_references(make_evidence(sizes=SIZES)))

    assert find_auc(record, "theirs") == find_auc(record, "logit")
    assert find(record, "membership-auc", "ours").estimate.n == 600
    assert "expected 2300 finite scores" in find(record, "membership-auc", "spoilt").not_run.text
    assert record.outcome is not Outcome.PASS
    with pytest.raises(MeasurementError, match="expected a Signal or an Attack, found object"):
        find_attack("odd")


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_every_attack_says_what_it_is_and_what_it_needs(name):
    attack = find_attack(name)

    assert attack.title
    assert attack.source
    assert (attack.fewest > 0) == (attack.needs is not Needs.NOTHING)


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_members_of_the_original_score_higher(ladder, make_evidence, name):
    """What the original still knows the attack must see; U-LiRA is asked about a method that did nothing."""
    evidence = plant_references(make_evidence(sizes=SIZES), left=3.0)
    model = "unlearned" if find_attack(name).needs is Needs.UNLEARNED else "original"

    assert compute_auc(*score_groups(EvaluationContext(evidence, ladder(name)), model, "all", name)) > 0.52


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_the_order_of_records_does_not_matter(ladder, make_evidence, name):
    evidence = plant_references(make_evidence(sizes=(60, 40, 20, 60)))
    order = np.random.default_rng(0).permutation(len(evidence))
    before = score_records(EvaluationContext(evidence, ladder(name)), "unlearned", name)
    after = score_records(EvaluationContext(shuffle(evidence, order), ladder(name)), "unlearned", name)

    assert (before.records[order] == after.records).all()
    assert before.values[order].tolist() == pytest.approx(after.values.tolist(), abs=1e-9)


def shuffle(evidence, order):
    references = evidence.references
    return replace(
        evidence,
        ids=evidence.ids[order],
        split=evidence.split[order],
        label=evidence.label[order],
        log_probs={name: log_probs[order] for name, log_probs in evidence.log_probs.items()},
        groups={name: column[order] for name, column in evidence.groups.items()},
        references=References(
            references.trained_on[:, order],
            references.candidates[order],
            references.log_probs[:, order],
            {name: log_probs[:, order] for name, log_probs in references.unlearned.items()},
        ),
    )


# --- beside the AUC


def test_the_null_says_what_models_that_never_saw_the_records_differ_by(ladder, make_evidence):
    """Retrained models lie in its range; a leaking one does not."""
    record = examine(
        ladder("logit", "lira", "u-lira"), plant_references(make_evidence(sizes=SIZES), models=16, left=3.0)
    )

    for attack in ("logit", "lira", "u-lira"):
        null = find(record, "membership-null", attack).estimate
        assert null.value == pytest.approx(0.5, abs=0.06), attack
        assert null.interval.low < null.value < null.interval.high
        assert find_auc(record, attack) > null.interval.high
        assert null.bounds is None
    assert find(record, "membership-null", "lira").estimate.interval.low <= find_auc(record, "lira", "retrained")


def test_the_swap_test_tells_a_method_that_forgets_from_one_that_does_not(ladder, make_evidence):
    evidence = make_evidence(sizes=SIZES)

    def find_quality(left):
        return find(examine(ladder("logit", "u-lira"), plant_references(evidence, left=left)), "swap-quality").estimate

    assert find_quality(0.0).value > 0.95
    assert find_quality(3.0).value < 0.6
    assert find_quality(-3.0).value < 0.6, "over-unlearning as well"


def test_the_swap_test_needs_an_adversary(ladder, make_evidence):
    record = examine(ladder("u-lira"), plant_references(make_evidence(sizes=SIZES)))

    assert "needs a population attack" in find(record, "swap-quality").not_run.text


@pytest.fixture(name="guarded")
def fixture_guarded(change_policy):
    check = "{id: remaining, metric: retain-leakage, against: original, at_most: 0.03, why: Hayes}"
    return change_policy("  - {id: kept,", f"  - {check}\n  - {{id: kept,")


def test_records_that_stay_must_not_leak_more_than_before(guarded, make_evidence):
    kept = examine(guarded, plant_references(make_evidence(sizes=SIZES), memory=1.0, retain=1.0))
    worse = examine(guarded, plant_references(make_evidence(sizes=SIZES), memory=1.0, retain=2.0))

    assert find_outcome(kept, "remaining") is Outcome.PASS
    assert find_outcome(worse, "remaining") is Outcome.FAIL


def test_retain_leakage_is_asked_of_population_attacks_alone(ladder, make_evidence):
    record = examine(ladder("logit", "lira"), plant_references(make_evidence(sizes=SIZES)))
    found = {f.key.attack for f in record.findings if f.key.metric == "retain-leakage"}

    assert found == {"logit"}, "every reference model was trained on every retain record: there is no OUT"


def test_retain_leakage_alone_does_not_make_a_policy_ask_about_forgetting(change_policy):
    with pytest.raises(Exception, match="among: positive"):
        change_policy(
            "{id: forgotten-malignant, metric: membership-auc, among: positive, within: [0.4, 0.6], why: unseen}",
            "{id: remaining, metric: retain-leakage, against: original, at_most: 0.03, why: Hayes}",
        )


def test_the_advantage_is_beside_the_auc_and_decides_nothing(ladder, make_evidence):
    record = examine(ladder("lira"), plant_references(make_evidence(sizes=SIZES)))
    leaky = find(record, "membership-advantage", "lira", "original").estimate

    assert leaky.value > 0.4 > find(record, "membership-advantage", "lira").estimate.value
    assert leaky.bounds is None


def test_curves_of_a_reference_attack_show_forget_and_controls(ladder, make_evidence):
    record = judge(ladder("u-lira"), plant_references(make_evidence(sizes=SIZES), left=3.0))
    drawn = [curve for curve in record.curves if curve.key.attack == "u-lira"]

    assert {c.split for c in drawn if c.kind == "scores"} == {"forget", "test"}
    assert {c.key.model for c in drawn if c.kind == "roc"} == {"original", "retrained", "unlearned"}


def test_the_same_evidence_gives_the_same_bytes(ladder, make_evidence):
    evidence = plant_references(make_evidence(sizes=SIZES))
    policy = ladder("logit", *REFERENCE_ATTACKS)

    assert judge(policy, evidence).to_bytes() == judge(policy, evidence).to_bytes()


def test_a_model_that_is_not_in_the_evidence_cannot_be_attacked(ladder, make_evidence):
    with pytest.raises((KeyError, MeasurementError)):
        score_groups(
            EvaluationContext(plant_references(make_evidence(sizes=SIZES)), ladder("lira")), "nobody", "all", "lira"
        )


@pytest.mark.parametrize(("models", "sizes"), [(64, (320, 80, 69, 100)), (16, (5600, 1400, 1000, 2015))])
def test_the_whole_ladder_takes_less_than_two_seconds(ladder, make_evidence, models, sizes):
    names = ("original", "retrained", "unlearned", "remedied-salun-cra", "remedied-retrain")
    evidence = plant_references(make_evidence(names, sizes=sizes), models=models, unlearned=names[2:])
    policy = ladder("logit", *REFERENCE_ATTACKS)

    def score_all():
        context = EvaluationContext(evidence, policy)
        for name in names:
            for attack in REFERENCE_ATTACKS:
                for among in ("all", "positive"):
                    score_groups(context, name, among, attack)

    assert measure_work(score_all, enough=2) < 2


# --- the report


def show_coverage(record):
    """Return the rows of the report's table of attacks: name to (state, what is said, smaller print)."""
    rows = present_coverage(Index(record)).rows
    return {row[0].text: (row[2].text, row[3].text, row[3].below) for row in rows}


def test_the_report_says_which_attack_ran_on_which_model(ladder, make_evidence):
    names = ("original", "retrained", "unlearned", "compared-salun")
    rows = show_coverage(judge(ladder("logit", "lira", "u-lira"), plant_references(make_evidence(names, sizes=SIZES))))

    state, text, elsewhere = rows["u-lira"]
    assert state == "tested"
    assert text.startswith("AUC 0.")
    assert "Also on: Original, Retrained." in elsewhere
    assert "Not run on compared-salun (compared): attack 'u-lira' needs reference models unlearned as" in elsewhere
    assert rows["lira"][2] == "Also on all other models."
    assert rows["swap"][0] == "tested"
    assert {name for name, row in rows.items() if row[0] == "NOT TESTED"} >= {
        "RMIA (reference models)", "BASE (reference models)", "Model inversion"
    }  # fmt: skip
    assert not any(name.startswith(("LiRA", "U-LiRA", "SWAP")) for name in rows)


def test_the_report_says_why_an_attack_did_not_run(ladder, make_evidence):
    rows = show_coverage(judge(ladder("logit", "u-lira"), plant_references(make_evidence(sizes=SIZES), models=0)))

    assert rows["u-lira"][:2] == ("NOT RUN", "attack 'u-lira' needs reference models, the evidence has none")
    assert rows["swap"][0] == "NOT RUN"
    assert rows["logit"][0] == "tested"
    assert rows["LiRA (reference models)"][0] == "NOT TESTED"


def test_the_strongest_attack_with_reference_models_is_the_one_that_is_drawn(ladder, make_evidence):
    planted = plant_references(make_evidence(sizes=SIZES), models=16, left=3.0)
    view = present(judge(ladder("entropy", "u-lira"), planted))

    assert "u-lira attack" in view.roc.caption
    assert "u-lira attack" in view.scores.caption
    assert any("with the very models of this case" in limit for limit in view.limits)
    shown = {row[0].text for grid in view.summaries for row in grid.rows}
    assert "SWAP quality of the method" in shown
    assert all(grid.heads[-1] == "Models that never saw the records" for grid in view.attacks)
    assert all(cell.text != "—" for grid in view.attacks for row in grid.rows for cell in row)
