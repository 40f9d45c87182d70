"""The AttributionExplorer in a browser, as an exported page, and as it looks with a kernel behind it."""

import re
import xml.etree.ElementTree as ET

import pytest

from qalens import Contrast, Reader
from qalens.display.content.attribution import strongest_words
from qalens.testing import toy_model, toy_tokenizer
from qalens.widgets import AttributionExplorer

QUESTION = "Who kept the lamp?"
STORY = "Ada kept the lamp of the room by day, and Tom kept it by night."
RTL = "أدا أبقت المصباح في الغرفة 北京の灯 👩‍🚀 e\u0301 kept क्षि"
HOSTILE = [
    "</script><script>window.ran = 1; alert(1)</script> Ada",
    '" onmouseover="alert(1)" <svg onload=alert(1)><img src=x onerror=\'window.ran=1\'> Ada',
    "javascript:alert(1) <a href='javascript:alert(1)'>Ada</a> {{constructor.constructor('alert(1)')()}} ${alert(1)}",
    "\u202eAda \u2066kept\u202d it\u2069",
    "Ada" + "\u0301" * 10_000 + " kept it",
]
READER = Reader(toy_model(), toy_tokenizer())
# The exported page drawn once more as if there were a kernel, which remembers what it is told.
WITH_KERNEL = """() => {
    const { model } = window.qalens;
    window.sent = [];
    model.still = false;
    model.send = content => window.sent.push(content);
    model.set("view", { ...model.get("view") });
}"""


def explorer_of(*targets, text=STORY, question=QUESTION, reader=None, **options):
    reading = READER.read(question, text)
    given = [READER.attribute(reading, target, "input_x_gradient") for target in targets]
    return AttributionExplorer(reading, given, reader=reader, **options)


def trait(page, name):
    return page.evaluate(f"qalens.model.get('{name}')")


@pytest.fixture
def live(open_page):
    def go(explorer, **options):
        visit = open_page(explorer, **options)
        visit.page.evaluate(WITH_KERNEL)
        return visit

    return go


def texts(page):
    return page.locator(".ql-text").evaluate_all("all => all.map(e => e.textContent)")


def unfold(page):
    page.locator(".ql-howfold > summary").click()


def names(locator):
    return locator.evaluate_all("all => all.map(e => e.getAttribute('aria-label'))")


# --- the exported page ------------------------------------------------------------------------------------------------


def test_what_is_explained_comes_first_then_question_and_text_with_their_values(open_page):
    explorer = explorer_of("no_answer")
    visit = open_page(explorer)
    page, found = visit.page, explorer.attribution
    assert page.locator(".ql-question").inner_text() == QUESTION
    # One sentence with the words that matter most, and how it was found folded away below it.
    first = next(word for word in strongest_words(found) if word.value > 0)
    sentence = page.locator(".ql-because").inner_text()
    assert sentence.startswith(f"What contributes most to no answer: “{first.text}”")
    how = page.locator(".ql-howfold > summary").inner_text()
    assert "logit of P(no answer)" in how
    assert f"{abs(found.diagnostics.value):.2f} logits" in how
    assert page.locator(".ql-how").is_hidden()
    assert texts(page) == [QUESTION, STORY]
    assert names(page.locator(".ql-tok[aria-label^='Ada,']")) == [
        f"Ada, {'−' if word.value < 0 else '+'}{abs(word.value):.{digits}f}"
        for word in found.by_word()
        if word.text == "Ada"
        for digits in [explorer.found[0]["digits"]["word"]]
    ]
    for words in (
        "Where it comes from",
        "Diagnostics",
        "completeness",
        "span along the path",
        "other baselines",
    ):
        assert words in page.locator(".ql-x").inner_text()
    assert visit.is_quiet()


def test_colours_go_with_the_sign_and_a_line_says_the_same(open_page):
    explorer = explorer_of("no_answer", unit="token")
    page = open_page(explorer).page
    pieces = page.locator(".ql-text").nth(1).locator(".ql-tok")
    kinds = pieces.evaluate_all("all => all.map(e => /ql-v-(for|against)/.exec(e.className)?.[1] ?? '')")
    values, most = explorer.found[0]["context"]["value"], explorer.found[0]["most"]["token"]
    wanted = ["" if round(100 * abs(v) / most) == 0 else "for" if v > 0 else "against" for v in values]
    assert kinds == wanted
    shadows = [
        pieces.nth(kinds.index(kind)).evaluate("e => getComputedStyle(e).boxShadow")
        for kind in ("for", "against")
    ]
    assert " 2px " in shadows[0]
    assert " -2px " in shadows[1]


