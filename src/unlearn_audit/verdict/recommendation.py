"""The recommendation: what to do, by the verdicts alone."""

from collections.abc import Sequence

from unlearn_audit.policy import (
    tell_release,
)
from unlearn_audit.records import (
    Outcome,
    Provenance,
    Recommendation,
    Verdict,
)
from unlearn_audit.verdict.reasons import is_inside
from unlearn_audit.verdict.scratch_control import tell_cheaper, tell_control


def recommend(verdicts: Sequence[Verdict], provenance: Provenance) -> Recommendation:
    """Say what to do, by the verdicts alone; `provenance` names the remedies in the order they were tried."""
    audited, titles = verdicts[0], {card.name: card.title for card in provenance.models}
    remedied = [card.name for card in provenance.models if card.role == "remedied"]
    if audited.outcome is Outcome.PASS and audited.waived:
        return Recommendation(action="release", model=audited.model, text=tell_release(audited))
    if audited.outcome is Outcome.PASS:
        return Recommendation(
            action="release",
            model=audited.model,
            text="Every required check holds: the numbers support releasing the unlearned model.",
        )
    passing = [v for v in verdicts if v.model in remedied and v.outcome is Outcome.PASS]
    if passing:
        name = passing[0].model
        return Recommendation(
            action="release-remedied",
            model=name,
            text="Do not release the unlearned model. "
            f"The model remedied by {titles[name]} passes every required check: release that one instead."
            + (" The device's threshold changes with it." if provenance.find_model(name).reissued else "")
            + tell_control(verdicts, provenance, name),
        )
    tried = (
        f" The remedies tried ({', '.join(titles[name] for name in remedied)}) do not pass either." if remedied else ""
    )
    tried += "".join(f" {s.method}: {s.reason}" for s in provenance.searches if s.chosen is None)
    tried += tell_cheaper(verdicts, provenance, remedied)
    if audited.outcome is Outcome.FAIL:
        return Recommendation(
            action="do-not-release",
            model=audited.model,
            text=f"Do not release the unlearned model.{tried} " + _next_step(verdicts, titles, remedied),
        )
    return Recommendation(
        action="collect-evidence",
        model=audited.model,
        text=f"The evidence does not decide: do not release yet.{tried} " + _next_step(verdicts, titles, remedied),
    )


def _next_step(verdicts: Sequence[Verdict], titles: dict[str, str], remedied: Sequence[str]) -> str:
    promising = [titles[v.model] for v in verdicts if v.model in remedied and _could_pass(v)]
    if promising:
        return (
            f"On {promising[0]} every required estimate lies inside its tolerance: a larger test split could decide "
            "for it. Section 2 says how many records each check needs."
        )
    return "Change the unlearning where checks fail, collect more test records where they are inconclusive."


def _could_pass(verdict: Verdict) -> bool:
    """Whether more records alone might turn the verdict into a pass: every required estimate is inside its limit."""
    required = [check for check in verdict.checks if check.required]
    return all(c.estimate is not None and c.estimate.bounds and is_inside(c.estimate, c.limit) for c in required)
