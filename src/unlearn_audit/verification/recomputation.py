"""Recomputation: the evidence is judged again, and the record must come out bit for bit. No torch."""

import json
from pathlib import Path
from typing import Any

from unlearn_audit import __version__
from unlearn_audit.bundle.layout import ANNEX, EVIDENCE, POLICY
from unlearn_audit.errors import AuditError, PolicyError
from unlearn_audit.evidence.parquet import read_evidence
from unlearn_audit.pipeline.annex import make_annex
from unlearn_audit.pipeline.audit import judge, name_known
from unlearn_audit.policy import load_policy
from unlearn_audit.records import AuditRecord, ProgressCallback, ignore_progress
from unlearn_audit.records.differences import find_differences
from unlearn_audit.software import NUMBERS
from unlearn_audit.software import find_differences as compare_software
from unlearn_audit.verification.answers import State, VerificationCheck

NAME = "numbers equal evidence"


def compare_numbers(
    folder: Path, record: AuditRecord, progress: ProgressCallback = ignore_progress
) -> VerificationCheck:
    """Judge the evidence in the bundle `folder` by the policy in it and hold the result against `record`.

    Equal bytes prove it under any version. A difference accuses only where the versions are the same.
    """
    missing = [name for name in (POLICY, EVIDENCE) if not (folder / name).is_file()]
    if missing:
        return VerificationCheck(
            NAME, State.ABSENT, f"Needs the bundle's folder with {' and '.join(missing)}.", asked=True
        )
    try:
        policy = load_policy(folder / POLICY, name_known())
    except PolicyError as error:  # that it is the record's policy is asked elsewhere, without asking what is installed
        first = error.message.splitlines()[0]
        return VerificationCheck(
            NAME, State.ABSENT, f"This installation cannot judge by the bundle's policy: {first}", asked=True
        )
    try:
        evidence = read_evidence(folder / EVIDENCE)
        again = judge(policy, evidence, progress)
        annex = make_annex(policy, evidence, again) if (folder / ANNEX).is_file() else None
    except AuditError as error:
        first = error.message.splitlines()[0]
        return _explain(record, f"The evidence cannot be judged again: {first}")
    except Exception as error:  # noqa: BLE001 - hostile bytes may fail a parser in any way, and each way is a refusal
        return _explain(record, f"The evidence cannot be judged again: {type(error).__name__} in reading it")
    return _compare(record, again, named_otherwise=annex is not None and annex != (folder / ANNEX).read_bytes())


def _compare(record: AuditRecord, again: AuditRecord, *, named_otherwise: bool) -> VerificationCheck:
    if named_otherwise:
        return _explain(record, f"{ANNEX} names other records than the evidence gives")
    if again.to_bytes() in (record.to_bytes(), _leave_out_names(record).to_bytes()):
        count = sum(finding.estimate is not None for finding in record.findings)
        return VerificationCheck(
            NAME, State.OK, f"All {count} estimates and the verdict follow from the evidence.", asked=True
        )
    return _explain(record, _describe_difference(record, again))


def _leave_out_names(record: AuditRecord) -> AuditRecord:
    """Return the record as it is made today: one of before named test records, which the annex does now."""
    findings = tuple(finding.model_copy(update={"records": ()}) for finding in record.findings)
    return record.model_copy(update={"findings": findings})


def _explain(record: AuditRecord, problem: str) -> VerificationCheck:
    made = record.provenance
    others = [f"{made.tool} {made.version} there, {__version__} here"] if made.version != __version__ else []
    others += compare_software(made.environment, NUMBERS)
    if others:
        text = f"{problem}. Other version: cannot compare ({'; '.join(others)})."
        return VerificationCheck(NAME, State.OTHER_VERSION, text, asked=True)
    return VerificationCheck(NAME, State.INVALID, f"{problem}.", asked=True)


def _describe_difference(record: AuditRecord, again: AuditRecord) -> str:
    """Say where record and recomputation part: the first place, and how many there are."""
    places = list(find_differences(json.loads(record.to_bytes()), json.loads(again.to_bytes())))
    where, recorded, found = places[0]
    return (
        f"The record does not follow from the evidence: {len(places)} values differ, first {where}: "
        f"{_show(recorded)} in the record, {_show(found)} recomputed"
    )


def _show(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:39]}\u2026"  # noqa: PLR2004 - a line of a terminal
