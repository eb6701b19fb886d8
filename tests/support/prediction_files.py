"""Predictions as somebody else's script writes them: one CSV, three models, planted to be forgotten and safe."""

import csv

import numpy as np

from tests.support.policies import LOOSE, write_policy

POLICY = write_policy(
    "external",
    [
        "{id: risk, metric: global-risk, at_most: 0.9, why: ceiling}",
        "{id: optimal, metric: global-risk, at: cost-optimal, at_most: 0.9, required: false, why: ceiling}",
        LOOSE[0],
        "{id: forgotten-malignant, metric: membership-auc, among: positive, within: [0.01, 0.99], why: unseen}",
        "{id: as-retrained, metric: membership-auc-difference, against: retrained, within: [-0.49, 0.49], why: unseen}",
        LOOSE[2],
    ],
    title="Brought along",
    points="argmax, cost-optimal",
    membership="{attacks: [confidence, modified-entropy], fpr: [0.01]}",
)
SIZES = {"retain": 60, "forget": 40, "validation": 40, "test": 100}
MODELS = ("original", "unlearned", "retrained")
MEMORY = 1.0
"""How much surer the original is of a record to forget, in log-odds: what it does not know, nobody can forget."""


def make_rows(seed=1, sizes=SIZES, models=MODELS):
    """Return one dict for each record, as a CSV's reader would: all text, probabilities with every digit."""
    rng = np.random.default_rng(seed)
    rows = []
    for split, size in sizes.items():
        for index in range(size):
            malignant = index % 5 < 2
            side = 1 if malignant else -1
            logits = rng.normal(2.5 * side, 1.5) + rng.normal(0, 0.3, len(models))
            logits += [side * MEMORY * (split == "forget" and model == "original") for model in models]
            row = {"id": f"{len(rows):05d}", "split": split, "label": "malignant" if malignant else "benign"}
            row |= {"patient_id": f"p{len(rows) // 2}"}
            for model, logit in zip(models, logits, strict=True):
                p = float(1 / (1 + np.exp(-logit)))
                row |= {f"{model}:benign": repr(1 - p), f"{model}:malignant": repr(p)}
            rows.append(row)
    return rows


def write_rows(path, rows, delimiter=","):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def find_entry(evidence, code):
    """Return the one entry of the intake with this code."""
    (entry,) = [entry for entry in evidence.provenance.intake if entry.code == code]
    return entry
