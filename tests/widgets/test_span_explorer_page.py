"""The SpanExplorer in a browser, as an exported page: what it shows, and what pointer and keys do."""

import json

import numpy as np
import pytest
from planted_rows import listed_reading

from qalens.evaluation.promises.sets import PredictionSet
from qalens.testing import planted_reading
from qalens.widgets import SpanExplorer

STORY = "Ada kept the lamp of the room by day, and who kept it in when Tom was there to answer for it? "
LONG = STORY * 40 + "At last they were in the room. " + STORY * 5
RTL = "أدا أبقت المصباح في الغرفة طوال الليل."
MIXED = "北京の灯 👩‍🚀 and 👍🏽 e\u0301 kept क्षि by Ada"


def explorer_of(text=STORY, answer="the lamp", **options):
    return SpanExplorer(planted_reading("What did Ada keep?", text, answer=answer, **options))


def selected(page):
    return page.evaluate("qalens.model.get('selected')")


def marked(page, name):
    """The characters that carry a mark."""
    return "".join(page.locator(f".ql-text .ql-mark-{name}").all_text_contents())


def test_the_decision_comes_first(open_page):
    visit = open_page(explorer_of())
    assert visit.page.locator("header").inner_text().split("\n") == [
        "What did Ada keep?",
        "the lamp >99.9%",
        "probability that the answer is here",
        ">99.9% for exactly these words",
    ]
    assert marked(visit.page, "best") == "the lamp"
    assert visit.is_quiet()


def test_an_abstention_shows_no_span_as_the_answer(open_page):
    page = open_page(explorer_of(answer=None)).page
    assert "no answer" in page.locator("header").inner_text()
    assert page.locator(".ql-mark-best").count() == 0
    assert marked(page, "rejected") != ""
    assert "best span, rejected" in page.locator(".ql-legend").inner_text()
    assert page.locator(".ql-taken").count() == 0


def test_several_answers_are_numbered(open_page):
    page = open_page(SpanExplorer(listed_reading("Ada", "lamp", "room"))).page
    assert page.locator(".ql-text [data-n]").evaluate_all(
        "all => all.map(e => [e.textContent, e.dataset.n])"
    ) == [
        ["Ada", "1"],
        ["lamp", "2"],
        ["room", "3"],
    ]
    rows = page.locator(".ql-taken").all_inner_texts()
    assert [row.split()[:2] for row in rows] == [["1:", "Ada"], ["2:", "lamp"], ["3:", "room"]]
    assert "3 answers" in page.locator(".ql-legend").inner_text()
    assert page.locator(".ql-text").evaluate("e => e.textContent") == "Ada kept the lamp in the room."


def test_the_places_of_a_set_are_numbered_and_its_promise_is_said(open_page):
    reading = listed_reading("Ada", "lamp", "room")
    places = (reading.spans.clusters(1)[0], None, *reading.spans.clusters(2)[1:])
    visit = open_page(SpanExplorer(PredictionSet(places, (0.4, 0.35, 0.3), 0.9, 0.2, reading)))
    numbered = visit.page.locator(".ql-text [data-n]")
    assert numbered.evaluate_all("all => all.map(e => [e.textContent, e.dataset.n])") == [
        ["Ada", "1"],
        ["lamp", "3"],
    ]
    assert "no answer is place 2" in visit.page.locator(".ql-set").inner_text()
    assert "best span of a place" in visit.page.locator(".ql-legend").inner_text()
    assert visit.is_quiet()


@pytest.mark.parametrize(
    "text", [STORY, RTL, MIXED, "\n\n a \t b\r\nc\n"], ids=["latin", "arabic", "mixed", "blanks"]
)
def test_the_text_is_shown_as_it_is(open_page, text):
    page = open_page(explorer_of(text, None)).page
    assert page.locator(".ql-text").evaluate("e => e.textContent") == text


def test_no_character_is_cut_where_tokens_cut_one(page):
    # Tokenizers of bytes cut characters; here every code point is a token.
    pieces = page.evaluate(
        f"""text => {{
            {explorer_of()._esm.split("export default")[0]}
            const root = document.body, signal = new AbortController().signal;
            const ui = new Ui({{ get: () => null, on() {{}}, off() {{}} }}, root, signal);
            const n = [...text].length;
            const begin = Int32Array.from({{ length: n }}, (_, k) => k), end = begin.map(k => k + 1);
            const prose = new Prose(ui, {{ text, begin, end, label: "" }});
            return [...prose.el.querySelectorAll('.ql-tok')].map(piece => piece.textContent);
        }}""",
        MIXED,
    )
    assert "".join(pieces) == MIXED
    assert {"👩‍🚀", "👍🏽", "e\u0301", "北"} < set(pieces)
    assert not any(piece.startswith(("\u0301", "\u200d", "🏽", "\u093f")) for piece in pieces)


