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
        behavior,
        datasets,
        display,
        errors,
        evaluation,
        explain,
        models,
        reader,
        readings,
        retrieval,
        spans,
        testing,
        text,
        widgets,
    )
    from qalens.behavior.comparing import compare_models
    from qalens.browser.page import page
    from qalens.display import plots
    from qalens.errors import InputError, MissingExtraError, ModelError, QalensError
    from qalens.evaluation.evaluate import evaluate
    from qalens.evaluation.report import Report
    from qalens.explain.attribution.record import Attribution, FailedAttribution
    from qalens.explain.targets import Contrast
    from qalens.reader import Reader, load
    from qalens.readings.reading import FailedReading, Reading
    from qalens.spans import per_window
    from qalens.spans.decision import Decision
    from qalens.spans.distribution import Answer, SpanDistribution
    from qalens.spans.logits import SpanLogits
    from qalens.text.examples import CharSpan, Example
    from qalens.widgets.exploring import explore

_HOME = {
    "load": "reader",
    "page": "browser.page",
    "evaluate": "evaluation.evaluate",
    "compare_models": "behavior.comparing",
    "explore": "widgets.exploring",
    "Report": "evaluation.report",
    "Reader": "reader",
    "Reading": "readings.reading",
    "FailedReading": "readings.reading",
    "Example": "text.examples",
    "CharSpan": "text.examples",
    "Answer": "spans.distribution",
    "SpanDistribution": "spans.distribution",
    "SpanLogits": "spans.logits",
    "Decision": "spans.decision",
    "Attribution": "explain.attribution.record",
    "FailedAttribution": "explain.attribution.record",
    "Contrast": "explain.targets",
    "QalensError": "errors",
    "InputError": "errors",
    "ModelError": "errors",
    "MissingExtraError": "errors",
}
_MODULES = {
    "behavior": "behavior",
    "datasets": "datasets",
    "errors": "errors",
    "evaluation": "evaluation",
    "explain": "explain",
    "models": "models",
    "per_window": "spans.per_window",
    "plots": "display.plots",
    "reader": "reader",
    "readings": "readings",
    "retrieval": "retrieval",
    "spans": "spans",
    "testing": "testing",
    "text": "text",
    "display": "display",
    "widgets": "widgets",
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
    "behavior",
    "compare_models",
    "datasets",
    "display",
    "errors",
    "evaluate",
    "evaluation",
    "explain",
    "explore",
    "load",
    "models",
    "page",
    "per_window",
    "plots",
    "reader",
    "readings",
    "retrieval",
    "spans",
    "testing",
    "text",
    "widgets",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"qalens.{_HOME[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"qalens.{_MODULES[name]}")
    raise AttributeError(f"module 'qalens' has no attribute {name!r}.{_elsewhere(name)}", name=name)


def _elsewhere(name: str) -> str:
    """Where a name is that was looked for here, as a sentence with a space before it; or nothing."""
    if name.startswith("_"):  # asked after by tools, which go on without it
        return ""
    from qalens import widgets
    from qalens.errors import meant

    if name in widgets.__all__:
        return f" It is qalens.widgets.{name}."
    return meant(name, [*__all__, "plots"])


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
