"""The request of a run, beyond the policy: files of this machine, the records to forget, the methods to compare."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from unlearn_audit.cases.user_functions import UserFunctions, find_functions, find_method
from unlearn_audit.data import ImageRules
from unlearn_audit.data.load_options import TableColumns
from unlearn_audit.errors import PolicyError, UsageError
from unlearn_audit.methods import METHODS
from unlearn_audit.methods.user_supplied import USER_SUPPLIED
from unlearn_audit.models import Preprocessing
from unlearn_audit.policy import (
    CaseFile,
    ComputeFacts,
    Expectation,
    MethodChoice,
    Network,
    Policy,
    Recipe,
    ReferenceCase,
)
from unlearn_audit.records import EarlierRun, Seal, Signer, Waiver, WaiverSeal
from unlearn_audit.reference_models.workers import Workers
from unlearn_audit.training import Compute, choose_device

FEWEST, MOST = 4, 512  # reference models, as in a policy

if TYPE_CHECKING:
    from unlearn_audit.cases.external_original import ExternalOriginal


@dataclass(frozen=True)
class CaseRequest:
    """One run. Single options override the case file, the case file overrides the policy's reference case."""

    created: str
    """UTC, ISO 8601: when the audit was made; stands in the report."""
    cache: Path
    """Folder of finished models, and of images that were decoded once."""
    case: CaseFile | None = None
    case_folder: Path = Path()
    """What the paths in `case` are relative to."""
    data: Path | None = None
    forget: float | Path | Mapping[str, float] | None = None
    """Share of the training records, shares by class, or a CSV of record, lesion or patient ids."""
    method: str | None = None
    """The audited unlearning method."""
    compare: tuple[str, ...] = ()
    """Methods that are audited beside it."""
    remedy: bool = True
    """Whether the policy's remediations are tried when the audited model does not pass."""
    retrain: bool | None = None
    offline: bool = False
    threads: int | None = None
    signer: Signer | None = None
    original: "ExternalOriginal | None" = None
    """The original, where it was made elsewhere: it is unlearned here, and nothing is trained but what that takes."""
    waivers: tuple[Waiver, ...] = ()
    """Given in a file, beside those of the policy."""
    waiver_seal: WaiverSeal | None = None
    """Who signed that file."""
    earlier_runs: tuple[EarlierRun, ...] = ()
    """Earlier audits of the same case that are known, the oldest first."""
    references: int | None = None
    """How many reference models to make, 0 for none; None for what the policy says."""
    workers: Workers = field(default_factory=Workers)
    """Where reference models are made."""
    split_seed: int | None = None
    """Of splits that are drawn where the data have none; the run's own where None. Runs that are compared share it."""
    embeddings: Path | None = None
    """npz of features, in place of `data`: the head on top of a frozen backbone is audited."""
    device: str | None = None
    """Where models are trained and asked: auto, cpu, cuda, cuda:N or mps; the case's where None, else a processor."""
    train: str | None = None
    """'module:function' or 'file.py:function' (relative to the current folder) instead of the case's; as the next."""
    unlearn: str | None = None
    preprocess: str | None = None
    seals: tuple[Seal, ...] = ()
    """Every seal of the policy; the seed of the run is derived from them where there are any."""


@dataclass(frozen=True)
class Plan:
    """A request with every choice made."""

    name: str
    reference: ReferenceCase
    data: Path | None
    forget: float | Path | Mapping[str, float]
    audited: MethodChoice
    compared: tuple[MethodChoice, ...]
    retrain: bool
    recipe: Recipe
    references: int
    split_column: str | None = None
    images: ImageRules = field(default_factory=ImageRules)
    network: Network | None = None
    functions: UserFunctions = field(default_factory=UserFunctions)
    preprocessing: Preprocessing | None = None
    expect: Expectation | None = None
    compute: Compute = field(default_factory=Compute)


def make_plan(policy: Policy, request: CaseRequest) -> Plan:
    """Settle what is made: options first, then the case file, then the policy's reference case.

    Raises:
        UsageError: the policy has no reference case.
        UnknownNameError: a method that no table holds.
        PolicyError: the case takes the splits from another column than the policy.
    """
    reference, case = find_reference(policy), request.case
    if case and case.dataset:
        reference = reference.model_copy(update={"dataset": case.dataset})
    embeddings = find_embeddings(request)
    if embeddings:
        reference = reference.model_copy(update={"dataset": "embeddings", "model": "linear"})
    named = {"train": request.train, "unlearn": request.unlearn, "preprocess": request.preprocess}
    functions = find_functions(case.functions if case else None, request.case_folder, named)
    usual = MethodChoice(method=USER_SUPPLIED) if functions.unlearn else reference.unlearn
    asked = case.unlearn if case and case.unlearn else usual
    audited = choose_parameters(policy, request.method, case) if request.method else asked
    listed = [choose_parameters(policy, name, case) for name in request.compare] or list(case.compare if case else ())
    for choice in (audited, *listed, *policy.remediation):  # refused before anything is trained
        find_method(functions.methods, choice.method)
    compared = {choice.method: choice for choice in listed if choice != audited}
    references = choose_references(policy, request.references)
    if references and request.original and not functions.train:
        raise UsageError(
            f"{references} reference models are asked for, which are not made for an original that was made elsewhere",
            hint="declare how it was trained ('functions: {train: file.py:function}' in the case file), or add "
            "--references 0: attacks that need them are then not run",
        )
    forget = request.forget if request.forget is not None else (case.forget if case else None)
    retrain = request.retrain if request.retrain is not None else (case.retrain if case else None)
    return Plan(
        name=case.name if case else f"{policy.id}: {policy.title}",
        reference=reference,
        data=embeddings or request.data or (request.case_folder / case.data if case and case.data else None),
        forget=request.case_folder / forget if isinstance(forget, str) else forget or reference.forget,
        audited=audited,
        compared=tuple(compared.values()),
        retrain=reference.retrain and (not request.original or bool(functions.train)) if retrain is None else retrain,
        recipe=case.recipe if case and case.recipe else reference.recipe,
        references=references,
        split_column=choose_split_column(policy, case),
        images=read_image_rules(case),
        network=case.network if case and not request.original else None,
        functions=functions,
        preprocessing=_read_preprocessing(case, functions),
        expect=case.expect if case else None,
        compute=_choose_compute(request),
    )


