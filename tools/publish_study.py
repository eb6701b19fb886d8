"""Publishes a finished study: its numbers, page and figure go to docs/appendix/ under the study's name.

`make study STUDY=skin DATA=path` runs it first, which takes an hour or more; what is finished is not made again.
"""

import sys
from pathlib import Path

from unlearn_audit.study import StudyResult, render_study

ROOT = Path(__file__).resolve().parents[1]


def publish(result: StudyResult, docs: Path = ROOT / "docs" / "appendix") -> None:
    """Write the three files, which are functions of the result alone.

    Raises:
        ValueError: cells are missing: half a study is not published.
    """
    if result.missing:
        raise ValueError(f"expected a whole study, found {len(result.missing)} cells missing: {result.missing[0]}, ...")
    for suffix, content in render_study(result).items():
        (docs / f"study-{result.study.id}{suffix}").write_bytes(content)


if __name__ == "__main__":
    publish(StudyResult.model_validate_json(Path(sys.argv[1]).read_bytes()))
