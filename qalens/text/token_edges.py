"""Where the tokens of a text are: in the windows, and in its characters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qalens.text.graphemes import widen
from qalens.text.windows import Windows

# All white space of Unicode lies below; what lies behind the end of this table is looked up in its last place.
_IS_BLANK = np.array([chr(code).isspace() for code in range(0x3002)])


def context_runs(windows: Windows) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The run of context tokens in each window.

    Parameters
    ----------
    windows : Windows
        W windows.

    Returns
    -------
    tuple of (ndarray of int64, ndarray of int64, ndarray of int64)
        Three arrays (W,): the position of the first context token, its index in the text, and the number of tokens.
    """
    inside = windows.answerable
    first = inside.argmax(1)
    return first, windows.context_index[np.arange(len(windows)), first], inside.sum(1)


def token_range(windows: Windows) -> tuple[int, int]:
    """The range of text tokens that the windows hold.

    Parameters
    ----------
    windows : Windows
        W windows.

    Returns
    -------
    tuple of (int, int)
        The index of the first token, and the number of tokens from there to the last.
    """
    seen = windows.context_index[windows.answerable]
    return (int(seen.min()), int(seen.max() - seen.min()) + 1) if len(seen) else (0, 0)


def trimmed_edges(windows: Windows, low: int, N: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where tokens begin and end, without whitespace at their ends.

    No token ends inside a grapheme: a token that holds a part of one, as in tokenizers that drop accents or split
    bytes, is extended to the whole.

    Parameters
    ----------
    windows : Windows
        W windows.
    low : int
        The index of the first token.
    N : int
        The number of tokens.

    Returns
    -------
    tuple of (ndarray of int64, ndarray of int64)
        Two arrays (N,): the first character, and one past the last.
    """
    offsets = _text_offsets(windows, low, N)
    if not N:
        return offsets[:, 0], offsets[:, 1]
    left, right = int(offsets[:, 0].min()), int(offsets[:, 1].max())
    blank = blank_characters(windows.context[left:right])
    if not _touch(blank, offsets - left):
        return widen(windows.context, offsets[:, 0], offsets[:, 1])
    begin, finish = without_blanks(blank, *(offsets - left).T)
    return widen(windows.context, left + begin, left + finish)


def _text_offsets(windows: Windows, low: int, N: int) -> NDArray[np.int64]:
    """(N, 2): the characters of the tokens of the text from number `low` on."""
    inside = windows.answerable
    if len(windows) == 1:
        return windows.offsets[0][inside[0]]
    offsets = np.zeros((N, 2), np.int64)
    offsets[windows.context_index[inside] - low] = windows.offsets[inside]
    return offsets


def blank_characters(text: str) -> NDArray[np.bool_]:
    """Which characters of a text are white space.

    Parameters
    ----------
    text : str
        A text of C characters.

    Returns
    -------
    ndarray of bool
        (C,).

    Examples
    --------
    >>> blank_characters("a b").tolist()
    [False, True, False]
    """
    if text.isascii():
        return _IS_BLANK[np.frombuffer(text.encode("ascii"), np.uint8)]
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    return _IS_BLANK[np.minimum(codes, len(_IS_BLANK) - 1)]


def without_blanks(
    blank: NDArray[np.bool_], begin: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Parts of a text without the white space at their ends; a part that is nothing else ends before it begins, or there.

    Parameters
    ----------
    blank : ndarray of bool
        (C,): which characters of the text are white space.
    begin, end : ndarray of int64
        (M,): the first character of each part, and one past its last.

    Returns
    -------
    tuple of (ndarray of int64, ndarray of int64)
        Two arrays (M,): the first character that is not white space from there on, and one past the last before there.

    Examples
    --------
    >>> [x.tolist() for x in without_blanks(blank_characters(" a b "), np.array([0, 2]), np.array([3, 5]))]
    [[1, 3], [2, 4]]
    """
    solid = np.flatnonzero(~blank)
    return np.append(solid, len(blank))[solid.searchsorted(begin)], np.append(0, solid + 1)[
        solid.searchsorted(end)
    ]


def _touch(blank: NDArray[np.bool_], offsets: NDArray[np.int64]) -> bool:
    """Whether a token begins or ends with whitespace, or holds no character."""
    begin, last = offsets[:, 0], offsets[:, 1] - 1
    return bool((last < begin).any() or blank[begin].any() or blank[last].any())
