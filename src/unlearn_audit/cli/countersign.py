"""`countersign`: a responsible person signs a finished report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from unlearn_audit.cli.layout import SectionedCommand
from unlearn_audit.cli.options import FILE, SigningOptions, with_signing
from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.escaping import show_text


@dataclass(frozen=True, kw_only=True)
class CountersignOptions(SigningOptions):
    """The options of `countersign`, as they were given."""

    bundle: Path


@click.command("countersign", cls=SectionedCommand)
@click.argument("bundle", type=FILE, metavar="BUNDLE")
@with_signing
def command(**options: Any) -> int:
    """Add your signature to a report folder: in its PDF, where it has one, and over all of its files.

    The policy names who is responsible; the common name of your certificate must be that name. The level is the one
    that the report was signed at.
    """
    return countersign_from_options(CountersignOptions(**options))


def countersign_from_options(options: CountersignOptions) -> int:
    """Add the signature, and say whose it is."""
    from unlearn_audit.cli.signing import choose_signing, find_signing_key, read_signing
    from unlearn_audit.pki.purposes import KeyPurpose
    from unlearn_audit.records.clock import read_clock
    from unlearn_audit.signing.countersigning import countersign
    from unlearn_audit.verification.integrity import check_bundle

    request = read_signing(options)
    if not request.names_key:
        raise UsageError("a person signs with their own key", hint="give --key and --chain, or --signing")
    if not options.bundle.is_dir():
        raise UsageError(f"expected the folder of a report, found none at {options.bundle}")
    signer = check_bundle(options.bundle).record.provenance.signer
    signing = choose_signing(request, level=signer.level if signer else "B-B")
    key = find_signing_key(request, KeyPurpose.COUNTERSIGNATURE)
    person = countersign(options.bundle, key, signing, read_clock())
    click.echo(f"Signed:  {show_text(person.name)}, {show_text(person.role)}")
    click.echo(f"Check:   unlearn-audit verify {options.bundle} --trust ROOT.pem")
    return ExitCode.PASS
