"""The tabs of `explore`: which explorer each of them shows, how it is made, and how it goes on to another reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qalens.readings.reading import Reading
from qalens.widgets.explorer import Explorer
from qalens.widgets.explorers.attribution_explorer import AttributionExplorer
from qalens.widgets.explorers.change_explorer import ChangeExplorer
from qalens.widgets.explorers.compare_explorer import CompareExplorer
from qalens.widgets.explorers.layer_explorer import LayerExplorer
from qalens.widgets.explorers.no_answer_explorer import NoAnswerExplorer, no_answer_view
from qalens.widgets.explorers.span_explorer import SpanExplorer, span_arrays, span_view

TITLES = {
    "spans": "Spans",
    "no_answer": "Answer or not",
    "why": "Why",
    "change": "What would change it",
    "layers": "Layers",
    "compare": "Before and after",
}
WITHOUT_MODEL = ("spans", "no_answer")

Stretch = tuple[int, int]


class BeforeAndAfter(CompareExplorer):
    """The comparison below the fields of `explore`: its buttons ask those for what they do.

    - `keep`, `restore`: called when what is shown shall be held from now on, and to go back to the text before
    """

    def __init__(
        self,
        before: Reading,
        after: Reading,
        reader: Any,
        *,
        keep: Callable[[], None],
        restore: Callable[[], None],
    ):
        super().__init__(before, after, reader=reader, editable=False)
        self._keep, self._restore = keep, restore

    def keep(self) -> None:
        """Hold the text as it is now as the one before."""
        self._keep()

    def restore(self) -> None:
        """Ask for the question and the text before again."""
        self._restore()


def make(tab: str, reading: Reading, reader: Any) -> Explorer:
    """The explorer of a tab that needs nothing but a reading, and its reader."""
    if tab == "spans":
        return SpanExplorer(reading)
    if tab == "no_answer":
        return NoAnswerExplorer(reading)
    computing = (ChangeExplorer if tab == "change" else AttributionExplorer)(reading, reader=reader)
    computing.begin()
    return computing


def go_on(explorer: Explorer, reading: Reading, before: Reading) -> bool:
    """Show another reading in the same picture, so that nothing on the page moves; False where a new one is needed."""
    if isinstance(explorer, CompareExplorer):
        explorer.show(before, reading)
    elif isinstance(explorer, SpanExplorer):
        with explorer.hold_sync():
            explorer.reading = reading
            for name, value in {"selected": None, **span_arrays(reading), "view": span_view(reading)}.items():
                setattr(explorer, name, value)
    elif isinstance(explorer, NoAnswerExplorer):
        explorer.readings = (reading,)
        explorer.view = no_answer_view(explorer.readings)
    else:
        return False
    return True


def selection_of(explorer: Explorer) -> str | None:
    """The name of the trait that holds the span an explorer has selected, or None."""
    if isinstance(explorer, AttributionExplorer):
        return "span"
    marks = SpanExplorer | CompareExplorer | LayerExplorer | ChangeExplorer
    return "selected" if isinstance(explorer, marks) else None
