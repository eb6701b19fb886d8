"""Each erased record: who is still recognised, both controls, and what a comparison of two releases discloses."""

from dataclasses import dataclass

from unlearn_audit.presentation.sections.clinical import cut
from unlearn_audit.presentation.sections.grid import Cell, Grid, gather_reasons, show_finding
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import NONE, format_number, format_percent
from unlearn_audit.records import ALL, NEGATIVE, POSITIVE, Estimate, Finding, Population, Power

_SINGLE = (
    ("worst-record-recognition", "nobody is recognised"),
    ("worst-record-statistic", None),
    ("recognised-records", None),
    ("listed-records", None),
    ("worst-patient-recognition", "nobody is recognised"),
    ("recognised-patients", None),
)
_PAIRED = (
    ("paired-recognition", "0.5: nothing is left"),
    ("paired-recognition-mean", "0: nothing is left"),
    ("checkpoint-spread", "calibrated by its references"),
)
_DISCLOSED = (
    ("disclosure", "0.5: nothing"),
    ("retained-disclosure", "0.5: nothing"),
    ("reconstruction-rank", "1: found at once"),
)
_RETURNED = (
    ("dormant-memory", "0.5: nothing"),
    ("returned-accuracy", None),
)
"""Metrics of each table, and what a reader must know of the number."""
_POPULATIONS = (ALL, POSITIVE, NEGATIVE)
_PROCEDURE = "models made as this one was"
_ALPHA = 0.05


@dataclass(frozen=True)
class Patients:
    """Sentences that say what the tables show, and the tables."""

    sentences: tuple[str, ...]
    grids: tuple[Grid, ...]


def summarise(index: Index) -> str | None:
    """Return the sentence of page one, None where nothing was asked about single records."""
    unit, found = _find_counts(index, index.audited)
    if found is None:
        return None
    if found.estimate is None:
        return f"Whether single erased {unit} are still recognised was not tested: {found.not_run}."
    count, n = int(found.estimate.value), found.estimate.n
    if count:
        verb = "is" if count == 1 else "are"
        text = f"{count} of {n} erased {unit} {verb} still recognised by {_PROCEDURE}"
        return f"{text}{_describe_class(index, unit, count)}."
    test = index.find(_name_test(unit), index.audited)
    power = test.estimate.power if test and test.estimate else None
    return f"None of {n} erased {unit} stands out to {_PROCEDURE}. {_describe_power(power)}"


def _find_counts(index: Index, model: str, among: Population = ALL) -> tuple[str, Finding | None]:
    """Return whom the count is about, 'patients' where the data say whose record it is, and the count."""
    patients = index.find("recognised-patients", model, among=among)
    if patients is not None and patients.estimate is not None:
        return "patients", patients
    return "records", index.find("recognised-records", model, among=among)


def _name_test(unit: str) -> str:
    return "worst-patient-recognition" if unit == "patients" else "worst-record-recognition"


def _describe_class(index: Index, unit: str, count: int) -> str:
    name = "recognised-patients" if unit == "patients" else "recognised-records"
    positive = index.find(name, index.audited, among=POSITIVE)
    if positive is None or positive.estimate is None:
        return ""
    among = int(positive.estimate.value)
    if among == count:
        text = "it is" if count == 1 else "both are" if count == 2 else f"all {count} are"  # noqa: PLR2004 - a pair
    else:
        text = f"{among or 'none'} of them {'is' if among < 2 else 'are'}"  # noqa: PLR2004 - singular
    return f"; {text} {index.positive}"


def _describe_power(power: Power | None) -> str:
    if power is None:
        return "How surely one would have been found was not asked for."
    who = "one" if power.records == 1 else f"{power.records}"
    share = format_percent(round(power.value, 2))
    return f"Had such models remembered {who} clearly, {share} of audits like this find it."


def present_patients(index: Index) -> Patients:
    """Return words and tables; the controls stand in the tables beside the audited model."""
    brief = summarise(index)
    if brief is None:
        return Patients((), ())
    sentences = (brief, *_describe_controls(index), *_describe_checkpoint(index), *_describe_disclosure(index))
    grids = (
        *_tabulate(index, "single", "Single records and patients, by randomisation over the pairs", _SINGLE),
        *_tabulate(index, "pairs", "The same pairs, on average", _PAIRED),
        *_tabulate(index, "disclosed", "Comparison with the original: AUC of the change of answers", _DISCLOSED),
        *_tabulate(index, "returned", "After a little training on retained records alone", _RETURNED),
    )
    return Patients(sentences, grids)


