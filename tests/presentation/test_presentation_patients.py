"""Each erased record in the report: a sentence that a clinician understands, both controls, a figure without names."""

import base64

import pytest

from tests.support.record_factory import make_record
from unlearn_audit.formats.html import render_html
from unlearn_audit.presentation.page import present
from unlearn_audit.records import (
    NEGATIVE,
    POSITIVE,
    Curve,
    CurveKind,
    Direction,
    Estimate,
    Finding,
    Interval,
    MetricKey,
    Population,
    Power,
    Unit,
    quote_text,
)


def make(metric, value, *, model="unlearned", among="all", unit=Unit.SCORE, n=60, not_run=None, **given):
    estimate = None if not_run else Estimate(value=value, unit=unit, n=n, **given)
    return Finding(
        key=MetricKey(
            metric=metric,
            model=model,
            among=Population.parse(among),
            against="original" if metric == "disclosure" else None,
        ),
        title=metric,
        estimate=estimate,
        not_run=None if not_run is None else quote_text(not_run),
        direction=Direction.DESCRIPTIVE,
        source="tests",
    )


def count(value, n=60, **given):
    return make("recognised-records", float(value), unit=Unit.COUNT, n=n, events=value, **given)


def draw(model, positive, negative):
    curves = []
    for among, values in ((POSITIVE, positive), (NEGATIVE, negative)):
        x = tuple(sorted(values))
        key = MetricKey(metric=P, model=model, among=among)
        curves.append(Curve(kind=CurveKind.RECORD_RECOGNITION, key=key, x=x, y=(4.0,) * len(x)))
    return curves


POWER = Power(value=0.91, low=0.88, needed=0.8, shift=3, records=1)
P = "worst-record-recognition"


def view(*findings, curves=()):
    record = make_record()
    return present(
        record.model_copy(update={"findings": (*record.findings, *findings), "curves": (*record.curves, *curves)})
    )


@pytest.mark.parametrize(
    ("found", "malignant", "sentence"),
    [
        (3, 3, "3 of 60 erased records are still recognised by models made as this one was; all 3 are malignant."),
        (2, 2, "2 of 60 erased records are still recognised by models made as this one was; both are malignant."),
        (1, 1, "1 of 60 erased records is still recognised by models made as this one was; it is malignant."),
        (1, 0, "1 of 60 erased records is still recognised by models made as this one was; none of them is malignant."),
        (5, 4, "5 of 60 erased records are still recognised by models made as this one was; 4 of them are malignant."),
    ],
)
def test_page_one_counts_who_is_still_recognised(found, malignant, sentence):
    assert view(count(found), count(malignant, 22, among="positive")).patients_in_brief == sentence


def test_page_one_says_patients_where_the_data_say_whose_record_it_is():
    patients = make("recognised-patients", 2.0, unit=Unit.COUNT, n=31, events=2)

    assert view(count(3), patients).patients_in_brief.startswith("2 of 31 erased patients are still recognised")


def test_silence_is_said_with_what_it_would_have_heard():
    found = view(count(0), make(P, 0.6, unit=Unit.P_VALUE, power=POWER)).patients_in_brief

    assert found.startswith("None of 60 erased records stands out to models made as this one was.")
    assert "91 % of audits like this find it" in found


def test_silence_without_power_is_not_sold_as_proof():
    assert view(count(0), make(P, 0.6, unit=Unit.P_VALUE)).patients_in_brief.endswith(
        "How surely one would have been found was not asked for."
    )


def test_what_was_not_run_is_said_with_its_reason():
    found = view(make("recognised-records", 0.0, not_run="needs reference models, the evidence has none"))

    assert found.patients_in_brief.endswith("was not tested: needs reference models, the evidence has none.")


def test_a_record_of_before_says_that_nothing_was_tested():
    found = view()

    assert found.patients_in_brief is None
    assert found.patients_figure is None
    assert "This was not tested: there are no pairs of reference models." in render_html(make_record())


def test_both_controls_are_named_and_a_broken_one_is_called_so():
    sentences = view(
        count(0),
        make(P, 0.7, unit=Unit.P_VALUE, model="original"),
        make(P, 0.7, unit=Unit.P_VALUE, model="retrained"),
    ).patients.sentences

    assert "Control, original models, which remember: the test finds nobody (p = 0.7), which it must not: do not rely on this test here." in sentences  # fmt: skip # noqa: E501
    assert "Control, retrained models, which cannot remember: the test finds nobody (p = 0.7), as it must." in sentences


def test_an_outlier_checkpoint_is_called_so():
    interval = Interval(low=0.4, high=0.6, confidence=0.95, method=quote_text("tests"), sides="two")
    sentences = view(count(0), make("checkpoint-spread", 0.9, unit=Unit.AUC, interval=interval)).patients.sentences

    assert any("an outlier among the models that this procedure makes" in sentence for sentence in sentences)


def test_the_figure_says_in_words_what_it_shows_and_has_a_mark_for_each():
    curves = [
        *draw("original", [20.0, 1.0], [0.5]),
        *draw("unlearned", [-9.0, 2.0], [0.1]),
        *draw("retrained", [1.0], []),
    ]
    found = view(count(1), count(1, 2, among="positive"), curves=curves).patients_figure

    svg = base64.b64decode(found.uri.split(",")[1]).decode()
    assert svg.count("<circle") == 3
    assert svg.count('fill="#d55e00"') == 3
    assert "SalUn (audited): 1 of 60, 1 of 2 malignant" in found.alt


def test_many_records_are_drawn_as_bars_and_those_recognised_as_marks():
    curves = draw("unlearned", [*(i / 500 for i in range(1000)), 9.0, 10.0], [0.5])
    svg = base64.b64decode(view(count(2), curves=curves).patients_figure.uri.split(",")[1]).decode()

    assert svg.count("<polygon") == 3
    assert len(svg) < 40_000


def test_a_record_with_hostile_curves_still_draws():
    key = MetricKey(metric=P, model="unlearned", among=POSITIVE)
    curves = [Curve(kind=CurveKind.RECORD_RECOGNITION, key=key, x=(1e6, -1e6, 0.0), y=())]

    assert view(count(0), curves=curves).patients_figure is not None
