"""The files of a study: numbers, page and figure, each a function of the result alone."""

from unlearn_audit.study.figure import draw_tradeoff
from unlearn_audit.study.page import write_page
from unlearn_audit.study.result import StudyResult


def render_study(result: StudyResult) -> dict[str, bytes]:
    """Return the content of each file by its suffix: '.json', '.md' and '.svg'."""
    return {
        ".json": result.to_bytes(),
        ".md": write_page(result).encode(),
        ".svg": draw_tradeoff(result).encode(),
    }
