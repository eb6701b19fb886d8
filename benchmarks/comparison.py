"""What a comparison with another way of getting the same numbers came to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """How many times as fast ours is, in one run on one machine, and whether both say the same.

    `areas`: of attacks, the AUC of ours and of theirs; they need not agree, ours must be no weaker. `models`: how many
    reference models it took, where it took any.
    """

    name: str
    ratio: float
    agree: bool
    areas: tuple[float, float] | None = None
    models: int | None = None