def _describe_controls(index: Index) -> tuple[str, ...]:
    """Return what the test says where the truth is known: without both controls it would prove nothing."""
    unit, _ = _find_counts(index, index.audited)
    lines = []
    for role, expected, known in (("original", False, "which remember"), ("retrained", True, "which cannot remember")):
        name = index.find_name(role)
        found = index.find(_name_test(unit), name) if name else None
        if found is None or found.estimate is None:
            reason = found.not_run if found is not None else "the case has no such model"
            lines.append(f"Control, {role} models: not run: {reason}.")
            continue
        silent = found.estimate.value >= _ALPHA
        word = "as it must" if silent is expected else "which it must not: do not rely on this test here"
        text = "finds nobody" if silent else f"finds {found.estimate.events or 'some'}"
        lines.append(f"Control, {role} models, {known}: the test {text} (p = {found.estimate.value:.2g}), {word}.")
    return tuple(lines)


def _describe_checkpoint(index: Index) -> tuple[str, ...]:
    found = index.find("checkpoint-spread", index.audited)
    if found is None or found.estimate is None or found.estimate.interval is None:
        return ()
    estimate, ends = found.estimate, found.estimate.interval
    inside = ends.low <= estimate.value <= ends.high
    word = (
        "one more of the models that this procedure makes: what the pairs say holds for it as for any other"
        if inside
        else "an outlier among the models that this procedure makes: what the pairs say need not hold for it"
    )
    shown = f"{format_number(estimate.value)}, expected {format_number(ends.low)} to {format_number(ends.high)}"
    return (f"The audited model is {word} ({shown}).",)


def _describe_disclosure(index: Index) -> tuple[str, ...]:
    found = index.find("disclosure", index.audited, against="original")
    if found is None or found.estimate is None:
        return ()
    exact = index.find("disclosure", index.find_name("retrained") or "", against="original")
    beside = f"; after retraining {format_number(exact.estimate.value)}" if exact and exact.estimate else ""
    text = f"AUC {format_number(found.estimate.value)}{beside}. Exact erasure is not exempt from this."
    who = "Whoever keeps the original and compares it with the audited model"
    return (f"{who} tells an erased record from a stranger's with {text}",)


def _tabulate(index: Index, id_: str, caption: str, metrics: tuple[tuple[str, str | None], ...]) -> tuple[Grid, ...]:
    grids = []
    for number, part in enumerate(cut(tuple(card.name for card in index.models))):
        rows: list[tuple[Cell, ...]] = []
        seen: list[Finding | None] = []
        for metric, what in metrics:
            for among in _POPULATIONS:
                found = tuple(index.find(metric, name, among=among) for name in part)
                if any(finding is not None and finding.estimate is not None for finding in found):
                    below = "; ".join(filter(None, (what, _name_population(index, among)))) or None
                    rows.append((Cell(index.title(metric), below), *map(_show, found)))
                seen += found
        if rows:
            heads = ("Measure", *map(index.name, part))
            grids.append(Grid(f"patients-{id_}-{number}", caption, heads, tuple(rows), gather_reasons(tuple(seen))))
    return tuple(grids)


def _name_population(index: Index, among: Population) -> str | None:
    return {POSITIVE: f"{index.positive} only", NEGATIVE: f"{index.negative} only"}.get(among)


def _show(finding: Finding | None) -> Cell:
    """Return the number over its interval; under a p-value the power, under an average its own p."""
    shown = show_finding(finding)
    estimate = finding.estimate if finding is not None else None
    below = _describe_below(estimate) if estimate is not None else None
    return Cell(shown.text, "; ".join(filter(None, (shown.below, below))) or None, "number") if estimate else shown


def _describe_below(estimate: Estimate) -> str | None:
    if estimate.power is not None:
        return f"power {format_percent(round(estimate.power.value, 2))}"
    return f"p = {estimate.p:.2g}" if estimate.p is not None else None


def name_unit(index: Index) -> str:
    """Return what is counted: 'patients' where the data say whose record it is, else 'records'."""
    return _find_counts(index, index.audited)[0]


def describe_count(index: Index, model: str) -> str:
    """Return how many of a model's erased records are recognised, such as '2 of 60, 2 of 22 malignant'."""
    lines = []
    for among, word in ((ALL, ""), (POSITIVE, f" {index.positive}")):
        found = _find_counts(index, model, among)[1]
        if found is not None and found.estimate is not None:
            lines.append(f"{int(found.estimate.value)} of {found.estimate.n}{word}")
    return ", ".join(lines) or NONE
