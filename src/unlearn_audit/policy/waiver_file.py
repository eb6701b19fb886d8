"""Waivers in a file of their own: granted after a policy was fixed, for reports under that policy."""

from typing import Literal

from pydantic import Field

from unlearn_audit.policy.choice import Slug
from unlearn_audit.records.frozen import Frozen
from unlearn_audit.records.waivers import Waiver


class WaiverFile(Frozen):
    """Waivers for the audited model under one policy; they count beside those that the policy itself grants."""

    schema_: Literal["unlearn-audit/waivers/v1"] = Field(alias="schema")
    policy: Slug = Field(description="id of the policy whose checks are waived; another policy refuses the file")
    waivers: tuple[Waiver, ...] = Field(min_length=1, description="at least one; each names another check")
