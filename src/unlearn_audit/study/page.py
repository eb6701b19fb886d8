"""The page of a study: Markdown from its result alone, the same result the same text."""

from collections.abc import Iterable, Iterator, Sequence

from unlearn_audit.policy import Claim
from unlearn_audit.records import Estimate
from unlearn_audit.study.measures import Measure, list_measures
from unlearn_audit.study.result import Answer, CellResult, Row, StudyResult

_CLINICAL = (
    "fnr", "fpr", "risk", "fnr-calibrated", "fnr-at-fpr", "auroc", "risk-frozen", "risk-own", "retain-accuracy",
)  # fmt: skip
_BETTER = {"lower": "lower is better", "higher": "higher is better", "half": "0.5: as if never seen"}
_OUTCOME = {"holds": "**holds**", "contradicted": "**contradicted**", "open": "open"}
_POPULATION = "confidence"


def write_page(result: StudyResult) -> str:
    """Return the page as Markdown."""
    measures = find_measures(result)
    lines = [*_write_head(result)]
    for cell in result.cells:
        lines += _write_cell(result, cell, measures)
    lines += ["## What the columns are", ""]
    lines += [f"- **{m.title}** (`{name}`): {m.about}; {_BETTER[m.better]}." for name, m in measures.items()]
    lines += ["", "## How to read it", "", *_write_foot(result), ""]
    return "\n".join(lines)


def find_measures(result: StudyResult) -> dict[str, Measure]:
    """Return the measures of the study, in the order of the tables."""
    asked = [figure.measure for figure in result.cells[0].rows[0].figures]
    attacks = dict.fromkeys(name.rpartition("-")[0] for name in asked if name.endswith("-all"))
    attacks.pop("relearned", None)
    return list_measures(result.study.cost_ratio, result.policy_ratio, tuple(attacks))


def _write_head(result: StudyResult) -> Iterator[str]:
    study, recipe = result.study, result.recipe
    yield f"# {study.title}"
    yield ""
    yield f"<!-- written by 'unlearn-audit study', version {result.version}: do not edit -->"
    yield ""
    yield (
        f"Study `{study.id}` under policy {result.policy}. Data: {result.data} (sha256 `{result.data_sha256[:16]}`). "
        f"Network {recipe.get('model')}, {recipe.get('epochs')} epochs. Seeds: {', '.join(map(str, study.seeds))}; "
        "each trains its own original and retrained model, and draws its own records to forget."
    )
    yield ""
    if result.missing:
        yield f"**Unfinished**: {len(result.missing)} cells are missing ({', '.join(result.missing)})."
        yield ""


def _write_cell(result: StudyResult, cell: CellResult, measures: dict[str, Measure]) -> Iterator[str]:
    yield f"## {cell.forget:.0%} forgotten"
    yield ""
    yield _describe_cell(result, cell)
    yield ""
    if cell.answers:
        yield from _write_answers(cell.answers)
    yield "### On patients"
    yield ""
    yield from _write_rows(cell.rows, [m for m in _CLINICAL if m in measures], measures, paired=False, seconds=True)
    yield "### Forgetting"
    yield ""
    shown = [name for name in _list_forgetting(result, measures) if _has_values(cell.rows, name)]
    yield from _write_rows(cell.rows, shown, measures, paired=False)
    yield "### Less the retrained model, paired by seed and patient"
    yield ""
    differences = ["fnr", "risk", "fnr-at-fpr", "auroc", f"{_POPULATION}-all", f"{_POPULATION}-positive"]
    differences += [
        name for name in ("u-lira-positive", "relearned-positive") if name in measures and _has_values(cell.rows, name)
    ]
    rows = [row for row in cell.rows if row.name != "retrained"]
    yield from _write_rows(rows, differences, measures, paired=True)
    yield from _write_troubles(cell)


def _list_forgetting(result: StudyResult, measures: dict[str, Measure]) -> list[str]:
    """One attack on the answers alone, those with reference models that the study asks for, and relearning."""
    attacks = (_POPULATION, *(result.study.references.attacks if result.study.references else ()), "relearned")
    return [name for name in measures if name.rpartition("-")[0] in attacks and name not in _CLINICAL]


