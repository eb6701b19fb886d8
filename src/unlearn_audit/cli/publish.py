"""`publish`: put a verified report where the models are kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.layout import OrderedGroup
from unlearn_audit.cli.options import FILE, TrustOptions, with_trust
from unlearn_audit.escaping import show_text

if TYPE_CHECKING:
    from unlearn_audit.publishing import Publication

_EXIT_CODES = """
\b
Exit codes, after everything was logged:
  0  pass; with --promote: and promoted
  1  fail
  3  inconclusive (also: a required check did not run)
  4  not promoted: a TEST key signed, or the version does not hold the audited weights
\b
Nothing was logged:
  2  usage: no such folder, run or model version, options that do not go together
  4  the report is altered, not trusted, judged by another policy; or --require-same-weights and it does not
  5  MLflow is not installed, the server is down or refuses, something asked for could not be verified
"""
_URI = "The MLflow server.  [default: the variable MLFLOW_TRACKING_URI]"
_RUN = "Log to this run, which must not hold another audit.  [default: the run of this record, else a new one]"
_VERSION = "Version of the registered model that was audited, NAME/VERSION: it is tagged."
_SAME = "Log nothing unless the version holds the audited weights, byte for byte."
_PROMOTE = "Let this alias, such as champion, point to the version if it passes --policy and holds the audited weights."
_EVIDENCE = "Log evidence.parquet and models too: it then verifies as a folder. The evidence names records."


@dataclass(frozen=True, kw_only=True)
class MlflowOptions(TrustOptions):
    """The options of `publish mlflow`, as they were given."""

    bundle: Path
    tracking_uri: str | None = None
    experiment: str = "unlearn-audit"
    run_id: str | None = None
    model_version: str | None = None
    require_same_weights: bool = False
    promote: str | None = None
    with_evidence: bool = False
    policy: str | None = None


@click.group("publish", cls=OrderedGroup)
def command() -> None:
    """Log a verified report where models are kept."""


@command.command(epilog=_EXIT_CODES, short_help="Log a report to MLflow, tag and promote a model version.")
@click.argument("bundle", type=FILE)
@click.option("--tracking-uri", metavar="URI", help=_URI)
@click.option("--experiment", default="unlearn-audit", show_default=True, metavar="NAME", help="Of a new run.")
@click.option("--run-id", metavar="ID", help=_RUN)
@click.option("--model-version", metavar="NAME/VERSION", help=_VERSION)
@click.option("--require-same-weights", is_flag=True, help=_SAME)
@click.option("--promote", metavar="ALIAS", help=_PROMOTE)
@click.option("--with-evidence", is_flag=True, help=_EVIDENCE)
@click.option("--policy", metavar="FILE", help="Policy that the report must be judged by, or a shipped one's name.")
@with_trust
def mlflow(**options: Any) -> int:
    """Verify the report in the folder BUNDLE, log it to an MLflow run, and tag the model version that was audited.

    What does not verify, or is not trusted, is not logged. The exit code speaks of the audited model, as 'verify' does.
    """
    return publish_from_options(MlflowOptions(**options))


def publish_from_options(options: MlflowOptions) -> int:
    """Verify, log, tag and promote; say what was done."""
    from unlearn_audit.policy import find_policy
    from unlearn_audit.publishing import publish_to_mlflow

    done = publish_to_mlflow(
        options.bundle,
        options.tracking_uri,
        trust=options.trust,
        options=options.verification,
        policy=find_policy(options.policy) if options.policy is not None else None,
        experiment=options.experiment,
        run_id=options.run_id,
        model_version=options.model_version,
        require_same_weights=options.require_same_weights,
        promote=options.promote,
        with_evidence=options.with_evidence,
    )
    _print_publication(done, options.model_version, options.promote)
    return done.exit_code


def _print_publication(done: "Publication", version: str | None, alias: str | None) -> None:
    record = done.verification.record
    click.echo(f"Logged:   run {done.run_id} at {done.server}")
    if done.binding is not None:
        bound = "is bound" if done.binding.holds else "is NOT BOUND"
        click.echo(f"Version:  {version} {bound}: {show_text(done.binding.sentence)}")
    click.echo(f"Verdict:  {done.outcome.upper()}  {show_text(record.verdict.reason) if record else ''}")
    if alias is None:
        return
    if done.objection is None:
        click.echo(f"Promoted: {alias} is version {done.alias_at}")
        return
    now = f"{alias} still is version {done.alias_at}" if done.alias_at else f"nothing is {alias}"
    click.echo(f"NOT promoted, {now}: {show_text(done.objection.sentence)}")
