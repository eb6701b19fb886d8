"""The standing control of every remedy: a model trained from scratch on what remains, at the same cost."""

from dataclasses import replace

from unlearn_audit.cases.build import Case
from unlearn_audit.policy import MethodChoice
from unlearn_audit.training import Parameters


def add_control(case: Case, remedy: MethodChoice, beside: str) -> Case:
    """Return the case with a model trained from scratch at the cost of `remedy`, which made the model `beside`.

    The case as it is where the remedy costs a whole training. Also where a function of the user's own trains: how long
    that takes is its own affair, so that it cannot be cut to the same cost. Cost is counted in passes over the records:
    the share of the original's epochs that the remedy takes. A re-issued threshold is re-issued for the control too.

    Raises:
        CaseError: training diverged.
    """
    if case.builder.functions.train is not None:
        return case
    share = find_cost_share(case.builder.methods[remedy.method].parse(remedy.parameters), case.builder.recipe.epochs)
    name = f"scratch-for-{beside.removeprefix('remedied-')}"
    if share is None or remedy.method == "scratch" or name in case.made:
        return case
    choice = MethodChoice(method="scratch", parameters={"epochs_share": share})
    made = case.builder.unlearn(case.made["original"], choice, name=name, role="compared")
    card = case.made[beside].card
    changes = {"control_for": beside, "title": f"From scratch at the cost of {card.title}", "reissued": card.reissued}
    made = replace(made, card=made.card.model_copy(update=changes))
    return case.with_model(made, case.ensemble.unlearn(name, choice) if case.ensemble else None)


def find_cost_share(parameters: Parameters, epochs: int) -> float | None:
    """Return the share of a training of `epochs` that a method with `parameters` takes; None from a whole one on.

    Also None where the method does not count in epochs.
    """
    share = getattr(parameters, "epochs_share", None)
    counted = getattr(parameters, "epochs", None)
    found = share if isinstance(share, float) else counted / epochs if isinstance(counted, int) else None
    return found if found is not None and found < 1 else None
