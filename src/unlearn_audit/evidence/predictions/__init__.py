"""Predictions that were made elsewhere, by any framework: read, checked, and turned into evidence. No torch."""

from unlearn_audit.evidence.predictions.answers import Answers
from unlearn_audit.evidence.predictions.assembly import assemble, read_predictions
from unlearn_audit.evidence.predictions.facts import Facts

__all__ = ["Answers", "Facts", "assemble", "read_predictions"]
