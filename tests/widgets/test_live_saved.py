"""A notebook that a user saves and opens again shows its pictures, and says when no kernel stands behind them."""

import nbformat
from waiting import until

EXPLORE = """
import qalens
from qalens.testing import toy_model, toy_tokenizer
from qalens.widgets import SpanExplorer, NoAnswerExplorer
reader = qalens.Reader(toy_model(), toy_tokenizer())
explored = qalens.explore(reader, "Who kept the lamp?", "Ada kept the lamp.")
explored
"""
SPANS = "SpanExplorer(explored.reading)"
HIDDEN = "NoAnswerExplorer(explored.reading); None"
STATE = "application/vnd.jupyter.widget-state+json"
SAVED = "window.jupyterapp.shell.currentWidget.context.model.dirty === false"


def saved(notebook):
    page = notebook.page
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function(SAVED)


def opened_again(notebook):
    """The same notebook after a look elsewhere, when its kernel is gone; nothing is run in it."""
    page = notebook.page
    place = page.url
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    page.goto("about:blank")
    page.goto(place)
    page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context?.isReady === true")
    page.locator(".jp-OutputArea-output").first.wait_for()


def test_what_was_saved_is_seen_again_and_says_that_it_only_was_saved(open_notebook, jupyter):
    notebook = open_notebook(EXPLORE, SPANS, HIDDEN)
    page = notebook.page
    page.locator(".ql-of-span-explorer .ql-text").nth(1).wait_for()
    saved(notebook)
    file = max(jupyter[1].glob("*.ipynb"), key=lambda one: one.stat().st_mtime_ns)
    until(lambda: "widgets" in nbformat.read(file, 4).metadata)
    state = nbformat.read(file, 4).metadata["widgets"][STATE]["state"]
    kinds = {one["state"].get("_anywidget_id", "").rpartition(".")[2] for one in state.values()}
    assert kinds == {"", "QuestionFields", "SpanExplorer"}  # and no explorer that is nowhere shown
    for _ in range(2):
        opened_again(notebook)
        page.locator(".ql-of-span-explorer .ql-text").nth(1).wait_for()
        assert "model not found" not in page.locator(".jp-Notebook").inner_text()
        # What is saved again is still there, though no kernel knows of it.
        saved(notebook)
    page.locator(".ql-field-context").click()
    page.keyboard.type("x")
    page.locator(".ql-of-reading-explorer .ql-unanswered:visible").wait_for()
