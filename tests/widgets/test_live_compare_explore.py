"""The CompareExplorer and `explore` live, in JupyterLab and in Notebook 7: what is typed is read in the kernel."""

COMPARE = """
from qalens import Reader
from qalens.testing import toy_model, toy_tokenizer
from qalens.widgets import CompareExplorer
reader = Reader(toy_model(), toy_tokenizer())
explorer = CompareExplorer(reader=reader, question="Who kept <b>it</b>?", context="Ada kept the lamp.")
explorer
"""
READ = "print(repr(explorer.diff.after.context), explorer.selected, len(explorer.diff.after.spans) > 0)"
EXPLORE = """
import qalens
from qalens.testing import toy_model, toy_tokenizer
door = qalens.explore(qalens.Reader(toy_model(), toy_tokenizer()), "Who kept it?", "Ada kept the lamp.")
door
"""
DOOR = "print(repr(door.reading.context), door.tab, type(door.explorer).__name__)"


def test_what_is_typed_is_compared(open_notebook):
    notebook = open_notebook(COMPARE, READ)
    page, cells = notebook.page, notebook.cells
    field = page.locator(".ql-field-context")
    field.click()
    # Keys that mean something to Jupyter: they all go into the text.
    page.keyboard.press("End")
    page.keyboard.type(" b a dd x m y")
    page.locator(".ql-flow .ql-tok.ql-mark-new", has_text="dd").wait_for()
    assert field.evaluate("field => field === document.activeElement")
    assert notebook.cells == cells
    # An empty text cannot be read: the picture stays, and words say why.
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    page.locator(".ql-refused").wait_for()
    assert page.locator(".ql-flow .ql-mark-new").count() > 0
    page.keyboard.type("Ada kept the old lamp.")
    page.locator(".ql-flow .ql-tok.ql-mark-new", has_text="old").wait_for()
    assert page.locator(".ql-refused").count() == 0
    page.locator(".ql-flow .ql-text").focus()
    for key in ["Home", "b", "ArrowRight", "ArrowRight", "ArrowRight", "Shift+ArrowRight", "Enter", "x"]:
        page.keyboard.press(key)
    assert notebook.cells == cells
    assert notebook.said(1, "'Ada kept the old lamp.' (13, 21) True")
    page.get_by_role("button", name="Back to the text before").click()
    page.wait_for_function("document.querySelector('.ql-field-context').value === 'Ada kept the lamp.'")
    page.wait_for_function("document.querySelector('.ql-flow .ql-mark-new') === null")


def test_explore_reads_along_and_opens_its_tabs(open_notebook):
    notebook = open_notebook(EXPLORE, DOOR)
    page, cells = notebook.page, notebook.cells
    page.locator(".ql-fields").wait_for()
    page.locator(".ql-text .ql-tok", has_text="lamp").wait_for()
    page.locator(".ql-field-context").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("b a room kept by Ada")
    page.locator(".ql-text .ql-tok", has_text="room").wait_for()
    page.locator(".ql-fields [role=tab][aria-selected=true]").focus()
    for key in ["ArrowRight", "b", "a", "ArrowRight", "Enter"]:
        page.keyboard.press(key)
    # It explains at once; how is folded away.
    page.locator(".ql-because").wait_for()
    page.locator(".ql-howfold > summary").click()
    page.get_by_role("radiogroup", name="Method").wait_for()
    assert notebook.cells == cells
    assert notebook.said(1, "'b a room kept by Ada' why AttributionExplorer")
    page.get_by_role("tab", name="Before and after").click()
    page.locator(".ql-pairs").wait_for()
    assert page.locator(".ql-flow .ql-mark-gone").count() > 0
    assert notebook.said(1, "'b a room kept by Ada' compare BeforeAndAfter")
