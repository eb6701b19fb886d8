"""Evidence: what each model answered about each record, as plain NumPy arrays and as one Parquet file. No torch.

Read `evidence` (the type and what it refuses), then `references` (what reference models answered), then `parquet` (the
file). `predictions/` reads answers that were made elsewhere, in any framework, into the same type; a new input layout
is added there. Everything that follows (findings, verdict, record) is a deterministic function of evidence and policy.
"""

from unlearn_audit.evidence.evidence import SPLITS, Evidence
from unlearn_audit.evidence.references import References

__all__ = ["SPLITS", "Evidence", "References"]
