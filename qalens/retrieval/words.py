"""The words of a text as an index counts them, in any script."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

from qalens.text.graphemes import UNSPACED

_UNSPACED = re.compile(UNSPACED)


def words_of(text: str) -> list[str]:
    """Split a text into the words that the index counts, in any script.

    Compatibility forms are unified (NFKC) and case is folded. A word is a run of letters, marks and digits; in
    scripts without spaces between words each character and each pair of neighbours is one word.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of str

    Examples
    --------
    >>> words_of("Straße, naïve 1871 — 灯台守")
    ['strasse', 'naïve', '1871', '灯', '灯台', '台', '台守', '守']
    """
    found: list[str] = []
    for run in _words().findall(unicodedata.normalize("NFKC", text).casefold()):
        found += _pieces(run)
    return found


def _pieces(run: str) -> Iterator[str]:
    """A run of letters as it is; a stretch without word boundaries as characters and pairs."""
    at = 0
    for stretch in _UNSPACED.finditer(run):
        if stretch.start() > at:
            yield run[at : stretch.start()]
        letters = re.findall(rf".[{_marks()}]*", stretch[0])
        for k, letter in enumerate(letters):
            yield letter
            if k + 1 < len(letters):
                yield letter + letters[k + 1]
        at = stretch.end()
    if at < len(run):
        yield run[at:]


@functools.cache
def _words() -> re.Pattern[str]:
    # Python's \w knows no marks, so a word of Hindi or Thai would fall apart at every vowel sign.
    return re.compile(rf"(?:[^\W_][{_marks()}]*)+")


@functools.cache
def _marks() -> str:
    """All combining marks and joiners, ready for a character class."""
    marks = (chr(c) for c in range(0x300, 0x1F000) if unicodedata.category(chr(c)).startswith("M"))
    return "\u200c\u200d" + "".join(marks)
