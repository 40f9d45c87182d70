"""Why a model decides as it does: attribution, faithfulness, the logit lens, heads, and what an edit of the text changes.

Most of it is reached through a `Reader` (`reader.attribute`, `reader.logit_lens`, `reader.edit`, …); here are the records that it
gives, the options and edits that it takes, and the functions underneath. Names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qalens.explain.attribution.options import Options
    from qalens.explain.attribution.record import Attribution, Diagnostics, FailedAttribution, WordValue
    from qalens.explain.counterfactual import edits
    from qalens.explain.counterfactual.difference import ReadingDiff, compare
    from qalens.explain.counterfactual.edits import DropSentence, KeepSentence, MaskWords, ReplaceWords
    from qalens.explain.counterfactual.effects import SentenceEffects
    from qalens.explain.counterfactual.fewest_sentences import SmallestSentences
    from qalens.explain.counterfactual.fewest_words import SmallestFlip
    from qalens.explain.faithfulness.masking_test import Faithfulness
    from qalens.explain.faithfulness.method_comparison import FaithfulnessTable
    from qalens.explain.faithfulness.sanity import SanityChecks
    from qalens.explain.layers.heads import HeadAblation
    from qalens.explain.layers.logit_lens import LayerTrace
    from qalens.explain.sentences import split_sentences
    from qalens.explain.targets import Contrast, Target

_HOME = {
    "Attribution": "attribution.record",
    "Contrast": "targets",
    "DropSentence": "counterfactual.edits",
    "FailedAttribution": "attribution.record",
    "Faithfulness": "faithfulness.masking_test",
    "FaithfulnessTable": "faithfulness.method_comparison",
    "HeadAblation": "layers.heads",
    "KeepSentence": "counterfactual.edits",
    "LayerTrace": "layers.logit_lens",
    "MaskWords": "counterfactual.edits",
    "Options": "attribution.options",
    "ReadingDiff": "counterfactual.difference",
    "ReplaceWords": "counterfactual.edits",
    "SanityChecks": "faithfulness.sanity",
    "SentenceEffects": "counterfactual.effects",
    "SmallestFlip": "counterfactual.fewest_words",
    "SmallestSentences": "counterfactual.fewest_sentences",
    "Target": "targets",
    "Diagnostics": "attribution.record",
    "WordValue": "attribution.record",
    "compare": "counterfactual.difference",
    "split_sentences": "sentences",
}
__all__ = [
    "Attribution",
    "Contrast",
    "Diagnostics",
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
    "SanityChecks",
    "SentenceEffects",
    "SmallestFlip",
    "SmallestSentences",
    "Target",
    "WordValue",
    "compare",
    "edits",
    "split_sentences",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"qalens.explain.{_HOME[name]}"), name)
    if name == "edits":
        return importlib.import_module("qalens.explain.counterfactual.edits")
    raise AttributeError(f"module 'qalens.explain' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
