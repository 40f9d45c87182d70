"""The views of evaluations as markup and in a browser: their numbers, any text in its place, every width, both themes."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from planted_rows import random_rows, row
from test_html import ATTRIBUTES, HOSTILE, TAGS, Page
from whole import whole

from qalens.display import to_html
from qalens.display.html.parts import chart
from qalens.display.numbers import logit
from qalens.display.parts import Chart, Curve, Dot, Scaled
from qalens.evaluation.confidence.calibration import calibration
from qalens.evaluation.report import report_of
from qalens.evaluation.rows import TextSpan, redecided
from qalens.evaluation.scores.comparison import compare_rows
from qalens.readings.reading import Source

MORE_TAGS = {"polyline", "u"}
MORE_ATTRIBUTES = {"viewbox", "preserveaspectratio", "points", "overflow"}


def rows_of(text, count=24):
    """Random rows that say the same text wherever a user's own can stand."""
    piece = TextSpan(text, 0, len(text))
    made = []
    for k, one in enumerate(random_rows(count)):
        changes = {"question": text, "title": f"{text} {k % 3}", "cause": text if k % 2 else None}
        changes |= {name: piece for name in ("answer", "best") if getattr(one, name) is not None}
        changes |= {"golds": (piece, TextSpan(text[:5], 0, 5)) if one.golds else one.golds}
        made.append(replace(one, id=f"{k} {text}", **changes))
    failed = replace(row("f"), margin=None, answer=None, best=None, outcome=None, error=text, exact=0.0)
    return [*made, failed]


def report_on(text):
    return report_of(rows_of(text), source=Source(text, "00ff"), options={"null": text[:40]})


VIEWS = {
    "report": lambda text: whole(report_on(text)),
    "comparison": lambda text: whole(
        compare_rows(rows_of(text), [redecided(one, -3.0) for one in rows_of(text)])
    ),
    "calibration": lambda text: whole(calibration(rows_of(text), temperature=2.0)),
}


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("view", VIEWS.values(), ids=list(VIEWS))
def test_a_hostile_text_adds_no_tag_and_no_attribute(view, hostile):
    page = Page(view(hostile))
    assert set(page.tags) <= TAGS | MORE_TAGS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES | MORE_ATTRIBUTES
    assert page.open == []


@pytest.mark.parametrize("view", VIEWS.values(), ids=list(VIEWS))
def test_a_view_is_one_figure_with_its_styles_and_no_ids(view):
    markup = view("Ada")
    assert markup.startswith("<style>")
    assert markup.count("<figure") == 1
    assert not re.search(r"\b(src|href|id|on\w+)=", markup.partition("</style>")[2])


def text_of(markup):
    return "".join(data for data, _ in Page(markup.partition("</style>")[2]).pieces)


def test_a_report_shows_its_figures_outcomes_and_errors():
    report = report_on("the lamp room")
    shown, scores = text_of(whole(report)), report.scores
    assert f"exact {scores.exact:.2f}" in shown
    assert f"F1 {scores.f1:.2f}" in shown
    assert "25 questions" in shown
    for outcome, count in report.outcomes.items():
        assert outcome in shown
        assert f"{outcome}{count}" in shown
    assert "1 text could not be read" in shown
    assert "1 question with an error" in shown
    assert f"F1 is best at {logit(report.thresholds().best('f1').threshold)}" in shown


def test_slices_stand_only_where_there_is_more_than_one_kind():
    shown = text_of(whole(report_on("Who kept it?")))
    assert "By cause" in shown
    assert "By windows" not in shown or "not read" in shown
    one_kind = report_of([row(k, answerable=True) for k in range(3)])
    assert "Kinds of questions" not in text_of(whole(one_kind))


def test_the_surest_mistakes_come_first():
    rows = [
        row(k, exact=0.0, probability=p, question=f"Question {k}?") for k, p in enumerate([0.2, 0.9, 0.5])
    ]
    shown = text_of(whole(report_of(rows)))
    mistakes = shown[shown.index("Surest mistakes") :]
    assert re.findall(r"Question (\d)\?", mistakes) == ["1", "2", "0"]
    assert "3 wrong decisions" in mistakes


