"""The subject of an audit, as the lines under the title of page one say it."""

from unlearn_audit.presentation.sections.contents import number_of
from unlearn_audit.presentation.sections.grid import Fact
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import clip, format_date, format_percent
from unlearn_audit.records import Device, Signer

_LONGEST = 190


def present_subject(index: Index) -> tuple[Fact, ...]:
    """Return what was audited, when, and whose key signs, as the lines under the title of page one.

    One more says it where the input speaks against itself.
    """
    provenance, policy = index.record.provenance, index.policy
    forget = provenance.forget
    erased = (
        f"{forget.count} of the training records ({format_percent(forget.fraction)}), {forget.positive} of them "
        f"{index.positive}; named by {forget.by}"
    )
    tested = provenance.data.splits.get("test")
    test = f"; judged on {tested.n} test records, {tested.positive} {index.positive}" if tested else ""
    policy_name = f"{policy.get('title')} ({policy.get('id')} {policy.get('version')}), {policy.get('owner')}"
    device, signed = _name_device(provenance.device), _name_signer(provenance.signer)
    dated = f"; evidence collected {format_date(provenance.created)}"
    return (
        Fact("Device", clip(device, _LONGEST)),
        Fact("Signer", f"{clip(signed, _LONGEST - len(dated))}{dated}"),
        Fact("Model", clip(f"{index.name(index.audited)}, made from the original of case {provenance.case}", _LONGEST)),
        Fact("Erased", clip(erased, _LONGEST)),
        Fact("Data", clip(provenance.data.name, _LONGEST - len(test)) + test),
        Fact("Policy", clip(policy_name, _LONGEST)),
        *_present_contradictions(index),
    )


def _name_device(device: Device | None) -> str:
    if device is None:
        return "neither device nor version is given in the case file"
    version = f"version {device.version}" if device.version else "version not given"
    return f"{device.name}, {version}" + (f", by {device.manufacturer}" if device.manufacturer else "")


def _name_signer(signer: Signer | None) -> str:
    if signer is None:
        return "none was named when the evidence was collected"
    return "TEST KEY, not a valid signature: nobody answers for it" if signer.kind == "test" else signer.subject


def _present_contradictions(index: Index) -> tuple[Fact, ...]:
    """Return what the input itself speaks against: page one says it."""
    contradictions = [entry.text for entry in index.record.provenance.intake if entry.status == "contradicted"]
    more = f" And {len(contradictions) - 1} more: section {number_of('data')}." if len(contradictions) > 1 else ""
    return (Fact("Input", clip(contradictions[0], _LONGEST - len(more)) + more),) if contradictions else ()
