"""The next update, tried beforehand: judged models and the retrained one after a short training on retained records."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.evidence import Evidence
from unlearn_audit.records import ModelCard, derive_integer

if TYPE_CHECKING:
    from unlearn_audit.cases.build import Case
    from unlearn_audit.cases.model_builder import CaseModel
    from unlearn_audit.policy.dormant_memory import DormantMemory


def ask_relearned(case: "Case", known: Evidence | None) -> dict[str, NDArray[np.float64]]:
    """Return per model what it says about all records after relearning; nothing where the policy asks for none.

    Every model gets the same draws, so that two of them differ by where they start alone. The original is left out: it
    has nothing to bring back.

    Raises:
        CaseError: training diverged.
    """
    from unlearn_audit.training import predict_log_probs

    if case.relearning is None:
        return {}
    said = dict(known.relearned) if known else {}
    for name, made in case.made.items():
        if name not in said and made.card.role != "original":
            said[name] = predict_log_probs(_relearn(case, made, case.relearning).model, case.inputs)
    return said


def _relearn(case: "Case", made: "CaseModel", rule: "DormantMemory") -> "CaseModel":
    from unlearn_audit.training import adapt, fit

    builder = case.builder
    seed = derive_integer(builder.seed, "dormant memory")
    recipe = adapt(builder.recipe, epochs=rule.epochs, learning_rate=rule.learning_rate)
    card = ModelCard(
        name=f"relearned-{made.card.name}",
        role="compared",
        method="relearn",
        title=f"{made.card.title}, relearned",
        seed=seed,
    )
    key = {
        "kind": "relearned",
        **rule.model_dump(mode="json"),
        "of": made.card.sha256,
        "forget": builder.forget_identity,
    }
    return builder.make(card, lambda: fit(made.model, builder.retain, recipe, seed, task="relearn"), key)
