"""What all explorers have in common, seen in an exported page: hostile texts, themes, keys, and leaving nothing behind."""

import base64
import inspect
import json
import re
from pathlib import Path

import ipywidgets
import pytest

from qalens import InputError, widgets
from qalens.display.html.element import join
from qalens.testing import planted_reading
from qalens.widgets import SpanExplorer, bundle
from qalens.widgets.bundle import script_text
from qalens.widgets.explorer import Explorer
from qalens.widgets.page import explorer_page, frame_html, traits_json

HOSTILE = {
    "a script": "<script>window.ran = 1; alert(1)</script> Ada",
    "the end of a script": "</script><script>window.ran = 1</script><!-- <script> Ada",
    "the end of a template": "</template></textarea></title></style></svg><img src=x onerror='window.ran=1'> Ada",
    "an event handler": "\" onmouseover=\"alert(1) ' onfocus='alert(1) <svg onload=alert(1)> Ada",
    "a link": "javascript:alert(1) <a href='javascript:alert(1)'>Ada</a> data:text/html,<script>alert(1)</script>",
    "template syntax": "${alert(1)} {{constructor.constructor('alert(1)')()}} `+alert(1)+` %(x)s {0} \\u003cscript> Ada",
    "what leaves the machine": "<img src='http://127.0.0.1:9/x'><link rel=stylesheet href='http://127.0.0.1:9/y'> Ada",
    "combining marks": "Ada" + "\u0301" * 10_000 + " kept it",
    "bidi overrides": "\u202eAda \u2066kept\u202d it\u2069 \u061c",
    "line separators": "Ada\u2028kept\u2029it\x85on",
    "control characters": "Ada\x00kept\x1bit\x7f",
}


