"""The views of evaluations as markup and in a browser: their numbers, any text in its place, every width, both themes."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from planted_rows import random_rows, row
from test_html import ATTRIBUTES, HOSTILE, TAGS, Page, lone_selectors

from qalens.evaluation.calibration import calibration
from qalens.evaluation.comparison import compare_rows
from qalens.evaluation.report import report_of
from qalens.evaluation.rows import TextSpan, redecided
from qalens.reading import Source
from qalens.views.evaluation import report_html, report_page
from qalens.views.evaluation_chart import Curve, Dot, Tick, chart_html
from qalens.views.evaluation_comparison import comparison_html, comparison_page
from qalens.views.evaluation_confidence import calibration_html
from qalens.views.markup import logit

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
    "report": lambda text: report_html(report_on(text)),
    "comparison": lambda text: comparison_html(
        compare_rows(rows_of(text), [redecided(one, -3.0) for one in rows_of(text)], resamples=20)
    ),
    "calibration": lambda text: calibration_html(calibration(rows_of(text), temperature=2.0)),
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


def test_all_styles_of_evaluations_stand_under_one_class_and_ask_for_nothing():
    assert lone_selectors(VIEWS["report"]("Ada"))


def text_of(markup):
    return "".join(data for data, _ in Page(markup.partition("</style>")[2]).pieces)


def test_a_report_shows_its_figures_outcomes_and_errors():
    report = report_on("the lamp room")
    shown, scores = text_of(report_html(report)), report.scores
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
    shown = text_of(report_html(report_on("Who kept it?")))
    assert "By cause" in shown
    assert "By windows" not in shown or "not read" in shown
    one_kind = report_of([row(k, answerable=True) for k in range(3)])
    assert "Kinds of questions" not in text_of(report_html(one_kind))


def test_the_surest_mistakes_come_first():
    rows = [
        row(k, exact=0.0, probability=p, question=f"Question {k}?") for k, p in enumerate([0.2, 0.9, 0.5])
    ]
    shown = text_of(report_html(report_of(rows)))
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
    page = Page(report_page(report_of(rows)))
    assert page.open == []
    assert "nan" not in "".join(data for data, classes in page.pieces if "style" not in classes).split()


def test_a_comparison_shows_what_turned():
    before, after = [row(0), row(1, exact=0.0), row(2)], [row(0), row(1), row(2, exact=0.0)]
    shown = text_of(comparison_html(compare_rows(before, after, resamples=20)))
    assert "1 became right, 1 wrong" in shown
    assert "McNemar p = 1 · 3 questions" in shown
    assert "exact ≈ chance66.6766.670.00" in shown
    assert "Became wrong: 1 question" in shown


def test_confidences_stand_in_a_table_with_their_numbers():
    found = calibration(random_rows(24), temperature=2.0)
    shown = text_of(calibration_html(found))
    for one in found.rows:
        assert f"{one.label}{one.by_width.error:.3f}{one.by_mass.error:.3f}{one.brier:.3f}" in shown
    assert "Is there an answer?" in shown


def test_a_chart_puts_places_where_they_belong():
    chart = chart_html(
        [Curve([0.0, 0.5], [1.0, 0.25], "F1 <b>", "ql-curve")],
        across=[Tick(0.0, "a"), Tick(1.0, "b")],
        up=[Tick(0.5, "c")],
        dots=[Dot(0.5, 0.5, "here", "ql-dot")],
        levels=[0.25],
        facts='a "line"',
        height=100,
    )
    page = Page(chart)
    attributes = dict(page.attributes)
    assert attributes["points"] == "0.0,0.0 500.0,750.0"
    assert 'cx="50%" cy="60.0"' in chart
    assert 'x1="25%" x2="25%" y1="10" y2="110"' in chart
    assert "F1 &lt;b&gt;" in chart
    assert 'aria-label="a &quot;line&quot;"' in chart


@pytest.mark.parametrize("width", [375, 600, 760, 1280])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_nothing_sticks_out_of_an_evaluation(page, name, width):
    text = "Who kept the lamp of the room, " + "W" * 300
    made = report_page(report_on(text)) if name == "report" else comparison_page(compare_rows(rows_of(text), [redecided(one, -3.0) for one in rows_of(text)], resamples=20))  # fmt: skip
    page.set_viewport_size({"width": width, "height": 800})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(made)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    out = page.evaluate(
        """() => [...document.querySelectorAll('.qalens svg text')].filter(t => {
            const a = t.getBoundingClientRect(), b = t.ownerSVGElement.getBoundingClientRect();
            return a.left < b.left - 1 || a.right > b.right + 1 || a.bottom > b.bottom + 1;
        }).map(t => t.textContent)"""
    )
    assert out == []
    assert asked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_curves_and_bars_differ_from_their_ground_in_both_themes(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_content(report_page(report_on("Who kept it?")))
    for selector, property in (
        (".ql-curve", "stroke"),
        (".ql-o-right", "backgroundColor"),
        (".ql-dot", "fill"),
    ):
        colour = page.locator(selector).first.evaluate(f"e => getComputedStyle(e).{property}")
        ground = page.locator(".qalens").evaluate("e => getComputedStyle(e).backgroundColor")
        seen, behind = (np.array(re.findall(r"[\d.]+", one)[:3], float) for one in (colour, ground))
        assert np.abs(seen - behind).sum() > 150
