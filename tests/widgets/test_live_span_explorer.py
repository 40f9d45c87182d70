"""The SpanExplorer live, in JupyterLab and in Notebook 7, with a kernel behind it."""

READING = """
from qalens.testing import planted_reading
from qalens.widgets import SpanExplorer
text = "<script>window.ran = 1</script> Ada kept the lamp of the room."
reading = planted_reading("Who kept <b>it</b>?", text, answer="Ada kept", strength=8.0)
explorer = SpanExplorer(reading)
explorer
"""
SHOW = "print(explorer.selected, explorer.selected_text, explorer.scale)"
LEFT = """
import gc, ipywidgets
alive = [w for w in ipywidgets.widgets.widget._instances.values()]
print(len(alive), len([w for w in alive if type(w).__name__ == "SpanExplorer"]))
"""


def test_pointer_keys_and_python(open_notebook):
    notebook = open_notebook(READING, SHOW, "explorer.selected = (41, 49)")
    page, cells = notebook.page, notebook.cells
    page.wait_for_selector(".ql-x .ql-tok")
    # Python set it after the explorer was shown.
    page.wait_for_selector(".ql-mark-selected")
    assert "".join(page.locator(".ql-mark-selected").all_text_contents()) == "the lamp"

    page.locator(".ql-tok", has_text="Ada").click()
    assert notebook.said(1, "(32, 40) Ada kept probability")

    page.locator(".ql-text").focus()
    for key in ["Home", "b", "a", "d", "d", "x", "m", "y", "End", "ArrowLeft", "ArrowLeft", "Enter"]:
        page.keyboard.press(key)
    page.locator("[role=radio][aria-checked=true]", has_text="probability").press("ArrowRight")
    page.keyboard.press("b")
    page.locator(".ql-spans [role=option]").first.press("b")
    assert notebook.cells == cells
    assert page.locator(".ql-mark-selected").all_text_contents()[-1] == "the"
    # No span with this word is likely, so the word alone is taken.
    assert notebook.said(1, "(53, 56) the logits")


def test_a_cell_that_runs_again_leaves_nothing_behind(open_notebook):
    notebook = open_notebook(READING, LEFT)
    notebook.page.wait_for_selector(".ql-x .ql-tok")
    for _ in range(5):
        notebook.run(0)
        notebook.page.wait_for_function("document.querySelectorAll('.ql-x header').length === 1")
    assert notebook.said(1, "2 1")
