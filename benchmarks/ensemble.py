"""Reference models of the cytology network: in stacked groups on all cores, against one call of `fit` after another.

Any number of processes gives the same bits; a loop over `fit` the same numbers up to the rounding of stacked products.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.comparison import Comparison
from unlearn_audit.data import draw_halves, load_dataset
from unlearn_audit.models import MODELS
from unlearn_audit.models.cache import ModelCache
from unlearn_audit.policy import Recipe
from unlearn_audit.records import ignore_progress
from unlearn_audit.reference_models.jobs import ModelSpec
from unlearn_audit.reference_models.pool import Pool
from unlearn_audit.reference_models.trainer import ReferenceModelTrainer
from unlearn_audit.reference_models.workers import Workers, open_workers
from unlearn_audit.training import fit, predict_log_probs

MODEL_COUNT = 64
RECIPE = Recipe(epochs=200, batch=32, learning_rate=0.05)  # policies/breast-cytology.yaml
_AGREEMENT = 0.01  # in a probability: 2,000 steps amplify the rounding of float32, to 0.006 in the worst of 64 models


def set_up(cache: Path, workers: Workers) -> ReferenceModelTrainer:
    """Return what makes the models; a fifth of the training records is to be forgotten."""
    data = load_dataset("breast-cytology", None, download=False, progress=ignore_progress)
    train = np.flatnonzero(data.split == "train")
    split = np.where(data.split == "train", "retain", data.split)
    split[train[: len(train) // 5]] = "forget"
    return ReferenceModelTrainer(
        pool=Pool(data.x, data.label, data.label == 1),
        halves=draw_halves(split, data.label, MODEL_COUNT, seed=1),
        spec=ModelSpec(MODELS["mlp"], data.x.shape[1:], 2, RECIPE),
        seed=1,
        cache=ModelCache(cache),
        workers=workers,
        progress=ignore_progress,
    )


def compare_ensemble() -> Comparison:
    """Print and return the ratio of the two times, and whether the models say the same."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, open_workers() as workers:
        trainer = set_up(Path(folder), workers)
        started = time.perf_counter()
        ours = trainer.ask(trainer.train())
        mine = time.perf_counter() - started
        alone = set_up(Path(folder) / "alone", Workers())
        same = bool(np.array_equal(ours, alone.ask(alone.train())))
    inputs = trainer.pool.show(slice(None))
    started = time.perf_counter()
    trained = [
        fit(trainer.spec.build(seed), trainer.pool.cut(mask), RECIPE, seed)
        for seed, mask in zip(trainer.seeds, trainer.halves.trained_on, strict=True)
    ]
    theirs = np.stack([predict_log_probs(model, inputs) for model in trained])
    naive = time.perf_counter() - started
    apart = float(np.abs(np.exp(ours) - np.exp(theirs)).max())
    agree = same and apart < _AGREEMENT
    print(
        f"{MODEL_COUNT} reference models of the cytology network, {RECIPE.epochs} epochs, {workers.jobs} processes: "
        f"{naive / mine:.1f} times the speed of a loop over fit ({mine:.1f} s, {naive:.1f} s); "
        f"{'the same bits as in one process' if same else 'OTHER BITS than in one process'}; probabilities at most "
        f"{apart:.1g} from the loop's, {'agree' if agree else 'DISAGREE'}"
    )
    return Comparison("ensemble", naive / mine, agree, models=MODEL_COUNT)
