"""The explorers of one reading beside a list of many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, HBox, Layout, VBox

from qalens.display.html.element import element
from qalens.readings.joined import JoinedReading
from qalens.readings.reading import Reading
from qalens.widgets.explorers.compare_explorer import CompareExplorer
from qalens.widgets.explorers.reading_explorer import ReadingExplorer
from qalens.widgets.explorers.span_explorer import SpanExplorer

if TYPE_CHECKING:
    from qalens.widgets.explorers.behavior_explorer import BehaviorExplorer
    from qalens.widgets.explorers.dataset_explorer import DatasetExplorer

# Side by side where both have room, else one below the other.
_HALF = {"flex": "1 1 26rem", "min_width": "0"}


class ListAndReading(HBox):
    """A list, and beside it the explorers of its selected reading as tabs; they follow the selection.

    >>> from qalens.testing import planted_reading
    >>> from qalens.widgets import DatasetExplorer
    >>> box = ListAndReading(DatasetExplorer([planted_reading("Who kept it?", "Ada kept it.", answer="Ada")]))
    >>> box.dataset.selected = 0
    >>> type(box.children[1].explorer).__name__
    'SpanExplorer'
    """

    def __init__(self, dataset: DatasetExplorer):
        self.dataset = dataset
        dataset.opens = False
        for name, value in _HALF.items():
            setattr(dataset.layout, name, value)
        layout = Layout(flex_flow="row wrap", align_items="flex-start")
        super().__init__([dataset, _details(dataset)], layout=layout)
        dataset.observe(self._follow, "selected")

    def _follow(self, _: object) -> None:
        old = self.children[1]
        self.children = (self.dataset, _details(self.dataset))
        old.close()

    def to_html(self, path: str | Path | None = None) -> str:
        """The list as one HTML page, which stays interactive without kernel and network.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it too, whole or not at all.

        Returns
        -------
        str

        Raises
        ------
        QalensError
            Where it cannot be written.
        """
        return self.dataset.to_html(path)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        data = super()._repr_mimebundle_(**kwargs) or {}
        return {**data, "text/html": self.dataset.frame(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"ListAndReading({self.dataset!r})"


def _details(dataset: DatasetExplorer) -> Any:
    reading = dataset.reading
    if isinstance(reading, Reading):
        # Many documents are no text that could be edited and read again as one.
        reader = None if isinstance(reading, JoinedReading) else dataset.reader
        found = ReadingExplorer(reading, reader=reader, folded=True)
        for name, value in _HALF.items():
            setattr(found.layout, name, value)
        return found
    if reading is not None:
        return _hint(f"This text could not be read: {reading.error}")
    if dataset.selected is None:
        return _hint("Choose a question to open its reading here.")
    return _hint("A report has no readings; give the explorer the readings themselves to open them.")


def case_details_below(behavior: BehaviorExplorer) -> VBox:
    """The explorer of behaviour tests, and under it the open case: before and after its edit, or the span explorer of it.

    >>> from qalens.behavior import run
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> from qalens.widgets import BehaviorExplorer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> box = case_details_below(BehaviorExplorer(run(reader, tests=["units"], cases=5), reader=reader))
    >>> box.children[0].selected = 0
    >>> type(box.children[1]).__name__
    'SpanExplorer'
    """
    box = VBox([behavior, _hint("Choose a case above to open its reading here.")])

    def follow(_: Any = None) -> None:
        old = box.children[1]
        box.children = (behavior, _case_details(behavior))
        old.close()

    behavior.observe(follow, "selected")
    if behavior.selected is not None:
        follow()
    return box


def _case_details(behavior: BehaviorExplorer) -> Any:
    case = behavior.case
    if case is None:
        return _hint("Choose a case above to open its reading here.")
    if behavior.reader is None:
        return _hint("Give the explorer a reader to open the readings of a case.")
    after = behavior.reader.read(case.example.question, case.example.context)
    if case.original is None:
        return SpanExplorer(after)
    return CompareExplorer(behavior.reader.read(case.original.question, case.original.context), after)


def _hint(text: str) -> HTML:
    return HTML(element("p", text).to_html(), layout=Layout(**_HALF))