def test_places_count_code_points(open_page):
    page = open_page(explorer_of("👩‍🚀👍 Ada kept 🙂 it", "Ada")).page
    page.locator(".ql-tok", has_text="Ada").click()
    assert selected(page) == [5, 8]
    assert marked(page, "selected") == "Ada"


# --- the numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"max_length": 40, "stride": 10}])
def test_scores_in_the_browser_are_those_of_python(page, options):
    explorer = explorer_of(STORY * 2, strength=3.0, **options)
    spans = explorer.reading.spans
    code = explorer._esm.split("export default")[0]
    traits = {name: list(getattr(explorer, name)) for name in ("places", "logits", "chances")}
    found = page.evaluate(
        f"""([view, bytes]) => {{
            {code}
            const model = {{ get: name => name === 'view' ? view : Uint8Array.from(bytes[name]) }};
            const spans = new Spans(Object.assign(Object.create(Ui.prototype), {{ model }}));
            const found = [];
            for (let i = 0; i < spans.n; i++) for (let j = i; j < spans.n; j++) {{
                const span = spans.score(i, j);
                if (span !== null) found.push([...spans.characters(span), span.score, spans.joint(span), spans.given(span), span.window]);
            }}
            return found;
        }}""",
        [json.loads(json.dumps(explorer.view)), traits],
    )
    found = np.array(sorted(found))
    order = np.lexsort((spans.end, spans.start))
    expected = [
        spans.start,
        spans.end,
        spans.score,
        spans.probabilities(),
        spans.probabilities(given_answer=True),
        spans.window,
    ]
    np.testing.assert_allclose(found, np.stack(expected, 1)[order], rtol=1e-4, atol=1e-9)


def test_pointing_at_a_token_shows_its_best_partner(open_page):
    page = open_page(explorer_of(strength=8.0)).page
    page.locator(".ql-tok", has_text="the").first.hover()
    assert marked(page, "partner") == "the lamp"
    said = page.locator(".ql-readout").inner_text()
    assert said.startswith("“the” · in the answer >0.999 · starts it 0.999, ends it <0.001 · best end “lamp”")
    page.locator(".ql-tok", has_text="lamp").hover()
    assert "best start “the”" in page.locator(".ql-readout").inner_text()
    page.mouse.move(2, 2)
    assert marked(page, "partner") == ""


# --- selecting --------------------------------------------------------------------------------------------------------


def test_a_click_selects_the_best_span_of_a_token(open_page):
    page = open_page(explorer_of(strength=8.0)).page
    page.locator(".ql-tok", has_text="lamp").click()
    assert selected(page) == [9, 17]
    assert marked(page, "selected") == "the lamp"
    assert page.locator(".ql-spans [aria-selected=true] bdi").inner_text() == "the lamp"


def test_a_drag_selects_the_words_under_it(open_page):
    page = open_page(explorer_of()).page
    page.locator(".ql-tok", has_text="kept").first.hover()
    page.mouse.down()
    page.locator(".ql-tok", has_text="lamp").hover()
    assert marked(page, "choosing") == "kept the lamp"
    page.mouse.up()
    assert (selected(page), marked(page, "choosing")) == ([4, 17], "")


def test_a_row_selects_its_span(open_page):
    page = open_page(explorer_of(strength=4.0)).page
    row = page.locator(".ql-spans [role=option]").nth(1)
    row.click()
    start, end = selected(page)
    assert STORY[start:end] == row.locator("bdi").inner_text()
    assert marked(page, "selected") == STORY[start:end]


