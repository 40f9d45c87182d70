"""The plots of evaluations draw the numbers of their records, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from planted_rows import random_rows, row

from qalens import plots
from qalens.errors import InputError
from qalens.evaluation.confidence.calibration import calibration
from qalens.evaluation.confidence.thresholds import sweep
from qalens.evaluation.rows import redecided
from qalens.evaluation.scores.comparison import compare_rows
from qalens.evaluation.scores.figures import slices

ROWS = random_rows(30)
RECORDS = {
    plots.thresholds: lambda rows: sweep(rows),
    plots.reliability: lambda rows: calibration(rows, temperature=2.0),
    plots.risk_coverage: lambda rows: calibration(rows, temperature=2.0),
    plots.slices: lambda rows: slices(rows),
    plots.comparison: lambda rows: compare_rows(rows, [redecided(one, -3.0) for one in rows]),
}
EVERY = pytest.mark.parametrize("plot", RECORDS, ids=lambda plot: plot.__name__)


@pytest.fixture(autouse=True)
def _settings_restored():
    with mpl.rc_context():
        mpl.use("Agg")
        yield


def named(ax, name):
    """The line whose label begins with a name."""
    return next(line for line in ax.lines if line.get_label().startswith(name))


@EVERY
def test_a_plot_draws_where_it_is_told_and_changes_no_setting(plot):
    record, before = RECORDS[plot](ROWS), dict(mpl.rcParams)
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4))
    assert plot(record, ax=right) is right
    assert not left.lines
    assert plot(record).figure is not figure
    assert dict(mpl.rcParams) == before
    figure.canvas.draw()


@EVERY
def test_what_is_no_record_is_refused(plot):
    with pytest.raises(InputError, match=r"A plot needs an? "):
        plot("report")
    with pytest.raises(InputError, match="ax has to be a matplotlib Axes"):
        plot(RECORDS[plot](ROWS), ax="here")


@EVERY
def test_no_letter_is_outside_of_the_figure(plot):
    ax = plot(RECORDS[plot](ROWS))
    ax.figure.canvas.draw()
    drawn, whole = ax.get_tightbbox(), ax.figure.bbox
    assert drawn.x0 >= whole.x0 - 1
    assert drawn.y0 >= whole.y0 - 1
    assert drawn.x1 <= whole.x1 + 1
    assert drawn.y1 <= whole.y1 + 1


def test_the_threshold_curve_steps_through_the_figures():
    curve = sweep([*ROWS, *(row(k, margin=-1.0 - k) for k in range(9))])
    ax = plots.thresholds(curve)
    line = named(ax, "F1")
    assert line.get_drawstyle() == "steps-post"
    assert line.get_ydata()[:-1] == pytest.approx(curve.f1)
    low, high = ax.get_xlim()
    assert low < 0 < high
    ring = next(one for one in ax.lines if one.get_marker() == "o" and len(one.get_xdata()) == 1)
    assert ring.get_xdata()[0] == curve.best("f1").threshold
    styles = {
        (one.get_color(), one.get_linestyle()) for one in ax.lines if not one.get_label().startswith("_")
    }
    assert len(styles) == 4


@pytest.mark.parametrize(
    "rows",
    [
        [row(0)],
        [row(k, answerable=False) for k in range(3)],
        [row(0, threshold=math.inf), row(1, threshold=math.inf)],
        [row(0, margin=math.inf)],
        [row(0), row(1, threshold=2.0)],
    ],
)
def test_a_threshold_curve_of_little_is_drawn(rows):
    plots.thresholds(sweep(rows)).figure.canvas.draw()


def test_reliability_shows_the_bins_and_says_the_error():
    found = calibration(ROWS, temperature=2.0)
    ax = plots.reliability(found, ["probability", "cluster (place), T"])
    bins = found["probability"].by_width
    held = bins.count > 0
    drawn = next(one for one in ax.lines[1:] if len(one.get_xdata()) == held.sum())
    assert drawn.get_xdata() == pytest.approx(bins.confidence[held])
    assert drawn.get_ydata() == pytest.approx(bins.accuracy[held])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [
        f"{found[n].label}: ECE {found[n].ece.value:.3f}" for n in ("probability", "cluster (place), T")
    ]
    assert ax.get_ylabel() == "decision or place right"
    mass = plots.reliability(found, ["probability"], equal="mass")
    assert f"{found['probability'].by_mass.error:.3f}" in mass.get_legend().get_texts()[0].get_text()


def test_thin_bins_are_hollow():
    few = calibration([row(k, probability=0.9) for k in range(3)], temperature=None)
    ax = plots.reliability(few, ["probability"])
    assert any(line.get_markerfacecolor() == "white" for line in ax.lines)


@pytest.mark.parametrize("names", [[], "probability", ["probability"] * 7])
def test_names_are_a_list_of_a_few(names):
    with pytest.raises(InputError, match="names has to be a list of up to 6 confidences"):
        plots.risk_coverage(calibration(ROWS, temperature=None), names)


def test_unknown_choices_are_refused():
    found = calibration(ROWS, temperature=None)
    with pytest.raises(InputError, match="equal has to be one of 'width', 'mass'"):
        plots.reliability(found, equal="count")
    with pytest.raises(InputError, match="no confidence 'luck'"):
        plots.reliability(found, ["luck"])
    with pytest.raises(InputError, match="margin is no probability, so it has no reliability"):
        plots.reliability(found, ["margin"])


def test_without_names_a_cluster_is_drawn_by_its_place():
    labels = [
        text.get_text()
        for text in plots.reliability(calibration(ROWS, temperature=2.0)).get_legend().get_texts()
    ]
    assert [label.partition(": ")[0] for label in labels] == [
        "probability",
        "cluster (place)",
        "probability, T = 2.00",
        "cluster (place), T = 2.00",
    ]


def test_risk_is_drawn_over_coverage_with_the_best_that_could_be():
    found = calibration(ROWS, temperature=None)
    ax = plots.risk_coverage(found, ["margin"])
    curve = found["margin"].risk_coverage
    assert named(ax, "margin: AURC").get_ydata() == pytest.approx(curve.risk)
    best = named(ax, "best possible")
    assert best.get_ydata()[-1] == pytest.approx(1 - found.accuracy)
    assert (best.get_ydata() <= curve.risk + 1e-9).all()
    assert np.mean(best.get_ydata()) == pytest.approx(curve.least, abs=0.03)


def test_slices_stand_in_rows_with_both_figures_and_their_counts():
    found = slices(ROWS)
    ax = plots.slices(found)
    assert [text.get_text() for text in ax.get_yticklabels()] == [*(one.name for one in found.slices), "all"]
    dots = [
        line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1
    ]
    assert dots == pytest.approx([one.exact.value for one in (*found.slices, found.whole)])
    said = [text.get_text() for text in ax.texts]
    assert said == [f"{one.count:,}" for one in (*found.slices, found.whole)]


def test_a_slice_of_hostile_name_is_drawn_as_it_stands():
    rows = [replace(one, title=f"$5_000 \\frac{{1}}{{2}} {k % 2}") for k, one in enumerate(ROWS)]
    plots.slices(slices(rows, "title")).figure.canvas.draw()


def test_a_comparison_has_each_change_at_its_place():
    found = RECORDS[plots.comparison](ROWS)
    ax = plots.comparison(found)
    for place, one in enumerate(found.differences):
        dot = next(
            line for line in ax.lines if line.get_marker() in "os" and list(line.get_ydata()) == [place]
        )
        assert dot.get_xdata()[0] == pytest.approx(one.change.value)
    assert f"{found.gained} became right, {found.lost} wrong" in ax.get_xlabel()
