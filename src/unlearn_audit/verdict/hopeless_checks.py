"""Checks that no unlearning can pass, because the model that it starts from, or aims at, does not pass them itself."""

from collections.abc import Iterable, Iterator, Sequence

from unlearn_audit.policy import Policy
from unlearn_audit.records import Finding, Message, Outcome, Provenance, Verdict, write_message
from unlearn_audit.verdict.decision import decide

_STANDARDS = ("original", "retrained")


def list_hopeless_checks(
    findings: Iterable[Finding], policy: Policy, provenance: Provenance, audited: Verdict
) -> tuple[Message, ...]:
    """Return a message for each required clinical check that original or retrained fails, and so does the audited.

    Unlearning starts from the original and is to end where retraining does. Where one of the two lies beyond a clinical
    tolerance by its own bounds, advice to change the unlearning would send its reader the wrong way.

    What must not be concluded: that a model better than both cannot be made; it would take another training.
    """
    listed = list(findings)
    missed = {check.id: check.title for check in audited.checks if _counts(check.required, check.kind, check.outcome)}
    fails: dict[str, list[str]] = {}
    for card in provenance.models:
        if card.role in _STANDARDS:
            for name in _list_failed(listed, policy, card.name):
                fails.setdefault(name, []).append(card.title)
    return tuple(
        write_message("no-unlearning-can-pass", check=title, models=fails[name])
        for name, title in missed.items()
        if name in fails
    )


def _counts(required: bool, kind: str, outcome: Outcome) -> bool:
    return required and kind == "clinical" and outcome is not Outcome.PASS


def _list_failed(findings: Sequence[Finding], policy: Policy, model: str) -> Iterator[str]:
    """Yield the required checks of the policy that `model` fails by its own number."""
    for check in decide(findings, policy, model, plan=False).checks:
        if check.required and check.kind == "clinical" and check.outcome is Outcome.FAIL and check.key.against is None:
            yield check.id
