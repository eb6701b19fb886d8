"""Devices for training and prediction. One is chosen by name and never replaced silently.

On a processor nothing here changes a bit. On an accelerator algorithms are deterministic unless the case says
otherwise: the same seed gives the same bits on the same kind of accelerator and build of torch. Between a processor
and an accelerator the last digits of float32 sums differ, which training amplifies: models trained on the two are
different draws, of which none is the better; one model's answers agree to about 1e-4 in log-probability.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from unlearn_audit.errors import CaseError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from torch import nn
    from torch.amp.grad_scaler import GradScaler

    from unlearn_audit.training.method import Method, Parameters, Setting
    from unlearn_audit.training.tensors import Records

Precision = Literal["float32", "bfloat16", "float16"]
_NAME = re.compile(r"auto|cpu|mps|cuda(:\d{1,2})?")
_CUBLAS, _CUBLAS_SETTING = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"


@dataclass(frozen=True)
class Compute:
    """How numbers are computed. The default is a processor in float32: then nothing differs from having no such thing.

    Attributes:
        device: 'cpu', 'mps', 'cuda' (any, shared out among workers) or 'cuda:N'; chosen by `choose_device`.
        precision: of the sums in training; a model is always asked in float32, since coarse answers hide memory. In
            float16 losses are scaled, see `make_scaler`.
        deterministic: whether an accelerator takes only algorithms that give the same bits again.
    """

    device: str = "cpu"
    precision: Precision = "float32"
    deterministic: bool = True

    @property
    def is_plain(self) -> bool:
        """Whether this is a processor in float32, with which a model of another setting has nothing in common."""
        return self.device == "cpu" and self.precision == "float32"

    def describe(self) -> dict[str, str]:
        """Return device and flags as the record states them; nothing for a processor in float32."""
        if self.is_plain:
            return {}
        kind = "deterministic algorithms, no TF32" if self.deterministic else "fastest algorithms, bits may differ"
        flags = kind if self.device != "cpu" else "as ever on a processor"
        return {"device": name_device(self.device), "precision": self.precision, "algorithms": flags}

    def take(self, number: int) -> Compute:
        """Return the same for job `number`: where any accelerator will do, jobs take turns among those there are."""
        if self.device != "cuda":
            return self
        import torch

        return replace(self, device=f"cuda:{number % max(1, torch.cuda.device_count())}")


def choose_device(wanted: str) -> str:
    """Return the device that `wanted` names: 'auto' is an accelerator where there is one, else the processor.

    Raises:
        UsageError: no such name. CaseError: an accelerator that is not here; it is never replaced by a processor.
    """
    import torch

    if not _NAME.fullmatch(wanted):
        raise UsageError(f"expected a device auto, cpu, cuda, cuda:N or mps, found '{wanted}'")
    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise CaseError(_describe_absent("mps", 0), hint="use 'cpu', or 'auto' to take what there is")
    if wanted.startswith("cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count <= int(wanted.partition(":")[2] or 0):
            raise CaseError(_describe_absent(wanted, count), hint="use 'cpu', or 'auto' to take what there is")
    return wanted


def _describe_absent(wanted: str, count: int) -> str:
    import torch

    built = "" if wanted == "mps" or torch.version.cuda else f"; this build of torch ({torch.__version__}) knows none"
    return f"the device '{wanted}' is asked for, found {count or 'no'} such accelerators here{built}"


def name_device(device: str) -> str:
    """Return a device with what it is, such as 'cuda (2 x NVIDIA H100)'."""
    import torch

    if not device.startswith("cuda"):
        return device
    count = torch.cuda.device_count() if device == "cuda" else 1
    name = torch.cuda.get_device_name(int(device.partition(":")[2] or 0))
    return f"{device} ({f'{count} x ' if count > 1 else ''}{name})"


@contextmanager
def use(compute: Compute) -> Iterator[None]:
    """Compute as `compute` says for the time of the block; then torch's flags are as they were."""
    if compute.is_plain:
        yield
        return
    import torch

    flags = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark)
    strict, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    if compute.deterministic and compute.device.startswith("cuda"):
        os.environ.setdefault(_CUBLAS, _CUBLAS_SETTING)  # read when cuBLAS is first used
    _set_flags(allow_tf32=not compute.deterministic, benchmark=not compute.deterministic)
    torch.use_deterministic_algorithms(compute.deterministic and compute.device != "cpu")
    try:
        with _cast(compute):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = flags[:2]
        torch.backends.cudnn.benchmark = flags[2]
        torch.use_deterministic_algorithms(strict, warn_only=warns)


def _set_flags(*, allow_tf32: bool, benchmark: bool) -> None:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allow_tf32
    torch.backends.cudnn.benchmark = benchmark


def _cast(compute: Compute) -> AbstractContextManager[None]:
    import torch

    if compute.precision == "float32":
        return nullcontext()
    # without a cache: it would keep the weights of the first step for the whole training, which is one block
    dtype = getattr(torch, compute.precision)
    return torch.autocast(compute.device.partition(":")[0], dtype=dtype, cache_enabled=False)


def find_kind(model: nn.Module) -> str:
    """Return the kind of device that the weights of `model` lie on, such as 'cuda'."""
    first = next(model.parameters(), None)
    return "cpu" if first is None else first.device.type


def in_full_precision(kind: str) -> AbstractContextManager[None]:
    """Compute in float32 for the time of the block, on devices of this kind, whatever training does around it."""
    import torch

    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def make_scaler(kind: str) -> GradScaler:
    """Return what scales losses so that gradients in float16 do not vanish; in every other precision it does nothing.

    Steps whose gradients overflow are left out and the scale is halved (Micikevicius et al. 2018, arXiv 1710.03740).
    """
    import torch

    half = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) is torch.float16
    return torch.amp.GradScaler(kind, enabled=half)


@contextmanager
def lend_model(model: nn.Module, compute: Compute) -> Iterator[nn.Module]:
    """Move `model` to the device for the time of the block, to be asked there in float32, and back to the processor."""
    if compute.device == "cpu":
        yield model
        return
    with use(replace(compute, precision="float32")):
        model.to(compute.device)
        try:
            yield model
        finally:
            model.to("cpu")


def move_setting(setting: Setting, compute: Compute) -> Setting:
    """Return the setting whose fresh networks lie on the device."""
    if compute.device == "cpu":
        return setting
    build = setting.build
    return replace(setting, build=lambda seed: build(seed).to(compute.device), device=compute.device)


def unlearn_on(  # noqa: PLR0917 - the arguments of a method, and where
    compute: Compute,
    method: Method,
    original: nn.Module,
    retain: Records,
    forget: Records,
    parameters: Parameters,
    setting: Setting,
) -> nn.Module:
    """Run a method on the device; the result lies on the processor.

    The user's own function gets everything on the processor and the device's name in `setting.device`: what is moved
    when is its own affair.
    """
    with use(compute):
        if method.digest is not None or compute.device == "cpu":
            return method.run(original, retain, forget, parameters, replace(setting, device=compute.device))
        there = deepcopy(original).to(compute.device)
        moved = move_setting(setting, compute)
        on_retain, on_forget = retain.to(compute.device), forget.to(compute.device)
        return method.run(there, on_retain, on_forget, parameters, moved).to("cpu")
