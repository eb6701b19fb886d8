"""The page of a study in Markdown: a function of the result alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from unlearn_audit.formats.markdown import draw_table, escape
from unlearn_audit.policy import Claim
from unlearn_audit.records import Estimate, Population
from unlearn_audit.study.by_class import BY_CLASS
from unlearn_audit.study.by_subgroup import PREFIX as AMONG
from unlearn_audit.study.measure import Measure
from unlearn_audit.study.measures import POPULATION, list_measures
from unlearn_audit.study.recognition_table import write_recognition
from unlearn_audit.study.relearning import PREFIX
from unlearn_audit.study.result import Answer, CellResult, Row, StudyResult

_BETTER = {"lower": "lower is better", "higher": "higher is better", "half": "0.5: as if never seen"}
OUTCOMES = {"holds": "**holds**", "contradicted": "**contradicted**", "open": "open"}
_LONGEST = 2_000


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
    attacks = [name.removesuffix("-all") for name in asked if name.endswith("-all") and not name.startswith(PREFIX)]
    again = result.study.relearning is not None
    own = result.study.by_class
    groups = [Population.parse(name.removeprefix(AMONG)) for name in asked if name.startswith(AMONG)]
    return list_measures(
        result.study.cost_ratio, result.policy_ratio, tuple(attacks), relearned=again, by_class=own, groups=groups
    )


def _write_head(result: StudyResult) -> Iterator[str]:
    study, recipe, data = result.study, result.recipe, _escape(result.data)
    yield f"# {_escape(study.title)}"
    yield ""
    yield f"<!-- written by 'unlearn-audit study', version {result.version}: do not edit -->"
    yield ""
    yield (
        f"Study `{study.id}` under policy {_escape(result.policy)}. Data: {data} (sha256 `{result.data_sha256[:16]}`). "
        f"Network {recipe.get('model')}, {recipe.get('epochs')} epochs. Operating point '{result.point}'. "
        f"Seeds: {', '.join(map(str, study.seeds))}; each trains its own original and retrained model, and draws its "
        "own records to forget."
    )
    yield ""
    if result.missing:
        yield f"**Unfinished**, {len(result.missing)} missing: {', '.join(result.missing)}."
        yield ""


def _write_cell(result: StudyResult, cell: CellResult, measures: dict[str, Measure]) -> Iterator[str]:
    yield f"## {_escape(show_share(cell.forget))} forgotten"
    yield ""
    yield _describe_cell(result, cell)
    yield ""
    if cell.answers:
        yield from _write_answers(cell.answers, len(result.study.seeds))
    groups = [name for name in measures if name.startswith(AMONG)]
    yield "### On patients"
    yield ""
    yield from _write_rows(
        cell.rows,
        [name for name, m in measures.items() if not m.membership and name not in BY_CLASS and name not in groups],
        measures,
        paired=False,
    )
    if result.study.by_class:
        yield "### Positives and negatives"
        yield ""
        yield from _write_rows(cell.rows, BY_CLASS, measures, paired=False)
    if result.study.by_subgroup:
        yield from _write_subgroups(cell, groups, measures)
    yield "### Forgetting"
    yield ""
    shown = [name for name in _list_forgetting(result, measures) if _has_values(cell.rows, name)]
    yield from _write_rows(cell.rows, shown, measures, paired=False)
    yield "### Less the retrained model, paired by seed and test record"
    yield ""
    rows = [row for row in cell.rows if row.name != "retrained"]
    differences = ["fnr", "risk", "fnr-at-fpr", "auroc", f"{POPULATION}-all", f"{POPULATION}-positive"]
    more = [name for name in measures if name in _list_forgetting(result, measures) and name.endswith("-positive")]
    differences += [name for name in more if name not in differences and _has_values(rows, name)]
    yield from _write_rows(
        rows, [*differences, *(name for name in groups if _has_values(rows, name))], measures, paired=True
    )
    if cell.recognition:
        yield from ("### Each erased record, over pairs of reference models", "")
        yield from (write_recognition(cell.recognition), "")
    yield from _write_troubles(cell)


def _write_subgroups(cell: CellResult, groups: Sequence[str], measures: dict[str, Measure]) -> Iterator[str]:
    """Yield the rates by group, on how many positives each rests, and why a group has none."""
    yield from ("### False-negative rate by subgroup", "")
    first = {name: cell.rows[0].find(name) for name in groups}
    counts = {name: figure.mean.n for name, figure in first.items() if figure.mean is not None}
    if counts:
        yield from _write_rows(cell.rows, list(counts), measures, paired=False)
        listed = ", ".join(f"{count:,} with {measures[name].title}" for name, count in counts.items())
        yield from (f"Positive test records: {_escape(listed)}.", "")
    reasons = [figure.reason for figure in first.values() if figure.reason]
    if not groups:
        reasons = ["the data have none of the policy's subgroups"]
    yield from (f"- {_escape(reason)}." for reason in reasons)
    if reasons:
        yield ""


def _list_forgetting(result: StudyResult, measures: dict[str, Measure]) -> list[str]:
    """One attack on the answers alone, those with reference models that the study asks for, and relearning."""
    attacks = (POPULATION, *(result.study.references.attacks if result.study.references else ()))
    shown = {f"{attack}-{among}" for attack in attacks for among in ("all", "positive")}
    return [name for name in measures if name in shown or name.startswith(PREFIX)]


def _describe_cell(result: StudyResult, cell: CellResult) -> str:
    positives, n = cell.positives["test"], cell.splits["test"]
    share, ratio, trained = positives / n, result.study.cost_ratio, cell.splits["forget"] + cell.splits["retain"]
    return (
        f"{cell.splits['forget']:,} of {trained:,} training records are forgotten, "
        f"{cell.positives['forget']:,} of them positive; {n:,} test records, {positives:,} positive. "
        f"Seeds: {', '.join(map(str, cell.seeds))}. "
        f"Calling everything positive costs {1 - share:.3f} per case, calling nothing so "
        f"{ratio * share:.3f} (ratio {ratio:g}) or {result.policy_ratio * share:.3f} (ratio {result.policy_ratio:g})."
    )


def _write_answers(answers: Sequence[Answer], seeds: int) -> Iterator[str]:
    heads = ("Claim", "Source", "Measured", "Difference", "Seeds that agree", "Answer")
    rows = []
    for answer in answers:
        claim = answer.claim
        asked = f"`{claim.measure}`: {claim.model} {_word_claim(claim)} {claim.than}"
        agree = show_agreement(answer, seeds)
        difference = show_estimate(answer.difference, signed=True)
        said = _escape(claim.says), _escape(claim.source)
        rows.append((*said, asked, difference, agree, OUTCOMES[answer.outcome]))
    yield from (draw_table(heads, rows), "")


def show_agreement(answer: Answer, asked: int, unit: str = "") -> str:
    """Return in how many of its seeds an answer's difference is as claimed, and how many were asked where more were."""
    return f"{answer.agreeing} of {answer.seeds}{unit}" + (f" ({asked} asked)" if answer.seeds < asked else "")


