"""Membership attacks of public libraries beside ours: same records, same network, same training, one run, one core.

sacroml's LiRA trains its own shadow models, by our network and our training. ART's black-box attack is fitted on half
of members and others and judged on the rest. Times are of one processor. A library that is not installed is said to be
so: `make bench` installs both into an environment of their own.
"""

import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from benchmarks.comparison import Comparison
from benchmarks.ensemble import MODEL_COUNT, RECIPE
from unlearn_audit.data import draw_halves, load_dataset
from unlearn_audit.models import MODELS
from unlearn_audit.models.cache import ModelCache
from unlearn_audit.models.networks import Perceptron
from unlearn_audit.records import ignore_progress
from unlearn_audit.reference_models.jobs import ModelSpec
from unlearn_audit.reference_models.pool import Pool
from unlearn_audit.reference_models.trainer import ReferenceModelTrainer
from unlearn_audit.reference_models.workers import Workers
from unlearn_audit.stats import compute_auc, score_lira, score_logit
from unlearn_audit.training import Records, fit, predict_log_probs

WIDTH = 128  # of the network 'mlp'
_AGREEMENT = 0.05  # of an AUC: two likelihood-ratio attacks with other halves, on 300 members and 200 others

_Found = TypeVar("_Found")

__all__ = ["Perceptron", "compare_art", "compare_sacroml", "train"]  # sacroml finds network and training here, by name


@dataclass(frozen=True, eq=False)
class Target:
    """A network of the cytology policy, trained on all training records: they are the members, test records are not."""

    x: np.ndarray
    y: np.ndarray
    is_member: np.ndarray
    model: torch.nn.Module

    @classmethod
    def load(cls) -> "Target":
        """Return the embedded data, members first."""
        data = load_dataset("breast-cytology", None, download=False, progress=ignore_progress)
        rows = np.concatenate([np.flatnonzero(data.split == split) for split in ("train", "test")])
        x, y, is_member = data.x[rows].astype(np.float32), data.label[rows], data.split[rows] == "train"
        fresh = MODELS["mlp"].build(x.shape[1:], 2, 1)
        members = Records(*(torch.from_numpy(part[is_member]) for part in (x, y, y == 1)))
        return cls(x, y, is_member, fit(fresh, members, RECIPE, 1))

    def score(self) -> np.ndarray:
        """Return (n,) the log-odds that the model gives to the true classes."""
        return score_logit(predict_log_probs(self.model, torch.from_numpy(self.x)), self.y)

    def make_trainer(self, cache: Path) -> ReferenceModelTrainer:
        """Return what makes our reference models: every one trains on half of members and others, in pairs."""
        split = np.where(self.is_member, "forget", "test")
        return ReferenceModelTrainer(
            pool=Pool(self.x, self.y, self.y == 1),
            halves=draw_halves(split, self.y, MODEL_COUNT, seed=1),
            spec=ModelSpec(MODELS["mlp"], self.x.shape[1:], 2, RECIPE),
            seed=1,
            cache=ModelCache(cache),
            workers=Workers(),
            progress=ignore_progress,
        )


def train(model: torch.nn.Module, dataloader: Any) -> torch.nn.Module:
    """Train a shadow model of sacroml's as ours are trained; it finds this function by name, and seeds torch before."""
    x, y = (torch.cat(parts) for parts in zip(*dataloader, strict=True))
    trained = fit(model, Records(x, y, y == 1), RECIPE, torch.initial_seed() % 2**31)
    model.load_state_dict(trained.state_dict())
    return model


def find_version(package: str) -> str | None:
    """Return the installed version of `package`, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def compare_sacroml() -> Comparison | None:
    """Print and return our LiRA against sacroml's: processor time and AUC; None where sacroml is not installed."""
    installed = find_version("sacroml")
    if installed is None:
        print("LiRA, against sacroml's: sacroml is not installed")
        return None
    target = Target.load()
    import sacroml.attacks.likelihood_attack  # noqa: F401 - importing is nobody's work

    with tempfile.TemporaryDirectory() as folder:
        ours, mine = _time(lambda: _attack_by_ours(target, Path(folder) / "ours"))
        theirs, sacromls = _time(lambda: _attack_by_sacroml(target, Path(folder) / "theirs"))
    what = f"LiRA with {MODEL_COUNT} reference models"
    found = _report("lira", what, f"sacroml {installed}", (ours, theirs), (mine, sacromls))
    return replace(found, models=MODEL_COUNT)


