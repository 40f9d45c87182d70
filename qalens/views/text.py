"""A reading as plain text for a terminal or a log."""

from __future__ import annotations

import unicodedata

from qalens.reading import Reading
from qalens.spans import Answer


def reading_text(reading: Reading, *, k: int = 5, width: int = 88) -> str:
    """The decision, the `k` best spans and the no-answer sum of a reading, in at most `width` columns.

    Control characters and direction marks of the text are shown as a visible stand-in, so that a text cannot
    rearrange the terminal.

    >>> from qalens.testing import planted_reading
    >>> print(reading_text(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"), k=1))
    question   Who kept it?
    answer     Ada   P = 1.000
    <BLANKLINE>
      #  span                                                        P   score    start      end
      1  Ada                                                     1.000   24.00    12.00    12.00
    <BLANKLINE>
    P(no answer)    0.000
    margin         -24.00   = null score 0.00 − best span 24.00, in logits
    threshold        0.00   the margin is not above it, so the best span is the answer
    """
    lines = [
        f"question   {plain(reading.question, width - 11)}",
        f"answer     {_said(reading, width - 11)}",
        "",
    ]
    best = reading.spans.top(k)
    if best:
        column = width - 42
        lines.append(f"  #  {'span':<{column}}      P   score    start      end")
        lines += [_row(reading, n, answer, column) for n, answer in enumerate(best, 1)]
        lines.append("")
    return "\n".join([*lines, *_decision(reading)])


def _said(reading: Reading, width: int) -> str:
    if reading.answer is None:
        return f"no answer   P = {reading.no_answer_probability:.3f}"
    return f"{plain(reading.answer.text, width - 12)}   P = {reading.answer.probability:.3f}"


def _row(reading: Reading, n: int, answer: Answer, column: int) -> str:
    start = reading.logits.start[answer.window, answer.tokens[0]]
    end = reading.logits.end[answer.window, answer.tokens[1]]
    text = plain(answer.text, column, pad=True)
    return f"{n:>3}  {text}  {answer.probability:5.3f}  {answer.score:6.2f}   {start:6.2f}   {end:6.2f}"


def _decision(reading: Reading) -> list[str]:
    best, spans = reading.decision.best, reading.spans
    if best is None:
        return [
            f"P(no answer)   {spans.null_probability:6.3f}   the text has no token that could be an answer"
        ]
    taken = (
        "not above it, so the best span is the answer"
        if reading.answer
        else "above it, so there is no answer"
    )
    return [
        f"P(no answer)   {spans.null_probability:6.3f}",
        f"margin         {reading.margin:6.2f}   = null score {spans.null_score:.2f} − best span {best.score:.2f}, "
        "in logits",
        f"threshold      {reading.decision.threshold:6.2f}   the margin is {taken}",
    ]


def plain(text: str, width: int, *, pad: bool = False) -> str:
    """A text on one line of at most `width` columns, shortened in its middle; with `pad` of exactly so many.

    Control characters and direction marks become a visible stand-in.

    >>> plain("the lamp\\n room of Ada", 14), plain("Ada", 5, pad=True)
    ('the la…of Ada', 'Ada  ')
    """
    line = _cut(text, width)
    return line + " " * (width - _columns(line)) if pad else line


def _cut(text: str, width: int) -> str:
    """The text on one line of at most `width` columns, shortened in the middle."""
    shown = "".join(_visible(c) for c in text)
    if _columns(shown) <= width:
        return shown
    side = max(1, (width - 1) // 2)
    return f"{_first(shown, side)}…{_first(shown[::-1], side)[::-1]}"


def _visible(character: str) -> str:
    if character in "\n\r\t":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character


def _first(text: str, width: int) -> str:
    used = 0
    for k, character in enumerate(text):
        used += _columns(character)
        if used > width:
            return text[:k]
    return text


def _columns(text: str) -> int:
    """Terminal columns: wide East Asian characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
