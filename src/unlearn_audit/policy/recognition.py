"""The power that tests of single records and patients need before their silence may pass."""

from pydantic import Field

from unlearn_audit.records.frozen import Frozen


class Recognition(Frozen):
    """A remembered record, as strong as it must be found: a test that could not find it decides nothing.

    The audit plants it among the very records that are tested and looks how often the test finds it. A small shift and
    a single record ask much: more reference models then have to be trained.
    """

    shift: float = Field(
        gt=0, le=60, description="in log-odds, by which a model is more certain of a record that it remembers"
    )
    records: int = Field(default=1, ge=1, le=1_000_000, description="how many records are remembered so")
    power: float = Field(
        default=0.8, ge=0.5, lt=1, description="in which share of audits the test must find it, for a check to pass"
    )
