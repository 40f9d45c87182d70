"""For all tests: models this small spend their time on waking threads, not on work; and one browser without network."""

import asyncio
import os
import shutil

import pytest
import torch

torch.set_num_threads(1)

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


def pytest_configure(config):
    # Registered rather than defined here, since examples in the package have no part in this file.
    config.pluginmanager.register(NoLoopOfTheBrowser())


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
            if os.environ.get("QALENS_REQUIRE_BROWSER"):
                raise
            pytest.skip(f"no Chromium here: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    page = chromium.new_page()
    yield page
    page.close()