def hostile(text):
    return planted_reading(text[:200], text, answer="Ada" if "\u0301" not in text else None, strength=3.0)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_text_stays_text(open_page, text):
    visit = open_page(SpanExplorer(hostile(text)))
    page = visit.page
    page.locator(".ql-tok").first.hover()
    page.locator(".ql-text").focus()
    page.keyboard.press("Enter")
    page.locator(".ql-spans [role=option]").first.click()
    assert page.locator(".ql-text").evaluate("e => e.textContent") == text
    assert page.evaluate("document.querySelectorAll('img, svg, link, a, iframe, template').length") == 0
    assert page.evaluate("document.scripts.length") == 2
    assert visit.is_quiet()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_text_does_not_leave_its_element_in_the_source(text):
    page = SpanExplorer(hostile(text)).to_html()
    assert len(re.findall("<script", page)) == len(re.findall("</script", page)) == 2
    embedded = re.search('id="qalens-traits">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(embedded)["view"]["context"] == text
    assert not re.search("[<>&\u2028\u2029]", embedded)


def test_a_page_that_would_run_something_is_stopped_by_its_policy(page, tmp_path):
    html = SpanExplorer(hostile("Ada kept it")).to_html()
    planted = "<script>window.ran = 1</script><img src='data:image/png,' onerror='window.ran = 1'>"
    (tmp_path / "page.html").write_text(html.replace("</body>", f"{planted}</body>"), encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector(".ql-tok")
    assert page.evaluate("window.ran") is None


_BLUE = """all => all.some(one => {
  const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && data[i + 2] > data[i] + 60) return true;
  return false;
})"""


def test_an_element_that_is_laid_in_a_page_after_it_is_drawn_has_its_colours(page, tmp_path):
    html = SpanExplorer(planted_reading("Who?", "Ada kept it", answer="Ada")).to_html()
    late = html.replace(
        'el: document.getElementById("qalens")', "el: window.late = document.createElement('div')"
    )
    assert late != html
    # Another script than the one that the policy of the page knows.
    (tmp_path / "page.html").write_text(
        re.sub('<meta http-equiv="Content-Security.*', "", late), encoding="utf-8"
    )
    page.goto((tmp_path / "page.html").as_uri())
    page.evaluate("document.getElementById('qalens').append(window.late)")
    page.wait_for_function(f"({_BLUE})([...document.querySelectorAll('canvas')])")


def test_a_request_that_a_page_makes_would_be_noticed(open_page):
    visit = open_page(SpanExplorer(hostile("Ada kept it")))
    visit.page.evaluate("location.href = 'http://127.0.0.1:9/x'")
    visit.page.wait_for_timeout(200)
    assert visit.requests == ["http://127.0.0.1:9/x"]


def test_the_frame_for_saved_notebooks_runs_apart(page):
    explorer = SpanExplorer(hostile("Ada kept </iframe> it"))
    data, _ = explorer._repr_mimebundle_()
    page.set_content(data["text/html"])
    inside = page.frame_locator("iframe")
    inside.locator(".ql-tok").first.click()
    assert inside.locator(".ql-spans [aria-selected=true]").count() == 1
    assert page.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    assert page.evaluate("document.querySelector('iframe').contentDocument") is None


def test_the_bundle_keeps_the_live_widget_and_adds_twins():
    explorer = SpanExplorer(hostile("Ada kept it"))
    data, _ = explorer._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id
    assert (
        data["text/plain"]
        == repr(explorer)
        == "SpanExplorer(Ada kept it — Ada (98.4%))".replace(
            "98.4%", explorer.summary().split("(")[1].rstrip(")")
        )
    )


# --- themes -----------------------------------------------------------------------------------------------------------

THEMES = {
    "the browser, light": ("", False, False),
    "the browser, dark": ("", True, True),
    "Jupyter, dark": ("document.body.dataset.jpThemeLight = 'false'", False, True),
    "Jupyter, light": ("document.body.dataset.jpThemeLight = 'true'", True, False),
    "VS Code, dark": ("document.body.className = 'vscode-dark'", False, True),
    "VS Code, light": ("document.body.className = 'vscode-light'", True, False),
    "Sphinx, dark": ("document.documentElement.dataset.theme = 'dark'", False, True),
}


@pytest.mark.parametrize(("host", "browser", "dark"), THEMES.values(), ids=list(THEMES))
def test_the_theme_follows_its_host_while_it_is_open(open_page, host, browser, dark):
    visit = open_page(SpanExplorer(hostile("Ada kept it")), dark=browser)
    page = visit.page
    page.evaluate(host or "0")
    visit.until(f"document.querySelector('.ql-x').dataset.qlTheme === '{'dark' if dark else 'light'}'")
    ground = page.locator(".ql-x").evaluate("e => getComputedStyle(e).backgroundColor")
    assert ground == ("rgb(21, 24, 29)" if dark else "rgb(255, 255, 255)")


@pytest.mark.parametrize("dark", [False, True])
def test_a_canvas_is_painted_anew_in_the_other_theme(open_page, dark):
    visit = open_page(SpanExplorer(hostile("Ada kept it")), dark=dark)
    page = visit.page
    pixels = "document.querySelector('canvas').toDataURL()"
    page.wait_for_timeout(100)
    page.evaluate(f"window.before = {pixels}")
    page.emulate_media(color_scheme="light" if dark else "dark")
    visit.until(f"{pixels} !== window.before")


# --- keys and names ---------------------------------------------------------------------------------------------------


def test_every_focusable_element_keeps_jupyters_shortcuts_quiet_and_has_a_name(open_page):
    long = planted_reading("Who kept it?", "Ada kept the lamp on. " * 60, answer="Ada", max_length=384)
    page = open_page(SpanExplorer(long)).page
    focusable = page.locator("[tabindex], button, input, select, textarea, summary, a[href]")
    assert focusable.count() > 8
    for element in focusable.all():
        assert element.get_attribute("data-lm-suppress-shortcuts") == "true"
        assert element.get_attribute("aria-label") or element.inner_text()


def test_tab_visits_each_part_once(open_page):
    page = open_page(SpanExplorer(planted_reading("Who?", "Ada kept the lamp.", answer="Ada"))).page
    visited = []
    for _ in range(6):
        page.keyboard.press("Tab")
        visited.append(page.evaluate("document.activeElement.getAttribute('role')"))
    assert visited == ["listbox", "radio", "radio", "option", None, "listbox"]


def test_the_focus_can_be_seen(open_page):
    page = open_page(SpanExplorer(planted_reading("Who?", "Ada kept the lamp.", answer="Ada"))).page
    page.keyboard.press("Tab")
    assert page.locator(".ql-cursor").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


# --- leaving nothing behind -------------------------------------------------------------------------------------------

# Counts what the page's own script opens; what Playwright adds for its clicks is not ours.
_COUNT = """() => {
  window.open_ = { listeners: 0, observers: 0 };
  const ours = () => new Error().stack.includes('page.html');
  const add = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, f, options) {
    if (type !== 'abort' && ours()) {
      open_.listeners += 1;
      options?.signal ? add.call(options.signal, 'abort', () => { open_.listeners -= 1; }) : 0;
    }
    return add.call(this, type, f, options);
  };
  for (const name of ['ResizeObserver', 'MutationObserver', 'IntersectionObserver']) {
    const Kind = window[name];
    window[name] = class extends Kind {
      constructor(...given) { super(...given); this.ours = ours(); open_.observers += this.ours ? 1 : 0; }
      disconnect() { super.disconnect(); open_.observers -= this.ours ? 1 : 0; }
    };
  }
}"""


def test_closing_lets_go_of_every_listener_and_observer(own_page, tmp_path):
    page = own_page
    explorer = SpanExplorer(
        planted_reading("Who?", "Ada kept the lamp on. " * 90, answer="Ada", max_length=384)
    )
    explorer.to_html(tmp_path / "page.html")
    page.add_init_script(f"({_COUNT})()")
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector(".ql-tok")
    page.locator(".ql-tok").first.hover()
    assert page.evaluate("open_.listeners") > 10
    assert page.evaluate("open_.observers") > 4
    # A new view lets go of the old drawing as well.
    before = page.evaluate("({ ...open_ })")
    page.evaluate("qalens.model.set('view', { ...qalens.model.get('view') })")
    assert page.evaluate("({ ...open_ })") == before
    page.evaluate("qalens.close()")
    assert page.evaluate("({ ...open_ })") == {"listeners": 0, "observers": 0}
    assert page.locator(".ql-x").count() == 0
    page.evaluate("qalens.model.set('selected', [0, 3])")


def test_closing_leaves_no_kernel_object():
    registry = ipywidgets.widgets.widget._instances
    before = set(registry)
    for _ in range(3):
        SpanExplorer(planted_reading("Who?", "Ada kept it.", answer="Ada")).close()
    assert set(registry) == before


def test_what_was_closed_can_be_shown_again():
    explorer = SpanExplorer(planted_reading("Who?", "Ada kept it.", answer="Ada"), selected=(0, 3))
    explorer.close()
    explorer.selected = (4, 8)
    data, _ = explorer._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id is not None
    assert ipywidgets.widgets.widget._instances[explorer.model_id] is explorer
    explorer.close()


# --- the parts in Python ----------------------------------------------------------------------------------------------


SCRIPTS = sorted(file.stem for file in (Path(bundle.__file__).parent / "js").rglob("*.js"))
EXPLORERS = [name for name in SCRIPTS if name.endswith("_explorer")]


def test_scripts_lose_their_comments_and_nothing_else():
    lean = script_text("span_explorer")
    assert not re.search(r"^\s*(//|/\*|\*)", lean, re.MULTILINE)
    assert "class Prose {" in lean
    assert "\n\n" not in lean


@pytest.mark.parametrize("name", EXPLORERS)
def test_the_modules_of_an_explorer_can_stand_in_one_scope(name):
    texts = [bundle._text(f"{one}.js") for one in {*bundle.modules(name), *bundle.modules("explorer")}]
    declared = re.compile(r"^(?:export )?(?:async )?(?:function\*?|class|const|let) ([\w$]+)", re.MULTILINE)
    names = [one for text in texts for one in declared.findall(text)]
    assert len(names) > 20
    assert len(names) == len(set(names)), {one for one in names if names.count(one) > 1}


def test_every_script_imports_only_modules_beside_it_and_fetches_nothing():
    for name in SCRIPTS:
        code = bundle._IMPORT.sub("", bundle._bare(bundle._text(f"{name}.js")))
        assert not re.search(
            r"\bimport\b|\bfetch\(|XMLHttpRequest|WebSocket|innerHTML|outerHTML|insertAdjacent", code
        ), name
        assert not re.search(r"document\.write|\beval\(|new Function|https?:", code), name


def test_bytes_travel_as_base64():
    text = traits_json({"logits": b"\x00\xff", "more": [1, None]})
    assert base64.b64decode(json.loads(text)["logits"]["base64"]) == b"\x00\xff"


def test_what_is_no_json_is_no_page():
    with pytest.raises(ValueError, match="not JSON compliant"):
        traits_json({"margin": float("inf")})
    with pytest.raises(TypeError, match="set cannot stand in a page"):
        traits_json({"ids": {1}})


def test_a_title_is_text():
    assert "<title>&lt;b&gt; · qalens</title>" in explorer_page("<b>", "", "", {})
    assert 'title="&quot;&gt;"' in frame_html("", '">', 100, join())


def test_an_explorer_without_a_figure_says_so():
    with pytest.raises(InputError, match="has no option 'a'"):
        Explorer({}, a=1)
    with pytest.raises(NotImplementedError, match="Explorer draws no figure"):
        Explorer({}).to_svg()


@pytest.mark.parametrize("name", [n for n in widgets.__all__ if n.endswith("Explorer") and n != "Explorer"])
def test_help_shows_what_an_explorer_takes(name):
    explorer = getattr(widgets, name)
    takes = list(inspect.signature(explorer).parameters)
    assert takes == list(inspect.signature(explorer.__init__).parameters)[1:]
    assert takes[0] != "args"
