"""Ceilings: on Global Risk, under which the quick policy of conftest passes, fails, or does not decide; and on time."""

PASSES, FAILS, UNDECIDED = "3.0", "0.005", "0.10"

HELP_SECONDS, VERIFY_SECONDS = 0.15, 0.6
"""Of an ordinary core, for a whole process; on a busy machine 0.06 and 0.45 (medians of 15)."""
