"""What is shown of sentences and words that decide: what each sentence does, and the fewest that keep or flip a decision."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from qalens.display.content.heading import heading
from qalens.display.folds import ranges_around, shaded_runs, with_folds
from qalens.display.labels import clip
from qalens.display.numbers import MISSING, count, probability, signed
from qalens.display.parts import (
    Cell,
    Content,
    Key,
    Line,
    Mark,
    Quote,
    Row,
    Run,
    Scale,
    Sentence,
    ShadedText,
    Table,
    lines,
    signed_bar,
    words,
)
from qalens.display.wording import HOW_TO_READ, said
from qalens.readings.reading import Reading
from qalens.spans.distribution import Answer
from qalens.text.examples import CharSpan

if TYPE_CHECKING:
    from qalens.explain.counterfactual.effects import SentenceEffects
    from qalens.explain.counterfactual.fewest_sentences import SmallestSentences
    from qalens.explain.counterfactual.fewest_words import SmallestFlip

_ROWS = 8
_NAME_WIDTH = 60  # columns of a sentence in a label
_LIMITS = {"whole": 6_000, "around": 500, "near": 400}  # characters, see `folds.ranges_around`


# --- what each sentence does --------------------------------------------------------------------------------------------


def effects(effects: SentenceEffects) -> Content:
    """The text with its sentences shaded by what they contribute to what was said, and the strongest in a table.

    >>> from qalens.explain.counterfactual.effects import sentence_effects
    >>> from qalens.testing import planted_reading
    >>> text = "Ada kept the lamp. Tom slept."
    >>> read = lambda edits: (planted_reading("Who?", e.apply("Who?", text).context, answer=None) for e in edits)
    >>> found = sentence_effects(planted_reading("Who?", text, answer="Ada"), read)
    >>> effects(found).of(Table)[0].rows[0].cells[1].text
    '+1.00'
    """
    caption = (
        "The text was read again without each sentence, and with each sentence alone. Green: the probability of what the "
        "whole text leads to falls without this sentence, so it contributes positively; purple: it rises. Sentences that "
        "hold the answer are bold in the table. Sentences can stand in for each other, so effects need not add up."
    )
    parts = (
        heading(effects.reading),
        _effects_text(effects),
        effects_table(effects),
        Sentence(caption, HOW_TO_READ, "caption"),
    )
    return Content(clip(effects.reading.question, 120), parts)


def contributions(effects: SentenceEffects) -> np.ndarray:
    """(K,): by how much the probability of what was said falls without each sentence; nan where that was not read."""
    if effects.reading.answer is not None:
        return -effects.answer_effect
    return -effects.no_answer_effect


def strongest_first(values: np.ndarray) -> list[int]:
    """The numbers of sentences, those with the largest effects by size first."""
    return np.argsort(-np.nan_to_num(np.abs(values)), kind="stable").tolist()


def _effects_text(effects: SentenceEffects) -> ShadedText:
    values, text = contributions(effects), effects.reading.context
    most = max((abs(v) for v in values.tolist() if math.isfinite(v)), default=0.0)
    what = "P(answer)" if effects.reading.answer is not None else "P(no answer)"
    shades = [_shade(effects, k, float(values[k])) for k in range(len(effects.sentences))]
    wanted = [effects.sentences[k] for k in strongest_first(values)[:_ROWS]]
    scale, keys = None, (Key("No sentence changes anything."),)
    if most:
        ends = signed(-most, 2), signed(most, 2)
        scale, keys = Scale(*ends, f"of {what}, by sentence", ("against", "for")), ()
    runs = _runs(text, wanted, shades, [], most)
    return ShadedText("Text", f"by what each sentence adds to {what}", runs, scale, keys)


def _runs(
    text: str,
    wanted: Iterable[CharSpan],
    shades: Sequence[tuple[int, int, float, str]],
    marks: Sequence[tuple[CharSpan, Mark]],
    most: float,
) -> tuple[Run, ...]:
    runs: list[Run] = []
    for piece in with_folds(text, ranges_around(text, wanted, 0, len(text), **_LIMITS), 0, len(text)):
        runs += [piece] if isinstance(piece, Run) else shaded_runs(text, piece, shades, marks, most)
    return tuple(runs)


def _shade(effects: SentenceEffects, k: int, value: float) -> tuple[int, int, float, str]:
    span = effects.sentences[k]
    without, alone = effects.without, effects.alone
    text = span.of(effects.reading.context)
    tip = (
        f"{clip(text, _NAME_WIDTH)} {signed(value)}\n"
        f"without it: {words(told(without.answers[k], without.errors[k]))}, "
        f"P(no answer) {probability(float(without.no_answer_probability[k]))}\n"
        f"alone: {words(told(alone.answers[k], alone.errors[k]))}, "
        f"P(no answer) {probability(float(alone.no_answer_probability[k]))}"
    )
    # The whitespace at its ends stays white, so that sentences stand apart.
    start = span.start + len(text) - len(text.lstrip())
    return start, start + len(text.strip()), value, tip


def told(answer: Answer | None, error: Exception | None, width: int = 24) -> Line:
    """What is answered, or that it could not be read."""
    return "not read" if error is not None else said(answer, width)


def effects_table(effects: SentenceEffects, most: int = _ROWS) -> Table:
    """The `most` sentences with the largest effects."""
    values = contributions(effects)
    rows = tuple(_row(effects, k, values) for k in strongest_first(values)[:most])
    K = len(effects.sentences)
    some = f"the {most} of {K:,} with the largest effects" if most < K else ""
    columns = ("sentence", "adds", "P(no answer) without it", "without it", "alone")
    return Table("Sentences", some, columns, rows, kind="sentences")


def _row(effects: SentenceEffects, k: int, values: np.ndarray) -> Row:
    name, value = Quote(clip(effects.sentences[k].of(effects.reading.context), _NAME_WIDTH)), float(values[k])
    cells = (
        Cell(name),
        Cell(MISSING if math.isnan(value) else signed(value), bar=signed_bar(value, values.tolist())),
        Cell(probability(float(effects.without.no_answer_probability[k]))),
        Cell(told(effects.without.answers[k], effects.without.errors[k])),
        Cell(told(effects.alone.answers[k], effects.alone.errors[k])),
    )
    return Row(cells, "taken" if effects.holds_target[k] else "")


# --- the fewest sentences or words --------------------------------------------------------------------------------------


def smallest_sentences(smallest: SmallestSentences) -> Content:
    """The text with the fewest sentences underlined on which the model says the same, and what it says to them."""
    K, context = len(smallest.sentences), smallest.reading.context
    size, total = sum(map(len, smallest.spans)), count(len(context), "character")
    lead = f"{count(K, 'sentence')} ({size:,} of {total}) {'is' if K == 1 else 'are'} enough to say this"
    return _smallest(smallest, lead, context, smallest.spans, smallest.diff.after)


def smallest_flip(smallest: SmallestFlip) -> Content:
    """The text or question with the fewest words underlined whose masking flips the decision, and what it says then."""
    after = None if smallest.diff is None else smallest.diff.after
    reading = smallest.reading
    text = reading.question if smallest.where == "question" else reading.context
    return _smallest(smallest, flip_lead(smallest), text, smallest.words, after)


def flip_lead(smallest: SmallestFlip) -> str:
    """How many words flip the decision, or that none were found."""
    if not smallest.flipped:
        return "No words were found whose masking flips the decision"
    return f"Masking {count(len(smallest.words), 'word')} flips the decision"


def proof(smallest: SmallestSentences | SmallestFlip) -> str:
    """Whether a smaller set may do it, and what the search took."""
    sure = "It is proven that no smaller set does it."
    if not smallest.proven:
        sure = "A smaller set may do it: not all were read."
    failed = f" {count(len(smallest.errors), 'set')} could not be read." if smallest.errors else ""
    return f"{sure} {count(smallest.readings, 'reading')} spent.{failed}"


def then_said(before: Reading, after: Reading) -> Line:
    """What the model says with the change, and how probable no answer is without it and with it."""
    none = " → ".join(probability(r.no_answer_probability) for r in (before, after))
    return lines("Then it says: ", said(after.answer), f", P(no answer) {none}.")


def _smallest(
    smallest: SmallestSentences | SmallestFlip,
    lead: str,
    text: str,
    spans: Sequence[CharSpan],
    after: Reading | None,
) -> Content:
    marks: list[tuple[CharSpan, Mark]] = [(span, "best") for span in spans]
    shaded = ShadedText(lead, "", _runs(text, spans, [], marks, 0.0))
    parts = [
        heading(smallest.reading),
        shaded,
        *([Sentence(then_said(smallest.reading, after))] if after is not None else []),
    ]
    parts.append(Sentence(proof(smallest), kind="note"))
    return Content(clip(smallest.reading.question, 120), tuple(parts))
