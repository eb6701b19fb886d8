"""The policies that come with the product: valid, found by name, and honest in their words."""

import jsonschema
import pytest
from ruamel.yaml import YAML

from unlearn_audit.data import DATASETS
from unlearn_audit.errors import PolicyError
from unlearn_audit.methods import METHODS
from unlearn_audit.models import MODELS
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import KnownNames, Policy, export_schema, find_policy, list_policies, load_policy
from unlearn_audit.records import ALL, NEGATIVE, POSITIVE

NAMES = ("breast-cytology", "breast-ultrasound", "dermatology", "histopathology")


@pytest.fixture(params=NAMES)
def path(request):
    return find_policy(request.param)


def plain(path):
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def test_four_policies_are_shipped():
    assert tuple(list_policies()) == NAMES


def test_a_shipped_policy_has_no_mistake(path):
    policy = load_policy(path, name_known())
    assert policy.id == path.stem
    assert policy.reference_case is not None


def test_a_shipped_policy_names_what_the_product_has(path):
    """Methods with their parameters, data sets and models as the product's own tables hold them."""
    methods = {name: METHODS[name].parameters for name in METHODS}
    known = KnownNames(methods=methods, datasets=frozenset(DATASETS), models=frozenset(MODELS))
    assert load_policy(path, known).id == path.stem


def test_a_shipped_policy_fits_the_schema_for_editors(path):
    jsonschema.Draft202012Validator(export_schema()).validate(plain(path))
    jsonschema.Draft202012Validator(export_schema(name_known())).validate(plain(path))


def test_a_shipped_policy_marks_every_invented_name_as_an_example(path):
    policy = load_policy(path, name_known())
    people = [text for person in policy.responsible for text in (person.name, person.role)]
    for text in (policy.title, policy.owner, policy.applies_to, *people):
        assert text.startswith("Example: ")


def test_a_shipped_policy_gives_a_reason_for_every_tolerance(path):
    for check in load_policy(path, name_known()).checks:
        assert len(check.why.split()) >= 12, check.id


def test_a_shipped_policy_tries_the_recommended_remediation_first_and_retraining_last(path):
    """Where single records are tested, each remedy asks for more power: there retraining is the reference alone."""
    policy = load_policy(path, name_known())
    tried = [choice.method for choice in policy.remediation]
    last = [] if policy.membership.recognition else ["retrain"]
    assert tried == ["salun-cra", "warm-restart", *last]


def test_a_shipped_policy_looks_at_the_malignant_records_by_themselves(path):
    checks = load_policy(path, name_known()).checks
    about = ("membership", "paired-recognition")
    assert any(c.required and c.among == POSITIVE and c.metric.startswith(about) for c in checks)


def test_a_policy_with_reference_models_asks_for_single_records_and_by_class():
    """Over all records a method fits whose malignant and benign records cancel."""
    policy = load_policy(list_policies()["breast-cytology"], name_known())
    required = {(c.metric, c.among) for c in policy.checks if c.required}

    assert policy.membership.references.models >= 12
    assert {("paired-recognition", among) for among in (ALL, POSITIVE, NEGATIVE)} <= required
    assert ("worst-record-recognition", ALL) in required


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_is_found_by_bare_name_and_by_the_path_it_has_in_a_checkout(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_policy(name) == find_policy(f"policies/{name}.yaml") == list_policies()[name]


def test_a_file_comes_before_a_shipped_policy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    own = tmp_path / "policies" / "dermatology.yaml"
    own.write_text("own", encoding="utf-8")
    assert find_policy("policies/dermatology.yaml").read_text(encoding="utf-8") == "own"


@pytest.mark.parametrize("wanted", ["elsewhere/dermatology.yaml", "dermatology.yaml", "/policies/dermatology.yaml"])
def test_a_path_to_another_folder_never_falls_back_to_a_shipped_policy(wanted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError) as caught:
        find_policy(wanted)
    assert caught.value.hint == "did you mean 'dermatology'?"


def test_a_name_that_nothing_is_like_lists_what_is_shipped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError) as caught:
        find_policy("qqq")
    assert caught.value.hint == f"shipped: {', '.join(NAMES)}"


def test_a_folder_is_no_policy(tmp_path):
    with pytest.raises(PolicyError, match="found a folder"):
        find_policy(str(tmp_path))


def test_the_schema_is_one_of_2020_12_and_describes_every_field():
    schema = export_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for definition in (schema, *schema["$defs"].values()):
        for name, field in definition["properties"].items():
            assert "description" in field or "$ref" in field, (definition["title"], name)


def test_the_schema_lists_the_names_of_the_tables_for_completion():
    properties = export_schema(name_known())["$defs"]["Check"]["properties"]
    assert "newly-missed-rate" in properties["metric"]["enum"]
    assert "enum" not in export_schema(KnownNames())["$defs"]["Check"]["properties"]["metric"]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("protocol", "confidence", 95), ("costs", "false-negative", 20), ("task", "operating_points", ["threshold 0"])],
)
def test_the_schema_refuses_what_the_reader_refuses(section, key, value):
    data = plain(find_policy("breast-cytology"))
    data[section][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(export_schema()).validate(data)


def test_the_schema_demands_exactly_one_limit():
    data = plain(find_policy("breast-cytology"))
    data["checks"][0]["at_least"] = 0.1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(export_schema()).validate(data)


def test_the_title_says_the_version_of_the_format():
    assert export_schema()["properties"]["schema"]["const"] == Policy.model_fields["schema_"].annotation.__args__[0]
