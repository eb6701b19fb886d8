"""A case on the embedded data that takes a second."""

from tests.support.referenced_cases import ask, build, importable, one_thread, referenced  # noqa: F401 - fixtures
