"""Plots of readings and of explanations with matplotlib, for papers, talks and notebooks.

Each takes a record (a `Reading`, an `Attribution`, …) and drawing options, draws into `ax` or into a figure of its own,
and returns the `Axes`; `overview` returns a `Figure`. Nothing is shown or saved, and no setting of matplotlib is
changed. Tokens and windows count from 1, tokens along the whole text; of a long text the 120 tokens are shown that hold the best span and
the most probability, and the axis says so.

Blue is an answer, orange is none; green contributes positively, purple negatively; text and shape say the same (see
`display.style` for all colours).
"""

from qalens.display.plots.behavior import behavior, models
from qalens.display.plots.evaluation import (
    comparison,
    outcomes,
    prediction_sets,
    reliability,
    risk_control,
    risk_coverage,
    slices,
    thresholds,
)
from qalens.display.plots.explanations import (
    attribution,
    attribution_words,
    difference,
    faithfulness,
    faithfulness_table,
    heads,
    logit_lens,
    sentence_effects,
)
from qalens.display.plots.readings import (
    marginals,
    no_answer,
    overview,
    ranked_spans,
    span_map,
    windows,
)
from qalens.display.plots.smallest import (
    smallest_flip,
    smallest_sentences,
)

__all__ = [
    "attribution",
    "attribution_words",
    "behavior",
    "comparison",
    "difference",
    "faithfulness",
    "faithfulness_table",
    "heads",
    "logit_lens",
    "marginals",
    "models",
    "no_answer",
    "outcomes",
    "overview",
    "prediction_sets",
    "ranked_spans",
    "reliability",
    "risk_control",
    "risk_coverage",
    "sentence_effects",
    "slices",
    "smallest_flip",
    "smallest_sentences",
    "span_map",
    "thresholds",
    "windows",
]


def __dir__() -> list[str]:
    return __all__
