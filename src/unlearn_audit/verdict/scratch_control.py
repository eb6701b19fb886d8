"""The honest control of a remedy: a model trained from scratch on what remains, at the remedy's cost."""

from collections.abc import Iterator, Sequence

from unlearn_audit.records import Message, Outcome, Provenance, Verdict, write_message


def find_control(verdicts: Sequence[Verdict], provenance: Provenance, model: str) -> Verdict | None:
    """Return the verdict on the control of the remedied `model`, None where it has none."""
    names = [card.name for card in provenance.models if card.control_for == model]
    return next((verdict for verdict in verdicts if verdict.model in names), None)


def describe_control(verdicts: Sequence[Verdict], provenance: Provenance, model: str) -> Iterator[Message]:
    """Yield what a passing remedy was worth beside its control; nothing where it has none."""
    control = find_control(verdicts, provenance, model)
    if control is None:
        return
    if control.outcome is Outcome.PASS:
        yield write_message("remedy-bought-nothing")
    else:
        yield write_message("scratch-does-not-pass", outcome=control.outcome.label)


def describe_cheaper(verdicts: Sequence[Verdict], provenance: Provenance) -> Iterator[Message]:
    """Yield where a control passes although the remedy that it stands beside does not; nothing where none does."""
    remedied = [card for card in provenance.models if card.role == "remedied"]
    controls = {card.title: find_control(verdicts, provenance, card.name) for card in remedied}
    passing = [title for title, control in controls.items() if control and control.outcome is Outcome.PASS]
    if passing:
        yield write_message("scratch-passes-instead", titles=passing)
