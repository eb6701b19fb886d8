"""The recommendation: what to do, by the verdicts alone."""

from collections.abc import Iterator, Sequence

from unlearn_audit.policy import describe_release
from unlearn_audit.records import Message, Outcome, Provenance, Recommendation, Verdict, write_message
from unlearn_audit.verdict.rulings import is_inside
from unlearn_audit.verdict.scratch_control import describe_cheaper, describe_control


def recommend(
    verdicts: Sequence[Verdict],
    provenance: Provenance,
    hopeless: Sequence[Message] = (),
    caveats: Sequence[Message] = (),
) -> Recommendation:
    """Return what to do, by the verdicts alone.

    Args:
        verdicts: of the audited model first, then of the others.
        provenance: names the remedies in the order they were tried.
        hopeless: which checks no unlearning can pass, from `list_hopeless_checks`; said in place of other advice.
        caveats: what whoever releases must know besides.
    """
    audited, titles = verdicts[0], {card.name: card.title for card in provenance.models}
    if audited.outcome is Outcome.PASS:
        advice = describe_release(audited) if audited.waived else write_message("every-check-holds")
        return Recommendation(action="release", model=audited.model, advice=(advice, *caveats))
    remedied = {card.name for card in provenance.models if card.role == "remedied"}
    tried = [verdict for verdict in verdicts if verdict.model in remedied]
    passing = next((verdict.model for verdict in tried if verdict.outcome is Outcome.PASS), None)
    if passing is not None:
        advised = tuple(_advise_remedied(passing, verdicts, provenance))
        return Recommendation(action="release-remedied", model=passing, advice=(*advised, *caveats))
    then = (
        *_describe_remedies(tried, titles, provenance),
        *describe_cheaper(verdicts, provenance),
        *_advise(audited, tried, titles, hopeless),
    )
    if audited.outcome is Outcome.FAIL:
        advice = write_message("do-not-release")
        return Recommendation(action="do-not-release", model=audited.model, advice=(advice, *then))
    advice = write_message("evidence-does-not-decide")
    return Recommendation(action="collect-evidence", model=audited.model, advice=(advice, *then))


def _advise_remedied(model: str, verdicts: Sequence[Verdict], provenance: Provenance) -> Iterator[Message]:
    """Yield that the remedied model is to be released, what changes with it, and what it was worth."""
    card = provenance.find_model(model)
    yield write_message("release-remedied-instead", title=card.title)
    if card.reissued is not None:
        yield write_message("threshold-changes-with-model")
    yield from describe_control(verdicts, provenance, model)


def _describe_remedies(tried: Sequence[Verdict], titles: dict[str, str], provenance: Provenance) -> Iterator[Message]:
    """Yield what came of the remedies."""
    if tried:
        yield write_message("remedies-do-not-pass", titles=[titles[verdict.model] for verdict in tried])
    for search in provenance.searches:
        if search.chosen is None:
            yield write_message("search-without-choice", method=search.method, reason=search.reason)


_NEXT_STEPS = {
    Outcome.FAIL: "change-unlearning",
    Outcome.INCONCLUSIVE: "collect-test-records",
    Outcome.NOT_RUN: "bring-what-is-missing",
}


def _advise(
    audited: Verdict, tried: Sequence[Verdict], titles: dict[str, str], hopeless: Sequence[Message]
) -> Sequence[Message]:
    """Return the next step, by the outcomes that count against the audited model."""
    if hopeless:
        return hopeless
    promising = next((titles[verdict.model] for verdict in tried if _could_pass(verdict)), None)
    if promising is not None:
        return (write_message("larger-test-split-could-decide", title=promising),)
    against = {check.outcome for check in audited.checks if check.required and not check.is_waived}
    return tuple(write_message(code) for outcome, code in _NEXT_STEPS.items() if outcome in against)


def _could_pass(verdict: Verdict) -> bool:
    """Whether more records alone might turn the verdict into a pass: every required estimate is inside its limit."""
    required = [check for check in verdict.checks if check.required]
    return all(c.estimate is not None and c.estimate.bounds and is_inside(c.estimate, c.limit) for c in required)
