"""What is shown of a reading, and of one that failed."""

from __future__ import annotations

import math
import reprlib

import numpy as np

from qalens.display.content.heading import heading
from qalens.display.content.span_groups import MOST_GROUPS, Group, groups, listed, rival, spans_table
from qalens.display.content.token_axis import TokenPicture, WholeText, stretches, token_axis
from qalens.display.folds import MarkedSpan, passage_runs
from qalens.display.labels import clip
from qalens.display.numbers import count, percent, probability, share
from qalens.display.parts import (
    Bar,
    Bars,
    Cell,
    Content,
    DecisionLine,
    Key,
    Quote,
    Row,
    Scale,
    Sentence,
    ShadedText,
    Table,
)
from qalens.display.wording import HOW_TO_READ, decision_sentence
from qalens.readings.reading import DEFAULT_CUT, FailedReading, Reading
from qalens.spans.distribution import Answer
from qalens.spans.per_window import leakage
from qalens.text.examples import Example

IN_ANSWER = Scale("0", "1", "probability of being in the answer, if there is one", ("pale",))


def content(reading: Reading) -> Content:
    """The decision, the text, where the answer would start and end, the best spans, and how sure the model was.

    >>> from qalens.testing import planted_reading
    >>> shown = content(planted_reading("Who kept it?", "Ada kept the lamp.", answer="Ada"))
    >>> shown.parts[0].said, shown.parts[0].number
    ('Ada', '>99.9%')
    """
    found = groups(reading.spans, max(MOST_GROUPS, len(listed(reading))))
    other = rival(reading, found)
    parts: list[object] = [heading(reading), text(reading, found, other)]
    if found:
        axis = token_axis(reading)
        scale = stretches(axis)
        parts += [spans_table(reading, found), WholeText(reading, axis, scale)]
        parts.append(TokenPicture(reading, axis, scale, other))
    parts += [*no_answer(reading), *uncertainty(reading), *classic(reading), _caption(reading)]
    return Content(clip(reading.question, 120), tuple(parts))


def text(reading: Reading, found: tuple[Group, ...], other: Answer | None) -> ShadedText:
    """The text with the answer, or the span that was rejected, and the strongest span elsewhere; several answers with
    their numbers.
    """
    best = reading.decision.best
    if best is None:
        return ShadedText("", "", passage_runs(reading, found, ()))
    abstains, numbers = reading.answer is None, listed(reading)
    marks = [MarkedSpan(span, "answer", k) for span, k in numbers.items()] or [
        MarkedSpan(best.span, "rejected" if abstains else "answer")
    ]
    said = f"{len(numbers):,} answers, each of {share(DEFAULT_CUT)} or more" if numbers else "answer"
    keys = [Key("best span, rejected" if abstains else said, "rejected" if abstains else "best")]
    if other is not None and other.span not in numbers:
        marks.append(MarkedSpan(other.span, "rival"))
        keys.append(Key("strongest span elsewhere", "rival"))
    return ShadedText("", "", passage_runs(reading, found, marks), IN_ANSWER, tuple(keys))


def no_answer(reading: Reading) -> list[object]:
    """P(no answer), the threshold as a place on a line with the margin on it, and what would change the decision."""
    none = percent(reading.no_answer_probability)
    parts: list[object] = [Sentence(f"{none} probability of no answer.", "Is there an answer?")]
    if math.isfinite(reading.margin):
        parts.append(DecisionLine(reading.margin, reading.decision.threshold))
    return [*parts, Sentence(decision_sentence(reading))]


