"""The contract that every unlearning method of the table keeps, third parties' included."""

import inspect
import sys
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from unlearn_audit.errors import CaseError, PolicyError, UnknownNameError
from unlearn_audit.methods import METHODS
from unlearn_audit.training import Method, Parameters, Records, fit

every_method = pytest.mark.parametrize("name", METHODS)

ON_IMAGES = {"convolution-transpose"}
"""Methods that have a meaning for convolutions alone, and are tried on a network that has one."""


@pytest.fixture
def world(request, world):
    name = getattr(request.node, "callspec", None) and request.node.callspec.params.get("name")
    return request.getfixturevalue("images") if name in ON_IMAGES else world


def picture(model):
    """All that a method must leave alone: weights, buffers, modes, gradients, what is trainable."""
    return (
        {name: value.clone() for name, value in model.state_dict().items()},
        [module.training for module in model.modules()],
        [(weight.requires_grad, weight.grad is None) for weight in model.parameters()],
    )


def is_same_state(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def assert_untouched(before, model):
    state, modes, gradients = picture(model)
    assert is_same_state(before[0], state), "weights or buffers changed"
    assert before[1] == modes, "a module's mode changed"
    assert before[2] == gradients, "gradients or requires_grad changed"


def assert_new(original, unlearned):
    """A result of its own: other weights, all finite, no memory shared with the original, ready to be read."""
    old, new = original.state_dict(), unlearned.state_dict()
    weights = [name for name, _ in original.named_parameters()]
    assert not all(torch.equal(old[name], new[name]) for name in weights), "no weight changed"
    assert all(torch.isfinite(value).all() for value in new.values()), "not finite"
    shared = {value.data_ptr() for value in old.values()} & {value.data_ptr() for value in new.values()}
    assert not shared, "memory is shared with the original"
    assert not unlearned.training, "not in evaluation mode"
    assert all(weight.grad is None for weight in unlearned.parameters()), "gradients left behind"


def unlearn(name, world, seed=2, **parameters):
    method = METHODS[name]
    return method.run(world.original, world.retain, world.forget, method.parse(parameters), world.seeded(seed))


# --- what every method does ---


@every_method
def test_the_original_is_left_bit_for_bit_as_it_was_and_the_result_is_new(name, world):
    before = picture(world.original)
    unlearned = unlearn(name, world)
    assert_untouched(before, world.original)
    assert_new(world.original, unlearned)


@every_method
def test_the_records_are_left_as_they_were(name, world):
    before = [column.clone() for part in (world.retain, world.forget) for column in (part.x, part.y, part.positive)]
    unlearn(name, world)
    after = [column for part in (world.retain, world.forget) for column in (part.x, part.y, part.positive)]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@every_method
def test_the_same_seed_gives_the_same_bits(name, world):
    assert is_same_state(unlearn(name, world).state_dict(), unlearn(name, world).state_dict())


@every_method
def test_another_seed_gives_another_model_unless_the_method_says_that_it_draws_nothing(name, world):
    same = is_same_state(unlearn(name, world, seed=2).state_dict(), unlearn(name, world, seed=3).state_dict())
    assert same == (not METHODS[name].draws)


@every_method
def test_global_random_states_are_neither_read_nor_moved(name, world):
    torch.manual_seed(1)
    before, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    one = unlearn(name, world)
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(legacy, np.random.get_state()[1])  # noqa: NPY002
    torch.manual_seed(2)
    assert is_same_state(one.state_dict(), unlearn(name, world).state_dict())


@every_method
def test_the_mode_of_the_original_does_not_change_the_result(name, world):
    expected = unlearn(name, world).state_dict()
    world.original.eval()
    assert is_same_state(expected, unlearn(name, world).state_dict())


@every_method
def test_a_method_that_is_not_given_the_forget_set_does_not_depend_on_it(name, world):
    # inputs of zero, so that even a method that only ranks layers by gradients finds others
    garbage = Records(world.forget.x * 0, (world.forget.y + 1) % 3, ~world.forget.positive)
    same = is_same_state(unlearn(name, world).state_dict(), unlearn(name, replace(world, forget=garbage)).state_dict())
    assert same == ("forget" not in METHODS[name].needs)


@every_method
def test_a_method_depends_on_the_retain_set_exactly_where_it_says_that_it_needs_it(name, world):
    other = replace(world, retain=world.retain.select(np.arange(30) < 20))
    same = is_same_state(unlearn(name, world).state_dict(), unlearn(name, other).state_dict())
    assert same == ("retain" not in METHODS[name].needs)


@every_method
@pytest.mark.parametrize("part", ["retain", "forget"])
def test_an_empty_set_is_refused(name, part, world):
    empty = getattr(world, part).select(np.zeros(len(getattr(world, part)), dtype=bool))
    with pytest.raises(CaseError, match=f"at least one record to {part}, found none"):
        unlearn(name, replace(world, **{part: empty}))


@every_method
@pytest.mark.parametrize("part", ["retain", "forget"])
def test_a_set_of_one_record_is_enough(name, part, world):
    one = getattr(world, part).select(np.array([0]))
    # by default dampening selects only weights that matter more to the forget set, and of one record none may
    parameters = {"alpha": 1e-4, "strength": 1e-4} if name == "ssd" else {}
    assert_new(world.original, unlearn(name, replace(world, **{part: one}), **parameters))


@every_method
def test_an_interruption_leaves_the_original_whole_and_the_run_repeatable(name, world):
    before, expected = picture(world.original), unlearn(name, world).state_dict()

    def interrupt(_task, done, _total):
        if done == 3:
            raise KeyboardInterrupt

    interrupted = replace(world, setting=replace(world.setting, progress=interrupt))
    with pytest.raises(KeyboardInterrupt):
        unlearn(name, interrupted)
    assert_untouched(before, world.original)
    assert torch.is_grad_enabled()
    assert is_same_state(expected, unlearn(name, world).state_dict())


@every_method
def test_progress_counts_every_step_up_to_the_last(name, world):
    steps = []
    watching = replace(world, setting=replace(world.setting, progress=lambda *step: steps.append(step)))
    unlearn(name, watching)
    tasks, done, totals = zip(*steps, strict=True)
    assert len(set(tasks)) == len(set(totals)) == 1
    assert list(done) == list(range(1, totals[0] + 1))


@every_method
def test_a_caller_without_gradients_gets_the_same_bits(name, world):
    expected = unlearn(name, world).state_dict()
    with torch.no_grad():
        assert is_same_state(expected, unlearn(name, world).state_dict())


@every_method
def test_records_of_another_shape_are_refused(name, world):
    wide = Records(torch.zeros(3, 9), torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.bool))
    with pytest.raises(CaseError, match="one shape"):
        unlearn(name, replace(world, forget=wide))


