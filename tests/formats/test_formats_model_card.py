"""Metadata for a model card: read by Hugging Face's own library, and never better than the verdict."""

import pytest

from tests.support.pipeline_records import HOSTILE, SOURCES, make_check, with_checks, with_every_outcome, with_text
from tests.support.record_factory import make_record
from tests.support.waived_records import make_whole
from unlearn_audit.formats.model_card import render_model_card
from unlearn_audit.records import Outcome, digest_of

hub = pytest.importorskip("huggingface_hub")


def read(record):
    card = hub.ModelCard(render_model_card(record, SOURCES), ignore_metadata_errors=False)
    return card, card.data.eval_results


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS])
def test_the_verdict_comes_first_as_a_word_and_as_a_tag(outcome):
    record = with_checks(make_check(outcome), outcome=outcome)
    card, results = read(record)

    assert (results[0].metric_type, results[0].metric_value) == ("unlearning-audit-verdict", outcome.value)
    assert results[0].metric_args["record_sha256"] == digest_of(record.to_bytes())
    assert f"unlearning-audit-{outcome.value}" in card.data.tags
    assert f"Unlearning audit: {outcome.label.upper()}" in card.text


def test_a_pass_that_rests_on_waivers_does_not_read_as_a_pass():
    card, results = read(make_whole())

    assert results[0].metric_value == "pass-with-waivers"
    assert "unlearning-audit-pass" not in card.data.tags
    waived = next(result for result in results if result.metric_name.startswith("ranking"))
    assert (waived.metric_args["outcome"], waived.metric_args["waived"]) == ("fail", True)


def test_each_check_has_its_value_bounds_tolerance_and_outcome():
    record = with_every_outcome()
    _, results = read(record)

    assert len(results) == 1 + len(record.verdict.checks)
    for check, result in zip(record.verdict.checks, results[1:], strict=True):
        args = result.metric_args
        assert args["outcome"] == check.outcome.value
        assert result.metric_name.endswith(f"{check.outcome.label}{check.standing}")
        assert args["at_most"] == check.limit.at_most
        if check.estimate is None:
            assert result.metric_value == "not_run"
            assert "low" not in args
        else:
            bounds = check.estimate.bounds
            assert (result.metric_value, args["low"], args["high"]) == (check.estimate.value, bounds.low, bounds.high)


def test_it_says_which_model_and_data_and_that_a_test_key_proves_nothing():
    record = make_record()
    card, results = read(record)

    assert card.data.model_name == "SalUn"
    assert results[0].dataset_name == record.provenance.data.name
    assert results[0].dataset_args == {"sha256": record.provenance.data.sha256}
    assert results[0].metric_args["test_key"] is (record.provenance.signer is None)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_of_a_policy_ends_the_metadata_or_makes_the_verdict_another(text):
    card, results = read(with_text(f"a\n---\n{text}"))

    assert results[0].metric_value == "fail"
    assert len(results) == 1 + len(Outcome)
    assert set(card.data.to_dict()) == {"tags", "model-index"}
