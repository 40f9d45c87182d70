"""Explorers: live views of readings in a notebook, each with a static export as HTML page, SVG and PNG.

>>> from qalens.testing import planted_reading
>>> from qalens.widgets import SpanExplorer
>>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
>>> SpanExplorer(reading).to_html().splitlines()[0]
'<!doctype html>'

Names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qalens.widgets.explorer import Explorer
    from qalens.widgets.explorers.attribution_explorer import AttributionExplorer
    from qalens.widgets.explorers.behavior_explorer import BehaviorExplorer
    from qalens.widgets.explorers.change_explorer import ChangeExplorer
    from qalens.widgets.explorers.compare_explorer import CompareExplorer
    from qalens.widgets.explorers.dataset_explorer import DatasetExplorer
    from qalens.widgets.explorers.layer_explorer import LayerExplorer
    from qalens.widgets.explorers.no_answer_explorer import NoAnswerExplorer
    from qalens.widgets.explorers.reading_explorer import ReadingExplorer
    from qalens.widgets.explorers.span_explorer import SpanExplorer
    from qalens.widgets.exploring import explore

_HOME = {
    "AttributionExplorer": "explorers.attribution_explorer",
    "BehaviorExplorer": "explorers.behavior_explorer",
    "ChangeExplorer": "explorers.change_explorer",
    "CompareExplorer": "explorers.compare_explorer",
    "DatasetExplorer": "explorers.dataset_explorer",
    "Explorer": "explorer",
    "ReadingExplorer": "explorers.reading_explorer",
    "LayerExplorer": "explorers.layer_explorer",
    "NoAnswerExplorer": "explorers.no_answer_explorer",
    "SpanExplorer": "explorers.span_explorer",
    "explore": "exploring",
}

__all__ = [
    "AttributionExplorer",
    "BehaviorExplorer",
    "ChangeExplorer",
    "CompareExplorer",
    "DatasetExplorer",
    "Explorer",
    "LayerExplorer",
    "NoAnswerExplorer",
    "ReadingExplorer",
    "SpanExplorer",
    "explore",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"qalens.widgets.{_HOME[name]}"), name)
    from qalens.errors import meant

    raise AttributeError(
        f"module 'qalens.widgets' has no attribute {name!r}.{meant(name, __all__)}", name=name
    )


def __dir__() -> list[str]:
    return sorted(__all__)
