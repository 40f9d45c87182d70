"""What all HTML views are made of: escaped elements, text that is safe to show, numbers as people read them."""

from __future__ import annotations

import html
import math
import re
import unicodedata

import numpy as np
from numpy.typing import NDArray

MINUS = "\N{MINUS SIGN}"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Characters that HTML forbids. Below U+0020 Unicode has a picture for each, the others have none.
_FORBIDDEN: dict[int, int | str] = {c: 0x2400 + c for c in range(32) if chr(c) not in "\t\n"}
_FORBIDDEN |= {0x7F: "\N{SYMBOL FOR DELETE}"}
_FORBIDDEN |= dict.fromkeys(
    [*range(0x80, 0xA0), *range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0)], _REPLACEMENT
)
_FORBIDDEN |= dict.fromkeys(
    [plane * 0x10000 + c for plane in range(17) for c in (0xFFFE, 0xFFFF)], _REPLACEMENT
)
# Embeddings, overrides and isolates: in a label they could turn around the words next to it.
_BIDI_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], _REPLACEMENT)
_ZWJ = "\N{ZERO WIDTH JOINER}"
_EXTENDING = {_ZWJ, "\N{ZERO WIDTH NON-JOINER}", "\uff9e", "\uff9f"}


class Html(str):
    """Markup that may stand in a page as it is; every other str is a text and gets escaped.

    >>> element("b", "a < b"), element("b", Html("<i>a</i>"))
    ('<b>a &lt; b</b>', '<b><i>a</i></b>')
    """

    __slots__ = ()


