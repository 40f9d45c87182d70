"""What an explanation explains: one number of a reading, fixed at its input.

An answer is chosen by an argmax, and an argmax jumps between spans while an explanation changes the input. So a target is
settled once, where the reading stands: this span, these tokens, this window. All else that enters it, such as the other
windows of a long text, is held as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.by_window import Copy, span_copies
from qalens.errors import InputError
from qalens.reading import FailedReading, Reading, no_reading
from qalens.spans import Answer
from qalens.text import CharSpan

if TYPE_CHECKING:
    from qalens.model import QAModel

TargetName = Literal["answer", "start", "end", "no_answer", "null_score"]
SpanLike = Answer | CharSpan | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Contrast:
    """Why `a` rather than `b`: the difference of their scores, which is log P(a) / P(b).

    Each is an `Answer`, a `CharSpan`, a pair (start, end) of characters, or None for no answer. The normaliser of the
    probabilities cancels, so the difference is exact.

    >>> Contrast((0, 3), None)
    Contrast(a=(0, 3), b=None)
    """

    a: SpanLike | None
    b: SpanLike | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One number of a reading, frozen at its input.

    - `name`: "answer", "start", "end", "no_answer", "null_score" or "contrast"
    - `words`: what the number is, for people
    - `window`: the window that is explained
    - `span`, `tokens`: the span in characters, and its first and last token in that window; None for no answer
    - `rival`, `rival_tokens`: what a contrast holds against it, likewise
    - `note`: what a reader should know about the choice of the window; "" where there is nothing to say

    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> target = reader.attribute(reading, "no_answer", agreement=False).target
    >>> target.words, target.span
    ('logit of P(no answer)', None)
    """

    name: Literal["answer", "start", "end", "no_answer", "null_score", "contrast"]
    words: str
    window: int
    span: CharSpan | None
    tokens: tuple[int, int] | None
    rival: CharSpan | None = None
    rival_tokens: tuple[int, int] | None = None
    note: str = ""


def check_source(model: QAModel, reading: object) -> Reading:
    """The reading, or `InputError` for what is no reading of this model as it is now."""
    if isinstance(reading, FailedReading):
        raise InputError(f"This text could not be read, so there is nothing to explain: {reading.error}")
    if not isinstance(reading, Reading):
        raise no_reading(reading)
    if reading.source is None or reading.source.fingerprint != model.fingerprint:
        maker = "no model" if reading.source is None else reading.source.name
        raise InputError(
            f"This reading was made by {maker} with other weights than those of {model.name} here. Read the text again "
            "with this reader, then explain that reading. (Another dtype makes other weights, and so does training.)"
        )
    return reading


def check_target(target: TargetName | Contrast) -> None:
    """Raise `InputError` for what is no target of any reading."""
    if not isinstance(target, Contrast) and target not in get_args(TargetName):
        names = ", ".join(f'"{name}"' for name in get_args(TargetName))
        raise InputError(f"Unknown target {target!r}; choose {names} or a Contrast(a, b).")


def resolve(
    reading: Reading, target: TargetName | Contrast = "answer", *, span: SpanLike | None = None
) -> Target:
    """Settle what is to be explained, before anything is computed.

    - `target`: "answer" (score of a span, start + end logit), "start" or "end" (one of its two logits), "no_answer"
      (logit P(∅), the null score minus the log-sum-exp of all span scores), "null_score" (the null score alone, which
      leaves out what speaks against the spans) or a `Contrast`
    - `span`: which span "answer", "start" and "end" are about; None takes the answer, or the best span where the
      reading abstains

    A span is explained in the window with its best copy; no-answer and the null score in the window whose null score counts (where null
    scores are averaged, in the one with the best span); a contrast in the window that holds both sides, with the best
    sum of scores where several do. Raises `InputError` for an unknown target, a span that is outside the text or that no
    window holds, a contrast of a span with itself, and for what the model rules out with a score of minus infinity.

    >>> from qalens.testing import planted_reading
    >>> resolve(planted_reading("Who kept it?", "Ada kept the lamp.", answer="Ada"), "start").words
    'start logit of “Ada”'
    """
    check_target(target)
    if isinstance(target, Contrast):
        if span is not None:
            raise InputError("A Contrast holds its own spans; leave span out.")
        return _contrast(reading, target)
    if target in ("no_answer", "null_score"):
        if span is not None:
            raise InputError(f'The target "{target}" is about no span; leave span out.')
        return _no_answer(reading) if target == "no_answer" else _null_score(reading)
    return _span(reading, target, span)


def _span(reading: Reading, name: Literal["answer", "start", "end"], span: SpanLike | None) -> Target:
    note = ""
    if span is None:
        best = reading.decision.best
        if best is None:
            raise InputError("The text has no span that could be an answer; only no_answer can be explained.")
        where, copy = best.span, Copy(best.window, best.tokens, best.score)
        if reading.answer is None:
            note = "the reading abstains; this is its best span"
    else:
        where = as_span(reading, span)
        copy = max(_copies(reading, where), key=lambda c: c.score)
    number = {"answer": "score", "start": "start logit", "end": "end logit"}[name]
    words = f"{number} of {_quoted(reading, where)}"
    logits, (i, j) = reading.logits, copy.tokens
    one = {"answer": copy.score, "start": logits.start[copy.window, i], "end": logits.end[copy.window, j]}
    _check_possible(float(one[name]), words)
    return Target(
        name, words, copy.window, where, copy.tokens, note=_joined(note, _place(reading, copy.window))
    )


