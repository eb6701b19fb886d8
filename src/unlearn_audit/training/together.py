"""Trains many small models at once: each on its own records, in its own order, from its own start."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from unlearn_audit.errors import CaseError
from unlearn_audit.records import ProgressCallback, ignore_progress
from unlearn_audit.training.device import find_kind, make_scaler
from unlearn_audit.training.learner import count_batches, draw_batches, report_divergence, take_step
from unlearn_audit.training.prediction import count_classes
from unlearn_audit.training.randomness import make_generator
from unlearn_audit.training.recipe import Recipe, is_ordinary, plan_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Generator, Tensor, nn

    from unlearn_audit.training.tensors import Records


def fit_together(
    models: Sequence[nn.Module],
    records: Records,
    rows: Tensor,
    recipe: Recipe,
    seeds: Sequence[int],
    *,
    progress: ProgressCallback = ignore_progress,
    task: str = "train",
    names: Sequence[str] = (),
) -> list[nn.Module]:
    """Return copies of `models`, model g trained on the records `rows[g]` as `fit` would with `seeds[g]`.

    One SGD over weights stacked along a new first axis: the same draws, batches, rates and formulas as in `fit`, in
    fewer and larger matrix products. The results equal those of `fit` up to rounding in float32, which training
    amplifies, and not bit for bit; and a model's last bits may depend on which others it is trained with, so that
    whoever needs the same bits again trains the same group again.

    Args:
        models: of one architecture, without buffers (such as running statistics) and without random layers.
        records: pool from which every model has its own selection.
        rows: (models, m) int64 indices into `records`, the same number for every model.
        recipe: shared by all.
        seeds: of each model's shuffles.
        progress: hears `task` after every step.
        task: what it hears.
        names: what errors call each model; its place among `models` by default.

    Raises:
        CaseError: models that cannot be stacked, no records, a class that the models do not have, or training
            diverged (model, epoch and rate are named).
    """
    import torch

    _validate_stackable(models)
    if not is_ordinary(recipe):
        raise CaseError("expected a recipe without class weights and augmentation to train together", hint="use fit")
    called = names or [f"model {place}" for place in range(len(models))]
    count_classes(models[0], records)
    weights = _stack_weights(models)
    answer = _make_answer(models[0])
    optimiser = torch.optim.SGD(
        weights.values(), lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    scaler = make_scaler(find_kind(models[0]))
    shuffles = [make_generator(seed, "shuffle") for seed in seeds]
    room: dict[int, Tensor] = {}
    done, rate, steps = 0, 0.0, recipe.epochs * count_batches(rows.shape[1], recipe.batch)
    for epoch in range(1, recipe.epochs + 1):
        for batch in _draw_batches(rows, recipe.batch, shuffles):
            rate = plan_rate(recipe, done, steps)
            optimiser.param_groups[0]["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
            losses = _find_losses(answer(weights, _take_inputs(records, batch, room)), records.y[batch])
            _validate_losses(losses, called, epoch, rate)
            # one backward pass for all: a model's weights occur in its own loss alone
            scaler.scale(losses.sum()).backward()  # type: ignore[no-untyped-call]
            take_step(scaler, optimiser, epoch, rate)
            done += 1
            progress(task, done, steps)
    return _unstack(models, weights, called, rate, recipe.epochs)


def _validate_stackable(models: Sequence[nn.Module]) -> None:
    if not models:
        raise CaseError("expected at least one model to train, found none")
    shapes = [{name: tuple(value.shape) for name, value in model.named_parameters()} for model in models]
    if any(other != shapes[0] for other in shapes):
        raise CaseError("expected models of one architecture to train together, found several")
    if buffer := next((name for name, _ in models[0].named_buffers()), None):
        raise CaseError(f"expected models without buffers to train together, found '{buffer}'", hint="use fit")


def _stack_weights(models: Sequence[nn.Module]) -> dict[str, Tensor]:
    """Return per weight name a leaf (models, ...), matrices with their last two axes exchanged in memory.

    Their gradients come out of the batched product in that order; any other would cost a copy in each step.
    """
    import torch

    weights = {}
    for name, _ in models[0].named_parameters():
        stacked = torch.stack([model.get_parameter(name).detach() for model in models])
        if stacked.dim() == 3:  # noqa: PLR2004 - models, outputs, inputs
            stacked = stacked.transpose(1, 2).contiguous().transpose(1, 2)
        weights[name] = stacked.requires_grad_()
    return weights


def _make_answer(model: nn.Module) -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    """Return the function of stacked weights and inputs (models, m, ...) that gives logits (models, m, k)."""
    import torch

    skeleton = deepcopy(model).train().to("meta")

    def answer(weights: dict[str, Tensor], x: Tensor) -> Tensor:
        logits: Tensor = torch.func.functional_call(skeleton, weights, (x,))
        return logits

    return torch.func.vmap(answer)


def _draw_batches(rows: Tensor, size: int, shuffles: Sequence[Generator]) -> list[Tensor]:
    """Return one epoch's batches as (models, m) indices into the pool, each model's drawn as `fit` draws them."""
    import torch

    drawn = [draw_batches(rows.shape[1], size, shuffle) for shuffle in shuffles]
    own = [[row[part] for part in parts] for row, parts in zip(rows, drawn, strict=True)]
    return [torch.stack(parts) for parts in zip(*own, strict=True)]


def _take_inputs(records: Records, batch: Tensor, room: dict[int, Tensor]) -> Tensor:
    """Return (models, m, ...) inputs, written over those of the last batch of this size, which `room` keeps.

    Selecting by a flat index is four times as fast as indexing by a matrix, and into memory that is there already five
    times as fast as into new.
    """
    import torch

    x = records.x
    if not isinstance(x, torch.Tensor):
        return x[batch]
    size = batch.numel()
    if size not in room:
        room[size] = x.new_empty((size, *x.shape[1:]))
    return torch.index_select(x, 0, batch.flatten(), out=room[size]).view(*batch.shape, *x.shape[1:])


def _find_losses(logits: Tensor, y: Tensor) -> Tensor:
    """Return (models,) mean cross-entropy of logits (models, m, k) with classes y (models, m)."""
    import torch

    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none")
    return losses.view(y.shape).mean(dim=1)


def _validate_losses(losses: Tensor, names: Sequence[str], epoch: int, rate: float) -> None:
    import torch

    bad = ~torch.isfinite(losses)
    if bad.any():
        place = int(bad.nonzero()[0])
        raise report_divergence(f"the loss of {names[place]} was {float(losses[place].detach())}", epoch, rate)


def _unstack(
    models: Sequence[nn.Module], weights: dict[str, Tensor], names: Sequence[str], rate: float, epoch: int
) -> list[nn.Module]:
    import torch

    trained = [deepcopy(model).eval() for model in models]
    with torch.no_grad():
        for name, stacked in weights.items():
            for called, model, value in zip(names, trained, stacked.detach(), strict=True):
                if not torch.isfinite(value).all():
                    raise report_divergence(f"'{name}' of {called} holds NaN or infinity", epoch, rate)
                model.get_parameter(name).copy_(value)
    return trained
