"""A case file: what differs from the policy's reference case, refused with the same care as a policy."""

import pytest

from tests.support.policy_tables import KNOWN
from unlearn_audit.errors import PolicyError
from unlearn_audit.policy import InvalidPolicyError, load_case

CASE = """\
schema: unlearn-audit/case/v1
name: Request 2026-17
data: skin.npz
forget: ids.csv
unlearn:
  method: salun
  parameters: {keep: 0.5}
compare:
  - method: retrain
retrain: true
"""


@pytest.fixture
def load(tmp_path):
    def read(text):
        path = tmp_path / "case.yaml"
        path.write_text(text)
        return load_case(path, KNOWN)

    return read


def test_a_case_says_what_differs(load):
    case = load(CASE)

    assert (case.name, case.data, case.forget) == ("Request 2026-17", "skin.npz", "ids.csv")
    assert case.unlearn.parameters == {"keep": 0.5}
    assert case.recipe is None


def test_a_share_is_a_number(load):
    assert load(CASE.replace("ids.csv", "0.5")).forget == 0.5


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("compare:", "compair:", "did you mean 'compare'?"),
        ("method: salun", "method: sallun", "did you mean 'salun'?"),
        ("keep: 0.5", "kep: 0.5", "unlearn.parameters.kep"),
        ("keep: 0.5", "keep: 50", "unlearn.parameters.keep"),
        ("  - method: retrain", "  - method: retrain\n  - method: retrain", "retrain more than once"),
        ("case/v1", "case/v9", "schema"),
    ],
)
def test_mistakes_are_refused_with_their_place(load, old, new, words):
    assert old in CASE

    with pytest.raises(InvalidPolicyError) as caught:
        load(CASE.replace(old, new))

    assert words in str(caught.value)
    assert "case.yaml:" in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_something_else_is_refused(load, text):
    with pytest.raises(InvalidPolicyError):
        load(text)


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(PolicyError, match="expected a case"):
        load_case(tmp_path / "none.yaml", KNOWN)