def test_pointing_at_a_word_tells_its_value_and_its_tokens(open_page):
    page = open_page(explorer_of("answer")).page
    page.locator(".ql-text").nth(1).locator(".ql-tok", has_text=re.compile("^d$")).hover()
    # The toy tokenizer spells "day".
    line = page.locator(".ql-readout").inner_text()
    assert line.startswith("“day”")
    assert line.count("·") == 2
    assert " logits = " in line
    page.locator("[role=radio]", has_text="by token").click()
    page.locator(".ql-text").nth(1).locator(".ql-tok", has_text=re.compile("^d$")).hover()
    assert page.locator(".ql-readout").inner_text().startswith("“d”")
    assert trait(page, "unit") == "token"


def test_keys_walk_over_the_words_and_are_heard(open_page):
    page = open_page(explorer_of("answer")).page
    page.locator(".ql-text").nth(1).focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".ql-aloud").inner_text().startswith("kept, ")
    assert page.locator(".ql-readout").inner_text().startswith("“kept”")


def test_what_was_computed_can_be_turned_by_mouse_and_keys(open_page):
    visit = open_page(explorer_of("answer", "no_answer", Contrast((0, 3), (0, 8))))
    page = visit.page
    listed = page.locator("[role=listbox][aria-label=Computed] [role=option]")
    listed.nth(1).click()
    assert "P(no answer)" in page.locator(".ql-howfold > summary").inner_text()
    assert trait(page, "target") == "no_answer"
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert "“Ada” over “Ada kept”" in page.locator(".ql-howfold > summary").inner_text()
    assert (trait(page, "shown"), trait(page, "span"), trait(page, "rival")) == (2, [0, 3], [0, 8])
    assert page.locator(".ql-text .ql-mark-rival").count() > 0
    assert listed.nth(2).get_attribute("aria-selected") == "true"
    assert page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"
    assert visit.is_quiet()


def test_without_a_kernel_there_is_nothing_to_start(open_page):
    page = open_page(explorer_of("answer", reader=READER)).page
    assert page.locator(".ql-controls, .ql-work:visible").count() == 0
    page.locator(".ql-text").nth(1).locator(".ql-tok").nth(3).click()
    assert trait(page, "span") == [*explorer_of("answer").span]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_text_stays_text(live, text):
    explorer = explorer_of("answer", "no_answer", text=text, question=text[:200], reader=READER)
    visit = live(explorer)
    page = visit.page
    page.locator(".ql-text").nth(1).locator(".ql-tok").first.hover()
    page.evaluate("text => qalens.model.set('status', { state: 'failed', words: text })", text)
    page.locator("[role=listbox][aria-label=Computed] [role=option]").nth(1).click()
    assert texts(page) == [text[:200], text]
    assert page.evaluate("document.querySelectorAll('img, svg, link, a, iframe, template').length") == 0
    assert page.evaluate("document.scripts.length") == 2
    assert visit.is_quiet()


def test_a_hostile_text_stays_text_in_the_figure():
    svg = ET.fromstring(explorer_of("answer", text=HOSTILE[0], question=HOSTILE[1]).to_svg())
    assert not [
        e.tag for e in svg.iter() if e.tag.rsplit("}", 1)[-1] in ("script", "a", "image", "foreignObject")
    ]


def test_no_character_is_cut_and_every_direction_is_kept(open_page):
    page = open_page(explorer_of("answer", text=RTL)).page
    assert texts(page)[1] == RTL
    pieces = page.locator(".ql-text").nth(1).locator(".ql-block > span").all_text_contents()
    assert "👩‍🚀" in "".join(pieces)
    assert any("👩‍🚀" in piece for piece in pieces)
    assert page.locator(".ql-text").nth(1).evaluate("e => getComputedStyle(e).direction") == "rtl"


def test_closing_lets_everything_go(open_page):
    page = open_page(explorer_of("answer", "no_answer")).page
    page.evaluate("qalens.close()")
    assert page.locator(".ql-x").count() == 0
    page.evaluate("qalens.model.set('target', 'no_answer')")


@pytest.mark.parametrize("width", [1280, 600])
def test_nothing_is_wider_than_its_cell(live, width):
    page = live(
        explorer_of("answer", "no_answer", text=STORY + "long" * 200, reader=READER), width=width
    ).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_takes_the_focus_keeps_its_keys(live):
    page = live(explorer_of("answer", "no_answer", reader=READER, target="contrast")).page
    open_ones = page.locator(
        "[tabindex]:not([data-lm-suppress-shortcuts]), button:not([data-lm-suppress-shortcuts])"
    )
    assert open_ones.count() == 0


