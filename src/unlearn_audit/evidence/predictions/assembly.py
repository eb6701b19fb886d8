"""Builds evidence from predictions: what can be checked is checked, the rest is declared."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unlearn_audit import __version__
from unlearn_audit.data import CLUSTER_COLUMNS, commit, draw_salt, read_forget_ids
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.group_columns import Columns, read_groups
from unlearn_audit.data.overlaps import count_overlaps, describe_independence
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence import SPLITS, Evidence
from unlearn_audit.evidence.predictions.alignment import describe_alignment, describe_equality
from unlearn_audit.evidence.predictions.answers import Answers
from unlearn_audit.evidence.predictions.files import Table, read_table
from unlearn_audit.evidence.predictions.joining import join_answers
from unlearn_audit.evidence.predictions.labels import Labelled, Meaning, name_classes, read_labels
from unlearn_audit.evidence.predictions.layout import (
    ROLES,
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
from unlearn_audit.evidence.predictions.scores import Converted, Kind, to_log_probs
from unlearn_audit.evidence.predictions.splits import ListedIds, Parted, part_records
from unlearn_audit.policy import CaseFile, ColumnNames, ExternalDataFacts, ExternalModelFacts, Policy, name_bands
from unlearn_audit.policy.columns import list_columns
from unlearn_audit.records import (
    DataCard,
    ForgetRequest,
    Message,
    ModelCard,
    Provenance,
    Signer,
    SplitCount,
    quote_text,
    write_message,
)
from unlearn_audit.records.intake import IntakeEntry, join_intake, note_intake
from unlearn_audit.records.trivial_models import TRIVIAL_MODELS
from unlearn_audit.software import describe_machine

EXTERNAL = "external"


@dataclass(frozen=True)
class Facts:
    """What is said of predictions from outside of them; nobody here can check it."""

    case: str
    created: str
    scores: Kind | None = None
    """What the numbers are; where nothing is said, `usual`."""
    usual: Kind = "probabilities"
    classes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """What labels mean that are neither names of classes nor their numbers."""
    columns: ColumnNames = field(default_factory=ColumnNames)
    models: Mapping[str, ExternalModelFacts] = field(default_factory=dict)
    data: ExternalDataFacts = field(default_factory=ExternalDataFacts)
    observations: tuple[str, ...] = ()
    forget: Path | None = None
    signer: Signer | None = None
    caveat: Message = field(default_factory=lambda: write_message("predictions-are-external"))
    intake: tuple[IntakeEntry, ...] = field(default_factory=lambda: (note_intake("pixels.none"),))
    """What is known of what lies behind the answers."""

    @classmethod
    def from_case(cls, policy: Policy, case: CaseFile | None, created: str) -> "Facts":
        """Return what the case file says; the policy's title names the case where there is no file."""
        if case is None:
            return cls(f"{policy.id}: {policy.title}", created)
        return cls(
            case=case.name,
            created=created,
            scores=case.scores,
            classes=case.classes,
            labels=case.labels,
            columns=case.columns,
            models=case.models,
            data=case.about_data,
            observations=case.observations,
        )


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
    cards = _describe_models(answers, facts)
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
            data=_describe_data(columns, labelled, parted, policy, facts, sha256, source),
            forget=_describe_request(answers, labelled, parted, facts),
            models=cards,
            environment=describe_machine(),
            signer=facts.signer,
            notes=_list_notes(parted, policy, columns.kept, facts),
        ),
    )
    validate_both_classes(evidence, answers.where)
    validate_better_than_chance(evidence, answers.where)
    entries = (*_describe_scores(answers, evidence, converted, facts), *labelled.intake, *parted.intake)
    return _tell(evidence, answers, entries, columns, facts)


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


