"""The commands. Each one reads its options, calls the library, says what came out, and returns the exit code."""

from pathlib import Path
from typing import Any

import click

from unlearn_audit import __version__
from unlearn_audit.cli.options import with_key, with_proof, with_trust, with_workers
from unlearn_audit.errors import ExitCode

_FILE = click.Path(path_type=Path)
_FORMATS = "Write this format into the report folder as well (see 'list formats'); may be repeated."
_SEAL = "Seal of the policy, see 'seal'; the seed then follows from it. Give every one; may be repeated."
_LEVEL = "PAdES level of the signatures.  [default: B-T with --timestamp-url, else B-B]"
_BASELINE = "The last release's record.json: say what became better or worse. Never changes the verdict."
_PREDICTIONS = "Audit predictions made elsewhere (CSV or Parquet, see docs/predictions.md); may be repeated."
_SCORES = ("probabilities", "logits", "log-probabilities")
_SCORES_HELP = "What predictions or outputs are.  [default: the case file's, else probabilities, of models logits]"
_CLASSES_HELP = "What the class numbers 0, 1, ... mean, such as benign,malignant.  [default: the case file's]"
_REFERENCES = "Reference models for membership attacks, 0 for none (see docs/references.md).  [default: the policy's]"
_JOBS = "Reference models made at once, one thread each; never changes a number.  [default: all cores]"
_PROFILE = "The whole report, or page one alone: summary.html and summary.pdf."
_EXIT_CODES = """
\b
Exit codes:
  0  pass
  1  fail
  2  usage or policy error
  3  inconclusive (also: a required check did not run)
  4  signature or integrity failure
  5  could not complete (environment, data, internal error)
"""


