"""Sentences and words that decide, as HTML: what each sentence does, and the fewest that keep or flip a decision."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from qalens.reading import Reading
from qalens.spans import Answer
from qalens.text import CharSpan
from qalens.views.difference import said_html
from qalens.views.frame import EXPLANATIONS, READING, figure, styles
from qalens.views.markup import Html, clip, count, element, join, probability
from qalens.views.passage import folded, good_cut
from qalens.views.shading import Mark, Shade, largest, scale_html, shaded_html
from qalens.views.verdict import head_html
from qalens.views.word_units import whole_edges
from qalens.views.wording import signed

if TYPE_CHECKING:
    from qalens.explain.effects import SentenceEffects
    from qalens.explain.flips import SmallestFlip
    from qalens.explain.search import SmallestSentences

_ROWS = 8
_NAME_WIDTH = 60  # columns of a sentence in a label
_WHOLE = 6_000  # characters that are shown without folding
_NEAR = 400  # characters that are not worth a fold
_AROUND = 500  # characters shown around what matters in a longer text


# --- what each sentence does --------------------------------------------------------------------------------------------


def sentence_effects_html(effects: SentenceEffects) -> str:
    """The text with its sentences shaded by what they contribute to what was said, and the strongest in a table.

    >>> from qalens.explain.effects import sentence_effects
    >>> from qalens.testing import planted_reading
    >>> text = "Ada kept the lamp. Tom slept."
    >>> read = lambda edits: (planted_reading("Who?", e.apply("Who?", text).context, answer=None) for e in edits)
    >>> html = sentence_effects_html(sentence_effects(planted_reading("Who?", text, answer="Ada"), read))
    >>> html.count("<figure"), "<script" in html
    (1, False)
    """
    values = contributions(effects)
    most = largest(values.tolist())
    what = "P(answer)" if effects.reading.answer is not None else "P(no answer)"
    title = element("div", element("strong", "Text"), f" by what each sentence adds to {what}", class_="ql-h")
    shades = [_sentence_shade(effects, k, float(values[k])) for k in range(len(effects.sentences))]
    spans = [effects.sentences[k] for k in _order(values)[:_ROWS]]
    body = _text(effects.reading.context, shades, [], most, spans)
    sections = [
        element("section", title, body, _legend(most, what)),
        _table(effects, values),
        _effects_caption(),
    ]
    return join(styles(READING, EXPLANATIONS), figure(head_html(effects.reading), *sections))


def contributions(effects: SentenceEffects) -> np.ndarray:
    """(K,): by how much the probability of what was said falls without each sentence; nan where that was not read."""
    if effects.reading.answer is not None:
        return -effects.answer_effect
    return -effects.no_answer_effect


def _order(values: np.ndarray) -> list[int]:
    return np.argsort(-np.nan_to_num(np.abs(values)), kind="stable").tolist()


def _sentence_shade(effects: SentenceEffects, k: int, value: float) -> Shade:
    span = effects.sentences[k]
    name = f"{clip(span.of(effects.reading.context), _NAME_WIDTH)} {signed(value)}"
    without, alone = effects.without, effects.alone
    more = (
        f"without it: {_said(without.answers[k], without.errors[k])}, P(no answer) {_p(without.no_answer_probability[k])}\n"
        f"alone: {_said(alone.answers[k], alone.errors[k])}, P(no answer) {_p(alone.no_answer_probability[k])}"
    )
    # The blanks at its ends stay white, so that sentences stand apart.
    text = span.of(effects.reading.context)
    start = span.start + len(text) - len(text.lstrip())
    return Shade(start, start + len(text.strip()), value, name, more)


def _said(answer: Answer | None, error: Exception | None) -> str:
    if error is not None:
        return "not read"
    return "no answer" if answer is None else f"“{clip(answer.text, 24)}”"


def _p(p: float) -> str:
    return "–" if math.isnan(p) else probability(float(p))


def _legend(most: float, what: str) -> Html:
    if not most:
        return element("div", "No sentence changes anything.", class_="ql-legend")
    return element("div", scale_html(most, f"of {what}, by sentence", 2), class_="ql-legend")


def _table(effects: SentenceEffects, values: np.ndarray) -> Html:
    names = ("sentence", "adds", "P(no answer) without it", "without it", "alone")
    head = element("tr", *(element("th", name, scope="col") for name in names))
    rows = [_sentence_row(effects, k, float(values[k])) for k in _order(values)[:_ROWS]]
    table = element(
        "table", element("thead", head), element("tbody", *rows), class_="ql-numbers ql-sentences"
    )
    K = len(effects.sentences)
    some = f" the {_ROWS} of {K:,} with the largest effects" if K > _ROWS else ""
    title = element("div", element("strong", "Sentences"), some, class_="ql-h")
    return element("section", title, table)


def _sentence_row(effects: SentenceEffects, k: int, value: float) -> Html:
    words = clip(effects.sentences[k].of(effects.reading.context), _NAME_WIDTH)
    cells = {
        "adds": "–" if math.isnan(value) else signed(value),
        "P(no answer)": _p(effects.without.no_answer_probability[k]),
        "without it": _said(effects.without.answers[k], effects.without.errors[k]),
        "alone": _said(effects.alone.answers[k], effects.alone.errors[k]),
    }
    return element(
        "tr",
        element("td", element("bdi", words, dir="auto")),
        *(element("td", element("bdi", value), data_label=name) for name, value in cells.items()),
        class_="ql-taken" if effects.holds_target[k] else None,
    )


def _effects_caption() -> Html:
    words = (
        "The text was read again without each sentence, and with each sentence alone. Blue: the probability of what the "
        "whole text leads to falls without this sentence, so the sentence speaks for it; orange: it rises. Sentences that "
        "hold the answer are bold in the table. Sentences can stand in for each other, so effects need not add up."
    )
    return element("figcaption", element("strong", "How to read this. "), words)


# --- the fewest sentences or words --------------------------------------------------------------------------------------


def smallest_sentences_html(smallest: SmallestSentences) -> str:
    """The text with the fewest sentences underlined on which the model says the same, and what it says to them."""
    K, reading = len(smallest.sentences), smallest.reading
    total = count(len(reading.context), "character")
    size = sum(map(len, smallest.spans))
    lead = f"{count(K, 'sentence')} ({size:,} of {total}) {'is' if K == 1 else 'are'} enough to say this"
    return _smallest_figure(
        reading,
        lead,
        smallest.spans,
        smallest.diff.after,
        smallest.proven,
        smallest.readings,
        smallest.errors,
    )


def smallest_flip_html(smallest: SmallestFlip) -> str:
    """The text or question with the fewest words underlined whose masking flips the decision, and what it says then."""
    reading, n = smallest.reading, len(smallest.words)
    after = None if smallest.diff is None else smallest.diff.after
    if after is None:
        lead = "No words were found whose masking flips the decision"
    else:
        lead = f"Masking {count(n, 'word')} flips the decision"
    return _smallest_figure(
        reading,
        lead,
        smallest.words,
        after,
        smallest.proven,
        smallest.readings,
        smallest.errors,
        text=reading.question if smallest.where == "question" else None,
    )


def _smallest_figure(
    reading: Reading,
    lead: str,
    spans: Sequence[CharSpan],
    after: Reading | None,
    proven: bool,
    readings: int,
    errors: Sequence[Exception],
    *,
    text: str | None = None,
) -> Html:
    shown = reading.context if text is None else text
    title = element("div", element("strong", lead), class_="ql-h")
    body = _text(shown, [], [Mark(span, "ql-best") for span in spans], 0.0, spans)
    said = []
    if after is not None:
        none = probability(after.no_answer_probability)
        said.append(
            element(
                "p", "Then it says: ", element("strong", said_html(after.answer)), f", P(no answer) {none}."
            )
        )
    sure = (
        "It is proven that no smaller set does it."
        if proven
        else "A smaller set may do it: not all were read."
    )
    failed = f" {count(len(errors), 'set')} could not be read." if errors else ""
    said.append(element("p", f"{sure} {count(readings, 'reading')} spent.{failed}", class_="ql-note"))
    section = element("section", title, body, *said)
    return join(styles(READING, EXPLANATIONS), figure(head_html(reading), section))


# --- the text -----------------------------------------------------------------------------------------------------------


def _text(
    text: str, shades: Sequence[Shade], marks: Sequence[Mark], most: float, wanted: Iterable[CharSpan]
) -> Html:
    parts, at = [], 0
    for span in shown_ranges(text, wanted):
        inside = [
            _within(shade, span) for shade in shades if shade.start < span.end and span.start < shade.end
        ]
        parts += [folded(text[at : span.start]), shaded_html(text, span, inside, marks, most)]
        at = span.end
    return element("div", *parts, folded(text[at:]), class_="ql-text", dir="auto", lang="")


def _within(shade: Shade, span: CharSpan) -> Shade:
    return Shade(max(shade.start, span.start), min(shade.end, span.end), shade.value, shade.name, shade.more)


def shown_ranges(text: str, wanted: Iterable[CharSpan]) -> list[CharSpan]:
    """What to show of a text: all of it, or of a long one what is around some spans.

    >>> shown_ranges("Ada kept it.", [CharSpan(0, 3)])
    [CharSpan(start=0, end=12)]
    """
    C = len(text)
    if C <= _WHOLE:
        return [CharSpan(0, C)]
    widen = whole_edges(text, 0, C)
    ranges: list[CharSpan] = []
    for one in sorted(wanted):
        start = 0 if one.start < _NEAR else good_cut(text, max(0, one.start - _AROUND))
        end = good_cut(text, min(C, one.end + _AROUND))
        start, end = widen(min(start, one.start), C if end > C - _NEAR else max(end, one.end))
        if ranges and start - ranges[-1].end < _NEAR:
            last = ranges.pop()
            start, end = last.start, max(last.end, end)
        ranges.append(CharSpan(start, end))
    return ranges
