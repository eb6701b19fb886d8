"""`seal`: the policy is signed before the run, or a file of waivers by who grants them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.layout import SectionedCommand, SectionedOption
from unlearn_audit.cli.options import FILE, POLICY_HELP, SigningOptions, with_signing
from unlearn_audit.errors import ExitCode, KeyFileError, UsageError
from unlearn_audit.escaping import show_text

if TYPE_CHECKING:
    from unlearn_audit.policy import Policy


@dataclass(frozen=True, kw_only=True)
class SealOptions(SigningOptions):
    """The options of `seal`, as they were given."""

    policy: str
    waivers: Path | None = None
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
@click.option(
    "--waivers",
    cls=SectionedOption,
    section="What",
    type=FILE,
    metavar="FILE",
    help="Sign these waivers instead of the policy that they are granted under (docs/policy.md).",
)
@with_signing
def command(**options: Any) -> int:
    """Sign the policy as it is now, before the run: 'run --seal FILE' then derives its seed from the seal.

    Amend the policy later, and seal it again: the report lists every seal and what was changed after it.

    With --waivers FILE the file is signed by whoever grants what is in it; 'run --waivers FILE' takes no other.
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
    if options.waivers is not None:
        return _sign_waivers(options, options.waivers, sealed)
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


def _sign_waivers(options: SealOptions, path: Path, policy: "Policy") -> int:
    """Write the signature beside the file of waivers; it carries no time stamp, and `run` looks for it there."""
    from unlearn_audit.bundle.waiver_seals import name_waiver_seal
    from unlearn_audit.cli.signing import find_signing_key, read_signing
    from unlearn_audit.pki.purposes import KeyPurpose
    from unlearn_audit.policy import load_waivers
    from unlearn_audit.records.clock import read_clock
    from unlearn_audit.signing.waivers import sign_waivers
    from unlearn_audit.writing import write_whole

    if options.out is not None or options.timestamp_url is not None:
        raise UsageError(
            "expected --waivers without --out and --timestamp-url, found one of them as well",
            hint="the signature lies beside the file, and carries no time stamp",
        )
    file, place = load_waivers(path, policy), name_waiver_seal(path)
    if place.exists() or place.is_symlink():
        raise KeyFileError(f"{place} exists: no signature is overwritten", hint="move it away to sign again")
    key = find_signing_key(read_signing(options), KeyPurpose.SEAL)
    write_whole(place, sign_waivers(file, key, read_clock()))
    click.echo(f"Signed:  waivers of {', '.join(show_text(waiver.check) for waiver in file.waivers)}")
    click.echo(f"Seal:    {place}")
    click.echo(f"Run:     unlearn-audit run --policy {options.policy} --waivers {path}")
    return ExitCode.PASS


def _clean(version: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._" else "-" for letter in version)[:40]
