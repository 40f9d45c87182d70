"""A model's inside as HTML: what its head would say after each layer, and what each attention head does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from qalens.decision import Decision
from qalens.views.attribution import quoted_html
from qalens.views.frame import EXPLANATIONS, READING, figure, styles
from qalens.views.markup import Html, clip_middle, element, join, logit, probability
from qalens.views.shading import scale_html
from qalens.views.strips import per_cent
from qalens.views.verdict import head_html
from qalens.views.wording import digits_for, signed

if TYPE_CHECKING:
    from qalens.explain.heads import HeadAblation
    from qalens.explain.layers import LayerTrace

_SPAN_WIDTH = 60  # columns
_ROW = 22  # pixels of a row of heads
_SIGNED = 0.25  # share of the largest change from which a cell carries its sign
_STRONGEST = 6


# --- the lens -----------------------------------------------------------------------------------------------------------


def layer_trace_html(trace: LayerTrace) -> str:
    """What the head would say after each layer: a row with a bar of probabilities, the margin and the best span.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> html = layer_trace_html(reader.lens(reader.read("Who kept the lamp?", "Ada kept the lamp.")))
    >>> html.count("<tr"), "<script" in html
    (6, False)
    """
    names = ("layer and its best span", "answer, other, none", _followed(trace), "P(no answer)", "margin")
    head = element("tr", *(element("th", name, scope="col") for name in names))
    rows = [_layer_rows(trace, layer) for layer in range(len(trace))]
    table = element("table", element("thead", head), element("tbody", *rows), class_="ql-layers")
    title = element("div", element("strong", "Layer by layer"), f" {_settling(trace)}", class_="ql-h")
    sections = [head_html(trace.reading), element("section", title, table), _lens_caption()]
    return join(styles(READING, EXPLANATIONS), figure(*sections))


def _followed(trace: LayerTrace) -> str:
    return "P(answer)" if trace.reading.answer is not None else "P(best span)"


def _settling(trace: LayerTrace) -> str:
    return (
        f"the best span settles at {_name(trace.answer_settles)}, whether there is an answer at "
        f"{_name(trace.answerability_settles)}"
    )


def _name(layer: int) -> str:
    return "the embeddings" if layer == 0 else f"layer {layer}"


def _layer_rows(trace: LayerTrace, layer: int) -> Html:
    """The row of a layer, and before it a line where something settles."""
    answer, none = float(trace.answer_probability[layer]), float(trace.no_answer_probability[layer])
    settled = _settled_here(trace, layer)
    line = element("td", f"▾ from here on {settled} settled", colspan=5)
    name = element("strong", "embeddings" if layer == 0 else f"layer {layer}")
    numbers = {
        "answer": "–" if math.isnan(answer) else probability(answer),
        "none": probability(none),
        "margin": logit(trace.margin[layer]),
    }
    row = element(
        "tr",
        element("td", name, " ", _span(trace.decisions[layer])),
        element("td", _split_bar(answer, none), class_="ql-all"),
        *(element("td", value, data_label=label) for label, value in numbers.items()),
    )
    return join(element("tr", line, class_="ql-settles") if settled else Html(), row)


def _settled_here(trace: LayerTrace, layer: int) -> str:
    what = [
        words
        for at, words in (
            (trace.answer_settles, "the best span"),
            (trace.answerability_settles, "whether there is an answer"),
        )
        if at == layer
    ]
    return f"{' and '.join(what)} {'is' if len(what) == 1 else 'are'}" if what else ""


def _span(decision: Decision) -> Html:
    if decision.best is None:
        return element("small", "no span")
    words = join("“", element("bdi", clip_middle(decision.best.text, _SPAN_WIDTH), dir="auto"), "”")
    if decision.answer is None:
        return element("span", words, element("small", " rejected"), class_="ql-rejected")
    return element("span", words)


def _split_bar(answer: float, none: float) -> Html:
    """The probability of the answer, of all other spans, and of no answer, side by side."""
    answer = 0.0 if math.isnan(answer) else answer
    other = max(0.0, 1 - answer - none)
    words = f"answer {probability(answer)}, other spans {probability(other)}, no answer {probability(none)}"
    return element(
        "span",
        element("b", style=f"width:{100 * answer:.1f}%"),
        element("u", style=f"width:{100 * none:.1f}%"),
        role="img",
        aria_label=words,
        title=words,
        class_="ql-bar ql-split",
    )


def _lens_caption() -> Html:
    words = (
        "The question-answering head is asked after every layer, as if the model ended there. Each bar is one: solid blue "
        "the answer of the whole model (its best span, where it abstains), blank all other spans, striped orange no answer. "
        "The head was trained for the last layer alone, so of early ones it says less than they know."
    )
    return element("figcaption", element("strong", "How to read this. "), words)


# --- heads --------------------------------------------------------------------------------------------------------------


def heads_html(ablation: HeadAblation) -> str:
    """The map of attention heads: how the target changes without each of them.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> html = heads_html(reader.ablate_heads(reader.read("Who kept the lamp?", "Ada kept the lamp.")))
    >>> html.count("<figure"), "<script" in html
    (1, False)
    """
    most = float(np.abs(ablation.change[np.isfinite(ablation.change)]).max(initial=0.0))
    said = element(
        "span", "What each head does for the ", quoted_html(ablation.target.words), class_="ql-question"
    )
    value = element("strong", logit(ablation.value), class_="ql-said")
    head = element(
        "header", said, " ", element("div", value, " ", element("small", "logits"), class_="ql-verdict")
    )
    by = {"zero": "set to zero", "mean": "set to its mean over the tokens"}[ablation.by]
    title = element(
        "div", element("strong", "Heads by layer"), f" one head's output at a time {by}", class_="ql-h"
    )
    section = element("section", title, _map(ablation, most), _map_legend(most), _strongest(ablation, most))
    return join(styles(READING, EXPLANATIONS), figure(head, section, _heads_caption()))


def _map(ablation: HeadAblation, most: float) -> Html:
    layers, heads = ablation.values.shape
    wide = 100 / heads
    cells = [_cell(ablation, layer, head, wide, most) for layer in range(layers) for head in range(heads)]
    every = math.ceil(heads / 12)
    numbers = [
        element("text", str(h + 1), x=per_cent((h + 0.5) * wide), y=layers * _ROW + 15, text_anchor="middle")
        for h in range(0, heads, every)
    ]
    height = layers * _ROW + 20
    picture = element(
        "svg", *cells, *numbers, width="100%", height=height, role="img", aria_label=_in_words(ablation)
    )
    rows = [
        element("text", str(k + 1), x="100%", y=f"{(k + 0.5) * _ROW + 4:g}", text_anchor="end")
        for k in range(layers)
    ]
    corner = element("text", "head", x="100%", y=layers * _ROW + 15, text_anchor="end")
    gutter = element("svg", *rows, corner, width="100%", height=height, aria_hidden="true")
    return element("div", gutter, picture, class_="ql-axis")


def _cell(ablation: HeadAblation, layer: int, head: int, wide: float, most: float) -> Html:
    change, value = float(ablation.change[layer, head]), float(ablation.values[layer, head])
    digits = digits_for(most)
    said = f"{logit(value)} without it, {signed(change, digits)}" if math.isfinite(change) else "not a number"
    title = element("title", f"layer {layer + 1}, head {head + 1}: {said}")
    level = abs(change) / most if most and math.isfinite(change) else 0.0
    # A head whose loss lets the target fall speaks for it.
    kind = "ql-x-for" if change < 0 else "ql-x-against"
    place = {"x": per_cent(head * wide), "y": layer * _ROW, "width": per_cent(wide), "height": _ROW}
    box = element("rect", title, **place, fill_opacity=f"{level:.2f}", class_=f"ql-head {kind}")
    if level < _SIGNED:
        return box
    sign = element(
        "text",
        signed(change, 2)[0],
        x=per_cent((head + 0.5) * wide),
        y=f"{(layer + 0.5) * _ROW + 4:g}",
        text_anchor="middle",
        class_="ql-on" if level > 0.6 else "ql-ink",
        aria_hidden="true",
    )
    return join(box, sign)


def _map_legend(most: float) -> Html:
    if not most:
        return element("div", "No head changes anything.", class_="ql-legend")
    return element(
        "div",
        scale_html(most, "logits without the head", digits_for(most), turned=True),
        element("span", "− and blue: the target falls without it, so it speaks for"),
        element("span", "+ and orange: it speaks against"),
        class_="ql-legend",
    )


def _strongest(ablation: HeadAblation, most: float) -> Html:
    found = [h for h in ablation.strongest(ablation.change.size) if math.isfinite(h.change) and h.change]
    words = [
        f"layer {h.layer} head {h.head} {signed(h.change, digits_for(most))}" for h in found[:_STRONGEST]
    ]
    return element("p", f"Strongest: {' · '.join(words)}", class_="ql-note") if words else Html()


def _in_words(ablation: HeadAblation) -> str:
    layers, heads = ablation.values.shape
    found = [h for h in ablation.strongest(_STRONGEST) if math.isfinite(h.change)]
    list_of = "; ".join(f"layer {h.layer}, head {h.head}: {signed(h.change)}" for h in found)
    return f"Map of {layers} layers and {heads} heads. Largest changes in logits: {list_of}."


def _heads_caption() -> Html:
    words = (
        "Each cell is one attention head. Its output is taken out, and the number in the head of this figure is asked "
        "again: the colour is how it changed, in logits. Heads can stand in for each other, so the changes of single heads "
        "need not add up to that of all of them."
    )
    return element("figcaption", element("strong", "How to read this. "), words)
