"""The contract of user-supplied functions, tried on a few records before the long work.

None of it says that a function trains well or forgets: that is for the audit. It says that models made by it can be
compared: that each depends on its records and seed and on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from unlearn_audit.errors import CaseError
from unlearn_audit.training.prediction import read_model
from unlearn_audit.training.user_supplied import NamedFunction, call_seeded, view_as_user
from unlearn_audit.user_code import load_afresh

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from unlearn_audit.training.method import Method, Parameters, Setting
    from unlearn_audit.training.tensors import Records
    from unlearn_audit.training.user_supplied import UserTraining

TRIAL_RECORDS = 128
"""At most so many records of the training split are used, all classes among them where there are so few."""
_ANSWER_TOLERANCE = 1e-4
_FEW = 8
_OTHER_SEED = "another seed gives another network"
_SAME_SEED = "the same seed gives the same bits"
_SAVED = "answers the same once its weights are loaded into the declared network"
_IGNORES = "it ignores setting.seed; say 'draws: false' where nothing is drawn"
_DRAWS_NOTHING = "the case says 'draws: false'"

Role = Literal["train", "unlearn", "preprocess"]


@dataclass(frozen=True)
class ContractCheck:
    """One thing that a function is held to: whether it holds, None where it was not tried, and why."""

    role: Role
    function: str
    what: str
    holds: bool | None
    detail: str = ""


def choose_trial_records(y: NDArray[np.int64], most: int = TRIAL_RECORDS) -> NDArray[np.int64]:
    """Return positions of at most `most` records of classes `y` (n,), the classes taking turns; the first of each."""
    import numpy as np

    turn = np.zeros(len(y), dtype=np.int64)
    for c in np.unique(y):
        turn[y == c] = np.arange(int((y == c).sum()))
    return np.asarray(np.sort(np.argsort(turn, kind="stable")[:most]), dtype=np.int64)


def check_training(train: UserTraining, records: Records, setting: Setting) -> tuple[ContractCheck, ...]:
    """Hold a training function to the contract: three trainings on `records`, from two seeds.

    The third is by code that was loaded afresh, and begins with the seed that came second before: where that gives
    other bits, the function kept something between calls.

    Raises:
        CaseError: the function raised or returned something that cannot be used: nothing else can be tried then.
    """
    make = partial(_judge, "train", train.function.name)
    other = replace(setting, seed=setting.seed + 1)
    before = _remember(records)
    first = train(records, setting)
    weights = _copy_weights(first)
    second = train(records, other)
    again = replace(train, function=load_afresh(train.function))
    third = again(records, other)
    return (
        make("returns a network of the declared architecture with finite weights", True),
        make("leaves the records as they were", _is_same(before, _remember(records))),
        make("returns another network each time", not _share_memory([first, second, third])),
        make("leaves networks alone that it returned before", _is_same(weights, _copy_weights(first))),
        make(
            _OTHER_SEED,
            None if not train.draws else not _is_same(weights, _copy_weights(second)),
            _IGNORES if train.draws else _DRAWS_NOTHING,
        ),
        make(_SAME_SEED, *_judge_same_bits(train.deterministic, _copy_weights(second), _copy_weights(third))),
        make(_SAVED, _is_whole(first, records, setting), "the declared factory makes another network"),
    )


def check_unlearning(  # noqa: PLR0917 - the arguments of a method, and the user's claim
    method: Method,
    original: nn.Module,
    retain: Records,
    forget: Records,
    parameters: Parameters,
    setting: Setting,
    deterministic: bool,
) -> tuple[ContractCheck, ...]:
    """Hold an unlearning function to the contract; `Method.run` refuses what touches the original.

    Raises:
        CaseError: the function raised, changed the original, returned it, or returned what cannot be used.
    """
    make, before = partial(_judge, "unlearn", method.title), (_remember(retain), _remember(forget))
    first = method.run(original, retain, forget, parameters, setting)
    weights = _copy_weights(first)
    again = method.run(original, retain, forget, parameters, setting)
    after = (_remember(retain), _remember(forget))
    return (
        make("leaves the original as it was, and returns a changed network like it", True),
        make("leaves the records as they were", all(map(_is_same, before, after))),
        make("returns another network each time", not _share_memory([original, first, again])),
        make("leaves networks alone that it returned before", _is_same(weights, _copy_weights(first))),
        make(_SAME_SEED, *_judge_same_bits(deterministic, weights, _copy_weights(again))),
    )


def check_preprocessing(function: NamedFunction, images: NDArray[Any]) -> tuple[ContractCheck, ...]:
    """Hold preprocess(image) -> array to the contract, on a few `images` (n, ...).

    Raises:
        CaseError: the function raised, or returned no finite numbers of one shape.
    """
    import numpy as np

    make, kept = partial(_judge, "preprocess", function.name), images.copy()
    first = [np.array(call_seeded(function, (image,), 0)) for image in images]
    again = [np.array(call_seeded(function, (image,), 1)) for image in images]
    same = all(map(np.array_equal, first, again))
    return (
        make("returns finite numbers of one shape", _is_finite_array(function.name, first)),
        make("leaves the image as it was", np.array_equal(kept, images)),
        make("gives one image one answer", same, "a model is asked about each record many times"),
    )


def validate_contract(checks: tuple[ContractCheck, ...]) -> None:
    """Refuse functions that do not hold.

    Raises:
        CaseError: names every function and what it breaks.
    """
    broken = [check for check in checks if check.holds is False]
    if broken:
        listed = "; ".join(f"'{c.function}' {_negate(c)}" for c in broken)
        raise CaseError(f"the contract of user-supplied code is broken: {listed}", hint="see docs/models.md")


def _negate(check: ContractCheck) -> str:
    return f"does not hold to '{check.what}'" + (f" ({check.detail})" if check.detail else "")


def _judge(role: Role, name: str, what: str, holds: bool | None, detail: str = "") -> ContractCheck:
    return ContractCheck(role, name, what, holds, "" if holds else detail)


def _judge_same_bits(claimed: bool, first: dict[str, Tensor], again: dict[str, Tensor]) -> tuple[bool | None, str]:
    if not claimed:
        return None, "the case does not say 'deterministic: true', so that state kept between calls is not seen"
    return _is_same(first, again), "it draws without the seed, or keeps state between calls"


def _is_whole(model: nn.Module, records: Records, setting: Setting) -> bool:
    """Whether weights are all that there is to the network: an audit keeps nothing else of it."""
    import torch

    empty = view_as_user(setting).build(0)
    empty.load_state_dict(model.state_dict())
    few = records.x[:_FEW]
    with torch.no_grad(), read_model(model), read_model(empty):
        answered, again = model(few), empty(few)
    return answered.shape == again.shape and bool(torch.allclose(answered, again, atol=_ANSWER_TOLERANCE))


def _is_finite_array(name: str, arrays: list[NDArray[Any]]) -> bool:
    import numpy as np

    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or any(array.dtype.kind not in "fiu" or not np.isfinite(array).all() for array in arrays):
        found = ", ".join(sorted({f"{array.dtype} {array.shape}" for array in arrays}))
        raise CaseError(f"'{name}': expected finite numbers of one shape for every image, found {found}")
    return True


def _remember(records: Records) -> dict[str, Tensor]:
    return {"x": records.x[: len(records)].clone(), "y": records.y.clone(), "positive": records.positive.clone()}


def _copy_weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _is_same(before: dict[str, Tensor], after: dict[str, Tensor]) -> bool:
    import torch

    return all(torch.equal(value, after[name]) for name, value in before.items())


def _share_memory(models: list[nn.Module]) -> bool:
    places = [{value.data_ptr() for value in model.state_dict().values() if value.numel()} for model in models]
    return sum(map(len, places)) != len(set[int]().union(*places))
