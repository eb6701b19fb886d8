"""The reference ensemble of a case: made once, whichever model is audited; see `records.References`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.cases.foundry import Foundry
from unlearn_audit.cases.pool import Pool
from unlearn_audit.cases.reference_jobs import Blueprint, Finished
from unlearn_audit.cases.workbench import Workbench
from unlearn_audit.cases.workers import Workers
from unlearn_audit.data import draw_halves
from unlearn_audit.policy import MethodChoice, Policy
from unlearn_audit.records import ReferenceCard, References


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Reference models of a case, before and after unlearning.

    Every candidate (audited, compared, remedied) has its method applied to all of them, retraining included: what a
    method does to records it was told to forget is learned from the method itself, never assumed. The original and
    the retrained reference are no candidates; nothing is done to the ensemble in their name.

    Attributes:
        foundry: what made them.
        split: (n,) of the case.
        trained: by number.
        unlearned: per name of a candidate, the same models after its method.
    """

    foundry: Foundry
    split: NDArray[np.str_]
    trained: tuple[Finished, ...]
    unlearned: Mapping[str, tuple[Finished, ...]] = field(default_factory=dict)

    def unlearn(self, name: str, choice: MethodChoice) -> "Ensemble":
        """Return the ensemble with what the method of candidate `name` makes of it."""
        made = self.foundry.unlearn(self.trained, choice)
        return replace(self, unlearned={**self.unlearned, name: made})

    def ask(self, known: References | None = None) -> References:
        """Return what all models say about all records; those in `known` are not asked again."""
        said = dict(known.unlearned) if known else {}
        return References(
            trained_on=self.foundry.halves.trained_on,
            candidates=self.foundry.halves.candidates,
            log_probs=known.log_probs if known else self.foundry.ask(self.trained),
            unlearned=said | {n: self.foundry.ask(m) for n, m in self.unlearned.items() if n not in said},
        )

    def describe(self) -> ReferenceCard:
        """Return what the record says about the ensemble."""
        foundry, candidates = self.foundry, self.foundry.halves.candidates
        return ReferenceCard(
            models=foundry.count,
            seeds=foundry.seeds,
            recipe={"model": foundry.blueprint.architecture.name, **foundry.blueprint.recipe.model_dump(mode="json")},
            records=int(foundry.halves.trained_on.sum(axis=1).max()),
            forget=int((candidates & (self.split == "forget")).sum()),
            controls=int((candidates & (self.split == "test")).sum()),
            together=max(len(group) for group in foundry.groups),
            seconds=round(sum(finished.seconds for finished in self.trained), 3),
            unlearned={name: round(sum(f.seconds for f in made), 3) for name, made in self.unlearned.items()},
        )


def make_ensemble(  # noqa: PLR0917 - one call site
    pool: Pool,
    split: NDArray[np.str_],
    models: int,
    bench: Workbench,
    workers: Workers,
    clusters: NDArray[np.str_] | None = None,
) -> Ensemble:
    """Train (or find) `models` reference models with the network, recipe and seed of `bench`.

    `clusters` (n,) are the patients or lesions that no half may divide; None where records are independent.

    Raises:
        CaseError: too few candidates, training that diverged, a cache or workers that fail.
    """
    foundry = Foundry(
        pool=pool,
        halves=draw_halves(split, pool.label, models, bench.seed, clusters),
        blueprint=Blueprint(bench.architecture, bench.shape, bench.classes, bench.recipe),
        seed=bench.seed,
        cache=bench.cache,
        workers=workers,
        say=bench.say,
    )
    return Ensemble(foundry, split, foundry.train())


def note_other_references(policy: Policy, models: int) -> tuple[str, ...]:
    """Return the note that fewer reference models were made than the policy asks for, where that is so."""
    asked = policy.membership.references.models if policy.membership.references else 0
    if models >= asked:
        return ()
    return (f"The policy asks for {asked} reference models; this run was told to make {models or 'none'}.",)
