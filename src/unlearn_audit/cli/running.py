"""What the commands do with their options: the borders to files, clock and environment."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.console import print_record, show_progress
from unlearn_audit.cli.intake import print_intake
from unlearn_audit.errors import AuditError, ExitCode, PolicyError, UsageError
from unlearn_audit.records import AuditRecord, Outcome, Signer, Verdict, WaiverState

if TYPE_CHECKING:
    from unlearn_audit.auditing import Audit
    from unlearn_audit.cases import CaseRequest
    from unlearn_audit.policy import CaseFile, Policy
    from unlearn_audit.records import Say

_EXIT = {Outcome.PASS: ExitCode.PASS, Outcome.FAIL: ExitCode.FAIL, Outcome.INCONCLUSIVE: ExitCode.INCONCLUSIVE}


def run_from_options(policy_name: str, options: Mapping[str, Any]) -> int:
    """Run an audit, write the bundle, say what came out. All outputs are written before any exit."""
    from unlearn_audit.auditing import name_known
    from unlearn_audit.cases import GivenModels
    from unlearn_audit.cli.bringing import find_models, find_predictions, judge_models, judge_predictions, read_case
    from unlearn_audit.cli.comparing import print_comparison, read_baseline
    from unlearn_audit.cli.history import find_earlier_runs
    from unlearn_audit.cli.rendering import choose_formats, name_policy_file, render_files
    from unlearn_audit.cli.signing import choose_signing, find_signing_key
    from unlearn_audit.evidence import to_parquet
    from unlearn_audit.policy import find_policy, load_policy, load_waivers, locate_checks
    from unlearn_audit.report import Sources, compare_records
    from unlearn_audit.report.bundle import refuse_occupied, write_bundle
    from unlearn_audit.report.keys import describe
    from unlearn_audit.report.seals import read_seals

    formats = choose_formats(options["formats"])
    baseline = read_baseline(options["baseline"])
    path = find_policy(policy_name)
    known = name_known()
    policy = load_policy(path, known)
    written = path.read_bytes()
    out = options["out"] or Path(f"audit-{policy.id}")
    refuse_occupied(out, force=options["force"])
    key = find_signing_key(options)
    signing = choose_signing(options, options["level"])
    signer = describe(key, signing.level.value)
    case, folder = read_case(options["case"], known)
    told: dict[str, Any] = {
        "waivers": load_waivers(options["waivers"], policy) if options["waivers"] else (),
        "earlier_runs": find_earlier_runs(out, policy, case, folder),
        "seals": read_seals(options["seals"], policy),
    }
    brought = find_predictions(options, case, folder)
    given = None if brought else find_models(policy, options, case, folder, signer, read_clock())
    with show_progress() as say:
        if brought:
            audit = judge_predictions(policy, brought, signer, read_clock(), told, say)
        elif isinstance(given, GivenModels):
            audit = judge_models(policy, given, case, told, say)
        else:
            request = _read_request(options, signer, case, folder)
            audit = _run_audit(policy, replace(request, original=given, **told), options, say)
        say("write the report", 0, 1)
        comparison = compare_records(audit.record, baseline) if baseline else None
        sources = Sources(name_policy_file(policy_name), locate_checks(written.decode(), policy_name), comparison)
        evidence = {"evidence.parquet": to_parquet(audit.evidence), "policy.yaml": written, **audit.models}
        files = {**render_files(formats, audit.record, sources, taken=evidence), **evidence}
        write_bundle(out, files, audit.record, key, force=options["force"], signing=signing)
        say("write the report", 1, 1)
    print_intake(audit.record.provenance.intake)
    print_record(audit.record)
    if comparison:
        print_comparison(comparison)
    _say_where(out, [form.file for form in formats.values()], is_test=signer.kind == "test")
    _say_who_is_due(out, audit.record)
    return _find_exit(audit.record.verdict, options["fail_on"])


def _run_audit(policy: "Policy", request: "CaseRequest", options: Mapping[str, Any], say: "Say") -> "Audit":
    from unlearn_audit.auditing import run_audit
    from unlearn_audit.cases import open_workers

    with open_workers(options["jobs"], options["backend"] or "loky", options["cluster"]) as workers:
        return run_audit(policy, replace(request, workers=workers), say)


def _read_request(options: Mapping[str, Any], signer: "Signer", case: "CaseFile | None", folder: Path) -> "CaseRequest":
    from unlearn_audit.cases import CaseRequest
    from unlearn_audit.data import find_cache

    return CaseRequest(
        case=case,
        case_folder=folder,
        created=read_clock(),
        cache=options["cache"] or find_cache(),
        data=options["data"],
        forget=_read_forget(options["forget"]),
        method=options["method"],
        compare=tuple(name.strip() for name in (options["compare"] or "").split(",") if name.strip()),
        remedy=not options["no_remedy"],
        retrain=False if options["no_retrain"] else None,
        offline=options["offline"],
        threads=options["threads"],
        signer=signer,
        references=options["references"],
    )


def _read_forget(value: str | None) -> float | Path | None:
    """A number is a share; anything else is a file of ids."""
    if value is None:
        return None
    try:
        share = float(value)
    except ValueError:
        return Path(value)
    if not 0 < share < 1:
        near = f"; did you mean {share / 100:g}?" if 1 < share < 100 else ""  # noqa: PLR2004 - percent
        raise UsageError(f"--forget: expected a share between 0 and 1, found {value}", hint=f"a fraction{near}")
    return share


def read_clock() -> str:
    """Return the time of the audit; SOURCE_DATE_EPOCH fixes it, for reproducible samples."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _say_where(out: Path, names: Sequence[str], *, is_test: bool) -> None:
    from unlearn_audit.report.authority import ROOT_CERTIFICATE, find_test_folder

    click.echo("\nReport:  " + "\n         ".join(str(out / name) for name in names))
    if is_test:
        click.echo("Signed with a TEST key: fine for a trial, worthless for a submission (see 'keys init').")
        click.echo(f"Check:   unlearn-audit verify {out} --trust {find_test_folder() / ROOT_CERTIFICATE}")
    else:
        click.echo(f"Check:   unlearn-audit verify {out} --trust ROOT.pem")


