"""User-supplied functions of a case: finds them, describes them for the record, and tries them before the long work."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import CaseError, UsageError
from unlearn_audit.methods import METHODS
from unlearn_audit.methods.user_supplied import USER_SUPPLIED, wrap_unlearning
from unlearn_audit.policy import Functions
from unlearn_audit.records import UserCode, digest_of
from unlearn_audit.training import Method, UserTraining
from unlearn_audit.training.contract import (
    ContractCheck,
    check_preprocessing,
    check_training,
    check_unlearning,
    choose_trial_records,
    validate_contract,
)
from unlearn_audit.training.user_supplied import call_seeded
from unlearn_audit.user_code import UserFunction, find_user_function
from unlearn_audit.writing import replace_file

if TYPE_CHECKING:
    from torch import Tensor

    from unlearn_audit.cases.model_builder import ModelBuilder
    from unlearn_audit.data.stored import Inputs

_TRIAL_IMAGES = 8


@dataclass(frozen=True)
class UserFunctions:
    """What a case brings along as code. Nothing of it is run but by being named here."""

    trainer: UserFunction | None = None
    unlearn: UserFunction | None = None
    preprocess: UserFunction | None = None
    factory: UserFunction | None = None
    deterministic: bool = False
    draws: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def train(self) -> UserTraining | None:
        """The training function, with what the case says of it."""
        return UserTraining(self.trainer, self.parameters, self.deterministic, self.draws) if self.trainer else None

    @property
    def methods(self) -> Mapping[str, Method]:
        """All methods that this audit knows: those of the table, and the user's own."""
        own = {USER_SUPPLIED: wrap_unlearning(self.unlearn)} if self.unlearn else {}
        return {**METHODS, **own} if own else METHODS

    @property
    def identity(self) -> dict[str, Any]:
        """What shapes a model beyond data, network and recipe; empty without functions, so that old keys stay."""
        parts: dict[str, Any] = {}
        if self.trainer:
            parts["train"] = [self.trainer.name, self.trainer.digest, dict(self.parameters)]
        if self.preprocess:
            parts["preprocess"] = [self.preprocess.name, self.preprocess.digest]
        if self.factory:
            parts["factory"] = [self.factory.name, self.factory.digest]
        return parts

    def describe(self, checks: tuple[ContractCheck, ...] = ()) -> tuple[UserCode, ...]:
        """Return what the record says of the code, and of the trial that it underwent."""
        listed = {
            "train": self.trainer,
            "unlearn": self.unlearn,
            "preprocess": self.preprocess,
            "network": self.factory,
        }
        return tuple(
            UserCode(role=role, name=found.name, sha256=found.digest, files=found.files,
                     deterministic=self.deterministic if role in {"train", "unlearn"} else None,
                     tried=tuple(c.what for c in checks if c.role == role and c.holds),
                     untried=tuple(f"{c.what}: {c.detail}" for c in checks if c.role == role and c.holds is None))
            for role, found in listed.items() if found
        )  # fmt: skip


def find_functions(declared: Functions | None, folder: Path, overrides: Mapping[str, str | None]) -> UserFunctions:
    """Return the functions that the case declares beside it, or that options name, which count more.

    Args:
        declared: 'functions' of the case file.
        folder: of the case file.
        overrides: 'train', 'unlearn' and 'preprocess' as options name them, relative to the current folder.

    Raises:
        UsageError: code that is not there or does not load, parameters without a function to give them to.
    """
    functions = declared or Functions()

    def find(role: str) -> UserFunction | None:
        if option := overrides.get(role):
            return find_user_function(option, Path.cwd())
        named = getattr(functions, role)
        return find_user_function(named, folder) if named else None

    train = find("train")
    if train is None and (functions.parameters or not functions.draws):
        raise UsageError("'functions.parameters' and 'draws' would do nothing without 'train'", hint="leave them out")
    return UserFunctions(
        trainer=train,
        unlearn=find("unlearn"),
        preprocess=find("preprocess"),
        deterministic=functions.deterministic,
        draws=functions.draws,
        parameters=functions.parameters,
    )


def find_method(methods: Mapping[str, Method], name: str) -> Method:
    """Return the method called `name`.

    Raises:
        UsageError: the user's own method where the case names no code for it, or no such method.
    """
    if name == USER_SUPPLIED and name not in methods:
        raise UsageError(
            f"the method '{USER_SUPPLIED}' is asked for, and no code is named for it",
            hint="add 'functions: {unlearn: file.py:function}' to the case file, or --unlearn",
        )
    return methods[name]


@dataclass(frozen=True)
class ImageConverter:
    """Stored images to inputs by the user's preprocess(image) -> array, one image at a time."""

    function: UserFunction

    def __call__(self, x: NDArray[Any]) -> "Tensor":
        """Return (n, ...) float32 inputs of `x` (n, ...), of which the function gets read-only copies.

        Raises:
            CaseError: the function raised, or returned arrays of several shapes or no numbers.
        """
        import torch

        made = [np.asarray(call_seeded(self.function, (image.copy(),), 0)) for image in x]
        if len({array.shape for array in made}) > 1:
            raise CaseError(f"'{self.function.name}' returned arrays of several shapes: {made[0].shape} and others")
        return torch.from_numpy(np.ascontiguousarray(np.stack(made), dtype=np.float32))


def try_functions(functions: UserFunctions, builder: "ModelBuilder", x: "Inputs") -> tuple[ContractCheck, ...]:
    """Hold every function to the contract on a few training records, once for each state of the code.

    Raises:
        CaseError: a function that breaks it; see `training.contract`.
    """
    if not functions.describe():
        return ()
    note = builder.cache.folder / f"{_key_of_trial(functions, builder)}.contract.json"
    if note.is_file():
        return tuple(ContractCheck(**item) for item in json.loads(note.read_text("utf-8")))
    builder.progress("try user-supplied code", 0, 1)
    checks = check_functions(functions, builder, x)
    validate_contract(checks)
    note.parent.mkdir(parents=True, exist_ok=True)
    replace_file(note, json.dumps([vars(check) for check in checks]).encode())
    builder.progress("try user-supplied code", 1, 1)
    return checks


def _key_of_trial(functions: UserFunctions, builder: "ModelBuilder") -> str:
    unlearn = functions.unlearn.digest if functions.unlearn else None
    claims = [functions.deterministic, functions.draws]
    return digest_of([functions.identity, unlearn, claims, builder.train_identity, builder.architecture_name])


def check_functions(functions: UserFunctions, builder: "ModelBuilder", x: "Inputs") -> tuple[ContractCheck, ...]:
    """Hold every function to the contract on a few training records, and return what was found.

    Raises:
        CaseError: a function that raised, or gave something that cannot be used.
    """
    checks: tuple[ContractCheck, ...] = ()
    if functions.preprocess:
        checks += check_preprocessing(functions.preprocess, np.array(x[:_TRIAL_IMAGES]))
    few = builder.train.select(choose_trial_records(builder.train.y.numpy()))
    setting = builder.make_setting(1, "try user-supplied code")
    if functions.train:
        checks += check_training(functions.train, few, setting)
    if functions.unlearn:
        places = np.arange(len(few))
        retain, forget = few.select(places[places % 4 != 0]), few.select(places[places % 4 == 0])
        method = functions.methods[USER_SUPPLIED]
        original = builder.train_model(few, setting)
        checks += check_unlearning(
            method, original, retain, forget, method.parse(builder.user_parameters), setting, functions.deterministic
        )
    return checks
