"""The explorers of one reading under a list of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Tab, VBox

from qalens.reading import Reading
from qalens.views.markup import element
from qalens.widgets.no_answer_explorer import NoAnswerExplorer
from qalens.widgets.span_explorer import SpanExplorer

if TYPE_CHECKING:
    from qalens.widgets.dataset_explorer import DatasetExplorer

_EXPLORERS = (("Spans", SpanExplorer), ("No answer", NoAnswerExplorer))


def details_below(dataset: DatasetExplorer) -> VBox:
    """A list, and under it tabs with the explorers of its selected reading; they follow the selection.

    >>> from qalens.testing import planted_reading
    >>> from qalens.widgets import DatasetExplorer
    >>> box = details_below(DatasetExplorer([planted_reading("Who kept it?", "Ada kept it.", answer="Ada")]))
    >>> box.children[0].selected = 0
    >>> [type(explorer).__name__ for explorer in box.children[1].children]
    ['SpanExplorer', 'NoAnswerExplorer']
    """
    box = VBox([dataset, _hint("Choose a question above to open its reading here.")])

    def follow(_: Any = None) -> None:
        old = box.children[1]
        box.children = (dataset, _details(dataset))
        for part in (*getattr(old, "children", ()), old):
            part.close()

    dataset.observe(follow, "selected")
    if dataset.selected is not None:
        follow()
    return box


def _details(dataset: DatasetExplorer) -> Any:
    reading = dataset.reading
    if isinstance(reading, Reading):
        return Tab(
            [explorer(reading) for _, explorer in _EXPLORERS], titles=[title for title, _ in _EXPLORERS]
        )
    if reading is not None:
        return _hint(f"This text could not be read: {reading.error}")
    if dataset.selected is None:
        return _hint("Choose a question above to open its reading here.")
    return _hint("A report has no readings; give the explorer the readings themselves to open them.")


def _hint(text: str) -> HTML:
    return HTML(element("p", text))
