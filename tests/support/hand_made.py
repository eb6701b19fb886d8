"""A small study result made by hand: every kind of line that a page can have, and no training."""

from unlearn_audit.policy import StudyFile
from unlearn_audit.records import Estimate, Interval, Unit, quote_text
from unlearn_audit.study import Answer, CellResult, Figure, Row, StudyResult
from unlearn_audit.study.measures import list_measures

NAMES = list(list_measures(5, 10, ("confidence", "u-lira")))
MODELS = {
    "original": ("Original", 0.10, 0.62),
    "retrained": ("Retrained", 0.12, 0.50),
    "salun": ("SalUn | 50 %", 0.16, 0.47),
    "warm": ("Warm *restart*", 0.13, 0.51),
    "gone": ("Gradient ascent", None, None),
}


def estimate(value, reach=0.02, unit=Unit.PROPORTION):
    ends = Interval(low=value - reach, high=value + reach, confidence=0.95, method=quote_text("by hand"), sides="two")
    return Estimate(value=value, unit=unit, n=3, interval=ends if reach else None)


def make_row(name, shift):
    title, missed, remembered = MODELS[name]
    figures = []
    for measure in NAMES:
        base = remembered if measure.rpartition("-")[0] in {"confidence", "u-lira", "relearned"} else missed
        absent = base is None or (measure.startswith("u-lira") and name != "salun")
        value = None if absent else round(base + shift, 4)
        partly = measure.startswith("u-lira")
        figures.append(
            Figure(
                measure=measure,
                values=(None,) * 3 if absent else (value, None, None) if partly else (value,) * 3,
                mean=None if absent else estimate(value, 0 if partly else 0.02),
                difference=None if absent or name == "retrained" else estimate(round(value - 0.12, 4)),
                pairs=0 if absent or name == "retrained" else 1 if partly else 3,
                reason="not made" if absent else None,
            )
        )
    return Row(
        name=name,
        title=title,
        method=name,
        seconds=None if missed is None else 12.4,
        failed={"1": "training diverged", "2": "training diverged"} if missed is None else {},
        collapsed={"3": "calls 0.0% of the test records positive"} if missed is None else {},
        unrelearned={"2": "training diverged"} if name == "salun" else {},
        figures=tuple(figures),
    )


def make_result(**changes):
    models = [
        {"name": name, "title": title, "method": "salun"}
        for name, (title, *_) in MODELS.items()
        if name not in {"original", "retrained"}
    ]
    claims = [
        {"says": "SalUn misses <more>.", "source": "A paper", "measure": "fnr", "model": "salun", "expected": "higher"}
        | {"than": than, "margin": margin}
        for than, margin in (("original", 0.0), ("retrained", 0.05), ("warm", 0.0))
    ]
    study = StudyFile.model_validate(
        {
            "schema": "unlearn-audit/study/v1",
            "id": "by-hand",
            "title": "A study by hand",
            "policy": "by-hand",
            "seeds": (1, 2, 3),
            "cells": [{"forget": share, "models": models} for share in (0.2, 0.125)],
            "relearning": {"of": ("salun",)},
            "references": {"models": 4, "seeds": (1,), "of": ("salun",)},
            "claims": claims,
            "notes": ("Made by hand | for a test.",),
        }
    )
    outcomes = ("holds", "contradicted", "open")
    answers = tuple(
        Answer(claim=claim, difference=estimate(0.05), agreeing=2, seeds=3 - index % 2, outcome=outcome)
        for index, (claim, outcome) in enumerate(zip(study.claims, outcomes, strict=True))
    )
    cells = tuple(
        CellResult(
            forget=cell.forget,
            seeds=(1, 2, 3),
            splits={"retain": 800, "forget": 200, "validation": 100, "test": 500},
            positives={"retain": 200, "forget": 50, "validation": 20, "test": 100},
            rows=tuple(make_row(name, 0.01 * index) for name in MODELS),
            references={"1": "too few candidates"} if index else {},
            answers=() if index else answers,
        )
        for index, cell in enumerate(study.cells)
    )
    settings = {
        "version": "1.2.3",
        "study": study,
        "policy": "by-hand 1",
        "settings_sha256": "ab" * 32,
        "policy_ratio": 10.0,
        "point": "cost-optimal",
        "data": "Images | by hand",
        "data_sha256": "cd" * 32,
        "recipe": {"model": "small-cnn", "epochs": 20},
        "environment": {"python": "3.11"},
        "confidence": 0.95,
        "claim_confidence": 1 - 0.05 / 3,
        "cluster": "lesion_id",
        "cells": cells,
        "missing": ("forget-0.2-seed-4",),
    }
    return StudyResult(schema_="unlearn-audit/study-result/v1", **(settings | changes))
