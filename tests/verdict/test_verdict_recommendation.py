"""The next step follows from the outcomes that count against the audited model, and from nothing else."""

from types import SimpleNamespace

import pytest

from unlearn_audit.records import Outcome, Verdict
from unlearn_audit.verdict.recommendation import recommend

CHANGE, COLLECT, BRING = "change-unlearning", "collect-test-records", "bring-what-is-missing"
PROVENANCE = SimpleNamespace(models=[SimpleNamespace(name="unlearned", role="unlearned", title="SalUn")], searches=())


def check(outcome, *, required=True, is_waived=False):
    return SimpleNamespace(outcome=outcome, required=required, is_waived=is_waived)


def advise(*checks, outcome):
    verdict = Verdict.model_construct(model="unlearned", outcome=outcome, checks=checks, reasons=(), confidence=0.95)
    return [message.code for message in recommend([verdict], PROVENANCE).advice[1:]]


@pytest.mark.parametrize(
    ("outcomes", "verdict", "steps"),
    [
        ([Outcome.FAIL, Outcome.PASS], Outcome.FAIL, [CHANGE]),
        ([Outcome.INCONCLUSIVE, Outcome.FAIL], Outcome.FAIL, [CHANGE, COLLECT]),
        ([Outcome.INCONCLUSIVE], Outcome.INCONCLUSIVE, [COLLECT]),
        ([Outcome.NOT_RUN, Outcome.PASS], Outcome.INCONCLUSIVE, [BRING]),
        ([Outcome.NOT_RUN, Outcome.INCONCLUSIVE], Outcome.INCONCLUSIVE, [COLLECT, BRING]),
    ],
)
def test_each_outcome_that_stands_in_the_way_has_its_step(outcomes, verdict, steps):
    assert advise(*map(check, outcomes), outcome=verdict) == steps


def test_checks_that_do_not_count_give_no_advice():
    counted = check(Outcome.NOT_RUN)
    others = (check(Outcome.FAIL, required=False), check(Outcome.INCONCLUSIVE, is_waived=True))
    assert advise(counted, *others, outcome=Outcome.INCONCLUSIVE) == [BRING]
