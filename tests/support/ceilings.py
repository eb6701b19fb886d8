"""Ceilings: on Global Risk, under which the quick policy of conftest passes, fails, or does not decide; and on time."""

PASSES, FAILS, UNDECIDED = "3.0", "0.005", "0.10"

HELP_SECONDS, VERIFY_SECONDS = 0.3, 0.85
"""Of an ordinary core, for a whole process; measured on an idle machine: 0.05 and 0.55, by the clock 0.06 and 0.6."""
