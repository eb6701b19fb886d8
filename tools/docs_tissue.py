"""The audit of a thousand tiles for docs/study.md: runs it, keeps its numbers by instruction set, writes the passages.

`make tissue-audit DATA=pathmnist_sample_28.npz` runs it twice: with all that the processor has, and held to AVX2.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from unlearn_audit.cases import CaseRequest
from unlearn_audit.formats.markdown import draw_table
from unlearn_audit.pipeline.audit import name_known, run_audit
from unlearn_audit.pipeline.result import Audit
from unlearn_audit.policy import CaseFile, Recipe, find_policy, load_policy
from unlearn_audit.records import ALL

PATH = Path(__file__).resolve().parents[1] / "docs" / "appendix" / "tissue.json"
CREATED = "2026-12-01T00:00:00Z"
CASE = CaseFile(
    schema_="unlearn-audit/case/v1",
    name="a thousand tiles",
    recipe=Recipe(epochs=40, batch=32, learning_rate=0.05, momentum=0.9, weight_decay=0, warm_up=0.15),
)
"""Trained as long as the other small set: the policy's ten epochs are meant for 90,000 tiles."""
MISSED, RANKING, CALLED = "tumour missed, most probable class", "AUROC", "tiles called tumour there"
_COLUMNS = {
    MISSED: ("false-negative-rate", "argmax", None),
    "at the frozen threshold": ("false-negative-rate", "cost-optimal", None),
    CALLED: ("positive-share", "cost-optimal", None),
    RANKING: ("auroc", None, None),
    "forgotten tiles recognised (AUC)": ("membership-auc", None, "confidence"),
}
Numbers = dict[str, Any]


def audit_tiles(data: Path, cache: Path, *, remedy: bool = True) -> Audit:
    """Audit by the shipped policy, on one thread: which bits come out depends on the processor alone."""
    policy = load_policy(find_policy("histopathology"), name_known())
    request = CaseRequest(created=CREATED, cache=cache, data=data, case=CASE, remedy=remedy, threads=1, offline=True)
    return run_audit(policy, request)


def list_numbers(audited: Audit) -> Numbers:
    """Return size and positives of each split, and of each model title, outcome and numbers with their bounds."""
    record = audited.record
    outcomes = {verdict.model: verdict.outcome.label for verdict in record.verdicts}
    found = {
        (f.key.model, f.key.metric, f.key.at and str(f.key.at), f.key.attack): f.estimate
        for f in record.findings
        if f.key.among == ALL and f.key.against is None and f.estimate is not None
    }
    models = {}
    for card in record.provenance.models:
        numbers = {}
        for column, key in _COLUMNS.items():
            estimate = found[card.name, *key]
            bounds = estimate.bounds
            numbers[column] = [estimate.value, *([bounds.low, bounds.high] if bounds else [])]
        models[card.name] = {"title": card.title, "outcome": outcomes.get(card.name, ""), "numbers": numbers}
    splits = record.provenance.data.splits
    return {"splits": {name: [split.n, split.positive] for name, split in splits.items()}, "models": models}


def read_runs() -> dict[str, Numbers]:
    """Return the published runs by instruction set, the one that the page shows first."""
    return dict(json.loads(PATH.read_bytes()))


def format_tiles() -> str:
    """Return the table of the first run, a row for a model; remedies' twins at equal cost stand in the report."""
    (shown, *_) = read_runs().values()
    rows = [
        (row["title"], *map(_show, row["numbers"].values()), row["outcome"])
        for name, row in shown["models"].items()
        if _is_shown(name)
    ]
    return draw_table(("model", *_COLUMNS, "verdict"), rows)


def _is_shown(model: str) -> bool:
    return not model.startswith("scratch-for-")


def _show(number: list[float]) -> str:
    value, *bounds = number
    return f"{value:.3f}" + (f" [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else "")


def compare_processors() -> str:
    """Return how far the same audit is from itself where training rounds differently."""
    runs = read_runs()
    shown = {name: row["title"] for name, row in next(iter(runs.values()))["models"].items() if _is_shown(name)}
    rows = []
    for name, title in shown.items():
        found = [run["models"][name] for run in runs.values()]
        numbers = (f"{row['numbers'][column][0]:.3f}" for column in (MISSED, RANKING) for row in found)
        rows.append((title, *numbers, *(row["outcome"] for row in found)))
    return draw_table(("model", *(f"{what}, {name}" for what in ("missed", RANKING, "verdict") for name in runs)), rows)


def list_tissue_passages() -> dict[tuple[str, str], Callable[[], str]]:
    """Return what fills the marks of the page."""
    return {("study.md", "tissue"): format_tiles, ("study.md", "tissue-processors"): compare_processors}


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        numbers = list_numbers(audit_tiles(Path(sys.argv[1]), Path(folder)))
    runs = (read_runs() if PATH.exists() else {}) | {torch.backends.cpu.get_cpu_capability(): numbers}
    PATH.write_text(json.dumps(dict(sorted(runs.items(), reverse=True)), indent=1) + "\n")
