"""The DatasetExplorer in a browser: filters, search, order and the open row, by mouse and by keys."""

import csv
import io

import pytest
from test_no_answer_explorer import reading_of

from qalens.widgets import DatasetExplorer

HOSTILE = "<img src=x onerror='window.ran=1'> </script><script>window.ran=1</script> Ada kept it."


def rows(page):
    return [
        int(k) for k in page.locator("[role=option][data-row]").evaluate_all("a => a.map(e => e.dataset.row)")
    ]


@pytest.fixture
def explorer():
    return DatasetExplorer(
        [
            reading_of("Ada", "Ada", 9.0),
            reading_of("Tom", "Ada", 5.0),
            reading_of("the room", None, 2.0),
            reading_of(None, "Ada", 4.0),
            reading_of(None, None, 6.0),
        ]
        * 6
    )


@pytest.fixture
def visit(explorer, open_page):
    return open_page(explorer)


def test_filters_list_what_python_lists(visit, explorer):
    visit.page.get_by_role("button", name="only mistakes").click()
    explorer.outcomes = visit.page.evaluate("window.qalens.model.get('outcomes')")
    assert explorer.outcomes == ["wrong edges", "wrong span", "false answer", "false no-answer"]
    assert rows(visit.page) == list(explorer.listed)
    visit.page.get_by_role("button", name="false answer 6").press("Enter")
    assert visit.page.get_by_role("button", name="false answer 6").get_attribute("aria-pressed") == "false"
    assert "12 listed" in visit.page.locator(".ql-x").inner_text()
    assert visit.is_quiet()


@pytest.mark.parametrize("sort", ["margin", "f1"])
def test_the_order_is_that_of_python(visit, explorer, sort):
    visit.page.get_by_label("Sort by").select_option(sort)
    visit.page.get_by_role("button", name="Descending").click()
    explorer.sort, explorer.descending = sort, True
    assert rows(visit.page) == list(explorer.listed[:20])
    visit.page.get_by_role("button", name="Page on").click()
    assert rows(visit.page) == list(explorer.listed[20:])


def test_a_search_narrows_the_list(visit):
    visit.page.get_by_role("searchbox").fill("nowhere")
    visit.page.get_by_text("No question passes the filters.").wait_for()
    visit.page.get_by_role("searchbox").fill("ADA KEPT")
    visit.page.get_by_text("30 listed").wait_for()


def test_a_row_opens_by_keys_with_its_gold_answer_marked(visit):
    visit.page.locator("[role=option][data-row]").first.focus()
    visit.page.keyboard.press("ArrowDown")
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("window.qalens.model.get('selected')") == 1
    assert visit.page.locator(".ql-text .ql-mark-gold").first.inner_text() == "Ada"
    assert visit.page.locator(".ql-text .ql-mark-best").first.inner_text() == "Tom"
    assert visit.is_quiet()


def test_python_turns_to_the_page_of_the_selected_row(visit):
    visit.page.evaluate("window.qalens.model.set('selected', 25)")
    assert visit.page.locator("[aria-selected=true][data-row]").get_attribute("data-row") == "25"


def test_the_table_that_is_saved_holds_what_is_listed(open_page):
    readings = [reading_of("=1+1", text="=1+1, Ada kept it."), reading_of("Ada", "Ada")]
    visit = open_page(DatasetExplorer(readings))
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="save as table").click()
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert [row["outcome"] for row in table] == ["not scored", "right span"]
    # A spreadsheet must not run it.
    assert table[0]["answer"].startswith("'=1")


def test_hostile_texts_are_shown_as_texts(open_page):
    visit = open_page(DatasetExplorer([reading_of("Ada", text=HOSTILE)], selected=0))
    assert "<img src=x" in visit.page.locator(".ql-text").inner_text()
    assert visit.is_quiet()


def test_it_fits_a_narrow_cell_and_keeps_the_keys_of_jupyter_quiet(explorer, open_page):
    visit = open_page(explorer, width=600)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 600
    quiet = ":not([data-lm-suppress-shortcuts])"
    loud = f"[tabindex]{quiet}, button{quiet}, input{quiet}, select{quiet}"
    assert visit.page.locator(f".ql-x :is({loud})").count() == 0
