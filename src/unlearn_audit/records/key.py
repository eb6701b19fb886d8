"""The key of a number: which metric, of which model, on which records. Finding, check result and curve carry it."""

from pydantic import Field

from unlearn_audit.records.frozen import Frozen, is_absent
from unlearn_audit.records.operating_points import OperatingPoint
from unlearn_audit.records.populations import ALL, Population


class MetricKey(Frozen):
    """What exactly is asked. Two findings of one record never have equal keys."""

    metric: str = Field(description="name in the table of metrics, such as 'global-risk'")
    model: str = Field(description="the model's name in the evidence")
    against: str | None = Field(
        default=None, exclude_if=is_absent, description="the model it is compared with, for changes"
    )
    among: Population = Field(
        default=ALL,
        description="'all', 'positive', 'negative', a group as 'column=value', or 'worst of column' (also 'highest', "
        "'lowest')",
    )
    at: OperatingPoint | None = Field(
        default=None,
        exclude_if=is_absent,
        description="operating point, such as 'argmax' or 'sensitivity 0.95'; 'fpr 0.01' for an attack",
    )
    attack: str | None = Field(default=None, exclude_if=is_absent, description="name in the table of attacks")

    @property
    def words(self) -> tuple[str, ...]:
        """The key as a list of words, which name the random draws that belong to it and to no other."""
        return (
            self.metric,
            self.model,
            self.against or "",
            str(self.among),
            "" if self.at is None else str(self.at),
            self.attack or "",
        )
