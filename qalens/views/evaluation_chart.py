"""Curves as SVG that fills any width: lines, dots and level lines over two axes, with letters that keep their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qalens.views.markup import Html, element, join
from qalens.views.strips import per_cent

_TOP, _FOOT = 10, 22  # pixels above the curves, and below them for the ticks
_UNITS = 1000  # of the drawing within, which is stretched


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through places from 0 to 1 on both axes, what it stands for, and its class."""

    x: Sequence[float]
    y: Sequence[float]
    name: str
    class_: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A dot at a place from 0 to 1 on both axes, with words for a pointer that rests on it."""

    x: float
    y: float
    words: str
    class_: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A place from 0 to 1 on an axis, and what it says."""

    at: float
    text: str


def chart_html(
    curves: Sequence[Curve],
    *,
    across: Sequence[Tick],
    up: Sequence[Tick],
    facts: str,
    dots: Sequence[Dot] = (),
    levels: Sequence[float] = (),
    height: int = 150,
) -> Html:
    """Curves over two axes, with a key below.

    - `across`, `up`: the ticks; `facts`: the picture in words, for those who cannot see it
    - `dots`; `levels`: places of vertical lines; `height`: of the curves, in pixels

    >>> "<polyline" in chart_html([Curve([0, 1], [0, 1], "f", "ql-curve")], across=[], up=[], facts="a line")
    True
    """

    def y(value: float) -> float:
        return round(_TOP + height * (1 - value), 1)

    rules = [element("line", x1=0, x2="100%", y1=y(t.at), y2=y(t.at), class_="ql-rule") for t in up]
    uprights = [_upright(per_cent(100 * x), height) for x in levels]
    points = [
        element(
            "circle",
            element("title", dot.words),
            cx=per_cent(100 * dot.x),
            cy=y(dot.y),
            r=4,
            class_=dot.class_,
        )
        for dot in dots
    ]
    parts = [*rules, *uprights, _stretched(curves, height), *points, *_feet(across, _TOP + height + 16)]
    size = {"height": _TOP + height + _FOOT, "width": "100%"}
    picture = element("svg", *parts, role="img", aria_label=facts, **size)
    labels = [element("text", tick.text, x="100%", y=y(tick.at) + 4, text_anchor="end") for tick in up]
    gutter = element("svg", *labels, aria_hidden="true", **size)
    return join(element("div", gutter, picture, class_="ql-axis"), _key(curves))


def _upright(x: str, height: int) -> Html:
    return element("line", x1=x, x2=x, y1=_TOP, y2=_TOP + height, class_="ql-in-use")


def _stretched(curves: Sequence[Curve], height: int) -> Html:
    """The curves in a drawing of their own that fills the picture; strokes keep their width."""
    return element(
        "svg",
        *(_polyline(curve) for curve in curves),
        viewBox=f"0 0 {_UNITS} {_UNITS}",
        preserveAspectRatio="none",
        x=0,
        y=_TOP,
        width="100%",
        height=height,
        overflow="visible",
    )


def _feet(across: Sequence[Tick], y: int) -> list[Html]:
    return [
        element("text", tick.text, x=per_cent(100 * tick.at), y=y, text_anchor=_anchor(tick.at))
        for tick in across
    ]


def _polyline(curve: Curve) -> Html:
    points = " ".join(
        f"{_UNITS * x:.1f},{_UNITS * (1 - y):.1f}" for x, y in zip(curve.x, curve.y, strict=True)
    )
    return element("polyline", points=points, class_=curve.class_)


def _key(curves: Sequence[Curve]) -> Html:
    parts = []
    for curve in curves:
        if curve.name:
            line = element("line", x1=0, x2="100%", y1=4, y2=4, class_=curve.class_)
            parts.append(
                element(
                    "span", element("svg", line, class_="ql-curve-key", aria_hidden="true"), f" {curve.name}"
                )
            )
    return element("div", *parts, class_="ql-legend")


def _anchor(at: float) -> str:
    return "start" if at < 0.05 else "end" if at > 0.95 else "middle"