def _word_claim(claim: Claim) -> str:
    if not claim.margin:
        return f"{claim.expected} than"
    return f"not {'higher' if claim.expected == 'lower' else 'lower'} by {claim.margin:g} than"


def _write_rows(
    rows: Iterable[Row], names: Sequence[str], measures: dict[str, Measure], *, paired: bool
) -> Iterator[str]:
    lines = []
    for row in rows:
        found = [row.find(name) for name in names]
        cells = [
            show_estimate(f.difference, signed=True, of=_describe_count(f.pairs, len(f.values)))
            if paired
            else show_estimate(f.mean, of=_describe_count(sum(value is not None for value in f.values), len(f.values)))
            for f in found
        ]
        lines.append((_escape(row.title), *cells))
    yield from (draw_table(("Model", *(measures[name].title for name in names)), lines), "")


def _describe_count(there: int, seeds: int) -> str:
    return "" if there in (0, seeds) else f" ({there} of {seeds})"


def show_share(share: float | Mapping[str, float]) -> str:
    """Return a share in percent, or shares by class in the order of their names, with the digits of the study file."""
    if isinstance(share, Mapping):
        return ", ".join(f"{show_share(part)} of {name}" for name, part in sorted(share.items()))
    return f"{100 * share:g} %"


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


def _has_values(rows: Iterable[Row], measure: str) -> bool:
    return any(row.find(measure).mean is not None for row in rows)


def _write_troubles(cell: CellResult) -> Iterator[str]:
    troubles = list_troubles(cell)
    yield from (f"- {_escape(trouble)}." for trouble in troubles)
    if troubles:
        yield ""


def list_troubles(cell: CellResult) -> list[str]:
    """Return what could not be made, and what collapsed, with seed and reason."""
    found = []
    for row in cell.rows:
        for word, reasons in (
            ("was not made", row.failed),
            ("collapsed", row.collapsed),
            ("was not made again by relearning", row.unrelearned),
        ):
            found += [f"{row.title} {word} with seed {seed}: {reason}" for seed, reason in reasons.items()]
    found += [f"Reference models were not made with seed {seed}: {reason}" for seed, reason in cell.references.items()]
    return found


def _escape(text: str) -> str:
    return escape(text, _LONGEST)


def _write_foot(result: StudyResult) -> Iterator[str]:
    drawn = f"groups of one '{_escape(result.cluster)}'" if result.cluster else "test records"
    yield (
        f"- Intervals are two-sided at {100 * result.confidence:g} %. Of rates, costs and their differences they count "
        f"seeds and {drawn} (two-way bootstrap), with thresholds and validation records as they are; of areas under "
        "curves, of accuracy on what is kept, and of the rate at a threshold found on test, they count seeds alone, on "
        "these records. Each holds by itself: among many some are wrong. None is given for fewer than three seeds, and "
        "where all values are the same, which says nothing about how far others would differ."
    )
    yield (
        "- (2 of 3) after a number: only so many seeds have it. Seeds in which a method failed or collapsed are left "
        "out, which flatters it."
    )
    if any(cell.answers for cell in result.cells):
        yield (
            f"- Claims share the error: each answer is given at {100 * result.claim_confidence:.4g} %, for two sides. "
            "Open means that the interval holds zero (or the margin), that there is none, or that seeds are missing: "
            "neither the claim nor its opposite is shown."
        )
    yield (
        "- A study speaks of methods, trained with these recipes on these data. It says nothing about the next model: "
        "audit that one."
    )
    if any(cell.recognition for cell in result.cells):
        yield (
            "- Each erased record: D is the log-odds of the true class by the model of a pair that trained on a record "
            "and was made to forget it, less that by the one that never saw it; t is the largest of any record, with "
            "its randomisation p. Brackets are one-sided bounds over the pairs of one seed. They speak of procedures."
        )
    yield (
        "- A model that has collapsed to one answer counts in the clinical columns and is left out of the forgetting "
        "columns: a destroyed model looks perfectly forgotten."
    )
    yield (
        "- Further attacks on the answers are in the JSON file. A model that underwent no method has no value of an "
        "attack that is made for one; differences put the retrained model on the statistic of the other's method."
    )
    yield "- The seconds that each model took are in the JSON file; they are of one machine, beside other work."
    yield from (f"- {_escape(note)}" for note in result.study.notes)
