"""What is said of a report before the work: letters that its PDF could not print."""

import pytest

from tests.support.record_factory import make_policy
from unlearn_audit.cli.reports import warn_of_letters
from unlearn_audit.formats import FORMATS

pytest.importorskip("weasyprint")
PDF, HTML = {"pdf": FORMATS["pdf"]}, {"html": FORMATS["html"]}


def named(title):
    return make_policy().model_copy(update={"title": title})


def test_letters_that_no_typeface_has_are_named(capsys):
    warn_of_letters(PDF, named("เรา and 皮肤"), None)

    assert capsys.readouterr().err == (
        "Letters of the policy or case: U+0E23, U+0E32, U+0E40: no typeface of this PDF has them, and each stands as "
        "\ufffd. record.json holds every word. The HTML shows them with its reader's fonts.\n"
    )


@pytest.mark.parametrize("title", ["Skin triage", "皮肤病变", "피부", "مصنف آفات الجلد", "מסווג נגעי עור"])
def test_nothing_is_said_where_all_can_be_printed(capsys, title):
    warn_of_letters(PDF, named(title), named(title))

    assert capsys.readouterr() == ("", "")


def test_nothing_is_said_where_no_pdf_is_written(capsys):
    warn_of_letters(HTML, named("เรา"), None)

    assert capsys.readouterr() == ("", "")
