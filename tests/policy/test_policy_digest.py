"""The digest is of what the policy says: not of its layout, and of every letter that changes its meaning."""

import json
from io import StringIO

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.support.policy_tables import KNOWN, SMALL, survives
from unlearn_audit.policy import Policy, parse_policy
from unlearn_audit.records import to_canonical_json

PLAIN = YAML(typ="safe", pure=True).load(SMALL)
DIGEST = parse_policy(SMALL, "p.yaml", KNOWN).digest()


def shuffle(value, draw):
    if isinstance(value, dict):
        keys = draw(st.permutations(list(value)))
        return {key: shuffle(value[key], draw) for key in keys}
    return [shuffle(item, draw) for item in value] if isinstance(value, list) else value


def write(value, *, flow):
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    yaml.sort_base_mapping_type_on_output = False
    out = StringIO()
    yaml.dump(value, out)
    return out.getvalue()


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_order_of_keys_layout_and_comments_do_not_matter(data):
    text = write(shuffle(PLAIN, data.draw), flow=data.draw(st.booleans()))
    comment = data.draw(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
    assert parse_policy(f"# {comment}\n{text}", "p.yaml", KNOWN).digest() == DIGEST


def test_json_is_yaml(read):
    assert read(json.dumps(PLAIN, indent=2)).digest() == DIGEST


def test_defaults_written_out_do_not_matter(read, small):
    assert read(small.replace("  confidence: 0.95", "  confidence: 0.95\n  seed: 20260423")).digest() == DIGEST


def test_a_whole_number_and_the_same_with_a_point_do_not_differ(read, small):
    assert read(small.replace("false_negative: 20", "false_negative: 20.0")).digest() == DIGEST


def test_every_tolerance_matters(read, small):
    assert read(small.replace("at_most: 0.1", "at_most: 0.1000001")).digest() != DIGEST


def test_every_reason_matters(read, small):
    assert read(small.replace("why: Safety", "why: Safety!")).digest() != DIGEST


def test_a_policy_survives_its_record(read, small):
    """A record carries the policy as JSON: read back, it is the same policy."""
    policy = read(small)
    content = to_canonical_json(policy.model_dump(mode="json"))
    assert Policy.model_validate_json(content) == policy
    assert Policy.model_validate_json(content).digest() == policy.digest()


def test_a_policy_written_as_json_is_a_policy_file(read, small):
    policy = read(small)
    assert read(policy.model_dump_json(exclude_none=True)) == policy


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text):
    assert survives(text)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, len(SMALL) - 1), st.integers(1, 12), st.sampled_from(["", "[", "{", "*", ": ", "'", "-", "\t", "3"])
)
def test_no_damage_to_a_policy_breaks_the_reader(start, length, patch):
    assert survives(SMALL[:start] + patch + SMALL[start + length :])
