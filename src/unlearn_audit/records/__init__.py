"""Records: the frozen types that travel between the floors, and the messages that they carry.

Read `key` (what a number is about; `populations` and `operating_points` are its parts), `messages` (codes and details
beside sentences; the English catalogue is `messages.en.toml`), then the way the data goes: `cards`, `provenance`,
`estimates` (what was measured), `verdicts` (what was decided; `waivers`), `audit_record` (all of it, as one canonical
JSON).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unlearn_audit.records.audit_record import RECORD_SCHEMA, AuditRecord, Curve, CurveKind, Recommendation
from unlearn_audit.records.canonical import digest_of, to_canonical_json
from unlearn_audit.records.cards import (
    DataCard,
    Disjoint,
    HyperparameterSearch,
    ModelCard,
    Overlap,
    PairsOfConfiguration,
    ReferenceCard,
    ReissuedThreshold,
    SplitCount,
    TriedConfiguration,
)
from unlearn_audit.records.estimates import Cell, Direction, Estimate, Finding, Interval, Power, Unit
from unlearn_audit.records.key import MetricKey
from unlearn_audit.records.looks import Looks
from unlearn_audit.records.messages import Message, find_reason, join_texts, quote_text, write_message
from unlearn_audit.records.operating_points import ARGMAX, COST_OPTIMAL, OperatingPoint, PointKind
from unlearn_audit.records.populations import ALL, NEGATIVE, POSITIVE, Population, PopulationKind
from unlearn_audit.records.progress import ProgressCallback, ignore_progress
from unlearn_audit.records.provenance import Deviation, Device, EarlierRun, ForgetRequest, Provenance, UserCode
from unlearn_audit.records.rounding import round_number
from unlearn_audit.records.seals import Seal, choose_seed
from unlearn_audit.records.selftest_summary import SelfTestSummary, WrongDecisions
from unlearn_audit.records.signer import SignatureLevel, Signer
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
from unlearn_audit.records.waivers import (
    AppliedWaiver,
    GrantedWaiver,
    Waiver,
    WaiverSeal,
    WaiverState,
    choose_waiver,
    judge_waiver,
)

if TYPE_CHECKING:
    from unlearn_audit.records.seeds import derive_integer, derive_rng, derive_seed

__all__ = [
    "ALL",
    "ARGMAX",
    "COST_OPTIMAL",
    "NEGATIVE",
    "POSITIVE",
    "RECORD_SCHEMA",
    "AppliedWaiver",
    "AuditRecord",
    "Cell",
    "CheckResult",
    "Curve",
    "CurveKind",
    "DataCard",
    "Deviation",
    "Device",
    "Direction",
    "Disjoint",
    "EarlierRun",
    "Estimate",
    "Finding",
    "ForgetRequest",
    "GrantedWaiver",
    "HyperparameterSearch",
    "Interval",
    "Limit",
    "Looks",
    "Message",
    "MetricKey",
    "ModelCard",
    "ModelMistakes",
    "OperatingPoint",
    "Outcome",
    "Overlap",
    "PairsOfConfiguration",
    "PointKind",
    "Population",
    "PopulationKind",
    "Power",
    "ProgressCallback",
    "Provenance",
    "Recommendation",
    "ReferenceCard",
    "ReissuedThreshold",
    "Seal",
    "SelfTestSummary",
    "SignatureLevel",
    "Signer",
    "SplitCount",
    "ThresholdCounts",
    "TriedConfiguration",
    "Unit",
    "UserCode",
    "Verdict",
    "Waiver",
    "WaiverSeal",
    "WaiverState",
    "WrongDecisions",
    "choose_seed",
    "choose_waiver",
    "decide_outcome",
    "derive_integer",
    "derive_rng",
    "derive_seed",
    "digest_of",
    "find_reason",
    "find_worst",
    "ignore_progress",
    "join_texts",
    "judge_waiver",
    "quote_text",
    "round_number",
    "settle_waivers",
    "to_canonical_json",
    "write_message",
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
