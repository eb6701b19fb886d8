import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.proofs import OFFICER, Laboratory, found_laboratory, make_small_record, sign_at, write_small_bundle
from tests.support.record_factory import make_record
from tests.support.sharing import find_shared, make_once
from tests.support.timestamp_authority import Responder, serve
from unlearn_audit.formats.html import render_html
from unlearn_audit.formats.pdf import render_pdf
from unlearn_audit.pki.keys import SigningKey, describe_signer, load_signing_key
from unlearn_audit.pki.laboratory_ca import init_laboratory_ca, make_test_key
from unlearn_audit.pki.time_stamp_client import SignatureLevel
from unlearn_audit.records import AuditRecord
from unlearn_audit.signing.bundle import write_bundle
from unlearn_audit.signing.countersigning import countersign

PATIENCE = 600_000
"""Milliseconds: a browser on a busy machine is slow and not broken."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all processes of the test run sign with, and the pages that they sign; nobody changes anything in it."""
    return find_shared(tmp_path_factory, "stage")


@pytest.fixture(scope="session")
def laboratory(stage: Path) -> dict[str, Path]:
    """The laboratory's files by role; tests that issue or revoke anything found one of their own."""
    cache = stage / "laboratory.json"

    def found() -> None:
        paths = init_laboratory_ca(stage / "ca", "Example Clinic", "Audit desk")
        cache.write_text(json.dumps({role: str(path) for role, path in paths.items()}))

    make_once(cache, found)
    return {role: Path(path) for role, path in json.loads(cache.read_text()).items()}


@pytest.fixture(scope="session")
def key(laboratory: dict[str, Path]) -> SigningKey:
    return load_signing_key(laboratory["signer_key"], laboratory["signer_chain"])


@pytest.fixture(scope="session")
def test_folder(stage: Path) -> Path:
    folder = stage / "test-key"
    make_once(stage / "test-key-made", lambda: make_test_key(folder))
    return folder


@pytest.fixture(scope="session")
def trial_key(test_folder: Path) -> SigningKey:
    return make_test_key(test_folder)


@pytest.fixture(scope="session")
def record(key: SigningKey) -> AuditRecord:
    return make_record(describe_signer(key.certificate))


@pytest.fixture(scope="session")
def pdf(stage: Path, record: AuditRecord) -> bytes:
    pytest.importorskip("weasyprint", reason="WeasyPrint is not installed", exc_type=ImportError)
    return _render_once(stage / "report.pdf", record)


@pytest.fixture(scope="session")
def trial_pdf(stage: Path, trial_key: SigningKey, pdf: bytes) -> bytes:
    """A short report of another record, the TEST key's, not yet signed."""
    return _render_once(stage / "trial.pdf", make_small_record(trial_key))


def _render_once(path: Path, record: AuditRecord) -> bytes:
    make_once(path, lambda: path.write_bytes(render_pdf(record)))
    return path.read_bytes()


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


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return found_laboratory(tmp_path_factory.mktemp("lab") / "ca")


@pytest.fixture(scope="session")
def stamps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Responder]:
    """An authority for time that answers well; tests that make it misbehave put it back."""
    with serve(Responder(tmp_path_factory.mktemp("stamps"))) as responder:
        yield responder
        assert responder.answers == "well"


@pytest.fixture(scope="session")
def archived(tmp_path_factory: pytest.TempPathFactory, lab: Laboratory, stamps: Responder) -> Path:
    """A bundle at level B-LTA that asks the officer to countersign, and has that signature; tests work on a copy."""
    pytest.importorskip("weasyprint", reason="WeasyPrint is not installed", exc_type=ImportError)
    record = make_small_record(lab.key, SignatureLevel.LTA, due=(OFFICER,))
    signing = sign_at(SignatureLevel.LTA, stamps, lab)
    out = write_small_bundle(tmp_path_factory.mktemp("archived") / "bundle", record, lab.key, signing)
    countersign(out, lab.employ(OFFICER), signing, "2026-05-02T03:04:05Z")
    return out


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


@pytest.fixture
def open_page(browser, place):
    """Open the report from disk; afterwards nothing must have been complained about or asked for."""
    opened = []

    def open_(path: Path = place, **options):
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        errors, requests = [], []
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective))"
        )
        opened.append((context, errors, requests, path.as_uri()))
        page.goto(path.as_uri())
        return page

    yield open_
    for context, errors, requests, uri in opened:
        context.close()
        assert errors == []
        assert [url for url in requests if not url.startswith("data:image/svg+xml")] == [uri]
