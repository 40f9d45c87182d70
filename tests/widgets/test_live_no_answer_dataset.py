"""The explorers of many readings live, in JupyterLab and in Notebook 7, with texts that would like to be code."""

MAKE = """
from dataclasses import replace
from qalens.readings.reading import Source
from qalens.testing import planted_reading
from qalens.widgets import CompareExplorer, DatasetExplorer, NoAnswerExplorer
EVIL = "<img src=x onerror='window.ran=1'></script><script>window.ran = 1; alert(1)</script> {{7*7}} \\u202e${alert(1)}"
text = f"{EVIL} Ada kept the lamp."
readings = [planted_reading(f"Who {EVIL} kept it?", text, answer=a, strength=3.0) for a in ("Ada", None)]
explorer = NoAnswerExplorer(readings, threshold=0.0)
explorer
"""
DATASET = """
dataset = DatasetExplorer(readings)
dataset
"""
LABELS = """
one, other = (replace(r, source=Source(f"{name} {EVIL}", name)) for r, name in zip(readings, ("first", "second")))
CompareExplorer(one, other)
"""
SHOW = (
    "print(explorer.threshold < -3, [a is None for a in explorer.answers], dataset.selected, dataset.listed)"
)


def test_the_threshold_and_the_list_are_handled_and_nothing_hostile_runs(open_notebook):
    notebook = open_notebook(MAKE, DATASET, LABELS, SHOW)
    page, cells = notebook.page, notebook.cells
    slider = page.get_by_role("slider", name="threshold").first
    slider.wait_for()
    page.locator("[role=option][data-row]").nth(1).click()
    assert notebook.said(3, "False [False, True] 1 (0, 1)")

    slider.focus()
    for key in ["b", "a", "d", "d", "x", "m", "Home"]:
        page.keyboard.press(key)
    rows = page.locator("[role=option][data-row]")
    for key in ["b", "x", "Home"]:
        rows.nth(1).press(key)
    page.keyboard.press("Enter")
    page.get_by_role("searchbox").fill("nobody")
    assert notebook.said(3, "True [True, True] 0 ()")
    assert notebook.cells == cells

    # The names of both models are shown as they are. The fixture sees to it that nothing ran and no dialog opened.
    assert page.locator(".ql-side-name", has_text="first <img src=x onerror=").count() > 0
    assert page.locator(".ql-x :is(img, script, a[href], iframe)").count() == 0