def test_a_cell_of_the_map_selects_its_span(open_page):
    explorer = explorer_of(strength=8.0)
    page = open_page(explorer).page
    box = page.locator(".ql-over").bounding_box()
    tokens = len(explorer.reading.windows.context_index[0][explorer.reading.windows.answerable[0]])
    unit = min(36, (box["width"] - 4 - 44) / tokens)
    # The third token of the text begins the answer, two tokens long: the second row of the map.
    top = 24 + 2 * 40 + 12 + 22 * (1 if explorer.view["rival"] is None else 2)
    rows = page.locator(".ql-over").evaluate(f"e => (e.clientHeight - {top} - 4)")
    cell = next(c for c in (5, 7, 9) if rows % c == 0)
    page.mouse.click(box["x"] + 44 + 2.5 * unit, box["y"] + top + 1.5 * cell)
    assert selected(page) == [9, 17]


def test_all_of_it_works_by_keyboard(open_page):
    page = open_page(explorer_of(strength=8.0)).page
    page.keyboard.press("Tab")  # the cursor begins at the best span
    assert page.locator(".ql-cursor").inner_text() == "the"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".ql-cursor").inner_text() == "kept"
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    assert selected(page) == [4, 17]
    page.keyboard.press("Enter")
    assert selected(page) == [9, 17]
    page.keyboard.press("Escape")
    assert selected(page) is None
    page.keyboard.press("End")
    assert page.locator(".ql-cursor").inner_text() == "?"
    assert page.locator("output").inner_text().startswith("“?”; in the answer <0.001")


def test_the_cursor_moves_by_lines_and_from_right_to_left(open_page):
    page = open_page(explorer_of(STORY * 3), width=600).page
    page.locator(".ql-text").focus()
    page.keyboard.press("Home")
    before = page.locator(".ql-cursor").bounding_box()
    page.keyboard.press("ArrowDown")
    after = page.locator(".ql-cursor").bounding_box()
    assert 20 < after["y"] - before["y"] < 50
    assert abs(after["x"] - before["x"]) < 60
    page = open_page(explorer_of(RTL, None)).page
    page.locator(".ql-text").focus()
    page.keyboard.press("Home")
    first = page.locator(".ql-cursor").bounding_box()["x"]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.locator(".ql-cursor").bounding_box()["x"] < first


def test_rows_are_reached_by_arrows(open_page):
    page = open_page(explorer_of(strength=4.0)).page
    page.locator(".ql-spans [role=option]").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    start, end = selected(page)
    assert STORY[start:end] == page.locator(".ql-spans [role=option]").nth(1).locator("bdi").inner_text()


def test_what_python_selects_is_shown(open_page):
    page = open_page(explorer_of()).page
    page.evaluate("qalens.model.set('selected', [0, 8])")
    assert marked(page, "selected") == "Ada kept"
    page.evaluate("qalens.model.set('selected', [1, 5])")  # inside of tokens
    assert "is no span that the model can answer with" in page.locator(".ql-readout").inner_text()
    page.evaluate("qalens.model.set('selected', null)")
    assert marked(page, "selected") == ""


def test_an_explorer_opens_with_what_was_selected(open_page):
    explorer = explorer_of()
    explorer.selected = (0, 3)
    assert marked(open_page(explorer).page, "selected") == "Ada"


# --- choices ----------------------------------------------------------------------------------------------------------


def test_choices_are_traits(open_page):
    page = open_page(explorer_of(answer=None, strength=2.0)).page
    page.wait_for_timeout(100)
    pixels = "document.querySelector('.ql-stack canvas').toDataURL()"
    before = page.evaluate(pixels)
    page.locator("[role=radio]", has_text="logits").click()
    page.wait_for_timeout(100)
    assert page.evaluate("qalens.model.get('scale')") == "logits"
    assert page.evaluate(pixels) != before
    assert page.locator(".ql-h strong", has_text="Start and end logits").count() == 1
    page.locator("[role=radio][aria-checked=true]", has_text="if answered").press("ArrowRight")
    assert page.evaluate("qalens.model.get('given_answer')") is False
    assert "if there is one" not in page.locator(".ql-legend").inner_text()
    page.evaluate("qalens.model.set('scale', 'probability')")
    assert page.locator("[role=radio][aria-checked=true]").all_inner_texts() == [
        "probability",
        "with no answer",
    ]


# --- long texts and widths --------------------------------------------------------------------------------------------