# --- with a kernel ----------------------------------------------------------------------------------------------------


def test_a_click_takes_the_best_span_with_a_word_and_a_second_the_word(live):
    explorer = explorer_of("answer", reader=READER)
    page = live(explorer).page
    word = page.locator(".ql-text").nth(1).locator(".ql-tok", has_text="room")
    first = STORY.index("room")
    word.click()
    best = max(
        (a for a in explorer.reading.spans.top(10**6) if a.span.start <= first < a.span.end),
        key=lambda a: a.score,
    )
    assert trait(page, "span") == [best.span.start, best.span.end]
    assert len(best.text.split()) > 1
    word.click()
    assert trait(page, "span") == [first, first + len("room")]
    assert page.locator(".ql-text .ql-mark-selected").count() > 0


def test_shift_and_an_arrow_choose_a_span_token_by_token(live):
    page = live(explorer_of("no_answer", reader=READER)).page
    page.locator(".ql-text").nth(1).focus()
    for key in ["Home", "Shift+ArrowRight", "Enter"]:
        page.keyboard.press(key)
    assert (trait(page, "span"), trait(page, "target")) == ([0, 8], "answer")


def test_both_sides_of_a_contrast_are_picked_one_after_the_other(live):
    page = live(explorer_of("answer", reader=READER)).page
    unfold(page)
    page.locator("[role=radio]", has_text="contrast").click()
    spans = page.locator("[role=listbox][aria-label='Spans to explain'] [role=option]")
    spans.nth(1).click()
    assert spans.nth(1).get_attribute("aria-selected") == "true"
    page.locator(".ql-text").nth(1).locator(".ql-tok").first.drag_to(
        page.locator(".ql-text").nth(1).locator(".ql-tok").nth(1)
    )
    assert trait(page, "rival") == [0, 8]
    second = trait(page, "view")["spans"][1]["span"]
    assert trait(page, "span") == second
    page.locator("button", has_text="swap").click()
    assert (trait(page, "span"), trait(page, "rival")) == ([0, 8], second)
    spans.last.press("Enter")
    assert trait(page, "span") == []
    assert "no answer" in page.locator(".ql-sides").inner_text()


def test_target_method_and_baseline_are_chosen_by_keys(live):
    page = live(explorer_of("answer", reader=READER)).page
    unfold(page)
    page.locator("[role=radio][aria-checked=true]", has_text="answer").press("ArrowRight")
    page.locator("[role=radio][aria-checked=true]", has_text="input").press("ArrowRight")
    page.locator("[aria-label=Baseline] [role=radio]").first.press("End")
    assert [trait(page, name) for name in ("target", "method", "baseline")] == ["start", "occlusion", "zero"]


def test_how_far_it_is_can_be_seen_and_stopped_while_the_old_picture_stays(live):
    visit = live(explorer_of("answer", reader=READER))
    page = visit.page
    unfold(page)
    before = page.locator("header").inner_text()
    page.locator("[role=radio]", has_text="no answer").click()
    work = page.locator(".ql-work")
    assert "Nothing was computed" in work.inner_text()
    work.locator("button", has_text="Explain").click()
    told = {
        "state": "computing",
        "words": "occlusion for the logit",
        "done": "12 rows through the model, 3 s",
    }
    page.evaluate("told => qalens.model.set('status', told)", told)
    assert work.locator("[role=progressbar]").count() == 1
    assert "12 rows through the model, 3 s" in work.inner_text()
    stop = work.locator("button", has_text="Stop")
    stop.focus()
    page.evaluate("told => qalens.model.set('status', told)", told | {"done": "20 rows"})
    assert page.evaluate("document.activeElement.textContent") == "Stop"
    page.keyboard.press("Enter")
    assert page.evaluate("window.sent.filter(one => one.do !== 'ping')") == [
        {"do": "compute"},
        {"do": "cancel"},
    ]
    page.evaluate("qalens.model.set('status', { state: 'failed', words: 'The text has no span.' })")
    assert "The text has no span." in work.locator("[role=alert]").inner_text()
    assert page.locator("header").inner_text() == before
    assert visit.is_quiet()


def test_a_result_is_drawn_when_it_comes(live):
    both = explorer_of("answer", "no_answer", reader=READER)
    entries = both.found
    page = live(explorer_of("answer", reader=READER)).page
    unfold(page)
    page.locator("[role=radio]", has_text="no answer").click()
    page.evaluate("found => { qalens.model.set('found', found); qalens.model.set('shown', 1); }", entries)
    assert "P(no answer)" in page.locator(".ql-howfold > summary").inner_text()
    assert not page.locator(".ql-work").is_visible()
