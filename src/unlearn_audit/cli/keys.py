"""`keys`: a laboratory's own authority, its signers, and its revocation list."""

from pathlib import Path

import click

from unlearn_audit.cli.layout import OrderedGroup
from unlearn_audit.cli.options import FILE
from unlearn_audit.errors import ExitCode, UsageError


@click.group("keys", cls=OrderedGroup)
def command() -> None:
    """Make and show signing keys."""


@command.command()
@click.argument("folder", type=FILE)
@click.option("--organisation", required=True, help="As it will stand in the certificates.")
@click.option("--name", required=True, help="Who signs: a person or a role.")
@click.option("--no-passphrase", is_flag=True, help="Leave the keys unencrypted (for tests and sealed machines).")
def init(folder: Path, organisation: str, name: str, no_passphrase: bool) -> int:
    """Make a laboratory authority and a signing key (P-256) in FOLDER."""
    from unlearn_audit.cli.signing import ask_passphrase
    from unlearn_audit.pki.laboratory_ca import init_laboratory_ca

    passphrase = None if no_passphrase else ask_passphrase(confirm=True)
    made = init_laboratory_ca(folder, organisation, name, passphrase)
    for role, path in made.items():
        click.echo(f"{role.replace('_', ' '):<17} {path}")
    click.echo("Give the root certificate to whoever verifies; keep the root key off line.")
    click.echo(f"Sign with: unlearn-audit run ... --key {made['signer_key']} --chain {made['signer_chain']}")
    return ExitCode.PASS


@command.command()
@click.argument("folder", type=FILE)
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


@command.command()
@click.argument("folder", type=FILE)
@click.option("--revoke", type=FILE, multiple=True, metavar="CHAIN", help="Certificate that is no longer good.")
@click.option("--no-passphrase", is_flag=True, help="The root's key is unencrypted.")
def crl(folder: Path, *, revoke: tuple[Path, ...], no_passphrase: bool) -> int:
    """Write the revocation list of the authority in FOLDER anew; it is good for 90 days.

    Signatures whose time is trusted and lies before the revocation stay good, others do not.
    """
    from unlearn_audit.cli.signing import ask_passphrase
    from unlearn_audit.pki.issuing import renew_revocations

    path = renew_revocations(folder, revoke, None if no_passphrase else ask_passphrase())
    click.echo(f"revocation list   {path}")
    click.echo(
        "Give it to whoever verifies (verify --crl), and to 'revocations' of a signing file at level B-LT or B-LTA."
    )
    return ExitCode.PASS


@command.command()
@click.argument("certificate", type=FILE)
def show(certificate: Path) -> int:
    """Show whose key a certificate speaks for, until when, and its fingerprint."""
    for line in describe_certificates(certificate):
        click.echo(line)
    return ExitCode.PASS


def describe_certificates(path: Path) -> list[str]:
    """Return what a person wants to know of each certificate in a PEM file.

    Raises:
        UsageError: no such file, or no certificate in it.
    """
    from cryptography import x509

    from unlearn_audit.pki.keys import fingerprint_of, is_test_certificate
    from unlearn_audit.pki.purposes import describe_purposes

    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"expected PEM certificates in {path}, found none") from error
    lines = []
    for certificate in certificates:
        until = certificate.not_valid_after_utc.date().isoformat()
        note = "  TEST KEY: proves nothing about who signed" if is_test_certificate(certificate) else ""
        lines += [
            f"{certificate.subject.rfc4514_string()}{note}",
            f"  issued by    {certificate.issuer.rfc4514_string()}",
            f"  valid until  {until}",
            f"  purposes     {describe_purposes(certificate)}",
            f"  public key   sha256 {fingerprint_of(certificate)}",
        ]
    return lines
