"""Why a model decides as it does: attribution, faithfulness, the lens, heads, and what an edit of the text changes.

Most of it is reached through a `Reader` (`reader.attribute`, `reader.lens`, `reader.edit`, …); here are the records that it
gives, the options and edits that it takes, and the functions underneath. Names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qalens.explain.attribution import Attribution, FailedAttribution, Trust, WordValue
    from qalens.explain.difference import ReadingDiff, compare
    from qalens.explain.faithfulness import Faithfulness
    from qalens.explain.heads import HeadAblation
    from qalens.explain.layers import LayerTrace
    from qalens.explain.methods import Options
    from qalens.explain.tables import FaithfulnessTable
    from qalens.explain.targets import Contrast, Target

_HOME = {
    "Attribution": "attribution",
    "Contrast": "targets",
    "FailedAttribution": "attribution",
    "Faithfulness": "faithfulness",
    "FaithfulnessTable": "tables",
    "HeadAblation": "heads",
    "LayerTrace": "layers",
    "Options": "methods",
    "ReadingDiff": "difference",
    "Target": "targets",
    "Trust": "attribution",
    "WordValue": "attribution",
    "compare": "difference",
}
__all__ = [
    "Attribution",
    "Contrast",
    "FailedAttribution",
    "Faithfulness",
    "FaithfulnessTable",
    "HeadAblation",
    "LayerTrace",
    "Options",
    "ReadingDiff",
    "Target",
    "Trust",
    "WordValue",
    "compare",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"qalens.explain.{_HOME[name]}"), name)
    raise AttributeError(f"module 'qalens.explain' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
