"""The tool from Python, for scripts and notebooks: the same evidence, verdict and signed report as from the command.

Nothing in here needs torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from unlearn_audit.api.arrays import take_arrays
from unlearn_audit.api.report import write_report
from unlearn_audit.evidence import Evidence
from unlearn_audit.evidence.parquet import read_evidence as read_evidence_file
from unlearn_audit.evidence.predictions import Facts, assemble
from unlearn_audit.evidence.predictions import read_predictions as read_prediction_files
from unlearn_audit.evidence.predictions.scores import Kind
from unlearn_audit.pipeline.audit import judge, name_known
from unlearn_audit.pipeline.external import add_reference_answers
from unlearn_audit.pipeline.result import Audit
from unlearn_audit.policy import ColumnNames, ExternalModelFacts, Policy, find_policy, load_case
from unlearn_audit.policy import load_policy as load_policy_file
from unlearn_audit.records import ProgressCallback, ignore_progress
from unlearn_audit.records.clock import read_clock

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Audit", "audit", "load_policy", "make_evidence", "read_evidence", "read_predictions", "write_report"]


def load_policy(name_or_path: str | Path) -> Policy:
    """Return a policy, by path or by the name of a shipped one.

    Raises:
        PolicyError: no such policy, or one with mistakes: all of them at once, each with its line.

    >>> load_policy("breast-cytology").costs.ratio
    10.0
    """
    return load_policy_file(find_policy(str(name_or_path)), name_known())


def read_evidence(path: str | Path) -> Evidence:
    """Return the evidence in an `evidence.parquet` of this tool.

    Raises:
        EvidenceError: absent, unreadable, or no evidence.
    """
    return read_evidence_file(Path(path))


def read_predictions(
    paths: str | Path | Sequence[str | Path],
    policy: Policy,
    *,
    case: str | Path | None = None,
    forget: str | Path | None = None,
    scores: Kind | None = None,
    classes: Sequence[str] = (),
) -> Evidence:
    """Return predictions in CSV or Parquet files as evidence; see docs/data.md for the columns.

    Args:
        paths: one file, or several of the same records with other models.
        policy: whose task says what is positive.
        case: case file with what is known beyond the files.
        forget: list of the ids that were forgotten, where the files say 'train'.
        scores: what the numbers are; the case file's word where absent, else probabilities.
        classes: what the class numbers 0, 1, ... mean; the case file's word where absent.

    Raises:
        EvidenceError, DataError, CaseError, PolicyError: anything that cannot be judged, with its place.
    """
    listed = [paths] if isinstance(paths, str | Path) else paths
    case_file = load_case(Path(case), name_known()) if case is not None else None
    facts = Facts.from_case(policy, case_file, read_clock())
    facts = replace(facts, forget=Path(forget) if forget is not None else None, scores=scores or facts.scores)
    facts = replace(facts, classes=tuple(classes) or facts.classes)
    evidence = read_prediction_files([Path(path) for path in listed], policy, facts)
    return add_reference_answers(evidence, case_file, Path(case).parent if case is not None else Path())


def make_evidence(
    policy: Policy,
    *,
    ids: "ArrayLike",
    split: "ArrayLike",
    label: "ArrayLike",
    models: Mapping[str, "ArrayLike"],
    classes: Sequence[str] = (),
    scores: Kind = "probabilities",
    groups: Mapping[str, "ArrayLike"] | None = None,
    case: str = "made in Python",
    about: Mapping[str, ExternalModelFacts] | None = None,
) -> Evidence:
    """Return arrays (NumPy, pandas columns, lists) as evidence; its provenance says that they are external.

    Args:
        policy: whose task says what is positive.
        ids: (n,) unique record ids; numbers become text.
        split: (n,) retain, forget, validation or test.
        label: (n,) true classes: names, or numbers that count along `classes`.
        models: by name, 'original' and 'unlearned' at least, 'retrained' and others beside them: (n,) scores of the
            positive class, or (n, k) of all classes.
        classes: names of the k classes; needed with (n, k) scores, and where labels are numbers.
        scores: what the numbers are: 'probabilities', 'logits' or 'log-probabilities'.
        groups: per name (n,) values: patients, sex, age (kept as a band), ...; '' or None where unknown.
        case: as the report calls the case.
        about: what is known of a model, by its name.

    Raises:
        EvidenceError, DataError: anything that cannot be judged: shapes, NaN, percentages, repeated ids, ...

    >>> policy = load_policy("breast-cytology")
    >>> evidence = make_evidence(policy, ids=range(4), split=["retain", "forget", "test", "test"],
    ...     label=[0, 1, 0, 1], classes=["benign", "malignant"],
    ...     models={"original": [.1, .9, .2, .7], "unlearned": [.1, .8, .3, .6]})
    >>> len(evidence), evidence.classes
    (4, ('benign', 'malignant'))
    """
    answers, digest = take_arrays(ids, {"split": split, "label": label}, models, classes, groups or {})
    facts = Facts(
        case=case,
        created=read_clock(),
        scores=scores,
        classes=tuple(classes),
        models=about or {},
        columns=ColumnNames(groups=tuple(groups or ())),
    )
    return assemble(answers, policy, facts, digest, "external: arrays given in Python")


def audit(policy: Policy, evidence: Evidence, progress: ProgressCallback = ignore_progress) -> Audit:
    """Measure and decide: hold every check of `policy` against `evidence`.

    The same policy and evidence give the same record, bit for bit. A pass is evidence at the stated confidence about
    this test split, not a proof; an attack that was not run may still recognise the forgotten records.

    Raises:
        EvidenceError: the evidence was collected for another set of positive classes.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(400) % 2
    >>> z = np.where(y == 1, 3, -3) + rng.normal(size=400)
    >>> models = {name: z + rng.normal(0, .1, 400) for name in ("original", "unlearned", "retrained")}
    >>> split = np.repeat(["retain", "forget", "validation", "test"], 100)
    >>> policy = load_policy("breast-cytology")
    >>> classes = ["benign", "malignant"]
    >>> evidence = make_evidence(
    ...     policy, ids=range(400), split=split, label=y, models=models, classes=classes, scores="logits"
    ... )
    >>> result = audit(policy, evidence)
    >>> print(result.outcome)
    inconclusive
    >>> result["missed"].estimate.value, result["missed"].outcome.value
    (0.02, 'pass')
    """
    return Audit(policy, evidence, judge(policy, evidence, progress))
