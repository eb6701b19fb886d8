"""`verify`: signatures first, then what was asked beyond them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.options import EXIT_CODES, FILE, TrustOptions, with_trust

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unlearn_audit.records import AuditRecord
    from unlearn_audit.verification.answers import VerificationCheck


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(TrustOptions):
    """The options of `verify`, as they were given."""

    bundle: Path
    policy: str | None = None
    rerender: bool = False
    recompute: bool = False
    as_json: bool = False
    no_waivers: bool = False


@click.command("verify", epilog=EXIT_CODES)
@click.argument("bundle", type=FILE, metavar="BUNDLE|PDF")
@with_trust
@click.option("--policy", metavar="FILE", help="Policy you expect the report to be judged by, or a shipped one's name.")
@click.option("--rerender", is_flag=True, help="Render HTML and PDF again from the record and compare the bytes.")
@click.option("--recompute", is_flag=True, help="Judge the evidence again and compare every number with the record.")
@click.option("--no-waivers", is_flag=True, help="Take no waiver: read the verdict as if there were none.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(**options: Any) -> int:
    """Check a report folder, or its report.pdf alone, offline: integrity, authenticity, and what its verdict is.

    Trust comes from you, never from the bundle: without --trust nothing is authentic.
    """
    return verify_from_options(VerifyOptions(**options))


def verify_from_options(options: VerifyOptions) -> int:
    """Verify a bundle or a lone PDF, print one line per question, and return the exit code."""
    from unlearn_audit.cli.console import print_verification
    from unlearn_audit.policy import find_policy
    from unlearn_audit.verification.verification import verify

    given = find_policy(options.policy) if options.policy is not None else None
    verification = verify(options.bundle, options.trust, options.verification)
    if verification.record is not None:
        verification = verification.extend(tuple(_answer(options, verification.record, given)))
    print_verification(verification, as_json=options.as_json)
    return verification.exit_code


def _answer(options: VerifyOptions, record: "AuditRecord", policy: Path | None) -> "Iterator[VerificationCheck]":
    """Answer what the options ask. Only bytes whose signature holds come here."""
    from unlearn_audit.cli.console import show_progress
    from unlearn_audit.verification.verification import compare_policy, refuse_waivers

    path = options.bundle
    if options.no_waivers:
        yield refuse_waivers(record)
    if policy is not None:
        yield compare_policy(policy, record)
    if options.rerender:
        from unlearn_audit.verification.rerendering import NAMES, compare_lone_pdf, compare_pages

        with show_progress() as progress:
            progress("render the pages again", 0, 1)
            if path.is_file():
                yield compare_lone_pdf(record, path.read_bytes())
            else:
                pages = {name: (path / name).read_bytes() for name in NAMES if (path / name).is_file()}
                yield compare_pages(record, pages)
            progress("render the pages again", 1, 1)
    if options.recompute:
        from unlearn_audit.verification.recomputation import compare_numbers

        with show_progress() as progress:
            yield compare_numbers(path, record, progress)
