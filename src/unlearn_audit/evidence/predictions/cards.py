"""Cards of external models and data, the erasure request, and notes, from predictions and the facts beside them."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from unlearn_audit.data import CLUSTER_COLUMNS, commit, draw_salt
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.group_columns import Columns
from unlearn_audit.data.overlaps import count_overlaps
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence import SPLITS
from unlearn_audit.evidence.predictions.answers import Answers
from unlearn_audit.evidence.predictions.facts import Facts
from unlearn_audit.evidence.predictions.labels import Labelled
from unlearn_audit.evidence.predictions.layout import ROLES
from unlearn_audit.evidence.predictions.splits import Parted
from unlearn_audit.policy import ExternalModelFacts, Policy
from unlearn_audit.records import DataCard, ForgetRequest, Message, ModelCard, SplitCount, quote_text, write_message
from unlearn_audit.records.trivial_models import TRIVIAL_MODELS

_EXTERNAL = "external"


def describe_models(answers: Answers, facts: Facts) -> tuple[ModelCard, ...]:
    """Return the cards with the audited model before other candidates: the verdict is the first candidate's.

    Raises:
        EvidenceError: a role without a model or with two, or facts of models that are not there.
    """
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
            "method": f"{facts.made_by} ({_EXTERNAL})" if facts.made_by else _EXTERNAL,
            "title": facts.title or title.get(role, name),
            "parameters": facts.made_with,
            "source": facts.source,
            "notes": tuple(map(quote_text, facts.notes)),
        }
    )


def describe_data(  # noqa: PLR0917 - one call site
    columns: Columns, labelled: Labelled, parted: Parted, policy: Policy, facts: Facts, sha256: str, source: str
) -> DataCard:
    """Return the card of the data behind predictions: counts are measured, the rest is as the facts state it."""
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


def describe_request(answers: Answers, labelled: Labelled, parted: Parted, facts: Facts) -> ForgetRequest:
    """Return the erasure request: counts and a commitment to the ids.

    Raises:
        EvidenceError: the number of training records is neither seen nor stated.
    """
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


def list_notes(parted: Parted, policy: Policy, groups: Mapping[str, object], facts: Facts) -> tuple[Message, ...]:
    """Return what a reader must know: that nobody here made the answers, what is missing, and what was observed."""
    column = policy.protocol.cluster
    code = "predictions-lack-cluster-column" + ("" if policy.protocol.cluster_required else "-tolerated")
    return (
        facts.caveat,
        *parted.notes,
        *((write_message(code, column=column),) if column is not None and column not in groups else ()),
        *(write_message("observation", text=text) for text in facts.observations),
    )
