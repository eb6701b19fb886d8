"""Forgetting: every attack on every model, and what was not tested at all."""

from unlearn_audit.presentation.sections.clinical import cut
from unlearn_audit.presentation.sections.grid import Cell, Grid, gather_reasons, show_finding
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.sections.placement import list_forgetting
from unlearn_audit.presentation.wording import format_number, format_point
from unlearn_audit.records import ALL, NEGATIVE, POSITIVE, Finding, MetricKey, Population

_UNTESTED = (
    ("LiRA (reference models)", ("lira",), "arXiv 2112.03570"),
    ("U-LiRA (unlearned reference models)", ("u-lira",), "arXiv 2403.01218"),
    ("RMIA (reference models)", ("rmia",), "arXiv 2312.03262"),
    ("BASE (reference models)", ("base",), "arXiv 2505.24089"),
    ("Recognition of single records (pairs of reference models)", ("single-records",), "Westfall and Young 1993"),
    ("SWAP test (exchanged runs)", ("swap",), "arXiv 2404.11577"),
    ("Model inversion", ("inversion",), "EDPB Opinion 28/2024"),
    ("Reconstruction of training records", ("reconstruction",), "EDPB Opinion 28/2024"),
    ("Exfiltration of training records", ("exfiltration",), "EDPB Opinion 28/2024"),
    ("Attribute inference", ("attribute-inference",), "EDPB Opinion 28/2024"),
    ("Relearning on retained records", ("relearning",), "arXiv 2505.22310"),
    ("Attacks that compare original and unlearned", ("differencing",), "Chen et al., CCS 2021"),
)

_OTHERS = (
    ("swap", "swap-quality", "quality of the method"),
    ("single-records", "worst-record-recognition", "p of 'no single record is recognised'"),
    ("differencing", "disclosure", "AUC of the change of answers"),
    ("relearning", "dormant-memory", "AUC of what comes back"),
    ("reconstruction", "reconstruction-rank", "by difference of two linear models, median rank"),
)
"""Attacks that have a metric of their own."""
_MOST_ROWS = 16
_NULL = "membership-null"
"""The column of the models that never saw the records, named as their metric."""
_EXPLAIN_NULL = (
    (
        "Attacks with reference models compare with the controls among the test records. Models that never saw the "
        "records: each reference model, attacked on the half of the candidates that it was not trained on; their mean, "
        "and where one more such model is expected."
    ),
)


def present_attacks(index: Index) -> tuple[Grid, ...]:
    """Return one grid per population and part of the models: AUC of each attack with its interval.

    Where there are reference models, what the attack finds on those that never saw the records stands beside it.
    """
    populations = dict.fromkeys(f.key.among for f in index.find_all("membership-auc") if not f.key.among.is_subgroup)
    grids: list[Grid] = []
    for among in populations:
        words = {ALL: "all forget records", POSITIVE: f"{index.positive} forget records alone"}
        shown = words.get(among, str(among))
        beside = (_NULL,) if index.find(_NULL, index.audited, among=among) else ()
        for number, models in enumerate(cut(index.compared)):
            part = (*models, *beside)
            found = {a: tuple(_find_auc(index, m, among, a) for m in part) for a in index.attacks}
            rows = tuple((Cell(attack), *map(show_finding, row)) for attack, row in found.items() if any(row))
            notes = gather_reasons(tuple(f for row in found.values() for f in row))
            notes += _EXPLAIN_NULL if beside and not grids else ()
            heads = ("Attack", *(index.title(m) if m == _NULL else index.name(m) for m in part))
            caption = f"{index.title('membership-auc')}, {shown}, against the test split (0.5: not told apart)"
            grids.append(Grid(f"attacks-{among}-{number}", caption, heads, rows, notes))
    return tuple(grid for grid in grids if grid.rows)


def _find_auc(index: Index, column: str, among: Population, attack: str) -> Finding | None:
    if column == _NULL:
        return index.find(_NULL, index.audited, among=among, attack=attack)
    return index.find("membership-auc", column, among=among, attack=attack)


def _describe_key(index: Index, key: MetricKey) -> str | None:
    """Return all of a key but its metric and model, in words."""
    among = {ALL: None, POSITIVE: f"{index.positive} only", NEGATIVE: f"{index.negative} only"}
    parts = (
        f"{key.attack} attack" if key.attack else None,
        among.get(key.among, str(key.among)),
        f"at {format_point(key.at)}" if key.at else None,
        f"against {index.name(key.against).lower()}" if key.against else None,
    )
    return ", ".join(filter(None, parts)) or None


