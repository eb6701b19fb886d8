"""Reading predictions that somebody else made."""

import pytest

from tests.support.prediction_files import POLICY, make_rows, write_rows
from unlearn_audit.evidence.predictions import Facts, read_predictions
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import parse_policy


@pytest.fixture
def rows():
    return make_rows()


@pytest.fixture(scope="session")
def policy():
    return parse_policy(POLICY, "external.yaml", name_known())


@pytest.fixture
def read(tmp_path, policy):
    """Write rows (or text, or bytes) to a file and read it as predictions; further facts by name."""

    def reader(content, *, name="predictions.csv", under=policy, **facts):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            write_rows(path, content)
        return read_predictions([path], under, Facts(case="tests", created="2026-05-02T03:04:05Z", **facts))

    return reader


@pytest.fixture
def change(rows):
    """Return the rows with one row's cells (or, with row=None, every row's) changed."""

    def changed(row, **cells):
        spelt = {key.replace("__", ":"): value for key, value in cells.items()}
        return [{**old, **(spelt if row in (None, index) else {})} for index, old in enumerate(rows)]

    return changed
