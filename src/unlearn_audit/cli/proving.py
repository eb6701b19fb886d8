"""The proof of a policy, as `policy check` and `run` print it."""

from typing import TYPE_CHECKING

import click

from unlearn_audit.errors import PolicyError

if TYPE_CHECKING:
    from unlearn_audit.policy import Policy
    from unlearn_audit.selftest.policy_proof import Proof

_HINT = "tighten a tolerance or require a check that stops it; see docs/policy.md, 'What a policy is proved on'"


def prove_named_policy(policy: "Policy", name: str) -> "Proof | None":
    """Return the proof of `policy`; None where it declares no sizes.

    Raises:
        PolicyError: a model that nobody may release passes it.
    """
    from unlearn_audit.data import find_cache
    from unlearn_audit.selftest.proof_cache import find_proof

    proof = find_proof(policy, find_cache())
    if proof is not None and proof.is_refused:
        objections = [str(message) for message in proof.list_messages() if message.code == "proof-bad-model-passes"]
        raise PolicyError("\n".join([f"{name} cannot be used: it lets bad models pass", *objections]), hint=_HINT)
    return proof


def print_proof(proof: "Proof | None") -> None:
    """Print which check stops which bad model, and how often a fine model passes."""
    if proof is None:
        click.echo("  not proved: no sizes declared")
        return
    for message in proof.list_messages():
        click.echo(f"  {message}")


def print_lacking(policy: "Policy") -> None:
    """Print which required checks cannot be measured without reference models, where the policy asks for none."""
    from unlearn_audit.findings.attacks import Needs, find_attack
    from unlearn_audit.verdict.rulings import find_traits

    if policy.membership.references is not None:
        return
    attacks = [name for name in policy.membership.attacks if find_attack(name).needs is not Needs.NOTHING]
    rests = [
        check.id
        for check in policy.checks
        if check.required
        and (
            check.metric.endswith("-recognition")
            or (find_traits(check.metric).every_attack and set(attacks) & set(check.attacks or attacks))
        )
    ]
    if rests:
        what = f" (attacks {', '.join(attacks)})" if attacks else ""
        click.echo(
            f"  cannot pass without reference models{what}: {', '.join(rests)}; the policy asks for none "
            "(membership.references), so a case must bring their answers"
        )


def warn_of_policy(policy: "Policy", name: str) -> None:
    """Prove the policy before anything is trained; say on stderr what its reader must know.

    Raises:
        PolicyError: a model that nobody may release passes it.
    """
    proof = prove_named_policy(policy, name)
    if proof is None:
        click.echo(f"Policy:  {name} is not proved: no sizes declared.", err=True)
    elif proof.is_hopeless:
        click.echo(f"Policy:  {proof.list_messages()[len(proof.bad)]} See: unlearn-audit policy check {name}", err=True)
