"""The exploration panel: Global Risk at other cost ratios and thresholds, from the record's own counts.

Point estimates only, beside the signed verdict and never in its place.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import format_number, format_point
from unlearn_audit.records import ALL, Finding, OperatingPoint, ThresholdCounts
from unlearn_audit.records.trivial_models import TRIVIAL_MODELS

_WIDEST = 100.0


@dataclass(frozen=True)
class Exploration:
    """The panel's controls, and its numbers as JSON that can stand inside HTML."""

    points: tuple[tuple[str, str], ...]
    """Name and reader's name of each operating point that has counts."""
    ratio: float
    """The policy's own cost ratio, where the slider begins."""
    widest: int
    thresholds: int
    """Thresholds of the slider; 0 where the record holds no counts at thresholds, so that there is no slider."""
    marks: tuple[tuple[int, str], ...]
    """Place on that slider, and reader's name, of each operating point that is a threshold."""
    data: str


def present_exploration(index: Index) -> Exploration | None:
    """Return the panel, None where the record holds no counts or the policy no costs to start from."""
    costs = index.policy.get("costs", {})
    miss, alarm = costs.get("false_negative"), costs.get("false_positive")
    points = [point for point in (_describe_point(index, name, alarm) for name in index.points) if point["rows"]]
    if not miss or not alarm or not points:
        return None
    ratio = miss / alarm
    counts = index.record.threshold_counts
    return Exploration(
        points=tuple((point["name"], point["title"]) for point in points),
        ratio=ratio,
        widest=int(max(_WIDEST, 2 * ratio, *costs.get("ratios", ()))),
        thresholds=len(counts.thresholds) if counts else 0,
        marks=tuple((point["place"], point["title"]) for point in points if point["place"] is not None),
        data=embed({"ratio": ratio, "points": points, "grid": _describe_grid(index, counts) if counts else None}),
    )


def embed(value: Any) -> str:
    """Return `value` as JSON that ends no script element, whatever texts are in it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _describe_point(index: Index, point: OperatingPoint, alarm: float) -> dict[str, Any]:
    threshold = index.find_all("threshold", at=point)
    found = threshold[0].estimate if threshold else None
    counts = index.record.threshold_counts
    listed = counts.thresholds if counts else ()
    return {
        "name": str(point),
        "title": format_point(point),
        "threshold": format_number(found.value) if found else None,
        "place": listed.index(found.value) if found and found.value in listed else None,
        "ceiling": _find_ceiling(index, point, alarm),
        "rows": list(_list_counts(index, point)),
    }


def _find_ceiling(index: Index, point: OperatingPoint, alarm: float) -> float | None:
    """Return the policy's strictest ceiling on Global Risk at `point`, in false positives per case as the rows are."""
    limits = [
        check.limit.at_most
        for check in index.record.verdict.checks
        if check.key.metric == "global-risk" and check.key.against is None and check.key.among == ALL
        if (check.key.at or index.point) == point and check.limit.at_most is not None
    ]
    return min(limits) / alarm if limits and alarm else None


def _list_counts(index: Index, point: OperatingPoint) -> Iterator[dict[str, Any]]:
    for model in (*(card.name for card in index.models), *TRIVIAL_MODELS):
        missed = _find_count(index.find("false-negatives", model, at=point))
        alarms = _find_count(index.find("false-positives", model, at=point))
        if missed and alarms:
            counts = {"fn": missed[0], "fp": alarms[0], "positives": missed[1], "negatives": alarms[1]}
            yield {"title": index.name(model), "audited": model == index.audited, **counts}


def _find_count(finding: Finding | None) -> tuple[int, int] | None:
    """Return events and the records they were counted among."""
    estimate = finding.estimate if finding else None
    return (int(estimate.value), estimate.n) if estimate else None


def _describe_grid(index: Index, counts: ThresholdCounts) -> dict[str, Any]:
    """Return the counts at every threshold, models in the order of the report; the trivial ones do not move."""
    by_name = {errors.model: errors for errors in counts.models}
    length = len(counts.thresholds)
    trivial = {
        name: ([0] * length, [counts.negatives] * length)
        if model.predicts_positive
        else ([counts.positives] * length, [0] * length)
        for name, model in TRIVIAL_MODELS.items()
    }
    listed = {
        card.name: (by_name[card.name].false_negatives, by_name[card.name].false_positives)
        for card in index.models
        if card.name in by_name
    }
    return {
        "thresholds": counts.thresholds,
        "positives": counts.positives,
        "negatives": counts.negatives,
        "models": [
            {"title": index.name(name), "audited": name == index.audited, "fn": missed, "fp": alarms}
            for name, (missed, alarms) in {**listed, **trivial}.items()
        ],
    }
