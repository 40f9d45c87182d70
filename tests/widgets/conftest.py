"""Explorers in a browser: as exported pages, and live in a real JupyterLab and a real Notebook 7."""

import pytest
from live_jupyter import HOSTS, Visit, leave, open_in, served, visit_of


@pytest.fixture
def open_page(page, tmp_path):
    """open_page(explorer, width=900, dark=False): the exported page, opened from disk; returns its `Visit`."""

    def go(explorer, *, width=900, height=900, dark=False, reduced=False):
        file = tmp_path / "page.html"
        explorer.to_html(file)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(
            color_scheme="dark" if dark else "light", reduced_motion="reduce" if reduced else "no-preference"
        )
        visit = Visit(page, inside=(file.as_uri(),))
        page.goto(file.as_uri())
        page.wait_for_selector(".ql-x")
        return visit

    return go


@pytest.fixture(scope="session")
def jupyter(chromium, tmp_path_factory):
    """(base URL, folder) of a Jupyter server that serves Lab and Notebook 7, with settings of its own."""
    with served(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(params=list(HOSTS))
def open_notebook(request, jupyter, own_page):
    """open_notebook(*cells): a `Notebook` in Lab and then in Notebook 7, run to its end."""
    visit = visit_of(own_page, jupyter[0])
    own_page.set_viewport_size({"width": 1280, "height": 1000})
    yield lambda *cells: open_in(request.param, jupyter, visit, *cells)
    leave(visit)
