import json
from pathlib import Path

import pytest
from record_factory import make_record

from unlearn_audit.records import AuditRecord
from unlearn_audit.report.authority import init_laboratory_ca, make_test_key
from unlearn_audit.report.bundle import write_bundle
from unlearn_audit.report.html import render_html
from unlearn_audit.report.keys import SigningKey, describe, load_signing_key
from unlearn_audit.report.pdf import render_pdf


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return init_laboratory_ca(tmp_path_factory.mktemp("laboratory") / "ca", "Example Clinic", "Audit desk")


@pytest.fixture(scope="session")
def key(laboratory: dict[str, Path]) -> SigningKey:
    return load_signing_key(laboratory["signer_key"], laboratory["signer_chain"])


@pytest.fixture(scope="session")
def test_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "test-key"


@pytest.fixture(scope="session")
def trial_key(test_folder: Path) -> SigningKey:
    return make_test_key(test_folder)


@pytest.fixture(scope="session")
def record(key: SigningKey) -> AuditRecord:
    return make_record(describe(key))


@pytest.fixture(scope="session")
def pdf(record: AuditRecord) -> bytes:
    pytest.importorskip("weasyprint", reason="WeasyPrint is not installed", exc_type=ImportError)
    return render_pdf(record)


@pytest.fixture(scope="session")
def trial_pdf(trial_key: SigningKey, pdf: bytes) -> bytes:
    """A short report of another record, the TEST key's, not yet signed."""
    return render_pdf(make_record(describe(trial_key), findings=(), curves=()))


@pytest.fixture(scope="session")
def files(record: AuditRecord, pdf: bytes) -> dict[str, bytes | Path]:
    contents: dict[str, bytes | Path] = {
        "report.html": render_html(record).encode(),
        "report.pdf": pdf,
        "policy.yaml": json.dumps(record.policy).encode(),  # JSON is YAML
        "evidence.parquet": b"PAR1 stands here for the evidence PAR1",
    }
    for card in record.provenance.models:
        contents[str(card.file)] = card.name.encode()
    return contents


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory, files: dict, record: AuditRecord, key: SigningKey) -> Path:
    """One signed bundle; tests that change it work on a copy."""
    return write_bundle(tmp_path_factory.mktemp("bundles") / "bundle", files, record, key)
