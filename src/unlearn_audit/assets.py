"""Templates, policies and the published self-test: found in an installed wheel, or in a checkout."""

from pathlib import Path

from unlearn_audit.errors import ReportError

_PACKAGE = Path(__file__).resolve().parent
_PLACES = (_PACKAGE / "_assets", _PACKAGE.parent.parent)


def read_published_selftest() -> bytes:
    """Return the short form of the published self-test, as JSON; 'make selftest' writes it.

    Raises:
        ReportError: the installation is incomplete.
    """
    path = _PACKAGE / "published_selftest.json"
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReportError(
            f"the published self-test is missing from this installation ({path})", hint="reinstall unlearn-audit"
        ) from error


def find_folder(name: str) -> Path:
    """Return the folder `name` ("templates" or "policies") of this installation.

    Raises:
        ReportError: the installation is incomplete (neither the wheel's nor the checkout's folder exists).
    """
    for place in _PLACES:
        if (place / name).is_dir():
            return place / name
    looked = ", ".join(str(place / name) for place in _PLACES)
    raise ReportError(
        f"the folder '{name}' is missing from this installation (looked in {looked})",
        hint="reinstall unlearn-audit, or install the checkout with: pip install -e .",
    )
