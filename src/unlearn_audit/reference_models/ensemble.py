"""The ensemble of reference models of a case. Made once, whichever model is audited; see `evidence.References`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data import draw_halves
from unlearn_audit.evidence import References
from unlearn_audit.models.cache import ModelCache
from unlearn_audit.policy import MethodChoice, Policy
from unlearn_audit.records import Message, ProgressCallback, ReferenceCard, write_message
from unlearn_audit.reference_models.jobs import ModelSpec, TrainedModel
from unlearn_audit.reference_models.pool import Pool
from unlearn_audit.reference_models.trainer import ReferenceModelTrainer
from unlearn_audit.reference_models.workers import Workers


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Reference models of a case, before and after unlearning.

    Every candidate (audited, compared, remedied) has its method applied to all of them, retraining included: what a
    method does to records that it had to forget is learned from the method itself, never assumed. Nothing is done to
    the ensemble in the original's name; in that of the retrained reference it is retrained, where a policy tests single
    records: the control that such a test must pass.

    Attributes:
        trainer: what made them.
        split: (n,) of the case.
        trained: by number.
        unlearned: per name of a candidate, the same models after its method.
    """

    trainer: ReferenceModelTrainer
    split: NDArray[np.str_]
    trained: tuple[TrainedModel, ...]
    unlearned: Mapping[str, tuple[TrainedModel, ...]] = field(default_factory=dict)

    def unlearn(self, name: str, choice: MethodChoice) -> "Ensemble":
        """Return the ensemble with what the method of candidate `name` makes of it."""
        made = self.trainer.unlearn(self.trained, choice)
        return replace(self, unlearned={**self.unlearned, name: made})

    def ask(self, known: References | None = None) -> References:
        """Return what all models say about all records; those in `known` are not asked again."""
        answers = dict(known.unlearned) if known else {}
        return References(
            trained_on=self.trainer.halves.trained_on,
            candidates=self.trainer.halves.candidates,
            log_probs=known.log_probs if known else self.trainer.ask(self.trained),
            unlearned=answers | {n: self.trainer.ask(m) for n, m in self.unlearned.items() if n not in answers},
        )

    def describe(self) -> ReferenceCard:
        """Return what the record says about the ensemble."""
        trainer, candidates = self.trainer, self.trainer.halves.candidates
        return ReferenceCard(
            models=trainer.count,
            seeds=trainer.seeds,
            recipe=trainer.spec.describe_recipe(),
            records=int(trainer.halves.trained_on.sum(axis=1).max()),
            forget=int((candidates & (self.split == "forget")).sum()),
            controls=int((candidates & (self.split == "test")).sum()),
            together=max(len(group) for group in trainer.groups),
            seconds=round(sum(finished.seconds for finished in self.trained), 3),
            unlearned={name: round(sum(f.seconds for f in made), 3) for name, made in self.unlearned.items()},
        )


def make_ensemble(  # noqa: PLR0917 - one call site
    pool: Pool,
    split: NDArray[np.str_],
    models: int,
    spec: ModelSpec,
    seed: int,
    cache: ModelCache,
    workers: Workers,
    progress: ProgressCallback,
    clusters: NDArray[np.str_] | None = None,
) -> Ensemble:
    """Train (or find) `models` reference models with the network and recipe of `spec`.

    `clusters` (n,) are the patients or lesions that no half may divide; None where records are independent.

    Raises:
        CaseError: too few candidates, training that diverged, a cache or workers that fail.
    """
    trainer = ReferenceModelTrainer(
        pool=pool,
        halves=draw_halves(split, pool.label, models, seed, clusters),
        spec=spec,
        seed=seed,
        cache=cache,
        workers=workers,
        progress=progress,
    )
    return Ensemble(trainer, split, trainer.train())


def note_other_references(policy: Policy, models: int) -> tuple[Message, ...]:
    """Return the note that fewer reference models were made than the policy asks for, where that is so."""
    asked = policy.membership.references.models if policy.membership.references else 0
    if models >= asked:
        return ()
    return (write_message("fewer-reference-models", asked=asked, made=models or "none"),)
