"""Two evaluations of the same questions as HTML: how the figures moved, and which questions turned."""

from __future__ import annotations

from qalens.evaluation.comparison import Comparison, Difference
from qalens.evaluation.rows import OUTCOMES, ExampleRow
from qalens.views.evaluation_confidence import EVALUATION
from qalens.views.frame import READING, figure, page, styles
from qalens.views.markup import Html, clip, clip_middle, count, element, join
from qalens.views.wording import signed

_MOST_TURNED = 10


def comparison_html(comparison: Comparison) -> str:
    """A comparison as a piece of HTML that a notebook shows.

    >>> from qalens.evaluation.comparison import compare_rows
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> known = Example("Who kept it?", "Ada kept it.", id="1", gold=())
    >>> said = [planted_reading("Who kept it?", "Ada kept it.", answer=answer) for answer in ("Ada", None)]
    >>> html = comparison_html(compare_rows(*([example_row(known, reading)] for reading in said)))
    >>> "1 became right" in html
    True
    """
    return join(styles(READING, EVALUATION), _figure(comparison))


def comparison_page(comparison: Comparison) -> str:
    """A comparison as a whole HTML page that needs nothing else.

    >>> from qalens.evaluation.comparison import compare_rows
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> known = Example("Who kept it?", "Ada kept it.", id="1", gold=())
    >>> row = example_row(known, planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))
    >>> comparison_page(compare_rows([row], [row])).splitlines()[0]
    '<!doctype html>'
    """
    return page("Two evaluations", styles(READING, EVALUATION), _figure(comparison))


def _figure(comparison: Comparison) -> Html:
    parts = [_head(comparison), _differences(comparison), _flips(comparison)]
    parts += [
        _turned("Became wrong", comparison.flips(True, False)),
        _turned("Became right", comparison.flips(False, True)),
    ]
    return figure(*parts, _caption(comparison))


def _head(comparison: Comparison) -> Html:
    asked = element("span", "Before and after", class_="ql-question")
    turned = f"{comparison.gained:,} became right, {comparison.lost:,} wrong"
    said = element("strong", turned, class_="ql-said")
    p = element("small", f"McNemar p = {_p(comparison.p)} · {count(len(comparison.pairs), 'question')}")
    return element("header", asked, " ", element("div", said, " ", p, class_="ql-verdict"))


def _differences(comparison: Comparison) -> Html:
    names = ("", "before", "after", "change", f"{comparison.level:.0%} interval")
    head = element("thead", element("tr", *(element("th", name, scope="col") for name in names)))
    table = element("table", head, element("tbody", *map(_row, comparison.differences)), class_="ql-numbers")
    alone = comparison.alone_before + comparison.alone_after
    note = (
        f"{count(alone, 'question')} stand in one of the two alone, or could not be scored." if alone else ""
    )
    drawn = {"question": "questions", "text": "texts", "title": "articles"}[comparison.by]
    words = f" per cent, changes in points; paired bootstrap over {drawn}"
    title = element("div", element("strong", "Figures"), words, class_="ql-h")
    return element("section", title, table, element("p", note, class_="ql-note") if note else Html())


def _row(one: Difference) -> Html:
    cells = {
        "before": f"{one.before:.2f}",
        "after": f"{one.after:.2f}",
        "change": signed(one.change.value),
        "interval": "–"
        if one.change.low != one.change.low
        else f"[{signed(one.change.low)}, {signed(one.change.high)}]",
    }
    sure = one.change.low > 0 or one.change.high < 0
    name = element("td", one.name, "" if sure else " ≈ chance")
    return element("tr", name, *(element("td", value, data_label=label) for label, value in cells.items()))


def _flips(comparison: Comparison) -> Html:
    """From each outcome (rows) to each (columns); what stayed is grey."""
    counts = comparison.table()
    shown = [k for k in range(len(OUTCOMES)) if counts[k].any() or counts[:, k].any()]
    head = element(
        "tr",
        element("th", "before ↓ after →", scope="col"),
        *(element("th", OUTCOMES[k], scope="col") for k in shown),
    )
    rows = []
    for k in shown:
        cells = [
            element(
                "td",
                f"{counts[k, j]:,}" if counts[k, j] else "·",
                class_="ql-same" if k == j or not counts[k, j] else None,
            )
            for j in shown
        ]
        rows.append(element("tr", element("td", OUTCOMES[k]), *cells))
    table = element("table", element("thead", head), element("tbody", *rows), class_="ql-flips")
    title = element("strong", "From outcome to outcome"), " questions; on the diagonal those that stayed"
    return element("section", element("div", *title, class_="ql-h"), table)


def _turned(name: str, pairs: tuple[tuple[ExampleRow, ExampleRow], ...]) -> Html:
    if not pairs:
        return Html()
    heads = ("question", "before", "after")
    head = element("thead", element("tr", *(element("th", one, scope="col") for one in heads)))
    rows = [
        element(
            "tr",
            element("td", element("bdi", clip(before.question, 160), dir="auto")),
            element("td", _said(before), data_label="before"),
            element("td", _said(after), data_label="after"),
        )
        for before, after in pairs[:_MOST_TURNED]
    ]
    table = element("table", head, element("tbody", *rows), class_="ql-numbers ql-mistakes")
    some = f", the first {_MOST_TURNED}" if len(pairs) > _MOST_TURNED else ""
    summary = element("summary", f"{name}: {count(len(pairs), 'question')}{some}")
    return element("section", element("details", summary, table))


def _said(row: ExampleRow) -> Html:
    return element("bdi", "no answer" if row.answer is None else clip_middle(row.answer.text, 60), dir="auto")


def _p(p: float) -> str:
    return "<0.001" if p < 0.0005 else f"{p:.3f}" if p < 0.9995 else "1"


def _caption(comparison: Comparison) -> Html:
    words = (
        "Both evaluations read the same questions. An interval that holds 0 (≈ chance) can come from the choice of "
        "questions alone. McNemar's p asks how often a fair coin, thrown once for each question that turned, would be so "
        "uneven."
    )
    return element("figcaption", element("strong", "How to read this. "), words)
