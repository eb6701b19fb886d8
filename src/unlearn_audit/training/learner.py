"""A copy of a model under SGD: the one place where weights change, and the order of its batches."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from unlearn_audit.errors import CaseError
from unlearn_audit.training.device import find_kind, make_scaler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Generator, Tensor, nn
    from torch.amp.grad_scaler import GradScaler
    from torch.optim import Optimizer

    from unlearn_audit.training.recipe import Recipe


class Learner:
    """A deep copy of `model`, trained by SGD with the recipe's momentum and weight decay.

    With `trainable` (per weight name a bool mask of its shape) every other weight stays **bit-equal** to where it
    started: masking the gradient alone would not do, since weight decay and the momentum of earlier steps move a
    weight whose gradient is zero; so after each step those weights are put back and their momentum is set to zero.

    The mask is about weights. Buffers are none: the running statistics of batch normalisation follow the batches, as
    in ordinary training, masked or not; frozen ones would describe activations that the changed weights no longer
    produce.

    `scales` (per weight name a factor for each of its entries) multiplies gradients before each step. Weight decay is
    not scaled.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        trainable: Mapping[str, Tensor] | None = None,
        scales: Mapping[str, Tensor] | None = None,
    ) -> None:
        import torch

        self._model = deepcopy(model)
        weights = {name: weight for name, weight in self._model.named_parameters() if weight.requires_grad}
        if not weights:
            raise CaseError("expected a model with trainable weights, found none that requires a gradient")
        self._optimiser = torch.optim.SGD(
            weights.values(), lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )
        self._held: list[tuple[Tensor, Tensor, Tensor]] = []
        if trainable is not None:
            self._held = [(weight, trainable[name], weight.detach().clone()) for name, weight in weights.items()]
        self._scaler = make_scaler(find_kind(self._model))
        self._scaled = [(weights[name], scale) for name, scale in (scales or {}).items()]

    def step(
        self,
        x: Tensor,
        find_loss: Callable[[Tensor], Tensor],
        rate: float,
        epoch: int,
        penalty: Callable[[nn.Module], Tensor] | None = None,
    ) -> None:
        """Take one step at learning rate `rate` down `find_loss` (scalar) of the batch's logits, in training mode.

        `penalty` (scalar) of the model itself is added to the loss. A lone record has no batch statistics: for it
        batch normalisation uses, and keeps, its running ones.

        Raises:
            CaseError: the loss is NaN or infinite, or in float16 gradients overflow at every scale; `epoch` (from 1) is
                named.
        """
        import torch

        self._enter_training_mode(len(x))
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        with torch.enable_grad():
            loss = find_loss(self._model(x))
            if penalty is not None:
                loss = loss + penalty(self._model)
        if not torch.isfinite(loss):
            raise report_divergence(f"the loss was {float(loss.detach())}", epoch, rate)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(self._optimiser)
        for weight, scale in self._scaled:
            if weight.grad is not None:
                weight.grad.mul_(scale)
        take_step(self._scaler, self._optimiser, epoch, rate)
        self._put_back()

    def _enter_training_mode(self, size: int) -> None:
        import torch

        self._model.train()
        if size == 1:
            for module in self._model.modules():
                if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - the only common base
                    module.eval()

    def _put_back(self) -> None:
        import torch

        with torch.no_grad():
            for weight, mask, start in self._held:
                weight.copy_(torch.where(mask, weight, start))
                momentum = self._optimiser.state[weight].get("momentum_buffer")
                if momentum is not None:
                    momentum.masked_fill_(~mask, 0.0)

    def finish(self, rate: float, epoch: int) -> nn.Module:
        """Return the trained model in evaluation mode, without gradients; the learner is spent.

        Raises:
            CaseError: the last steps left a weight or running statistic that is not a finite number.
        """
        import torch

        self._optimiser.zero_grad(set_to_none=True)
        for name, value in self._model.state_dict().items():
            if not torch.isfinite(value).all():
                raise report_divergence(f"'{name}' holds NaN or infinity", epoch, rate)
        return self._model.eval()


def take_step(scaler: GradScaler, optimiser: Optimizer, epoch: int, rate: float) -> None:
    """Take the step that the gradients ask for; in float16 none where they overflow, and the scale is halved.

    Raises:
        CaseError: they overflow although losses are no longer scaled.
    """
    scaler.step(optimiser)
    scaler.update()
    if scaler.get_scale() < 1:
        raise report_divergence("gradients overflow float16", epoch, rate)


def report_divergence(what: str, epoch: int, rate: float) -> CaseError:
    """Return the error of a training that left the numbers: `what` it found, in which epoch, at which rate."""
    return CaseError(
        f"training diverged: {what} in epoch {epoch} at learning rate {rate:g}",
        hint="lower the learning rate, or check that the inputs are normalised",
    )


def count_batches(n: int, size: int) -> int:
    """Return how many batches `draw_batches` makes of `n` records."""
    whole, rest = divmod(n, size)
    return max(whole + (rest > 1), 1)


def draw_batches(n: int, size: int, generator: Generator) -> list[Tensor]:
    """Return the indices 0 to `n` - 1, shuffled, in batches of `size`; every record is in exactly one.

    The last batch may be smaller. A lone last record joins the batch before it, since batch normalisation cannot
    learn from one record and dropping it would leave it out; with a `size` of 1 all stay alone.
    """
    import torch

    batches = list(torch.split(torch.randperm(n, generator=generator), size))
    if n > size and n % size == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches
