"""Rounding: how a number enters a record."""


def round_number(value: float, digits: int = 10) -> float:
    """Round to significant digits: enough for any reader, and the last bits of another processor do not show."""
    return float(f"{value:.{digits}g}")