def _attack_by_ours(target: Target, cache: Path) -> float:
    trainer = target.make_trainer(cache)
    answers = trainer.ask(trainer.train())
    references = np.stack([score_logit(answer, target.y) for answer in answers])
    return _find_auc(target, score_lira(target.score(), references, trainer.halves.trained_on))


def _attack_by_sacroml(target: Target, folder: Path) -> float:
    from sacroml.attacks.likelihood_attack import LIRAAttack
    from sacroml.attacks.target import Target as Theirs

    logging.disable(logging.WARNING)
    where = {"model_module_path": "benchmarks/rivals", "train_module_path": "benchmarks/rivals"}
    attacked = Theirs(
        model=target.model,
        model_params={"shape": target.x.shape[1:], "classes": 2, "width": WIDTH},
        train_params={},
        batch_size=RECIPE.batch,
        X_train=target.x[target.is_member],
        y_train=target.y[target.is_member],
        X_test=target.x[~target.is_member],
        y_test=target.y[~target.is_member],
        **where,
    )
    attack = LIRAAttack(str(folder), write_report=False, n_shadow_models=MODEL_COUNT, mode="online-carlini")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attack.attack(attacked)
    return float(attack.attack_metrics[0]["AUC"])


def compare_art() -> Comparison | None:
    """Print and return our attack by log-odds against ART's black-box attack; None where ART is not installed."""
    installed = find_version("adversarial-robustness-toolbox")
    if installed is None:
        print("membership by one model's answers, against ART's: adversarial-robustness-toolbox is not installed")
        return None
    target = Target.load()
    rest = np.arange(len(target.x)) % 2 == 1  # ART is fitted on the others
    ours, mine = _time(lambda: _find_auc(target, target.score(), rest))
    import art.attacks.inference.membership_inference  # importing is nobody's work
    import art.estimators.classification  # noqa: F401

    theirs, arts = _time(lambda: _attack_by_art(target, rest))
    what = "membership by one model's answers"
    return _report("membership", what, f"ART {installed}", (ours, theirs), (mine, arts))


def _attack_by_art(target: Target, rest: np.ndarray) -> float:
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(
        model=target.model, loss=torch.nn.CrossEntropyLoss(), input_shape=target.x.shape[1:], nb_classes=2
    )
    attack = MembershipInferenceBlackBox(classifier)
    known, others = ~rest & target.is_member, ~rest & ~target.is_member
    torch.manual_seed(1)
    attack.fit(target.x[known], target.y[known], target.x[others], target.y[others])
    scores = np.zeros(len(target.x))
    scores[rest] = np.ravel(attack.infer(target.x[rest], target.y[rest], probabilities=True))
    return _find_auc(target, scores, rest)


def _find_auc(target: Target, scores: np.ndarray, among: np.ndarray | None = None) -> float:
    among = np.ones(len(scores), dtype=bool) if among is None else among
    return compute_auc(scores[among & target.is_member], scores[among & ~target.is_member])


def _time(work: Callable[[], _Found]) -> tuple[_Found, float]:
    """Return what `work` gives and the seconds of this process that it took: what runs beside it does not count."""
    torch.set_num_threads(1)
    started = time.process_time()
    return work(), time.process_time() - started


def _report(name: str, what: str, whose: str, areas: tuple[float, float], seconds: tuple[float, float]) -> Comparison:
    ratio, agree = seconds[1] / seconds[0], areas[0] > areas[1] - _AGREEMENT
    print(
        f"{what}, cytology network, one core: {ratio:,.3g} times the speed of {whose} "
        f"({seconds[0]:.3g} s, {seconds[1]:.3g} s of processor time); AUC {areas[0]:.3f}, theirs {areas[1]:.3f}, "
        f"{'as good' if agree else 'WEAKER'}"
    )
    return Comparison(name, ratio, agree, areas=(round(areas[0], 3), round(areas[1], 3)))
