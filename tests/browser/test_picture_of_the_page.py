"""A picture of the page that reads, in light and dark, with the bundled checkpoint.

They stand in docs/pictures. To make them anew: QALENS_WRITE_PICTURES=1 python -m pytest tests/browser/test_picture_of_the_page.py
"""

from __future__ import annotations

import numpy as np
import pytest
from shown_pictures import PICTURES, brightness, is_up_to_date, keep

import qalens

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return qalens.page(qalens.load(dtype="float32"), tmp_path_factory.mktemp("page") / "ask.html")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_has_a_picture_in_both_themes(chromium, file, theme):
    page = chromium.new_page(
        viewport={"width": 960, "height": 1060}, color_scheme=theme, reduced_motion="reduce"
    )
    page.set_default_timeout(300_000)
    page.goto(file.as_uri())
    page.locator("#spans .ql-verdict strong").wait_for()
    # Canvases are painted with the next repaints.
    page.wait_for_timeout(500)
    png, words = page.screenshot(animations="disabled"), page.locator("body").inner_text()
    page.close()
    light = brightness(png)
    assert (np.median(light) > 200) == (theme == "light")
    assert 0.005 < (np.abs(light - np.median(light)) > 40).mean() < 0.5
    picture = PICTURES / f"page-that-reads-{theme}.png"
    keep(png, words, picture)
    is_up_to_date(png, words, picture)