def element(tag: str, *children: str, **attributes: object) -> Html:
    """One HTML or SVG element around its children.

    Children that are no `Html` are escaped, and so is every attribute. An attribute that is None is left out, `_` in
    a name reads as `-`, and a name that Python keeps for itself takes a `_` at its end.

    >>> element("p", 'say "hi" & go', class_="a", aria_label='"')
    '<p class="a" aria-label="&quot;">say "hi" &amp; go</p>'
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(shown(str(value)))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{given}>{join(*children)}</{tag}>")


def join(*children: str) -> Html:
    """Several children one after the other, each escaped where it is no `Html`.

    >>> join("<", Html("<i>a</i>"))
    '&lt;<i>a</i>'
    """
    return Html("".join(c if isinstance(c, Html) else html.escape(shown(c), quote=False) for c in children))


def shown(text: str) -> str:
    """A text as a page can hold it: control characters as their pictures, what HTML forbids as U+FFFD.

    Line ends of all kinds become a line feed, as in every HTML parser.

    >>> shown("a\\0b\\r\\nc\\x85")
    'a␀b\\nc�'
    """
    text = re.sub("\r\n?", "\n", text)
    # Nothing that can be printed is forbidden, and asking for that is much faster than a translation.
    return text if all(map(str.isprintable, text.split("\n"))) else text.translate(_FORBIDDEN)


def clip(text: str, width: int) -> str:
    """A text on one line, at most about `width` columns wide, for labels and attributes.

    White space is drawn together, controls of the writing direction become U+FFFD, East Asian wide characters take two
    columns, and what is cut ends in an ellipsis. At most eight combining marks stay on one character.

    >>> clip("the lamp\\n room of Ada", 14)
    'the lamp room…'
    """
    # Four characters a column are more than any script needs; the rest need not be looked at.
    line = re.sub(r"\s+", " ", text[: 4 * width + 64].strip()).translate(_BIDI_CONTROLS)
    used = marks = 0
    for k, character in enumerate(line):
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        used += 0 if marks else 1 + (unicodedata.east_asian_width(character) in "WF")
        if marks > 8 or used > width - (k + 1 < len(line)):
            return line[: _cluster_before(line, k)].rstrip() + "…"
    return line if len(text) <= 4 * width + 64 else line + "…"


def clip_middle(text: str, width: int) -> str:
    """A text on one line like `clip`, but cut in its middle: of a span, both edges matter.

    >>> clip_middle("the lamp room of Ada", 14)
    'the la… of Ada'
    """
    if len(clip(text, width)) >= len(text):
        return clip(text, width)
    half = width // 2
    tail = text[-half:]
    return f"{clip(text, width - half)} {clip(tail[int(grapheme_starts(tail)[:-1].argmax()) :], half)}"


def _cluster_before(line: str, k: int) -> int:
    starts = np.flatnonzero(grapheme_starts(line)[: k + 1])
    # A single cluster that is longer than the line has to be cut inside.
    return int(starts[-1]) or k


def grapheme_starts(text: str) -> NDArray[np.bool_]:
    """(C + 1,): where a cut leaves what readers see as one character whole; True at both ends.

    Keeps together: combining marks, joined emoji, variation selectors, skin tones, flags, keycaps, Hangul syllables in
    parts, Indic conjuncts, and CR LF. After Unicode Annex 29, in short.

    >>> grapheme_starts("e\u0301a").tolist()
    [True, False, True, True]
    """
    starts = np.ones(len(text) + 1, np.bool_)
    if text.isascii() and "\r" not in text:
        return starts
    flags = 0
    for k in range(1, len(text)):
        before, here = text[k - 1], text[k]
        flags = flags + 1 if _is_flag(before) else 0
        starts[k] = not (_extends(here) or _joins(before, here) or (flags % 2 and _is_flag(here)))
    return starts


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _extends(here: str) -> bool:
    if here < "\u0300":
        return False
    skin_or_tag = "\U0001f3fb" <= here <= "\U0001f3ff" or "\U000e0020" <= here <= "\U000e007f"
    return skin_or_tag or here in _EXTENDING or unicodedata.category(here) in ("Mn", "Mc", "Me")


def _joins(before: str, here: str) -> bool:
    if before == "\r":
        return here == "\n"
    if before == _ZWJ:
        return True
    if before < "\u0900":
        return False
    # A virama (combining class 9) ties the next letter to its own; jamo tie into syllables.
    conjunct = unicodedata.combining(before) == 9 and here.isalpha()
    return conjunct or (_is_hangul(before) and "\u1160" <= here <= "\u11ff") or _leading_jamo(before, here)


def _is_hangul(character: str) -> bool:
    return "\u1100" <= character <= "\u11ff" or "\uac00" <= character <= "\ud7a3"


def _leading_jamo(before: str, here: str) -> bool:
    return "\u1100" <= before <= "\u115f" and _is_hangul(here)


def probability(p: float) -> str:
    """A probability with three digits, never rounded to a 0 or 1 that it is not.

    >>> probability(0.9779), probability(0.0002), probability(0.99996), probability(1.0)
    ('0.978', '<0.001', '>0.999', '1')
    """
    # A 0 can only be too small for a float, since every span has some probability.
    if p < 0.0005:
        return "<0.001"
    if p < 0.9995:
        return f"{p:.3f}"
    return "1" if p == 1 else ">0.999"


def percent(p: float) -> str:
    """A probability in per cent with one digit, never rounded to a 0 or 100 that it is not.

    >>> percent(0.9779), percent(1e-9), percent(1 - 1e-9), percent(1.0)
    ('97.8%', '<0.1%', '>99.9%', '100%')
    """
    if p < 0.0005:
        return "<0.1%"
    if p < 0.9995:
        return f"{p:.1%}"
    return "100%" if p == 1 else ">99.9%"


def logit(x: float) -> str:
    """A logit with two digits and a real minus sign; the infinities as ∞.

    >>> logit(-7.234), logit(-0.001), logit(float("-inf"))
    ('−7.23', '0.00', '−∞')
    """
    digits = "∞" if math.isinf(x) else f"{abs(x):.2f}"
    return f"{MINUS if x < 0 and digits != '0.00' else ''}{digits}"


def count(n: int, what: str) -> str:
    """A number of things, in the plural unless it is one.

    >>> count(1, "token"), count(5120, "token")
    ('1 token', '5,120 tokens')
    """
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
