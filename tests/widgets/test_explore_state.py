"""What is seen in `explore` is always said: older than the fields, of another tab, being read, or without a kernel."""

import pytest
from fake_host import SHOW, blank, parts_of

from qalens.testing import planted_reading
from qalens.widgets import SpanExplorer
from qalens.widgets.question_fields import QuestionFields

READING = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
TABS = {"spans": "Spans", "why": "Why"}
OPACITY = "getComputedStyle(document.querySelector('#spans .ql-x')).opacity"
SEEN = "getComputedStyle(document.querySelector('#spans .ql-x')).visibility"
SET = "traits => { for (const [k, v] of Object.entries(traits)) shown.fields.model.set(k, v); }"


@pytest.fixture
def explored(page):
    """explored(answers=True): a page with the fields above an explorer of spans, as `explore` lays them out."""

    def go(answers=True):
        blank(page, '<div class="ql-exploring"></div>')
        fields = QuestionFields(READING.question, READING.context, TABS, live=True)
        page.evaluate(SHOW, parts_of("fields", fields, answers=answers))
        page.evaluate(SHOW, parts_of("spans", SpanExplorer(READING)))
        return page

    return go


def test_a_picture_that_is_older_than_the_fields_is_dimmed_and_says_so(explored):
    page = explored()
    assert page.evaluate(OPACITY) == "1"
    page.locator(".ql-field-context").fill("Tom kept the lamp.")
    page.wait_for_function(f"Number({OPACITY}) < 0.5")
    page.locator(
        "#fields [role=status]", has_text="What is shown below is of the text before"
    ).first.wait_for()
    page.wait_for_function("shown.fields.model.get('context') === 'Tom kept the lamp.'")
    page.evaluate(SET, {"status": {"state": "reading", "words": "reading window 3 of 40", "share": 0.075}})
    page.locator("#fields", has_text="reading window 3 of 40").wait_for()
    assert page.locator("#fields progress:visible").first.evaluate("bar => bar.value") == pytest.approx(0.075)
    page.locator("#fields").get_by_role("button", name="Stop").click()
    assert "stop" in page.evaluate("shown.fields.sent")
    # Stopped: still the old picture. It is the new one only once it was read.
    page.evaluate(SET, {"status": {"state": "stopped", "words": "Stopped.", "share": None}})
    assert float(page.evaluate(OPACITY)) < 0.5
    page.locator("#fields").get_by_role("button", name="Read it").click()
    assert page.evaluate("shown.fields.sent").count("read") == 1
    page.evaluate(SET, {"status": {"state": "idle", "words": "", "share": None}})
    page.wait_for_function(f"{OPACITY} === '1'")
    assert page.locator("#fields [role=status]").first.inner_text() == ""


def test_what_is_typed_back_is_what_is_shown(explored):
    page = explored()
    page.locator(".ql-field-question").fill("Whoever?")
    page.wait_for_function(f"Number({OPACITY}) < 0.5")
    page.locator(".ql-field-question").fill(READING.question)
    page.wait_for_function(f"{OPACITY} === '1'")


def test_a_tab_never_shows_the_picture_of_another(explored):
    page = explored()
    page.get_by_role("tab", name="Why").click()
    assert page.evaluate(SEEN) == "hidden"
    assert "Opening “Why”" in page.locator("#fields").inner_text()
    page.evaluate(SET, {"shown_tab": "why"})
    assert page.evaluate(SEEN) == "visible"
    assert "Opening" not in page.locator("#fields").inner_text()


def test_a_kernel_that_does_not_answer_is_said_within_three_seconds(explored):
    page = explored(answers=False)
    page.locator(".ql-field-context").fill("Tom kept the lamp.")
    page.locator("#fields .ql-unanswered:visible").wait_for(timeout=120_000)
    assert "does not answer" in page.locator("#fields .ql-unanswered").inner_text()
    assert float(page.evaluate(OPACITY)) < 0.5
    # It answers after all.
    page.evaluate("shown.fields.answers = true")
    page.locator(".ql-field-context").fill("Tom kept it.")
    page.wait_for_function("document.querySelector('#fields .ql-unanswered').hidden", timeout=120_000)


def test_the_patience_with_a_kernel_is_less_than_three_seconds():
    from qalens.widgets.bundle import script_text

    line = next(one for one in script_text("span_explorer").splitlines() if "ANSWER_WITHIN =" in one)
    assert int(line.split("=")[1].split(";")[0]) < 3000


def test_the_fields_fold_away(explored):
    page = explored()
    page.get_by_role("button", name="fold the fields").click()
    assert page.locator(".ql-field:visible").count() == 0
    page.get_by_role("button", name="show the fields").click()
    assert page.locator(".ql-field:visible").count() == 2
