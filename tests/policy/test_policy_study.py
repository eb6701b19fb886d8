"""The study file: each mistake by its line, in one go; the shipped ones are read as they are."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from unlearn_audit.cli.commands import group
from unlearn_audit.errors import PolicyError, UsageError
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import InvalidPolicyError, StudyFile, find_policy, load_policy, load_study
from unlearn_audit.study.summary import validate_measures

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted((ROOT / "studies").glob("*.yaml"))
TEXT = """\
schema: unlearn-audit/study/v1
id: trial
title: A trial
policy: breast-cytology
seeds: [1, 2, 3]
cells:
  - forget: 0.2
    models:
      - {name: fine, title: Fine, method: fine-tune, parameters: {epochs: 1}}
      - {name: salun, title: SalUn, method: salun}
  - forget: 0.5
    models:
      - {name: fine, title: Fine, method: fine-tune}
      - {name: other, title: Other, method: fine-tune}
relearning: {of: [salun]}
references: {models: 4, seeds: [1], of: [salun], attacks: [u-lira]}
claims:
  - {says: Yes., source: S, measure: fnr, model: fine, than: original, expected: higher}
"""
KNOWN = name_known()


@pytest.fixture
def read(tmp_path):
    def load(text):
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return load_study(path, KNOWN)

    return load


def test_the_text_is_a_study(read):
    study = read(TEXT)

    assert [cell.forget for cell in study.cells] == [0.2, 0.5]
    assert study.references.attacks == ("u-lira",)
    assert (study.cost_ratio, study.relearning.epochs) == (5, 5)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_shipped_study_is_read_and_its_claims_can_be_answered(path):
    study = load_study(path, KNOWN)

    assert study.id == path.stem
    validate_measures(study, load_policy(find_policy(study.policy), KNOWN))


def test_there_are_shipped_studies():
    assert {"cytology", "skin"} <= {path.stem for path in STUDIES}


LAST = "".join(TEXT.splitlines(keepends=True)[12:14])
MISTAKES = {
    "no models": (f"    models:\n{LAST}", "    models: []\n", 12, "models"),
    "no seeds": ("seeds: [1, 2, 3]", "seeds: []", 5, "seeds"),
    "no cells": (TEXT[TEXT.index("cells:") : TEXT.index("relearning")], "cells: []\n", 6, "cells"),
    "a seed twice": ("[1, 2, 3]", "[1, 2, 1]", 5, "'1' again"),
    "a negative seed": ("[1, 2, 3]", "[1, -2]", 5, "seeds[1]"),
    "a share twice": ("forget: 0.5", "forget: 0.2", 11, "'0.2' again"),
    "shares with one file name": ("forget: 0.5", "forget: 0.20000001", 11, "'0.2' again"),
    "a share above one": ("forget: 0.5", "forget: 20", 11, "forget"),
    "a share of a class above one": ("forget: 0.5", "forget: {malignant: 5}", 11, "one for each class"),
    "no shares": ("forget: 0.5", "forget: {}", 11, "one for each class"),
    "a name twice": ("name: other", "name: fine", 14, "'fine' again"),
    "a title twice": ("title: Other", "title: Fine", 14, "'Fine' again"),
    "a name that is taken": ("name: other", "name: original", 14, "a name that is not taken"),
    "the name of a relearned copy": ("name: other", "name: relearned-fine", 14, "a name that is not taken"),
    "an unknown method": ("method: salun}", "method: salum}", 10, "did you mean 'salun'?"),
    "an unknown parameter": ("{epochs: 1}", "{epoch: 1}", 9, "epoch"),
    "a wrong parameter": ("{epochs: 1}", "{epochs: -1}", 9, "epochs"),
    "a path as a parameter": ("{epochs: 1}", "{epochs: ../x}", 9, "epochs"),
    "relearning of nobody": ("relearning: {of: [salun]}", "relearning: {of: [salum]}", 15, "did you mean 'salun'?"),
    "relearning twice": ("relearning: {of: [salun]}", "relearning: {of: [salun, salun]}", 15, "'salun' again"),
    "relearning without end": ("{of: [salun]}", "{of: [salun], epochs: 100000}", 15, "epochs"),
    "references of an unknown model": ("of: [salun], attacks", "of: [nobody], attacks", 16, "a model of this study"),
    "references of a foreign seed": ("seeds: [1],", "seeds: [4],", 16, "a seed of this study"),
    "an odd number of references": ("models: 4", "models: 5", 16, "models"),
    "an unknown attack": ("[u-lira]", "[u-liar]", 16, "did you mean 'u-lira'?"),
    "an attack twice": ("[u-lira]", "[u-lira, u-lira]", 16, "'u-lira' again"),
    "a claim on an unknown model": ("model: fine, than", "model: fein, than", 18, "did you mean 'fine'?"),
    "a claim on itself": ("than: original", "than: fine", 18, "another model"),
    "a claim that no cell can answer": ("fine, than: original", "salun, than: other", 18, "a cell that has 'salun'"),
    "a margin below zero": ("expected: higher}", "expected: higher, margin: -0.1}", 18, "margin"),
    "a claim of no direction": ("expected: higher", "expected: better", 18, "expected"),
    "an unknown key": ("title: A trial", "titel: A trial", 3, "title"),
    "another schema": ("study/v1", "policy/v1", 1, "schema"),
    "a ratio of zero": ("seeds: [1, 2, 3]", "seeds: [1, 2, 3]\ncost_ratio: 0", 6, "cost_ratio"),
    "a number in quotes": ("forget: 0.5", 'forget: "0.5"', 11, "forget"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_named_with_its_line(read, name):
    old, new, line, message = MISTAKES[name]
    assert TEXT.count(old) >= 1
    text = new.join(TEXT.rsplit(old, 1))

    with pytest.raises(InvalidPolicyError) as caught:
        read(text)

    problems = caught.value.problems
    assert [problem.line for problem in problems] == [line], caught.value.message
    assert message in caught.value.message


MODEL = {"name": "a", "title": "A", "method": "salun"}
ENDLESS = {
    "seeds": (list(range(1_001)), "1 to 1,000 entries"),
    "notes": (["A note."] * 101, "0 to 100 entries"),
    "cells": ([{"forget": (i + 1) / 100, "models": [MODEL]} for i in range(17)], "1 to 16 entries"),
    "models": ([MODEL | {"name": f"m{i}", "title": f"M{i}"} for i in range(65)], "1 to 64 entries"),
}


@pytest.mark.parametrize("key", ENDLESS)
def test_endless_lists_are_refused(read, key):
    many, expected = ENDLESS[key]
    study = {"schema": "unlearn-audit/study/v1", "id": "a", "title": "A", "policy": "p", "seeds": [1]}
    study["cells"] = [{"forget": 0.2, "models": many if key == "models" else [MODEL]}]

    with pytest.raises(InvalidPolicyError, match=f"expected a list of {expected}, .*found a list of {len(many)}"):
        read(json.dumps(study if key == "models" else study | {key: many}))


def test_all_mistakes_are_named_at_once(read):
    text = TEXT.replace("method: salun}", "method: salum}").replace("seeds: [1],", "seeds: [9],")

    with pytest.raises(InvalidPolicyError) as caught:
        read(text.replace("than: original", "than: nobody"))

    assert [problem.line for problem in caught.value.problems] == [10, 16, 18]


@pytest.mark.parametrize("text", ["", "[]", "just words", "a: [", "\x00"])
def test_what_is_no_study_is_one_clear_message(read, text):
    with pytest.raises(InvalidPolicyError):
        read(text)


def test_a_file_that_is_not_there_is_one_clear_message(tmp_path):
    with pytest.raises(PolicyError, match="expected a study at"):
        load_study(tmp_path / "absent.yaml", KNOWN)


def test_a_study_from_python_is_held_to_the_same_rules(read):
    fields = json.loads(json.dumps(read(TEXT).model_dump(mode="json", by_alias=True)))
    assert StudyFile.model_validate_json(json.dumps(fields)) == read(TEXT)
    fields["seeds"] = [1, 1]

    with pytest.raises(ValueError, match="each seed once"):
        StudyFile.model_validate_json(json.dumps(fields))


def test_a_claim_on_an_unknown_measure_is_refused_with_the_nearest_one(read):
    study = read(TEXT.replace("measure: fnr", "measure: fnr-at-frp"))

    with pytest.raises(UsageError, match="expected a measure of this study, found 'fnr-at-frp'") as caught:
        validate_measures(study, load_policy(find_policy("breast-cytology"), KNOWN))

    assert caught.value.hint == "did you mean 'fnr-at-fpr'?"


def test_a_claim_on_relearning_needs_relearning(read):
    study = read(TEXT.replace("measure: fnr", "measure: relearned-all").replace("relearning: {of: [salun]}\n", ""))

    with pytest.raises(UsageError, match="relearned-all"):
        validate_measures(study, load_policy(find_policy("breast-cytology"), KNOWN))


def test_the_schema_is_one_and_fits_the_shipped_studies():
    from ruamel.yaml import YAML

    found = CliRunner().invoke(group, ["schema", "study"])
    schema = json.loads(found.output)

    Draft202012Validator.check_schema(schema)
    for path in STUDIES:
        Draft202012Validator(schema).validate(YAML(typ="safe").load(path.read_text("utf-8")))
    assert all("description" in part for part in schema["$defs"]["StudyReferences"]["properties"].values())
