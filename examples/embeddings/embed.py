"""Embeddings of a frozen backbone, as one npz. A fixed random layer stands in for yours.

With torchvision it would be:  backbone = resnet50(weights="DEFAULT"); backbone.fc = Identity(); backbone.eval()
and features = backbone(preprocess(images)), batch by batch, once for all records.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

WIDTH = 512


def main() -> None:
    """Write features.npz: features, labels, split and ids of all records."""
    raw = load_breast_cancer()
    rng = np.random.default_rng(0)
    x = StandardScaler().fit_transform(raw.data)
    features = np.maximum(x @ rng.normal(0, 0.3, (x.shape[1], WIDTH)), 0).astype(np.float32)
    split = np.repeat(["train", "val", "test"], [309, 80, 180])
    rng.shuffle(split)
    np.savez(
        "features.npz",
        features=features,
        labels=1 - raw.target,
        split=split,
        id=np.array([f"c{row:03}" for row in range(len(x))]),
        classes=np.array(["benign", "malignant"]),
    )
    print("features.npz")


if __name__ == "__main__":
    main()
