"""Answers of reference models that were made elsewhere: read, validated against the plan, added to the evidence."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.columns import ID_COLUMNS
from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence import Evidence, References
from unlearn_audit.evidence.predictions.answers import explain_mismatch
from unlearn_audit.evidence.predictions.files import Table, read_table
from unlearn_audit.evidence.predictions.scores import Kind, to_log_probs
from unlearn_audit.evidence.references import digest_design
from unlearn_audit.records import ReferenceCard

PLAN_SCHEMA = "unlearn-audit/reference-plan/v1"
FEWEST = 4
"""Two pairs: with fewer models no attack has anything to compare."""
_SCORES = ("probability", "score", "logit", "p")
_TRUTHS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_COLUMNS = "one row for each record and reference model with id, reference, trained_on and the scores is needed"
_HALVES = "'unlearn-audit references plan' writes halves that hold"


@dataclass(frozen=True, eq=False)
class _Rows:
    """All rows of the files: which record, which model, after which method ('' for none), and what it answered."""

    where: str
    record: NDArray[np.int64]
    reference: NDArray[np.str_]
    unlearned_by: NDArray[np.str_]
    trained_on: NDArray[np.bool_]
    log_probs: NDArray[np.float64]


def read_references(
    paths: Sequence[Path], evidence: Evidence, scores: Kind, plan: Path | None = None
) -> tuple[References, ReferenceCard]:
    """Return the answers in `paths` as reference models of `evidence`, and what the record says of them.

    Columns: `id`; `reference`, the model's name; `trained_on`, 1 or 0; `unlearned_by`, the name of the model of the
    evidence whose method it underwent, or nothing for the model as it was trained (may be left out); scores as in
    files of predictions, `p:<class>` for each class or one column `probability` for the positive one.

    Args:
        paths: CSV or Parquet files.
        evidence: of the audited models; the reference models must have answered about the same records.
        scores: what the numbers are.
        plan: `plan.json` that the halves were drawn by; None where there is none.

    Raises:
        EvidenceError: other ids, a model without some record, halves that are not balanced or do not come in pairs,
            too few models, other halves than the plan's, numbers that are no scores.
    """
    tables = [read_table(path) for path in paths]
    parts = [_read_rows(table, evidence, scores) for table in tables]
    names, trained_on, answers = _arrange(_join(parts), evidence)
    order = _pair_up(parts[0].where, names, trained_on, evidence)
    references = References(
        trained_on=trained_on[order],
        candidates=_find_candidates(parts[0].where, trained_on, evidence),
        log_probs=answers.pop("")[order],
        unlearned={name: values[order] for name, values in answers.items()},
    )
    planned = _hold_against_plan(plan, references, evidence) if plan else {}
    listed = ", ".join(f"{p.name} (SHA-256 {t.sha256})" for p, t in zip(paths, tables, strict=True))
    return references, _describe(references, evidence, listed, planned)


def _read_rows(table: Table, evidence: Evidence, scores: Kind) -> _Rows:
    id_column = next((name for name in ID_COLUMNS[::-1] if name in table.names), None)
    missing = [name for name in ("reference", "trained_on") if name not in table.names]
    if id_column is None or missing:
        raise EvidenceError(
            f"{table.where}: expected the columns id, reference and trained_on, found {name_some(table.names, 8)}",
            hint=_COLUMNS,
        )
    ids = table.texts(id_column)
    count = len(ids)
    after = table.texts("unlearned_by") if "unlearned_by" in table.names else np.full(count, "")
    values = _read_scores(table, evidence)
    return _Rows(
        where=table.where,
        record=_find_records(table.where, ids, evidence),
        reference=table.texts("reference"),
        unlearned_by=after,
        trained_on=_read_truths(table),
        log_probs=to_log_probs(values, scores, "reference models", ids).log_probs,
    )


def _read_scores(table: Table, evidence: Evidence) -> NDArray[np.float64]:
    spelt = {name.partition(":")[2].strip(): name for name in table.names if ":" in name}
    alone = [name for name in _SCORES if name in table.names]
    if spelt and sorted(spelt) == sorted(evidence.classes):
        return np.column_stack([table.numbers(spelt[name]) for name in evidence.classes])
    if not spelt and len(alone) == 1 and len(evidence.classes) == 2:  # noqa: PLR2004 - negative and positive
        values = table.numbers(alone[0])[:, None]
        return values if evidence.positive == (1,) else 1 - values
    wanted = ", ".join(f"p:{name}" for name in evidence.classes)
    raise EvidenceError(
        f"{table.where}: expected the columns {wanted}, found {name_some([*spelt.values(), *alone], 9) or 'none'}"
    )


def _read_truths(table: Table) -> NDArray[np.bool_]:
    texts = np.char.lower(table.texts("trained_on"))
    found, place = np.unique(texts, return_inverse=True)
    unknown = [text for text in found.tolist() if text not in _TRUTHS]
    if unknown:
        raise EvidenceError(f"{table.where}: expected 1 or 0 in 'trained_on', found {name_some(unknown)}")
    return np.array([_TRUTHS[text] for text in found.tolist()])[place]


def _find_records(where: str, ids: NDArray[np.str_], evidence: Evidence) -> NDArray[np.int64]:
    found, place = np.unique(ids, return_inverse=True)
    for ours, theirs, what in ((found, evidence.ids, "are not in the evidence"),
                               (evidence.ids, found, "have no answer of a reference model")):  # fmt: skip
        missing = np.setdiff1d(ours, theirs)
        if missing.size:
            raise EvidenceError(
                f"{where}: {len(missing)} of {len(ours)} records {what}: {name_some(missing)}",
                hint=explain_mismatch(missing.tolist(), theirs.tolist())
                or "reference models answer about the same records as the audited models, trained on or not",
            )
    order = np.argsort(evidence.ids)
    return np.asarray(order[np.searchsorted(evidence.ids[order], found)][place], dtype=np.int64)


def _join(parts: list[_Rows]) -> _Rows:
    def join(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    where = ", ".join(part.where for part in parts)
    return _Rows(where, *(join(n) for n in ("record", "reference", "unlearned_by", "trained_on", "log_probs")))


def _arrange(rows: _Rows, evidence: Evidence) -> tuple[list[str], NDArray[np.bool_], dict[str, NDArray[np.float64]]]:
    """Return the models' names, (K, n) what each was trained on, and per method (K, n, k) what they answered."""
    names, model = np.unique(rows.reference, return_inverse=True)
    methods, method = np.unique(rows.unlearned_by, return_inverse=True)
    _validate_methods(rows.where, methods.tolist(), evidence)
    n, k = len(evidence), len(evidence.classes)
    shape = (len(methods), len(names), n)
    place = np.ravel_multi_index((method, model, rows.record), shape)
    counts = np.bincount(place, minlength=int(np.prod(shape)))
    if (counts != 1).any():
        bad = int(np.flatnonzero(counts != 1)[0])
        which, number, record = np.unravel_index(bad, shape)
        after = f" unlearned by '{methods[which]}'" if methods[which] else ""
        raise EvidenceError(
            f"{rows.where}: expected one row for each record and reference model, found {int(counts[bad])} of record "
            f"'{evidence.ids[record]}', reference '{names[number]}'{after} ({int((counts != 1).sum())} such in all)",
            hint=_COLUMNS,
        )
    order = np.argsort(place)
    trained_on = rows.trained_on[order].reshape(shape)
    if (trained_on != trained_on[:1]).any():
        raise EvidenceError(
            f"{rows.where}: 'trained_on' of a model differs between the rows before and after unlearning",
            hint="it says what the model was trained on before it was made to forget",
        )
    answers = rows.log_probs[order].reshape(*shape, k)
    return names.tolist(), trained_on[0], dict(zip(methods.tolist(), answers, strict=True))


