"""The policies that come with this installation, and how one is found by name."""

from pathlib import Path

from unlearn_audit.assets import find_folder
from unlearn_audit.errors import PolicyError
from unlearn_audit.policy.problems import suggest


def list_policies() -> dict[str, Path]:
    """Return the shipped policies: name -> file, by name."""
    return {path.stem: path for path in sorted(find_folder("policies").glob("*.yaml"))}


def find_policy(name_or_path: str) -> Path:
    """Return the policy file that is meant.

    A file of that path comes first. Then the shipped policies are asked, by bare name ('breast-cytology') or as
    'policies/breast-cytology.yaml', so that the README's command works outside of a checkout. A path to another
    folder never falls back to a shipped policy: that could audit under other tolerances than the user believes.

    Raises:
        PolicyError: there is neither such a file nor such a shipped policy.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    shipped = list_policies()
    for name, file in shipped.items():
        if name_or_path in (name, f"policies/{name}.yaml"):
            return file
    found = "a folder" if path.is_dir() else "no such file"
    raise PolicyError(
        f"expected a policy file or the name of a shipped policy, found {found}: {name_or_path}",
        hint=suggest(path.stem, shipped).replace("known:", "shipped:"),
    )
