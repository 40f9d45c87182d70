"""Each kind of part as HTML elements. Nothing here knows a record."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

from qalens.display.html.element import Element, Node, element, join
from qalens.display.html.picture import box, label, picture, toward
from qalens.display.numbers import count
from qalens.display.parts import (
    Bars,
    Cell,
    Cells,
    Chart,
    Curve,
    Heading,
    Intervals,
    Key,
    Line,
    Quote,
    Row,
    Run,
    Scale,
    Segment,
    Sentence,
    ShadedText,
    Table,
)

_KEPT = 200_000  # characters that may stand folded in a page; beyond, only their number is told
_ROW = 22  # pixels of a row of cells
_UNITS = 1000  # of the drawing of curves, which is stretched
_CHART_TOP, _CHART_FOOT = 10, 22  # pixels


def line(words: Line) -> Element:
    """A line, its quotes kept apart, so that no writing direction turns the words around them.

    >>> str(line(("score of ", Quote("Ada"))))
    'score of <bdi dir="auto">Ada</bdi>'
    """
    pieces = (words,) if isinstance(words, str) else words
    return join(*(element("bdi", str(p), dir="auto") if isinstance(p, Quote) else p for p in pieces))


def section(title: str, about: str, *body: Node, folded: str = "") -> Element:
    """A part under its title, folded away behind a few words where it has them."""
    if folded:
        return element("section", element("details", element("summary", folded), *body))
    named = element("strong", title, role="heading", aria_level=4)
    head = element("div", named, f" {about}" if about else "", class_="ql-h")
    return element("section", head if title else join(), *body)


def note(text: Line, kind: str = "ql-note") -> Element:
    """A line of small print; nothing for an empty one."""
    return element("p", line(text), class_=kind) if text else join()


# --- words --------------------------------------------------------------------------------------------------------------


def heading(part: Heading) -> Element:
    """The question on the left, and as the largest thing what was said, with its number."""
    said = element("strong", line(part.said), class_="ql-said")
    number = (
        element("span", part.number, class_=f"ql-sure ql-t-{part.tone or 'ink'}") if part.number else join()
    )
    # Blanks between them, for viewers that drop styles and would set them on one line without.
    small = [node for one in part.notes for node in (" ", element("small", line(one)))]
    head = element(
        "header",
        element("span", line(part.asked), class_="ql-question", role="heading", aria_level=3),
        " ",
        element("div", said, " ", number, *small, class_="ql-verdict"),
    )
    return join(head, *map(note, part.below))


def sentence(part: Sentence) -> Element:
    """A sentence after what leads it."""
    lead = element("strong", f"{part.lead} ") if part.lead else join()
    if part.kind == "caption":
        return element("figcaption", lead, line(part.text))
    class_ = {"plain": "ql-plain", "note": "ql-note", "warning": "ql-warning", "failure": "ql-failed"}[
        part.kind
    ]
    role = "note" if part.kind == "warning" else None
    return element("p", lead, line(part.text), role=role, class_=class_)


# --- tables -------------------------------------------------------------------------------------------------------------


def table(part: Table) -> Element:
    """A table, near-copies small under the row that they copy."""
    hidden = {k for k, name in enumerate(part.columns) if name in part.narrow}
    heads = [
        element("th", name, scope="col", class_="ql-parts" if k in hidden else None)
        for k, name in enumerate(part.columns)
    ]
    bodies = [
        element("tbody", *(_row(row, part.columns, hidden) for row in rows)) for rows in _bodies(part.rows)
    ]
    grid = element("table", element("thead", element("tr", *heads)), *bodies, class_=f"ql-{part.kind}")
    return section(part.title, part.about, grid, note(part.note), folded=part.folded)


def _bodies(rows: tuple[Row, ...]) -> list[list[Row]]:
    """Rows with copies stand in a body with them."""
    if not any(row.kind == "copy" for row in rows):
        return [list(rows)]
    bodies: list[list[Row]] = []
    for row in rows:
        if row.kind == "copy":
            bodies[-1].append(row)
        else:
            bodies.append([row])
    return bodies


def _row(row: Row, columns: tuple[str, ...], hidden: set[int]) -> Element:
    class_ = f"ql-{row.kind}" if row.kind else None
    if len(row.cells) == 1:
        return element("tr", element("td", _cell(row.cells[0]), colspan=len(columns)), class_=class_)
    cells = [
        element(
            "td",
            _cell(cell),
            data_label=columns[k] if k and columns[k] and words_in(cell) else None,
            class_="ql-parts" if k in hidden else "ql-all" if cell.bar else None,
        )
        for k, cell in enumerate(row.cells)
    ]
    return element("tr", *cells, class_=class_)


def words_in(cell: Cell) -> bool:
    """Whether a cell has words and no bar."""
    return bool(cell.text) and not cell.bar


def _cell(cell: Cell) -> Element:
    text = join(
        element("small", line(cell.before), class_="ql-before") if cell.before else "",
        line(cell.text),
        element("small", line(cell.small)) if cell.small else "",
    )
    if not cell.bar:
        return text
    return element("span", bar(cell.bar, cell.tip), element("span", text), class_="ql-mass")


def bar(segments: Iterable[Segment], tip: str = "") -> Element:
    """Segments over each other on a bar of fixed width."""
    pieces = [
        element(
            "i",
            class_=f"ql-c-{s.tone}{' ql-striped' * s.striped}{' ql-mark' * (not s.width)}",
            style=f"left:{s.left:.1f}%;width:{s.width:.1f}%",
        )
        for s in segments
    ]
    named = {"role": "img", "aria_label": tip, "title": tip} if tip else {"aria_hidden": "true"}
    return element("span", *pieces, class_="ql-bar", **named)


def intervals(part: Intervals) -> Element:
    """A table with a value, its interval and both as a bar in each cell."""
    beside = any(row.beside for row in part.rows)
    names = ("", *(["questions"] if beside else []), *part.columns)
    rows = []
    for row in part.rows:
        cells = [element("td", line(row.name), row.after)]
        cells += [element("td", row.beside, data_label="questions")] if beside else []
        for name, one in zip(part.columns, row.intervals, strict=True):
            drawn = _range(one.value, one.low, one.high, part) if math.isfinite(one.low) else join()
            small = element("small", f" {one.small} ") if one.small else ""
            cells.append(element("td", one.text, small, drawn, data_label=name))
        rows.append(element("tr", *cells, class_="ql-whole" if row.kind else None))
    head = element("thead", element("tr", *(element("th", name, scope="col") for name in names)))
    grid = element("table", head, element("tbody", *rows), class_="ql-numbers ql-estimates")
    return section(part.title, part.about, grid, note(part.note), folded=part.folded)


def _range(value: float, low: float, high: float, part: Intervals) -> Element:
    def at(x: float) -> float:
        return 100 * min(1.0, max(0.0, (x - part.low) / (part.high - part.low)))

    segments = [Segment(at(low), at(high) - at(low), "pale"), Segment(at(value), 0.0, "answer")]
    if part.zero is not None:
        segments.append(Segment(at(part.zero), 0.0, "soft"))
    return bar(segments)


# --- text ---------------------------------------------------------------------------------------------------------------


def shaded_text(part: ShadedText) -> Element:
    """The text with its marks and shades, and the legend."""
    wrapped = itertools.groupby(part.runs, key=lambda run: (run.change, run.mark, run.number, run.fold))
    pieces = [
        _wrapped(change, mark, number, [_run(run, part.scale) for run in runs])
        for (change, mark, number, _), runs in wrapped
    ]
    text = element("div", *pieces, class_="ql-text", dir="auto", lang="")
    return section(part.title, part.about, text, legend(part.scale, part.keys))


def _wrapped(change: str, mark: str, number: int | None, runs: list[Node]) -> Element:
    body = join(*runs)
    if number is not None:
        # Shown by the style sheet, so that the text itself stays what it is, also where it is copied.
        body = join(element("i", data_t=f"{number}", class_="ql-place"), body)
    if mark:
        # A mark keeps its meaning where styles are stripped; a rejected span must not look like an answer there.
        class_ = {"answer": "ql-best ql-answer", "rejected": "ql-best ql-rejected"}.get(mark, f"ql-{mark}")
        body = element("mark" if mark == "answer" else "span", body, class_=class_)
    return element({"gone": "del", "new": "ins"}[change], body) if change else body


def _run(run: Run, scale: Scale | None) -> Node:
    if run.fold:
        return folded(run.text)
    if run.level == 0 and not run.tip:
        return run.text
    style = f"--v:{abs(run.level)}%" if run.level else None
    if scale is not None and len(scale.tones) == 1:
        return element("span", run.text, class_="ql-p", style=style, title=run.tip)
    kind = "ql-v-none" if run.level is None else "" if not run.level else _signed_class(run.level)
    name = run.tip.partition("\n")[0]
    # A span has no accessible name of its own, an image has.
    return element(
        "span",
        run.text,
        role="img",
        aria_label=name,
        title=run.tip,
        class_=f"ql-v {kind}".rstrip(),
        style=style,
    )


def _signed_class(level: float) -> str:
    return "ql-v-against" if level < 0 else "ql-v-for"


def folded(text: str) -> Element:
    """A part of a text that is not shown: how long it is, and behind a click the part itself.

    >>> str(folded("Ada kept the lamp."))
    '<details class="ql-fold"><summary lang="en">… 18 characters …</summary>Ada kept the lamp.</details>'
    """
    said = f"… {count(len(text), 'character')} …"
    if len(text) > _KEPT:
        return element("div", said, class_="ql-fold", lang="en")
    return element("details", element("summary", said, lang="en"), text, class_="ql-fold")


def legend(scale: Scale | None, keys: Iterable[Key]) -> Element:
    """The scale of the colours, and what marks mean."""
    parts = []
    if scale is not None:
        ramp = element("i", class_=f"ql-ramp ql-ramp-{'-'.join(scale.tones)}")
        said = element("span", f"{scale.low} ", ramp, f" {scale.high}", class_="ql-nobr")
        parts.append(element("span", said, f" {scale.unit}"))
    for key in keys:
        tag = {"gone": "del", "new": "ins"}.get(key.mark, "span")
        class_ = f"ql-{key.mark}" if tag == "span" and key.mark else None
        parts.append(element("span", element(tag, key.text, class_=class_)))
    return element("div", *parts, class_="ql-legend") if parts else join()


# --- pictures -----------------------------------------------------------------------------------------------------------


def bars(part: Bars) -> Element:
    """A name, a bar from zero to the left or to the right, and the number, row by row."""

    def at(value: float) -> float:
        return 100 * (value - part.low) / (part.high - part.low)

    cells: list[Node] = []
    for row in part.rows:
        if row.apart:
            cells.append(element("small", row.apart))
        drawn = [box(at(0.0), 0, 0, 16, "ql-zero ql-c-ink")] if part.low < 0 else []
        if math.isfinite(row.value) and row.value:
            left, right = sorted((at(0.0), at(row.value)))
            drawn.insert(0, box(left, right - left, 2, 12, f"ql-c-{row.tone}{' ql-striped' * row.striped}"))
        name = element(
            "span", line(row.name), title=row.tip or None, class_="ql-apart" if row.apart == "" else None
        )
        cells += [name, picture(*drawn, height=16), element("b", row.text, class_="ql-number")]
    return section(part.title, part.about, element("div", *cells, class_="ql-sums"), note(part.note))


def chart(part: Chart) -> Element:
    """Curves over two axes, with a key below."""
    whole = part.height + _CHART_TOP + _CHART_FOOT

    def down(y: float) -> float:
        return round(_CHART_TOP + part.height * (1 - part.y.at(y)), 1)

    rules = [box(0, 100, down(value), 1, "ql-c-rule") for value, _ in part.y.ticks]
    uprights = [box(100 * part.x.at(x), 0, _CHART_TOP, part.height, "ql-upright") for x in part.levels]
    dots = [
        box(
            100 * part.x.at(d.x), 0, down(d.y), 0, f"ql-dot ql-c-{d.tone}{' ql-hollow' * d.hollow}", tip=d.tip
        )
        for d in part.dots
    ]
    feet = [label(text, x := 100 * part.x.at(value), whole - 17, toward(x)) for value, text in part.x.ticks]
    drawn = picture(*rules, *uprights, _curves(part), *dots, *feet, height=whole, said=part.said)
    scale = [label(text, 100, down(value) - 8, "end") for value, text in part.y.ticks]
    body = element("div", picture(*scale, height=whole), drawn, class_="ql-axis")
    keys = [_curve_key(curve) for curve in part.curves if curve.name]
    return section(part.title, part.about, body, element("div", *keys, class_="ql-legend"), note(part.note))


def _curves(part: Chart) -> Element:
    """The curves in a drawing of their own that fills the picture; strokes keep their width."""
    lines = [
        element("polyline", points=_points(part, curve), class_=_curve_class(curve)) for curve in part.curves
    ]
    size = {"viewBox": f"0 0 {_UNITS} {_UNITS}", "preserveAspectRatio": "none"}
    style = f"top:{_CHART_TOP}px;height:{part.height}px"
    return element("svg", *lines, **size, style=style, class_="ql-curves")


def _points(part: Chart, curve: Curve) -> str:
    places = [
        (_UNITS * part.x.at(x), _UNITS * (1 - part.y.at(y))) for x, y in zip(curve.x, curve.y, strict=True)
    ]
    if curve.step:
        corners = [(later[0], before[1]) for before, later in itertools.pairwise(places)]
        places = [places[0], *itertools.chain.from_iterable(zip(corners, places[1:], strict=True))]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _curve_class(curve: Curve) -> str:
    return f"ql-c-{curve.tone} ql-{curve.dash}{' ql-thin' * curve.thin}"


def _curve_key(curve: Curve) -> Element:
    stroke = element("line", x1=0, x2="100%", y1=4, y2=4, class_=_curve_class(curve))
    return element("span", element("svg", stroke, class_="ql-key", aria_hidden="true"), f" {curve.name}")


def cells(part: Cells) -> Element:
    """A grid of cells, shaded by their levels."""
    wide, rows = 100 / len(part.column_names), len(part.row_names)
    drawn: list[Element] = []
    for k, j in itertools.product(range(rows), range(len(part.column_names))):
        level = part.levels[k][j]
        class_ = f"ql-cell {_signed_class(level).replace('-v-', '-x-')}"
        opacity = f"{abs(level) / 100:.2f}"
        drawn.append(box(j * wide, wide, k * _ROW, _ROW, "ql-frame-cell", tip=part.tips[k][j]))
        drawn.append(box(j * wide, wide, k * _ROW, _ROW, class_, opacity=opacity))
        if part.texts[k][j]:
            on = "ql-on" if abs(level) > 60 else "ql-ink"
            drawn.append(label(part.texts[k][j], (j + 0.5) * wide, k * _ROW + 3, "middle", on))
    every = math.ceil(len(part.column_names) / 12)
    feet = [
        label(name, (j + 0.5) * wide, rows * _ROW + 3, "middle")
        for j, name in enumerate(part.column_names)
        if j % every == 0
    ]
    side = [label(name, 100, k * _ROW + 3, "end") for k, name in enumerate(part.row_names)]
    height = rows * _ROW + 20
    body = element(
        "div",
        picture(*side, height=height),
        picture(*drawn, *feet, height=height, said=part.said),
        class_="ql-axis",
    )
    return section(part.title, part.about, body, legend(part.scale, part.keys), note(part.note))


_DRAWN: dict[type, Callable[[Any], Element]] = {
    Heading: heading,
    Sentence: sentence,
    Table: table,
    ShadedText: shaded_text,
    Chart: chart,
    Bars: bars,
    Cells: cells,
    Intervals: intervals,
}


def drawn(part: Any) -> Element:
    """One part as HTML elements.

    >>> str(drawn(Sentence("Ada kept it.", kind="note")))
    '<p class="ql-note">Ada kept it.</p>'
    """
    return _DRAWN[type(part)](part)