def _validate_methods(where: str, methods: list[str], evidence: Evidence) -> None:
    if "" not in methods:
        raise EvidenceError(
            f"{where}: expected answers of the reference models as they were trained, found none",
            hint="leave 'unlearned_by' empty in their rows",
        )
    unknown = [name for name in methods if name and name not in evidence.log_probs]
    if unknown:
        raise EvidenceError(
            f"{where}: 'unlearned_by' names {name_some(unknown)}, the evidence has the models "
            f"{name_some(evidence.log_probs, 9)}"
        )


def _find_candidates(where: str, trained_on: NDArray[np.bool_], evidence: Evidence) -> NDArray[np.bool_]:
    """Return the records that some models were trained on and others not; refuse a design that attacks cannot use."""
    used = trained_on.sum(axis=0)
    candidates = np.asarray((used > 0) & (used < len(trained_on)))
    odd = {
        "retained records that some model was not trained on": evidence.select("retain") & (used < len(trained_on)),
        "validation records that some model was trained on": evidence.select("validation") & (used > 0),
        "forgotten records that no model, or every model, was trained on": evidence.select("forget") & ~candidates,
        "records that more or fewer than half of the models were trained on": candidates
        & (2 * used != len(trained_on)),
        "test records that every model was trained on": evidence.select("test") & (used == len(trained_on)),
    }
    for what, mask in odd.items():
        if mask.any():
            raise EvidenceError(
                f"{where}: found {int(mask.sum())} {what}: {name_some(evidence.ids[mask])}", hint=_HALVES
            )
    if not (candidates & evidence.select("test")).any():
        raise EvidenceError(
            f"{where}: expected test records among those that half of the models were trained on, found none",
            hint=f"they are what forgotten records are compared with; {_HALVES}",
        )
    return candidates


