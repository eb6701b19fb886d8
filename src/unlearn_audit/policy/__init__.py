"""The policy: reading it, refusing it helpfully, and what it may say."""

from unlearn_audit.policy.model import (
    POLICY_SCHEMA,
    Check,
    Costs,
    Membership,
    MethodChoice,
    Person,
    Policy,
    Protocol,
    Recipe,
    ReferenceCase,
    Task,
)

__all__ = [
    "POLICY_SCHEMA",
    "Check",
    "Costs",
    "Membership",
    "MethodChoice",
    "Person",
    "Policy",
    "Protocol",
    "Recipe",
    "ReferenceCase",
    "Task",
]
