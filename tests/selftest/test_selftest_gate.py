"""The gate is caught when it is broken, holds when it is not, and the published figures are those of this code."""

import json
import shlex

import numpy as np
import pytest
from scipy.stats import binom

from tests.support.pages import read_steps
from unlearn_audit.assets import read_published_selftest
from unlearn_audit.cli import run_guarded
from unlearn_audit.errors import ExitCode, ReportError
from unlearn_audit.formats.html import render_html
from unlearn_audit.pipeline.audit import judge, reach_verdicts
from unlearn_audit.records import ALL, Interval, SelfTestSummary, quote_text
from unlearn_audit.selftest import SCENARIOS, Rate, SelfTest, Tampering, Trials, draw_rates, run_selftest, write_page
from unlearn_audit.selftest.forgeries import FORGERIES
from unlearn_audit.selftest.simulation import draw_evidence
from unlearn_audit.selftest.tampering import TamperingError, tamper

AGAIN = 20
"""Repeats in which a broken gate is caught."""


@pytest.fixture(scope="module")
def of_the_page(tmp_path_factory):
    """What the one command on the page on numbers finds; it exits as the page says."""
    (step,) = read_steps("numbers.md")
    found = tmp_path_factory.mktemp("page") / "found.json"
    code = run_guarded([*shlex.split(step.line.removeprefix("unlearn-audit ")), "--out", str(found)])
    assert code in step.codes
    return SelfTest.from_bytes(found.read_bytes())


@pytest.fixture(scope="module", params=["the first", pytest.param("those of the page", marks=pytest.mark.thorough)])
def again(request, published):
    """So many repeats of the published run, of every scenario."""
    return run_selftest(1, published.seed) if request.param == "the first" else request.getfixturevalue("of_the_page")


@pytest.fixture
def refuses_every_changed_report(monkeypatch):
    """What is caught is then the gate, not the verification; no report is signed and changed for it."""
    from unlearn_audit.selftest import trials

    monkeypatch.setattr(trials, "tamper", lambda repeats, seed: "r" * repeats)


def test_the_published_outcomes_are_those_of_this_code(published, again):
    """Drift shows here: then run 'make selftest' and look at what changed before committing it."""
    expected = {trials.name: trials.outcomes[: again.repeats] for trials in published.scenarios}

    assert expected == {trials.name: trials.outcomes for trials in again.scenarios}
    assert published.tampering.outcomes[: again.repeats] == again.tampering.outcomes
    assert [(t.title, t.truth, t.kind) for t in published.scenarios] == [
        (t.title, t.truth, t.kind) for t in again.scenarios
    ]
    assert published.version == again.version


@pytest.mark.thorough
def test_the_command_on_the_page_on_numbers_finds_no_rate_above_what_is_promised(of_the_page):
    assert of_the_page.repeats == AGAIN
    assert of_the_page.exit_code is ExitCode.PASS


def test_the_published_page_and_figure_say_what_the_published_outcomes_say(published, docs):
    assert (docs / "selftest.json").read_bytes() == published.to_bytes()
    assert (docs / "selftest.md").read_text() == write_page(published)
    assert (docs / "selftest.svg").read_text() == draw_rates(published)
    assert SelfTestSummary.model_validate_json(read_published_selftest()) == published.summarise()


def test_every_record_and_report_carries_the_short_form_of_the_published_run(published):
    scenario = SCENARIOS["no-op"]
    record = judge(scenario.policy, draw_evidence(scenario.simulation, np.random.default_rng(3)))
    summary = published.summarise()

    assert summary == record.selftest
    assert 0 == summary.failures.wrong == summary.changed_reports.wrong
    assert f"the gate passed 0 of {summary.failures.n:,} planted failures" in render_html(record)


def test_a_record_without_a_self_test_reads_and_renders_without_the_line():
    scenario = SCENARIOS["no-op"]
    record = judge(scenario.policy, draw_evidence(scenario.simulation, np.random.default_rng(3)))

    assert "planted failures" not in render_html(record.model_copy(update={"selftest": None}))


def test_an_installation_without_its_published_self_test_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("unlearn_audit.assets._PACKAGE", tmp_path)

    with pytest.raises(ReportError, match="self-test is missing"):
        read_published_selftest()


def test_the_published_run_shows_no_rate_above_what_is_promised(published):
    assert published.list_excesses() == []
    assert published.exit_code is ExitCode.PASS
    assert published.repeats >= 400


def test_pooled_over_all_boundaries_the_gate_passes_and_fails_no_more_often_than_promised(published):
    """Sharper than any single rate: by the binomial a sound gate exceeds this once in a million seeds."""
    edges = [trials for trials in published.scenarios if trials.kind == "boundary"]
    n = sum(len(trials.outcomes) for trials in edges)
    most = binom.ppf(1 - 1e-6, n, 1 - published.confidence)

    assert sum(trials.count("p") for trials in edges) <= most
    assert sum(trials.count("f") for trials in edges) <= most