def _choose_compute(request: CaseRequest) -> Compute:
    facts = request.case.compute if request.case and request.case.compute else ComputeFacts()
    return Compute(choose_device(request.device or facts.device), facts.precision, facts.deterministic)


def find_embeddings(request: CaseRequest) -> Path | None:
    """Return the file of embeddings that option or case names.

    Raises:
        UsageError: other data beside it.
    """
    case = request.case
    declared = request.case_folder / case.embeddings if case and case.embeddings else None
    found = request.embeddings or declared
    if found and (request.data or (case and (case.data or case.dataset))):
        raise UsageError("expected either embeddings or other data, found both", hint="keep one of the two")
    return found


def _read_preprocessing(case: CaseFile | None, functions: UserFunctions) -> Preprocessing | None:
    """Return the declared steps; None where images are scaled to [-1, 1] as usual, or a function does it all."""
    if case is None or "preprocessing" not in case.model_fields_set:
        return None
    if functions.preprocess:
        raise UsageError(
            "expected either 'preprocessing' or 'functions.preprocess', found both", hint="keep one of the two"
        )
    return Preprocessing(**case.preprocessing.model_dump())


def read_image_rules(case: CaseFile | None) -> ImageRules:
    """Return what the case declares to be done to each image of a folder."""
    rules = case.images if case else None
    if rules is None:
        return ImageRules()
    size = (rules.size, rules.size) if isinstance(rules.size, int) else rules.size
    return ImageRules(size=size, fit=rules.fit, interpolation=rules.interpolation, channels=rules.channels)


def read_table_columns(case: CaseFile | None) -> TableColumns:
    """Return what the case calls the columns of a folder's table."""
    columns = case.columns if case else None
    if columns is None:
        return TableColumns()
    named = {name: getattr(columns, name) for name in ("split", "label") if name in columns.model_fields_set}
    return TableColumns(file=columns.file, id=columns.id, **named)


def choose_references(policy: Policy, asked: int | None) -> int:
    """Return how many reference models are made: as `asked`, else as the policy says.

    Raises:
        UsageError: an odd number, or another that a policy could not ask for either.
    """
    if asked is None:
        return policy.membership.references.models if policy.membership.references else 0
    if asked and (asked % 2 or not FEWEST <= asked <= MOST):
        raise UsageError(
            f"--references: expected 0 or an even number from {FEWEST} to {MOST}, found {asked}",
            hint="models come in pairs that share the candidates between them",
        )
    return asked


def choose_split_column(policy: Policy, case: CaseFile | None) -> str | None:
    """Return the policy's column, else the case's: who is judged on which patients is not the case's to soften."""
    own = policy.data.split_column if policy.data else None
    asked = case.split_column if case else None
    if own and asked and own != asked:
        raise PolicyError(
            f"the case takes its splits from the column '{asked}', the policy from '{own}'",
            hint="leave split_column out of the case, or ask the policy's owner to change data.split_column",
        )
    return own or asked


def find_reference(policy: Policy) -> ReferenceCase:
    """Return the policy's reference case.

    Raises:
        UsageError: it has none, so `run` does not know what to train.
    """
    if policy.reference_case is None:
        raise UsageError(
            f"policy '{policy.id}' has no reference_case, so there is nothing to train",
            hint="add one, or judge existing evidence: unlearn-audit recheck EVIDENCE --policy POLICY",
        )
    return policy.reference_case


def choose_parameters(policy: Policy, method: str, case: CaseFile | None = None) -> MethodChoice:
    """Return `method` with the parameters that it is given anywhere, or with its own defaults.

    Looked for in the order: the case file, then the policy's reference_case.unlearn, remediation, comparison. So a
    method that is compared runs with the setting under which it would be used.

    Raises:
        UnknownNameError: there is no such method.
    """
    if method != USER_SUPPLIED:
        _ = METHODS[method]
    own = ((case.unlearn,) if case.unlearn else ()) + case.compare if case else ()
    for choice in (*own, find_reference(policy).unlearn, *policy.remediation, *policy.comparison):
        if choice.method == method:
            return choice
    return MethodChoice(method=method)