def uncertainty(reading: Reading) -> list[Bars]:
    """The entropy in bits in three parts: whether there is an answer, which one, and where it starts and ends."""
    if not len(reading.spans):
        return []
    bits = reading.spans.uncertainty()
    answerable = -math.expm1(reading.spans.null_log_prob)
    rows = tuple(
        Bar(name, size, f"{size:.2f}", tone)
        for name, size, tone in (
            ("whether there is an answer", bits.answerability, "none"),
            ("which one", answerable * bits.choice, "answer"),
            ("where it starts and ends", answerable * bits.boundaries, "end"),
        )
    )
    note = "1 bit is a fair coin. The last two parts count by the probability that there is an answer."
    full = float(max(2, math.ceil(bits.total)))
    return [Bars("Uncertainty", f"{bits.total:.2f} bits, of them", rows, 0.0, full, note)]


def classic(reading: Reading) -> list[Sentence]:
    """What the product of two separate softmaxes says of the best span, and how much of it is no prediction."""
    best = reading.decision.best
    if best is None:
        return []
    alone = reading.logits.one_window(best.window)
    lost = leakage(alone, max_answer_length=reading.max_answer_length)
    p_start, p_end = classic_parts(reading, best)
    parts = {
        "the end before the start": lost.reversed,
        "too long": lost.too_long,
        "one end at the null token": lost.mixed,
        "outside the text": lost.outside,
    }
    told = [f"{percent(float(p[0]))} {name}" for name, p in parts.items() if p[0] >= 0.0005]
    detail = f" ({', '.join(told)})" if told else ""
    where = f" of window {best.window + 1}" if len(reading.windows) > 1 else ""
    said = (
        f"p(start) · p(end) of the best span = {probability(p_start)} · {probability(p_end)} = "
        f"{probability(p_start * p_end)}. Of this product of two softmaxes, {percent(float(lost.total[0]))}{where} "
        f"falls on pairs that are no prediction{detail}."
    )
    return [Sentence(said, "Classic score", "note")]


def classic_parts(reading: Reading, answer: Answer) -> tuple[float, float]:
    """The softmax over starts at the start of a span, and that over ends at its end, in its own window."""
    alone = reading.logits.one_window(answer.window)
    length = int(alone.windows.lengths[0])
    found = []
    for logits, token in zip((alone.start, alone.end), answer.tokens, strict=True):
        x = logits[0, :length].astype(np.float64)
        found.append(math.exp(float(x[token] - np.logaddexp.reduce(x))))
    return found[0], found[1]


def _caption(reading: Reading) -> Sentence:
    if not len(reading.spans):
        said = "A model was asked the question above; its text holds nothing it could answer with."
        return Sentence(said, kind="caption")
    said = (
        "A question-answering model points at the stretch of a text that answers a question, or abstains. It scores "
        "every token as a start and as an end; a span scores the sum of both. Shading, bars and map tell where the "
        "answer lies if there is one: bars up for the start, down for the end, and in the map one cell for each span, "
        f"under its first token, deeper the longer it is (at most {count(reading.max_answer_length, 'token')}). P also "
        "counts the possibility that there is no answer. The model abstains where the null score exceeds the best span "
        "by more than the threshold."
    )
    return Sentence(said, HOW_TO_READ, "caption")


def failed(record: FailedReading) -> Content:
    """Why a text could not be read, and what was given.

    >>> from qalens.errors import InputError
    >>> failed(FailedReading(("Who?", ""), InputError("The context is empty."))).of(Sentence)[0].text
    'The context is empty.'
    """
    given: dict[str, object] = {"given": record.given}
    if isinstance(record.given, Example):
        given = {"question": record.given.question, "context": record.given.context}
    rows = tuple(Row((Cell(name), _given(value))) for name, value in given.items())
    return Content("Not read", (Sentence(str(record.error), "Not read.", "failure"), given_table(rows)))


def given_table(rows: tuple[Row, ...]) -> Table:
    """What was given, name by name."""
    return Table("", "", ("", "given"), rows, kind="given")


def _given(value: object) -> Cell:
    text = value if isinstance(value, str) else reprlib.repr(value)
    # A blank text would leave nothing to see.
    if not text.strip():
        return Cell("(blank)")
    return Cell(Quote(clip(text, 300)), small=f" {count(len(text), 'character')}" if len(text) > 300 else "")
