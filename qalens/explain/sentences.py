"""A text as sentences: by simple rules of our own, which cover every text and know no grammar."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from qalens.text.examples import CharSpan

_RUN = re.compile(r"\S+")
_STOPS = ".!?…؟۔।॥"
# These end a sentence without whitespace after them.
_WIDE_STOPS = "。！？｡"
_CLOSING = "\"'”’)]}»›」』）】》"
_OPENING = "\"'“‘„([{«‹「『（【《¿¡"
_WIDE_END = re.compile(f"[{_WIDE_STOPS}]+[{re.escape(_CLOSING)}]*")
_BEFORE_A_NAME = frozenset(
    "capt col dr fr gen gov hon lt maj messrs mlle mme mr mrs ms mt pres prof rep rev sen sgt st ste "
    "ca cf eg e.g ie i.e esp incl viz vs".split()
)
_BEFORE_A_NUMBER = frozenset(
    "apr approx art aug bd c ch dec ed eq feb fig figs jan jul jun mar no nos nov nr oct op p par pp pt sec sect sep "
    "sept vol vols".split()
)


@lru_cache(maxsize=8)
def split_sentences(text: str) -> tuple[CharSpan, ...]:
    """Split a text into sentences that join to the text again.

    Whitespace belongs to the sentence before it, and that at the very beginning to the first; no piece is blank, and
    a blank text has none. A sentence ends

    - after a full stop, question or exclamation mark, with the brackets and quotation marks that close after it, if
      whitespace and no lower-case letter follows; not after an initial ("J. Smith", "U.S. Navy"), a title or
      abbreviation before names ("Dr.", "e.g."), one before numbers ("No. 5") or the number of a list ("1. Oil")

    - after 。！？ with or without whitespace

    - at an empty line, and at a line break that no lower-case letter follows

    The rules are simple and use no grammar: a sentence that ends in an initial ("vitamin C.") is joined with the
    next.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    tuple of CharSpan

    Examples
    --------
    >>> [piece.of("Dr. J. Marlow paid 3.5 pounds. “Why?” asked Ada.") for piece in split_sentences(
    ...     "Dr. J. Marlow paid 3.5 pounds. “Why?” asked Ada.")]
    ['Dr. J. Marlow paid 3.5 pounds. ', '“Why?” asked Ada.']
    """
    runs = list(_RUN.finditer(text))
    if not runs:
        return ()
    cuts = [0]
    for run, following in pairwise(runs):
        cuts += _cuts_inside(run)
        gap = text[run.end() : following.start()]
        if _ends(run[0], gap, following[0], first=run.start() == cuts[-1]):
            cuts.append(following.start())
    cuts += _cuts_inside(runs[-1])
    return tuple(CharSpan(a, b) for a, b in pairwise([*cuts, len(text)]))


def _cuts_inside(run: re.Match[str]) -> list[int]:
    """Where sentences begin inside a run without whitespace, as in Chinese and Japanese."""
    ends = (run.start() + end.end() for end in _WIDE_END.finditer(run[0]))
    return [end for end in ends if end < run.end()]


def _ends(word: str, gap: str, following: str, *, first: bool) -> bool:
    """Whether a sentence ends between two runs; `first` where `word` begins it."""
    lines = len(f"{gap}.".splitlines())
    bare = word.rstrip(_CLOSING)
    if lines > 2 or bare[-1:] in tuple(_WIDE_STOPS):
        return True
    goes_on = following.lstrip(_OPENING)[:1].islower()
    if bare[-1:] in tuple(_STOPS):
        return not goes_on and not (bare[-1] == "." and _is_abbreviation(bare[:-1], following, first=first))
    return lines == 2 and not goes_on


def _is_abbreviation(stem: str, following: str, *, first: bool) -> bool:
    """Whether a word that has lost its full stop is one of those after which a sentence continues."""
    stem = stem.lstrip(_OPENING)
    initials = all(len(part) == 1 and part.isupper() for part in stem.split("."))
    numbers = following[:1].isdigit() and stem.lower() in _BEFORE_A_NUMBER
    return initials or numbers or stem.lower() in _BEFORE_A_NAME or (first and stem.isdigit())
