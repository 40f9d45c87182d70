"""Any text as matplotlib can draw it: no mathematics read into it, no glyph missing."""

from __future__ import annotations

import textwrap
import unicodedata
from functools import lru_cache
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager

from qalens.display.labels import columns

# Tried in this order after the user's own fonts; those that are not installed are passed over. DejaVu Sans comes
# with matplotlib and holds the signs below.
_FALLBACKS = (
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft YaHei",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Nirmala UI",
    "Arial Unicode MS",
)
_SIGNS = {"\n": "↵", "\r": "↵", "\t": "⇥", "\u2028": "↵", "\u2029": "↵"}
_NO_GLYPH = "▯"
_JOINERS = "\u200c\u200d"


def lettering() -> dict[str, Any]:
    """Options for every matplotlib text that shows what a user wrote: drawn as it stands, in fonts that have it.

    >>> lettering()["parse_math"]
    False
    """
    return {"parse_math": False, "usetex": False, "fontfamily": list(_families())}


def visible(text: str) -> str:
    """The text with a sign for what cannot be seen or drawn: ↵ for a line break, ▯ for a missing glyph.

    Marks that turn the direction of writing become ▯ too, since they would turn the rest of a label.

    >>> visible("a\\n$b$\\x00")
    'a↵$b$▯'
    """
    return "".join(_sign(c) for c in text)


def one_direction(text: str) -> str:
    """The text as part of a label that runs from left to right, even where it begins in Hebrew or Arabic.

    >>> one_direction("the lamp (2)")
    'the lamp (2)'
    """
    turns = any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)
    return f"\u200e{text}\u200e" if turns else text


def wrap(text: str, most: int) -> str:
    """The text in lines of at most `most` columns, cut at blanks where there are any.

    >>> wrap("the keeper of the lamp", 11).splitlines()
    ['the keeper', 'of the lamp']
    """
    # textwrap counts characters, so a text of wide signs gets half of them.
    return textwrap.fill(text, max(1, most * len(text) // max(1, columns(text))))


def _sign(c: str) -> str:
    if c in _SIGNS:
        return _SIGNS[c]
    if c.isspace():
        return " "
    hidden = unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in _JOINERS
    return c if not hidden and _has_glyph(c) else _NO_GLYPH


def _has_glyph(c: str) -> bool:
    # One font after the other: the charmap of a large one is read only where a smaller one has no glyph.
    return any(ord(c) in _charmap(family) for family in _families())


def _families() -> tuple[str, ...]:
    """The user's own fonts, then the fallbacks that this machine has."""
    return tuple(dict.fromkeys([*mpl.rcParams["font.family"], *_installed_fallbacks()]))


@lru_cache(maxsize=1)
def _installed_fallbacks() -> tuple[str, ...]:
    installed = set(font_manager.get_font_names())
    return tuple(name for name in _FALLBACKS if name in installed)


def _charmap(family: str) -> frozenset[int]:
    path = font_manager.findfont(font_manager.FontProperties(family=[family]))
    return _charmap_of(path)


@lru_cache(maxsize=32)
def _charmap_of(path: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(path).get_charmap())