# --- what every entry says ---


@every_method
def test_an_entry_is_complete_and_called_what_the_table_calls_it(name):
    method = METHODS[name]
    assert method.name == name
    assert method.title
    assert method.cost
    assert method.needs
    assert set(method.needs) <= {"retain", "forget"}


@every_method
def test_the_docstrings_name_the_source(name):
    method = METHODS[name]
    assert f"Source: {method.source}" in inspect.getdoc(method.function)
    arxiv = method.source.split("arXiv ")[1]
    assert arxiv in sys.modules[method.function.__module__].__doc__


@every_method
def test_the_signature_has_no_place_for_test_or_validation_records(name):
    names = [parameter.strip("_") for parameter in inspect.signature(METHODS[name].function).parameters]
    assert names == ["original", "retain", "forget", "parameters", "setting"]


@every_method
def test_parameters_are_frozen_defaulted_and_known_by_name(name):
    method = METHODS[name]
    parameters = method.parse({})
    assert parameters == method.parse(parameters.model_dump())
    with pytest.raises(PolicyError, match=f"'{name}': no_such: "):
        method.parse({"no_such": 1})
    with pytest.raises(ValidationError, match="frozen"):
        parameters.no_such = 1


def test_all_parameters_that_are_out_of_bounds_are_named_at_once():
    with pytest.raises(PolicyError, match=r"keep: .*found 0.*epochs: .*found -1|epochs: .*found -1.*keep: .*found 0"):
        METHODS["salun"].parse({"keep": 0, "epochs": -1})


