"""Rules between a policy and the tables: names known, checks answerable, no side unguarded."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from unlearn_audit.policy.known import KnownNames, MetricTraits
from unlearn_audit.policy.problems import FieldError, Keys, find_near, suggest
from unlearn_audit.policy.protocol import Membership
from unlearn_audit.policy.rules import Data, is_number, parse_population, pick, walk_items, walk_methods
from unlearn_audit.records.populations import ALL, NEGATIVE
from unlearn_audit.records.verdicts import LIMITS


def validate_names(data: Data, known: KnownNames) -> Iterator[FieldError]:
    """Yield every name that no table holds, and every check that its metric cannot answer."""
    yield from _attacks(data, known.attacks)
    yield from _unknown(
        ("reference_case", "dataset"), pick(data, "reference_case", "dataset"), "dataset", known.datasets
    )
    yield from _unknown(("reference_case", "model"), pick(data, "reference_case", "model"), "model", known.models)
    yield from validate_methods(data, known)
    if known.metrics is not None:
        for keys, check in walk_items(data, "checks"):
            yield from _unknown((*keys, "metric"), check.get("metric"), "metric", known.metrics)
            if traits := _traits(check, known):
                yield from _check(keys, check, traits)
                yield from _power(keys, check, traits, pick(data, "membership", "recognition"))
                yield from _check_attacks(keys, check, traits, pick(data, "membership", "attacks"))
        yield from _unguarded_sides(data, known)


def validate_methods(data: Data, known: KnownNames) -> Iterator[FieldError]:
    """Yield every method that no table holds, in a policy or in a case file."""
    for keys, choice in walk_methods(data):
        yield from _unknown((*keys, "method"), choice.get("method"), "method", known.methods)


def _unknown(keys: Keys, name: Any, kind: str, names: Collection[str] | None) -> Iterator[FieldError]:
    if names is not None and isinstance(name, str) and name not in names:
        yield FieldError(keys, f"'{name}'", f"a known {kind}", suggest(name, names))


def _attacks(data: Data, known: Collection[str] | None) -> Iterator[FieldError]:
    listed = pick(data, "membership", "attacks")
    for index, name in enumerate(listed if isinstance(listed, list) else ()):
        yield from _unknown(("membership", "attacks", index), name, "attack", known)


def _traits(check: Data, known: KnownNames) -> MetricTraits | None:
    metric = check.get("metric")
    if known.metrics is None or not isinstance(metric, str) or metric not in known.metrics:
        return None
    return known.metrics[metric]


def _check(keys: Keys, check: Data, traits: MetricTraits) -> Iterator[FieldError]:
    metric = check["metric"]
    if traits.kind == "descriptive":
        hint = "it is in every report without a check"
        yield FieldError((*keys, "metric"), f"'{metric}', which only describes", "a metric that can decide", hint)
        return
    yield from _against(keys, check, traits)
    rewards_no_op = traits.kind == "forgetting" and {"original", "retrained"} <= traits.against
    if rewards_no_op and check.get("against") == "original" and check.get("required", True) is not False:
        hint = (
            "an untouched original passes it and a retrained model does not: compare with 'retrained', or inform only"
        )
        yield FieldError((*keys, "against"), "'original'", "no required forgetting check against the original", hint)
    among = check.get("among", "all")
    population = parse_population(among)
    asks_group = population is not None and population.is_subgroup and traits.subgroups
    if isinstance(among, str) and population not in traits.among and not asks_group:
        names = [str(known) for known in traits.among]
        yield FieldError(
            (*keys, "among"), f"'{among}'", f"{_either(names)} for '{metric}'", _did_you_mean(among, names)
        )
    if check.get("at") is not None and not traits.at:
        hint = "remove it: this metric is read at no operating point"
        yield FieldError((*keys, "at"), f"'{check['at']}'", f"no operating point for '{metric}'", hint, at="key")
    for name in LIMITS:
        if check.get(name) is not None:
            yield from _limit((*keys, name), metric, name, check[name], traits)


def _power(keys: Keys, check: Data, traits: MetricTraits, recognition: Any) -> Iterator[FieldError]:
    if traits.needs_power and recognition is None:
        hint = "for example 'membership: {recognition: {shift: 3}}': a record that a model is 20 times surer of"
        expected = "membership.recognition: what the test must be able to find before it may pass"
        yield FieldError((*keys, "metric"), f"'{check['metric']}' without it", expected, hint)


def _check_attacks(keys: Keys, check: Data, traits: MetricTraits, listed: Any) -> Iterator[FieldError]:
    asked = check.get("attacks")
    if not isinstance(asked, list) or not asked:
        return
    if not traits.every_attack:
        hint = "remove it: no attack of the list decides this metric"
        yield FieldError((*keys, "attacks"), "attacks", f"none for '{check['metric']}'", hint, at="key")
        return
    have = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else Membership().attacks
    for index, name in enumerate(asked):
        if isinstance(name, str) and name not in have:
            yield FieldError(
                (*keys, "attacks", index), f"'{name}'", "one of membership.attacks", _did_you_mean(name, have)
            )
        elif name in asked[:index]:
            yield FieldError((*keys, "attacks", index), f"'{name}' twice", "each attack once", "remove one")


def _against(keys: Keys, check: Data, traits: MetricTraits) -> Iterator[FieldError]:
    metric, against = check["metric"], check.get("against")
    allowed = sorted(name for name in traits.against if name is not None)
    if against in traits.against or not isinstance(against, str | None):
        return
    if not allowed:
        hint = "remove it: this metric compares nothing"
        yield FieldError((*keys, "against"), f"'{against}'", f"no comparison for '{metric}'", hint, at="key")
    elif against is None:
        hint = f"add for example 'against: {allowed[0]}'"
        yield FieldError((*keys, "against"), "nothing", f"{_either(allowed)}, because '{metric}' is a change", hint)
    else:
        expected = f"{_either(allowed)} for '{metric}'"
        yield FieldError((*keys, "against"), f"'{against}'", expected, _did_you_mean(against, allowed))


def _limit(keys: Keys, metric: str, name: str, limit: Any, traits: MetricTraits) -> Iterator[FieldError]:
    if name not in traits.limits:
        hint = "the other side would pass a model for being bad"
        yield FieldError(keys, f"'{name}'", f"{' or '.join(sorted(traits.limits))} for '{metric}'", hint, at="key")
        return
    for index, value in enumerate(limit) if isinstance(limit, list) else ((None, limit),):
        here = keys if index is None else (*keys, index)
        if is_number(value) and not _lies_in(value, traits):
            yield FieldError(here, f"{value:g}", _range_of(metric, traits), _guess_fraction(value, traits))
            return
    if _never_fails(name, limit, traits):
        found = (
            f"{limit}, which no model can miss" if isinstance(limit, list) else f"{limit:g}, which no model can miss"
        )
        yield FieldError(keys, found, f"a limit that '{metric}' can fail", "a check that cannot fail checks nothing")


def _lies_in(value: float, traits: MetricTraits) -> bool:
    return (traits.low is None or value >= traits.low) and (traits.high is None or value <= traits.high)


def _never_fails(name: str, limit: Any, traits: MetricTraits) -> bool:
    low, high = limit if isinstance(limit, list) and len(limit) == len(("low", "high")) else (limit, limit)
    if not (is_number(low) and is_number(high)):
        return False
    above, below = traits.low is not None and low <= traits.low, traits.high is not None and high >= traits.high
    met_by_all = {"at_most": below, "at_least": above, "within": above and below}
    return met_by_all.get(name, False)  # of a kind that is not among them nothing is known here


def _range_of(metric: str, traits: MetricTraits) -> str:
    if traits.low is not None and traits.high is not None:
        return f"a limit from {traits.low:g} to {traits.high:g}, where '{metric}' can lie"
    return f"a limit of at least {traits.low:g}" if traits.low is not None else f"a limit of at most {traits.high:g}"


def _guess_fraction(value: float, traits: MetricTraits) -> str | None:
    if traits.high == 1 and 1 < abs(value) <= 100 and _lies_in(value / 100, traits):  # noqa: PLR2004 - per cent
        return f"it is a fraction; did you mean {value / 100:g}?"
    return None


def _either(names: Iterable[str]) -> str:
    return " or ".join(f"'{name}'" for name in sorted(names))


def _did_you_mean(name: str, names: Iterable[str]) -> str | None:
    near = find_near(name, names)
    return f"did you mean '{near}'?" if near else None


_SIDES: tuple[tuple[str, str], ...] = (
    ("clinical", "a model that forgot nothing or everything would not be seen to miss malignancies"),
    ("forgetting", "an untouched model is perfectly safe, and forgot nothing"),
    ("utility", "a destroyed model looks perfectly forgotten"),
)


def _unguarded_sides(data: Data, known: KnownNames) -> Iterator[FieldError]:
    """No side alone may pass a model: a destroyed one looks forgotten, an untouched one looks safe."""
    if not isinstance(data.get("checks"), list):
        return
    required = [c for _, c in walk_items(data, "checks") if c.get("required", True) is not False]
    if any(_traits(check, known) is None for check in required):
        return  # a check with an unknown name is refused already, and may be the one that would be missed here
    for kind, reason in _SIDES:
        if not any(_is_of(kind, check, known) for check in required):
            yield FieldError(("checks",), "none", f"at least one required {kind} check", f"without it, {reason}")
    forgetting = [parse_population(c.get("among", "all")) for c in required if _is_of("forgetting", c, known)]
    if forgetting and all(among in (ALL, NEGATIVE) or (among and among.is_subgroup) for among in forgetting):
        hint = "methods that spare malignant records leave exactly those recognisable, hidden among all records"
        yield FieldError(("checks",), "none", "a required forgetting check with 'among: positive'", hint)


def _is_of(kind: str, check: Data, known: KnownNames) -> bool:
    traits = _traits(check, known)
    return traits is not None and traits.kind == kind and traits.guards
