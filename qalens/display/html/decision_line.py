"""The null margin and the threshold as places on a line: left of the threshold the model answers, right of it it abstains."""

from __future__ import annotations

import math

from qalens.display.html.element import Element
from qalens.display.html.picture import box, label, picture
from qalens.display.numbers import logit, tick
from qalens.display.parts import DecisionLine
from qalens.text.examples import NO_ANSWER


def decision_line(part: DecisionLine) -> Element:
    """The line with both places, their numbers and ticks; nothing where the margin is infinite.

    >>> "margin −2.00" in str(decision_line(DecisionLine(-2.0, 0.0)))
    True
    """
    margin, threshold = part.margin, part.threshold
    low, high = line_ends(margin, threshold)

    def x(value: float) -> float:
        return 100 * min(1.0, max(0.0, (value - low) / (high - low)))

    at, right = x(threshold), margin > threshold
    zones = [box(0, at, 22, 20, "ql-z-answer"), box(at, 100 - at, 22, 20, "ql-z-none")]
    zones += [label("answers", 0, 24, class_="ql-inset")] if at >= 20 else []
    zones += [label(NO_ANSWER, 100, 24, "end", class_="ql-inset")] if at <= 80 else []
    beside = at < 5 or (at < 95 and not right)
    said = f"The margin {logit(margin)} is {'above' if right else 'not above'} the threshold {logit(threshold)}, in logits."
    return picture(
        *zones,
        *(label(tick(value), x(value), 44, "middle") for value in round_ticks(low, high)),
        box(at, 0, 18, 28, "ql-threshold"),
        label(f"threshold {logit(threshold)}", at, 0, "start" if beside else "end", "ql-inset"),
        box(x(margin), 0, 32, 0, "ql-margin"),
        label(f"margin {logit(margin)}", x(margin), 0, "start" if right else "end", "ql-inset"),
        height=62,
        said=said,
        class_="ql-line",
    )


def line_ends(margin: float, threshold: float) -> tuple[float, float]:
    """The ends of the line, with space for a label on either side of both places.

    >>> line_ends(-2.0, 0.0)
    (-4.0, 2.0)
    """
    low, high = margin, margin
    if math.isfinite(threshold):
        low, high = min(margin, threshold), max(margin, threshold)
    free = max(2.0, 0.8 * (high - low))
    return low - free, high + free


def round_ticks(low: float, high: float) -> list[float]:
    """About five round numbers between both ends, away from the edges.

    >>> round_ticks(-4.0, 2.0)
    [-2.0, 0.0]
    """
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough)
    inner = 0.04 * (high - low)
    first, last = math.ceil((low + inner) / step), math.floor((high - inner) / step)
    return [round(k * step, 10) + 0.0 for k in range(first, last + 1)]