def test_clear_cases_are_decided_and_not_left_inconclusive(published):
    """A gate that never decides makes no mistakes either: here it has to decide."""
    for trials in published.scenarios:
        if trials.kind in ("failure", "sound"):
            right = trials.count("f" if trials.kind == "failure" else "p")
            assert right >= 0.95 * len(trials.outcomes), trials.name


def test_one_remembered_record_among_two_hundred_is_found_and_nobody_where_nobody_is(published):
    found = {trials.name: trials for trials in published.scenarios}

    assert found["one-in-two-hundred"].count("f") >= 0.8 * published.repeats
    assert found["nobody-remembered"].count("f") <= 0.05 * published.repeats


def test_no_forgery_passes_but_the_one_that_nobody_can_tell(published):
    """Strangers, and answers at others' ids, pass where the original seems to know them by chance: 1 in 20 at most."""
    forged = {trials.name: trials for trials in published.scenarios if trials.name in FORGERIES}
    by_chance = {"strangers-on-the-list", "answers-shuffled"}
    caught = set(forged) - {"answers-filtered", *by_chance}

    assert {name: forged[name].count("p") for name in caught} == dict.fromkeys(caught, 0)
    assert all(forged[name].count("p") <= 0.05 * published.repeats for name in by_chance)
    assert forged["answers-filtered"].false_pass is None


def test_no_changed_report_is_accepted(again, published):
    assert set(published.tampering.outcomes) == {"r"}
    assert set(again.tampering.outcomes) == {"r"}


@pytest.mark.parametrize("name", ["sound", "no-op", "missed-on-limit-clustered"])
def test_the_verdict_is_the_one_that_a_whole_audit_records(name):
    scenario = SCENARIOS[name]
    evidence = draw_evidence(scenario.simulation, np.random.default_rng(3))

    assert reach_verdicts(scenario.policy, evidence) == judge(scenario.policy, evidence).verdicts


@pytest.mark.thorough
def test_a_gate_that_compares_point_estimates_is_caught(monkeypatch, refuses_every_changed_report):
    from unlearn_audit.verdict import rulings

    honest = rulings.rule

    def rule(finding, limit):
        value = finding.estimate.value
        bounds = Interval(low=value, high=value, confidence=0.95, method=quote_text("none"), sides="one")
        estimate = finding.estimate.model_copy(update={"bounds": bounds, "corrected": None})
        return honest(finding.model_copy(update={"estimate": estimate}), limit)

    monkeypatch.setattr(rulings, "rule", rule)
    result = run_selftest(AGAIN, 1, names=("missed-on-limit", "leak-on-limit"))

    assert result.exit_code is ExitCode.FAIL
    assert len(result.list_excesses()) == 4


@pytest.mark.thorough
def test_a_gate_that_lowers_its_confidence_is_caught(monkeypatch, refuses_every_changed_report):
    from unlearn_audit.findings.context import EvaluationContext

    monkeypatch.setattr(EvaluationContext, "confidence_for", lambda self, model: 0.7)

    assert run_selftest(2 * AGAIN, 1, names=("increase-on-margin", "leak-on-limit")).exit_code is ExitCode.FAIL


def test_a_gate_that_overlooks_the_hidden_leak_is_caught(monkeypatch):
    from unlearn_audit.pipeline import audit as auditing
    from unlearn_audit.selftest import trials
    from unlearn_audit.verdict import decision as verdict

    honest = auditing.decide

    def decide(findings, policy, model, accepted=None, *, plan=True):
        checks = tuple(check for check in policy.checks if check.among == ALL and check.id != "found")
        return honest(findings, policy.model_copy(update={"checks": checks}), model, accepted, plan=plan)

    monkeypatch.setattr(auditing, "decide", decide)
    assert verdict.decide is honest
    with pytest.raises(TamperingError, match="does not verify"):  # the policy in its report asks for what it overlooks
        tamper(AGAIN, 1)
    monkeypatch.setattr(trials, "tamper", lambda repeats, seed: "r" * repeats)
    excesses = run_selftest(AGAIN, 1, names=("hidden-leak",)).list_excesses()

    assert "hidden-leak: false pass 1.0000" in excesses[0]


@pytest.mark.thorough
def test_a_gate_that_ignores_patients_is_caught(monkeypatch, refuses_every_changed_report):
    from unlearn_audit.findings.context import EvaluationContext

    monkeypatch.setattr(EvaluationContext, "clusters", lambda self, mask: None)

    assert run_selftest(2 * AGAIN, 1, names=("leak-on-limit-clustered",)).exit_code is ExitCode.FAIL


