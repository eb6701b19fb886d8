"""The layout of a bundle: the names of its files, and which names a file may have."""

import hashlib
import re
from pathlib import Path

RECORD, HTML, PDF, POLICY, EVIDENCE = "record.json", "report.html", "report.pdf", "policy.yaml", "evidence.parquet"
ANNEX = "annex.json"
"""Names the test records that the report counts one by one; as personal as the evidence."""
SUMMARY_HTML, SUMMARY_PDF = "summary.html", "summary.pdf"
CHAIN, ATTESTATION, STAMP = "signer-chain.pem", "attestation.dsse.json", "attestation.tst"
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+=-]{0,127}")


def is_safe_name(name: str) -> bool:
    """Return whether `name` is a plain relative path that stays inside its folder on every system."""
    parts = name.split("/")
    return len(parts) <= 8 and all(_PART.fullmatch(part) and not part.endswith(".") for part in parts)  # noqa: PLR2004


def digest_path(path: Path) -> str:
    """Return the SHA-256 (hex) of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