def test_a_misspelt_parameter_gets_the_nearest_name():
    with pytest.raises(PolicyError) as caught:
        METHODS["salun"].parse({"kep": 0.5})
    assert caught.value.hint.startswith("did you mean 'keep'?")


def test_a_misspelt_method_gets_the_nearest_name():
    with pytest.raises(UnknownNameError) as caught:
        METHODS["salun-car"]
    assert caught.value.hint == "did you mean 'salun-cra'?"


def test_parameters_of_another_method_are_refused(world):
    with pytest.raises(CaseError, match="parameters of method 'salun'"):
        METHODS["salun"].run(world.original, world.retain, world.forget, METHODS["fine-tune"].parse({}), world.setting)


# --- planted offenders: both `Method.run` and the checkers above must catch them ---


def idle(original, _retain, _forget, _parameters, _setting):
    return deepcopy(original).eval()


def vandal(original, retain, _forget, _parameters, setting):
    with torch.no_grad():
        original[0].weight[0, 0] += 1
    return fit(original, retain, setting.recipe, setting.seed)


def destroyer(original, _retain, _forget, _parameters, _setting):
    broken = deepcopy(original).eval()
    with torch.no_grad():
        broken[0].weight[0, 0] = float("nan")
    return broken


def stranger(_original, _retain, _forget, _parameters, _setting):
    return torch.nn.Linear(5, 3)


def statistician(original, _retain, _forget, _parameters, _setting):
    """Moves a running statistic of the original while it reads it in training mode."""
    original.train()(torch.ones(4, 5))
    changed = deepcopy(original).eval()
    with torch.no_grad():
        changed[0].weight += 1
    return changed


def plant(function, needs=("retain", "forget")):
    return Method("planted", "Planted", "none", Parameters, function, needs, "nothing")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (idle, "changed no weight"),
        (vandal, "changed the original"),
        (statistician, "changed the original"),
        (destroyer, r"no finite numbers, in '0\.weight'"),
        (stranger, "another architecture"),
    ],
)
def test_a_planted_offender_is_caught_when_it_is_run(function, message, world):
    with pytest.raises(CaseError, match=f"'planted' .*{message}"):
        plant(function).run(world.original, world.retain, world.forget, Parameters(), world.setting)


@pytest.mark.parametrize(
    ("needs", "given"), [(("retain", "forget"), (30, 18)), (("retain",), (30, 0)), (("forget",), (0, 18))]
)
def test_a_method_is_given_only_the_sets_that_it_says_it_needs(needs, given, world):
    seen = []

    def peek(original, retain, forget, _parameters, setting):
        seen.append((len(retain), len(forget)))
        return fit(original, world.retain, setting.recipe, setting.seed)

    plant(peek, needs).run(world.original, world.retain, world.forget, Parameters(), world.setting)
    assert seen == [given]


@pytest.mark.parametrize("function", [vandal, statistician])
def test_the_checkers_catch_who_touches_the_original(function, world):
    before = picture(world.original)
    function(world.original, world.retain, world.forget, Parameters(), world.setting)
    with pytest.raises(AssertionError, match="weights or buffers changed"):
        assert_untouched(before, world.original)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda model: model.eval(), "mode changed"),
        (lambda model: model(torch.ones(4, 5)).sum().backward(), "weights or buffers|gradients"),
        (lambda model: model[0].requires_grad_(requires_grad=False), "requires_grad"),
    ],
)
def test_the_checkers_catch_smaller_traces(spoil, message, world):
    before = picture(world.original)
    spoil(world.original)
    with pytest.raises(AssertionError, match=message):
        assert_untouched(before, world.original)


def test_the_checkers_catch_who_does_nothing(world):
    with pytest.raises(AssertionError, match="no weight changed"):
        assert_new(world.original, idle(world.original, None, None, None, None))


def test_the_checkers_catch_shared_memory(world):
    shared = deepcopy(world.original).eval()
    with torch.no_grad():
        shared[0].weight += 1
    shared[3] = world.original[3]
    with pytest.raises(AssertionError, match="memory is shared"):
        assert_new(world.original, shared)
