"""A text with a signed number for each of its stretches: blue speaks for, orange against, zero looks like the ground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from qalens.text import CharSpan
from qalens.views.markup import Html, element, join
from qalens.views.wording import signed


@dataclass(frozen=True, slots=True)
class Shade:
    """Characters `[start, end)` of a text with their value.

    - `name`: what the stretch and its number are called for those who do not see it
    - `more`: what the tip says beyond that; "" for nothing
    """

    start: int
    end: int
    value: float
    name: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A span that is underlined, and the class that says how."""

    span: CharSpan
    class_: str


def largest(values: Sequence[float]) -> float:
    """The largest size among the finite values, which gets the full colour; 0 where there is none.

    >>> largest([-2.0, 1.0, float("nan")])
    2.0
    """
    return max((abs(v) for v in values if math.isfinite(v)), default=0.0)


def shaded_html(
    text: str, span: CharSpan, shades: Sequence[Shade], marks: Sequence[Mark], most: float
) -> Html:
    """The characters of `span` with their shades, which follow each other without overlapping, and marks underlined.

    `most` is the value of the full colour.

    >>> shaded_html("Ada kept it.", CharSpan(0, 8), [Shade(0, 3, -1.0, "Ada −1.00")], [], most=2.0)
    '<span role="img" aria-label="Ada −1.00" title="Ada −1.00" class="ql-v ql-v-against" style="--v:50%">Ada</span> kept'
    """
    parts, at = [], span.start
    for shade in shades:
        parts.append(_marked(text, at, shade.start, marks))
        parts.append(_shaded(text, shade, marks, most))
        at = shade.end
    return join(*parts, _marked(text, at, span.end, marks))


def _shaded(text: str, shade: Shade, marks: Sequence[Mark], most: float) -> Html:
    level = round(100 * abs(shade.value) / most) if most and math.isfinite(shade.value) else 0
    sign = ("ql-v-against" if shade.value < 0 else "ql-v-for") if level else ""
    if not math.isfinite(shade.value):
        sign = "ql-v-none"
    return element(
        "span",
        _marked(text, shade.start, shade.end, marks),
        # A span has no accessible name of its own, an image has.
        role="img",
        aria_label=shade.name,
        title=f"{shade.name}\n{shade.more}".rstrip(),
        class_=f"ql-v {sign}".rstrip(),
        style=f"--v:{level}%" if level else None,
    )


def _marked(text: str, start: int, end: int, marks: Sequence[Mark]) -> Html:
    """Characters `[start, end)`, cut where a mark begins or ends."""
    inside = {edge for m in marks for edge in (m.span.start, m.span.end) if start < edge < end}
    edges = sorted({start, end, *inside})
    parts = []
    for a, b in pairwise(edges):
        piece: str = text[a:b]
        for mark in marks:
            if mark.span.start <= a and b <= mark.span.end:
                piece = element("span", piece, class_=mark.class_)
        parts.append(piece)
    return join(*parts)


def scale_html(most: float, unit: str, digits: int, *, turned: bool = False) -> Html:
    """The legend of the colours, with the number of the full one on both sides; `turned` has blue at the negative end.

    >>> scale_html(2.0, "logits", 2).startswith('<span><span class="ql-nobr">−2.00 ')
    True
    """
    ramp = element("i", class_="ql-diverging ql-turned" if turned else "ql-diverging")
    scale = element("span", f"{signed(-most, digits)} ", ramp, f" {signed(most, digits)}", class_="ql-nobr")
    return element("span", scale, f" {unit}")
