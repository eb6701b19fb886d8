"""Trivial models: what any audited model must be held against."""

from collections.abc import Mapping

TRIVIAL_MODELS: Mapping[str, bool] = {"call-all-positive": True, "call-none-positive": False}
"""Trivial models that any audited one must be held against, and what they call every record."""
