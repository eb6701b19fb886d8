"""The policies that tests judge by: a test names what it is about, and the rest is the same everywhere."""

from collections.abc import Sequence

LOOSE = (
    "{id: forgotten, metric: membership-auc, within: [0.02, 0.98], why: unseen}",
    "{id: forgotten-malignant, metric: membership-auc, among: positive, within: [0.02, 0.98], why: unseen}",
    "{id: kept, metric: retain-accuracy, at_least: 0.5, why: utility}",
)
"""Membership and utility, so wide that a small model on little data keeps to them."""
OUT_OF_REACH = (
    "{id: risk, metric: global-risk, at_most: 0.001, why: unreachable}",
    "{id: forgotten, metric: membership-auc, among: positive, within: [0.4, 0.6], why: unseen}",
    "{id: kept, metric: retain-accuracy, at_least: 0.99, why: utility}",
)
"""What no model of these tests keeps to, so that every remedy of the policy is tried."""
ONE_EPOCH = "{epochs: 1, batch: 32}"


def write_policy(
    name: str,
    checks: Sequence[str],
    *,
    title: str = "",
    version: str = "1",
    positive: str = "malignant",
    points: str = "argmax",
    membership: str = "",
    protocol: str = "",
    **sections: str,
) -> str:
    """Return the YAML of a policy in which a missed positive costs ten and intervals come from 1,000 resamples.

    Args:
        name: the policy's id.
        checks: one flow mapping each.
        title: made from the name where it is empty.
        version: of the policy.
        positive: the positive class.
        points: operating points, the deciding one first.
        membership: a flow mapping; left out where empty.
        protocol: what follows `resamples: 1000`.
        sections: further keys with their YAML, in the order given.
    """
    lines = [
        "schema: unlearn-audit/policy/v1",
        f"id: {name}",
        f'version: "{version}"',
        f"title: {title or name.replace('-', ' ').capitalize()}",
        "owner: Tests",
        "applies_to: Tests",
        f"task: {{positive: [{positive}], operating_points: [{points}]}}",
        "costs: {false_negative: 10, false_positive: 1, rationale: Tests}",
        "checks:",
        *(f"  - {check}" for check in checks),
        *([f"membership: {membership}"] if membership else []),
        f"protocol: {{resamples: 1000{', ' if protocol else ''}{protocol}}}",
        *(f"{key}:{'' if value.startswith(chr(10)) else ' '}{value}" for key, value in sections.items()),
    ]
    return "\n".join(lines) + "\n"


def write_case(
    unlearn: str, recipe: str, *, dataset: str = "breast-cytology", model: str = "mlp", forget: float | None = None
) -> str:
    """Return the value of a policy's `reference_case`; the usual share is forgotten unless `forget` is another."""
    share = "" if forget is None else f"\n  forget: {forget}"
    return f"\n  dataset: {dataset}\n  model: {model}\n  unlearn: {unlearn}\n  recipe: {recipe}{share}"


FINE_TUNED = write_case("{method: fine-tune, parameters: {epochs: 1}}", "{epochs: 10, batch: 32}")
"""On the embedded data: passes loose checks within seconds."""
REMEMBERED = write_case("{method: fine-tune, parameters: {epochs: 1}}", "{epochs: 100, batch: 32}", forget=0.5)
"""On the embedded data, of which few records are remembered: half are forgotten, and the original has overfitted."""
WITH_SALUN = write_case("{method: salun, parameters: {epochs: 1}}", "{epochs: 2, batch: 32}")
"""On the embedded data: a model of two epochs that SalUn is tried on."""