def _collect_summaries(index: Index) -> dict[MetricKey, dict[str, Finding]]:
    """Return the findings of each row by model; the key of a row names no model."""
    found: dict[MetricKey, dict[str, Finding]] = {}
    for metric in list_forgetting(index):
        for f in (f for f in index.find_all(metric) if not f.key.among.is_subgroup):
            found.setdefault(f.key.model_copy(update={"model": ""}), {})[f.key.model] = f
    if len(found) <= _MOST_ROWS:
        return found
    shown = {metric: _choose_attack(index, metric) for metric in {key.metric for key in found}}
    return {key: row for key, row in found.items() if key.attack in (None, shown[key.metric])}


def _choose_attack(index: Index, metric: str) -> str | None:
    """Return the strongest attack where `metric` was measured for it, else the first for which it was."""
    attacks = [f.key.attack for f in index.find_all(metric) if f.estimate is not None]
    return index.strongest if index.strongest in attacks else next(iter(attacks), index.strongest)


def present_summaries(index: Index) -> tuple[Grid, ...]:
    """Return what is beside the AUC: difference from the retrained model, TPR at low FPR, scores.

    Where they would fill pages, of each metric only those of one attack; the attached record holds all. What ran on no
    model has no row; the note says why it was not run.
    """
    found, grids = _collect_summaries(index), []
    for number, part in enumerate(cut(index.compared)):
        shown = [(key, tuple(row.get(name) for name in part)) for key, row in found.items()]
        shown = [(key, row) for key, row in shown if any(row)]
        ran = [(key, row) for key, row in shown if any(finding and finding.estimate for finding in row)]
        rows = tuple(
            (Cell(index.title(key.metric), _describe_key(index, key)), *map(show_finding, row)) for key, row in ran
        )
        notes = gather_reasons(tuple(finding for _, row in shown for finding in row))
        heads = ("Metric", *map(index.name, part))
        grids.append(Grid(f"forgetting-{number}", "Further measures of forgetting", heads, rows, notes))
    return tuple(grid for grid in grids if grid.rows)


def present_coverage(index: Index) -> Grid:
    """Return every attack: those that ran and on which models, those that could not, and those that nobody tried."""
    required = tuple(index.policy.get("membership", {}).get("attacks", ()))
    rows = [
        (Cell(attack), Cell("required" if attack in required else "beside"), *_describe_attack(index, attack))
        for attack in dict.fromkeys((*required, *index.attacks))
    ]
    if "svc" not in index.attacks:
        rows += _describe_other(index, "svc", "svc-efficacy", "efficacy")
    tried = list(index.attacks)
    for name, metric, what in _OTHERS:
        if found := _describe_other(index, name, metric, what):
            rows += found
            tried.append(name)
    for title, names, source in _UNTESTED:
        if not any(attack == name or attack.startswith(f"{name}-") for attack in tried for name in names):
            rows.append((Cell(title), Cell("not asked"), Cell("NOT TESTED"), Cell(source)))
    heads = ("Attack", "By the policy", "State", "Result on the audited model, or source")
    return Grid("coverage", "Attack coverage", heads, tuple(rows))


def _describe_attack(index: Index, attack: str) -> tuple[Cell, Cell]:
    """Return the state of an attack on the audited model, and what it gave there, or why not; then the other models."""
    found = index.find_all("membership-auc", model=index.audited, attack=attack)
    found = tuple(f for f in found if not f.key.among.is_subgroup)
    values = [f.estimate.value for f in found if f.estimate is not None]
    reasons = [f.not_run.text for f in found if f.not_run is not None]
    result = (
        "AUC " + ", ".join(format_number(v) for v in values) if values else (reasons or ["no finding in the record"])[0]
    )
    return Cell("tested" if values else "NOT RUN"), Cell(result, _describe_elsewhere(index, attack) or None)


def _describe_elsewhere(index: Index, attack: str) -> str:
    """Say on which other models the attack ran, and on which it could not, each reason once."""
    others = [f for f in index.find_all("membership-auc", attack=attack, among=ALL) if f.key.model != index.audited]
    ran = [index.name(f.key.model) for f in others if f.estimate is not None]
    failed: dict[str, list[str]] = {}
    for f in others:
        if f.not_run is not None:
            failed.setdefault(f.not_run.text, []).append(index.name(f.key.model))
    where = " all other models" if len(ran) == len(index.models) - 1 else f": {', '.join(ran)}"
    parts = [f"Also on{where}."] if ran else []
    return " ".join([*parts, *(f"Not run on {', '.join(names)}: {reason}" for reason, names in failed.items())])


def _describe_other(index: Index, name: str, metric: str, what: str) -> list[tuple[Cell, Cell, Cell, Cell]]:
    """Return the row of an attack that has a metric of its own; none where it is not in the record."""
    finding = index.find(metric, index.audited)
    if finding is None:
        return []
    shown = finding.not_run.text if finding.not_run else f"{what} {show_finding(finding, interval=False).text}"
    return [(Cell(name), Cell("beside"), Cell("NOT RUN" if finding.not_run else "tested"), Cell(shown))]
