"""Passages of docs/study.md, from the published results of the studies."""

from collections.abc import Callable, Sequence
from pathlib import Path

from unlearn_audit.formats.markdown import draw_table
from unlearn_audit.records import Estimate
from unlearn_audit.study import OUTCOMES, StudyResult, find_measures, show_agreement, show_estimate, show_share
from unlearn_audit.study.by_subgroup import PREFIX as AMONG
from unlearn_audit.study.result import Recognition

DOCS = Path(__file__).resolve().parents[1] / "docs"
_COLUMNS = ("fnr", "risk", "fnr-at-fpr", "auroc", "confidence-positive", "relearned-positive", "u-lira-positive")
_REMEDIES = ("skin", "ultrasound", "tissue", "cytology")


def read_study(name: str) -> StudyResult:
    """Return the published result of the study called `name`."""
    return StudyResult.model_validate_json((DOCS / "appendix" / f"study-{name}.json").read_bytes())


def select_answers(name: str) -> str:
    """Return the table of claims, with a column of answers for each share."""
    result = read_study(name)
    heads = [f"{show_share(cell.forget)} forgotten" for cell in result.cells]
    rows = [
        (claim.says, claim.source, *(_format_answer(result, index, claim.says) for index in range(len(result.cells))))
        for claim in result.study.claims
    ]
    return draw_table(["Claim", "Said by", *heads], rows)


def _format_answer(result: StudyResult, index: int, says: str) -> str:
    for answer in result.cells[index].answers:
        if answer.claim.says == says:
            shown = show_estimate(answer.difference, signed=True)
            seeds = show_agreement(answer, len(result.study.seeds), " seeds")
            return f"{OUTCOMES[answer.outcome]}: {shown}, {seeds}"
    return "-"


def compare_with_paper() -> str:
    """Return the paper's claims, answered by its own settings on a small network and by this project's, by removal."""
    low, high, skin = (read_study(name) for name in ("as-published-small", "as-published-small-64", "skin"))
    tables = []
    for index, (cell, ours) in enumerate(zip(low.cells, skin.cells, strict=True)):
        outcomes = {answer.claim.says: OUTCOMES[answer.outcome] for answer in ours.answers}
        rows = [
            (claim.says, *(_format_answer(result, index, claim.says) for result in (low, high)), outcomes[claim.says])
            for claim in low.study.claims
        ]
        heads = ("its settings, 28 x 28", "its settings, 64 x 64", f"ours, 28 x 28, {show_share(ours.forget)} of all")
        tables += [f"**{show_share(cell.forget)} forgotten**", draw_table(("Claim of the abstract", *heads), rows)]
    return "\n\n".join(tables)


def compare_resolutions() -> str:
    """Return the answers at 28 and at 64 pixels, on the same images."""
    results = [read_study(name) for name in ("skin-28", "skin-64")]
    rows = [
        (claim.says, claim.source, *(_format_answer(result, 0, claim.says) for result in results))
        for claim in results[0].study.claims
    ]
    return draw_table(["Claim", "Said by", "28 x 28", "64 x 64"], rows)


def format_resolutions() -> str:
    """Return the main columns at either resolution."""
    return "\n\n".join(f"**{side} x {side} pixels**\n\n{_format_rows(f'skin-{side}', _COLUMNS)}" for side in (28, 64))


def format_subgroups() -> str:
    """Return who misses how much in each group at 64 pixels, and on how many positives that rests."""
    result = read_study("skin-64")
    first = result.cells[0].rows[0]
    groups = [name for name in find_measures(result) if name.startswith(AMONG) and first.find(name).mean]
    counts = ", ".join(
        f"{mean.n} with {name.removeprefix(AMONG)}" for name in groups if (mean := first.find(name).mean)
    )
    return f"{_format_rows('skin-64', groups)}\n\nMalignant test records: {counts}."


def _read_remedies() -> dict[str, StudyResult]:
    return {kind: read_study(f"remedies-{kind}") for kind in _REMEDIES}


def format_left() -> str:
    """Return how many erased records each seed leaves recognised after each remedy, by data set."""
    results = _read_remedies()
    titles = {row.name: row.title for result in results.values() for row in result.cells[0].rows}
    heads = []
    for kind, result in results.items():
        counts = {_find_left(row).n for row in result.cells[0].recognition}
        heads.append(f"{kind}, of {' or '.join(str(count) for count in sorted(counts))}")
    rows = [
        (title.removesuffix(", 10 %"), *(_list_left(result, name) for result in results.values()))
        for name, title in titles.items()
        if not name.endswith("-25")  # on cytology alone, at a quarter of a training
    ]
    return draw_table(["Remedy", *heads], rows)


def _find_left(row: Recognition) -> Estimate:
    found = row.find("recognised-records").estimate
    if found is None:
        raise ValueError(f"{row.title} was not looked at in seed {row.seed}")
    return found


def _list_left(result: StudyResult, model: str) -> str:
    counts = [f"{_find_left(row).value:.0f}" for row in result.cells[0].recognition if row.model == model]
    return ", ".join(counts) or "-"


def compare_remedies() -> str:
    """Return the answers on each remedy's ranking and risk, by data set."""
    results = _read_remedies()
    claims = dict.fromkeys(claim.says for result in results.values() for claim in result.study.claims)
    rows = [(says, *(_format_answer(result, 0, says) for result in results.values())) for says in claims]
    return draw_table(["Claim", *results], rows)


def _format_rows(name: str, measures: Sequence[str], cell: int = 0) -> str:
    """Return a cell's table of means over seeds with their intervals, a row for a model."""
    result = read_study(name)
    titles = {measure: row.title for measure, row in find_measures(result).items()}
    shown = [measure for measure in measures if measure in titles]
    rows = []
    for row in result.cells[cell].rows:
        mark = f" (collapsed in {len(row.collapsed)})" if row.collapsed else ""
        rows.append((f"{row.title}{mark}", *(show_estimate(row.find(m).mean) for m in shown)))
    return draw_table(["Model", *(titles[measure] for measure in shown)], rows)


def format_numbers(name: str) -> str:
    """Return the main columns of every cell: means over seeds with their intervals."""
    parts: list[str] = []
    for index, cell in enumerate(read_study(name).cells):
        parts += [f"### {show_share(cell.forget)} forgotten, means over {len(cell.seeds)} seeds", ""]
        parts += [_format_rows(name, _COLUMNS, index), ""]
    return "\n".join(parts[:-1])


def list_passages(names: Sequence[str]) -> dict[tuple[str, str], Callable[[], str]]:
    """Return what fills the marks of the page."""
    found: dict[tuple[str, str], Callable[[], str]] = {}
    for name in names:
        found["study.md", f"{name}-answers"] = lambda name=name: select_answers(name)
    found["study.md", "skin-numbers"] = lambda: format_numbers("skin")
    found["study.md", "remedies-left"] = format_left
    found["study.md", "remedies-answers"] = compare_remedies
    found["study.md", "paper-answers"] = compare_with_paper
    found["study.md", "resolution-answers"] = compare_resolutions
    found["study.md", "resolution-numbers"] = format_resolutions
    found["study.md", "resolution-subgroups"] = format_subgroups
    return found
