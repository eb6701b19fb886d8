"""Tampering: signed reports with one bit changed, and how many of them verification accepts."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from unlearn_audit.errors import AuditError, ExitCode
from unlearn_audit.evidence.parquet import to_parquet
from unlearn_audit.pipeline.audit import judge
from unlearn_audit.records import derive_rng
from unlearn_audit.selftest.scenarios import GATE, SCENARIOS
from unlearn_audit.selftest.simulation import draw_evidence

_VERDICTS = (ExitCode.PASS, ExitCode.FAIL, ExitCode.INCONCLUSIVE)
_REPORTED = "no-op"
"""The scenario whose failing report is signed: somebody has a reason to change it."""


class TamperingError(AuditError):
    """The untouched report does not verify, so that refusing a changed one would show nothing: exit 5."""


def tamper(repeats: int, seed: int) -> str:
    """Return a letter for each of `repeats` changed reports: r(efused), a(ccepted), or b(roke verification).

    Each time one bit of one file of a signed bundle is flipped: a file drawn evenly, then a bit of it. The bundle
    holds record, page, evidence, policy, certificates and attestation; the PDF, which needs libraries that the base
    install does not have, is left out.

    Raises:
        TamperingError: the untouched report does not verify.
    """
    with TemporaryDirectory(prefix="unlearn-audit-selftest-") as place:
        bundle, root = _write_signed(Path(place), seed)
        if _verify(bundle, root) is not ExitCode.FAIL:
            raise TamperingError("the untouched report of the self-test does not verify as the failing one it is")
        names = sorted(path for path in bundle.rglob("*") if path.is_file())
        return "".join(
            _try_once(bundle, root, names, derive_rng(seed, "selftest", "tampered-report", str(repeat)))
            for repeat in range(repeats)
        )


def _write_signed(place: Path, seed: int) -> tuple[Path, Path]:
    """Return the bundle of a failing audit, signed with a TEST key of its own, and the root to trust."""
    from unlearn_audit.formats.html import render_html
    from unlearn_audit.pki.keys import describe_signer
    from unlearn_audit.pki.laboratory_ca import ROOT_CERTIFICATE, make_test_key
    from unlearn_audit.signing.bundle import write_bundle

    key = make_test_key(place / "key")
    scenario = SCENARIOS[_REPORTED]
    evidence = draw_evidence(
        scenario.simulation, derive_rng(seed, "selftest", "report"), describe_signer(key.certificate)
    )
    record = judge(scenario.policy, evidence)
    files: dict[str, bytes | Path] = {
        "report.html": render_html(record).encode(),
        "evidence.parquet": to_parquet(evidence),
        "policy.yaml": GATE.encode(),
    }
    return write_bundle(place / "bundle", files, record, key), place / "key" / ROOT_CERTIFICATE


def _verify(bundle: Path, root: Path) -> ExitCode:
    from unlearn_audit.verification.verification import verify_bundle

    return verify_bundle(bundle, (root,)).exit_code


def _try_once(bundle: Path, root: Path, names: list[Path], rng: np.random.Generator) -> str:
    path = names[int(rng.integers(len(names)))]
    position, bit = int(rng.integers(path.stat().st_size)), int(rng.integers(8))
    _flip(path, position, bit)
    try:
        return "a" if _verify(bundle, root) in _VERDICTS else "r"
    except Exception:  # noqa: BLE001 - hostile bytes may break a parser in any way; that is counted, not hidden
        return "b"
    finally:
        _flip(path, position, bit)


def _flip(path: Path, position: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        old = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([old ^ (1 << bit)]))
