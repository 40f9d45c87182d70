"""The DatasetExplorer in a browser: filters, search, order and the open row, by mouse and by keys."""

import csv
import io
from dataclasses import replace

import pytest
from test_no_answer_explorer import reading_of

from qalens.evaluation.report import report_of
from qalens.evaluation.rows import row_of
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


def test_heads_sort_and_slices_list_what_python_lists(visit, explorer):
    page = visit.page
    page.locator(".ql-ds-names").get_by_role("button", name="margin").click()
    explorer.sort = "margin"
    assert rows(page) == list(explorer.listed[:20])
    page.locator(".ql-ds-names").get_by_role("button", name="margin").click()
    explorer.descending = True
    assert rows(page) == list(explorer.listed[:20])
    page.get_by_label("Only questions by").select_option("what was said")
    page.get_by_label("Only these").select_option("no answer")
    explorer.slice_by, explorer.slice = "what was said", "no answer"
    assert 0 < len(explorer.listed) < 30
    assert rows(page) == list(explorer.listed[:20])
    assert visit.is_quiet()


def test_what_opens_stands_beside_the_list_and_in_sight(visit):
    page = visit.page
    page.set_viewport_size({"width": 1280, "height": 576})
    page.get_by_label("Go to the question with this number").fill("29")
    page.keyboard.press("Enter")
    page.locator("[aria-selected=true][data-row='28']").wait_for()
    visit.until("document.querySelector('.ql-ds-open').getBoundingClientRect().top < innerHeight - 100")
    boxes = [page.locator(one).bounding_box() for one in (".ql-ds-list", ".ql-ds-open")]
    assert boxes[1]["x"] >= boxes[0]["x"] + boxes[0]["width"]
    page.set_viewport_size({"width": 600, "height": 576})
    page.locator("[role=option][data-row]").first.click()
    visit.until("document.querySelector('.ql-ds-open').getBoundingClientRect().top < innerHeight - 60")


def test_without_gold_answers_there_is_no_dead_column(open_page):
    page = open_page(DatasetExplorer([reading_of("Ada"), reading_of(None)])).page
    heads = page.locator(".ql-ds-names > span").all_inner_texts()
    assert [head.strip(" ↑") for head in heads] == ["", "question", "answer", "P", "margin"]
    assert "1 answered, 1 with no answer" in page.locator(".ql-head").first.inner_text()
    assert page.locator(".ql-ds-filters").count() == 0


def test_the_table_that_is_saved_holds_what_is_listed(open_page):
    readings = [reading_of("=1+1", text="=1+1, Ada kept it."), reading_of("Ada", "Ada")]
    visit = open_page(DatasetExplorer(readings))
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="save as table").click()
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert [row["outcome"] for row in table] == ["not scored", "right span"]
    # A spreadsheet must not run it.
    assert table[0]["answer"].startswith("'=1")


FORMULAS = [
    "=1",
    "+1",
    "-1",
    "@a",
    "\n=1",
    " =1",
    "\ufeff=1",
    "＝1",
    "\u200b+1",
    "\u00a0-1",
    "﹦1",
    "\t=1",
    "\r1",
    "−1",
]


def test_no_cell_of_the_table_is_a_formula(open_page):
    row = row_of(reading_of("Ada", "Ada"))
    rows = [replace(row, id=str(k), question="Who?", error=f"{one} runs") for k, one in enumerate(FORMULAS)]
    rows.append(replace(row, id="text", error="Ada - said = so"))
    explorer = DatasetExplorer(report_of(rows))
    # As a notebook of another version may hold it: not drawn together, not cut.
    explorer.view = {
        **explorer.view,
        "rows": [
            {**shown, "error": one.error} for shown, one in zip(explorer.view["rows"], rows, strict=True)
        ],
    }
    visit = open_page(explorer)
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="save as table").click()
    content = download.value.path().read_bytes().decode("utf-8-sig")
    table = list(csv.DictReader(io.StringIO(content, newline="")))
    assert [line["error"] for line in table] == [*(f"'{one} runs" for one in FORMULAS), "Ada - said = so"]


def test_a_long_cause_is_cut_as_every_text_of_the_list_is():
    long = replace(row_of(reading_of("Ada", "Ada")), cause="c" * 5_000)
    assert len(DatasetExplorer(report_of([long])).view["rows"][0]["cause"]) <= 300


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