def _describe_cell(result: StudyResult, cell: CellResult) -> str:
    positives, n = cell.positives["test"], cell.splits["test"]
    share, ratio, trained = positives / n, result.study.cost_ratio, cell.splits["forget"] + cell.splits["retain"]
    return (
        f"{cell.splits['forget']:,} of {trained:,} training records are forgotten, "
        f"{cell.positives['forget']:,} of them positive; {n:,} test records, {positives:,} positive. {len(cell.seeds)} "
        f"seeds. Calling everything positive costs {1 - share:.3f} per case, calling nothing so "
        f"{ratio * share:.3f} (ratio {ratio:g}) or {result.policy_ratio * share:.3f} (ratio {result.policy_ratio:g})."
    )


def _write_answers(answers: Sequence[Answer]) -> Iterator[str]:
    yield "| Claim | Source | Measured | Difference | Seeds that agree | Answer |"
    yield "|---|---|---|---|---|---|"
    for answer in answers:
        claim = answer.claim
        asked = f"`{claim.measure}`: {claim.model} {_word_claim(claim)} {claim.than}"
        agree = f"{answer.agreeing} of {answer.seeds}"
        difference = show_estimate(answer.difference, signed=True)
        yield f"| {claim.says} | {claim.source} | {asked} | {difference} | {agree} | {_OUTCOME[answer.outcome]} |"
    yield ""


def _word_claim(claim: Claim) -> str:
    if not claim.margin:
        return f"{claim.expected} than"
    return f"not {'higher' if claim.expected == 'lower' else 'lower'} by {claim.margin:g} than"


def _write_rows(
    rows: Iterable[Row], names: Sequence[str], measures: dict[str, Measure], *, paired: bool, seconds: bool = False
) -> Iterator[str]:
    heads = ["Model", *(measures[name].title for name in names), *(["Seconds"] if seconds else [])]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for row in rows:
        found = [row.find(name) for name in names]
        cells = [
            show_estimate(f.difference if paired else f.mean, signed=paired, of=_tell_count(f.values)) for f in found
        ]
        yield f"| {' | '.join([row.title, *cells, *([_show_seconds(row)] if seconds else [])])} |"
    yield ""


def _tell_count(values: Sequence[float | None]) -> str:
    there = sum(value is not None for value in values)
    return "" if there in (0, len(values)) else f" ({there} of {len(values)})"


def show_estimate(estimate: Estimate | None, *, signed: bool = False, of: str = "") -> str:
    """Return a mean with its interval, as the tables print it; a dash where there is none."""
    if estimate is None:
        return "-"
    value = f"{estimate.value:+.3f}" if signed else f"{estimate.value:.3f}"
    ends = estimate.interval
    if ends is None:
        return f"{value}{of}"
    low, high = (f"{end:+.3f}" if signed else f"{end:.3f}" for end in (ends.low, ends.high))
    return f"{value} [{low}, {high}]{of}"


def _show_seconds(row: Row) -> str:
    return "-" if row.seconds is None else f"{row.seconds:.0f}"


def _has_values(rows: Iterable[Row], measure: str) -> bool:
    return any(row.find(measure).mean is not None for row in rows)


def _write_troubles(cell: CellResult) -> Iterator[str]:
    for row in cell.rows:
        for word, told in (("was not made", row.failed), ("collapsed", row.collapsed)):
            for seed, reason in told.items():
                yield f"- {row.title} {word} with seed {seed}: {reason}."
    yield ""


def _write_foot(result: StudyResult) -> Iterator[str]:
    answers = sum(len(cell.answers) for cell in result.cells)
    yield (
        f"- Intervals are two-sided at {result.confidence:.0%}. Of rates, costs and their differences they count seeds "
        "and patients (two-way bootstrap); of areas under curves, and of rates at a threshold found on test, they "
        "count seeds alone, on these test images. Each holds by itself: among many some are wrong."
    )
    if answers:
        level = 1 - (1 - result.confidence) / answers
        yield (
            f"- Claims share the error: {answers} answers, each at {level:.2%}. Open: the interval holds zero "
            "(or the margin): more seeds or patients are needed, and neither the claim nor its opposite is shown."
        )
    yield (
        "- A study speaks of methods, trained with these recipes on these data. It says nothing about the next model: "
        "audit that one."
    )
    yield (
        "- A model that has collapsed to one answer counts in the clinical columns and is left out of the forgetting "
        "columns: a destroyed model looks perfectly forgotten."
    )
    yield (
        "- Further attacks on the answers are in the JSON file. A model that underwent no method has no value of an "
        "attack that is made for one; differences put the retrained model on the statistic of the other's method."
    )
    yield "- Seconds are wall time on one thread of the machine that made it, beside other work."
    yield from (f"- {note}" for note in result.study.notes)
