"""The type of an unlearning method: its parameters, its arguments, and its contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pydantic import ValidationError

from unlearn_audit.errors import CaseError, PolicyError
from unlearn_audit.records import ProgressCallback, ignore_progress
from unlearn_audit.records.frozen import Frozen
from unlearn_audit.training.tensors import Records, validate_not_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

    from unlearn_audit.training.recipe import Recipe


class Parameters(Frozen):
    """Base of every method's parameters: frozen, bounded, unknown names refused; all of it goes into the record."""


@dataclass(frozen=True)
class Setting:
    """What the original's training leaves to a method: never test or validation records.

    Attributes:
        build: makes a freshly initialised model of the original's architecture from a seed.
        recipe: how the original was trained.
        seed: of every draw the method makes, at least 0.
        progress: called as each part is finished.
        shape: of one input, without the axis of the batch.
        classes: number of outputs that the network must have.
        parameters: that the case gives to the user's own function.
        device: on which to train: 'cpu', 'cuda:0', ...
        train: how the original was trained, where that was by a function of the user's own; None for the recipe.
        own: the user's network and class numbers as his code knows them; None where they are the task's.
    """

    build: Callable[[int], nn.Module]
    recipe: Recipe
    seed: int
    progress: ProgressCallback = ignore_progress
    shape: tuple[int, ...] = ()
    classes: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    train: Train | None = None
    own: OwnOutputs | None = None


class OwnOutputs(NamedTuple):
    """A user's network whose outputs are put into the task's order behind it: what it is without that."""

    build: Callable[[int], nn.Module]
    order: tuple[int, ...]
    """For each class of the task the output that speaks of it."""


class Train(Protocol):
    """How a model is trained from nothing: a plain function of records and setting."""

    def __call__(self, records: Records, setting: Setting, /) -> nn.Module:
        """Return a new model that was trained on `records`."""
        ...


class Run(Protocol):
    """The method itself: a plain function. `parameters` is an instance of the method's own parameter class."""

    def __call__(
        self, original: nn.Module, retain: Records, forget: Records, parameters: Any, setting: Setting, /
    ) -> nn.Module:
        """Return a new model that has forgotten `forget`; never change `original`."""
        ...


class Start(NamedTuple):
    """From which weights, and by which recipe, a method trains on the retained records."""

    model: nn.Module
    recipe: Recipe


class Prepare(Protocol):
    """What there is to a method that only trains on the retained records, apart from the training itself."""

    def __call__(self, original: nn.Module, parameters: Any, setting: Setting, /) -> Start:
        """Return where the training starts; never change `original`."""
        ...


