"""Dormant memory: a little training on what remains must not bring back what was erased."""

from pydantic import Field

from unlearn_audit.records.frozen import Frozen


class DormantMemory(Frozen):
    """Train every judged model, and the retrained one, on the retained records alone; then look at the erased ones.

    The next update of a device does just that. What comes back was hidden, not forgotten.
    """

    epochs: int = Field(ge=1, le=1_000, description="passes over the retained records")
    learning_rate: float = Field(default=0.01, gt=0, le=10, description="peak of the one-cycle schedule")
