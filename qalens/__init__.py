"""qalens: see how an extractive question-answering model decides.

Which span, how sure, and why no answer:

>>> import qalens
>>> reader = qalens.load()                       # the bundled checkpoint, offline
>>> reading = reader.read("Who kept the lamp?", "Ada Marlow kept the lamp of the lighthouse for thirty years.")
>>> reading.answer.text
'Ada Marlow'

Names are loaded when they are first used, so that `import qalens` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qalens import (
        by_window,
        datasets,
        decision,
        documents,
        errors,
        evaluation,
        explain,
        model,
        reader,
        reading,
        retrieval,
        spans,
        testing,
        text,
        views,
        widgets,
        windows,
    )
    from qalens.decision import Decision
    from qalens.errors import InputError, MissingExtraError, ModelError, QalensError
    from qalens.evaluation.evaluate import evaluate
    from qalens.evaluation.report import Report
    from qalens.explain.attribution import Attribution, FailedAttribution
    from qalens.explain.targets import Contrast
    from qalens.reader import Reader, load
    from qalens.reading import FailedReading, Reading
    from qalens.spans import Answer, SpanDistribution, SpanLogits
    from qalens.text import CharSpan, Example
    from qalens.views import plots
    from qalens.widgets.front_door import explore

_HOME = {
    "load": "reader",
    "evaluate": "evaluation.evaluate",
    "explore": "widgets.front_door",
    "Report": "evaluation.report",
    "Reader": "reader",
    "Reading": "reading",
    "FailedReading": "reading",
    "Example": "text",
    "CharSpan": "text",
    "Answer": "spans",
    "SpanDistribution": "spans",
    "SpanLogits": "spans",
    "Decision": "decision",
    "Attribution": "explain.attribution",
    "FailedAttribution": "explain.attribution",
    "Contrast": "explain.targets",
    "QalensError": "errors",
    "InputError": "errors",
    "ModelError": "errors",
    "MissingExtraError": "errors",
}
_MODULES = {
    "by_window": "by_window",
    "datasets": "datasets",
    "decision": "decision",
    "documents": "documents",
    "errors": "errors",
    "evaluation": "evaluation",
    "explain": "explain",
    "model": "model",
    "plots": "views.plots",
    "reader": "reader",
    "reading": "reading",
    "retrieval": "retrieval",
    "spans": "spans",
    "testing": "testing",
    "text": "text",
    "views": "views",
    "widgets": "widgets",
    "windows": "windows",
}

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Attribution",
    "CharSpan",
    "Contrast",
    "Decision",
    "Example",
    "FailedAttribution",
    "FailedReading",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "QalensError",
    "Reader",
    "Reading",
    "Report",
    "SpanDistribution",
    "SpanLogits",
    "by_window",
    "datasets",
    "decision",
    "documents",
    "errors",
    "evaluate",
    "evaluation",
    "explain",
    "explore",
    "load",
    "model",
    "plots",
    "reader",
    "reading",
    "retrieval",
    "spans",
    "testing",
    "text",
    "views",
    "widgets",
    "windows",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"qalens.{_HOME[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"qalens.{_MODULES[name]}")
    raise AttributeError(f"module 'qalens' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
