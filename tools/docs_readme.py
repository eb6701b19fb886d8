"""Figures that the README takes from published studies; a test holds the README to them."""

import json
from pathlib import Path
from typing import Any

from benchmarks.coverage.page import find_share
from tools.docs_studies import read_study

from unlearn_audit.assets import read_published_selftest
from unlearn_audit.formats.markdown import draw_table
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import find_policy, load_policy
from unlearn_audit.records import SelfTestSummary
from unlearn_audit.study import show_estimate

DOCS = Path(__file__).resolve().parents[1] / "docs"
_ROWS = ("original", "retrained", "salun", "salun-cra", "fine-tune-hot", "warm-restart-5")
_COLUMNS = {
    "fnr": "malignant lesions missed",
    "fnr-at-fpr": "the same at 20 % false alarms",
    "confidence-positive": "malignant records recognised (AUC)",
    "auroc": "AUROC",
}
_SHARE = 0.5


def format_coverage_share() -> str:
    """Return the lowest share of right ends of the deciding bounds, and among how many cells."""
    document = json.loads((DOCS / "appendix" / "coverage.json").read_bytes())
    lowest = min(find_share(row, "deciding") for row in document["cases"])
    return f"{lowest:.4f} in {len(document['cases'])} cells of {document['repeats']:,} samples"


def format_selftest_share() -> str:
    """Return how many models on a tolerance passed."""
    return str(SelfTestSummary.model_validate_json(read_published_selftest()).on_tolerance)


def format_verdict_speed() -> str:
    """Return how many times as fast as scipy's bootstrap evidence to verdict was on the machine that published."""
    return f"{read_ratios()['verdict']:.0f} times as fast"


def format_ensemble_speed() -> str:
    """Return the same of the reference models of `make bench`, against a loop over the ordinary training."""
    return f"{read_ratios()['ensemble']:.1f} times as fast"


def format_attack(name: str) -> str:
    """Return how fast our attack was in times of another library's, and both AUCs: same data and network, one run."""
    ratios = read_ratios()
    ours, theirs = ratios[f"{name}-auc"]
    return f"{ratios[name]:,.3g} times as fast, AUC {ours:.3f} and theirs {theirs:.3f}"


def read_ratios() -> dict[str, Any]:
    """Return what `make publish-bench` measured: ratios, areas as `<name>-auc`, reference models as `<name>-models`."""
    return dict(json.loads((DOCS / "appendix" / "bench.json").read_bytes()))


def format_study() -> tuple[str, int]:
    """Return the main rows and columns of the skin study at half forgotten, and its number of seeds."""
    cell = next(cell for cell in read_study("skin").cells if cell.forget == _SHARE)
    rows = [
        (row.title, *(show_estimate(row.find(measure).mean) for measure in _COLUMNS)) for row in map(cell.find, _ROWS)
    ]
    return draw_table(("model", *_COLUMNS.values()), rows), len(cell.seeds)


def count_references() -> int:
    """Return how many reference models the policy of the embedded data asks for."""
    policy = load_policy(find_policy("breast-cytology"), name_known())
    references = policy.membership.references
    return references.models if references else 0
