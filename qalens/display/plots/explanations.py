"""Plots of explanations: attributions, the logit lens, heads, differences and faithfulness.

They are reached through `qalens.plots`, and keep to its rules: a record and drawing options in, the `Axes` out, nothing
shown, no setting changed. Green contributes positively to the target and purple negatively; a line, a stripe or a sign says the same.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from qalens.display.content.attribution import word_bars
from qalens.display.content.faithfulness import against_random, curves
from qalens.display.labels import clip_middle
from qalens.display.numbers import count
from qalens.display.plots import changes as changed_strokes
from qalens.display.plots import layers as inner_strokes
from qalens.display.plots import parts
from qalens.display.plots.axes import (
    GREY,
    INK,
    axes,
    check_count,
    check_kind,
    columns_across,
    quiet,
    title_columns,
)
from qalens.display.plots.lettering import words as strokes
from qalens.display.plots.lettering.fonts import lettering, one_direction, visible, wrap
from qalens.display.plots.lettering.text_layout import Flow
from qalens.display.wording import brief_diagnostics, completeness, method_name, score_words
from qalens.errors import InputError

if TYPE_CHECKING:
    from qalens.explain.attribution.record import Attribution
    from qalens.explain.counterfactual.difference import ReadingDiff
    from qalens.explain.counterfactual.effects import SentenceEffects
    from qalens.explain.faithfulness.masking_test import Faithfulness
    from qalens.explain.faithfulness.method_comparison import FaithfulnessTable
    from qalens.explain.layers.heads import HeadAblation
    from qalens.explain.layers.logit_lens import LayerTrace

__all__ = [
    "attribution",
    "attribution_words",
    "difference",
    "faithfulness",
    "faithfulness_table",
    "heads",
    "logit_lens",
    "sentence_effects",
]


def attribution(attribution: Attribution, *, ax: Axes | None = None) -> Axes:
    """Question and text as text, with a colour behind each word that says what it contributes.

    Green with a line above contributes positively to the target, purple with a line below negatively; the colours run to the
    largest magnitude. The span that is explained is underlined, the other side of a contrast dotted. The diagnostics are below.
    Of a long window the 120 words of the text are shown that hold the span and the largest values. Lines follow the width of
    the axes; letters get smaller where they would not fit its height.

    Parameters
    ----------
    attribution : Attribution
        What `reader.attribute` gave.
    ax : Axes, optional
        Where to draw; None makes a figure that is 6.4 inches wide and as high as the lines need.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> ax = attribution(reader.attribute(reading, "no_answer", "input_x_gradient"))
    >>> ax.get_title(loc="left").startswith("logit of P(no answer) = ")
    True
    >>> plt.close()
    """
    _check_attribution(attribution)
    own = ax is None
    ax = axes(ax, 3.0)
    ax.set_axis_off()
    strokes.title(ax, attribution)
    words = strokes.words_to_draw(attribution)
    if own:
        strokes.fit_height(ax, words)
    Flow(ax, partial(strokes.words_in_lines, attribution, words))
    return ax


def attribution_words(attribution: Attribution, k: int = 12, *, ax: Axes | None = None) -> Axes:
    """The words that count most as bars, those of the question above those of the text, largest first in each.

    Green bars to the right contribute positively to the target, striped purple ones to the left negatively, in logits.

    Parameters
    ----------
    attribution : Attribution
        What `reader.attribute` gave.
    k : int, default 12
        How many words, of question and text together.
    ax : Axes, optional
        Where to draw; None makes a figure that is as high as the bars need.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        Where `k` is no whole number from 1 on.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> ax = attribution_words(reader.attribute(reading, "no_answer", "input_x_gradient"), k=3)
    >>> len(ax.patches)
    3
    >>> plt.close()
    """
    _check_attribution(attribution)
    check_count("k", k, 1)
    part = word_bars(attribution, k)
    ax = axes(ax, 1.7 + 0.25 * max(3, len(part.rows)))
    strokes.title(ax, attribution)
    parts.bars(ax, part)
    said = wrap(f"{completeness(attribution)}; {brief_diagnostics(attribution)}", columns_across(ax))
    ax.set_xlabel(f"← negative  contribution, logits  positive →\n{said}", size="small", color=GREY)
    return ax


def logit_lens(trace: LayerTrace, *, ax: Axes | None = None) -> Axes:
    """What the head would say after every layer (logit lens): a bar for each, split into the answer, other spans and no answer.

    Solid blue is the probability of the reading's answer (of its best span, where it abstains), dotted grey all other spans,
    striped orange no answer. Beside each bar are its null margin and its own best span. Lines mark the layer from which on the
    best span, and whether there is an answer, are those of the last layer.

    Parameters
    ----------
    trace : LayerTrace
        What `reader.logit_lens` gave.
    ax : Axes, optional
        Where to draw; None makes a figure that is as high as the layers need.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> ax = logit_lens(reader.logit_lens(reader.read("Who kept the lamp?", "Ada kept the lamp.")))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['embeddings', 'layer 1', 'layer 2']
    >>> plt.close()
    """
    from qalens.explain.layers.logit_lens import LayerTrace

    check_kind(trace, LayerTrace, "reader.logit_lens(reading)")
    ax = axes(ax, 1.6 + 0.27 * inner_strokes.layer_places(trace)[-1])
    inner_strokes.layer_bars(ax, trace)
    inner_strokes.layer_words(ax, trace)
    title = inner_strokes.lens_title(ax, trace)
    ax.set_title(title, loc="left", size="medium", color=INK, pad=20, **lettering())
    return ax


def heads(ablation: HeadAblation, *, ax: Axes | None = None) -> Axes:
    """The map of attention heads: how the target changes when one of them is taken out.

    White is no change. Green, a negative number, is a head that contributes positively: without it the target falls.
    The three strongest are framed.

    Parameters
    ----------
    ablation : HeadAblation
        What `reader.ablate_heads` gave.
    ax : Axes, optional
        Where to draw; None makes a figure that is as high as the layers need. The colour bar takes its space from it.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> ax = heads(reader.ablate_heads(reader.read("Who kept the lamp?", "Ada kept the lamp.")))
    >>> ax.get_ylabel()
    'layer'
    >>> plt.close()
    """
    from qalens.explain.layers.heads import HeadAblation

    check_kind(ablation, HeadAblation, "reader.ablate_heads(reading)")
    ax = axes(ax, 1.2 + 0.25 * max(6, len(ablation.values)))
    inner_strokes.head_map(ax, ablation)
    return ax


def difference(diff: ReadingDiff, *, ax: Axes | None = None) -> Axes:
    """What changed between two readings: over each character of the text before, and for no answer.

    Up and green: the answer now holds this character with more probability; down, purple and striped: with less. The grey bar
    on the right is the change of P(no answer) on the same scale. What is gone from the text is dotted grey, and a post with a
    triangle is where words are new, as high as the probability that the answer holds them. Of a long text the 600 characters
    with most change are shown.

    Parameters
    ----------
    diff : ReadingDiff
        What `reader.edit` or `qalens.explain.compare` gave.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 2.9 inches.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.explain.counterfactual.difference import compare
    >>> from qalens.testing import planted_reading
    >>> one, other = (planted_reading("Who?", "Ada kept the lamp.", answer=a) for a in ("Ada", None))
    >>> difference(compare(one, other)).get_title(loc="left").splitlines()[0]
    '“Ada” → no answer'
    >>> plt.close()
    """
    from qalens.explain.counterfactual.difference import ReadingDiff

    check_kind(diff, ReadingDiff, "qalens.explain.compare(before, after)")
    change = diff.inclusion_change()
    stretch = changed_strokes.stretch_of(diff, change)
    ax = axes(ax, 2.9)
    changed_strokes.inclusion_strip(ax, diff, change, stretch)
    new = changed_strokes.new_stems(ax, diff, stretch)
    most = max(
        0.05,
        float(np.abs(change).max(initial=0)),
        abs(diff.no_answer_change),
        diff.new_inclusion().max(initial=0),
    )
    ax.set_ylim(-1.22 * most, 1.22 * most)
    changed_strokes.name_changes(ax, diff, change, stretch, new)
    changed_strokes.no_answer_bar(ax, diff, stretch)
    ax.set_ylabel("change of\nP(in the answer)", size="small")
    ax.set_xlabel(changed_strokes.stretch_label(stretch), size="small", color=GREY)
    ax.set_title(changed_strokes.headline(ax, diff), loc="left", size="medium", color=INK, **lettering())
    quiet(ax)
    return ax


def sentence_effects(effects: SentenceEffects, *, ax: Axes | None = None) -> Axes:
    """What every sentence does: two bars for what dropping it changes, and in words what the model says to it alone.

    Solid blue is the change of the probability of the answer (of the best span, where the reading abstains), striped orange that
    of no answer. Sentences that hold the answer are bold. Of more than 20 those with the largest effects are shown.

    Parameters
    ----------
    effects : SentenceEffects
        What `reader.sentence_effects` gave.
    ax : Axes, optional
        Where to draw; None makes a figure that is as high as the sentences need.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.explain.counterfactual.effects import sentence_effects as effects_of
    >>> from qalens.testing import planted_reading
    >>> text = "Ada kept the lamp. Tom slept."
    >>> read = lambda edits: (planted_reading("Who?", e.apply("Who?", text).context, answer=None) for e in edits)
    >>> ax = sentence_effects(effects_of(planted_reading("Who?", text, answer="Ada"), read))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['1  Ada kept the lamp.', '2  Tom slept.']
    >>> plt.close()
    """
    from qalens.explain.counterfactual.effects import SentenceEffects

    check_kind(effects, SentenceEffects, "reader.sentence_effects(reading)")
    rows = changed_strokes.sentences_to_show(effects)
    ax = axes(ax, 1.2 + 0.3 * max(3, len(rows)))
    changed_strokes.sentence_bars(ax, effects, rows)
    changed_strokes.alone_column(ax, effects, rows)
    K = len(effects.sentences)
    some = f"\n{len(rows)} of {K:,} sentences, with the largest effects" if len(rows) < K else ""
    ax.set_xlabel(f"change of probability without the sentence{some}", size="small", color=GREY)
    return ax


def faithfulness(tested: Faithfulness, *, ax: Axes | None = None) -> Axes:
    """The target while words are masked or put back, in the order of an attribution.

    A good order lets the deletion curve (purple, solid) fall early and the insertion curve (green, dashed) rise early. Both
    measures against random orders are below.

    Parameters
    ----------
    tested : Faithfulness
        What `reader.faithfulness` gave.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 3.4 inches.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> attribution = reader.attribute(reading, "no_answer", "input_x_gradient")
    >>> faithfulness(reader.faithfulness(reading, attribution)).get_ylabel()
    'target, logits'
    >>> plt.close()
    """
    from qalens.explain.faithfulness.masking_test import Faithfulness

    check_kind(tested, Faithfulness, "reader.faithfulness(reading, attribution)")
    ax = axes(ax, 3.4)
    parts.chart(ax, curves(tested))
    what = one_direction(clip_middle(visible(tested.target.words), title_columns(ax)))
    ax.set_title(
        f"{what}\n{method_name(tested.method)}", loc="left", size="medium", color=INK, pad=50, **lettering()
    )
    said = "\n".join(score_words(tested))
    ax.set_xlabel(f"{ax.get_xlabel()}\n{said}", size="small", color=GREY)
    return ax


def faithfulness_table(table: FaithfulnessTable, *, ax: Axes | None = None) -> Axes:
    """Methods beside each other: how many standard deviations they do better than random orders of the words.

    Round marks are comprehensiveness, square ones sufficiency, each the mean over readings with its 95 % interval. An interval
    that reaches the dashed line may be as good as random.

    Parameters
    ----------
    table : FaithfulnessTable
        What `reader.rank_methods` gave.
    ax : Axes, optional
        Where to draw; None makes a figure that is as high as the methods need.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> readings = reader.read_many([("Who kept the lamp?", "Ada kept the lamp.")])
    >>> ax = faithfulness_table(reader.rank_methods(readings, methods=("input_x_gradient",)))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['input × gradient ≈ chance']
    >>> plt.close()
    """
    from qalens.explain.faithfulness.method_comparison import FaithfulnessTable

    check_kind(table, FaithfulnessTable, "reader.rank_methods(readings)")
    ax = axes(ax, 1.3 + 0.42 * max(2, len(table.rows)))
    parts.intervals(ax, against_random(table))
    left = f", {len(table.failed):,} left out" if table.failed else ""
    said = f"mean and 95 % interval over {count(table.readings, 'reading')}{left}"
    ax.set_xlabel(f"standard deviations better than random orders\n{said}", size="small", color=GREY)
    return ax


def _check_attribution(record: Any) -> None:
    from qalens.explain.attribution.record import Attribution, FailedAttribution

    if isinstance(record, FailedAttribution):
        raise InputError(f"There is nothing to draw, since it could not be explained: {record.error}")
    check_kind(record, Attribution, "reader.attribute(reading)")