def _tell(
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


def _describe_models(answers: Answers, facts: Facts) -> tuple[ModelCard, ...]:
    """Return the cards with the audited model before other candidates: the verdict is the first candidate's."""
    unknown = sorted(facts.models.keys() - answers.scores.keys())
    if unknown:
        raise EvidenceError(
            f"{answers.where}: the case names the models {name_some(unknown)}, the predictions have "
            f"{name_some(answers.scores, 9) or 'none'}"
        )
    cards = [_describe_model(name, facts.models.get(name, ExternalModelFacts())) for name in answers.scores]
    counts = Counter(str(card.role) for card in cards)
    for role in ("original", "unlearned"):
        if not counts[role]:
            raise EvidenceError(
                f"{answers.where}: expected predictions of the {role} model, found the models "
                f"{name_some(answers.scores, 9) or 'none'}",
                hint=f"call its columns '{role}:<class>' (or '{role}' alone for the probability of the positive "
                "class), or say in the case file which column it is",
            )
    for role in ROLES:
        if counts[role] > 1:
            raise EvidenceError(f"{answers.where}: expected one {role} model, found {counts[role]}")
    return tuple(sorted(cards, key=lambda card: (*ROLES, "compared").index(card.role)))


def _describe_model(name: str, facts: ExternalModelFacts) -> ModelCard:
    role = facts.role or (name if name in ROLES else "compared")
    if name in TRIVIAL_MODELS or (role in ROLES and name != role):
        raise EvidenceError(
            f"expected the {role} model under the name '{role}', found '{name}'",
            hint=f"write in the case file 'models: {{{role}: {{column: {name}}}}}'",
        )
    title = {"original": "Original", "retrained": "Retrained reference", "unlearned": "Unlearned model"}
    return ModelCard.model_validate(
        {
            "name": name,
            "role": role,
            "method": f"{facts.made_by} ({EXTERNAL})" if facts.made_by else EXTERNAL,
            "title": facts.title or title.get(role, name),
            "parameters": facts.made_with,
            "source": facts.source,
            "notes": tuple(map(quote_text, facts.notes)),
        }
    )


def _describe_data(  # noqa: PLR0917 - one call site
    columns: Columns, labelled: Labelled, parted: Parted, policy: Policy, facts: Facts, sha256: str, source: str
) -> DataCard:
    is_positive = np.isin(labelled.label, labelled.positive)
    clusters = {name: values for name, values in columns.read.items() if name in CLUSTER_COLUMNS}
    stated = f"{facts.data.source}; {source}" if facts.data.source else source
    return DataCard(
        name=facts.data.name or "not stated",
        source=stated,
        licence=facts.data.licence or "not stated",
        sha256=sha256,
        official=None,
        classes=labelled.classes,
        positive=labelled.named,
        positive_asked=policy.task.positive,
        splits={
            name: SplitCount(n=int((parted.split == name).sum()), positive=int(is_positive[parted.split == name].sum()))
            for name in SPLITS
        },
        overlaps=count_overlaps(clusters, parted.split, SPLITS),
        cluster=policy.protocol.cluster,
    )


def _describe_request(answers: Answers, labelled: Labelled, parted: Parted, facts: Facts) -> ForgetRequest:
    forget = parted.split == "forget"
    count, retained = int(forget.sum()), int((parted.split == "retain").sum())
    total = facts.data.training_records or (count + retained if retained else None)
    if total is None or total < count + retained:
        raise EvidenceError(
            f"expected to know how many records the original was trained on, found {retained} retained, {count} "
            f"forgotten and {total or 'nothing'} stated",
            hint="bring predictions on retained records, or state the number in the case file: "
            "'about_data: {training_records: N}'",
        )
    salt = draw_salt()
    return ForgetRequest(
        by=parted.by,
        count=count,
        positive=int(np.isin(labelled.label[forget], labelled.positive).sum()),
        fraction=count / total,
        commitment=commit(answers.ids[forget].tolist(), salt),
        salt=salt,
    )


def _list_notes(parted: Parted, policy: Policy, groups: Mapping[str, object], facts: Facts) -> tuple[Message, ...]:
    column = policy.protocol.cluster
    code = "predictions-lack-cluster-column" + ("" if policy.protocol.cluster_required else "-tolerated")
    return (
        facts.caveat,
        *parted.notes,
        *((write_message(code, column=column),) if column is not None and column not in groups else ()),
        *(write_message("observation", text=text) for text in facts.observations),
    )
