"""Explorers: live views of readings in a notebook, each with a still twin as HTML page, SVG and PNG.

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
    from qalens.widgets.attribution_explorer import AttributionExplorer
    from qalens.widgets.compare_explorer import CompareExplorer
    from qalens.widgets.dataset_explorer import DatasetExplorer
    from qalens.widgets.explorer import Explorer
    from qalens.widgets.front_door import FrontDoor, explore
    from qalens.widgets.layer_explorer import LayerExplorer
    from qalens.widgets.no_answer_explorer import NoAnswerExplorer
    from qalens.widgets.span_explorer import SpanExplorer

_HOME = {
    "AttributionExplorer": "attribution_explorer",
    "CompareExplorer": "compare_explorer",
    "DatasetExplorer": "dataset_explorer",
    "Explorer": "explorer",
    "FrontDoor": "front_door",
    "LayerExplorer": "layer_explorer",
    "NoAnswerExplorer": "no_answer_explorer",
    "SpanExplorer": "span_explorer",
    "explore": "front_door",
}

__all__ = [
    "AttributionExplorer",
    "CompareExplorer",
    "DatasetExplorer",
    "Explorer",
    "FrontDoor",
    "LayerExplorer",
    "NoAnswerExplorer",
    "SpanExplorer",
    "explore",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"qalens.widgets.{_HOME[name]}"), name)
    raise AttributeError(f"module 'qalens.widgets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
