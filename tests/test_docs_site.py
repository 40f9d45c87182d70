"""The site builds without a warning, holds together, asks for nothing outside, and can be read by everybody."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from filelock import FileLock

import qalens

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[1]
MAIN_PAGES = (
    "index.html",
    "install.html",
    "concepts/spans.html",
    "playground.html",
    "how-to/own-checkpoint.html",
    "api/reader.html",
    "tutorials/1-read-an-answer.html",
    "tutorials/4-why-this-answer.html",
)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The built site; workers of one run share it."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    with FileLock(f"{root}.lock"):
        if not (root / "done").exists():
            _build(root)
            (root / "done").touch()
    return root / "html"


def _build(root: Path) -> None:
    # In a copy, since the build lays the notebooks beside the pages.
    leave = shutil.ignore_patterns("_build", "tutorials", "__pycache__")
    for folder in ("docs", "notebooks"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=leave)
    shutil.copy(REPOSITORY / "CHANGELOG.md", root)
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "html"],
        cwd=root, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


class Links(HTMLParser):
    """What a page refers to, what it loads, and the places in it that can be referred to."""

    def __init__(self, text: str):
        super().__init__()
        self.refers: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.refers.append(given["href"])
        if "src" in given:
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "modulepreload"):
            self.loads.append(given["href"])


@pytest.fixture(scope="session")
def pages(site) -> dict[Path, Links]:
    return {
        path: Links(path.read_text("utf-8")) for path in site.rglob("*.html") if "_static" not in path.parts
    }


def dead(path: Path, links: list[str], pages: dict[Path, Links]) -> Iterator[str]:
    """The links of a page that lead nowhere within the site."""
    for link in links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        place = unquote(parts.fragment)
        if not target.exists() or (place and target in pages and place not in pages[target].places):
            yield link


def test_no_link_within_the_site_is_dead(pages):
    assert len(pages) > 25
    assert {path.name: found for path, page in pages.items() if (found := list(dead(path, page.refers + page.loads, pages)))} == {}  # fmt: skip


@pytest.mark.parametrize("link", ["none.html", "index.html#nowhere", "#nowhere", "../none.png"])
def test_the_search_for_dead_links_can_fail(site, pages, link):
    assert list(dead(site / "install.html", ["index.html", link], pages)) == [link]


def test_no_page_loads_anything_from_elsewhere(pages):
    foreign = {load for page in pages.values() for load in page.loads if urlsplit(load).netloc}
    assert foreign == set()


# --- the reference ----------------------------------------------------------------------------------------------------


def public_names(module) -> list[str]:
    """The names of `__all__`, or what a module without one defines for others."""
    own = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    return list(getattr(module, "__all__", own))


def documented_names(site: Path) -> set[str]:
    """The full names of Python objects that the site describes, from the index that other sites link by."""
    head, _, packed = (site / "objects.inv").read_bytes().partition(b"zlib.\n")
    assert head.startswith(b"# Sphinx inventory version 2")
    return {
        line.split()[0]
        for line in zlib.decompress(packed).decode().splitlines()
        if line.split()[1].startswith("py:")
    }


ROOMS = [module.name for module in pkgutil.iter_modules(qalens.__path__) if module.name != "__main__"]


def modules_of(package: str) -> list[str]:
    """The modules of a package that others import; commands are used from a shell."""
    found = pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
    return [
        one.name for one in found if ".commands" not in one.name and not one.name.endswith("worker_process")
    ]


REFERENCE = (
    "qalens",
    *(
        f"qalens.{name}"
        for name in (
            "datasets",
            "explain",
            "plots",
            "readings.documents",
            "readings.provenance",
            "retrieval",
            "widgets",
        )
    ),
    *modules_of("qalens.evaluation"),
    *modules_of("qalens.integrations"),
    "haystack_integrations.components.readers.qalens",
)


@pytest.mark.parametrize("name", REFERENCE)
def test_the_reference_has_every_public_name(site, name):
    described = {full.rsplit(".", 1)[-1] for full in documented_names(site)}
    module = qalens.plots if name == "qalens.plots" else importlib.import_module(name)
    wanted = {
        public
        for public in public_names(module)
        if inspect.isclass(getattr(module, public)) or inspect.isfunction(getattr(module, public))
    }
    assert wanted - described == set()


PUBLIC = [
    (module, name)
    for module in ("qalens", *(f"qalens.{room}" for room in ROOMS), "qalens.display.plots")
    for name in getattr(importlib.import_module(module), "__all__", ())
]


@pytest.mark.parametrize(("module", "name"), PUBLIC, ids=[f"{module}.{name}" for module, name in PUBLIC])
def test_every_public_class_and_function_has_an_example_that_runs(module, name):
    value = getattr(importlib.import_module(module), name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert ">>> " in (inspect.getdoc(value) or "")


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["light", "dark"])
def visit(request, chromium, site):
    """Opens pages of the site from the disk, on a phone, in light and in dark; notes what is asked for."""
    page = chromium.new_page(color_scheme=request.param, viewport={"width": 390, "height": 844})
    asked: list[str] = []
    page.on(
        "request",
        lambda one: None if one.url.startswith(("file:", "data:", "blob:")) else asked.append(one.url),
    )
    page.asked = asked
    page.scheme = request.param

    def open_page(name: str):
        page.goto((site / name).as_uri())
        return page

    yield open_page
    page.close()


@pytest.mark.parametrize("name", MAIN_PAGES)
def test_a_page_asks_for_nothing_fits_a_phone_and_shows_its_pictures(visit, name):
    page = visit(name)
    assert page.asked == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert (
        page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)") == []
    )
    assert page.evaluate("document.documentElement.dataset.theme") == page.scheme


@pytest.mark.parametrize("name", MAIN_PAGES)
def test_axe_finds_no_fault(visit, name):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(visit(name), options={"resultTypes": ["violations"]})
    faults = [
        (fault["id"], node["html"][:200]) for fault in found.response["violations"] for node in fault["nodes"]
    ]
    assert faults == []


def test_formulas_are_drawn(visit):
    page = visit("concepts/spans.html")
    sizes = page.eval_on_selector_all("math", "all => all.map(m => m.getBoundingClientRect().width)")
    assert len(sizes) > 10
    assert min(sizes) > 4


# --- the explorer of the first page -----------------------------------------------------------------------------------


def test_the_explorer_of_the_first_page_works_there(visit):
    page = visit("index.html")
    page.locator("iframe.live").scroll_into_view_if_needed()
    frame = page.frame_locator("iframe.live")
    frame.get_by_text("Ellen Reed", exact=True).first.wait_for()
    logits = frame.get_by_role("radio", name="logits")
    logits.scroll_into_view_if_needed()
    # A frame that has just grown or moved hears nothing before it is painted there: a click goes to the page behind it.
    for one in (page.locator("iframe.live"), logits):
        one.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    logits.click()
    frame.get_by_text("Start and end logits").wait_for()
    page.get_by_role("link", name="No answer", exact=True).click()
    frame.get_by_text("How much did the lighthouse cost?", exact=True).first.wait_for()
    assert page.locator(".play a[aria-current]").inner_text() == "No answer"
    assert not any(picture.is_visible() for picture in page.locator(".still img").all())
    assert page.asked == []


def test_the_playground_loads_its_reader_on_a_click_and_says_its_size_before(visit, site):
    size = (site / "_static" / "live" / "ask.html").stat().st_size / 1e6
    page = visit("playground.html")
    frame = page.frame_locator("iframe.live")
    assert frame.locator("#question").count() == 0
    button = page.get_by_role("link", name="Load the reader")
    assert abs(int(re.search(r"(\d+) MB", button.inner_text())[1]) - size) <= 1
    button.click()
    frame.locator("#spans .ql-verdict strong").wait_for(timeout=300_000)
    assert page.asked == []
    assert 'href="playground.html"' in (site / "index.html").read_text("utf-8")


LIVE = ("answer", "none", "misled", "flip", "long", "no-answer", "why", "layers", "change", "dataset")


@pytest.mark.parametrize("name", LIVE)
def test_every_explorer_of_the_first_page_is_there(site, name):
    page = (site / "_static" / "live" / f"{name}.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert f'href="_static/live/{name}.html" target="live"' in (site / "index.html").read_text("utf-8")


def test_frames_follow_the_theme_and_nothing_scrolls_within_them(visit):
    page = visit("index.html")
    frame = page.frame_locator("iframe.live")
    root = frame.locator(".ql-x").first
    root.wait_for()
    expected = {"dark": "light", "light": "dark"}[page.scheme]
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", expected)
    frame.locator(f'.ql-x[data-ql-theme="{expected}"]').first.wait_for()
    # As tall as what is shown: the page is the one thing that scrolls on a phone.
    frame.locator("html").evaluate("""root => new Promise(done => {
      const look = () => root.scrollHeight <= root.clientHeight + 1 ? done() : setTimeout(look, 50);
      look();
    })""")
    assert frame.locator(".ql-text").first.evaluate("text => getComputedStyle(text).overflowY") == "visible"


def test_a_picture_stands_for_the_explorer_where_nothing_runs(chromium, site):
    page = chromium.new_page(java_script_enabled=False)
    page.goto((site / "index.html").as_uri())
    assert page.locator(".still img.only-light").is_visible()
    assert not page.locator("iframe.live").is_visible()
    page.close()
