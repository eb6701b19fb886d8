"""`verify`: signatures first, then the further questions of the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.options import EXIT_CODES, FILE, TrustOptions, with_trust
from unlearn_audit.errors import ExitCode, UsageError

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
    pdf: Path | None = None
    as_json: bool = False
    no_waivers: bool = False


@click.command("verify", epilog=EXIT_CODES)
@click.argument("bundle", type=FILE, metavar="BUNDLE|PDF|HTML")
@with_trust
@click.option("--policy", metavar="FILE", help="Policy you expect the report to be judged by, or a shipped one's name.")
@click.option("--rerender", is_flag=True, help="Render HTML and PDF again from the record and compare the bytes.")
@click.option("--recompute", is_flag=True, help="Judge the evidence again and compare every number with the record.")
@click.option("--pdf", type=FILE, metavar="PDF", help="The signed PDF that came with an HTML page: compare the two.")
@click.option("--no-waivers", is_flag=True, help="Take no waiver: read the verdict as if there were none.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(**options: Any) -> int:
    """Check a report folder, or its report.pdf alone, offline: integrity, authenticity, and what its verdict is.

    A report.html alone carries no signature: with --pdf it is compared with what the signed PDF says.

    Trust comes from you, never from the bundle: without --trust nothing is authentic.
    """
    return verify_from_options(VerifyOptions(**options))


def verify_from_options(options: VerifyOptions) -> int:
    """Verify a bundle or a lone PDF, print one line per question, and return the exit code."""
    from unlearn_audit.cli.console import print_verification
    from unlearn_audit.policy import find_policy
    from unlearn_audit.verification.verification import verify

    given = find_policy(options.policy) if options.policy is not None else None
    verification = verify(options.pdf or options.bundle, options.trust, options.verification)
    if verification.record is not None and options.pdf is not None:
        from unlearn_audit.verification.rerendering import compare_page

        verification = verification.extend((compare_page(verification.record, _read_page(options.bundle)),))
    elif verification.record is not None:
        believed = verification.exit_code is not ExitCode.INTEGRITY
        verification = verification.extend(tuple(_answer(options, verification.record, given, believed=believed)))
    print_verification(verification, as_json=options.as_json)
    return verification.exit_code


def _read_page(path: Path) -> bytes:
    from unlearn_audit.verification.unsigned import is_page

    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if not is_page(content[:512]):
        raise UsageError(f"--pdf compares an HTML page with its signed PDF, {path} is no page", hint="leave --pdf out")
    return content


def _answer(
    options: VerifyOptions, record: "AuditRecord", policy: Path | None, *, believed: bool
) -> "Iterator[VerificationCheck]":
    """Answer what the options ask; pages are rendered and evidence is read only where a trusted signer is behind it."""
    from unlearn_audit.verification.answers import State, VerificationCheck
    from unlearn_audit.verification.contents import compare_policy
    from unlearn_audit.verification.verdicts import judge_without_waivers

    if policy is not None:
        yield compare_policy(policy, record)
    if options.no_waivers:
        yield judge_without_waivers(record)
    if believed:
        yield from _compare_again(options, record)
        return
    text = "Not done: the signature is not one that you trust, and nothing else of it is read."
    asked = {"pages equal record": options.rerender, "numbers equal evidence": options.recompute}
    yield from (VerificationCheck(name, State.ABSENT, text, asked=True) for name, is_asked in asked.items() if is_asked)


def _compare_again(options: VerifyOptions, record: "AuditRecord") -> "Iterator[VerificationCheck]":
    from unlearn_audit.cli.console import show_progress

    path = options.bundle
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