EDGES = {
    "one question": [row(0)],
    "nothing scored": [replace(row(0), golds=None, exact=None)],
    "nothing read": [replace(row(0), margin=None, answer=None, best=None, error="Empty.", outcome=None)],
    "all answerable": [row(k) for k in range(4)],
    "all unanswerable": [row(k, answerable=False) for k in range(4)],
    "equal margins": [row(k, margin=0.0) for k in range(3)],
    "infinite margins": [row(0), row(1, margin=math.inf, score=-math.inf), row(2, margin=-math.inf)],
    "an infinite threshold": [row(k, threshold=math.inf) for k in range(3)],
    "thresholds that differ": [row(0), row(1, threshold=2.0)],
}


@pytest.mark.parametrize("rows", EDGES.values(), ids=list(EDGES))
def test_a_report_of_very_little_still_has_its_picture(rows):
    page = Page(to_html(report_of(rows)))
    assert page.open == []
    assert "nan" not in "".join(data for data, classes in page.pieces if "style" not in classes).split()


def test_a_comparison_shows_what_turned():
    before, after = [row(0), row(1, exact=0.0), row(2)], [row(0), row(1), row(2, exact=0.0)]
    shown = text_of(whole(compare_rows(before, after)))
    assert "1 became right, 1 wrong" in shown
    assert "p = 1 · 3 questions" in shown
    assert "exact ≈ chance0.00" in shown
    assert "Became wrong: 1 question" in shown


def test_confidences_stand_in_a_table_with_their_numbers():
    found = calibration(random_rows(24), temperature=2.0)
    shown = text_of(whole(found))
    for one in found.rows:
        numbers = f"{one.by_width.error:.3f}{one.ece:.3f}{one.brier:.3f}" if one.by_width else "–––"
        assert f"{one.label}{numbers}{one.aurc:.3f}{one.auroc:.3f}" in shown
    assert "95% intervals over texts" in shown
    assert "Is there an answer?" in shown


def test_a_chart_puts_places_where_they_belong():
    part = Chart(
        "",
        "",
        (Curve((0.0, 0.5), (1.0, 0.25), "F1 <b>", "ink"),),
        Scaled("", 0.0, 1.0, ((0.0, "a"), (1.0, "b"))),
        Scaled("", 0.0, 1.0, ((0.5, "c"),)),
        'a "line"',
        (Dot(0.5, 0.5, "here", "ink"),),
        (0.25,),
        height=100,
    )
    made = str(chart(part))
    assert dict(Page(made).attributes)["points"] == "0.0,0.0 500.0,750.0"
    assert 'style="left:50%;width:0%;top:60px;height:0px" title="here"' in made
    assert 'class="ql-upright" style="left:25%;width:0%;top:10px;height:100px"' in made
    assert "F1 &lt;b&gt;" in made
    assert 'aria-label="a &quot;line&quot;"' in made


@pytest.mark.parametrize("width", [375, 600, 760, 1280])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_nothing_sticks_out_of_an_evaluation(page, name, width):
    text = "Who kept the lamp of the room, " + "W" * 300
    made = to_html(report_on(text)) if name == "report" else to_html(compare_rows(rows_of(text), [redecided(one, -3.0) for one in rows_of(text)]))  # fmt: skip
    page.set_viewport_size({"width": width, "height": 800})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(made)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    out = page.evaluate(
        """() => [...document.querySelectorAll('.qalens .ql-l')].filter(t => {
            const a = t.getBoundingClientRect(), b = t.closest('.ql-pic').getBoundingClientRect();
            return a.left < b.left - 1 || a.right > b.right + 1 || a.bottom > b.bottom + 1;
        }).map(t => t.dataset.t)"""
    )
    assert out == []
    assert asked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_curves_and_bars_differ_from_their_ground_in_both_themes(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_content(to_html(report_on("Who kept it?")))
    for selector, property in (
        ("polyline", "stroke"),
        (".ql-sums .ql-c-right", "backgroundColor"),
        (".ql-dot:not(.ql-hollow)", "backgroundColor"),
    ):
        colour = page.locator(selector).first.evaluate(f"e => getComputedStyle(e).{property}")
        ground = page.locator(".qalens").evaluate("e => getComputedStyle(e).backgroundColor")
        seen, behind = (np.array(re.findall(r"[\d.]+", one)[:3], float) for one in (colour, ground))
        assert np.abs(seen - behind).sum() > 150