def _say_who_is_due(out: Path, record: AuditRecord) -> None:
    from unlearn_audit.report.countersignatures import list_responsible

    for person in list_responsible(record):
        if person.countersigns:
            click.echo(
                f"Due:     {person.name} ({person.role}) countersigns: unlearn-audit countersign {out} --key ..."
            )


def _find_exit(verdict: Verdict, fail_on: str) -> int:
    """Return the exit code; --fail-on fail spares an inconclusive verdict, but not where a waiver has expired."""
    if verdict.outcome is Outcome.PASS and verdict.waived:
        click.echo(
            f"Exit 0 with waivers ({', '.join(check.id for check in verdict.waived)}). That is not a pass alone."
        )
    expired = [c.id for c in verdict.checks if c.waiver is not None and c.waiver.state is WaiverState.EXPIRED]
    if verdict.outcome is Outcome.INCONCLUSIVE and fail_on == "fail" and not expired:
        click.echo("Exit 0 although inconclusive, because of --fail-on fail. Inconclusive is not a pass.")
        return ExitCode.PASS
    if expired:
        click.echo(f"Expired waivers: {', '.join(expired)}. Renew them or meet the tolerances.", err=True)
    return _EXIT[verdict.outcome]


def recheck_evidence(evidence_path: Path, policy_name: str, out: Path | None, baseline_path: Path | None) -> int:
    """Judge existing evidence; say whether a record beside it has the same bytes."""
    from unlearn_audit.auditing import judge, name_known
    from unlearn_audit.cli.comparing import print_comparison, read_baseline
    from unlearn_audit.evidence import read_evidence
    from unlearn_audit.policy import find_policy, load_policy
    from unlearn_audit.report import compare_records
    from unlearn_audit.writing import write_whole

    baseline = read_baseline(baseline_path)

    policy = load_policy(find_policy(policy_name), name_known())
    with show_progress() as say:
        record = judge(policy, read_evidence(evidence_path), say)
    content = record.to_bytes()
    print_record(record)
    if baseline:
        print_comparison(compare_records(record, baseline))
    click.echo()
    beside = evidence_path.parent / "record.json"
    if beside.is_file():
        same = beside.read_bytes() == content
        click.echo(
            f"The record beside the evidence is {'the same, bit for bit' if same else 'a different one'}: {beside}"
        )
    if out is not None:
        write_whole(out, content)
        click.echo(f"Record:  {out}")
    return _EXIT[record.outcome]


def check_policy_files(names: tuple[str, ...]) -> int:
    """Check each policy; print what is wrong with all of them before the exit code says that something is."""
    from unlearn_audit.auditing import name_known
    from unlearn_audit.policy import find_policy, load_policy

    code = ExitCode.PASS
    known = name_known()
    for name in names:
        try:
            policy = load_policy(find_policy(name), known)
        except PolicyError as error:
            _complain(error)
            code = ExitCode.USAGE
        else:
            click.echo(
                f"{name}: fine ({policy.id} {policy.version}, {len(policy.checks)} checks, sha256 {policy.digest()})"
            )
    return code


def _complain(error: AuditError) -> None:
    click.echo(error.message + (f"\nhint: {error.hint}" if error.hint else ""), err=True)
