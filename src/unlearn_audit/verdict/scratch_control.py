"""The honest control of a remedy: a model trained from scratch on what remains, at the remedy's cost."""

from collections.abc import Sequence

from unlearn_audit.records import Outcome, Provenance, Verdict


def find_control(verdicts: Sequence[Verdict], provenance: Provenance, model: str) -> Verdict | None:
    """Return the verdict on the control of the remedied `model`, None where it has none."""
    names = [card.name for card in provenance.models if card.control_for == model]
    return next((verdict for verdict in verdicts if verdict.model in names), None)


def tell_control(verdicts: Sequence[Verdict], provenance: Provenance, model: str) -> str:
    """Say what a passing remedy was worth beside its control; '' where it has none."""
    control = find_control(verdicts, provenance, model)
    if control is None:
        return ""
    if control.outcome is Outcome.PASS:
        return (
            " Unlearning bought nothing here that these checks see: a model trained from scratch at the same cost "
            "passes as well."
        )
    return f" A model trained from scratch at the same cost does not ({control.outcome.label})."


def tell_cheaper(verdicts: Sequence[Verdict], provenance: Provenance, remedied: Sequence[str]) -> str:
    """Say where a control passes although the remedy that it stands beside does not; '' where none does."""
    controls = {name: find_control(verdicts, provenance, name) for name in remedied}
    passing = [name for name, control in controls.items() if control is not None and control.outcome is Outcome.PASS]
    if not passing:
        return ""
    titles = ", ".join(provenance.find_model(name).title for name in passing)
    return f" A model trained from scratch at the cost of {titles} passes every required check: train anew instead."
