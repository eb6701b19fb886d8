"""A user-supplied unlearning function as a method, for the one audit that names it."""

from typing import TYPE_CHECKING

from unlearn_audit.training import Method, OpenParameters, UserUnlearning

if TYPE_CHECKING:
    from unlearn_audit.user_code import UserFunction

USER_SUPPLIED = "user-supplied"
"""As a policy or case names it; what it does is what the case's `functions.unlearn` does."""


def wrap_unlearning(function: "UserFunction") -> Method:
    """Return the method that calls `function` as unlearn(original, retain, forget, setting).

    `Method.run` holds it to the contract of all methods: the original stays as it is, another model of the same
    architecture comes back, its weights are finite and some of them changed. That it forgets is its claim alone.
    """
    return Method(
        name=USER_SUPPLIED,
        title=f"User-supplied unlearning ({function.name})",
        source=f"the user's own code, SHA-256 {function.digest}",
        parameters=OpenParameters,
        function=UserUnlearning(function),
        needs=("retain", "forget"),
        cost="not known",
        digest=function.digest,
    )
