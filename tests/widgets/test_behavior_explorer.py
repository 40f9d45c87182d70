"""The explorer of behaviour tests: cells open their failing cases, cases open their texts and the other explorers."""

from __future__ import annotations

import pytest

import qalens
from qalens import behavior
from qalens.behavior import Case
from qalens.behavior.cases import JudgedCase, Said
from qalens.behavior.definition import Description
from qalens.behavior.rates import clustered_rate
from qalens.behavior.report import BehaviorReport, BehaviorResult
from qalens.display.html.parts import table as table_html
from qalens.errors import InputError
from qalens.testing import toy_model, toy_tokenizer
from qalens.widgets import BehaviorExplorer


def result(name, capability, kind, cases) -> BehaviorResult:
    about = Description(name, capability, kind, f"Tests <{name}>.", "any other answer")
    clusters = tuple((int(case.failed), 1) for case in cases)
    return BehaviorResult(about, clustered_rate(clusters), tuple(cases), {}, clusters)


def asked(question, text, expected, said, failed=True) -> JudgedCase:
    return JudgedCase(Case(question, text, "answer", (expected,)), Said(said, 0, len(said)), None, failed)


def edited(question, text, original, said, before) -> JudgedCase:
    case = Case(question, text, "same answer", original=original)
    return JudgedCase(case, Said(said, 0, len(said)), Said(before, 0, len(before)), said != before)


@pytest.fixture
def report() -> BehaviorReport:
    plain = [
        asked("Who <b>rowed</b>?", "Ada rowed.", "Ada", "rowed"),
        asked("Who slept?", "Hugo slept.", "Hugo", "Hugo", failed=False),
    ]
    typos = [edited("Who rwoed?", "Ada rowed.", ("Who rowed?", "Ada rowed."), "rowed", "Ada")]
    return BehaviorReport(
        (
            result("roles", "roles", "minimum functionality", plain),
            result("typos", "robustness", "invariance", typos),
        )
    )


def test_opens_at_the_cell_that_fails_most(report):
    explorer = BehaviorExplorer(report)
    assert (explorer.capability, explorer.kind) == ("robustness", "invariance")
    assert [case.case.question for case in explorer.cases] == ["Who <b>rowed</b>?", "Who rwoed?"]
    assert explorer.case is None


def test_a_report_without_failures_has_no_case(report):
    explorer = BehaviorExplorer(
        behavior.run(qalens.Reader(toy_model(), toy_tokenizer(), threshold=-1e9), tests=["denied"], cases=2)
    )
    assert explorer.cases == ()
    with pytest.raises(InputError, match="There is no failing case 0"):
        explorer.selected = 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capability": "cooking"}, "There is no capability 'cooking'; there are roles, robustness"),
        ({"kind": "none"}, "There is no kind 'none'"),
        ({"selected": 2}, "There is no failing case 2; there are 2"),
        ({"threshold": 2}, "has no option 'threshold'"),
    ],
)
def test_options_that_do_not_fit_are_refused(report, options, message):
    with pytest.raises(InputError, match=message):
        BehaviorExplorer(report, **options)
    with pytest.raises(InputError, match="needs a BehaviorReport"):
        BehaviorExplorer([report])


def test_the_table_says_what_the_grid_says(report):
    table = BehaviorExplorer(report).table()
    name, cell = table.rows[0].cells[:2]
    assert (name.text, cell.text + cell.small) == ("roles", "50 [9, 91]")
    assert "robustness" in str(table_html(table))


def test_a_case_opens_in_the_other_explorers(report):
    reader = qalens.Reader(toy_model(), toy_tokenizer())
    explorer = BehaviorExplorer(report, reader=reader)
    box = explorer.with_details()
    explorer.selected = 0
    assert type(box.children[1]).__name__ == "SpanExplorer"
    explorer.selected = 1
    assert type(box.children[1]).__name__ == "CompareExplorer"
    assert box.children[1].diff.before.question == "Who rowed?"
    assert (
        "Give the explorer a reader" in BehaviorExplorer(report, selected=0).with_details().children[1].value
    )


def test_a_cell_opens_its_cases_and_a_case_its_texts(report, open_page):
    visit = open_page(BehaviorExplorer(report), width=900, height=700)
    page = visit.page
    assert page.locator("[role=option]").count() == 1
    page.get_by_role("button", name="roles, minimum functionality").click()
    assert page.locator("[role=option]").all_inner_texts()[0].startswith("roles")
    page.locator("[role=option]").first.click()
    assert "Who <b>rowed</b>?" in page.locator(".ql-bx-side").inner_text()
    page.get_by_role("button", name="robustness, invariance").click()
    page.locator("[role=option]").first.press("Enter")
    assert page.locator(".ql-bx-side").count() == 2
    assert "Who rowed?" in page.locator(".ql-bx-side").first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 900
    assert visit.is_quiet()
