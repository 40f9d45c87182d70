"""Words of a text, and which tokens of a window make up each."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.records import brief
from qalens.text.examples import CharSpan
from qalens.text.graphemes import widen
from qalens.text.windows import Role, Windows

# Scripts without spaces between words: each sign is a word of its own.
_SIGN = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\U00020000-\U0003ffff"
# Vowel signs and accents that Python does not count as letters, though a word continues over them.
_MARK = r"\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff"
_LETTER = rf"(?:(?![{_SIGN}])[\w{_MARK}])"
_WORD = re.compile(
    rf"{_LETTER}+(?:['’.,\-]{_LETTER}+)*"  # it's, well-known, 3.5, U.S
    rf"|[{_SIGN}][\u3099\u309a]*"
    r"|\S"
)


@brief
@dataclass(frozen=True, slots=True)
class Word:
    """A word of the question or of the context.

    Attributes
    ----------
    role : Role
        Whether it is in the question or in the context.
    span : CharSpan
        Its characters there.
    tokens : tuple of int
        The positions of its tokens in the window.
    """

    role: Role
    span: CharSpan
    tokens: tuple[int, ...]


def word_spans(text: str) -> tuple[CharSpan, ...]:
    """The words of a text and its punctuation marks, in order.

    Adjacent letters and digits are a word, also with an apostrophe, hyphen, full stop or comma between them; in
    scripts without spaces (Chinese, Japanese, Thai, …) each sign is a word.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    tuple of CharSpan

    Examples
    --------
    >>> [span.of("Ada's lamp, 3.5 m.") for span in word_spans("Ada's lamp, 3.5 m.")]
    ["Ada's", 'lamp', ',', '3.5', 'm', '.']
    """
    found = np.array([match.span() for match in _WORD.finditer(text)], np.int64).reshape(-1, 2)
    begin, end = widen(text, found[:, 0], found[:, 1])
    # Parts of what readers see as one character, such as those of a joined emoji, are one word together.
    fresh = np.append(True, begin[1:] >= end[:-1])[: len(begin)]
    ends = np.maximum.reduceat(end, np.flatnonzero(fresh)) if len(end) else end
    return tuple(CharSpan(a, b) for a, b in zip(begin[fresh].tolist(), ends.tolist(), strict=True))


def window_words(windows: Windows, window: int) -> tuple[Word, ...]:
    """The words in one window, question first, each with its tokens; words without a token are left out.

    Each token of the question and the text belongs to one word. A token that covers several belongs to the one that
    holds its first character that is not whitespace; a token of whitespace to the word after it, or to the last. If a
    window holds nothing but whitespace of a text, that is one word.

    Parameters
    ----------
    windows : Windows
        The windows.
    window : int
        The index of one.

    Returns
    -------
    tuple of Word

    Examples
    --------
    >>> from qalens.testing import toy_tokenizer
    >>> from qalens.text.windows import make_windows
    >>> windows = make_windows(toy_tokenizer(), "Who kept it?", "Ada kept the lantern.")
    >>> [(word.role.name, word.tokens) for word in window_words(windows, 0)][-2:]
    [('CONTEXT', (9, 10, 11, 12, 13, 14, 15)), ('CONTEXT', (16,))]
    """
    words = []
    for role, text in ((Role.QUESTION, windows.question), (Role.CONTEXT, windows.context)):
        tokens = np.flatnonzero(windows.role[window] == role)
        if len(tokens):
            words += _words_of(role, text, tokens, windows.offsets[window, tokens])
    return tuple(words)


def _words_of(role: Role, text: str, tokens: NDArray[np.int64], offsets: NDArray[np.int64]) -> list[Word]:
    left, right = int(offsets[:, 0].min()), int(offsets[:, 1].max())
    # Whole words at the edges of a window, though only a part of them may be in it.
    spans = _spans_between(text, left, right) or [CharSpan(left, right)]
    ends = np.array([s.end for s in spans])
    members: dict[int, list[int]] = {}
    for token, (start, end) in zip(tokens.tolist(), offsets.tolist(), strict=True):
        blanks = len(text[start:end]) - len(text[start:end].lstrip())
        k = int(np.searchsorted(ends, min(start + blanks, max(start, end - 1)), side="right"))
        members.setdefault(min(k, len(spans) - 1), []).append(token)
    return [Word(role, spans[k], tuple(found)) for k, found in sorted(members.items())]


def _spans_between(text: str, left: int, right: int) -> list[CharSpan]:
    """Words that share a character with `[left, right)`, without looking at the rest of a long text."""
    low = max(0, left - 100)
    piece = text[low : right + 100]
    found = (CharSpan(low + m.start(), low + m.end()) for m in _WORD.finditer(piece))
    return [s for s in found if s.end > left and s.start < right]
