"""Acceptances: a waiver counts for the one model, policy and range of versions that it names, and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.record_factory import make_policy, make_provenance
from tests.support.waived_records import POLICY_SHA256, SIGNER, make_waiver
from unlearn_audit.policy import Acceptances
from unlearn_audit.policy.acceptances import explain_unbound, find_model_digest
from unlearn_audit.records import Signer, WaiverSeal

SEAL = WaiverSeal(envelope="{}", granted="2026-01-01T00:00:00Z", signer=Signer(**SIGNER))
PROVENANCE = make_provenance().model_copy(update={"waiver_seal": SEAL})
WAIVER = make_waiver("ranking")
OTHER = "1" * 64


def explain(provenance=PROVENANCE, policy_digest=POLICY_SHA256, **changes):
    found = explain_unbound(WAIVER.model_copy(update=changes), provenance, policy_digest)
    return found.code if found else None


def test_a_waiver_that_names_what_is_audited_is_bound():
    assert explain() is None
    assert explain(provenance=make_provenance(), policy_digest=None, policy_sha256=None) is None  # in the policy


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model_sha256": OTHER}, "waiver-bound-elsewhere"),
        ({"model_sha256": None}, "waiver-bound-elsewhere"),
        ({"policy_sha256": OTHER}, "waiver-bound-elsewhere"),
        ({"policy_sha256": None}, "waiver-bound-elsewhere"),
        ({"versions": None}, "waiver-of-other-version"),
        ({"versions": ">=99"}, "waiver-of-other-version"),
        ({"provenance": make_provenance()}, "waiver-unsigned"),
        ({"provenance": PROVENANCE.model_copy(update={"version": "unknown"})}, "waiver-of-other-version"),
    ],
)
def test_one_that_names_another_or_none_is_not_and_nor_is_an_unsigned_file(changes, code):
    assert explain(**changes) == code


@given(model=st.sampled_from([None, OTHER, "own"]), versions=st.sampled_from([None, ">=0", "==99.*"]),
       policy=st.sampled_from([None, OTHER, POLICY_SHA256]), signed=st.booleans())  # fmt: skip
def test_only_a_waiver_bound_in_every_way_is_ever_in_force(model, versions, policy, signed):
    own = find_model_digest(PROVENANCE)
    names = {"model_sha256": own if model == "own" else model, "versions": versions, "policy_sha256": policy}
    waiver = WAIVER.model_copy(update=names)
    made = PROVENANCE.model_copy(update={"waivers": (waiver,), "waiver_seal": SEAL if signed else None})
    (granted,) = Acceptances.of(make_policy(), made, "unlearned").granted
    assert (granted.unbound is None) == ((model, versions, policy, signed) == ("own", ">=0", POLICY_SHA256, True))


def test_predictions_are_named_by_the_digest_of_their_files():
    cards = tuple(card.model_copy(update={"sha256": None}) for card in PROVENANCE.models)
    made = PROVENANCE.model_copy(update={"models": cards})
    assert find_model_digest(made) == made.data.sha256
