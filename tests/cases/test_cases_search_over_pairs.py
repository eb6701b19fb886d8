"""A search held to single records on trained models: what was finished is found again, and no test record is shown."""

import pytest

from unlearn_audit import training
from unlearn_audit.evidence.parquet import read_evidence, to_parquet
from unlearn_audit.pipeline.audit import judge, run_audit
from unlearn_audit.records import Outcome
from unlearn_audit.reference_models import trainer

MODELS = 16
CHANGES = (
    (
        "membership: {references: {models: 4}}",
        (
            "  - {id: worst, metric: worst-record-recognition, at_least: 0.05, why: nobody}\n"
            f"membership: {{references: {{models: {MODELS}}}, recognition: {{shift: 40}}, unrecognised: inform}}"
        ),
    ),
    ("among: positive, within: [0.4, 0.6]", "among: positive, within: [0.001, 0.999]"),
    ("at_least: 0.99", "at_least: 0.1"),
    ("[{method: warm-restart}, {method: retrain}]", "[{method: warm-restart, search: {keep_weight: [0.0, 0.1]}}]"),
)
POWERLESS = ("shift: 40", "shift: 0.001")


@pytest.fixture
def policy_of(referenced):
    """Two settings that hold on validation, and a test of single records over sixteen reference models."""

    def parse(*changes):
        return referenced(*CHANGES, *changes)

    return parse


@pytest.fixture
def count(monkeypatch):
    """Count how many reference models each setting of warm restart is applied to; `stop_after` cuts the run off."""
    made, limit = [], []
    real = trainer.unlearn_models

    def spy(pool, spec, order):
        if order.method.title == "Warm restart" and limit and len(made) >= limit[0]:
            raise KeyboardInterrupt
        finished = real(pool, spec, order)
        if order.method.title == "Warm restart":
            made.extend(order.parameters.keep_weight for _ in finished)
        return finished

    monkeypatch.setattr(trainer, "unlearn_models", spy)
    monkeypatch.setattr(trainer, "GROUP", 4)

    def start(stop_after=None):
        made.clear()
        limit[:] = [] if stop_after is None else [stop_after]
        return made

    return start


def test_the_first_setting_that_passes_is_audited_and_the_verdict_repeats_its_number(policy_of, ask, count, tmp_path):
    made = count()
    audit = run_audit(policy_of(), ask())

    (search,) = audit.record.provenance.searches
    assert search.chosen is not None, search.reason
    pairs = search.tried[search.chosen].pairs
    verdict = next(v for v in audit.record.verdicts if v.model == "remedied-warm-restart")
    assert next(check.estimate for check in verdict.checks if check.id == "worst") == pairs.estimates["worst"]
    assert search.reason.details["models"] == MODELS
    assert len(made) == MODELS * search.reason.details["asked"]  # the chosen one is not unlearned a second time
    (tmp_path / "e.parquet").write_bytes(to_parquet(audit.evidence))
    assert judge(policy_of(), read_evidence(tmp_path / "e.parquet")).to_bytes() == audit.record.to_bytes()


@pytest.mark.thorough
def test_a_search_that_was_cut_off_goes_on_where_it_stopped(policy_of, ask, count):
    """Silence over eight pairs has no power against so small a shift: no setting passes, and all are asked."""
    policy = policy_of(POWERLESS)
    made = count(stop_after=MODELS + 4)
    with pytest.raises(KeyboardInterrupt):
        run_audit(policy, ask())
    finished = list(made)
    made = count()
    audit = run_audit(policy, ask())

    (search,) = audit.record.provenance.searches
    assert search.chosen is None
    assert search.reason.details["inconclusive"] + search.reason.details["fail"] == 2
    assert len(finished) == MODELS + 4
    assert sorted(finished + made) == [0.0] * MODELS + [0.1] * MODELS
    assert not any(card.role == "remedied" for card in audit.record.provenance.models)


def test_the_model_of_a_setting_that_is_only_tried_is_asked_about_no_test_record(policy_of, ask, monkeypatch):
    """Reference models are: the controls among the pairs are test records."""
    queries = {}
    real = training.predict_log_probs

    def spy(model, x, *rest):
        queries.setdefault(id(model), [model, set()])[1].add(len(x))
        return real(model, x, *rest)

    monkeypatch.setattr(training, "predict_log_probs", spy)
    audit = run_audit(policy_of(POWERLESS), ask())

    counts = {name: int(audit.evidence.select(name).sum()) for name in ("retain", "forget", "validation")}
    shown = counts["retain"] + counts["forget"] + 2 * counts["validation"]
    assert [sizes for _, sizes in queries.values() if shown in sizes] == [{shown}, {shown}]


def test_a_run_without_reference_models_unlearns_none_and_says_that_nobody_looked(policy_of, ask, count):
    made = count()
    audit = run_audit(policy_of(), ask(references=0))

    (search,) = audit.record.provenance.searches
    assert search.reason.code == "pairs-not-looked-at"
    assert [setting.pairs.outcome for setting in search.tried] == [Outcome.NOT_RUN] * 2
    assert made == []
    assert "search-without-choice" in [advice.code for advice in audit.record.recommendation.advice]
    assert audit.record.recommendation.action not in ("release", "release-remedied")
