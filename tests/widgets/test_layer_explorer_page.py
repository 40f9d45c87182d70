"""The LayerExplorer in a browser, as an exported page, and as it looks with a kernel behind it."""

import pytest

from qalens import Reader
from qalens.testing import toy_model, toy_tokenizer
from qalens.widgets import LayerExplorer

QUESTION = "Who kept the lamp?"
STORY = "Ada kept the lamp of the room by day, and Tom kept it by night."
HOSTILE = [
    "</script><script>window.ran = 1; alert(1)</script> Ada",
    '" onmouseover="alert(1)" <svg onload=alert(1)><img src=x onerror=\'window.ran=1\'> Ada',
    "\u202eAda \u2066kept\u202d it\u2069 ${alert(1)} {{constructor.constructor('alert(1)')()}}",
    "Ada" + "\u0301" * 10_000 + " kept it",
]
RTL = "أدا أبقت المصباح في الغرفة 北京の灯 👩‍🚀 e\u0301 kept क्षि"
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
    used = READER.with_options(max_length=24) if options.pop("cut", False) else READER
    reading = used.read(question, text)
    heads = [used.ablate_heads(reading, target) for target in targets]
    return LayerExplorer(reading, used.logit_lens(reading), heads, reader=reader, **options)


def trait(page, name):
    return page.evaluate(f"qalens.model.get('{name}')")


def layers(page):
    return page.locator("[role=listbox][aria-label=Layers] [role=option]")


def token_map(page):
    return page.locator("[role=application][aria-label^='Map of starts']")


def head_map(page):
    return page.locator("[role=application][aria-label^='Map of layers']")


def readout(page, number=0):
    return page.locator(".ql-readout").nth(number).inner_text()


# --- layers -----------------------------------------------------------------------------------------------------------


def test_every_layer_is_a_row_with_its_span_and_its_numbers(open_page):
    explorer = explorer_of()
    visit = open_page(explorer)
    rows, trace = layers(visit.page), explorer.trace
    assert rows.count() == 3
    for k in range(3):
        text = rows.nth(k).inner_text()
        assert ["embeddings", "layer 1", "layer 2"][k] in text
        assert f"{abs(trace.margin[k]):.2f}" in text
        name = rows.nth(k).get_attribute("aria-label")
        assert f"margin {'−' if trace.margin[k] < 0 else ''}{abs(trace.margin[k]):.2f}" in name
    assert visit.page.locator("tr.ql-line").count() in (1, 2)
    assert (
        "the best span" in visit.page.locator("tr.ql-line").all_inner_texts()[-1] or trace.answer_settles == 0
    )
    assert visit.is_quiet()


def test_a_layer_that_is_chosen_shades_the_text_by_what_it_would_answer(open_page):
    explorer = explorer_of()
    page = open_page(explorer).page
    layers(page).nth(1).click()
    assert trait(page, "layer") == 1
    assert "after layer 1" in page.locator(".ql-x").inner_text()
    best = explorer.trace.decisions[1]
    mark = "best" if best.answer else "rejected"
    marked = "".join(page.locator(f".ql-text .ql-mark-{mark}").all_text_contents())
    assert marked == best.best.text
    inclusion = explorer.trace.at(1).spans.inclusion(given_answer=True)
    first = page.locator(".ql-text .ql-tok").first
    level = round(100 * float(inclusion[0]))
    assert first.evaluate("e => e.style.getPropertyValue('--v')") == (f"{level}%" if level else "")


def test_keys_walk_through_the_layers(open_page):
    page = open_page(explorer_of()).page
    layers(page).nth(2).press("ArrowUp")
    assert trait(page, "layer") == 1
    page.keyboard.press("Home")
    assert (trait(page, "layer"), layers(page).nth(0).get_attribute("aria-selected")) == (0, "true")
    assert page.locator(".ql-aloud").inner_text().startswith("embeddings “")


# --- starts and ends --------------------------------------------------------------------------------------------------


def test_map_and_text_point_at_each_other(open_page):
    explorer = explorer_of()
    page = open_page(explorer).page
    page.locator(".ql-text .ql-tok", has_text="lamp").hover()
    start, _end = explorer.trace.marginals(0)
    words = explorer.reading.windows
    place = next(t for t in range(start.shape[1]) if words.tokens[0, t] == "lamp" and words.role[0, t] == 2)
    assert readout(page).startswith("“lamp” at layer 2: start ")
    assert f"{start[2, place]:.3f}" in readout(page) or start[2, place] < 0.0005
    box = token_map(page).bounding_box()
    unit = min(26, (box["width"] - 34) / start.shape[1])
    page.mouse.move(box["x"] + 34 + (place + 0.5) * unit, box["y"] + 18 + 6)
    assert readout(page).startswith("“lamp” at embeddings: start ")
    assert page.locator(".ql-mark-pointed").all_text_contents() == ["lamp"]
    page.mouse.click(box["x"] + 34 + (place + 0.5) * unit, box["y"] + 18 + 6)
    assert trait(page, "layer") == 0


