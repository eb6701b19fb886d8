"""`policy new`: a dozen answers become a policy that reads, checks and runs; a wrong answer is asked again."""

import pytest
from click.testing import CliRunner

from unlearn_audit.cli.commands import group
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import load_policy

ANSWERS = {
    "kind": "",
    "data": "breast-cytology",
    "positive name": "",
    "id": "",
    "title": "Forgetting in our cytology model",
    "owner": "Safety board",
    "applies_to": 'Device "Cyto": triage # not a comment',
    "intended purpose": "Women with a palpable mass; a cytologist: triage",
    "person": "R. Wong",
    "role": "",
    "model": "",
    "positive": "",
    "negative name": "",
    "prevalence": "0.375",
    "cost": "10",
    "point": "",
    "why": "a second reader sees every negative: aspirate",
    "most missed": "",
    "cases per miss": "50",
    "cluster": "",
    "retrain": "",
}


def ask(path, answers, *options):
    return CliRunner().invoke(
        group, ["policy", "new", str(path), *options], input="\n".join(answers.values()) + "\n", standalone_mode=False
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "Our Policy.yaml"


def test_the_answers_become_a_policy_without_mistakes(path):
    result = ask(path, ANSWERS)

    assert result.return_value == 0, result.output
    policy = load_policy(path, name_known())
    assert policy.id == "our-policy"
    assert policy.applies_to == ANSWERS["applies_to"]
    assert policy.intended_purpose == ANSWERS["intended purpose"]
    assert policy.responsible[0].name == "R. Wong"
    assert policy.task.positive == ("malignant",)
    assert policy.costs.false_negative == 10
    limits = {check.id: check.at_most for check in policy.checks}
    assert limits["risk-ceiling"] == pytest.approx(0.9 * min(0.625, 0.375 * 10), abs=5e-4)
    assert limits["risk-increase"] == 10 / 50
    assert all(check.why for check in policy.checks)


def test_the_reasons_stand_beside_the_numbers_as_comments(path):
    ask(path, ANSWERS)
    written = path.read_text()

    assert "# A ratio of 10 means acting from a probability of 1/11 upwards." in written
    assert "# 10 / 50" in written
    assert written.count("why:") == len(load_policy(path, name_known()).checks)


def test_without_a_retrained_model_no_check_needs_one(path):
    ask(path, ANSWERS | {"retrain": "n"})
    policy = load_policy(path, name_known())

    assert not any(check.against == "retrained" for check in policy.checks)
    assert [c.within for c in policy.checks if c.metric == "membership-auc"] == [(0.45, 0.55), (0.4, 0.6)]
    assert policy.reference_case is not None
    assert not policy.reference_case.retrain


def test_a_cluster_column_is_required_once_it_is_named(path):
    ask(path, ANSWERS | {"cluster": "patient_id"})
    protocol = load_policy(path, name_known()).protocol

    assert (protocol.cluster, protocol.cluster_required) == ("patient_id", True)


@pytest.mark.parametrize(
    ("which", "wrong", "message"),
    [
        ("cost", "many", "expected a number, found 'many'"),
        ("cost", "0", "expected a number from 1 to"),
        ("prevalence", "37.5%", "did you mean 0.375?"),
        ("id", "Our Policy", "lower-case letters, digits and hyphens"),
        ("cluster", "patient id", "the name of a column"),
        ("positive", " , ", "at least one class"),
        ("title", "   ", "an answer is needed"),
        ("owner", "Board\u202e", "printable characters only"),
    ],
)
def test_a_wrong_answer_is_explained_and_asked_again(path, which, wrong, message):
    answers = {}
    for name, answer in ANSWERS.items():
        if name == which:
            answers["wrong"] = wrong
        answers[name] = answer
    result = ask(path, answers)

    assert message in result.output
    assert result.return_value == 0, result.output


def test_a_file_that_is_there_is_not_replaced_unasked(run_here, path):
    path.write_text("mine")
    code, _, err = run_here("policy", "new", path)

    assert (code, path.read_text()) == (2, "mine")
    assert "--force" in err
    assert ask(path, ANSWERS, "--force").return_value == 0


def test_an_interview_that_is_broken_off_writes_nothing(path):
    result = CliRunner().invoke(group, ["policy", "new", str(path)], input="trained here\nbreast-cytology\n")

    assert result.exit_code != 0
    assert not path.exists()


def test_an_interview_that_is_broken_off_goes_on_from_where_it_was(path):
    first = dict(list(ANSWERS.items())[:7])
    CliRunner().invoke(group, ["policy", "new", str(path)], input="\n".join(first.values()) + "\n")
    kept = path.with_name(path.name + ".answers.yaml")
    assert 'title: "Forgetting in our cytology model"' in kept.read_text()
    rest = {name: answer for name, answer in ANSWERS.items() if name not in first}
    result = ask(path, rest)

    assert result.return_value == 0, result.output
    assert load_policy(path, name_known()).title == ANSWERS["title"]
    assert not kept.exists()


FLAGS = {
    "kind": "predictions", "positive_name": "malignant", "id": "ours", "title": "T", "owner": "O", "applies_to": "A",
    "intended_purpose": "I",
    "person": "P", "role": "R", "positive": "malignant", "negative_name": "benign", "prevalence": "0.2",
    "false_negative": "20", "point": "cost-optimal", "rationale": "W", "most_missed": "0.1", "cases_per_miss": "200",
    "cluster": "none", "retrain": "no",
}  # fmt: skip


def test_answers_come_from_flags_or_a_file_and_nothing_is_asked(run_here, path, tmp_path):
    flags = [word for key, answer in FLAGS.items() for word in ("--answer", f"{key}={answer}")]
    assert run_here("policy", "new", path, *flags)[0] == 0
    (tmp_path / "answers.yaml").write_text("\n".join(f'{key}: "{answer}"' for key, answer in FLAGS.items()))
    assert run_here("policy", "new", tmp_path / "b.yaml", "--answers", tmp_path / "answers.yaml")[0] == 0

    assert path.read_text() == (tmp_path / "b.yaml").read_text()


def test_for_predictions_nothing_is_trained_or_remedied(run_here, path):
    run_here("policy", "new", path, *[word for key, a in FLAGS.items() for word in ("--answer", f"{key}={a}")])
    policy = load_policy(path, name_known())

    assert policy.reference_case is None
    assert policy.remediation == ()
    assert tuple(map(str, policy.task.operating_points)) == ("cost-optimal", "argmax")


def test_an_answer_that_nothing_asks_for_is_refused(run_here, path):
    code, _, err = run_here("policy", "new", path, "--answer", "colour=red")

    assert code == 2
    assert "no question is called 'colour'" in err


def test_data_sets_and_their_classes_are_listed_before_they_are_asked_about(path):
    output = ask(path, ANSWERS).output

    assert output.index("Wisconsin Diagnostic Breast Cancer") < output.index("Data set")
    assert "Its classes: malignant, benign" in output


@pytest.mark.slow
def test_a_drafted_policy_runs(run_here, path, tmp_path):
    """The whole way: what was drafted audits the embedded data."""
    ask(path, ANSWERS)
    quick = path.read_text().replace("epochs: 200", "epochs: 5")
    path.write_text(quick)
    code, out, _ = run_here("run", "--policy", path, "--out", tmp_path / "out", "--no-remedy")

    assert code in {0, 1, 3}, out
    assert (tmp_path / "out" / "report.html").is_file()
