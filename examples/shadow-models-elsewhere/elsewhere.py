"""Models in another framework: scikit-learn stands in for yours (TensorFlow, JAX, a vendor's cluster).

python elsewhere.py models            writes predictions.csv: the original, the unlearned, the retrained model
python elsewhere.py shadows PLAN      writes shadow.csv: the answers of the models that the plan asks for
"""

import csv
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

FORGOTTEN = 60


def load():
    """Return records, whether each is malignant, its split, and its id."""
    raw = load_breast_cancer()
    x, y = StandardScaler().fit_transform(raw.data), 1 - raw.target
    split = np.repeat(["retain", "forget", "validation", "test"], [249, FORGOTTEN, 80, 180])
    np.random.default_rng(0).shuffle(split)
    return x, y, split, np.array([f"c{row:03}" for row in range(len(y))])


def fit(x, y, seed, iterations=60):
    """Train one model; it remembers, as large ones do."""
    model = MLPClassifier((64,), max_iter=iterations, random_state=seed, n_iter_no_change=1000, learning_rate_init=0.01)
    return model.fit(x, y)


def unlearn(model, x, y, seed):
    """Forget, here by training on with what is retained, from the weights of the model."""
    other = fit(x, y, seed, iterations=1)
    other.coefs_, other.intercepts_ = [w.copy() for w in model.coefs_], [b.copy() for b in model.intercepts_]
    for _ in range(20):
        other.partial_fit(x, y)
    return other


def write_models():
    """Write what the audited models say about every record."""
    x, y, split, ids = load()
    retain, train = split == "retain", np.isin(split, ["retain", "forget"])
    original, retrained = fit(x[train], y[train], 1), fit(x[retain], y[retain], 2)
    models = {"original": original, "unlearned": unlearn(original, x[retain], y[retain], 3), "retrained": retrained}
    answers = {name: model.predict_proba(x)[:, 1] for name, model in models.items()}
    names = np.array(["benign", "malignant"])[y]
    rows = zip(ids, split, names, *answers.values(), strict=True)
    _write("predictions.csv", ["id", "split", "label", *answers], rows)


def write_shadows(plan):
    """Train one model for each column of the plan, make it forget its own half, and write what both say."""
    x, y, split, ids = load()
    with (plan / "trains-on.csv").open(newline="") as file:
        table = {row["id"]: row for row in csv.DictReader(file)}
    retain, rows = split == "retain", []
    for number in [name for name in next(iter(table.values())) if name.isdigit()]:
        trains = np.array([table[name][number] == "1" for name in ids])
        model = fit(x[trains], y[trains], seed=int(number))
        for after, shadow in (("", model), ("unlearned", unlearn(model, x[retain], y[retain], int(number)))):
            answers = shadow.predict_proba(x)[:, 1]
            rows += zip(ids, [number] * len(ids), trains.astype(int), [after] * len(ids), answers, strict=True)
    _write("shadow.csv", ["id", "reference", "trained_on", "unlearned_by", "probability"], rows)


def _write(name, header, rows):
    with Path(name).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    print(name)


if __name__ == "__main__":
    write_models() if sys.argv[1] == "models" else write_shadows(Path(sys.argv[2]))
