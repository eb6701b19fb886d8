"""The short form of the published self-test, as it stands in every record."""

from pydantic import Field

from unlearn_audit.records.frozen import Frozen


class WrongDecisions(Frozen):
    """`wrong` of `n` decisions on planted truths."""

    wrong: int = Field(ge=0)
    n: int = Field(ge=1)

    def __str__(self) -> str:
        """As printed: '12 of 4,800'."""
        return f"{self.wrong:,} of {self.n:,}"


class SelfTestSummary(Frozen):
    """How often the gate decided wrongly in the published self-test of a version; see docs/appendix/selftest.md.

    What must not be concluded: that a verdict is right with that probability. Most of the planted models lie exactly
    on a tolerance, which is the hardest place and rare in practice.
    """

    version: str = Field(description="of the software whose gate was tested")
    confidence: float = Field(gt=0, lt=1, description="of the gate: on a tolerance at most 1 - confidence may pass")
    on_tolerance: WrongDecisions = Field(description="passed, with one true value exactly on its tolerance")
    failures: WrongDecisions = Field(description="passed, with a true value clearly beyond its tolerance")
    sound: WrongDecisions = Field(description="failed, with every true value inside its tolerance")
    dishonest: WrongDecisions = Field(description="passed, although the provider had forged the answers")
    changed_reports: WrongDecisions = Field(description="signed reports with one bit changed that were accepted")

    def __str__(self) -> str:
        """As printed in the report."""
        allowed = f"{100 * (1 - self.confidence):.3g} %"
        return (
            f"In the self-test of version {self.version} the gate passed {self.failures} planted failures and "
            f"{self.on_tolerance} models planted exactly on a tolerance (at most {allowed} may pass there), failed "
            f"{self.sound} sound ones, passed {self.dishonest} forgeries, and accepted {self.changed_reports} changed "
            "reports."
        )
