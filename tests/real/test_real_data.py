"""The shipped policies on real data, where this machine has it (../shared/data beside the checkout)."""

from pathlib import Path

import pytest

from unlearn_audit.auditing import judge, name_known, run_audit
from unlearn_audit.cases import CaseRequest
from unlearn_audit.policy import CaseFile, MethodChoice, Recipe, find_policy, load_policy
from unlearn_audit.records import Outcome

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def audit(tmp_path):
    def run(policy_name, file, case=None):
        if not (DATA / file).is_file():
            pytest.skip(f"{file} is not in ../shared/data beside the checkout")
        policy = load_policy(find_policy(policy_name), name_known())
        request = CaseRequest(
            created="2026-01-02T03:04:05Z",
            cache=tmp_path,
            data=DATA / file,
            case=case,
            remedy=case is None,
            threads=1,
            offline=True,
        )
        return policy, run_audit(policy, request)

    return run


def test_skin_lesions_leak_between_splits_and_their_clusters_count(audit):
    """One epoch instead of twenty: the path, not the figures."""
    quick = CaseFile(
        schema_="unlearn-audit/case/v1",
        name="quick",
        unlearn=MethodChoice(method="fine-tune", parameters={"epochs": 1}),
        recipe=Recipe(epochs=1),
    )

    policy, done = audit("dermatology", "dermamnist_rebuilt_28.npz", quick)

    record = done.record
    shared = {(o.column, o.splits): o.shared_groups for o in record.provenance.data.overlaps}
    assert shared["lesion_id", ("train", "test")] == 641
    assert record.provenance.forget.count == 1401
    risk = next(f for f in record.findings if f.metric == "global-risk" and f.model == "unlearned")
    assert "cluster" in risk.estimate.bounds.method
    assert record.outcome is not Outcome.PASS
    assert judge(policy, done.evidence).to_bytes() == record.to_bytes()


@pytest.mark.slow
def test_ultrasound_is_audited_with_all_its_remedies(audit):
    _, done = audit("breast-ultrasound", "breastmnist.npz")

    record = done.record
    assert record.provenance.data.official is True
    assert record.provenance.data.splits["test"].positive == 42
    assert len(record.verdicts) > 1 or record.outcome is Outcome.PASS
