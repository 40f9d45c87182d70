"""Plots of the smallest changes: the fewest sentences that keep a decision, the fewest words that flip it.

They are reached through `qalens.plots`, and keep to its rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from qalens.display.content.sentences import flip_lead, proof
from qalens.display.labels import whole_edges
from qalens.display.numbers import count, places, probability
from qalens.display.parts import lines, words
from qalens.display.plots.axes import INK, axes, check_kind, title_columns
from qalens.display.plots.lettering import words as strokes
from qalens.display.plots.lettering.fonts import lettering, one_direction, visible
from qalens.display.plots.lettering.text_layout import Flow, Piece
from qalens.display.wording import said
from qalens.explain.words import word_spans
from qalens.readings.reading import Reading
from qalens.text.examples import CharSpan

if TYPE_CHECKING:
    from qalens.explain.counterfactual.fewest_sentences import SmallestSentences
    from qalens.explain.counterfactual.fewest_words import SmallestFlip

_KEPT, _MASKED = 1.0, -1.0  # green with a line above, purple with a line below


def smallest_sentences(smallest: SmallestSentences, *, ax: Axes | None = None) -> Axes:
    """The text with the fewest sentences shaded on which the model says what it says of the whole text.

    Green with a line above is kept. Of a long text the 120 words are shown that hold most of them.

    Parameters
    ----------
    smallest : SmallestSentences
        What `reader.smallest_sentences` gave.
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
    >>> smallest_sentences(reader.smallest_sentences(reading)).get_title(loc="left").splitlines()[0]
    '1 of 1 sentence is enough'
    >>> plt.close()
    """
    from qalens.explain.counterfactual.fewest_sentences import SmallestSentences
    from qalens.explain.sentences import split_sentences

    check_kind(smallest, SmallestSentences, "reader.smallest_sentences(reading)")
    reading, K = smallest.reading, len(smallest.sentences)
    total = len(split_sentences(reading.context))
    said = f"{K} of {count(total, 'sentence')} {'is' if K == 1 else 'are'} enough"
    pieces = _text_words(reading, smallest.spans, "context", _KEPT)
    notes = ["green with a line above: kept", proof(smallest)]
    return _drawn(ax, said, reading, smallest.diff.after, pieces, notes)


def smallest_flip(smallest: SmallestFlip, *, ax: Axes | None = None) -> Axes:
    """The question and the text with the fewest words shaded whose masking flips the decision.

    Purple with a line below is masked. Of a long text the 120 words are shown that hold most of them.

    Parameters
    ----------
    smallest : SmallestFlip
        What `reader.smallest_flip` gave.
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
    >>> reader = Reader(toy_model(), toy_tokenizer(), threshold=50)
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> smallest_flip(reader.smallest_flip(reading, budget=20)).get_title(loc="left").splitlines()[0]
    'No words were found whose masking flips the decision'
    >>> plt.close()
    """
    from qalens.explain.counterfactual.fewest_words import SmallestFlip

    check_kind(smallest, SmallestFlip, "reader.smallest_flip(reading)")
    said = flip_lead(smallest)
    pieces = _text_words(smallest.reading, smallest.words, smallest.where, _MASKED)
    notes = [*(["purple with a line below: masked"] if smallest.flipped else []), proof(smallest)]
    after = None if smallest.diff is None else smallest.diff.after
    return _drawn(ax, said, smallest.reading, after, pieces, notes)


def _drawn(
    ax: Axes | None, lead: str, before: Reading, after: Reading | None, words: strokes.Words, notes: list[str]
) -> Axes:
    own = ax is None
    ax = axes(ax, 2.0)
    ax.set_axis_off()
    ax.set_title(
        f"{lead}\n{_decisions(ax, before, after)}", loc="left", size="medium", color=INK, **lettering()
    )
    if own:
        strokes.fit_height(ax, words)
    Flow(ax, partial(_in_lines, words, notes))
    return ax


def _decisions(ax: Axes, before: Reading, after: Reading | None) -> str:
    """What was answered, what is answered with the change, and how probable no answer is."""
    readings = [before] if after is None else [before, after]
    width = title_columns(ax) // len(readings) - 3
    told = one_direction(visible(words(lines(*(said(r.answer, width) for r in readings), between=" → "))))
    none = " → ".join(probability(r.no_answer_probability) for r in readings)
    return f"{told}   P(no answer) {none}"


def _in_lines(words: strokes.Words, notes: list[str], width: float, height: float) -> list[Artist]:
    drawn, foot = strokes.question_and_text(words, width, height)
    return [*drawn, *strokes.notes(notes, foot)]


def _text_words(reading: Reading, marked: Sequence[CharSpan], where: str, value: float) -> strokes.Words:
    """The question, and the text or the 120 words of it that hold most of what is marked."""
    spans = {
        "question": marked if where == "question" else (),
        "context": marked if where == "context" else (),
    }
    question = _pieces(reading.question, spans["question"], value)
    text = _pieces(reading.context, spans["context"], value)
    first, stop = strokes.fullest([float(p.value is not None) for p in text])
    note = ""
    if stop - first < len(text):
        note = f"words {places(first, stop)} of {len(text):,}"
    cut = [[Piece("…", None, True)] * is_cut for is_cut in (first > 0, stop < len(text))]
    return strokes.Words(question, [*cut[0], *text[first:stop], *cut[1]], note)


def _pieces(text: str, marked: Sequence[CharSpan], value: float) -> list[Piece]:
    """The words of a text, those that share a character with what is marked with a value."""
    found = word_spans(text)
    widen = whole_edges(text, 0, len(text))
    edges: list[tuple[int, int]] = []
    for span in found:
        start, end = widen(span.start, span.end)
        if edges and start < edges[-1][1]:
            start = edges.pop()[0]
        edges.append((start, end))
    pieces = []
    for k, (start, end) in enumerate(edges):
        behind = edges[k + 1][0] if k + 1 < len(edges) else end + 1
        here = any(span.start < end and start < span.end for span in marked)
        pieces.append(Piece(text[start:end], value if here else None, behind > end))
    return pieces
