"""What an explorer shows as one small table, for viewers of saved notebooks that drop frames, scripts and styles.

Each function takes what its explorer sends to the browser, so that the table says what the picture says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qalens.views.markup import Html, element, logit, percent, probability
from qalens.views.wording import signed

_MOST_ROWS = 12
_MISSING = "–"


class Table(NamedTuple):
    """The names of some columns, the first rows below them, all as text, and how many more there would be."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    more: int = 0


def table_html(table: Table) -> Html:
    """A table that needs no style; each cell has its own writing direction.

    >>> table_html(Table(["span", "P"], [["<i>Ada</i>", "0.9"]]))[-90:]
    '<tr><td dir="auto">&lt;i&gt;Ada&lt;/i&gt;</td><td dir="auto">0.9</td></tr></tbody></table>'
    """
    head = element("tr", *(element("th", name, scope="col") for name in table.columns))
    rows = [element("tr", *(element("td", cell, dir="auto") for cell in row)) for row in table.rows]
    if table.more > 0:
        rows.append(element("tr", element("td", f"and {table.more:,} more", colspan=len(table.columns))))
    return element("table", element("thead", head), element("tbody", *rows))


def spans_table(view: Mapping[str, Any]) -> Table:
    """The best span of each cluster, and no answer.

    >>> from qalens.testing import planted_reading
    >>> from qalens.widgets.span_explorer import span_view
    >>> spans_table(span_view(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))).rows[0]
    ['Ada', '>0.999', '>0.999', '24.00']
    """
    best = [group["best"] for group in view["groups"]]
    rows = [[a["text"], probability(a["p"]), probability(a["given"]), _logit(a["score"])] for a in best]
    none = ["no answer", probability(view["none"]), _MISSING, _MISSING]
    return Table(["span", "P", "P if answered", "score"], [*rows, none])


def margins_table(view: Mapping[str, Any], threshold: float) -> Table:
    """Each question with its margin and what is said at a threshold."""
    rows = []
    for one in view["readings"][:_MOST_ROWS]:
        if "error" in one:
            rows.append([one["question"], one["error"], _MISSING, _MISSING])
            continue
        answered = one["best"] is not None and one["margin"] is not None and one["margin"] <= threshold
        said = one["best"] if answered else "no answer"
        rows.append([one["question"], said, _logit(one["margin"]), percent(one["none"])])
    columns = ["question", f"at threshold {logit(threshold)}", "margin", "P(no answer)"]
    return Table(columns, rows, len(view["readings"]) - len(rows))


def attribution_table(entry: Mapping[str, Any]) -> Table:
    """The words with the largest values."""
    where = {"question": "question", "context": "text"}
    rows = [
        [one["text"], where[one["where"]], signed(one["value"], entry["digits"]["word"])]
        for one in entry["strongest"]
    ]
    return Table(["word", "of the", f"for {entry['words']}"], rows)


def layers_table(view: Mapping[str, Any]) -> Table:
    """What the head of the model says after each layer, the last layer first."""
    rows = [
        [
            layer["name"],
            _MISSING if layer["text"] is None else layer["text"],
            _MISSING if layer["answer"] is None else probability(layer["answer"]),
            probability(layer["none"]),
            _logit(layer["margin"]),
        ]
        for layer in reversed(view["layers"])
    ]
    return Table(["after", "best span", "P(the answer)", "P(no answer)", "margin"], rows)


def changes_table(picture: Mapping[str, Any]) -> Table:
    """The best spans of both readings with both probabilities, and no answer."""
    rows = [
        [row["text"], *(_MISSING if p is None else probability(p) for p in row["p"])]
        for row in picture["spans"][: _MOST_ROWS - 1]
    ]
    none = [probability(side["none"]) for side in picture["sides"]]
    return Table(["span", *picture["labels"]], [*rows, ["no answer", *none]])


def outcomes_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Each question with what was said and what became of it."""
    found = [
        [
            row["question"],
            "no answer" if row["answer"] is None else row["answer"],
            row["outcome"],
            _MISSING if row["f1"] is None else f"{100 * row['f1']:.1f}",
            _logit(row["margin"]),
        ]
        for row in rows[:_MOST_ROWS]
    ]
    return Table(["question", "answer", "outcome", "F1", "margin"], found, len(rows) - len(found))


def _logit(x: float | None) -> str:
    return _MISSING if x is None else logit(x)
