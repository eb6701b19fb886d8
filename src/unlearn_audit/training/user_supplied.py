"""User-supplied training and unlearning functions: called with seeded generators; what they return is validated."""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ConfigDict

from unlearn_audit.errors import AuditError, CaseError
from unlearn_audit.training.method import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn

    from unlearn_audit.training.method import Setting
    from unlearn_audit.training.tensors import Records
_MOST_WORDS = 300
_DECLARE = "name what makes it: 'network: {factory: file.py:function}' in the case file, or use setting.build"
_OURS = Path(__file__).parents[1]
_NO_GPU = ("CUDA enabled", "NVIDIA driver", "No CUDA GPUs", "CUDA-capable", "invalid device ordinal", "MPS")


class OpenParameters(Parameters):
    """Any names: the user's own function knows them."""

    model_config = ConfigDict(extra="allow")


class NamedFunction(Protocol):
    """Code of the user's own, and how he calls it."""

    @property
    def name(self) -> str:
        """As the user wrote it."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of its sources."""
        ...

    @property
    def files(self) -> Any:
        """The files that were read, as the record lists them."""
        ...

    def __call__(self, *arguments: Any) -> Any:
        """Call it."""
        ...


@dataclass(frozen=True)
class UserTraining:
    """`train(records, setting) -> model` of the user's own; called for every model that is trained from nothing.

    Attributes:
        function: the code.
        parameters: of the case, given to it as `setting.parameters`.
        deterministic: whether the user says that the same seed gives the same bits.
        draws: whether another seed gives another model.
    """

    function: NamedFunction
    parameters: Mapping[str, Any] = field(default_factory=dict)
    deterministic: bool = False
    draws: bool = True

    def __call__(self, records: Records, setting: Setting) -> nn.Module:
        """Return the trained model, on the CPU and in evaluation mode, with its outputs as the user's code has them.

        Raises:
            CaseError: the function raised, returned no network of the declared architecture, or one with weights that
                are no finite numbers.
        """
        given = replace(view_as_user(setting), parameters=self.parameters, train=None)
        found = call_seeded(self.function, (number_as_user(records, setting), given), setting.seed)
        return take_network(self.function.name, found, given)


@dataclass(frozen=True)
class UserUnlearning:
    """`unlearn(original, retain, forget, setting) -> model` of the user's own, as the function of a `Method`."""

    function: NamedFunction

    def __call__(
        self, original: nn.Module, retain: Records, forget: Records, parameters: Parameters, setting: Setting
    ) -> nn.Module:
        """Return the unlearned model in the declared network, on the CPU and in evaluation mode.

        Raises:
            CaseError: see `UserTraining`; and where the function changed or returned the original.
        """
        given = replace(view_as_user(setting), parameters=parameters.model_dump(mode="json"))
        shown = original if setting.own is None else _move_weights(original, given)
        before = {name: value.detach().clone() for name, value in shown.state_dict().items()}
        kept, lost = number_as_user(retain, setting), number_as_user(forget, setting)
        found = call_seeded(self.function, (shown, kept, lost, given), setting.seed)
        if found is shown:
            raise CaseError(
                f"'{self.function.name}' returned the model that it was given, which must stay as it is",
                hint="begin with copy.deepcopy(original)",
            )
        if _find_difference(before, shown.state_dict(), values=True):
            raise CaseError(f"'{self.function.name}' changed the original model, which is what it is compared with")
        return _move_weights(take_network(self.function.name, found, given), setting)


def view_as_user(setting: Setting) -> Setting:
    """Return the setting with the user's network as his code knows it, without what brings its outputs in order."""
    return setting if setting.own is None else replace(setting, build=setting.own.build, own=None)


def number_as_user(records: Records, setting: Setting) -> Records:
    """Return the records with classes numbered as the outputs of the user's network are."""
    import torch

    if setting.own is None or setting.own.order == tuple(range(len(setting.own.order))):
        return records
    return replace(records, y=torch.tensor(setting.own.order)[records.y])


def _move_weights(model: nn.Module, setting: Setting) -> nn.Module:
    """Return the setting's network with the weights of `model`."""
    other = setting.build(0)
    other.load_state_dict(model.state_dict())
    return other.eval()


def call_seeded(function: NamedFunction, arguments: tuple[Any, ...], seed: int) -> Any:
    """Call the user's function; whatever it raises is reported with its place in the user's file.

    The global generators of torch, NumPy and Python are seeded from `seed` before, and are afterwards as they were:
    code that draws from them without a seed of its own is a function of `seed` too.

    Raises:
        CaseError: it raised.
    """
    try:
        with _seed_generators(seed):
            return function(*arguments)
    except AuditError:
        raise
    except Exception as error:  # it is the user's code and may raise anything
        raise _explain(function.name, error) from error


@contextmanager
def _seed_generators(seed: int) -> Iterator[None]:
    import numpy as np
    import torch

    before, numpy_before, threads = random.getstate(), np.random.get_state(), torch.get_num_threads()  # noqa: NPY002
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 - the user's code may draw from the global one
        try:
            yield
        finally:
            random.setstate(before)
            np.random.set_state(numpy_before)  # noqa: NPY002
            torch.set_num_threads(threads)


def _explain(name: str, error: Exception) -> CaseError:
    message = f"{type(error).__name__}: {' '.join(str(error).split())[:_MOST_WORDS]}"
    place, step = "", error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        path = Path(code.co_filename)
        if _OURS not in path.parents and "site-packages" not in path.parts:
            place = f" at line {step.tb_lineno} of {path.name}"
        step = step.tb_next
    hint = None
    if any(words in message for words in _NO_GPU):
        hint = "it asks for an accelerator that is not here: use setting.device instead of a fixed one"
    return CaseError(f"'{name}' raised {message}{place}", hint=hint)


def take_network(name: str, found: Any, setting: Setting) -> nn.Module:
    """Return what the user's function gave, on the CPU and in evaluation mode.

    Raises:
        CaseError: no network, one of another architecture than `setting.build` makes, or weights that are not finite.
    """
    import torch

    if not isinstance(found, torch.nn.Module):
        raise CaseError(f"'{name}': expected a torch.nn.Module, found {type(found).__name__}")
    expected, state = setting.build(0).state_dict(), found.state_dict()
    if differing := _find_difference(expected, state):
        wrapped = next((prefix for prefix in ("module.", "_orig_mod.") if all(key.startswith(prefix) for key in state)),
                       None)  # fmt: skip
        raise CaseError(
            f"'{name}' returned a model of another architecture than the declared one: {differing}",
            hint=f"return the network inside of the wrapper ('{wrapped}')" if wrapped else _DECLARE,
        )
    for key, value in state.items():
        if not torch.isfinite(value).all():
            raise CaseError(
                f"'{name}' returned weights that are no finite numbers, in '{key}'", hint="training diverged"
            )
    return found.to("cpu").eval()


def _find_difference(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor], *, values: bool = False
) -> str | None:
    import torch

    for key in [*expected, *found]:
        there, here = expected.get(key), found.get(key)
        if there is None or here is None:
            return f"'{key}' is in {'the declared one' if here is None else 'the returned one'} alone"
        if there.shape != here.shape:
            return f"'{key}' of shape {tuple(there.shape)} is declared, {tuple(here.shape)} was returned"
        if values and not torch.equal(there, here):
            return f"'{key}' changed"
    return None
