"""Studies of methods: methods x shares x seeds, made once, measured over seeds and patients.

An audit speaks of one model and decides; a study speaks of methods and decides nothing.
"""

from unlearn_audit.study.cells import FinishedCell, list_jobs, make_cell, read_cell
from unlearn_audit.study.figure import draw_tradeoff
from unlearn_audit.study.page import (
    OUTCOMES,
    find_measures,
    list_troubles,
    show_agreement,
    show_estimate,
    show_share,
    write_page,
)
from unlearn_audit.study.recognition import describe_procedure
from unlearn_audit.study.recognition_table import write_recognition
from unlearn_audit.study.rendering import render_study
from unlearn_audit.study.result import Answer, CellResult, Figure, Row, StudyResult
from unlearn_audit.study.running import digest_data, read_study, run_study
from unlearn_audit.study.summary import summarise

__all__ = [
    "OUTCOMES",
    "Answer",
    "CellResult",
    "Figure",
    "FinishedCell",
    "Row",
    "StudyResult",
    "describe_procedure",
    "digest_data",
    "draw_tradeoff",
    "find_measures",
    "list_jobs",
    "list_troubles",
    "make_cell",
    "read_cell",
    "read_study",
    "render_study",
    "run_study",
    "show_agreement",
    "show_estimate",
    "show_share",
    "summarise",
    "write_page",
    "write_recognition",
]
