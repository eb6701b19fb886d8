"""Sources: files outside of the record that a format may point at."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from unlearn_audit.verdict.comparison import Comparison


@dataclass(frozen=True)
class Sources:
    """Where the reader of a report finds what it speaks of.

    Attributes:
        policy_file: the policy as the reader knows it: a path from the root of the repository, with '/' between
            folders, or the copy in the bundle.
        lines: line (from 1) in that file at which each check begins, by its id; without a line where it is unknown.
        comparison: with an earlier record, where one was named.
    """

    policy_file: str = "policy.yaml"
    lines: Mapping[str, int] = field(default_factory=dict)
    comparison: Comparison | None = None
