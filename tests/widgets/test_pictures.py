"""Pictures of every explorer in light and dark, from real readings of the bundled checkpoint.

They stand in docs/pictures. To make them anew: QALENS_WRITE_PICTURES=1 python -m pytest tests/widgets/test_pictures.py
"""

import numpy as np
import pytest
from shown_pictures import PICTURES, brightness, is_up_to_date, keep, kept_words

import qalens
from qalens import datasets, widgets
from qalens.widgets import tabs

pytestmark = pytest.mark.slow
QUESTION = "Who did the county send to inspect the work?"
TEXT = (
    "The lighthouse on Skerry Head was built in 1843 by the Marlow brothers, two engineers who had never seen the "
    "sea. In the winter of 1902 a storm tore away its upper gallery, and the keeper, John Harper, rebuilt it himself "
    "with oak from a wrecked ship. The county sent Ellen Reed to inspect the work the following spring. She found it "
    "sounder than the original and recommended that nothing be changed."
)
# What a reader of the screen is told of canvases is part of what stands there.
WORDS = """() => [document.querySelector('.ql-x').innerText,
  ...[...document.querySelectorAll('.ql-x canvas')].map(c => c.getAttribute('aria-label') ?? '')].join('\\n')"""
EXPLORERS = ("span", "no-answer", "attribution", "layer", "compare", "dataset")


@pytest.fixture(scope="module")
def explorer():
    """explorer(name): an explorer of a real reading, made when first asked for."""
    # Rounding in half precision would differ between machines, and with it an order of nearly equal things.
    reader = qalens.load(dtype="float32")
    reading = reader.read(QUESTION, TEXT)
    made = {}

    def several():
        return list(reader.read_many(datasets.sample(), progress=False))

    makers = {
        "span": lambda: widgets.SpanExplorer(reading),
        "no-answer": lambda: widgets.NoAnswerExplorer(several(), threshold=-2.0, selected=5),
        "attribution": lambda: widgets.AttributionExplorer(reading, [reader.attribute(reading)]),
        "layer": lambda: widgets.LayerExplorer(
            reading, reader.logit_lens(reading), reader.ablate_heads(reading, "answer", by="mean")
        ),
        "compare": lambda: widgets.CompareExplorer(
            reading, reader.read(QUESTION, TEXT.replace("Ellen Reed", "nobody"))
        ),
        "dataset": lambda: widgets.DatasetExplorer(
            several(), sort="margin", outcomes=["wrong edges", "wrong span", "false answer"], selected=17
        ),
    }

    def get(name):
        if name not in made:
            made[name] = makers[name]()
        return made[name]

    return get


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_has_a_picture_in_both_themes(name, theme, explorer, open_page):
    visit = open_page(explorer(name), width=900, height=700, dark=theme == "dark", reduced=True)
    visit.until("document.fonts.status === 'loaded'")
    # Canvases are painted with the next repaints.
    visit.page.evaluate(
        "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(r, 150))))"
    )
    png = visit.page.locator(".ql-x").screenshot(animations="disabled")
    light = brightness(png)
    # Mostly ground in the colour of the theme, with enough on it that is not.
    assert (np.median(light) > 200) == (theme == "light")
    assert 0.01 < (np.abs(light - np.median(light)) > 40).mean() < 0.5
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 900
    assert visit.is_quiet()
    words = visit.page.evaluate(WORDS)
    assert len(words) > 100
    file = PICTURES / f"{name}-explorer-{theme}.png"
    keep(png, words, file)
    is_up_to_date(png, words, file)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_of_the_dashboard_shows_what_explore_shows(theme):
    # It is taken from Voila, which the tests do without: python docs/dashboard.py
    words = kept_words(PICTURES / f"dashboard-{theme}.png")
    opened = qalens.explore(qalens.load(dtype="float32"))
    reading = opened.reading
    shown = [*tabs.TITLES.values(), reading.question, reading.answer.text, reading.context]
    assert [one for one in shown if one not in words] == []
    opened.close()
