"""Nothing is left behind: neither by a cell that runs a hundred times, nor by explorers that are drawn and closed."""

import pytest

from qalens import Reader
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.widgets import (
    AttributionExplorer,
    CompareExplorer,
    LayerExplorer,
    NoAnswerExplorer,
    SpanExplorer,
)

pytestmark = pytest.mark.slow

TIMES = 100
STORY = "Ada kept the lamp of the room by day, and Tom kept it by night."
CELL = """
import qalens
from qalens.testing import toy_model, toy_tokenizer
reader = qalens.Reader(toy_model(), toy_tokenizer())
"""
SHOW = """
door = qalens.explore(reader, "Who kept it?", "Ada kept the lamp.")
compared = qalens.widgets.CompareExplorer(reader=reader, question="Who?", context="Ada kept it.")
display(door, compared)
"""
LEFT = """
import gc, ipywidgets, comm, threading
gc.collect()
print(len(ipywidgets.widgets.widget._instances), len(comm.get_comm_manager().comms), threading.active_count())
"""
RUN = """async ([cell, times]) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  for (let k = 0; k < times; k++) {
    notebook.activeCellIndex = cell;
    notebook.deselectAll();
    await window.jupyterapp.commands.execute('notebook:run-cell');
  }
}"""


def explorers():
    reader, other = (Reader(toy_model(seed), toy_tokenizer()) for seed in (0, 1))
    reading = reader.read("Who kept the lamp?", STORY)
    return {
        "spans": SpanExplorer(reading),
        "no answer": NoAnswerExplorer(reading),
        "why": AttributionExplorer(reading, reader.attribute(reading, "no_answer", "input_x_gradient")),
        "layers": LayerExplorer(reading, reader.logit_lens(reading)),
        "compared": CompareExplorer(reading, other.read("Who kept the lamp?", STORY)),
        "long": SpanExplorer(planted_reading("Who?", f"{STORY} " * 100, answer="Ada")),
    }


DRAW = """times => new Promise(done => {
  const { model } = window.qalens;
  const draw = k => {
    if (k === times) return done();
    model.set("view", { ...model.get("view") });
    requestAnimationFrame(() => draw(k + 1));
  };
  draw(0);
})"""


def counted(tools):
    """Listeners and nodes of the page after its garbage is gone."""
    tools.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in tools.send("Performance.getMetrics")["metrics"]}
    return found["JSEventListeners"], found["Nodes"]


def test_what_is_drawn_a_hundred_times_and_closed_leaves_no_listener_and_no_node(open_page, page):
    # Whoever looks at a page for a test listens as well.
    page.goto("data:text/html,<p>nothing</p>")
    page.wait_for_selector("p")
    page.locator("p").count()
    page.evaluate("() => 1")
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable")
    alone, _ = counted(tools)
    for name, explorer in explorers().items():
        open_page(explorer)
        page.evaluate(DRAW, 3)
        listeners, nodes = counted(tools)
        page.evaluate(DRAW, TIMES)
        again, more = counted(tools)
        assert again <= listeners + 2, name
        assert more <= nodes + 20, name
        page.evaluate("window.qalens.close()")
        assert page.locator("#qalens *").count() == 0, name
        assert counted(tools)[0] <= alone, name


@pytest.mark.parametrize("open_notebook", ["lab"], indirect=True)
def test_a_cell_that_runs_a_hundred_times_leaves_nothing_in_the_kernel_and_on_the_page(open_notebook):
    notebook = open_notebook(CELL, SHOW, LEFT)
    page = notebook.page
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable")

    def left(times):
        page.evaluate(RUN, [1, times])
        page.wait_for_function("document.querySelectorAll('.ql-x .ql-said').length === 2")
        notebook.run(2)
        page.wait_for_timeout(500)
        return notebook.text(2), counted(tools)

    kernel, (listeners, nodes) = left(5)
    again, (more_listeners, more_nodes) = left(TIMES)
    assert again == kernel
    assert more_listeners <= listeners * 1.1 + 20
    assert more_nodes <= nodes * 1.2 + 500
