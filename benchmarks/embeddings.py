"""Processor time of a whole audit on embeddings: 64 reference heads, every attack, remedies until one passes.

python benchmarks/embeddings.py [epochs]
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from unlearn_audit.cases import CaseRequest
from unlearn_audit.pipeline.audit import name_known, run_audit
from unlearn_audit.policy import CaseFile, find_policy, load_policy

SIZES = {"train": 7_000, "val": 1_000, "test": 2_000}
FEATURES = 512
SHARES = {
    "actinic keratoses and intraepithelial carcinoma": 0.033,
    "basal cell carcinoma": 0.051,
    "benign keratosis-like lesions": 0.110,
    "dermatofibroma": 0.012,
    "melanoma": 0.111,
    "melanocytic nevi": 0.670,
    "vascular lesions": 0.013,
}


def write_features(path: Path) -> None:
    """Write planted embeddings: classes apart by little, so that a head has something to remember."""
    rng = np.random.default_rng(0)
    y = rng.choice(len(SHARES), sum(SIZES.values()), p=list(SHARES.values()))
    centres = rng.normal(0, 0.12, (len(SHARES), FEATURES))
    x = (centres[y] + rng.normal(0, 1, (len(y), FEATURES))).astype(np.float32)
    split = np.repeat(list(SIZES), list(SIZES.values()))
    np.savez(path, features=x, labels=y, split=split, classes=np.array(list(SHARES)))


def main() -> None:
    """Run the audit and print what it took."""
    torch.set_num_threads(1)
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    fields = {"schema": "unlearn-audit/case/v1", "name": "embeddings", "embeddings": "features.npz"}
    case = CaseFile.model_validate({**fields, "recipe": {"epochs": epochs, "batch": 256}})
    policy = load_policy(find_policy("dermatology"), name_known())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_features(folder / "features.npz")
        request = CaseRequest(
            created="2026-01-02T03:04:05Z",
            cache=folder / "cache",
            case=case,
            case_folder=folder,
            references=64,
            threads=1,
        )
        started = time.process_time()
        audit = run_audit(policy, request)
        print(f"{time.process_time() - started:.0f} s of processor time, {len(audit.evidence.log_probs)} models judged")


if __name__ == "__main__":
    main()
