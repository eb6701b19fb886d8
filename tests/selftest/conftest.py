from pathlib import Path

import pytest

from unlearn_audit.selftest import SelfTest

DOCS = Path(__file__).resolve().parents[2] / "docs" / "appendix"


@pytest.fixture(scope="session")
def docs():
    return DOCS


@pytest.fixture(scope="session")
def published():
    return SelfTest.from_bytes((DOCS / "selftest.json").read_bytes())
