"""Keys: populations and operating points are parsed once, and written as they were read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from unlearn_audit.records import ALL, POSITIVE, MetricKey, OperatingPoint, PointKind, Population, PopulationKind

names = st.text("abcdefghij_", min_size=1)
groups = st.builds(Population.of_group, names, st.text("abc ->=<", min_size=1))
extremes = st.builds(
    Population,
    st.sampled_from([PopulationKind.WORST, PopulationKind.HIGHEST, PopulationKind.LOWEST]),
    names,
)
populations = st.sampled_from([ALL, POSITIVE]) | groups | extremes
shares = st.floats(0, 1, exclude_min=True)
points = st.sampled_from([OperatingPoint(PointKind.ARGMAX), OperatingPoint(PointKind.COST_OPTIMAL)]) | st.builds(
    OperatingPoint, st.sampled_from([PointKind.THRESHOLD, PointKind.SENSITIVITY, PointKind.FPR]), shares
)


@given(populations)
def test_a_population_is_read_as_it_is_written(population):
    assert Population.parse(str(population)) == population


@given(points)
def test_an_operating_point_is_read_as_it_is_written(point):
    assert OperatingPoint.parse(str(point)) == point


@pytest.mark.parametrize("text", ["", "some", "sex=", "=female", "worst of ", "best of sex", "All"])
def test_what_names_no_population_is_refused(text):
    with pytest.raises(ValueError, match="expected 'all'"):
        Population.parse(text)


@pytest.mark.parametrize(
    "text", ["", "youden", "argmax 3", "threshold", "threshold x", "threshold 30", "sensitivity 0", "fpr nan"]
)
def test_what_names_no_operating_point_is_refused(text):
    with pytest.raises(ValueError, match="expected 'argmax'"):
        OperatingPoint.parse(text)


def test_the_worst_group_is_decided_by_the_extremes_and_informed_by_the_groups():
    worst, other = Population.parse("worst of sex"), Population.parse("age=old")
    group, highest = Population.parse("sex=female"), Population.parse("highest of sex")

    assert worst.is_decided_by(worst)
    assert worst.is_decided_by(highest)
    assert not worst.is_decided_by(group)
    assert worst.is_informed_by(group)
    assert not worst.is_informed_by(other)
    assert group.is_decided_by(group)
    assert not group.is_informed_by(worst)


@given(populations, points | st.none(), st.none() | names)
def test_a_key_is_the_same_after_it_was_written_and_read(population, point, attack):
    key = MetricKey(metric="m", model="x", among=population, at=point, attack=attack)

    assert MetricKey.model_validate_json(key.model_dump_json()) == key
    assert hash(MetricKey.model_validate_json(key.model_dump_json())) == hash(key)
    assert ("at" in key.model_dump(mode="json")) == (point is not None)


def test_a_key_is_written_in_words_and_read_from_them():
    key = MetricKey(metric="m", model="x", among="sex=female", at="sensitivity .950")

    assert key.model_dump(mode="json") == {"metric": "m", "model": "x", "among": "sex=female", "at": "sensitivity 0.95"}
    with pytest.raises(ValidationError):
        MetricKey(metric="m", model="x", among="everybody")