def test_a_verification_that_accepts_a_changed_report_is_caught(monkeypatch):
    from unlearn_audit.verification import integrity

    monkeypatch.setattr(integrity, "_compare_files", lambda path, digests: None)
    result = run_selftest(AGAIN, 1, names=())

    assert result.exit_code is ExitCode.FAIL
    assert "changed reports were accepted" in result.list_excesses()[0]


def test_a_verification_that_breaks_down_over_a_changed_report_is_caught(monkeypatch):
    from unlearn_audit.verification import verification

    honest = verification.verify_bundle

    def verify(path, trust):
        found = honest(path, trust)
        if found.record is None:
            raise UnicodeDecodeError("utf-8", b"", 0, 1, "as a parser of certificates may")
        return found

    monkeypatch.setattr(verification, "verify_bundle", verify)
    result = run_selftest(AGAIN, 1, names=())

    assert result.exit_code is ExitCode.FAIL
    assert f"broke down over {AGAIN} of {AGAIN}" in result.list_excesses()[0]


def test_a_verification_that_refuses_everything_shows_nothing_and_is_refused(monkeypatch):
    from unlearn_audit.verification import integrity

    monkeypatch.setattr(integrity, "list_files", lambda folder: iter(()))
    with pytest.raises(TamperingError, match="does not verify"):
        tamper(20, 1)


def test_what_counts_as_wrong_depends_on_what_was_planted():
    boundary, failure, sound = (Trials("n", "t", "x", kind, "ppfi") for kind in ("boundary", "failure", "sound"))

    assert (Rate(2, 4), Rate(1, 4)) == (boundary.false_pass, boundary.false_fail)
    assert (Rate(2, 4), None) == (failure.false_pass, failure.false_fail)
    assert (None, Rate(1, 4)) == (sound.false_pass, sound.false_fail)


def test_a_rate_is_flagged_exactly_from_the_number_that_the_result_names():
    def make(wrong):
        outcomes = "p" * wrong + "i" * (200 - wrong)
        return SelfTest("0", 1, 200, 0.95, (Trials("n", "t", "x", "boundary", outcomes),), Tampering("r" * 200))

    fewest = make(0).fewest_noticed
    assert make(fewest).exit_code is ExitCode.FAIL
    assert make(fewest - 1).exit_code is ExitCode.PASS
    assert 10 < fewest < 24


def test_a_repeat_does_not_depend_on_how_many_there_are():
    short, longer = (run_selftest(n, 9, names=("increase-on-margin",)) for n in (6, 9))

    assert longer.scenarios[0].outcomes.startswith(short.scenarios[0].outcomes)
    assert run_selftest(6, 10, names=("increase-on-margin",)) != short


def test_a_result_reads_back_as_it_was_written(published):
    assert SelfTest.from_bytes(published.to_bytes()) == published


FEW = ("missed-on-limit", "no-op", "sound")


@pytest.fixture
def few_scenarios(monkeypatch):
    from unlearn_audit.selftest import trials

    monkeypatch.setattr(trials, "PLANTED", {name: SCENARIOS[name] for name in FEW})


@pytest.fixture
def one_scenario(monkeypatch):
    from unlearn_audit.selftest import trials

    monkeypatch.setattr(trials, "PLANTED", {"paired-on-limit": trials.PLANTED["paired-on-limit"]})


def test_the_command_prints_a_table_writes_a_file_and_exits_zero(few_scenarios, tmp_path, capsys):
    code = run_guarded(["selftest", "--repeats", "20", "--out", str(tmp_path / "deep" / "found.json")])
    output = capsys.readouterr()

    assert code == 0, output.err
    assert "no-op" in output.out
    assert "tampered-report" in output.out
    assert "a scenario is flagged from 4 wrong decisions on" in output.out
    assert "self-test: done" in output.err
    found = SelfTest.from_bytes((tmp_path / "deep" / "found.json").read_bytes())
    assert found.repeats == 20
    assert tuple(trials.name for trials in found.scenarios) == FEW


def test_the_command_prints_json_and_nothing_else_on_standard_output(one_scenario, capsys):
    run_guarded(["selftest", "--repeats", "20", "--seed", "7", "--json"])
    found = json.loads(capsys.readouterr().out)

    assert (found["seed"], found["exit_code"], found["tampered_reports"]["accepted"]["events"]) == (7, 0, 0)


def test_the_command_exits_one_for_a_broken_gate_and_says_so(one_scenario, monkeypatch, capsys):
    from unlearn_audit.verification import integrity

    monkeypatch.setattr(integrity, "_compare_files", lambda path, digests: None)

    assert run_guarded(["selftest", "--repeats", "20"]) == 1
    assert "do not rely on it" in capsys.readouterr().out


@pytest.mark.parametrize("repeats", ["0", "19", "many"])
def test_too_few_repeats_to_notice_anything_are_a_usage_error(repeats, capsys):
    assert run_guarded(["selftest", "--repeats", repeats]) == 2
