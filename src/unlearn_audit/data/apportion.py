"""Dividing a number of records among classes."""

from collections.abc import Sequence
from math import floor


def apportion(total: int, quotas: Sequence[float]) -> list[int]:
    """Return whole shares that sum to `total`, each within one of its quota: largest remainders are rounded up.

    Ties go to the earlier class.

    Args:
        total: whole number nearest to the sum of the quotas.
        quotas: what each class would get if records could be divided, each at least 0.
    """
    shares = [floor(quota) for quota in quotas]
    by_remainder = sorted(range(len(shares)), key=lambda c: (shares[c] - quotas[c], c))
    for c in by_remainder[: total - sum(shares)]:
        shares[c] += 1
    return shares
