"""The policy: its files, their types, and their validation with hints."""

from unlearn_audit.policy.acceptances import (
    Acceptances,
    describe_release,
    describe_waivers,
    find_model_digest,
    lasts_too_long,
)
from unlearn_audit.policy.bands import name_bands
from unlearn_audit.policy.case_file import CaseFile
from unlearn_audit.policy.choice import MethodChoice, Remedy
from unlearn_audit.policy.draft import Draft, write_draft
from unlearn_audit.policy.external_facts import (
    ColumnNames,
    ComputeFacts,
    Expectation,
    ExternalDataFacts,
    ExternalModelFacts,
    Functions,
    Images,
    Network,
    PreprocessingFacts,
    ReferenceAnswers,
)
from unlearn_audit.policy.known import KnownNames, MetricTraits
from unlearn_audit.policy.looks import charge_looks, describe_looks, describe_spent
from unlearn_audit.policy.model import (
    POLICY_SCHEMA,
    Check,
    Costs,
    DataRules,
    Hazard,
    Person,
    Policy,
    Subgroups,
    Task,
)
from unlearn_audit.policy.problems import InvalidPolicyError, Problem
from unlearn_audit.policy.protocol import Membership, Protocol
from unlearn_audit.policy.reading import (
    load_case,
    load_policy,
    load_signing,
    load_study,
    load_waivers,
    locate_checks,
    parse_policy,
)
from unlearn_audit.policy.reference_case import Recipe, ReferenceCase
from unlearn_audit.policy.schema import export_schema
from unlearn_audit.policy.shipped import find_policy, list_policies
from unlearn_audit.policy.signing_file import SigningFile
from unlearn_audit.policy.sizes import Sizes, SplitSize
from unlearn_audit.policy.study_file import (
    Claim,
    Relearning,
    StudiedModel,
    StudyCell,
    StudyFile,
    StudyReferences,
)
from unlearn_audit.policy.study_rules import ALWAYS, RELEARNED, name_share
from unlearn_audit.policy.waiver_file import WaiverFile

__all__ = [
    "ALWAYS",
    "POLICY_SCHEMA",
    "RELEARNED",
    "Acceptances",
    "CaseFile",
    "Check",
    "Claim",
    "ColumnNames",
    "ComputeFacts",
    "Costs",
    "DataRules",
    "Draft",
    "Expectation",
    "ExternalDataFacts",
    "ExternalModelFacts",
    "Functions",
    "Hazard",
    "Images",
    "InvalidPolicyError",
    "KnownNames",
    "Membership",
    "MethodChoice",
    "MetricTraits",
    "Network",
    "Person",
    "Policy",
    "PreprocessingFacts",
    "Problem",
    "Protocol",
    "Recipe",
    "ReferenceAnswers",
    "ReferenceCase",
    "Relearning",
    "Remedy",
    "SigningFile",
    "Sizes",
    "SplitSize",
    "StudiedModel",
    "StudyCell",
    "StudyFile",
    "StudyReferences",
    "Subgroups",
    "Task",
    "WaiverFile",
    "charge_looks",
    "describe_looks",
    "describe_release",
    "describe_spent",
    "describe_waivers",
    "export_schema",
    "find_model_digest",
    "find_policy",
    "lasts_too_long",
    "list_policies",
    "load_case",
    "load_policy",
    "load_signing",
    "load_study",
    "load_waivers",
    "locate_checks",
    "name_bands",
    "name_share",
    "parse_policy",
    "write_draft",
]
