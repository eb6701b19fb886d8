"""One thread for every test: several tests at once would fight for cores, and bits depend on the number of threads.

Compiled modules are kept, whatever the shell says: a test that starts a process would compile the package for it anew.
What only the thorough tests run does not count as covered: the fast ones have to reach it.

No test knows how busy the machine is: what may take how long is measured in `tests.support.ordinary_core`, and examples
that hypothesis draws have no deadline.
"""

import gc
import os
import sys
from importlib.util import find_spec

import pytest

from tests.support.tracing import rest_within

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if find_spec("hypothesis"):  # not in the environment of MLflow's tests
    from hypothesis import settings

    settings.register_profile("without a deadline", deadline=None)
    settings.load_profile("without a deadline")

pytest_plugins = ("tests.support.signed_bundles",)

MARKED_BY_FIXTURE = {
    "browser": "browser",
    "pdf": "pdf",
    "archived": "pdf",
    "finished": "process",
    "passing_run": "process",
    "failing_run": "process",
    "audit": "process",
    "uri": "process",
}
"""A test that asks for one of these fixtures, itself or through another, gets the marker."""
MADE_FOR_THOROUGH_TESTS = {"of_the_page"}
"""Fixtures that only thorough tests ask for."""
TRAINING = {"cases", "methods", "reference_models", "study", "training"}
"""Folders whose tests train models."""


def pytest_collection_finish():
    """Modules and tests live to the end: the collector need not look through them again and again."""
    if sys.gettrace():  # by coverage, on a Python that has nothing cheaper
        rest_within()
    gc.collect()
    gc.freeze()


def pytest_itemcollected(item):
    for marker in {MARKED_BY_FIXTURE[name] for name in item.fixturenames if name in MARKED_BY_FIXTURE}:
        item.add_marker(marker)
    if TRAINING & set(item.path.parts):
        item.add_marker("training")
    if item.get_closest_marker("browser"):
        item.add_marker("thorough")  # Chromium takes seconds of processor time to start
    if item.get_closest_marker("thorough"):
        item.add_marker("no_cover")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    """What is made for thorough tests alone, and is costly to make, is not traced either: tracing adds half as much."""
    tracing = request.config.pluginmanager.getplugin("_cov")
    controller = tracing and tracing.cov_controller
    if controller is None or fixturedef.argname not in MADE_FOR_THOROUGH_TESTS:
        return (yield)
    controller.pause()
    try:
        return (yield)
    finally:
        controller.resume()
