"""For all tests: models this small spend their time on waking threads, not on work; and one browser without network."""

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
