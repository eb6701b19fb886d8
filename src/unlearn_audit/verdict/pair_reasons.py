"""Why a check on pairs of reference models came out as it did: p, power, and what would decide an open one."""

from unlearn_audit.records import Estimate, Limit, Outcome, Power, Unit
from unlearn_audit.stats import estimate_more_records


def has_power(estimate: Estimate) -> bool:
    """Whether the estimate may pass a check: any number, but a p-value only with the power that was asked for."""
    if estimate.unit is not Unit.P_VALUE:
        return True
    return estimate.power is not None and estimate.power.low >= estimate.power.needed


def explain_test(outcome: Outcome, estimate: Estimate, limit: Limit) -> str:
    """Say what the p-value means, and what the test could have found.

    Raises:
        ValueError: the estimate has no bounds.
    """
    if estimate.bounds is None:
        raise ValueError("a test that is decided has bounds")
    p = f"p = {estimate.value:.2g} (tolerance {limit})"
    if outcome is Outcome.FAIL:
        return (
            f"{p}: at least one is still recognised. If nothing were left, a trace this clear would be rarer than that."
        )
    if outcome is Outcome.PASS and estimate.power is not None:
        return f"{p}: nobody stands out beyond chance. {_tell_power(estimate.power)}"
    if limit.at_least is not None and estimate.bounds.low < limit.at_least:
        ends = f"{estimate.bounds.low:.2g} to {estimate.bounds.high:.2g}"
        return f"{p}: it is known to lie from {ends} alone, on either side of the tolerance."
    if estimate.power is None:
        return f"{p}: nobody stands out beyond chance, but it is not known what would have been found."
    return (
        f"{p}: nobody stands out beyond chance, but that shows little. {_tell_power(estimate.power)} "
        f"Asked for are {estimate.power.needed:.0%}: train more reference models (now {2 * (estimate.pairs or 0)})."
    )


def _tell_power(power: Power) -> str:
    who = "one remembered record" if power.records == 1 else f"{power.records} remembered records"
    return (
        f"Of audits like this one, {power.value:.0%} (at least {power.low:.0%}) find {who}, of which models are "
        f"{power.shift:g} in log-odds more certain."
    )


def explain_more_pairs(estimate: Estimate, limit: Limit) -> str:
    """Say how many reference models would decide an open check, where that is what it rests on."""
    if estimate.pairs is None:
        return ""
    as_pairs = estimate.model_copy(update={"n": estimate.pairs})
    more = [estimate_more_records(as_pairs, end) for end in (limit.at_least, limit.at_most) if end is not None]
    if any(number is None for number in more):
        return " The estimate sits on the limit: no number of further reference models is likely to decide it."
    models = _round_up(2 * (estimate.pairs + max(number for number in more if number is not None)))
    return f" If the estimate stays, more reference models decide it: about {models} (now {2 * estimate.pairs})."


def _round_up(number: int) -> int:
    """Return the number at two significant digits, rounded up, and even: reference models come in pairs."""
    unit = int(10 ** max(0, len(str(number)) - 2))
    rounded = -(-number // unit) * unit
    return rounded + rounded % 2