@dataclass(frozen=True)
class Method:
    """An entry of the table of methods.

    Attributes:
        name: as a policy names it.
        title: as a report prints it.
        source: paper.
        parameters: their class; its defaults are the method's.
        function: the method itself. Callers use `run`, which checks what goes in and what comes out.
        needs: the record sets that it reads, of 'retain' and 'forget'. A method that does not read one of them is
            given it empty.
        cost: in words, relative to training again.
        draws: whether it draws anything, so that another seed gives another model.
        digest: of its code, where that is the user's own.
        prepare: for a method that is nothing but `fit` on the retained records, from a start of its own: that start,
            so that many models can be trained as one (`run_together`). `function` must do the same one by one.
    """

    name: str
    title: str
    source: str
    parameters: type[Parameters]
    function: Run
    needs: tuple[str, ...]
    cost: str
    draws: bool = True
    prepare: Prepare | None = None
    digest: str | None = None

    def parse(self, given: Mapping[str, Any]) -> Parameters:
        """Return `given`, as a policy writes it, as this method's parameters; what is absent has its default.

        Raises:
            PolicyError: unknown names or values out of bounds, all of them at once.
        """
        try:
            return self.parameters.model_validate(dict(given))
        except ValidationError as error:
            raise self._explain(error) from error

    def run(
        self, original: nn.Module, retain: Records, forget: Records, parameters: Parameters, setting: Setting
    ) -> nn.Module:
        """Return a new model, in evaluation mode, that has forgotten `forget` and kept `retain`.

        That it has forgotten is the method's claim, not a result: it is for the audit to measure.

        Raises:
            CaseError: an empty or misshapen record set, parameters of another method, training that diverged, or a
                method (of a third party) that changed the original, returned another architecture, or changed no
                weight at all.
        """
        _validate_records(retain, forget)
        self._validate_parameters(parameters)
        before = _remember(original)
        kept = retain if "retain" in self.needs else retain.select(_none_of(retain))
        seen = forget if "forget" in self.needs else forget.select(_none_of(forget))
        unlearned = self.function(original, kept, seen, parameters, setting)
        if unlearned is original:
            raise CaseError(
                f"method '{self.name}' returned the model that it was given, which must stay as it is",
                hint="begin with copy.deepcopy(original)",
            )
        self._validate_result(before, original, unlearned.eval())
        return unlearned

    def run_together(
        self,
        originals: Sequence[nn.Module],
        retain: Records,
        parameters: Parameters,
        settings: Sequence[Setting],
        names: Sequence[str],
    ) -> list[nn.Module]:
        """Return what `run` makes of each of `originals` with its setting, up to rounding, trained as one.

        Only for a method with `prepare`, and for models that `fit_together` takes; `names` is what errors call them.

        Raises:
            CaseError: as `run` and `fit_together`.
        """
        import torch

        from unlearn_audit.training.together import fit_together

        validate_not_empty(retain, "retain")
        self._validate_parameters(parameters)
        if self.prepare is None:
            raise CaseError(f"method '{self.name}' is more than training on what is retained", hint="use run")
        before = [_remember(original) for original in originals]
        starts = [self.prepare(model, parameters, s) for model, s in zip(originals, settings, strict=True)]
        rows = torch.arange(len(retain)).expand(len(starts), -1)
        models, seeds = [start.model for start in starts], [setting.seed for setting in settings]
        unlearned = fit_together(models, retain, rows, starts[0].recipe, seeds, task=self.name, names=names)
        for old, original, model in zip(before, originals, unlearned, strict=True):
            self._validate_result(old, original, model)
        return unlearned

    def _validate_parameters(self, parameters: Parameters) -> None:
        if not isinstance(parameters, self.parameters):
            raise CaseError(
                f"expected parameters of method '{self.name}', found {type(parameters).__name__}",
                hint="make them with Method.parse",
            )

    def _explain(self, error: ValidationError) -> PolicyError:
        known = sorted(self.parameters.model_fields)
        found = [(".".join(map(str, item["loc"])), item) for item in error.errors()]
        lines = [f"{name}: {item['msg']}, found {item['input']!r}" for name, item in found]
        unknown = [name for name, item in found if item["type"] == "extra_forbidden"]
        near = [close for name in unknown for close in get_close_matches(name, known, n=1)]
        asked = f"did you mean '{near[0]}'? " if near else ""
        return PolicyError(
            f"parameters of method '{self.name}': {'; '.join(lines)}",
            hint=f"{asked}known parameters: {', '.join(known) or 'none'}",
        )

    def _validate_result(self, before: dict[str, Tensor], original: nn.Module, unlearned: nn.Module) -> None:
        import torch

        if not _is_same(before, original.state_dict()):
            raise CaseError(f"method '{self.name}' changed the original model, which is what it is compared with")
        after = unlearned.state_dict()
        shapes = {name: tuple(value.shape) for name, value in before.items()}
        if shapes != {name: tuple(value.shape) for name, value in after.items()}:
            raise CaseError(f"method '{self.name}' returned a model of another architecture than the original's")
        for name, value in after.items():
            if not torch.isfinite(value).all():
                raise CaseError(f"method '{self.name}' returned weights that are no finite numbers, in '{name}'")
        weights = {name for name, _ in original.named_parameters()}
        if _is_same({name: before[name] for name in weights}, {name: after[name] for name in weights}):
            raise CaseError(f"method '{self.name}' changed no weight: nothing can have been forgotten")


def _validate_records(retain: Records, forget: Records) -> None:
    validate_not_empty(retain, "retain")
    validate_not_empty(forget, "forget")
    if retain.x.shape[1:] != forget.x.shape[1:]:
        raise CaseError(
            f"expected retain and forget records of one shape, found {tuple(retain.x.shape[1:])} "
            f"and {tuple(forget.x.shape[1:])}"
        )


def _none_of(records: Records) -> Tensor:
    import torch

    return torch.zeros(len(records), dtype=torch.bool)


def _remember(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _is_same(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> bool:
    import torch

    return before.keys() == after.keys() and all(torch.equal(value, after[name]) for name, value in before.items())
