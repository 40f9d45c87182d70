"""Explorers of the reading of many documents: the joint distribution, and where each number comes from."""

import pytest

from qalens import widgets
from qalens.display.content.documents import places
from qalens.display.numbers import probability
from qalens.reader import Reader
from qalens.readings.documents import join_readings
from qalens.readings.provenance import Document
from qalens.testing import planted_reading, toy_model, toy_tokenizer

TEXTS = {
    "log": "Tobias kept the room by day, and the room kept him.",
    "<b>letter</b>": "Ada kept the lamp of the room by day.",
    None: "It was there.",
}


def collection(answers=(None, "Ada", None)):
    readings = [
        planted_reading("Who kept the lamp?", text, answer=answer, strength=3)
        for text, answer in zip(TEXTS.values(), answers, strict=True)
    ]
    documents = [Document(text, id=id) for id, text in TEXTS.items()]
    return join_readings("Who kept the lamp?", documents, readings)


@pytest.fixture(scope="module")
def whole():
    return collection()


def test_spans_have_their_share_of_all_documents(whole):
    explorer = widgets.SpanExplorer(whole)
    view = explorer.view
    assert view["answer"]["p"] == pytest.approx(whole.answer.probability)
    assert view["none"] == pytest.approx(whole.no_answer_probability)
    names, spans = zip(*view["documents"]["places"], strict=True)
    assert names == ("log", "<b>letter</b>", "document 3")
    assert [view["context"][slice(*span)] for span in spans] == list(TEXTS.values())
    table, best = places(whole.joined())
    p = sorted(whole.document_probabilities, reverse=True)
    assert [row.cells[1].text for row in table.rows] == [probability(one) for one in p]
    assert [row.cells[1].bar[0].width for row in table.rows] == pytest.approx([100 * one for one in p])
    assert sum(p) + view["none"] == pytest.approx(1)
    assert view["documents"]["picks"] == [[one.span.start, one.span.end] for one in best]
    assert best[0].text == view["context"][slice(*view["documents"]["picks"][0])] == "Ada"
    explorer.selected = tuple(view["documents"]["picks"][0])
    assert explorer.selected_text == "Ada"
    assert (explorer.selected_answer.id, explorer.selected_answer.span) == (
        "<b>letter</b>",
        whole.answer.span,
    )


def test_one_text_has_no_documents(whole):
    assert widgets.SpanExplorer(whole.readings[1]).view["documents"] is None


def test_a_document_that_is_chosen_is_gone_to(whole, open_page):
    visit = open_page(widgets.SpanExplorer(whole))
    page = visit.page
    rows = page.locator(".ql-documents [role=option]")
    assert rows.count() == 3
    assert rows.first.locator("bdi").all_inner_texts() == ["<b>letter</b>", "Ada"]
    log = rows.filter(has_text="log")
    log.click()
    start, end = page.evaluate("qalens.model.get('selected')")
    assert end <= len(TEXTS["log"])
    assert log.get_attribute("aria-selected") == "true"
    assert "in log" in page.locator(".ql-readout").inner_text()
    sources = page.locator(".ql-spans [role=option] td:last-child").all_inner_texts()
    assert sources[0] == "<b>letter</b>"
    assert set(sources) <= {"log", "<b>letter</b>", "document 3"}
    log.press("Home")
    page.keyboard.press("Enter")
    start, end = page.evaluate("qalens.model.get('selected')")
    assert whole.joined().context[start:end] == "Ada"
    assert visit.is_quiet()


def test_windows_of_the_no_answer_explorer_name_their_documents(whole, open_page):
    explorer = widgets.NoAnswerExplorer([whole, whole.readings[1]])
    (shown, alone) = explorer.view["readings"]
    assert [window["document"] for window in shown["windows"]] == ["log", "<b>letter</b>", "document 3"]
    assert [window["held"][0] for window in shown["windows"]] == [0, 0, 0]
    assert [window["document"] for window in alone["windows"]] == [None]
    assert shown["none"] == pytest.approx(whole.no_answer_probability)
    visit = open_page(widgets.NoAnswerExplorer(whole.with_gold(["Ada"])))
    rows = visit.page.locator(".ql-na-list tbody tr")
    windows = {window["document"]: window for window in shown["windows"]}
    deciding = {
        max(windows, key=lambda name: windows[name]["score"]),
        min(windows, key=lambda name: windows[name]["null"]),
    }
    table = rows.locator("td:first-child bdi").all_inner_texts()
    n = len(deciding)
    assert (set(table[:n]), set(table)) == (deciding, set(windows))
    margins = [windows[name]["null"] - windows[name]["score"] for name in table[n:]]
    assert margins == sorted(margins)
    assert rows.locator("b").count() == 2
    visit.page.set_viewport_size({"width": 375, "height": 800})
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 375
    boxes = [cell.bounding_box() for cell in rows.first.locator("td:not(:nth-child(4))").all()]
    right = max(box["x"] + box["width"] for box in boxes)
    # The list cuts off what reaches past it, and a cell that is cut off still counts as visible.
    held = visit.page.locator(".ql-na-list").first.bounding_box()
    assert right <= held["x"] + held["width"] + 1
    assert visit.is_quiet()


def test_windows_of_one_text_that_decide_stand_first_and_the_others_in_the_order_of_the_text(open_page):
    reader = Reader(toy_model(), toy_tokenizer(), max_length=24, stride=4)
    reading = reader.read("Who kept the lamp?", "Ada kept the lamp of the room by day and by night. " * 6)
    deciding = {int(reading.logits.null_scores.argmin()) + 1, reading.decision.best.window + 1}
    visit = open_page(widgets.NoAnswerExplorer(reading))
    numbers = [
        int(cell.split()[0])
        for cell in visit.page.locator(".ql-na-list tbody tr td:first-child").all_inner_texts()
    ]
    n = len(deciding)
    assert set(numbers[:n]) == deciding
    assert numbers[n:] == sorted(set(range(1, len(reading.windows) + 1)) - deciding)


def test_the_other_explorers_and_explore_take_it(whole):
    reader = Reader(toy_model(), toy_tokenizer(), max_length=64)
    read = reader.read_documents("Who kept the lamp?", list(TEXTS.values()))
    joined = read.joined()
    trace = reader.logit_lens(joined)
    assert widgets.LayerExplorer(read, trace).reading.places == joined.places
    attribution = reader.attribute(joined, "no_answer", "input_x_gradient")
    assert widgets.AttributionExplorer(read, attribution).reading.context == joined.context
    assert widgets.CompareExplorer(whole, collection(("Tobias", None, None))).diff.before.answer.text == "Ada"
    dataset = widgets.DatasetExplorer([whole, whole.readings[0]])
    assert dataset.report.rows[0].document == "<b>letter</b>"
    assert widgets.explore(whole).reading.context == whole.joined().context
