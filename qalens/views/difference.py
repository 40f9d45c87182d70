"""Two readings side by side as HTML: both texts in one, shaded by what the change did to each character's chances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qalens.spans import Answer
from qalens.text import CharSpan
from qalens.views.changes import Stretch, flow, steady
from qalens.views.frame import EXPLANATIONS, READING, figure, styles
from qalens.views.markup import Html, clip, clip_middle, count, element, join, logit, probability
from qalens.views.passage import folded, good_cut
from qalens.views.shading import Shade, largest, scale_html, shaded_html
from qalens.views.word_units import whole_edges
from qalens.views.wording import change_words, share, signed

if TYPE_CHECKING:
    from qalens.explain.difference import ReadingDiff

_ANSWER_WIDTH = 60  # columns
_WHOLE = 4_000  # characters of a stretch without change that are shown whole
_AROUND = 300  # characters shown at the ends of a longer one, and around what changed in it


def difference_html(diff: ReadingDiff) -> str:
    """What changed between two readings: the answer, its chances, and the text with both its versions.

    >>> from qalens.explain.difference import compare
    >>> from qalens.testing import planted_reading
    >>> one, other = (planted_reading("Who?", "Ada kept the lamp.", answer=a) for a in ("Ada", None))
    >>> "no answer any more" in difference_html(compare(one, other))
    True
    """
    sections = [_head(diff), _text(diff), _numbers(diff), _caption()]
    return join(styles(READING, EXPLANATIONS), figure(*sections))


def _head(diff: ReadingDiff) -> Html:
    questions = dict.fromkeys(r.question for r in (diff.before, diff.after))
    asked = _with_arrows([element("bdi", clip(q, 400), dir="auto") for q in questions])
    said = _with_arrows([said_html(r.answer) for r in (diff.before, diff.after)])
    verdict = element(
        "div", element("strong", said, class_="ql-said"), " ", element("small", change_words(diff))
    )
    models = dict.fromkeys("" if r.source is None else r.source.name for r in (diff.before, diff.after))
    names = (
        _with_arrows([element("bdi", clip(m or "no model", 80)) for m in models])
        if len(models) > 1
        else Html()
    )
    note = element("p", names, class_="ql-note") if names else Html()
    return join(
        element(
            "header",
            element("span", asked, class_="ql-question"),
            " ",
            element("div", verdict, class_="ql-verdict"),
        ),
        note,
    )


def said_html(answer: Answer | None) -> Html:
    """An answer in quotation marks, or no answer.

    >>> said_html(None)
    'no answer'
    """
    if answer is None:
        return Html("no answer")
    return join("“", element("bdi", clip_middle(answer.text, _ANSWER_WIDTH), dir="auto"), "”")


def _with_arrows(parts: Sequence[Html]) -> Html:
    return join(*(join(" → ", part) if k else part for k, part in enumerate(parts)))


# --- both texts as one --------------------------------------------------------------------------------------------------


def _text(diff: ReadingDiff) -> Html:
    """Both versions of the text as one: what is gone is struck through, what is new underlined."""
    before, after = diff.before.context, diff.after.context
    lost, won = steady(diff.inclusion_change(), before), steady(diff.new_inclusion(), after)
    most = largest([*lost.tolist(), *won.tolist()])
    stretches = flow(diff)
    parts = []
    for part in stretches:
        body = _shaded(part, after, won, most) if part.kind == "new" else _shaded(part, before, lost, most)
        tag = {"kept": None, "gone": "del", "new": "ins"}[part.kind]
        parts.append(element(tag, body) if tag else body)
    title = element("div", element("strong", "Text"), f" {_edits(stretches)}", class_="ql-h")
    text = element("div", *parts, class_="ql-text", dir="auto", lang="")
    return element("section", title, text, _legend(stretches, most))


def _edits(stretches: Sequence[Stretch]) -> str:
    gone, new = (sum(s.end - s.start for s in stretches if s.kind == kind) for kind in ("gone", "new"))
    return f"{count(gone, 'character')} gone, {new:,} new" if gone or new else "the same before and after"


def _shaded(part: Stretch, text: str, values: NDArray[np.float64], most: float) -> Html:
    pieces, at = [], part.start
    for span in _worth_showing(part, text, values):
        pieces += [
            folded(text[at : span.start]),
            shaded_html(text, span, _shades(text, values, span), [], most),
        ]
        at = span.end
    return join(*pieces, folded(text[at : part.end]))


def _worth_showing(part: Stretch, text: str, values: NDArray[np.float64]) -> list[CharSpan]:
    """All of a stretch, or of a long one its ends and the surroundings of what changed."""
    whole = CharSpan(part.start, part.end)
    if len(whole) <= _WHOLE:
        return [whole]
    flags = np.concatenate([[False], values[part.start : part.end] != 0, [False]])
    edges = part.start + np.flatnonzero(flags[1:] != flags[:-1])
    changed = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    widen = whole_edges(text, part.start, part.end)
    ranges: list[CharSpan] = []
    for first, last in [(part.start, part.start), *changed, (part.end, part.end)]:
        start = good_cut(text, first - _AROUND) if first - _AROUND > part.start else part.start
        end = good_cut(text, min(part.end, last + _AROUND))
        start, end = widen(min(start, first), min(part.end, end))
        if ranges and start - ranges[-1].end < _AROUND:
            last_range = ranges.pop()
            start, end = last_range.start, max(last_range.end, end)
        ranges.append(CharSpan(max(start, part.start), min(end, part.end)))
    return ranges


def _shades(text: str, values: NDArray[np.float64], span: CharSpan) -> list[Shade]:
    """Runs of one change within a span, those without any left out."""
    cuts = 1 + span.start + np.flatnonzero(np.diff(values[span.start : span.end]))
    return [
        Shade(
            a,
            b,
            value,
            f"{clip(text[a:b], 40)} {signed(value)}",
            "change of the probability of being in the answer",
        )
        for a, b in pairwise([span.start, *cuts.tolist(), span.end])
        if a < b and (value := float(values[a]))
    ]


def _legend(stretches: Sequence[Stretch], most: float) -> Html:
    kinds = {s.kind for s in stretches}
    parts = (
        [scale_html(most, "probability of being in the answer", 2)]
        if most
        else ["No character's chances changed."]
    )
    parts += [element("del", "gone")] * ("gone" in kinds) + [element("ins", "new")] * ("new" in kinds)
    return element("div", *(element("span", part) for part in parts), class_="ql-legend")


# --- numbers ------------------------------------------------------------------------------------------------------------


def _numbers(diff: ReadingDiff) -> Html:
    before, after = diff.before, diff.after
    rows = [_row("P(no answer)", before.no_answer_probability, after.no_answer_probability, probability)]
    rows += [_row(_named(text), *both, probability) for text, both in _followed(diff)]
    rows.append(_row("margin, logits", before.margin, after.margin, logit))
    head = element("tr", *(element("th", name, scope="col") for name in ("", "before", "after", "change")))
    table = element("table", element("thead", head), element("tbody", *rows), class_="ql-numbers")
    title = element("div", element("strong", "In numbers"), class_="ql-h")
    note = (
        f"The two distributions over spans and no answer are {diff.distance:.2f} of 1 apart (Jensen–Shannon distance). Of "
        f"the probability before, {share(diff.gone_probability)} was on spans that are gone; of that after, "
        f"{share(diff.new_probability)} is on new ones."
    )
    return element("section", title, table, element("p", note, class_="ql-note"))


def _followed(diff: ReadingDiff) -> list[tuple[str, tuple[float | None, float | None]]]:
    """The best spans of both readings with their probabilities before and after, None where a text does not have one."""
    found = []
    old, new = diff.before.decision.best, diff.after.decision.best
    if old is not None:
        then = diff.candidate(old.span)
        found.append((old.text, (old.probability, None if then is None else then.probability)))
    if new is not None and (old is None or diff.follow(old.span) != new.span):
        earlier = _earlier(diff, new.span)
        found.append((new.text, (None if earlier is None else earlier.probability, new.probability)))
    return found


def _earlier(diff: ReadingDiff, span: CharSpan) -> Answer | None:
    """What the reading before gave to a span of the text after."""
    places = np.flatnonzero((diff.alignment >= span.start) & (diff.alignment < span.end))
    if len(places) != len(span) or places[-1] - places[0] != len(span) - 1:
        return None
    return diff.before.spans.find(int(places[0]), int(places[-1]) + 1)


def _named(text: str) -> Html:
    return join("P(“", element("bdi", clip_middle(text, _ANSWER_WIDTH), dir="auto"), "”)")


def _row(name: str, before: float | None, after: float | None, written: Callable[[float], str]) -> Html:
    change = "–" if before is None or after is None else signed(after - before)
    cells = {
        "before": "–" if before is None else written(before),
        "after": "–" if after is None else written(after),
        "change": change,
    }
    return element(
        "tr", element("td", name), *(element("td", value, data_label=label) for label, value in cells.items())
    )


def _caption() -> Html:
    words = (
        "Each character is shaded by how the probability changed that the answer holds it: blue with a line above is more, "
        "orange with a line below is less. What is gone lost all that it had; what is new had nothing before. The tip over "
        "a place has its number. Changes are after − before."
    )
    return element("figcaption", element("strong", "How to read this. "), words)
