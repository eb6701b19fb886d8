"""Builds evidence from predictions: what can be checked is checked, the rest is declared."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from unlearn_audit import __version__
from unlearn_audit.data import read_forget_ids
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.group_columns import Columns, read_groups
from unlearn_audit.data.overlaps import describe_independence
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence import SPLITS, Evidence
from unlearn_audit.evidence.predictions.alignment import describe_alignment, describe_equality
from unlearn_audit.evidence.predictions.answers import Answers
from unlearn_audit.evidence.predictions.cards import describe_data, describe_models, describe_request, list_notes
from unlearn_audit.evidence.predictions.facts import Facts
from unlearn_audit.evidence.predictions.files import Table, read_table
from unlearn_audit.evidence.predictions.joining import join_answers
from unlearn_audit.evidence.predictions.labels import Meaning, name_classes, read_labels
from unlearn_audit.evidence.predictions.layout import (
    Wanted,
    find_id,
    read_answers,
    rename_models,
    validate_model_names,
)
from unlearn_audit.evidence.predictions.plausibility import (
    validate_better_than_chance,
    validate_both_classes,
    validate_single_scores,
)
from unlearn_audit.evidence.predictions.scores import Converted, to_log_probs
from unlearn_audit.evidence.predictions.splits import ListedIds, part_records
from unlearn_audit.policy import ColumnNames, Policy, name_bands
from unlearn_audit.policy.columns import list_columns
from unlearn_audit.records import Provenance
from unlearn_audit.records.intake import IntakeEntry, join_intake, note_intake
from unlearn_audit.software import describe_machine


def read_predictions(paths: Sequence[Path], policy: Policy, facts: Facts) -> Evidence:
    """Return the predictions in `paths` as evidence for `policy`.

    Args:
        paths: CSV or Parquet files of the same records, see docs/data.md; at least one.
        policy: whose task says what is positive.
        facts: what the case says beyond the files.

    Raises:
        EvidenceError, DataError, CaseError: anything that cannot be judged; see the modules beside this one.
    """
    tables = [read_table(path) for path in paths]
    names = {model.column or name: name for name, model in facts.models.items()}
    forget = read_list(tables, facts.forget, facts.columns)
    groups = list_asked(policy, facts.columns) | ({forget.request.column or ""} if forget else set())
    wanted = Wanted(facts.columns, tuple(names), frozenset(groups))
    answers = join_answers([read_answers(table, wanted) for table in tables])
    digests = [table.sha256 for table in tables]
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
    listed = ", ".join(f"{path.name} (SHA-256 {sha})" for path, sha in zip(paths, digests, strict=True))
    source = f"external predictions: {listed}"
    return assemble(rename_models(answers, names), policy, facts, digest, source, forget)


def list_asked(policy: Policy, columns: ColumnNames) -> frozenset[str]:
    """Return the group columns that policy or case name: only these enter the evidence."""
    return list_columns(policy) | frozenset(columns.groups or ())


def read_list(tables: Sequence[Table], path: Path | None, called: ColumnNames) -> ListedIds | None:
    """Return the list of ids to forget at `path`, which speaks of ids or of a column of `tables`; None without a path.

    Raises:
        CaseError: no list of ids.
    """
    if path is None:
        return None
    named = [name for table in tables if (name := find_id(table, called)) is not None]
    columns = dict.fromkeys(name for table in tables for name in table.names if name)
    return ListedIds(path, read_forget_ids(path, columns=columns, id_names=named))


def assemble(  # noqa: PLR0917 - three call sites, one argument each more
    answers: Answers, policy: Policy, facts: Facts, sha256: str, source: str, forget: ListedIds | None = None
) -> Evidence:
    """Return `answers` as evidence; `source` and `sha256` say where they came from, `forget` whom the model forgot."""
    validate_model_names(answers.where, answers.scores)
    cards = describe_models(answers, facts)
    answers = name_classes(answers, facts.classes)
    parted = part_records(answers, forget)
    labelled = read_labels(answers, policy.task, Meaning(facts.classes, facts.labels))
    kind = facts.scores or facts.usual
    converted = {card.name: to_log_probs(answers.scores[card.name], kind, card.name, answers.ids) for card in cards}
    columns = _choose_columns(answers, policy, facts)
    evidence = Evidence(
        ids=answers.ids,
        split=parted.split,
        label=labelled.label,
        log_probs={name: found.log_probs for name, found in converted.items()},
        classes=labelled.classes,
        positive=labelled.positive,
        groups=columns.kept,
        provenance=Provenance(
            version=__version__,
            created=facts.created,
            seed=policy.protocol.seed,
            case=facts.case,
            data=describe_data(columns, labelled, parted, policy, facts, sha256, source),
            forget=describe_request(answers, labelled, parted, facts),
            models=cards,
            environment=describe_machine(),
            signer=facts.signer,
            notes=list_notes(parted, policy, columns.kept, facts),
        ),
    )
    validate_both_classes(evidence, answers.where)
    validate_better_than_chance(evidence, answers.where)
    entries = (*_describe_scores(answers, evidence, converted, facts), *labelled.intake, *parted.intake)
    return _attach_intake(evidence, answers, entries, columns, facts)


def _choose_columns(answers: Answers, policy: Policy, facts: Facts) -> Columns:
    absent = [name for name in facts.columns.groups or () if name not in answers.groups]
    if absent:
        raise EvidenceError(f"{answers.where}: expected the group columns {name_some(absent)}, found no such columns")
    edges = policy.subgroups.bands if policy.subgroups else {}
    bands = {name: (values, name_bands(values)) for name, values in edges.items()}
    return read_groups(answers.where, answers.groups, list_asked(policy, facts.columns), bands, EvidenceError)


def _describe_scores(
    answers: Answers, evidence: Evidence, converted: Mapping[str, Converted], facts: Facts
) -> tuple[IntakeEntry, ...]:
    kind = facts.scores or facts.usual
    single = validate_single_scores(evidence, answers.where) if not answers.classes else ()
    return (
        note_intake("scores.kind" if facts.scores else "scores.usual", kind=kind),
        *single,
        *(entry for found in converted.values() for entry in found.intake),
    )


def _attach_intake(
    evidence: Evidence, answers: Answers, entries: Sequence[IntakeEntry], columns: Columns, facts: Facts
) -> Evidence:
    """Return the evidence with all that was assumed on the way to it."""
    intake = join_intake(
        answers.intake,
        entries,
        (note_intake("models.named", models=list(evidence.log_probs)),),
        columns.intake,
        describe_independence(columns.read, evidence.split, SPLITS),
        describe_alignment(evidence),
        describe_equality(evidence),
        facts.intake,
    )
    return replace(evidence, provenance=evidence.provenance.model_copy(update={"intake": intake}))
