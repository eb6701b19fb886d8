"""`seal`: the policy is signed before the run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from unlearn_audit.cli.layout import SectionedCommand, SectionedOption
from unlearn_audit.cli.options import FILE, POLICY_HELP, SigningOptions, with_signing
from unlearn_audit.errors import ExitCode
from unlearn_audit.escaping import show_text


@dataclass(frozen=True, kw_only=True)
class SealOptions(SigningOptions):
    """The options of `seal`, as they were given."""

    policy: str
    out: Path | None = None


@click.command("seal", cls=SectionedCommand)
@click.option("--policy", cls=SectionedOption, section="What", required=True, metavar="FILE", help=POLICY_HELP)
@click.option(
    "--out",
    cls=SectionedOption,
    section="What",
    type=FILE,
    metavar="FILE",
    help="Seal file.  [default: <policy id>-<version>.seal.json]",
)
@with_signing
def command(**options: Any) -> int:
    """Sign the policy as it is now, before the run: 'run --seal FILE' then derives its seed from the seal.

    Amend the policy later, and seal it again: the report lists every seal and what was changed after it.
    """  # fmt: skip
    return seal_from_options(SealOptions(**options))


def seal_from_options(options: SealOptions) -> int:
    """Write the seal, and its time stamp where there is an authority; say how a run takes it."""
    from unlearn_audit.bundle.seals import name_stamp
    from unlearn_audit.cli.signing import choose_signing, find_signing_key, read_signing
    from unlearn_audit.pipeline.audit import name_known
    from unlearn_audit.pki.purposes import KeyPurpose
    from unlearn_audit.policy import find_policy, load_policy
    from unlearn_audit.records.clock import read_clock
    from unlearn_audit.signing.sealing import make_seal, validate_no_seal_at
    from unlearn_audit.writing import write_whole

    sealed = load_policy(find_policy(options.policy), name_known())
    place = options.out or Path(f"{sealed.id}-{_clean(sealed.version)}.seal.json")
    validate_no_seal_at(place)
    request = read_signing(options)
    key = find_signing_key(request, KeyPurpose.SEAL)
    signing = choose_signing(request)
    envelope = make_seal(sealed, key, read_clock())
    token = signing.stamp(envelope)
    if token is not None:  # first: a stamp without its seal says nothing, a seal without its stamp says less
        write_whole(name_stamp(place), token)
    write_whole(place, envelope)
    stamped = f", time stamp {name_stamp(place)}" if token else ", no time stamp: its time is only claimed"
    click.echo(f"Sealed:  {sealed.id} {show_text(sealed.version)}, sha256 {sealed.digest()}")
    click.echo(f"Seal:    {place}{stamped}")
    click.echo(f"Run:     unlearn-audit run --policy {options.policy} --seal {place}")
    return ExitCode.PASS


def _clean(version: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._" else "-" for letter in version)[:40]
