"""How faithful an attribution is, as HTML: what masking the words that it names does, against chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qalens.views.attribution import quoted_html
from qalens.views.frame import EXPLANATIONS, READING, figure, styles
from qalens.views.markup import Html, clip, count, element, join, logit
from qalens.views.strips import per_cent
from qalens.views.wording import method_name, share, signed

if TYPE_CHECKING:
    from qalens.explain.faithfulness import Faithfulness, Score
    from qalens.explain.tables import FaithfulnessTable, Mean, MethodRow

_TOP, _HEIGHT = 12, 130  # pixels: above the curves, and of the curves
_MOST_FAILED = 20


def faithfulness_html(tested: Faithfulness) -> str:
    """One attribution under test: the curves of deletion and insertion, and both measures against random orders.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> html = faithfulness_html(reader.faithfulness(reading, reader.attribute(reading, "no_answer", "input_x_gradient")))
    >>> html.count("<tr"), "<script" in html
    (3, False)
    """
    what = element(
        "span", "Do these words matter to the ", quoted_html(tested.target.words), "?", class_="ql-question"
    )
    value = element("strong", logit(tested.value), class_="ql-said")
    head = element(
        "header", what, " ", element("div", value, " ", element("small", "logits"), class_="ql-verdict")
    )
    words = f"{method_name(tested.method)} · {count(tested.words, 'word')} could be masked"
    note = element("p", words, class_="ql-note")
    return join(
        styles(READING, EXPLANATIONS), figure(head, note, _curves(tested), _scores(tested), _caption())
    )


# --- curves -------------------------------------------------------------------------------------------------------------


def _curves(tested: Faithfulness) -> Html:
    values = np.concatenate([tested.deletion, tested.insertion, [tested.value]])
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        low, high = low - 1, high + 1

    def y(value: float) -> float:
        return round(_TOP + _HEIGHT * (high - value) / (high - low), 1)

    whole = element("line", x1=0, x2="100%", y1=y(tested.value), y2=y(tested.value), class_="ql-rule")
    lines = [
        _curve(tested.steps, tested.deletion, y, "ql-deletion"),
        _curve(tested.steps, tested.insertion, y, "ql-insertion"),
    ]
    foot = _TOP + _HEIGHT + 16
    ticks = [
        element("text", f"{at}%", x=f"{at}%", y=foot, text_anchor={0: "start", 100: "end"}.get(at, "middle"))
        for at in (0, 25, 50, 75, 100)
    ]
    facts = (
        f"Deletion: from {logit(tested.deletion[0])} to {logit(tested.deletion[-1])}, area {signed(tested.deletion_area)}. "
        f"Insertion: from {logit(tested.insertion[0])} to {logit(tested.insertion[-1])}, area "
        f"{signed(tested.insertion_area)}."
    )
    picture = element(
        "svg", whole, *lines, *ticks, width="100%", height=foot + 6, role="img", aria_label=facts
    )
    scale = [element("text", logit(v), x="100%", y=y(v) + 4, text_anchor="end") for v in (high, low)]
    gutter = element("svg", *scale, width="100%", height=foot + 6, aria_hidden="true")
    title = element(
        "div", element("strong", "Words masked or put back"), " the target, in logits", class_="ql-h"
    )
    return element("section", title, element("div", gutter, picture, class_="ql-axis"), _key(tested))


def _curve(steps: NDArray[np.float64], values: NDArray[np.float64], y, class_: str) -> Html:
    parts = []
    for k in range(len(steps)):
        at = _across(steps[k])
        if k:
            ends = {"x1": _across(steps[k - 1]), "x2": at}
            parts.append(element("line", **ends, y1=y(values[k - 1]), y2=y(values[k]), class_=class_))
        tip = element("title", f"{share(float(steps[k]))} of the words: {logit(float(values[k]))}")
        parts.append(element("circle", tip, cx=at, cy=y(values[k]), r=3, class_=class_))
    return join(*parts)


def _across(step: float) -> str:
    """A share of the words as a place, a little inside so that no dot is cut."""
    return per_cent(1 + 98 * float(step))


def _key(tested: Faithfulness) -> Html:
    keys = (
        ("ql-deletion", "solid", "masked, highest values first", tested.deletion_area, "less is better"),
        ("ql-insertion", "dashed", "put back, highest values first", tested.insertion_area, "more is better"),
    )
    parts = [
        element(
            "span",
            element("i", class_=f"ql-line-key {class_}"),
            f" {style}: {name}; area {signed(area)}, {better}",
        )
        for class_, style, name, area, better in keys
    ]
    return element("div", *parts, class_="ql-legend")


# --- measures -----------------------------------------------------------------------------------------------------------


def _scores(tested: Faithfulness) -> Html:
    names = ("", "value", "random orders", "z", "normalised")
    head = element("tr", *(element("th", name, scope="col") for name in names))
    rows = [
        _score_row("comprehensiveness, more is better", tested.comprehensive),
        _score_row("sufficiency, less is better", tested.sufficient),
    ]
    table = element("table", element("thead", head), element("tbody", *rows), class_="ql-numbers")
    title = element(
        "div",
        element("strong", "Against chance"),
        " change of the target in logits, mean over shares",
        class_="ql-h",
    )
    by_share = [
        f"{name} {', '.join(f'{signed(float(v))} at {share(float(s))}' for s, v in zip(tested.shares, values, strict=True))}"
        for name, values in (
            ("Comprehensiveness", tested.comprehensiveness),
            ("Sufficiency", tested.sufficiency),
        )
    ]
    return element(
        "section",
        title,
        table,
        *(element("p", f"{line} of the words.", class_="ql-note") for line in by_share),
    )


def _score_row(name: str, score: Score) -> Html:
    cells = {
        "value": signed(score.value),
        "random": f"{signed(score.random_mean)} ± {score.random_sd:.2f}",
        "z": _in_deviations(score.z),
        "normalised": _normalised(score.normalised),
    }
    return element(
        "tr", element("td", name), *(element("td", value, data_label=label) for label, value in cells.items())
    )


def _in_logits(x: float) -> str:
    return "–" if math.isnan(x) else signed(x)


def _in_deviations(x: float) -> str:
    return "–" if math.isnan(x) else signed(x, 1)


def _normalised(x: float) -> str:
    """A number from 0 to 1, which is no change and so has no sign."""
    return "–" if math.isnan(x) else f"{x:.2f}"


def _caption() -> Html:
    words = (
        "Words are masked in place, those with the highest values first. If the values name what matters, the target falls "
        "as soon as a few are masked (comprehensiveness, the solid curve) and is there again as soon as a few are put back "
        "(sufficiency, the dashed curve). z counts standard deviations better than random orders; normalised is 0 for the "
        "worst and 1 for the best order that was found. The span that is explained is never masked."
    )
    return element("figcaption", element("strong", "How to read this. "), words)


# --- several methods ----------------------------------------------------------------------------------------------------


def faithfulness_table_html(table: FaithfulnessTable) -> str:
    """Methods by their faithfulness on the same readings, with 95 % intervals, and those that do not beat chance named.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> readings = reader.read_many([("Who kept the lamp?", "Ada kept the lamp.")])
    >>> "input × gradient" in faithfulness_table_html(reader.rank_methods(readings, methods=("input_x_gradient",)))
    True
    """
    names = ("method", "comprehensiveness", "sufficiency", "areas under the curves")
    head = element("tr", *(element("th", name, scope="col") for name in names))
    rows = [_method_row(row) for row in table.rows]
    body = element("table", element("thead", head), element("tbody", *rows), class_="ql-numbers ql-methods")
    size = count(table.readings, "reading")
    title = element("div", element("strong", "Methods by faithfulness"), f" means over {size}", class_="ql-h")
    note = (
        "In brackets 95 % intervals from a bootstrap over the readings. change: of the target, in logits; z: standard "
        "deviations better than random orders of the same words, more is better for both; norm.: 0 for the worst and 1 for "
        "the best order found; the area of deletion should be low and that of insertion high. ≈ chance: comprehensiveness "
        "is not above that of random orders."
    )
    section = element("section", title, body, element("p", note, class_="ql-note"), _failed(table))
    return join(styles(READING, EXPLANATIONS), figure(section))


def _method_row(row: MethodRow) -> Html:
    name = element("td", method_name(row.method), "" if row.beats_random else " ≈ chance")
    cells = (
        (
            "comprehensiveness",
            ("change", row.comprehensiveness, _in_logits),
            ("z", row.comprehensiveness_z, _in_deviations),
            ("norm.", row.comprehensiveness_normalised, _normalised),
        ),
        (
            "sufficiency",
            ("change", row.sufficiency, _in_logits),
            ("z", row.sufficiency_z, _in_deviations),
            ("norm.", row.sufficiency_normalised, _normalised),
        ),
        (
            "areas",
            ("deletion", row.deletion_area, _in_logits),
            ("insertion", row.insertion_area, _in_logits),
        ),
    )
    return element("tr", name, *(_cell(label, means) for label, *means in cells))


def _cell(label: str, means: Sequence[tuple[str, Mean, Callable[[float], str]]]) -> Html:
    """Means with their intervals, one below the other."""
    lines = [
        element(
            "span",
            element("small", f"{name} "),
            said(mean.value),
            element("small", f" [{said(mean.low)}, {said(mean.high)}]"),
        )
        for name, mean, said in means
    ]
    return element("td", *lines, data_label=label)


def _failed(table: FaithfulnessTable) -> Html:
    if not table.failed:
        return Html()
    lines = [
        element("li", f"reading {k}: {clip(str(error), 200)}") for k, error in table.failed[:_MOST_FAILED]
    ]
    if len(table.failed) > _MOST_FAILED:
        lines.append(element("li", f"and {len(table.failed) - _MOST_FAILED:,} more"))
    words = f"{count(len(table.failed), 'reading')} left out for all methods"
    return element("details", element("summary", words), element("ul", *lines), class_="ql-note")
