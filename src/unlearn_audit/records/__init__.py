"""The frozen types that travel between the floors: estimates, evidence, provenance, verdict, record.

Reading order is the way the data goes: `Evidence` -> `Finding` -> `Verdict` -> `AuditRecord`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unlearn_audit.records.audit_record import RECORD_SCHEMA, AuditRecord, Curve, Recommendation
from unlearn_audit.records.canonical import digest_of, to_canonical_json
from unlearn_audit.records.estimates import Cell, Direction, Estimate, Finding, Interval, Power, Unit, round_number
from unlearn_audit.records.progress import ProgressCallback, ignore_progress
from unlearn_audit.records.provenance import (
    DataCard,
    Deviation,
    Device,
    Disjoint,
    EarlierRun,
    ForgetRequest,
    HyperparameterSearch,
    ModelCard,
    Overlap,
    Provenance,
    ReferenceCard,
    ReissuedThreshold,
    SplitCount,
    TriedConfiguration,
)
from unlearn_audit.records.seals import Seal, choose_seed
from unlearn_audit.records.selftest_summary import SelfTestSummary, WrongDecisions
from unlearn_audit.records.signer import Signer
from unlearn_audit.records.threshold_counts import ModelMistakes, ThresholdCounts
from unlearn_audit.records.verdicts import (
    CheckResult,
    Limit,
    Outcome,
    Verdict,
    decide_outcome,
    find_worst,
    settle_waivers,
)
from unlearn_audit.records.waivers import AppliedWaiver, Waiver, WaiverState, choose_waiver, judge_waiver

if TYPE_CHECKING:
    from unlearn_audit.records.seeds import derive_integer, derive_rng, derive_seed

__all__ = [
    "RECORD_SCHEMA",
    "AppliedWaiver",
    "AuditRecord",
    "Cell",
    "CheckResult",
    "Curve",
    "DataCard",
    "Deviation",
    "Device",
    "Direction",
    "Disjoint",
    "EarlierRun",
    "Estimate",
    "Finding",
    "ForgetRequest",
    "HyperparameterSearch",
    "Interval",
    "Limit",
    "ModelCard",
    "ModelMistakes",
    "Outcome",
    "Overlap",
    "Power",
    "ProgressCallback",
    "Provenance",
    "Recommendation",
    "ReferenceCard",
    "ReissuedThreshold",
    "Seal",
    "SelfTestSummary",
    "Signer",
    "SplitCount",
    "ThresholdCounts",
    "TriedConfiguration",
    "Unit",
    "Verdict",
    "Waiver",
    "WaiverState",
    "WrongDecisions",
    "choose_seed",
    "choose_waiver",
    "decide_outcome",
    "derive_integer",
    "derive_rng",
    "derive_seed",
    "digest_of",
    "find_worst",
    "ignore_progress",
    "judge_waiver",
    "round_number",
    "settle_waivers",
    "to_canonical_json",
]

# These need numpy, which a verifier of signatures does not: they are imported when first asked for.
_LATE = {
    "derive_integer": "seeds",
    "derive_rng": "seeds",
    "derive_seed": "seeds",
}


def __getattr__(name: str) -> Any:
    """Import what needs numpy on first use (PEP 562)."""
    if name not in _LATE:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
