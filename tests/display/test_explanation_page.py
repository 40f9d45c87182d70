"""Explanations in a real browser: they ask for nothing, run nothing, fit every width, and shade from the ground up."""

import numpy as np
import pytest
from planted_records import (
    diagnostics,
    planted_attribution,
    planted_contrast,
    planted_effects,
    planted_faithfulness,
    planted_heads,
    planted_table,
    planted_trace,
    random_reading,
)
from test_page import HOSTILE, TEXTS, WORDS, visit
from whole import whole

from qalens.display import to_html
from qalens.explain.counterfactual.difference import compare

PARAGRAPH = WORDS * 6 + "zed"
MANY_HEADS = np.random.default_rng(0).normal(0, 1, (24, 16))
PAGES = {
    "attribution": lambda: to_html(planted_attribution(PARAGRAPH, "zed", asked=WORDS)),
    "not converged": lambda: to_html(planted_attribution(TEXTS["arabic"], None, "no_answer", diagnostics=diagnostics(converged=False))),
    "contrast": lambda: to_html(planted_contrast(WORDS, "Ada", "by night")),
    "window": lambda: to_html(planted_attribution(WORDS * 30 + "zed", "zed", max_length=64, stride=16)),
    "hostile": lambda: to_html(planted_attribution(HOSTILE, None, "no_answer", asked=HOSTILE[:100])),
    "layers": lambda: framed(whole(planted_trace(random_reading(PARAGRAPH)))),
    "heads": lambda: framed(whole(planted_heads(random_reading(WORDS), change=MANY_HEADS))),
    "difference": lambda: framed(whole(compare(random_reading(PARAGRAPH), random_reading(HOSTILE)))),
    "sentences": lambda: framed(whole(planted_effects(random_reading(WORDS + "So. " + WORDS)))),
    "faithfulness": lambda: framed(whole(planted_faithfulness(random_reading(WORDS)))),
    "table": lambda: framed(whole(planted_table())),
}  # fmt: skip


def framed(fragment):
    return f'<!doctype html><meta charset="utf-8"><body class="qalens-page">{fragment}</body>'


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_runs_nothing_and_nothing_sticks_out(page, name):
    events = visit(page, PAGES[name]())
    for element in page.locator(".ql-v").all()[:3]:
        element.hover(force=True)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    for width in (375, 600, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        out = page.evaluate(
            """() => [...document.querySelectorAll('.qalens svg text, .qalens td, .qalens dd, .ql-sums span')].filter(t => {
                const a = t.getBoundingClientRect(), b = t.closest('svg, section').getBoundingClientRect();
                return a.left < b.left - 1 || a.right > b.right + 1 || a.bottom > b.bottom + 1;
            }).map(t => t.textContent)"""
        )
        assert out == []
    assert events == []
    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.scripts.length") == 0


@pytest.mark.parametrize("name", ["paragraph", "windows", "arabic"])
def test_the_browser_shows_the_text_as_it_is(page, name):
    attribution = planted_attribution(TEXTS[name], "zed")
    visit(page, to_html(attribution))
    page.evaluate("document.querySelectorAll('.ql-text summary').forEach(s => s.remove())")
    assert page.locator(".ql-text").nth(1).text_content() == attribution.context


def test_a_word_is_named_with_its_number_for_those_who_do_not_see_it(page):
    values = np.zeros(len(planted_attribution("Ada kept it.").tokens))
    values[planted_attribution("Ada kept it.").target.tokens[0]] = 2.0
    visit(page, to_html(planted_attribution("Ada kept it.", values=values)))
    assert page.get_by_role("img", name="Ada +2.00").count() == 1
    assert page.get_by_role("img", name="kept 0.00").count() == 2


@pytest.mark.parametrize(("scheme", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 24, 29)")])
def test_zero_is_the_ground_and_signs_differ_by_more_than_colour(page, scheme, ground):
    plain = planted_attribution("Ada kept the lamp.")
    values = np.zeros(len(plain.tokens))
    of_text = [w.tokens[0] for w in plain.words if w.role == 2]
    values[of_text[:3]] = 2.0, -2.0, 0.0
    page.emulate_media(color_scheme=scheme)
    visit(page, to_html(planted_attribution("Ada kept the lamp.", values=values)))
    look = "e => { const s = getComputedStyle(e); return [s.backgroundColor, s.boxShadow]; }"
    words = page.locator(".ql-text").nth(1).locator(".ql-v")
    (up, above), (down, below), (zero, nothing) = (words.nth(k).evaluate(look) for k in range(3))
    assert page.locator(".qalens").evaluate("e => getComputedStyle(e).backgroundColor") == ground
    assert (zero, nothing) == ("rgba(0, 0, 0, 0)", "none")
    assert len({up, down, zero}) == 3
    # A line at the upper edge for, at the lower edge against.
    assert " 0px 2px 0px" in above
    assert " 0px -2px 0px" in below


def test_two_views_in_one_page_do_not_disturb_each_other(page):
    alone = whole(planted_attribution("Ada kept it."))
    both = f"<!doctype html><body>{alone}{whole(planted_heads(random_reading('Ada kept it.')))}</body>"
    look = "[...document.querySelectorAll('.qalens')[0].querySelectorAll('*')].map(e => getComputedStyle(e).font)"
    visit(page, f"<!doctype html><body>{alone}</body>")
    before = page.evaluate(look)
    visit(page, both)
    assert page.evaluate(look) == before
