"""The policy: reading it, refusing it helpfully, and what it may say."""

from unlearn_audit.policy.brought import BroughtColumns, BroughtData, BroughtModel, Network, Preparation
from unlearn_audit.policy.case_file import CaseFile
from unlearn_audit.policy.choice import MethodChoice, Remedy
from unlearn_audit.policy.draft import Draft, write_draft
from unlearn_audit.policy.known import KnownNames, MetricTraits
from unlearn_audit.policy.model import (
    POLICY_SCHEMA,
    Check,
    Costs,
    Membership,
    Person,
    Policy,
    Protocol,
    Recipe,
    ReferenceCase,
    Task,
)
from unlearn_audit.policy.problems import InvalidPolicyError, Problem
from unlearn_audit.policy.reading import load_case, load_policy, locate_checks, parse_policy
from unlearn_audit.policy.schema import export_schema
from unlearn_audit.policy.shipped import find_policy, list_policies

__all__ = [
    "POLICY_SCHEMA",
    "BroughtColumns",
    "BroughtData",
    "BroughtModel",
    "CaseFile",
    "Check",
    "Costs",
    "Draft",
    "InvalidPolicyError",
    "KnownNames",
    "Membership",
    "MethodChoice",
    "MetricTraits",
    "Network",
    "Person",
    "Policy",
    "Preparation",
    "Problem",
    "Protocol",
    "Recipe",
    "ReferenceCase",
    "Remedy",
    "Task",
    "export_schema",
    "find_policy",
    "list_policies",
    "load_case",
    "load_policy",
    "locate_checks",
    "parse_policy",
    "write_draft",
]
