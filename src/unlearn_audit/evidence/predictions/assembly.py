"""Predictions become evidence: everything is checked, and what nobody here can check is said to be so."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unlearn_audit import __version__
from unlearn_audit.data import CLUSTER_COLUMNS, commit, draw_salt
from unlearn_audit.data.bands import band_values
from unlearn_audit.data.columns import finish_columns
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.overlaps import count_overlaps
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence import SPLITS, Evidence
from unlearn_audit.evidence.predictions.answers import Answers, Texts, merge_answers
from unlearn_audit.evidence.predictions.files import read_table
from unlearn_audit.evidence.predictions.labels import Labelled, name_classes, read_labels
from unlearn_audit.evidence.predictions.layout import ROLES, read_answers, rename_models, validate_model_names
from unlearn_audit.evidence.predictions.plausibility import validate_better_than_chance, validate_two_classes
from unlearn_audit.evidence.predictions.scores import Converted, Kind, to_log_probs
from unlearn_audit.evidence.predictions.splits import Parted, part_records
from unlearn_audit.policy import CaseFile, ColumnNames, ExternalDataFacts, ExternalModelFacts, Policy, name_bands
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
from unlearn_audit.records.trivial_models import TRIVIAL_MODELS
from unlearn_audit.software import describe_machine

BROUGHT = "brought along"


@dataclass(frozen=True)
class Facts:
    """What is said of predictions from outside of them; nobody here can check it."""

    case: str
    created: str
    scores: Kind = "probabilities"
    classes: tuple[str, ...] = ()
    columns: ColumnNames = field(default_factory=ColumnNames)
    models: Mapping[str, ExternalModelFacts] = field(default_factory=dict)
    data: ExternalDataFacts = field(default_factory=ExternalDataFacts)
    observations: tuple[str, ...] = ()
    forget: Path | None = None
    signer: Signer | None = None
    caveat: Message = field(default_factory=lambda: write_message("predictions-are-external"))

    @classmethod
    def from_case(cls, policy: Policy, case: CaseFile | None, created: str) -> "Facts":
        """Return what the case file says; the policy's title names the case where there is no file."""
        if case is None:
            return cls(f"{policy.id}: {policy.title}", created)
        return cls(
            case=case.name,
            created=created,
            scores=case.scores or "probabilities",
            classes=case.classes,
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
    answers = merge_answers([read_answers(table, facts.columns, names) for table in tables])
    digests = [table.sha256 for table in tables]
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
    listed = ", ".join(f"{path.name} (SHA-256 {sha})" for path, sha in zip(paths, digests, strict=True))
    return assemble(rename_models(answers, names), policy, facts, digest, f"predictions brought along: {listed}")


def assemble(answers: Answers, policy: Policy, facts: Facts, sha256: str, source: str) -> Evidence:
    """Return `answers` as evidence; `source` and `sha256` say where they came from."""
    validate_model_names(answers.where, answers.scores)
    cards = _describe_models(answers, facts)
    answers = name_classes(answers, facts.classes)
    parted = part_records(answers, facts.forget)
    labelled = read_labels(answers, policy.task, facts.classes)
    converted = {card.name: to_log_probs(answers.scores[card.name], facts.scores, card.name, answers.ids)
                 for card in cards}  # fmt: skip
    groups = _band_groups(answers, policy)
    evidence = Evidence(
        ids=answers.ids,
        split=parted.split,
        label=labelled.label,
        log_probs={name: found.log_probs for name, found in converted.items()},
        classes=labelled.classes,
        positive=labelled.positive,
        groups=groups,
        provenance=Provenance(
            version=__version__,
            created=facts.created,
            seed=policy.protocol.seed,
            case=facts.case,
            data=_describe_data(answers, labelled, parted, policy, facts, sha256, source),
            forget=_describe_request(answers, labelled, parted, facts),
            models=cards,
            environment=describe_machine(),
            signer=facts.signer,
            notes=_list_notes(labelled, parted, converted, policy, groups, facts),
        ),
    )
    validate_two_classes(evidence, answers.where)
    validate_better_than_chance(evidence, answers.where)
    return evidence


def _band_groups(answers: Answers, policy: Policy) -> dict[str, Texts]:
    """Return the group columns with numbers in the policy's bands, else ages in the usual ones, as for a data set."""
    groups = finish_columns(answers.where, dict(answers.groups))
    for column, edges in (policy.subgroups.bands if policy.subgroups else {}).items():
        values, name = answers.groups.get(column), f"{column}_band"
        if values is None:
            continue
        if name in answers.groups:
            raise EvidenceError(f"{answers.where}: found both '{column}' and '{name}'", hint="keep one of them")
        groups.pop(column, None)
        groups[name] = band_values(f"{answers.where}: column '{column}'", values, edges, name_bands(edges))
    return groups


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


def _describe_model(name: str, told: ExternalModelFacts) -> ModelCard:
    role = told.role or (name if name in ROLES else "compared")
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
            "method": f"{told.made_by} ({BROUGHT})" if told.made_by else BROUGHT,
            "title": told.title or title.get(role, name),
            "parameters": told.made_with,
            "source": told.source,
            "notes": tuple(map(quote_text, told.notes)),
        }
    )


def _describe_data(  # noqa: PLR0917 - one call site
    answers: Answers, labelled: Labelled, parted: Parted, policy: Policy, facts: Facts, sha256: str, source: str
) -> DataCard:
    is_positive = np.isin(labelled.label, labelled.positive)
    clusters = {name: answers.groups[name] for name in CLUSTER_COLUMNS if name in answers.groups}
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


def _list_notes(  # noqa: PLR0917 - one call site
    labelled: Labelled,
    parted: Parted,
    converted: Mapping[str, Converted],
    policy: Policy,
    groups: Mapping[str, object],
    facts: Facts,
) -> tuple[Message, ...]:
    column = policy.protocol.cluster
    code = "predictions-lack-cluster-column" + ("" if policy.protocol.cluster_required else "-tolerated")
    return (
        facts.caveat,
        *labelled.notes,
        *parted.notes,
        *(note for found in converted.values() for note in found.notes),
        *((write_message(code, column=column),) if column is not None and column not in groups else ()),
        *(write_message("observation", text=text) for text in facts.observations),
    )
