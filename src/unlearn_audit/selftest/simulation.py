"""Simulated evidence, drawn from a distribution whose true risks and membership AUCs are known exactly.

A record's logit of the true class, phi, is normal with standard deviation 1 under every model; only the means differ,
by class and by whether the model has seen the record. So every number that a check may name is a sum of normal
distribution functions of those means: a truth, not an estimate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.evidence import Evidence
from unlearn_audit.records import DataCard, ForgetRequest, ModelCard, Provenance, Signer, SplitCount

SIZES = {"retain": 600, "forget": 800, "validation": 60, "test": 1600}
"""Records per split. The validation split is not read: the self-test judges at 'argmax'."""
PREVALENCE = 0.4
_CREATED = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Behaviour:
    """How one model answers: means of phi, the log-odds of the true class.

    Attributes:
        positive: on unseen positives; the false-negative rate is P(phi < 0).
        negative: on unseen negatives.
        retain: added on retained records.
        forget_positive: added on positive forget records; 0 is as if never seen.
        forget_negative: added on negative forget records.
    """

    positive: float = 2.0
    negative: float = 2.0
    retain: float = 1.0
    forget_positive: float = 0.0
    forget_negative: float = 0.0


@dataclass(frozen=True)
class Simulation:
    """Three models and how they hang together.

    Attributes:
        original: before unlearning.
        retrained: never saw the forget records.
        unlearned: the audited one.
        agreement: share of records on which a model errs by the same noise as the original, elsewhere by its own.
        images: records of each patient, all alike: the others add nothing, and only clustering can know that.
    """

    unlearned: Behaviour = field(default_factory=Behaviour)
    original: Behaviour = field(default_factory=lambda: Behaviour(forget_positive=1.0, forget_negative=1.0))
    retrained: Behaviour = field(default_factory=Behaviour)
    agreement: float = 0.8
    images: int = 1

    @property
    def models(self) -> dict[str, Behaviour]:
        """Behaviour by name."""
        return {"original": self.original, "retrained": self.retrained, "unlearned": self.unlearned}


def draw_evidence(
    simulation: Simulation,
    rng: np.random.Generator,
    signer: Signer | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Evidence:
    """Draw evidence in which `simulation` is true, of `sizes` records per split; `SIZES` where none are given."""
    patients = {name: size // simulation.images for name, size in (sizes or SIZES).items()}
    split = np.repeat(list(patients), list(patients.values()))
    n = len(split)
    positive = rng.random(n) < PREVALENCE
    shared = rng.standard_normal(n)
    log_probs = {}
    for name, behaviour in simulation.models.items():
        agrees = (rng.random(n) < simulation.agreement) | (name == "original")
        noise = np.where(agrees, shared, rng.standard_normal(n))
        phi = _place_means(behaviour, split, positive) + noise
        log_probs[name] = np.repeat(answer(np.where(positive, phi, -phi)), simulation.images, axis=0)
    every = np.repeat(split, simulation.images)
    malignant = np.repeat(positive, simulation.images)
    return Evidence(
        ids=np.array([f"case-{i:05d}" for i in range(len(every))]),
        split=every,
        label=malignant.astype(np.int64),
        log_probs=log_probs,
        classes=("benign", "malignant"),
        positive=(1,),
        groups={"patient_id": np.array([f"patient-{i // simulation.images:05d}" for i in range(len(every))])},
        provenance=_describe(simulation, every, malignant, signer),
    )


def _place_means(behaviour: Behaviour, split: NDArray[np.str_], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    means = np.where(positive, behaviour.positive, behaviour.negative)
    lift = np.where(positive, behaviour.forget_positive, behaviour.forget_negative)
    return np.asarray(means + (split == "retain") * behaviour.retain + (split == "forget") * lift)


def answer(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 2) log-probabilities of benign and malignant from the log-odds of malignant."""
    return np.column_stack([-np.logaddexp(0, log_odds), -np.logaddexp(0, -log_odds)])


def _describe(
    simulation: Simulation, split: NDArray[np.str_], malignant: NDArray[np.bool_], signer: Signer | None
) -> Provenance:
    def count(name: str) -> SplitCount:
        return SplitCount(n=int((split == name).sum()), positive=int(malignant[split == name].sum()))

    forget = count("forget")
    return Provenance(
        version="0",
        created=_CREATED,
        seed=0,
        case="selftest",
        data=DataCard(
            name="planted",
            source="drawn by 'unlearn-audit selftest'",
            licence="none",
            sha256="0" * 64,
            official=None,
            classes=("benign", "malignant"),
            positive=("malignant",),
            positive_asked=("malignant",),
            splits={name: count(name) for name in SIZES},
        ),
        forget=ForgetRequest(
            by="fraction",
            count=forget.n,
            positive=forget.positive,
            fraction=forget.n / (forget.n + count("retain").n),
            commitment="0" * 64,
        ),
        models=tuple(ModelCard(name=name, role=name, method="planted", title=name) for name in simulation.models),
        signer=signer,
    )