_HELP = """Audit machine unlearning of medical image classifiers.

Did the model forget, and is it still clinically safe? A written policy decides; a signed report says why.

\b
Start here:
  unlearn-audit run --policy policies/breast-cytology.yaml
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, help=_HELP, epilog=_EXIT_CODES)
@click.version_option(__version__, "--version", message="unlearn-audit %(version)s")
def group() -> None:
    """All commands hang on this one."""


@group.command(epilog=_EXIT_CODES, short_help="Audit, and write a signed report.")
@click.option("--policy", required=True, metavar="FILE", help="Policy file, or the name of a shipped policy.")
@click.option("--out", type=_FILE, metavar="DIR", help="Output folder.  [default: audit-<policy id>]")
@click.option("--force", is_flag=True, help="Replace an output folder that already holds a report.")
@click.option("--case", type=_FILE, metavar="FILE", help="Case file: what is audited this time (see docs/case.md).")
@click.option("--data", type=_FILE, metavar="PATH", help="Data: an npz in MedMNIST's format, or a folder of images.")
@click.option("--predictions", type=_FILE, multiple=True, metavar="FILE", help=_PREDICTIONS)
@click.option("--original", type=_FILE, metavar="FILE", help="The original model, made elsewhere (see docs/models.md).")
@click.option("--unlearned", type=_FILE, metavar="FILE", help="The unlearned model, made elsewhere.")
@click.option("--retrained", type=_FILE, metavar="FILE", help="A model retrained without the records, made elsewhere.")
@click.option("--model", metavar="NAME", help="What weights are loaded into: module:factory, or one of 'list models'.")
@click.option("--scores", type=click.Choice(_SCORES), help=_SCORES_HELP)
@click.option("--classes", metavar="NAMES", help=_CLASSES_HELP)
@click.option("--forget", metavar="SHARE|CSV", help="Share of the training records, or a list of ids to forget.")
@click.option("--waivers", type=_FILE, metavar="FILE", help="Waivers beside the policy's own (see docs/waivers.md).")
@click.option("--method", metavar="NAME", help="Audit this unlearning method instead of the policy's.")
@click.option("--compare", metavar="NAMES", help="Audit these methods beside it (comma-separated).")
@click.option("--no-remedy", is_flag=True, help="Do not try the policy's remedies when the model does not pass.")
@click.option("--no-retrain", is_flag=True, help="No retrained reference; checks against it are then not run.")
@click.option("--offline", is_flag=True, help="Never use the network, not even to download the data.")
@click.option("--threads", type=click.IntRange(1, 256), metavar="N", help="Threads for training.  [default: all cores]")
@click.option("--references", type=click.IntRange(0, 512), metavar="N", help=_REFERENCES)
@click.option("--jobs", type=click.IntRange(1, 1024), metavar="N", help=_JOBS)
@with_workers
@click.option("--seal", "seals", type=_FILE, multiple=True, metavar="FILE", help=_SEAL)
@with_key
@click.option("--level", type=click.Choice(["B-B", "B-T", "B-LT", "B-LTA"]), help=_LEVEL)
@with_proof
@click.option("--format", "formats", multiple=True, metavar="NAME", help=_FORMATS)
@click.option("--baseline", type=_FILE, metavar="RECORD", help=_BASELINE)
@click.option(
    "--fail-on",
    type=click.Choice(["fail", "inconclusive"]),
    default="inconclusive",
    show_default=True,
    help="What stops a pipeline: with 'fail', an inconclusive verdict exits 0.",
)
def run(policy: str, **options: object) -> int:
    """Train, unlearn, retrain, measure, decide, and write a signed report."""
    from unlearn_audit.cli.running import run_from_options

    return run_from_options(policy, options)


@group.command(epilog=_EXIT_CODES, short_help="Check a report, offline.")
@click.argument("bundle", type=_FILE, metavar="BUNDLE|PDF")
@with_trust
@click.option("--policy", metavar="FILE", help="Policy you expect the report to be judged by, or a shipped one's name.")
@click.option("--rerender", is_flag=True, help="Render HTML and PDF again from the record and compare the bytes.")
@click.option("--recompute", is_flag=True, help="Judge the evidence again and compare every number with the record.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(bundle: Path, **options: Any) -> int:
    """Check a report folder, or its report.pdf alone, offline: integrity, authenticity, and what its verdict is.

    Trust comes from you, never from the bundle: without --trust nothing is authentic.
    """
    from unlearn_audit.cli.verifying import verify_from_options

    return verify_from_options(bundle, options)


@group.command(epilog=_EXIT_CODES, short_help="Judge an evidence file again, bit for bit.")
@click.argument("evidence", type=_FILE)
@click.option("--policy", required=True, metavar="FILE", help="Policy file, or the name of a shipped policy.")
@click.option("--out", type=_FILE, metavar="FILE", help="Write the record here.")
@click.option("--baseline", type=_FILE, metavar="RECORD", help=_BASELINE)
def recheck(evidence: Path, policy: str, out: Path | None, baseline: Path | None) -> int:
    """Judge an evidence file again: same policy, same record, bit for bit. Needs no torch."""
    from unlearn_audit.cli.running import recheck_evidence

    return recheck_evidence(evidence, policy, out, baseline)


@group.group(name="evidence")
def evidence_group() -> None:
    """Look at evidence and predictions before they are judged."""


@evidence_group.command(
    name="check",
    short_help="Say which checks a file of predictions can answer.",
    epilog="""
\b
Exit codes:
  0  every required check of the policy can be measured
  2  usage or policy error
  3  some required check cannot be measured: the list says why, and what to bring
  5  the file cannot be used at all
