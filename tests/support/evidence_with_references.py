"""Evidence with reference models, and a planted truth about what training and unlearning leave behind.

phi of a record is its own mean plus noise, plus `memory` in models that trained on it, plus `left` in models that
trained on it and were then made to forget it. Both may differ from record to record.
"""

from dataclasses import replace

import numpy as np

from tests.support.reference_scores import draw_halves
from tests.support.simulated_evidence import make_log_probs
from unlearn_audit.evidence import References


def plant_references(
    evidence, *, models=8, memory=3.0, left=0.0, unlearned=("unlearned",), harder=0.0, retain=None, seed=7
):
    """Return `evidence` with the answers of its models replaced, and those of reference models added.

    Args:
        evidence: whose records, splits and labels are kept.
        models: K reference models, in pairs; 0 for none.
        memory: (n,) or one number: what training on a record adds to its phi.
        left: (n,) or one number: what remains of training on it after the audited method.
        unlearned: names of the models whose method the reference models underwent.
        harder: by how much the phi of forget records lies below that of others.
        retain: what `unlearned` remembers of retain records, `memory` where None.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    n = len(evidence)
    splits = {name: evidence.select(name) for name in ("retain", "forget", "test")}
    mean = rng.normal(3.0, 1.5, n) - harder * splits["forget"]

    def answer(extra):
        return to_log_probs(mean + extra + rng.normal(size=n), evidence.label)

    controls = np.zeros(n, dtype=bool)
    controls[rng.choice(np.flatnonzero(splits["test"]), int(splits["forget"].sum()), replace=False)] = True
    kept = memory if retain is None else retain
    answers = {
        "original": answer(memory * (splits["retain"] | splits["forget"])),
        "retrained": answer(memory * splits["retain"]),
    }
    for name in evidence.log_probs:
        answers.setdefault(name, answer(kept * splits["retain"] + left * splits["forget"]))
    held = replace(evidence, log_probs={name: answers[name] for name in evidence.log_probs})
    if not models:
        return held
    trained_on = draw_training_sets(splits["forget"] | controls, splits["retain"], models, rng)
    drawn = trained_on & ~splits["retain"]
    references = References(
        trained_on,
        splits["forget"] | controls,
        np.stack([answer(memory * one) for one in trained_on]),
        {name: np.stack([answer(memory * splits["retain"] + left * one) for one in drawn]) for name in unlearned},
    )
    return replace(held, references=references)


def draw_training_sets(candidates, retain, models, rng):
    """Return (K, n) who trained on what: all of retain, and complementary random halves of the candidates."""
    trained_on = np.tile(retain, (models, 1))
    where = np.flatnonzero(candidates)
    trained_on[:, where] = draw_halves(models, len(where), rng)
    return trained_on


def to_log_probs(phi, label):
    """Return (n, 2) log-probabilities under which the true class has logit `phi`."""
    return make_log_probs(np.where(label == 1, phi, -phi))
