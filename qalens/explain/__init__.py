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
    from qalens.explain.edits import DropSentence, KeepSentence, MaskWords, ReplaceWords
    from qalens.explain.effects import SentenceEffects
    from qalens.explain.faithfulness import Faithfulness
    from qalens.explain.flips import SmallestFlip
    from qalens.explain.heads import HeadAblation
    from qalens.explain.layers import LayerTrace
    from qalens.explain.options import Options
    from qalens.explain.search import SmallestSentences
    from qalens.explain.sentences import split_sentences
    from qalens.explain.tables import FaithfulnessTable
    from qalens.explain.targets import Contrast, Target

_HOME = {
    "Attribution": "attribution",
    "Contrast": "targets",
    "DropSentence": "edits",
    "FailedAttribution": "attribution",
    "Faithfulness": "faithfulness",
    "FaithfulnessTable": "tables",
    "HeadAblation": "heads",
    "KeepSentence": "edits",
    "LayerTrace": "layers",
    "MaskWords": "edits",
    "Options": "options",
    "ReadingDiff": "difference",
    "ReplaceWords": "edits",
    "SentenceEffects": "effects",
    "SmallestFlip": "flips",
    "SmallestSentences": "search",
    "Target": "targets",
    "Trust": "attribution",
    "WordValue": "attribution",
    "compare": "difference",
    "split_sentences": "sentences",
}
__all__ = [
    "Attribution",
    "Contrast",
    "DropSentence",
    "FailedAttribution",
    "Faithfulness",
    "FaithfulnessTable",
    "HeadAblation",
    "KeepSentence",
    "LayerTrace",
    "MaskWords",
    "Options",
    "ReadingDiff",
    "ReplaceWords",
    "SentenceEffects",
    "SmallestFlip",
    "SmallestSentences",
    "Target",
    "Trust",
    "WordValue",
    "compare",
    "split_sentences",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"qalens.explain.{_HOME[name]}"), name)
    raise AttributeError(f"module 'qalens.explain' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
