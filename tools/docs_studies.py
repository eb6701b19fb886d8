"""Passages of docs/study.md, from the published results of the studies."""

from collections.abc import Callable, Sequence
from pathlib import Path

from unlearn_audit.study import OUTCOMES, StudyResult, find_measures, show_estimate, show_share

DOCS = Path(__file__).resolve().parents[1] / "docs"
_COLUMNS = ("fnr", "risk", "fnr-at-fpr", "auroc", "confidence-positive", "relearned-positive", "u-lira-positive")


def read_study(name: str) -> StudyResult:
    """Return the published result of the study called `name`."""
    return StudyResult.model_validate_json((DOCS / "appendix" / f"study-{name}.json").read_bytes())


def select_answers(name: str) -> str:
    """Return the table of claims, with a column of answers for each share."""
    result = read_study(name)
    heads = [f"{show_share(cell.forget)} forgotten" for cell in result.cells]
    lines = [f"| Claim | Said by | {' | '.join(heads)} |", "|---" * (2 + len(heads)) + "|"]
    for claim in result.study.claims:
        answers = [_format_answer(result, index, claim.says) for index in range(len(result.cells))]
        lines.append(f"| {claim.says} | {claim.source} | {' | '.join(answers)} |")
    return "\n".join(lines)


def _format_answer(result: StudyResult, index: int, text: str) -> str:
    for answer in result.cells[index].answers:
        if answer.claim.says == text:
            shown = show_estimate(answer.difference, signed=True)
            return f"{OUTCOMES[answer.outcome]}: {shown}, {answer.agreeing} of {answer.seeds} seeds"
    return "-"


def format_numbers(name: str) -> str:
    """Return the main columns of every cell: means over seeds with their intervals."""
    result = read_study(name)
    titles = {measure: row.title for measure, row in find_measures(result).items()}
    parts: list[str] = []
    for cell in result.cells:
        measures = [measure for measure in _COLUMNS if measure in titles]
        parts += [f"### {show_share(cell.forget)} forgotten, means over {len(cell.seeds)} seeds", ""]
        parts += [f"| Model | {' | '.join(titles[m] for m in measures)} |", "|---" * (1 + len(measures)) + "|"]
        for row in cell.rows:
            shown = [show_estimate(row.find(m).mean) for m in measures]
            mark = f" (collapsed in {len(row.collapsed)})" if row.collapsed else ""
            parts.append(f"| {row.title}{mark} | {' | '.join(shown)} |")
        parts.append("")
    return "\n".join(parts[:-1])


def list_passages(names: Sequence[str]) -> dict[tuple[str, str], Callable[[], str]]:
    """Return what fills the marks of the page."""
    found: dict[tuple[str, str], Callable[[], str]] = {}
    for name in names:
        found["study.md", f"{name}-answers"] = lambda name=name: select_answers(name)
    found["study.md", "skin-numbers"] = lambda: format_numbers("skin")
    return found
