"""`recheck`: an evidence file is judged again, and where asked becomes a signed report."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.layout import SectionedCommand, SectionedOption
from unlearn_audit.cli.options import (
    BASELINE_HELP,
    EXIT_CODES,
    FILE,
    FORMAT_HELP,
    POLICY_HELP,
    SigningOptions,
    split_names,
    with_signing,
)
from unlearn_audit.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unlearn_audit.evidence import Evidence
    from unlearn_audit.formats import Format
    from unlearn_audit.pipeline.result import Audit
    from unlearn_audit.pki.keys import SigningKey
    from unlearn_audit.pki.time_stamp_client import Signing
    from unlearn_audit.policy import Policy

_what = partial(click.option, cls=SectionedOption, section="What")
_output = partial(click.option, cls=SectionedOption, section="Output")


@dataclass(frozen=True, kw_only=True)
class RecheckOptions(SigningOptions):
    """The options of `recheck`, as they were given."""

    evidence: Path
    policy: str
    waivers: Path | None = None
    baseline: Path | None = None
    out: Path | None = None
    force: bool = False
    formats: tuple[str, ...] = ()


@click.command("recheck", cls=SectionedCommand, epilog=EXIT_CODES)
@click.argument("evidence", type=FILE)
@_what("--policy", required=True, metavar="FILE", help=POLICY_HELP)
@_what("--waivers", type=FILE, metavar="FILE", help="Waivers granted since, signed (docs/policy.md).")
@_what("--baseline", type=FILE, metavar="RECORD", help=BASELINE_HELP)
@_output("--out", type=FILE, metavar="DIR", help="Write a signed report into this folder.")
@_output("--force", is_flag=True, help="Replace an earlier report.")
@_output("--format", "formats", multiple=True, metavar="NAME", help=FORMAT_HELP)
@with_signing
def command(**options: Any) -> int:
    """Judge an evidence file again: same policy, same record, bit for bit. Needs no torch.

    With --out the record becomes a signed report, as 'run' writes it; it names the key that signs now.
    """
    return recheck_from_options(RecheckOptions(**options))


def recheck_from_options(options: RecheckOptions) -> int:
    """Judge existing evidence; say whether the record beside it has the same bytes; write a report where asked."""
    from unlearn_audit.cli.comparing import print_comparison, read_baseline
    from unlearn_audit.cli.console import EXITS, print_record, show_progress
    from unlearn_audit.evidence.parquet import read_evidence
    from unlearn_audit.pipeline.audit import judge, name_known
    from unlearn_audit.pipeline.result import Audit
    from unlearn_audit.policy import find_policy, load_policy
    from unlearn_audit.verdict.comparison import compare_records

    pen = _take_pen(options)
    baseline = read_baseline(options.baseline)
    path = find_policy(options.policy)
    policy = load_policy(path, name_known())
    with show_progress() as progress:
        evidence = _grant(read_evidence(options.evidence), policy, options.waivers)
        audit = Audit(policy, evidence, judge(policy, evidence, progress))
    print_record(audit.record)
    if baseline:
        print_comparison(compare_records(audit.record, baseline))
    click.echo()
    _compare_beside(options.evidence, audit)
    if pen is not None:
        _write_report(audit, path.read_bytes(), pen, options)
    return EXITS[audit.outcome]


def _grant(evidence: "Evidence", policy: "Policy", path: Path | None) -> "Evidence":
    """Return the evidence with the waivers in the file at `path` in place of those that it was collected with."""
    from unlearn_audit.cli.granting import read_granted

    if path is None:
        return evidence
    try:
        day = evidence.provenance.day
    except ValueError as error:
        found = evidence.provenance.created
        raise EvidenceError(f"expected the day the evidence was collected, found {found!r}") from error
    signed = read_granted(path, policy, day)
    changes = {"waivers": signed.file.waivers, "waiver_seal": signed.seal} if signed else {}
    return replace(evidence, provenance=evidence.provenance.model_copy(update=changes))


def _compare_beside(evidence: Path, audit: "Audit") -> None:
    beside = evidence.parent / "record.json"
    if beside.is_file():
        same = beside.read_bytes() == audit.record.to_bytes()
        click.echo(
            f"The record beside the evidence is {'the same, bit for bit' if same else 'a different one'}: {beside}"
        )


@dataclass(frozen=True)
class _Pen:
    """What writes the report, once everything that can be refused was asked before the work."""

    key: "SigningKey"
    signing: "Signing"
    formats: "Mapping[str, Format]"


def _take_pen(options: RecheckOptions) -> _Pen | None:
    from unlearn_audit.cli.reports import announce_formats
    from unlearn_audit.cli.signing import choose_signing, find_signing_key, read_signing
    from unlearn_audit.signing.bundle import validate_output_folder

    if options.out is None:
        named = {"key": "key", "chain": "chain", "timestamp_url": "timestamp-url", "signing": "signing",
                 "force": "force", "formats": "format"}  # fmt: skip
        idle = [f"--{option}" for name, option in named.items() if getattr(options, name)]
        if idle:
            raise UsageError(f"{', '.join(idle)} would do nothing: no report is written", hint="add --out DIR")
        return None
    formats = announce_formats(split_names(options.formats))
    validate_output_folder(options.out, force=options.force)
    request = read_signing(options)
    return _Pen(find_signing_key(request), choose_signing(request), formats)


def _write_report(audit: "Audit", written: bytes, pen: _Pen, options: RecheckOptions) -> None:
    from unlearn_audit.cli.reports import name_policy_file, print_place
    from unlearn_audit.formats.sources import Sources
    from unlearn_audit.pipeline.audit import name_signer
    from unlearn_audit.pki.keys import describe_signer
    from unlearn_audit.policy import locate_checks
    from unlearn_audit.signing.report import ReportRequest, write_signed_report

    out = options.out or Path()
    sources = Sources(name_policy_file(options.policy, out), locate_checks(written.decode(), options.policy))
    signed = name_signer(audit, describe_signer(pen.key.certificate, pen.signing.level))
    signed = replace(signed, models=_find_models(options.evidence.parent, signed))
    request = ReportRequest(pen.key, pen.formats, pen.signing, sources, written, options.force)
    write_signed_report(signed, out, request)
    print_place(out, pen.formats, is_test=describe_signer(pen.key.certificate).kind == "test")


def _find_models(folder: Path, audit: "Audit") -> dict[str, bytes | Path]:
    """Return the models that lie beside the evidence, as in the report that it came from."""
    from unlearn_audit.bundle.layout import is_safe_name

    named = [card.file for card in audit.record.provenance.models if card.file]
    return {name: folder / name for name in named if is_safe_name(name) and (folder / name).is_file()}