def _pair_up(where: str, names: list[str], trained_on: NDArray[np.bool_], evidence: Evidence) -> NDArray[np.int64]:
    """Return the models' order in which those with complementary halves stand side by side."""
    if len(names) < FEWEST or len(names) % 2:
        raise EvidenceError(
            f"{where}: expected an even number of reference models, {FEWEST} at least, found {len(names)}"
        )
    candidates = _find_candidates(where, trained_on, evidence)
    waiting: dict[bytes, list[int]] = {}
    pairs: list[tuple[int, int]] = []
    for number, mask in enumerate(trained_on[:, candidates]):
        partners = waiting.get((~mask).tobytes())
        if partners:
            pairs.append((partners.pop(0), number))
        else:
            waiting.setdefault(mask.tobytes(), []).append(number)
    alone = [names[number] for numbers in waiting.values() for number in numbers]
    if alone:
        raise EvidenceError(
            f"{where}: expected reference models in pairs with complementary halves, found no partner of "
            f"{name_some(alone)}",
            hint=_HALVES,
        )
    return np.array([number for pair in sorted(pairs) for number in pair], dtype=np.int64)


def _hold_against_plan(path: Path, references: References, evidence: Evidence) -> dict[str, Any]:
    try:
        plan = json.loads(path.read_text("utf-8"))
        schema, expected = plan["schema"], plan["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvidenceError(f"expected the plan of reference models at {path}, found none that reads") from error
    if schema != PLAN_SCHEMA:
        raise EvidenceError(f"{path}: expected a plan of schema {PLAN_SCHEMA}, found {schema}")
    found = digest_design(evidence.ids, references.trained_on)
    if found != expected:
        raise EvidenceError(
            f"the reference models were trained on other records than {path} plans (SHA-256 {found[:12]}..., planned "
            f"{str(expected)[:12]}...)",
            hint="train each on the records that the plan names, and write the plan's own 0 and 1 as 'trained_on'",
        )
    return dict(plan)


def _describe(references: References, evidence: Evidence, listed: str, plan: dict[str, Any]) -> ReferenceCard:
    candidates = references.candidates
    by = f" by {plan['by']}" if plan.get("by") else ""
    halves = f"halves drawn beforehand{by} (plan {plan['sha256']})" if plan else "no plan: the halves are as stated"
    return ReferenceCard(
        models=references.count,
        seeds=tuple(plan.get("seeds", ())),
        recipe={"made": "elsewhere"},
        records=int(references.trained_on.sum(axis=1).max()),
        forget=int((candidates & evidence.select("forget")).sum()),
        controls=int((candidates & evidence.select("test")).sum()),
        together=1,
        seconds=None,
        source=f"{listed}; {halves}",
    )
