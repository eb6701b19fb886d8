"""The sections of the full report in their order. Numbers are given here and nowhere else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """One section: its anchor, which also names its template, and its heading."""

    id: str
    title: str

    @property
    def template(self) -> str:
        """Path of the template among the templates."""
        return f"sections/{self.id}.html.j2"


SECTIONS = (
    Section("identification", "Identification"),
    Section("checks", "Every check, and what to do"),
    Section("erasure", "The erasure"),
    Section("protocol", "Costs, tolerances, protocol"),
    Section("methods", "Models and methods"),
    Section("data", "Data"),
    Section("clinical", "Clinical performance"),
    Section("subgroups", "Subgroups"),
    Section("risk", "Risk analysis"),
    Section("forgetting", "Forgetting"),
    Section("patients", "Each erased record"),
    Section("coverage", "Attack coverage"),
    Section("limits", "Limits: what was not shown"),
    Section("deviations", "Deviations, waivers, earlier runs"),
    Section("responsible", "Responsible persons"),
    Section("verify", "Environment, recomputing, verifying"),
    Section("crosswalk", "Crosswalk to requirements"),
)
_NUMBERS = {section.id: number for number, section in enumerate(SECTIONS, start=1)}


def number_of(section: str) -> int:
    """Return the number of the section with this id.

    Raises:
        KeyError: there is none.
    """
    return _NUMBERS[section]
