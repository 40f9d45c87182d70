"""What an explanation explains: one number of a reading, fixed at its input.

An answer is chosen by an argmax, and an argmax jumps between spans while an explanation changes the input. So a target is
resolved once, at the input of the reading: this span, these tokens, this window. All else that enters it, such as the other
windows of a long text, is held as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, shown
from qalens.readings.reading import FailedReading, Reading, no_reading
from qalens.records import brief
from qalens.spans.distribution import Answer
from qalens.spans.per_window import Copy, span_copies
from qalens.text.examples import NO_ANSWER, CharSpan
from qalens.text.visible import visible

if TYPE_CHECKING:
    from qalens.models.model import QAModel

TargetName = Literal["answer", "start", "end", "no_answer", "null_score"]
SpanLike = Answer | CharSpan | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Contrast:
    """Why `a` rather than `b`: the difference of their scores in one window.

    If that window holds the best copy of both sides, as it does in a text of one window, the difference is log P(a) /
    P(b): the normaliser cancels. In a text of several windows each probability counts the best copy, in any window;
    the target's note then says which side has a better one elsewhere.

    Attributes
    ----------
    a, b : SpanLike or None
        An `Answer`, a `CharSpan`, a pair (start, end) of characters, or None for no answer.

    Examples
    --------
    >>> Contrast((0, 3), None)
    Contrast(a=(0, 3), b=None)
    """

    a: SpanLike | None
    b: SpanLike | None = None


@brief
@dataclass(frozen=True, slots=True)
class Target:
    """One number of a reading, fixed at its input.

    Attributes
    ----------
    name : {"answer", "start", "end", "no_answer", "null_score", "contrast"}
        "answer", "start", "end", "no_answer", "null_score" or "contrast".
    words : str
        A description of the number.
    window : int
        The window that is explained.
    span, tokens
        The span in characters, and its first and last token in that window; None for no answer.
    rival, rival_tokens
        The same for the other side of a contrast.
    note : str, default ""
        What a reader should know about the choice of the window; "" if there is nothing.

    Examples
    --------
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
    """Check that a reading was made by a model with its current weights.

    Parameters
    ----------
    model : QAModel
        The model.
    reading : object
        The reading.

    Returns
    -------
    Reading

    Raises
    ------
    InputError
        For anything but such a reading.
    """
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
    """Check the name of a target.

    Parameters
    ----------
    target : TargetName or Contrast
        The target.

    Raises
    ------
    InputError
        For anything that is not a target of any reading.
    """
    if not isinstance(target, Contrast) and target not in get_args(TargetName):
        names = ", ".join(f'"{name}"' for name in get_args(TargetName))
        raise InputError(f"Unknown target {shown(target)}; choose {names} or a Contrast(a, b).")


def resolve(
    reading: Reading, target: TargetName | Contrast = "answer", *, span: SpanLike | None = None
) -> Target:
    """Resolve what is explained, before anything is computed.

    A span is explained in the window with its best copy; no answer and the null score in the window whose null score
    is used (if null scores are averaged, in the one with the best span); a contrast in the window that holds both
    sides, with the best sum of scores if several do, and `note` names a side whose best copy is in another one.

    Parameters
    ----------
    reading : Reading
        The reading.
    target : TargetName or Contrast, default "answer"
        "answer" (score of a span, start + end logit), "start" or "end" (one of its two logits), "no_answer" (logit of
        P(∅), the null score − the log-sum-exp of all span scores), "null_score" (the null score alone, without the
        scores of the spans) or a `Contrast`.
    span : SpanLike or None, default None
        Which span "answer", "start" and "end" are about; None takes the answer, or the best span if the reading
        abstains.

    Returns
    -------
    Target

    Raises
    ------
    InputError
        For an unknown target, a span that is outside the text or that no window holds, a contrast of a span with
        itself, and for a span that the model masks with a score of minus infinity.

    Examples
    --------
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
        same = NO_ANSWER if spans[0] is None else _quoted(reading, spans[0])
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
    for s, copies in zip(spans, held, strict=True):
        note += _better_copy(reading, s, copies, window)
    sides = " over ".join(_quoted(reading, s) for s in spans)
    return Target("contrast", sides, window, spans[0], tokens[0], spans[1], tokens[1], note=note)


def _better_copy(reading: Reading, span: CharSpan | None, copies: dict[int, Copy] | None, window: int) -> str:
    """What to say where the probability of a span counts its copy in another window, and "" where it does not."""
    if copies is None:
        return ""
    best = max(copies.values(), key=lambda copy: copy.score)
    if best.score == copies[window].score:
        return ""
    return f"; the copy of {_quoted(reading, span)} that counts is in window {best.window + 1}"


def _check_possible(score: float, words: str) -> None:
    if score == -np.inf:
        raise InputError(f"The model rules this out: the {words} is minus infinity, and nothing leads there.")


def as_span(reading: Reading, span: SpanLike) -> CharSpan:
    """The characters of an `Answer`, a `CharSpan` or a pair.

    Parameters
    ----------
    reading : Reading
        The reading.
    span : SpanLike
        The span.

    Returns
    -------
    CharSpan

    Raises
    ------
    InputError
        For characters outside the text.
    """
    found = span.span if isinstance(span, Answer) else span
    try:
        start, end = (
            index(x) for x in (found if isinstance(found, tuple | list) else (found.start, found.end))
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"Expected an Answer, a CharSpan or a pair (start, end) of characters, but got {shown(span)}."
        ) from error
    if not 0 <= start < end <= len(reading.context):
        raise InputError(
            f"The span [{start}, {end}) is outside the text, whose {len(reading.context):,} characters are "
            f"[0, {len(reading.context)})."
        )
    if isinstance(span, Answer) and span.text != reading.context[start:end]:
        raise InputError(
            f"The answer {shown(span.text)} is of another text: at [{start}, {end}) this one has "
            f"{shown(reading.context[start:end])}."
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
        return NO_ANSWER
    text = " ".join(span.of(reading.context).split())
    text = visible(text)
    return f"“{text if len(text) <= 60 else text[:59] + '…'}”"


def _place(reading: Reading, window: int) -> str:
    W = len(reading.windows)
    return "" if W == 1 else f"window {window + 1} of {W}"


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def best_spans(
    reading: Reading, window: int, start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The best legal span of a window under each of B rows of logits.

    Parameters
    ----------
    reading : Reading
        The reading.
    window : int
        The index of the window.
    start, end : ndarray of float64
        (B, T): the logits.

    Returns
    -------
    ndarray of int64
        (B, 2): first and last token.
    """
    first = int(reading.windows.answerable[window].argmax())
    n = int(reading.windows.answerable[window].sum())
    L = min(reading.max_answer_length, n)
    s, e = start[:, first : first + n], end[:, first : first + n]
    behind = np.concatenate([e, np.full((len(e), L - 1), -np.inf)], 1)
    z = s[:, :, None] + np.lib.stride_tricks.sliding_window_view(behind, L, axis=1)
    i, length = np.divmod(z.reshape(len(z), -1).argmax(1), L)
    return first + np.stack([i, i + length], 1)
