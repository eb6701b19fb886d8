"""Looks at a test split are charged: repeating an audit on the same records until it passes spends an error budget.

The error that the policy allows is spent in equal shares on the looks that it plans, and past them nothing passes. By
the union bound a false pass in any of K looks at 1 - alpha / K each has a probability of at most alpha, however much
the looks depend on each other. This is the simplest spending of alpha. Boundaries such as Pocock's ask less of each
look, but hold for one statistic that grows with the data, which different models on the same records are not.

What must not be concluded: that tuning a model on the numbers of earlier reports is paid for. The bound holds for
models that were fixed beforehand, or of which the next is made because the last did not pass; see Dwork et al. (2015),
Science 349, 636-638.

Source: Lan and DeMets (1983), spending of alpha; Dunn (1961), equal shares.
"""

from unlearn_audit.policy.model import Policy
from unlearn_audit.records.looks import Looks
from unlearn_audit.records.messages import Message, write_message
from unlearn_audit.records.provenance import Provenance
from unlearn_audit.records.rounding import round_number

SOURCE = "Lan and DeMets (1983), Biometrika 70, 659-663; Dunn (1961), JASA 56, 52-64"


def charge_looks(policy: Policy, provenance: Provenance, test_sha256: str) -> Looks | None:
    """Return the account of looks at the test split of digest `test_sha256`; None where the policy plans none."""
    planned = policy.protocol.looks
    if planned is None:
        return None
    error = 1 - policy.protocol.confidence
    charges = list_charges(provenance, test_sha256, error / planned)
    return Looks(
        planned=planned,
        earlier=len(charges),
        error=round_number(error),
        spent=round_number(sum(charges)),
        confidence=round_number(1 - error / planned),
        test_sha256=test_sha256,
        rule=write_message("error-spent-on-looks", looks=planned),
        source=SOURCE,
    )


def list_charges(provenance: Provenance, test_sha256: str, share: float) -> list[float]:
    """Return the error that each known earlier look spent: what may have been a look counts as one.

    An earlier run counts unless it says that its test split was another. It spent what it says, so that no plan grows
    by being amended; one by a policy without a plan counts as a `share` of this one. A sealed policy that was amended
    counts as well, unless a run by it is listed: somebody found a reason to amend it.
    """
    runs = {run.record_sha256: run for run in provenance.earlier_runs}
    spent = [run.spent or share for run in runs.values() if run.test_sha256 in (None, test_sha256)]
    amended = {seal.policy_sha256 for seal in provenance.seals if seal.changes}
    return spent + [share] * len(amended - {run.policy_sha256 for run in runs.values()})


def describe_spent(looks: Looks | None) -> Message | None:
    """Return why nothing may pass any more; None where looks are left, or none are planned."""
    if looks is None or not looks.are_spent:
        return None
    return write_message("looks-spent", planned=looks.planned, earlier=looks.earlier)


def describe_looks(looks: Looks | None, provenance: Provenance) -> Message | None:
    """Return what a reader must know of the looks; None where nothing is planned and no earlier run is known."""
    if looks is not None:
        counts = {"look": looks.earlier + 1, "planned": looks.planned, "left": looks.left}
        return write_message("looks-left", **counts, confidence=looks.confidence)
    runs = len(provenance.earlier_runs)
    return write_message("looks-not-charged", runs=runs) if runs else None
