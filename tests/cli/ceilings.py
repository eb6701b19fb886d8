"""Ceilings on Global Risk under which the quick policy of conftest passes, fails, or does not decide."""

PASSES, FAILS, UNDECIDED = "3.0", "0.005", "0.10"
