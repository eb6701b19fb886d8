"""`run`: an audit from policy to signed report. All outputs are written before any exit."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.layout import SectionedCommand, SectionedOption
from unlearn_audit.cli.options import (
    BASELINE_HELP,
    CLASSES_HELP,
    EXIT_CODES,
    FILE,
    FORMAT_HELP,
    POLICY_HELP,
    SCORES,
    CodeOptions,
    SigningOptions,
    WorkerOptions,
    read_classes,
    split_names,
    with_code,
    with_signing,
    with_workers,
)
from unlearn_audit.errors import ExitCode
from unlearn_audit.escaping import show_text

if TYPE_CHECKING:
    from unlearn_audit.cases import CaseRequest
    from unlearn_audit.evidence.predictions.scores import Kind
    from unlearn_audit.pipeline.external import Disclosures, Predictions
    from unlearn_audit.pipeline.external_models import ExternalModels
    from unlearn_audit.pipeline.result import Audit
    from unlearn_audit.policy import CaseFile, Policy
    from unlearn_audit.records import AuditRecord, ProgressCallback, Verdict
    from unlearn_audit.verdict.comparison import Comparison


@dataclass(frozen=True, kw_only=True)
class RunOptions(SigningOptions, WorkerOptions, CodeOptions):
    """The options of `run`, as they were given."""

    policy: str
    case: Path | None = None
    method: str | None = None
    compare: str | None = None
    no_remedy: bool = False
    no_retrain: bool = False
    waivers: Path | None = None
    seals: tuple[Path, ...] = ()
    data: Path | None = None
    forget: str | None = None
    predictions: tuple[Path, ...] = ()
    scores: "Kind | None" = None
    classes: tuple[str, ...] = ()
    offline: bool = False
    original: Path | None = None
    unlearned: Path | None = None
    retrained: Path | None = None
    model: str | None = None
    allow_code: bool = False
    references: int | None = None
    out: Path | None = None
    force: bool = False
    formats: tuple[str, ...] = ()
    baseline: Path | None = None
    fail_on: str = "inconclusive"
    threads: int | None = None


_what = partial(click.option, cls=SectionedOption, section="What")
_data = partial(click.option, cls=SectionedOption, section="Data")
_models = partial(click.option, cls=SectionedOption, section="Models")
_output = partial(click.option, cls=SectionedOption, section="Output")
_speed = partial(click.option, cls=SectionedOption, section="Speed")


@click.command("run", cls=SectionedCommand, epilog=EXIT_CODES)
@_what("--policy", required=True, metavar="FILE", help=POLICY_HELP)
@_what("--case", type=FILE, metavar="FILE", help="Case file: what is audited this time (docs/case.md).")
@_what("--method", metavar="NAME", help="Unlearning method, instead of the policy's.")
@_what("--compare", metavar="NAMES", help="Methods to audit beside it, with commas between.")
@_what("--no-remedy", is_flag=True, help="Do not try the policy's remedies.")
@_what("--no-retrain", is_flag=True, help="No retrained model; checks against it are not run.")
@_what("--waivers", type=FILE, metavar="FILE", help="Waivers beside the policy's own (docs/policy.md).")
@_what("--seal", "seals", type=FILE, multiple=True, metavar="FILE", help="Seal of the policy; repeat it for every one.")
@_data("--data", type=FILE, metavar="PATH", help="MedMNIST's npz, or a folder of images (docs/data.md).")
@_data("--forget", metavar="SHARE|CSV", help="Share of the training records, or a list of ids.")
@_data(
    "--predictions", type=FILE, multiple=True, metavar="FILE", help="CSV or Parquet from elsewhere; may be repeated."
)
@_data("--scores", type=click.Choice(SCORES), metavar="KIND", help=f"{', '.join(SCORES)}.")
@_data("--classes", metavar="NAMES", callback=read_classes, help=CLASSES_HELP)
@_data("--offline", is_flag=True, help="Never use the network, not even for data.")
@_models("--original", type=FILE, metavar="FILE", help="Original, made elsewhere (docs/models.md).")
@_models("--unlearned", type=FILE, metavar="FILE", help="Unlearned model, made elsewhere.")
@_models("--retrained", type=FILE, metavar="FILE", help="Retrained model, made elsewhere.")
@_models("--model", metavar="NAME", help="Network of the weights: module:factory, or of 'list models'.")
@_models("--allow-code", is_flag=True, help="Run models that are code (TorchScript, .pt2), in their own process.")
@_models(
    "--references",
    type=click.IntRange(0, 512),
    metavar="N",
    help="Reference models, 0 for none.  [default: the policy's]",
)
@with_code
@with_signing
@_output("--out", type=FILE, metavar="DIR", help="Folder of the report.  [default: audit-<policy id>]")
@_output("--force", is_flag=True, help="Replace an earlier report.")
@_output("--format", "formats", multiple=True, metavar="NAME", help=FORMAT_HELP)
@_output("--baseline", type=FILE, metavar="RECORD", help=BASELINE_HELP)
@_output(
    "--fail-on",
    type=click.Choice(["fail", "inconclusive"]),
    default="inconclusive",
    metavar="OUTCOME",
    help="With 'fail', checks left open exit 0, none not run.",
)
@_speed("--threads", type=click.IntRange(1, 256), metavar="N", help="Threads for training.  [default: all cores]")
@with_workers
def command(**options: Any) -> int:
    """Train, unlearn, retrain, measure, decide, and write a signed report.

    With --predictions, or with models that were made elsewhere, that much less is made here.
    """  # fmt: skip
    return run_from_options(RunOptions(**options))


def run_from_options(options: RunOptions) -> int:
    """Run an audit, write the report, say what came out."""
    from unlearn_audit.cli.comparing import read_baseline
    from unlearn_audit.cli.console import show_progress
    from unlearn_audit.cli.modes import Setting, choose_mode, read_case
    from unlearn_audit.cli.proving import warn_of_policy
    from unlearn_audit.cli.reports import announce_formats, name_policy_file, print_place, warn_of_letters
    from unlearn_audit.cli.signing import choose_signing, find_signing_key, read_signing
    from unlearn_audit.formats.sources import Sources
    from unlearn_audit.pipeline.audit import name_known
    from unlearn_audit.pki.keys import describe_signer
    from unlearn_audit.policy import find_policy, load_policy, locate_checks
    from unlearn_audit.records.clock import read_clock
    from unlearn_audit.signing.bundle import validate_output_folder
    from unlearn_audit.signing.report import ReportRequest, write_signed_report
    from unlearn_audit.software import require_module
    from unlearn_audit.verdict.comparison import compare_records

    baseline = read_baseline(options.baseline)
    path = find_policy(options.policy)
    known = name_known()
    policy = load_policy(path, known)
    written = path.read_bytes()
    case, folder = read_case(options.case, known)
    mode = choose_mode(options, case)
    if mode.needs_torch:
        require_module("torch", "making or asking models")
    out = options.out or Path(f"audit-{policy.id}")
    validate_output_folder(out, force=options.force)
    formats = announce_formats(split_names(options.formats))
    warn_of_letters(formats, policy, case)
    signing_request = read_signing(options)
    key = find_signing_key(signing_request)
    signing = choose_signing(signing_request, offline=options.offline)
    signer = describe_signer(key.certificate, signing.level)
    warn_of_policy(policy, options.policy)
    disclosures = _disclose(options, out, policy, (case, folder), baseline)
    request = mode.parse(Setting(options, policy, case, folder, read_clock(), signer, disclosures))
    with show_progress() as progress:
        audit = _audit(policy, request, options, progress)
        progress("write the report", 0, 1)
        comparison = compare_records(audit.record, baseline) if baseline else None
        sources = Sources(
            name_policy_file(options.policy, out), locate_checks(written.decode(), options.policy), comparison
        )
        write_signed_report(audit, out, ReportRequest(key, formats, signing, sources, written, options.force))
        progress("write the report", 1, 1)
    _print_outcome(audit.record, comparison)
    print_place(out, formats, is_test=signer.kind == "test")
    _print_due(out, audit.record)
    return _find_exit(audit.record.verdict, options.fail_on)


def _disclose(
    options: RunOptions,
    out: Path,
    policy: "Policy",
    case: "tuple[CaseFile | None, Path]",
    baseline: "AuditRecord | None",
) -> "Disclosures":
    """Return waivers, earlier runs and seals; `case` comes with the folder of its file."""
    from datetime import datetime

    from unlearn_audit.cli.granting import read_granted
    from unlearn_audit.cli.history import find_earlier_runs
    from unlearn_audit.pipeline.external import Disclosures
    from unlearn_audit.records.clock import read_clock
    from unlearn_audit.signing.sealing import read_seals

    signed = read_granted(options.waivers, policy, datetime.fromisoformat(read_clock()).date())
    return Disclosures(
        waivers=signed.file.waivers if signed else (),
        waiver_seal=signed.seal if signed else None,
        earlier_runs=find_earlier_runs(out, policy, *case, baseline),
        seals=read_seals(options.seals, policy),
    )


def _print_outcome(record: "AuditRecord", comparison: "Comparison | None") -> None:
    from unlearn_audit.cli.comparing import print_comparison
    from unlearn_audit.cli.console import print_record
    from unlearn_audit.cli.intake import print_intake

    print_intake(record.provenance.intake)
    print_record(record)
    if comparison:
        print_comparison(comparison)


def _audit(
    policy: "Policy",
    request: "CaseRequest | ExternalModels | Predictions",
    options: RunOptions,
    progress: "ProgressCallback",
) -> "Audit":
    from dataclasses import replace

    from unlearn_audit.pipeline.audit import run_audit
    from unlearn_audit.pipeline.external import Predictions, judge_models, judge_predictions

    if isinstance(request, Predictions):
        return judge_predictions(policy, request, progress)
    from unlearn_audit.pipeline.external_models import ExternalModels

    if isinstance(request, ExternalModels):
        return judge_models(policy, request, progress)
    from unlearn_audit.reference_models.workers import open_workers

    with open_workers(options.jobs, options.cluster) as workers:
        return run_audit(policy, replace(request, workers=workers), progress)


def _print_due(out: Path, record: "AuditRecord") -> None:
    from unlearn_audit.bundle.countersignatures import list_responsible

    for person in list_responsible(record):
        if person.countersigns:
            click.echo(
                f"Due:     {show_text(person.name)} ({show_text(person.role)}) countersigns: unlearn-audit "
                f"countersign {out} --key ..."
            )


def _find_exit(verdict: "Verdict", fail_on: str) -> int:
    """Return the exit code; --fail-on fail spares what is left open, not what was not run or whose waiver expired."""
    from unlearn_audit.cli.console import EXITS
    from unlearn_audit.records import Outcome, WaiverState

    if verdict.outcome is Outcome.PASS and verdict.waived:
        click.echo(
            f"Exit 0 with waivers ({', '.join(check.id for check in verdict.waived)}). That is not a pass alone."
        )
    expired = [c.id for c in verdict.checks if c.waiver is not None and c.waiver.state is WaiverState.EXPIRED]
    missing = [c.id for c in verdict.checks if c.required and not c.is_waived and c.outcome is Outcome.NOT_RUN]
    if missing and fail_on == "fail":
        click.echo(f"Not run, which --fail-on fail does not spare: {', '.join(missing)}.", err=True)
    if verdict.outcome is Outcome.INCONCLUSIVE and fail_on == "fail" and not expired and not missing:
        click.echo("Exit 0 although inconclusive, because of --fail-on fail. Inconclusive is not a pass.")
        return ExitCode.PASS
    if expired:
        click.echo(f"Expired waivers: {', '.join(expired)}. Renew them or meet the tolerances.", err=True)
    return EXITS[verdict.outcome]
