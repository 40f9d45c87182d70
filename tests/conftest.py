"""For all tests: models this small spend their time on waking threads, not on work; and one browser without network."""

import asyncio
import gc
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

torch.set_num_threads(1)
# Also in the processes that tests start: several run at a time, and threads that wait for a core keep it busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # Names of other machines are not looked up at all, so that nothing can leave this one.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


class NoLoopOfTheBrowser:
    """Hides the event loop of the browser from tests and examples that use no browser.

    It counts as running in this thread from the first browser test on, and yet stands still while Python does anything
    else: what is handed to it would never happen. A kernel's loop goes on.
    """

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        if "chromium" in getattr(item, "fixturenames", ()):
            return (yield)
        loop = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        try:
            return (yield)
        finally:
            asyncio._set_running_loop(loop)


_LONG, _AROUND = 2_000, 60  # characters


def pytest_assertrepr_compare(op, left, right):
    """Long texts that are not equal are told apart by their first difference, since CI shows only the end of a log."""
    if op != "==" or type(left) is not type(right) or not isinstance(left, str | bytes):
        return None
    if max(len(left), len(right)) <= _LONG:
        return None
    both = min(len(left), len(right))
    at = next((k for k in range(both) if left[k] != right[k]), both)
    first = max(0, at - _AROUND)
    return [
        f"texts of {len(left):,} and {len(right):,} are the same up to {at:,}, and go on",
        *(repr(text[first : at + _AROUND]) for text in (left, right)),
    ]


# Packages of which an extra brings one, and the files and folders that cannot even be collected without them.
_ROOT = Path(__file__).parents[1]
_NEEDS = {
    "haystack": ("haystack", "test_haystack", "old_haystack", "test_every_architecture"),
    "nbformat": ("tests/widgets",),
    "ray": ("test_ray",),
    "marimo": ("test_live_marimo",),
    "sphinx": ("test_docs_site",),
    "bm25s": ("test_retrieval", "retrieval"),
    "websockets": ("firefox", "test_page_in_firefox"),
}


class WithoutExtras:
    """Leaves files out whose package is not installed, except in CI, where everything has to be there."""

    def __init__(self):
        missing = [package for package in _NEEDS if importlib.util.find_spec(package) is None]
        if missing and os.environ.get("QALENS_REQUIRE_ALL"):
            raise pytest.UsageError(f"Packages that the tests need are not installed: {', '.join(missing)}")
        self.starts = tuple(start for package in missing for start in _NEEDS[package])

    def pytest_ignore_collect(self, collection_path):
        if not collection_path.is_relative_to(_ROOT) or collection_path.suffix not in ("", ".py"):
            return None
        place = collection_path.relative_to(_ROOT).as_posix()
        # A folder of tests by its place, since the package has one of the same name.
        return True if place in self.starts or collection_path.name.startswith(self.starts) else None


class Markers:
    """Marks what drives a browser or starts a server by the fixture that it takes, so that no test has to say it twice."""

    def pytest_collection_modifyitems(self, items):
        for item in items:
            taken = set(getattr(item, "fixturenames", ()))
            if "chromium" in taken:
                item.add_marker(pytest.mark.browser)
            if taken & {"jupyter", "site"}:
                item.add_marker(pytest.mark.slow)


class NoFigureLeftOpen:
    """Closes what a test or an example drew with pyplot, which the next one in this process would find open."""

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item):
        if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
            pyplot.close("all")


class OnlyWhatTestsMakeIsSwept:
    """Lets the search for garbage pass over modules and collected tests, nearly all that there is and never garbage."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self):
        gc.disable()
        try:
            return (yield)
        finally:
            gc.freeze()
            # Nor is it worth looking after every 700 new objects: a test makes many thousands, and most have no cycles.
            gc.set_threshold(20_000, 20, 20)
            gc.enable()


def pytest_configure(config):
    # Registered rather than defined here, since examples in the package have no part in this file.
    for plugin in (
        NoLoopOfTheBrowser(),
        WithoutExtras(),
        Markers(),
        NoFigureLeftOpen(),
        OnlyWhatTestsMakeIsSwept(),
    ):
        config.pluginmanager.register(plugin)


@pytest.fixture(scope="session")
def chromium():
    # A Chromium of the system where there is one, else the one that playwright installed. A machine with neither may
    # skip what needs one; CI sets the variable and fails instead. pytest-playwright's own fixtures raise a deprecation
    # warning in pytest 9, and warnings are errors here.
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_ARGUMENTS)
        except Error as error:
            if os.environ.get("QALENS_REQUIRE_ALL"):
                raise
            pytest.skip(f"no Chromium here: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture
def own_page(chromium):
    """A page that no other test sees, for what cannot be taken back: a script before all others, a server's storage.

    And for what may ask this machine: Chromium lets an empty page do so only as long as it was nowhere else.
    """
    page = chromium.new_page()
    yield page
    page.close()


_MEDIA_OF_A_NEW_PAGE = {
    "media": "null",
    "color_scheme": "light",
    "reduced_motion": "no-preference",
    "forced_colors": "none",
    "contrast": "no-preference",
}


class KeptPage:
    """One page for many tests, since a new one costs more than most of them do; each finds it as it was when new."""

    def __init__(self, browser):
        self.browser, self.heard = browser, []
        self.page: Any = None

    def lent(self):
        """The page, which from now on keeps who listens to it."""
        if self.page is None:
            self.page = self.browser.new_page()
            self.size, listen = self.page.viewport_size, self.page.on

            def on(event, f):
                self.heard.append((event, f))
                listen(event, f)

            self.page.on = on
        return self.page

    def taken_back(self):
        """Nobody listens any more, nothing is open or pointed at, and all is emulated as in a new page."""
        from playwright.sync_api import Error

        page = self.page
        while self.heard:
            page.remove_listener(*self.heard.pop())
        try:
            page.mouse.move(-1, -1)
            page.goto("about:blank")
            page.emulate_media(**_MEDIA_OF_A_NEW_PAGE)
            if page.viewport_size != self.size:
                page.set_viewport_size(self.size)
        except Error:
            # On its way to somewhere else, or closed.
            self.dropped()

    def dropped(self):
        """The next test gets a new one, as after a test that failed: what that left behind is not looked through."""
        self.page.close()
        self.page = None
        self.heard.clear()


@pytest.fixture(scope="session")
def kept_page(chromium):
    return KeptPage(chromium)


@pytest.fixture
def page(request, kept_page):
    failed = request.session.testsfailed
    yield kept_page.lent()
    if request.session.testsfailed == failed:
        kept_page.taken_back()
    else:
        kept_page.dropped()