def _no_answer(reading: Reading) -> Target:
    if not len(reading.spans):
        raise InputError(
            "The text has no span that could be an answer, so P(no answer) is 1 whatever is read."
        )
    window = _null_window(reading)
    note = _place(reading, window)
    if note:
        note += "; the spans and null scores of the others are held as they are"
    return Target("no_answer", "logit of P(no answer)", window, None, None, note=note)


def _null_score(reading: Reading) -> Target:
    window = _null_window(reading)
    return Target("null_score", "null score", window, None, None, note=_place(reading, window))


def _null_window(reading: Reading) -> int:
    """The window whose null score counts; where they are averaged, the one with the best span."""
    _check_possible(reading.spans.null_score, "null score")
    if reading.null == "mean":
        return 0 if reading.decision.best is None else reading.decision.best.window
    scores = reading.logits.null_scores
    return int(scores.argmin() if reading.null == "min" else scores.argmax())


def _contrast(reading: Reading, contrast: Contrast) -> Target:
    spans = [None if side is None else as_span(reading, side) for side in (contrast.a, contrast.b)]
    if spans[0] == spans[1]:
        same = "no answer" if spans[0] is None else _quoted(reading, spans[0])
        raise InputError(f"A contrast needs two different sides, but both are {same}.")
    held = [None if s is None else {c.window: c for c in _copies(reading, s)} for s in spans]
    windows = set.intersection(*(set(copies) for copies in held if copies is not None))
    if not windows:
        raise InputError(
            f"No window holds both {_quoted(reading, spans[0])} and {_quoted(reading, spans[1])}; each is explained in its "
            'own window with target="answer" and span=. A reader with a larger max_length may hold both.'
        )
    window = max(windows, key=lambda w: sum(c[w].score for c in held if c is not None))
    tokens = [None if copies is None else copies[window].tokens for copies in held]
    null = float(reading.logits.null_scores[window])
    for s, copies in zip(spans, held, strict=True):
        _check_possible(null if copies is None else copies[window].score, f"score of {_quoted(reading, s)}")
    note = _place(reading, window)
    if None in spans and null != reading.spans.null_score:
        note += "; its null score is not the one that counts"
    sides = " over ".join(_quoted(reading, s) for s in spans)
    return Target("contrast", sides, window, spans[0], tokens[0], spans[1], tokens[1], note=note)


def _check_possible(score: float, words: str) -> None:
    if score == -np.inf:
        raise InputError(f"The model rules this out: the {words} is minus infinity, and nothing leads there.")


def as_span(reading: Reading, span: SpanLike) -> CharSpan:
    """The characters of an `Answer`, a `CharSpan` or a pair, or `InputError` where they are not in the text."""
    found = span.span if isinstance(span, Answer) else span
    try:
        start, end = (
            index(x) for x in (found if isinstance(found, tuple | list) else (found.start, found.end))
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"Expected an Answer, a CharSpan or a pair (start, end) of characters, but got {span!r:.80}."
        ) from error
    if not 0 <= start < end <= len(reading.context):
        raise InputError(
            f"The span [{start}, {end}) is outside the text, whose {len(reading.context):,} characters are "
            f"[0, {len(reading.context)})."
        )
    if isinstance(span, Answer) and span.text != reading.context[start:end]:
        raise InputError(
            f"The answer {span.text!r:.60} is of another text: at [{start}, {end}) this one has "
            f"{reading.context[start:end]!r:.60}."
        )
    return CharSpan(start, end)


def _copies(reading: Reading, span: CharSpan) -> tuple[Copy, ...]:
    try:
        return span_copies(reading.logits, span)
    except InputError as error:
        near = _nearest(reading, span)
        hint = f" The nearest span of whole tokens is {near} {_quoted(reading, near)}." if near else ""
        raise InputError(
            f"{error} A target has to begin and end where tokens do, in one window.{hint}"
        ) from error


def _nearest(reading: Reading, span: CharSpan) -> CharSpan | None:
    """The legal span whose edges are nearest to those of `span`."""
    spans = reading.spans
    if not len(spans):
        return None
    s = int((np.abs(spans.start - span.start) + np.abs(spans.end - span.end)).argmin())
    return spans.at(s).span


def _quoted(reading: Reading, span: CharSpan | None) -> str:
    if span is None:
        return "no answer"
    text = " ".join(span.of(reading.context).split())
    return f"“{text if len(text) <= 60 else text[:59] + '…'}”"


def _place(reading: Reading, window: int) -> str:
    W = len(reading.windows)
    return "" if W == 1 else f"window {window + 1} of {W}"


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def best_spans(
    reading: Reading, window: int, start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.int64]:
    """(B, 2): first and last token of the best legal span of a window under each of B rows of logits (B, T)."""
    first = int(reading.windows.answerable[window].argmax())
    n = int(reading.windows.answerable[window].sum())
    L = min(reading.max_answer_length, n)
    s, e = start[:, first : first + n], end[:, first : first + n]
    behind = np.concatenate([e, np.full((len(e), L - 1), -np.inf)], 1)
    z = s[:, :, None] + np.lib.stride_tricks.sliding_window_view(behind, L, axis=1)
    i, length = np.divmod(z.reshape(len(z), -1).argmax(1), L)
    return first + np.stack([i, i + length], 1)
