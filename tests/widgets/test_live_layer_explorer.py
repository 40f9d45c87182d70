"""The LayerExplorer live, in JupyterLab and in Notebook 7."""

MAKE = """
from qalens import Reader
from qalens.testing import toy_model, toy_tokenizer
from qalens.widgets import LayerExplorer
reader = Reader(toy_model(), toy_tokenizer())
text = "<script>window.ran = 1</script> Ada kept the lamp of the room."
explorer = LayerExplorer(reader.read("Who kept <b>it</b>?", text), reader=reader)
explorer
"""
SHOW = "print(explorer.layer, explorer.target, explorer.heads is not None)"


def test_layers_are_chosen_by_pointer_and_keys_and_heads_are_taken_out_in_the_kernel(open_notebook):
    notebook = open_notebook(MAKE, SHOW)
    page, cells = notebook.page, notebook.cells
    page.wait_for_selector(".ql-x .ql-tok")
    rows = page.locator("[role=listbox][aria-label=Layers] [role=option]")
    rows.nth(1).click()
    assert notebook.said(1, "1 answer False")

    rows.nth(1).press("Home")
    starts = page.locator("[role=application][aria-label^='Map of starts']")
    for key in ["b", "ArrowRight", "ArrowDown", "x", "ArrowDown"]:
        starts.press(key)
    assert notebook.cells == cells
    page.locator("[role=radio][aria-checked=true]", has_text="answer").press("End")
    page.wait_for_selector("[role=application][aria-label^='Map of layers and heads']")
    assert notebook.said(1, "2 margin True")