def test_the_map_can_be_walked_with_keys(open_page):
    page = open_page(explorer_of()).page
    token_map(page).focus()
    page.keyboard.press("Home")
    assert readout(page).startswith("“[CLS]” at layer 2")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert readout(page).startswith("“who” at layer 1")
    assert page.locator(".ql-aloud").inner_text().startswith("who, layer 1: start")
    assert trait(page, "layer") == 1


def test_the_maps_are_painted(open_page):
    page = open_page(explorer_of("answer")).page
    for chart in (token_map(page), head_map(page)):
        colours = chart.locator("canvas").first.evaluate(
            """e => { const d = e.getContext('2d').getImageData(0, 0, e.width, e.height).data, seen = new Set();
                for (let k = 0; k < d.length; k += 4) seen.add(`${d[k]},${d[k + 1]},${d[k + 2]},${d[k + 3]}`);
                return seen.size; }"""
        )
        assert colours > 8


def test_each_window_of_a_long_text_can_be_drawn(open_page):
    page = open_page(explorer_of(text=STORY * 3, cut=True, window=0)).page
    page.locator("button[aria-label='Next window']").click()
    assert trait(page, "window") == 1
    assert "window 2 of" in page.locator(".ql-x").inner_text()
    token_map(page).focus()
    page.keyboard.press("End")
    assert readout(page).startswith("“[SEP]” at layer 2")


# --- heads ------------------------------------------------------------------------------------------------------------


def test_a_head_tells_what_happens_without_it(open_page):
    explorer = explorer_of("answer")
    page = open_page(explorer).page
    head_map(page).focus()
    for key in ["Home", "ArrowUp", "ArrowRight", "ArrowDown"]:
        page.keyboard.press(key)
    change = explorer.heads.change[1, 1]
    assert readout(page, 1).startswith("layer 2, head 2: ")
    assert f"{abs(change):.2f}"[:3] in readout(page, 1)
    assert ("positively" if change < 0 else "negatively") in readout(page, 1)
    assert "Strongest: layer" in page.locator(".ql-note").last.inner_text()


def test_maps_of_heads_can_be_turned(open_page):
    page = open_page(explorer_of("answer", "no_answer")).page
    page.locator("[role=listbox][aria-label=Computed] [role=option]").nth(1).click()
    assert trait(page, "target") == "no_answer"
    assert "P(no answer)" in page.locator(".ql-target").inner_text()


def test_without_heads_and_kernel_there_is_no_map_of_them(open_page):
    page = open_page(explorer_of(reader=READER)).page
    assert head_map(page).count() == 0
    assert page.locator(".ql-controls").count() == 0


def test_with_a_kernel_heads_are_taken_out_when_asked(open_page):
    page = open_page(explorer_of(reader=READER)).page
    page.evaluate(WITH_KERNEL)
    page.locator("button", has_text="Take out each head").click()
    assert page.evaluate("window.sent.filter(one => one.do !== 'ping')") == [{"do": "compute"}]
    page.locator("[role=radio][aria-checked=true]", has_text="answer").press("End")
    assert trait(page, "target") == "margin"
    page.evaluate(
        "qalens.model.set('status', { state: 'computing', words: 'the margin', done: '3 heads done, 1 s' })"
    )
    assert "3 heads done" in page.locator(".ql-work").inner_text()
    page.locator(".ql-work button", has_text="Stop").click()
    assert page.evaluate("window.sent.filter(one => one.do !== 'ping')").pop() == {"do": "cancel"}
    page.evaluate(
        "found => { qalens.model.set('found', found); qalens.model.set('shown', 0); }",
        explorer_of("margin").found,
    )
    page.evaluate("qalens.model.set('status', { state: 'idle', words: '' })")
    assert not page.locator(".ql-work").is_visible()
    assert head_map(page).count() == 1


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*HOSTILE, RTL], ids=range(len(HOSTILE) + 1))
def test_a_text_stays_the_text_it_is(open_page, text):
    visit = open_page(explorer_of("answer", "no_answer", text=text, question=text[:200]))
    page = visit.page
    page.locator(".ql-text .ql-tok").first.hover()
    layers(page).nth(0).click()
    token_map(page).press("End")
    assert page.locator(".ql-text").evaluate("e => e.textContent") == text
    assert page.evaluate("document.querySelectorAll('img, svg, link, a, iframe, template').length") == 0
    assert page.evaluate("document.scripts.length") == 2
    assert visit.is_quiet()


@pytest.mark.parametrize("width", [1280, 600])
def test_nothing_is_wider_than_its_cell(open_page, width):
    page = open_page(explorer_of("answer", "no_answer", text=STORY + "long" * 200), width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_takes_the_focus_keeps_its_keys_and_closing_lets_go(open_page):
    page = open_page(explorer_of("answer", "no_answer", reader=READER)).page
    page.evaluate(WITH_KERNEL)
    assert (
        page.locator(
            "[tabindex]:not([data-lm-suppress-shortcuts]), button:not([data-lm-suppress-shortcuts])"
        ).count()
        == 0
    )
    page.evaluate("qalens.close()")
    assert page.locator(".ql-x").count() == 0
    page.evaluate("qalens.model.set('layer', 0)")