def test_a_long_text_opens_at_its_answer(open_page):
    explorer = explorer_of(STORY * 80 + LONG, "At last", max_length=128)
    page = open_page(explorer).page
    page.wait_for_timeout(200)
    assert page.locator(".ql-mark-best").first.is_visible()
    text = page.locator(".ql-text").bounding_box()
    answer = page.locator(".ql-mark-best").first.bounding_box()
    assert text["y"] < answer["y"] < text["y"] + text["height"]
    # How many fit depends on the fonts of the machine.
    tokens = len(np.unique(explorer.reading.windows.offsets.reshape(-1, 2), axis=0))
    assert 0 < page.locator(".ql-tok").count() < tokens / 2
    frame = page.locator(".ql-frame [role=slider]")
    assert frame.get_attribute("aria-valuetext").startswith("tokens ")


def test_the_frame_moves_by_keys_and_pointer_and_the_text_follows_what_is_selected(open_page):
    explorer = explorer_of(LONG, "At last", max_length=128)
    page = open_page(explorer).page
    frame = page.locator(".ql-frame [role=slider]")
    start = int(frame.get_attribute("aria-valuenow"))
    assert start > 500
    frame.press("Home")
    assert frame.get_attribute("aria-valuenow") == "0"
    frame.press("PageUp")
    assert frame.get_attribute("aria-valuenow") == "150"
    # Both ways: the text shows what is framed, and the frame goes along with the cursor of the text.
    assert page.locator(".ql-text").evaluate("e => e.scrollTop") < 100
    page.locator(".ql-text").focus()
    page.keyboard.press("End")
    assert frame.get_attribute("aria-valuenow") == frame.get_attribute("aria-valuemax")
    frame.press("Home")
    box = page.locator(".ql-frame").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + 10)
    assert frame.get_attribute("aria-valuenow") == frame.get_attribute("aria-valuemax")
    assert page.locator(".ql-text").evaluate("e => e.scrollTop") > 500
    page.evaluate("qalens.model.set('selected', [0, 3])")
    assert frame.get_attribute("aria-valuenow") == "0"
    assert page.locator(".ql-text").evaluate("e => e.scrollTop") < 40
    page.locator("button[aria-label='Show fewer tokens']").click()
    assert int(frame.get_attribute("aria-valuemax")) > len(explorer.places) / 8 - 150


@pytest.mark.parametrize("width", [375, 600, 1280])
@pytest.mark.parametrize(
    "text", [STORY * 4, LONG, RTL, "W" * 400 + " Ada"], ids=["paragraph", "long", "arabic", "no blanks"]
)
def test_nothing_sticks_out(open_page, width, text):
    page = open_page(explorer_of(text, None), width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [500, 750])
def test_what_is_pointed_at_does_not_move_away(open_page, width):
    page = open_page(
        explorer_of(STORY * 3, "kept the lamp of the room by day"), width=width, height=2500
    ).page
    rows = page.locator(".ql-spans [role=option]")
    before = rows.first.bounding_box()["y"]
    for element in [*page.locator(".ql-tok").all()[:12], *rows.all()[:4]]:
        element.hover()
        assert rows.first.bounding_box()["y"] == before


def test_a_click_in_the_strips_takes_an_improbable_word_alone_as_one_in_the_text_does(open_page):
    page = open_page(explorer_of()).page
    over = page.locator("canvas.ql-over")
    box = over.bounding_box()
    over.click(position={"x": 0.9 * box["width"], "y": 50})
    start, end = selected(page)
    assert STORY[start:end].strip()
    assert " " not in STORY[start:end]


def test_a_text_without_a_span_is_shown_with_the_reason(open_page):
    visit = open_page(explorer_of("\x01\x02", None))
    assert "no token that could be an answer" in visit.page.locator(".ql-x").inner_text()
    assert visit.is_quiet()


def test_a_click_on_a_word_of_no_likely_span_selects_the_word_alone_and_says_so(open_page):
    story = "Ada kept the lamp of the room by day, and Tom kept it by night."
    reading = planted_reading("Who kept it?", story, answer="Ada", strength=14.0)
    page = open_page(SpanExplorer(reading)).page
    page.locator(".ql-tok", has_text="lamp").click()
    start = story.index("lamp")
    assert page.evaluate("qalens.model.get('selected')") == [start, start + 4]
    assert page.locator(".ql-readout").inner_text().startswith("“lamp”")
    assert f"characters {start}–{start + 4}" in page.locator(".ql-readout").inner_text()
    page.locator(".ql-tok", has_text="Ada").click()
    assert page.evaluate("qalens.model.get('selected')") == [0, 3]
