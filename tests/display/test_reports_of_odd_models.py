"""Reports of models that nobody would train, and of data sets with very many articles, still have their pictures."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from planted_rows import random_rows
from whole import whole

from qalens.display.content.evaluation.confidence import logit_ticks
from qalens.errors import InputError
from qalens.evaluation.confidence.calibration import calibration
from qalens.evaluation.report import report_of
from qalens.evaluation.rows import example_row, redecided
from qalens.evaluation.scores.figures import slices
from qalens.testing import planted_reading
from qalens.text.examples import Example


def scaled(factor: float):
    """Rows of a model whose head is scaled."""
    names = ("margin", "score", "null_score", "threshold")
    return [
        replace(
            one, **{name: getattr(one, name) * factor for name in names if getattr(one, name) is not None}
        )
        for one in random_rows(60)
    ]


@pytest.mark.parametrize("factor", [1e-30, 1e-3, 1.0, 1e9, 1e20, 1e37])
def test_a_report_has_its_picture_at_any_scale_of_the_logits(factor):
    html = whole(report_of(scaled(factor)))
    assert "No-answer threshold" in html
    assert re.search(r"\bnan\b", html) is None


@pytest.mark.parametrize("low", [-1e38, -1e12, -70.0, -3.2, 0.0, 1e9])
@pytest.mark.parametrize("width", [1.0, 4.0, 9.0, 41.0, 1e4, 1e9 + 7, 3e20, 2e38])
def test_an_axis_has_some_ticks_and_not_too_many(low, width):
    high = low + width
    if high - low < 1:
        pytest.skip("no numbers lie between these")
    ticks = logit_ticks(low, high)
    assert 1 <= len(ticks) <= 11
    assert all(-1e-9 <= (at - low) / (high - low) <= 1 + 1e-9 for at, _ in ticks)


@pytest.mark.parametrize("threshold", [math.inf, -math.inf, 0.0, 1e300])
@pytest.mark.parametrize("text", ["\x00\x01", "\u200b", "\ufeff\x7f"])
def test_a_text_without_a_span_has_its_confidences_at_any_threshold(threshold, text):
    said = planted_reading("Who kept it?", text, answer=None)
    spanless = example_row(Example("Who kept it?", text, id="odd", gold=()), said)
    assert spanless.margin == math.inf
    rows = [redecided(one, threshold) for one in (*random_rows(20), spanless)]
    for temperature in (None, 1.5):
        found = calibration(rows, temperature=temperature)
        assert all(one.brier is None or 0 <= one.brier.value <= 1 for one in found.rows)
    assert "ECE" in whole(report_of(rows))


# --- very many articles --------------------------------------------------------------------------------------------


def many(count: int):
    return [
        replace(one, title=f"article {k % count}", id=str(k)) for k, one in enumerate(random_rows(60) * 10)
    ]


def test_a_table_of_very_many_articles_is_cut_and_says_so():
    rows = many(600)
    html = whole(report_of(rows))
    assert "551 others" in html
    assert html.count("article ") <= 51


@pytest.mark.parametrize("most", [2, 3, 7, 50])
def test_slices_beyond_the_largest_share_one(most):
    rows = many(40)
    found = slices(rows, "title", most=most)
    assert len(found) == min(most, 40)
    assert sum(one.count for one in found.slices) == found.whole.count
    if most < 40:
        assert found.slices[-1].name == f"{40 - most + 1} others"
    alone = {one.name: one.count for one in slices(rows, "title").slices}
    assert all(alone[one.name] == one.count for one in found.slices if "others" not in one.name)


@pytest.mark.parametrize("most", [1, 0, -3, 2.5, True, "all"])
def test_a_number_of_slices_that_cannot_work_is_refused(most):
    with pytest.raises(InputError, match="most has to be a whole number of slices from 2 on, or None"):
        slices(random_rows(20), "title", most=most)
