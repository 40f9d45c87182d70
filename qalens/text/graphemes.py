"""What readers see as one character: graphemes, after Unicode Standard Annex 29."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Whatever can tie characters into one: marks, joiners, flags, parts of Hangul syllables, and CR before LF. Without one of them
# every character is a grapheme by itself.
_TYING = (
    r"[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}\p{GCB=Prepend}\p{GCB=RI}\p{GCB=L}\p{GCB=V}\p{GCB=T}\r]"
)

# A run of Han, kana (of half width, too), Bopomofo, Thai, Lao, Myanmar, Khmer, Tai or Javanese: scripts without spaces between
# words.
UNSPACED = (
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1980-\u19ff\u1a20-\u1aad\u3005-\u3007\u3040-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua980-\ua9df\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003fffd]+"
)


def grapheme_starts(text: str) -> NDArray[np.bool_]:
    """(C + 1,): where a cut leaves what readers see as one character whole; True at both ends.

    Kept together are letters with their combining marks, joined emoji, skin tones, flags, keycaps, Hangul syllables in parts,
    Indic conjuncts, and CR LF: the extended grapheme clusters of the `regex` package.

    Parameters
    ----------
    text : str
        A text of C characters (code points).

    Returns
    -------
    ndarray of bool
        Of shape (C + 1,).

    References
    ----------
    Unicode Standard Annex 29, Unicode Text Segmentation, section 3.

    Examples
    --------
    >>> grapheme_starts("e\\u0301a").tolist()
    [True, False, True, True]
    """
    starts = np.ones(len(text) + 1, np.bool_)
    if has_no_ties(text):
        return starts
    for found in _pattern(r"\X").finditer(text):
        starts[found.start() + 1 : found.end()] = False
    return starts


def has_no_ties(text: str) -> bool:
    """Whether nothing in a text ties characters together, so that each is a grapheme by itself.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    bool

    Examples
    --------
    >>> has_no_ties("Zoe"), has_no_ties("Zoe\\u0308")
    (True, False)
    """
    return (text.isascii() and "\r" not in text) or _pattern(_TYING).search(text) is None


def widen(
    text: str, begin: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Move positions outwards until none is inside a grapheme: `begin` to the left, `end` to the right.

    Whitespace ends a grapheme here, also before a combining mark, so that a span never includes it.

    Parameters
    ----------
    text : str
        A text of C characters.
    begin, end : ndarray of int64
        Positions in the text, of one shape.

    Returns
    -------
    tuple of (ndarray of int64, ndarray of int64)
        The moved positions, in the shape of the given ones.

    Examples
    --------
    >>> begin, end = widen("Jose\\u0301", np.array([0, 3]), np.array([4, 4]))
    >>> begin.tolist(), end.tolist()
    ([0, 3], [5, 5])
    """
    starts = grapheme_starts(text)
    if starts.all():
        return begin, end
    inside = np.flatnonzero(~starts)
    starts[inside] = [text[k - 1].isspace() for k in inside.tolist()]
    places = np.flatnonzero(starts)
    return places[np.searchsorted(places, begin, side="right") - 1], places[np.searchsorted(places, end)]


@functools.cache
def _pattern(pattern: str) -> Any:
    import regex  # not needed for plain text, and not small

    return regex.compile(pattern)
