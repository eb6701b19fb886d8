"""The commands that prove: seal a policy, countersign a report, and keep a laboratory's authority."""

from pathlib import Path
from typing import Any

import click

from unlearn_audit.cli.commands import keys
from unlearn_audit.cli.options import with_key, with_proof, with_time
from unlearn_audit.cli.trials import group
from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.escaping import show_text

__all__ = ["group"]

_FILE = click.Path(path_type=Path)


@group.command(short_help="Seal a policy before the run.")
@click.option("--policy", required=True, metavar="FILE", help="Policy file, or the name of a shipped policy.")
@click.option("--out", type=_FILE, metavar="FILE", help="Seal file.  [default: <policy id>-<version>.seal.json]")
@with_key
@with_time
def seal(policy: str, out: Path | None, **options: Any) -> int:
    """Sign the policy as it is now, before the run: 'run --seal FILE' then derives its seed from the seal.

    Amend the policy later, and seal it again: the report lists every seal and what was changed after it.
    """
    from unlearn_audit.bundle.seals import name_stamp
    from unlearn_audit.cli.running import read_clock
    from unlearn_audit.cli.signing import choose_signing, find_signing_key
    from unlearn_audit.pipeline.audit import name_known
    from unlearn_audit.pki.purposes import KeyPurpose
    from unlearn_audit.policy import find_policy, load_policy
    from unlearn_audit.signing.sealing import make_seal, validate_no_seal_at
    from unlearn_audit.writing import write_whole

    sealed = load_policy(find_policy(policy), name_known())
    place = out or Path(f"{sealed.id}-{_clean(sealed.version)}.seal.json")
    validate_no_seal_at(place)
    key = find_signing_key(options, KeyPurpose.SEAL)
    signing = choose_signing(options, None)
    envelope = make_seal(sealed, key, read_clock())
    token = signing.stamp(envelope)
    if token is not None:  # first: a stamp without its seal says nothing, a seal without its stamp says less
        write_whole(name_stamp(place), token)
    write_whole(place, envelope)
    stamped = f", time stamp {name_stamp(place)}" if token else ", no time stamp: its time is only claimed"
    click.echo(f"Sealed:  {sealed.id} {show_text(sealed.version)}, sha256 {sealed.digest()}")
    click.echo(f"Seal:    {place}{stamped}")
    click.echo(f"Run:     unlearn-audit run --policy {policy} --seal {place}")
    return ExitCode.PASS


def _clean(version: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._" else "-" for letter in version)[:40]


@group.command(short_help="Sign a finished report as a responsible person.")
@click.argument("bundle", type=_FILE, metavar="BUNDLE")
@with_key
@with_proof
def countersign(bundle: Path, **options: Any) -> int:
    """Add your signature to a report folder: in its PDF, and over all of its files.

    The policy names who is responsible; the common name of your certificate must be that name. The level is the one
    that the report was signed at.
    """
    from unlearn_audit.cli.running import read_clock
    from unlearn_audit.cli.signing import choose_signing, find_signing_key
    from unlearn_audit.pki.purposes import KeyPurpose
    from unlearn_audit.signing.countersigning import countersign as add
    from unlearn_audit.verification.integrity import check_bundle

    if options["key"] is None and options["pkcs11"] is None:
        raise UsageError("a person signs with their own key", hint="give --key and --chain, or --pkcs11")
    if not bundle.is_dir():
        raise UsageError(f"expected the folder of a report, found none at {bundle}")
    signer = check_bundle(bundle).record.provenance.signer
    signing = choose_signing(options, signer.level if signer else "B-B")
    person = add(bundle, find_signing_key(options, KeyPurpose.COUNTERSIGNATURE), signing, read_clock())
    click.echo(f"Signed:  {show_text(person.name)}, {show_text(person.role)}")
    click.echo(f"Check:   unlearn-audit verify {bundle} --trust ROOT.pem")
    return ExitCode.PASS


@keys.command()
@click.argument("folder", type=_FILE)
@click.option("--name", required=True, help="Who signs: as the policy names the person, if it does.")
@click.option(
    "--for", "purpose", type=click.Choice(["countersignature", "report"]), default="countersignature",
    show_default=True, help="What the key may sign: never both.",
)  # fmt: skip
@click.option("--no-passphrase", is_flag=True, help="The keys are unencrypted (for tests and sealed machines).")
def issue(folder: Path, name: str, purpose: str, *, no_passphrase: bool) -> int:
    """Make one more signing key below the authority in FOLDER."""
    from unlearn_audit.cli.signing import ask_passphrase
    from unlearn_audit.pki.issuing import issue_further_signer
    from unlearn_audit.pki.purposes import KeyPurpose

    secret = None if no_passphrase else ask_passphrase()
    made = issue_further_signer(folder, name, secret, KeyPurpose(purpose))
    for role, path in made.items():
        click.echo(f"{role.replace('_', ' '):<17} {path}")
    return ExitCode.PASS


@keys.command()
@click.argument("folder", type=_FILE)
@click.option("--revoke", type=_FILE, multiple=True, metavar="CHAIN", help="Certificate that is no longer good.")
@click.option("--no-passphrase", is_flag=True, help="The root's key is unencrypted.")
def crl(folder: Path, *, revoke: tuple[Path, ...], no_passphrase: bool) -> int:
    """Write the revocation list of the authority in FOLDER anew; it is good for 90 days.

    Signatures whose time is trusted and lies before the revocation stay good, others do not.
    """
    from unlearn_audit.cli.signing import ask_passphrase
    from unlearn_audit.pki.issuing import renew_revocations

    path = renew_revocations(folder, revoke, None if no_passphrase else ask_passphrase())
    click.echo(f"revocation list   {path}")
    click.echo("Give it to whoever verifies (verify --crl), and to 'run --crl' at level B-LT or B-LTA.")
    return ExitCode.PASS
