"""What is shown of a model's inside: what its head would say after each layer, and what each attention head does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from qalens.display.content.heading import heading
from qalens.display.labels import clip, clip_middle
from qalens.display.numbers import digits_for, logit, probability, signed
from qalens.display.parts import (
    Cell,
    Cells,
    Content,
    Heading,
    Key,
    Row,
    Scale,
    Segment,
    Sentence,
    Table,
    quoted,
    signed_bar,
)
from qalens.display.wording import HOW_TO_READ, quotations
from qalens.spans.decision import Decision

if TYPE_CHECKING:
    from qalens.explain.layers.heads import HeadAblation
    from qalens.explain.layers.logit_lens import LayerTrace

_SPAN_WIDTH = 60  # columns
_SIGNED = 25  # per cent of the largest change from which a cell carries its sign
_STRONGEST = 6
BY_WORDS = {"zero": "set to zero", "mean": "set to its mean over the tokens"}


# --- the logit lens -----------------------------------------------------------------------------------------------------


def logit_lens(trace: LayerTrace) -> Content:
    """A row for each layer with a bar of probabilities, the null margin and the best span there.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> trace = reader.logit_lens(reader.read("Who kept the lamp?", "Ada kept the lamp."))
    >>> logit_lens(trace).of(Table)[0].columns[0]
    'layer'
    """
    caption = (
        "The question-answering head is asked after every layer, as if the model ended there (the logit lens). Each bar is "
        "one: solid blue the answer of the whole model (its best span, where it abstains), blank all other spans, striped "
        "orange no answer. The head was trained for the last layer alone: what it says of an early one is no bound on what "
        "that one knows."
    )
    parts = (heading(trace.reading), layers_table(trace), Sentence(caption, HOW_TO_READ, "caption"))
    return Content(clip(trace.reading.question, 120), parts)


def layers_table(trace: LayerTrace) -> Table:
    """A row for each layer, and above it what is settled from there on."""
    rows = [row for layer in range(len(trace)) for row in _layer_rows(trace, layer)]
    answer = "P(answer)" if trace.reading.answer is not None else "P(best span)"
    columns = ("layer", "answer, others, none", answer, "P(no answer)", "margin")
    about = "logit lens: what the head would say after each layer"
    return Table("Layer by layer", about, columns, tuple(rows), kind="numbers ql-layers")


def layer_name(layer: int) -> str:
    """What a layer is called.

    >>> layer_name(0), layer_name(3)
    ('embeddings', 'layer 3')
    """
    return f"layer {layer}" if layer else "embeddings"


def settled_here(trace: LayerTrace, layer: int) -> str:
    """What is, from this layer on, as it is after the last one; "" for nothing."""
    what = [
        said
        for at, said in (
            (trace.answer_settles, "the best span"),
            (trace.answerability_settles, "whether there is an answer"),
        )
        if at == layer
    ]
    return f"{' and '.join(what)} {'is' if len(what) == 1 else 'are'} settled from here on" if what else ""


def _layer_rows(trace: LayerTrace, layer: int) -> list[Row]:
    answer, none = float(trace.answer_probability[layer]), float(trace.no_answer_probability[layer])
    decision = trace.decisions[layer]
    bar, tip = _split_bar(answer, none)
    cells = (
        Cell(_span(layer, decision), small=" rejected" if decision.best and decision.answer is None else ""),
        Cell("", bar=bar, tip=tip),
        Cell(probability(answer)),
        Cell(probability(none)),
        Cell(
            logit(trace.margin[layer]), bar=signed_bar(trace.margin[layer], trace.margin, ("answer", "none"))
        ),
    )
    row = Row(cells, "" if decision.answer is not None else "rejected")
    settled = settled_here(trace, layer)
    return [Row((Cell(f"▾ {settled}"),), "line"), row] if settled else [row]


def _span(layer: int, decision: Decision) -> tuple[str, ...]:
    if decision.best is None:
        return (layer_name(layer), " no span")
    return (layer_name(layer), " ", *quoted(clip_middle(decision.best.text, _SPAN_WIDTH)))


def _split_bar(answer: float, none: float) -> tuple[tuple[Segment, ...], str]:
    """The probability of the answer, of all other spans, and of no answer, side by side."""
    answer = 0.0 if math.isnan(answer) else answer
    other = max(0.0, 1 - answer - none)
    tip = f"answer {probability(answer)}, other spans {probability(other)}, no answer {probability(none)}"
    segments = (Segment(0.0, 100 * answer, "answer"), Segment(100 - 100 * none, 100 * none, "none", True))
    return segments, tip


# --- heads --------------------------------------------------------------------------------------------------------------


def heads(ablation: HeadAblation) -> Content:
    """The map of attention heads: how the target changes without each of them.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> heads(reader.ablate_heads(reader.read("Who kept the lamp?", "Ada kept the lamp."))).of(Cells)[0].title
    'Heads by layer'
    """
    asked = ("What each head does for the ", *quotations(clip(ablation.target.words, 300)))
    caption = (
        "Each cell is one attention head. Its output is taken out, and the number in the head of this figure is asked "
        "again: the colour is how it changed, in logits. Heads can stand in for each other, so the changes of single heads "
        "need not add up to that of all of them."
    )
    parts = (
        Heading(asked, logit(ablation.value), "", "", ("logits",)),
        _map(ablation),
        _strongest(ablation),
        Sentence(caption, HOW_TO_READ, "caption"),
    )
    return Content(clip(ablation.target.words, 120), parts)


def largest_change(ablation: HeadAblation) -> float:
    """The largest change by size, which gets the full colour."""
    return float(np.abs(ablation.change[np.isfinite(ablation.change)]).max(initial=0.0))


def _map(ablation: HeadAblation) -> Cells:
    layers, columns = ablation.values.shape
    most = largest_change(ablation)
    # A head without which the target falls contributes positively to it.
    levels = np.rint(-100 * np.nan_to_num(ablation.change / most if most else ablation.change)).astype(int)
    grid = [[(k, j) for j in range(columns)] for k in range(layers)]
    keys: list[Key] = [Key("No head changes anything.")]
    scale = None
    if most:
        digits = digits_for(most)
        scale = Scale(
            signed(-most, digits), signed(most, digits), "logits without the head", ("for", "against")
        )
        keys = [
            Key("− the target falls without it: it contributes positively"),
            Key("+ it contributes negatively"),
        ]
    return Cells(
        "Heads by layer",
        f"one head's output at a time {BY_WORDS[ablation.by]}",
        tuple(str(k + 1) for k in range(layers)),
        tuple(str(j + 1) for j in range(columns)),
        tuple(map(tuple, levels.tolist())),
        tuple(tuple(_sign(ablation, levels[at], *at) for at in row) for row in grid),
        tuple(tuple(_tip(ablation, most, *at) for at in row) for row in grid),
        _in_words(ablation),
        scale,
        tuple(keys),
    )


def _sign(ablation: HeadAblation, level: int, layer: int, head: int) -> str:
    return signed(float(ablation.change[layer, head]), 2)[0] if abs(level) >= _SIGNED else ""


def _tip(ablation: HeadAblation, most: float, layer: int, head: int) -> str:
    change, value = float(ablation.change[layer, head]), float(ablation.values[layer, head])
    said = "not a number"
    if math.isfinite(change):
        said = f"{logit(value)} without it, {signed(change, digits_for(most))}"
    return f"layer {layer + 1}, head {head + 1}: {said}"


def _strongest(ablation: HeadAblation) -> Table:
    digits = digits_for(largest_change(ablation))
    found = [h for h in ablation.strongest(ablation.change.size) if math.isfinite(h.change) and h.change]
    rows = tuple(
        Row((Cell(f"layer {h.layer} head {h.head}"), Cell(signed(h.change, digits))))
        for h in found[:_STRONGEST]
    )
    return Table("Strongest heads", "", ("head", "change without it, logits"), rows)


def _in_words(ablation: HeadAblation) -> str:
    layers, columns = ablation.values.shape
    found = [h for h in ablation.strongest(_STRONGEST) if math.isfinite(h.change)]
    told = "; ".join(f"layer {h.layer}, head {h.head}: {signed(h.change)}" for h in found)
    return f"Map of {layers} layers and {columns} heads. Largest changes in logits: {told}."
