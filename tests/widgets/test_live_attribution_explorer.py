"""The AttributionExplorer live, in JupyterLab and in Notebook 7: it computes in the kernel, and can be stopped."""

MAKE = """
from qalens import Reader
from qalens.testing import toy_model, toy_tokenizer
from qalens.widgets import AttributionExplorer
# Small batches and many of them, so that there is something to stop.
reader = Reader(toy_model(), toy_tokenizer(), batch_tokens=64)
text = "<script>window.ran = 1</script> Ada kept the lamp of the room. " * 3
explorer = AttributionExplorer(reader.read("Who kept <b>it</b>?", text), reader=reader, method="input_x_gradient")
explorer
"""
SHOW = "print(explorer.target, explorer.method, len(explorer.attributions), explorer.status['state'])"
THREADS = """
import threading, time
for _ in range(100):
    left = [t for t in threading.enumerate() if t.name == "qalens-work"]
    if not left: break
    time.sleep(0.05)
print(len(left))
"""
# Only what was decided is explained when all cells run for the first time.
CLOSE = "if len(explorer.attributions) > 1: explorer.close()"


def test_what_is_chosen_is_computed_in_the_kernel_and_can_be_stopped(open_notebook):
    notebook = open_notebook(MAKE, SHOW, THREADS, CLOSE)
    page, cells = notebook.page, notebook.cells
    page.wait_for_selector(".ql-x .ql-tok")

    # What was decided is explained at once; how is folded away.
    page.locator(".ql-howfold > summary").click()
    page.locator("[role=radio]", has_text="no answer").click()
    page.wait_for_selector("text=P(no answer)")
    assert notebook.said(1, "no_answer input_x_gradient 2 idle")

    page.locator("[aria-label='What is explained'] [aria-checked=true]").press("Home")
    page.wait_for_selector(".ql-howfold > summary:has-text('score of')")
    page.keyboard.press("b")
    page.locator(".ql-text").nth(1).press("x")
    page.locator(".ql-text").nth(1).press("Enter")
    assert notebook.cells == cells
    assert notebook.said(1, "answer input_x_gradient 3 idle")

    # Thousands of passes, of which the kernel tells while it stays free for the button.
    page.locator("[role=radio]", has_text="Shapley").click()
    page.wait_for_selector(".ql-work:has-text('rows through the model')")
    page.locator(".ql-work button", has_text="Stop").press("Enter")
    page.wait_for_selector(".ql-work:has-text('Stopped')")
    assert notebook.said(1, "answer shapley 3 cancelled")
    assert notebook.said(2, "0")

    page.locator(".ql-work button", has_text="Explain").click()
    page.wait_for_selector(".ql-work:has-text('rows through the model')")
    notebook.run(3)
    page.wait_for_selector(".ql-x", state="detached")
    assert notebook.said(2, "0")