""",
)
@click.argument("files", type=_FILE, nargs=-1, metavar="[FILE]...")
@click.option("--policy", required=True, metavar="FILE", help="Policy file, or the name of a shipped policy.")
@click.option("--case", type=_FILE, metavar="FILE", help="Case file: what is known beyond the predictions.")
@click.option("--forget", type=_FILE, metavar="CSV", help="List of ids to forget, where the file says 'train'.")
@click.option("--scores", type=click.Choice(_SCORES), help=_SCORES_HELP)
@click.option("--classes", metavar="NAMES", help=_CLASSES_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def check_evidence(files: tuple[Path, ...], policy: str, **options: object) -> int:
    """Say what is in evidence or predictions, what was assumed, and which checks they can answer. Judges nothing.

    Without a FILE the predictions are those that the case file names.
    """
    from unlearn_audit.cli.checking import check_files

    return check_files(files, policy, options)


@group.command(short_help="Render a record again, byte for byte.")
@click.argument("record", type=_FILE)
@click.option("--out", type=_FILE, default=Path(), metavar="DIR", help="Folder to write to.  [default: here]")
@click.option("--format", "formats", multiple=True, default=("html", "pdf"), metavar="NAME", show_default=True)
@click.option("--profile", type=click.Choice(["full", "summary"]), default="full", show_default=True, help=_PROFILE)
@click.option(
    "--policy", metavar="FILE", help="Policy that sarif, junit and github point at.  [default: beside RECORD]"
)
def render(record: Path, out: Path, formats: tuple[str, ...], profile: str, policy: str | None) -> int:
    """Render a record again, byte for byte as the report was before it was signed.

    Formats: see 'unlearn-audit list formats'.
    """
    from unlearn_audit.cli.rendering import choose_profile, render_record

    return render_record(record, out, choose_profile(formats, profile), policy)


@group.group(name="policy")
def policy_group() -> None:
    """Write and check policies."""


@policy_group.command(name="check")
@click.argument("policies", nargs=-1, required=True, metavar="FILE...")
def check_policies(policies: tuple[str, ...]) -> int:
    """Check policy files and print every mistake at once, with its place and a way to mend it."""
    from unlearn_audit.cli.running import check_policy_files

    return check_policy_files(policies)


@policy_group.command(name="new")
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option("--answer", "given", multiple=True, metavar="KEY=ANSWER", help="Answer a question here; may be repeated.")
@click.option("--answers", type=_FILE, metavar="FILE", help="Answers from a file (YAML: KEY: ANSWER).")
def write_new_policy(file: Path, *, force: bool, given: tuple[str, ...], answers: Path | None) -> int:
    """Ask some twenty questions and write a policy to FILE, with the reason of every number beside it.

    An interview that is broken off is kept beside FILE, and the same command goes on from there.
    """
    from unlearn_audit.cli.drafting import draft_policy

    return draft_policy(file, force=force, given=given, answers=answers)


@group.command(short_help="Print a JSON Schema.")
@click.argument("name", type=click.Choice(["policy", "case", "waivers", "study", "record"]))
def schema(name: str) -> int:
    """Print a JSON Schema, for editors and for readers of the record."""
    import json

    from unlearn_audit.policy import CaseFile, StudyFile, WaiverFile, export_schema
    from unlearn_audit.records import AuditRecord

    if name == "policy":
        shown = export_schema()
    elif name == "case":
        shown = CaseFile.model_json_schema(by_alias=True)
    elif name == "study":
        shown = StudyFile.model_json_schema(by_alias=True)
    elif name == "waivers":
        shown = WaiverFile.model_json_schema(by_alias=True)
    else:
        shown = AuditRecord.model_json_schema(by_alias=True)
    click.echo(json.dumps(shown, indent=2))
    return ExitCode.PASS


@group.command(name="list", short_help="List methods, metrics, attacks, data sets, ...")
@click.argument("kind", required=False, metavar="[KIND]")
def list_tables(kind: str | None) -> int:
    """List methods, metrics, attacks, datasets, models, formats and shipped policies."""
    from unlearn_audit.cli.listing import list_entries

    return list_entries(kind)


@group.group()
def keys() -> None:
    """Make and show signing keys."""


@keys.command()
@click.argument("folder", type=_FILE)
@click.option("--organisation", required=True, help="As it will stand in the certificates.")
@click.option("--name", required=True, help="Who signs: a person or a role.")
@click.option("--no-passphrase", is_flag=True, help="Leave the keys unencrypted (for tests and sealed machines).")
def init(folder: Path, organisation: str, name: str, no_passphrase: bool) -> int:
    """Make a laboratory authority and a signing key (P-256) in FOLDER."""
    from unlearn_audit.cli.signing import ask_passphrase
    from unlearn_audit.report.authority import init_laboratory_ca

    passphrase = None if no_passphrase else ask_passphrase(confirm=True)
    made = init_laboratory_ca(folder, organisation, name, passphrase)
    for role, path in made.items():
        click.echo(f"{role.replace('_', ' '):<17} {path}")
    click.echo("Give the root certificate to whoever verifies; keep the root key off line.")
    click.echo(f"Sign with: unlearn-audit run ... --key {made['signer_key']} --chain {made['signer_chain']}")
    return ExitCode.PASS


@keys.command()
@click.argument("certificate", type=_FILE)
def show(certificate: Path) -> int:
    """Show whose key a certificate speaks for, until when, and its fingerprint."""
    from unlearn_audit.cli.signing import describe_certificates

    for line in describe_certificates(certificate):
        click.echo(line)
    return ExitCode.PASS
