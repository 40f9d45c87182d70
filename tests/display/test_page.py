"""The page in a real browser: it asks for nothing, runs nothing, and fits every width."""

import pytest
from whole import whole

from qalens.display import to_html
from qalens.testing import planted_reading

HOSTILE = (
    "<script>window.ran = 1; alert(1)</script><img src=http://127.0.0.1:9/x onerror='window.ran = 1'>"
    "</style><style>@import 'http://127.0.0.1:9/y';</style><svg onload=alert(1)> Ada\" onmouseover=\"alert(1) "
    "javascript:alert(1) \u202eAda" + "\u0301" * 10_000 + "\0 kept the lamp. " + "W" * 400
)
WORDS = "Ada kept the lamp of the room by day, and Zoë Ångström (北京) kept it 👩‍🚀 by night; "
TEXTS = {
    "short": "Ada kept the lamp.",
    "paragraph": WORDS * 6 + "zed",
    "windows": WORDS * 60 + "zed",
    "arabic": "أدا أبقت المصباح في الغرفة طوال الليل. " * 5 + "zed",
    "hostile": HOSTILE,
    "control": "\x01\x02",
}


def reading_of(name, answer=True):
    context = TEXTS[name]
    planted = "zed" if context.endswith("zed") else "Ada"
    return planted_reading(
        f"Who? {context[:150]}", context, answer=planted if answer and "A" in context else None
    )


def visit(page, markup):
    """Show markup, and return what the page asked for, said, and complained about."""
    events = []
    page.on("request", lambda request: events.append(f"request {request.url}"))
    page.on("dialog", lambda dialog: (events.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: events.append(f"error {error}"))
    page.on("console", lambda message: events.append(f"console {message.text}"))
    page.set_content(markup)
    return events


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.parametrize("name", TEXTS)
def test_a_page_asks_for_nothing_and_runs_nothing(page, name, answer):
    events = visit(page, to_html(reading_of(name, answer)))
    for element in page.locator(".ql-text span, .ql-text mark").all()[:5]:
        element.hover(force=True)
    page.wait_for_timeout(50)
    assert events == []
    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.scripts.length") == 0


def test_a_page_that_runs_a_script_would_be_noticed(page):
    events = visit(page, "<script>alert(1)</script><img src='http://127.0.0.1:9/x'>")
    assert any(event.startswith("dialog") for event in events)
    assert any(event.startswith("request") for event in events)


@pytest.mark.parametrize("width", [375, 600, 1280])
@pytest.mark.parametrize("name", TEXTS)
def test_nothing_sticks_out(page, name, width):
    page.set_viewport_size({"width": width, "height": 800})
    visit(page, to_html(reading_of(name)))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What is clipped inside would not scroll: no label may reach past the picture that holds it.
    out = page.evaluate(
        """() => [...document.querySelectorAll('.qalens .ql-l')].filter(t => {
            const a = t.getBoundingClientRect(), b = t.closest('.ql-pic').getBoundingClientRect();
            return a.left < b.left - 1 || a.right > b.right + 1 || a.bottom > b.bottom + 1;
        }).map(t => t.dataset.t)"""
    )
    assert out == []


@pytest.mark.parametrize("name", ["short", "paragraph", "windows", "arabic"])
def test_the_browser_shows_the_text_as_it_is(page, name):
    reading = reading_of(name)
    visit(page, to_html(reading))
    page.evaluate("document.querySelectorAll('.ql-text summary').forEach(s => s.remove())")
    assert page.locator(".ql-text").text_content() == reading.context


@pytest.mark.parametrize(
    ("host", "scheme", "dark"),
    [
        ("", "light", False),
        ("", "dark", True),
        ('data-jp-theme-light="false"', "light", True),
        ('data-jp-theme-light="true"', "dark", False),
        ('data-theme="dark"', "light", True),
    ],
)
def test_the_theme_is_that_of_the_notebook_or_else_of_the_browser(page, host, scheme, dark):
    page.emulate_media(color_scheme=scheme)
    visit(page, f"<!doctype html><body {host}>{whole(reading_of('short'))}</body>")
    ground = page.locator(".qalens").evaluate("e => getComputedStyle(e).backgroundColor")
    assert ground == ("rgb(21, 24, 29)" if dark else "rgb(255, 255, 255)")


def test_the_styles_of_a_notebook_do_not_get_in(page):
    foreign = (
        "<style>.jp-RenderedHTMLCommon tbody tr:nth-child(odd) { background: red } "
        ".jp-RenderedHTMLCommon td { text-align: left; padding: 40px; border: 3px solid red }</style>"
    )
    body = f'<div class="jp-RenderedHTMLCommon">{whole(reading_of("short"))}</div>'
    visit(page, f"<!doctype html>{foreign}{body}")
    row = page.locator(".qalens tbody tr").first
    cell = row.locator("td").last
    assert row.evaluate("e => getComputedStyle(e).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert cell.evaluate("e => getComputedStyle(e).borderTopWidth") == "0px"


def test_our_styles_do_not_get_out(page):
    neighbour = "<table><tbody><tr><td>a</td></tr></tbody></table><p>b</p><header>c</header>"
    look = (
        "[...document.querySelectorAll('body > table td, body > p, body > header, body')].map(e => {"
        "const s = getComputedStyle(e); return [s.font, s.padding, s.margin, s.color, s.border, s.display]; })"
    )
    visit(page, f"<!doctype html><body>{neighbour}</body>")
    alone = page.evaluate(look)
    visit(page, f"<!doctype html><body>{neighbour}{whole(reading_of('short'))}</body>")
    assert page.evaluate(look) == alone
