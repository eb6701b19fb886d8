"""What `verify` does with its options: signatures first, then what was asked beyond them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from unlearn_audit.cli.console import print_verification, show_progress
from unlearn_audit.cli.options import read_wishes
from unlearn_audit.errors import ExitCode
from unlearn_audit.records import AuditRecord
from unlearn_audit.verification.answers import State, VerificationCheck
from unlearn_audit.verification.verification import compare_policy, verify


def verify_from_options(path: Path, options: Mapping[str, Any]) -> int:
    """Verify a bundle or a lone PDF, print one line per question, and return the exit code."""
    from unlearn_audit.policy import find_policy

    given = find_policy(options["policy"]) if options["policy"] is not None else None
    verification = verify(options["pdf"] or path, options["trust"], read_wishes(options))
    if options["pdf"] is not None and verification.record is not None:
        from unlearn_audit.verification.rerendering import compare_page

        verification = verification.extend((compare_page(verification.record, _read_page(path)),))
    if verification.record is not None and options["pdf"] is None:
        believed = verification.exit_code is not ExitCode.INTEGRITY
        more = {"rerender": options["rerender"], "recompute": options["recompute"], "believed": believed}
        verification = verification.extend(tuple(_answer(path, verification.record, given, **more)))
    print_verification(verification, as_json=options["as_json"])
    return verification.exit_code


def _read_page(path: Path) -> bytes:
    from unlearn_audit.errors import UsageError
    from unlearn_audit.verification.unsigned import is_page

    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if not is_page(content[:512]):
        raise UsageError(f"--pdf compares an HTML page with its signed PDF, {path} is no page", hint="leave --pdf out")
    return content


def _answer(
    path: Path, record: AuditRecord, policy: Path | None, *, rerender: bool, recompute: bool, believed: bool
) -> Iterator[VerificationCheck]:
    """Answer what the options ask; pages are rendered and evidence is read only where a trusted signer is behind it."""
    if policy is not None:
        yield compare_policy(policy, record)
    if not believed:
        said = "Not done: the signature is not one that you trust, and nothing else of it is read."
        names = (*(["pages equal record"] if rerender else ()), *(["numbers equal evidence"] if recompute else ()))
        yield from (VerificationCheck(name, State.ABSENT, said, asked=True) for name in names)
        return
    if rerender:
        from unlearn_audit.verification.rerendering import NAMES, compare_lone_pdf, compare_pages

        with show_progress() as progress:
            progress("render the pages again", 0, 1)
            if path.is_file():
                yield compare_lone_pdf(record, path.read_bytes())
            else:
                pages = {name: (path / name).read_bytes() for name in NAMES if (path / name).is_file()}
                yield compare_pages(record, pages)
            progress("render the pages again", 1, 1)
    if recompute:
        from unlearn_audit.verification.recomputation import compare_numbers

        with show_progress() as progress:
            yield compare_numbers(path, record, progress)
