"""Power of `worst_record`: how surely a remembered record among these very records would be found."""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, write_message
from unlearn_audit.stats.binomial import estimate_proportion
from unlearn_audit.stats.reference_pairs import Floats, PairedDifferences, validate_pair_count
from unlearn_audit.stats.sign_flips import SAME, SignFlips
from unlearn_audit.stats.worst_record import flip_statistics, validate_alpha, validate_variation


def estimate_worst_record_power(
    differences: PairedDifferences,
    *,
    shift: float | Floats,
    remembered: int,
    alpha: float,
    rng: np.random.Generator,
    repeats: int = 200,
    draws: int = 199,
) -> Estimate:
    """Estimate how often `find_worst_record` finds remembered records, by simulation on these very records.

    Each repeat flips the signs of all pairs at random, so that nothing is left, adds `shift` to D of `remembered`
    records drawn at random, and tests. `shift` 0 gives the share of false alarms, at most alpha. What a method left
    behind on these records stays in their variance, which makes the answer lower.

    Args:
        differences: of the audit set, at least six pairs.
        shift: mean of D on a remembered record, in log-odds; or (c,) one for each record, such as a multiple of
            its standard deviation.
        remembered: number of records that get it, 1 to c.
        alpha: level of the test.
        rng: where the draws come from.
        repeats: simulated audits.
        draws: sign vectors of each simulated test; few cost a little power.

    Returns:
        The share of repeats in which p <= alpha; Clopper-Pearson bounds count the simulation's own error.

    Raises:
        MeasurementError: as `find_worst_record`; `remembered` outside its range, a shift that is not finite.
    """
    values = differences.values
    validate_pair_count(differences.pairs)
    validate_variation(values)
    validate_alpha(alpha, max(2.0 ** (1 - differences.pairs), 1 / (draws + 1)))
    if not 1 <= remembered <= len(values):
        raise MeasurementError(write_message("remembered-out-of-range", most=len(values), found=remembered))
    shifts = np.broadcast_to(np.asarray(shift, dtype=np.float64), (len(values),))
    if not np.isfinite(shifts).all():
        raise MeasurementError(write_message("shift-not-finite"))
    found = 0
    for _ in range(repeats):
        planted = values * rng.choice([-1.0, 1.0], size=differences.pairs)
        chosen = rng.choice(len(values), size=remembered, replace=False)
        planted[chosen] += shifts[chosen, None]
        found += _compute_p(planted, SignFlips.draw(differences.pairs, draws, rng).signs) <= alpha
    return estimate_proportion(found, repeats, confidence=0.95)


def _compute_p(values: Floats, signs: Floats) -> float:
    maxima = np.concatenate([np.abs(statistics).max(axis=0) for statistics in flip_statistics(values, signs)])
    return float((maxima >= maxima[0] * (1 - SAME)).mean())
