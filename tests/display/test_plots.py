"""The plots draw the numbers of a reading, any text, and nothing else."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba

from qalens import plots
from qalens.display.content.token_axis import token_axis
from qalens.display.content.windows import window_rows
from qalens.display.labels import clip_middle, columns
from qalens.display.numbers import logit
from qalens.display.plots import series, strokes
from qalens.display.plots.lettering import fonts as lettering
from qalens.errors import InputError
from qalens.readings.reading import FailedReading
from qalens.spans.decision import decide
from qalens.spans.distribution import SpanLogits, span_distribution
from qalens.spans.per_window import window_margins
from qalens.testing import planted_reading

TEXT = "Ada kept the lamp in the room, and Mary kept the lamp on the ship for a year."
LONG = " ".join(f"In year {n} the keeper kept the lamp on." for n in range(60)) + " Ada was the keeper."
HOSTILE = "The $5_000 \\frac{1}{2} lamp $x^{2 a_b %\n😀 灯台 שלום \u202e back\x07."
EVERY = (plots.marginals, plots.span_map, plots.ranked_spans, plots.no_answer, plots.windows)


@pytest.fixture(autouse=True)
def _settings_restored():
    with mpl.rc_context():
        mpl.use("Agg")
        yield


def random_reading(context=TEXT, *, seed=0, scale=3.0, null=0.0, **options):
    """A reading of random logits, so that many spans have some probability."""
    reading = planted_reading("Who kept the lamp?", context, answer=None, **options)
    rng = np.random.default_rng(seed)
    start, end = rng.normal(0, scale, (2, *reading.logits.start.shape)).astype(np.float32)
    rows = np.arange(len(reading.windows))
    start[rows, reading.windows.null_index] = null
    logits = SpanLogits(reading.windows, start, end)
    spans = span_distribution(logits)
    return replace(reading, logits=logits, spans=spans, decision=decide(spans))


def long_reading(answer="Ada", **options):
    return planted_reading("Who kept the lamp?", LONG, answer=answer, max_length=120, stride=30, **options)


def bars(ax, label):
    (container,) = [c for c in ax.containers if c.get_label() == label]
    return list(container)


def texts(ax):
    """All that an axes says, tick labels included."""
    own = [text.get_text() for text in ax.texts]
    ticks = [*ax.get_xticklabels(), *ax.get_xticklabels(minor=True), *ax.get_yticklabels()]
    return [*own, *(tick.get_text() for tick in ticks), ax.get_xlabel(), ax.get_ylabel()]


class TestEveryPlot:
    @pytest.mark.parametrize("plot", EVERY)
    def test_draws_into_the_axes_it_is_given_and_changes_no_setting(self, plot):
        figure, ax = plt.subplots()
        before = dict(mpl.rcParams)
        assert plot(random_reading(), ax=ax) is ax
        assert dict(mpl.rcParams) == before
        assert plt.get_fignums() == [figure.number]

    @pytest.mark.parametrize("plot", EVERY)
    def test_makes_one_figure_of_its_own(self, plot):
        ax = plot(random_reading())
        assert plt.get_fignums() == [ax.figure.number]

    @pytest.mark.parametrize("plot", EVERY)
    def test_draws_into_a_part_of_a_figure(self, plot):
        part = plt.figure(layout="constrained").subfigures(1, 2)[1]
        ax = part.subplots()
        assert plot(long_reading(), ax=ax) is ax

    @pytest.mark.parametrize("plot", [*EVERY, plots.overview])
    def test_refuses_what_is_no_reading(self, plot):
        with pytest.raises(InputError, match=r"needs a Reading.*got 'Ada'"):
            plot("Ada")
        with pytest.raises(InputError, match="could not be read: the text is empty"):
            plot(FailedReading(("Who?", ""), InputError("the text is empty")))
        assert plt.get_fignums() == []

    @pytest.mark.parametrize("plot", EVERY)
    def test_refuses_what_is_no_axes(self, plot):
        with pytest.raises(InputError, match=r"ax has to be a matplotlib Axes.*but is 3"):
            plot(random_reading(), ax=3)

    def test_overview_belongs_to_no_window(self):
        plots.overview(random_reading())
        assert plt.get_fignums() == []


class TestHostileText:
    @pytest.mark.parametrize("form", ["png", "svg", "pdf"])
    @pytest.mark.parametrize("plot", [*EVERY, plots.overview])
    def test_is_drawn_without_a_warning(self, plot, form):
        drawn = plot(random_reading(HOSTILE))
        (drawn if plot is plots.overview else drawn.figure).savefig(io.BytesIO(), format=form)

    def test_stands_as_it_is_written(self):
        reading = planted_reading(
            "What?", "It costs $5_000 and \\frac{1}{2} $.", answer="$5_000 and \\frac{1}{2} $"
        )
        ax = plots.ranked_spans(reading, k=1)
        label = ax.get_yticklabels()[0]
        assert label.get_text() == "“$5_000 and \\frac{1}{2} $”"
        assert not label.get_parse_math()

    def test_of_a_question_and_answer_stands_in_the_overview(self):
        figure = plots.overview(planted_reading("$x^2$ or\n$y$?", "It costs $5_$.", answer="$5_$"))
        assert figure.get_suptitle() == "$x^2$ or↵$y$?"
        assert figure.axes[0].get_title(loc="left") == "$5_$   P > 0.999"
        assert not figure._suptitle.get_parse_math()

    def test_has_a_sign_for_each_character_without_a_glyph(self):
        # No font has U+10FFFD, the last place for private use.
        assert lettering.visible("a\U0010fffdb\x00\u202ec\nd\te") == "a▯b▯▯c↵d⇥e"

    def test_keeps_what_a_font_has(self):
        assert lettering.visible("é ∅ שלום") == "é ∅ שלום"

    def test_begins_at_the_left_whatever_its_script(self):
        row = series.SpanRow("span", "שלום", 0.5, size=3)
        assert strokes.rank_label(row, 20) == "\u200e“שלום” (3 spans)\u200e"

    @pytest.mark.parametrize(
        ("text", "most", "short"),
        [
            ("lamp", 4, "lamp"),
            ("lamps", 4, "la…s"),
            ("灯台の光", 8, "灯台の光"),
            ("灯台の光", 7, "灯台…光"),
            ("灯台の光", 6, "灯…光"),
            ("ab", 1, "…"),
        ],
    )
    def test_is_shortened_in_its_middle(self, text, most, short):
        assert clip_middle(text, most) == short
        assert columns(short) <= most


class TestEdges:
    @pytest.mark.parametrize("given_answer", [True, False])
    def test_bars_are_the_probabilities_of_each_start_and_end(self, given_answer):
        reading = random_reading()
        ax = plots.marginals(reading, given_answer=given_answer)
        by_character = reading.spans.marginals(given_answer=given_answer)
        offsets = token_axis(reading).offsets
        for label, sign, places, side in zip(
            ("start", "end"), (1, -1), (offsets[:, 0], offsets[:, 1] - 1), by_character, strict=True
        ):
            heights = [sign * bar.get_height() for bar in bars(ax, label)]
            assert heights == pytest.approx(side[places])
            total = 1 if given_answer else 1 - reading.no_answer_probability
            assert sum(heights) == pytest.approx(total)

    def test_bars_stand_at_their_tokens(self):
        ax = plots.marginals(planted_reading("Who?", "the lamp on the lamp to Ada", answer="Ada"))
        for label in ("start", "end"):
            longest = max(bars(ax, label), key=lambda bar: abs(bar.get_height()))
            assert longest.get_x() + longest.get_width() / 2 == pytest.approx(6)

    def test_axis_says_whether_an_answer_is_given(self):
        assert plots.marginals(random_reading()).get_ylabel() == "probability\ngiven an answer"
        assert plots.marginals(random_reading(), given_answer=False).get_ylabel() == "probability"

    def test_logits_are_the_raw_ones_and_those_of_the_null_token(self):
        reading = random_reading(null=1.25)
        lines = {line.get_label(): line for line in plots.marginals(reading, scale="logits").lines}
        context = reading.windows.answerable[0]
        assert lines["start"].get_ydata() == pytest.approx(reading.logits.start[0, context])
        assert lines["end"].get_ydata() == pytest.approx(reading.logits.end[0, context])
        assert lines["start, null token"].get_ydata() == pytest.approx([1.25, 1.25])

    def test_logits_of_several_windows_are_their_largest(self):
        reading = random_reading(LONG, max_length=120, stride=30)
        start, _ = series.edge_logits(reading)
        index = reading.windows.context_index
        token = index[1, reading.windows.answerable[1]].min()  # in the overlap of the windows 0 and 1
        assert (index == token).sum() == 2
        assert start[token] == reading.logits.start[index == token].max()

    def test_infinite_logits_are_drawn(self):
        reading = random_reading()
        start = reading.logits.start.copy()
        start[0, reading.windows.null_index[0]] = start[0, -3] = -np.inf
        logits = SpanLogits(reading.windows, start, reading.logits.end)
        spans = span_distribution(logits)
        broken = replace(reading, logits=logits, spans=spans, decision=decide(spans))
        for drawn in (plots.marginals(broken, scale="logits").figure, plots.overview(broken)):
            drawn.savefig(io.BytesIO())

    def test_words_stand_where_the_mass_is(self):
        ax = plots.marginals(planted_reading("Who?", TEXT, answer="the ship"))
        assert [label.get_text() for label in ax.get_xticklabels()] == ["the", "ship"]

    def test_refuses_another_scale(self):
        with pytest.raises(InputError, match=r"scale has to be one of 'probability', 'logits', but is 'log'"):
            plots.marginals(random_reading(), scale="log")


class TestSpanMap:
    @pytest.mark.parametrize("given_answer", [True, False])
    def test_cells_are_the_probabilities_of_all_spans(self, given_answer):
        reading = random_reading()
        stretch = series.choose_stretch(reading)
        band = series.span_band(reading, stretch, given_answer=given_answer)
        assert np.sort(band[band > 0]) == pytest.approx(
            np.sort(reading.spans.probabilities(given_answer=given_answer))
        )

    def test_a_cell_stands_at_its_start_and_length(self):
        reading = random_reading()
        band = series.span_band(reading, series.choose_stretch(reading), given_answer=False)
        offsets = token_axis(reading).offsets
        span = reading.spans.find(offsets[2, 0], offsets[6, 1])
        assert band[4, 2] == pytest.approx(span.probability)

    def test_colours_are_drawn_on_a_log_scale_down_to_four_powers_of_ten(self):
        reading = random_reading(scale=6.0)
        (mesh,) = plots.span_map(reading).collections
        drawn = mesh.get_array()
        best = reading.spans.probabilities(given_answer=True).max()
        assert (mesh.norm.vmin, mesh.norm.vmax) == pytest.approx((best / 1e4, best))
        assert drawn.min() >= best / 1e4
        assert np.ma.count_masked(drawn) > 0

    @pytest.mark.parametrize(("threshold", "style"), [(50, "-"), (-50, "--")])
    def test_the_best_span_is_framed_by_what_became_of_it(self, threshold, style):
        reading = planted_reading("Who?", TEXT, answer="the ship").with_threshold(threshold)
        (frame,) = plots.span_map(reading).patches
        first, last = series.best_tokens(reading)
        assert frame.get_linestyle() == style
        assert frame.get_x() + frame.get_width() / 2 == pytest.approx(first)
        assert frame.get_y() + frame.get_height() / 2 == pytest.approx(last - first + 1)

    def test_has_a_colour_bar_with_its_meaning(self):
        labels = [ax.get_ylabel() for ax in plots.span_map(random_reading()).figure.axes]
        assert labels == ["length in tokens", "P(span | answer)\nlog scale"]


class TestRankedSpans:
    @pytest.mark.parametrize("group", [None, "overlap", "text"])
    @pytest.mark.parametrize("k", [1, 5, 10_000])
    def test_bars_sum_to_one(self, group, k):
        rows = series.span_rows(random_reading(), k, group)
        assert sum(row.probability for row in rows) == pytest.approx(1)
        assert sum(row.size for row in rows[:-1]) == len(random_reading().spans)

    def test_bars_are_the_probabilities(self):
        reading = random_reading()
        widths = [bar.get_width() for bar in plots.ranked_spans(reading, k=4).patches]
        assert widths[:4] == [answer.probability for answer in reading.spans.top(4)]
        assert widths[5] == reading.no_answer_probability

    def test_bars_of_groups_are_their_mass(self):
        reading = random_reading()
        widths = [bar.get_width() for bar in plots.ranked_spans(reading, k=3, group="overlap").patches]
        assert widths[:3] == [cluster.probability for cluster in reading.spans.clusters(3)]

    @pytest.mark.parametrize(("threshold", "marked"), [(50, 0), (-50, -1)])
    def test_what_was_decided_is_marked_by_a_sign(self, threshold, marked):
        said = [t.get_text() for t in plots.ranked_spans(random_reading().with_threshold(threshold)).texts]
        assert said[marked].endswith(" ◂")
        assert sum("◂" in text for text in said) == 1

    def test_no_answer_is_orange_and_striped(self):
        bar = plots.ranked_spans(random_reading()).patches[-1]
        assert bar.get_facecolor() == to_rgba(strokes.ORANGE)
        assert bar.get_hatch()

    @pytest.mark.parametrize("k", [0, -1, 1.5, True, "8"])
    def test_refuses_a_k_that_is_no_number_of_bars(self, k):
        with pytest.raises(InputError, match="k has to be a whole number from 1 on, but is"):
            plots.ranked_spans(random_reading(), k=k)

    def test_refuses_another_group(self):
        with pytest.raises(InputError, match="group has to be one of None, 'overlap', 'text', but is 'best'"):
            plots.ranked_spans(random_reading(), group="best")


class TestNoAnswer:
    @pytest.mark.parametrize("threshold", [-2.5, 0.0, 7.0])
    def test_margin_and_threshold_stand_at_their_places(self, threshold):
        reading = random_reading().with_threshold(threshold)
        ax = plots.no_answer(reading)
        assert ax.lines[0].get_xdata() == pytest.approx([reading.margin])
        answering, abstaining = ax.patches
        assert answering.get_x() + answering.get_width() == pytest.approx(threshold)
        assert abstaining.get_x() == pytest.approx(threshold)
        assert ax.get_xlim()[0] < reading.margin < ax.get_xlim()[1]

    def test_each_window_has_its_tick(self):
        reading = long_reading()
        ticks = plots.no_answer(reading).collections[0].get_segments()
        assert [x for ((x, _), _) in ticks] == pytest.approx(window_margins(reading.logits))

    @pytest.mark.parametrize(
        ("reading", "sentence"),
        [
            (planted_reading("Who?", "Ada kept it.", answer="Ada"), "it answers. Below −24.00 it would"),
            (planted_reading("Who?", "Ada kept it.", answer=None), "it abstains. From 24.00 on it would"),
            (planted_reading("Who?", "\x00", answer=None, threshold=math.inf), "no token .* no threshold changes"),
            (planted_reading("Who?", "Ada", answer="Ada", threshold=math.inf), "With a threshold of ∞ it answers"),
            (planted_reading("Who?", "Ada", answer="Ada", threshold=-math.inf), "With a threshold of −∞ it never answers"),
        ],
    )  # fmt: skip
    def test_says_what_would_change_the_decision(self, reading, sentence):
        title = plots.no_answer(reading).get_title(loc="left").replace("\n", " ")
        assert title.startswith("P(no answer) ")
        assert re.search(sentence, title)

    @pytest.mark.parametrize("threshold", [math.inf, -math.inf])
    def test_an_infinite_threshold_stands_at_the_end_of_the_line(self, threshold):
        ax = plots.no_answer(random_reading().with_threshold(threshold))
        end = ax.get_xlim()[threshold > 0]
        assert [x for ((x, _), _) in ax.collections[1].get_segments()] == [end]
        assert logit(threshold) in " ".join(texts(ax))


class TestWindows:
    def test_bars_cover_what_each_window_sees(self):
        reading = long_reading()
        ax = plots.windows(reading)
        wide = [bar for bar in ax.patches if bar.get_facecolor() != to_rgba(strokes.INK)]
        seen = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in wide]
        assert seen == [tuple(pair) for pair in reading.windows.char_ranges.tolist()]

    def test_margins_and_best_scores_are_each_windows_own(self):
        reading = long_reading()
        rows = window_rows(reading)
        assert [row.margin for row in rows] == pytest.approx(window_margins(reading.logits))
        said = texts(plots.windows(reading))
        for row in rows:
            assert logit(row.margin) in said
            assert logit(row.best.score) in said

    def test_names_the_window_of_the_answer_and_of_the_null_score(self):
        reading = random_reading(LONG, max_length=120, stride=30)
        rows = window_rows(reading)
        assert [row.number for row in rows if row.holds_best] == [reading.decision.best.window]
        assert [row.number for row in rows if row.gives_null] == [int(reading.spans.null_scores.argmin())]
        said = " ".join(texts(plots.windows(reading)))
        assert "answer" in said
        assert "null score" in said

    def test_of_very_many_those_that_matter_are_shown(self):
        reading = planted_reading("Who?", LONG, answer="Ada", max_length=24, stride=0)
        ax = plots.windows(reading)
        labels = [label.get_text() for label in ax.get_yticklabels()]
        assert len(labels) == 24 < len(reading.windows)
        assert f"window {reading.answer.window + 1}" in labels
        assert f"24 of {len(reading.windows)} windows" in ax.get_xlabel()


class TestLongTexts:
    def test_the_stretch_holds_the_best_span_and_says_which_tokens_it_shows(self):
        reading = long_reading()
        stretch = series.choose_stretch(reading)
        first, last = series.best_tokens(reading)
        assert len(stretch) == 120 < stretch.total
        assert stretch.first <= first <= last < stretch.stop
        assert f"of {stretch.total:,}" in plots.marginals(reading).get_xlabel()

    @pytest.mark.parametrize("seed", range(5))
    def test_no_other_stretch_with_the_best_span_holds_clearly_more(self, seed):
        reading = random_reading(LONG, seed=seed, max_length=120, stride=30)
        stretch = series.choose_stretch(reading)
        first, last = series.best_tokens(reading)
        mass = (token_axis(reading).start + token_axis(reading).end) / 2
        others = range(max(0, last - 119), min(first, stretch.total - 120) + 1)
        assert stretch.share >= max(mass[f : f + 120].sum() for f in others) - 0.011

    @pytest.mark.parametrize("plot", [plots.marginals, plots.span_map])
    def test_tokens_chooses_the_stretch(self, plot):
        ax = plot(long_reading(), tokens=(6, 45))
        assert ax.get_xlim() == (4.5, 44.5)
        assert "tokens 6–45 of" in ax.get_xlabel()

    def test_the_overview_shows_it_on_both_axes(self):
        above, _, below = plots.overview(long_reading(), tokens=(6, 45)).axes[:3]
        assert above.get_xlim() == below.get_xlim() == (4.5, 44.5)

    @pytest.mark.parametrize("tokens", [(5, 4), (-1, 4), (0, 4), (1, 10_000), (0.5, 4), 7, "ab", (1, 2, 3)])
    def test_refuses_tokens_that_the_text_does_not_have(self, tokens):
        with pytest.raises(InputError, match=r"tokens has to be a pair \(first, last\)"):
            plots.marginals(long_reading(), tokens=tokens)

    def test_a_short_text_is_shown_whole(self):
        assert plots.marginals(random_reading()).get_xlabel().startswith("all ")


class TestTextsWithoutASpan:
    @pytest.mark.parametrize("threshold", [0.0, math.inf, -math.inf])
    def test_are_drawn_and_say_so(self, threshold):
        reading = planted_reading("Who?", "\x00", answer=None, threshold=threshold)
        plots.overview(reading).savefig(io.BytesIO())
        assert "no span to show here" in texts(plots.span_map(reading))
        assert plots.marginals(reading).get_xlabel() == "the text has no token"
        assert [bar.get_width() for bar in plots.ranked_spans(reading).patches] == [1.0]
        assert "∞" in " ".join(texts(plots.windows(reading)))

    def test_spans_of_probability_zero_are_drawn(self):
        reading = planted_reading("Who?", TEXT, answer=None, strength=2000.0)
        plots.overview(reading, given_answer=False).savefig(io.BytesIO())
        assert "no span to show here" in texts(plots.span_map(reading, given_answer=False))


class TestLayout:
    @pytest.mark.parametrize("reading", [random_reading(), long_reading(), random_reading(HOSTILE)])
    def test_no_label_of_the_overview_is_cut(self, reading):
        figure = plots.overview(reading)
        figure.draw_without_rendering()
        page = figure.bbox.padded(1)
        for ax in figure.axes:
            box = ax.get_tightbbox()
            assert page.x0 <= box.x0
            assert page.y0 <= box.y0
            assert box.x1 <= page.x1
            assert box.y1 <= page.y1

    def test_words_keep_their_distance_and_order(self):
        places = series.spread([3.0, 3.0, 3.5, 9.0], 2.0, 0.0, 10.0)
        assert np.diff(places).min() >= 2.0
        assert places[0] >= 0.0
        assert places[-1] <= 10.0

    @pytest.mark.parametrize(
        ("context", "token", "word"),
        [
            ("the lighthouse, lit", (4, 7), "lighthouse"),
            ("the lighthouse, lit", (14, 15), ","),
            ("灯台は北の島", (0, 1), "灯"),
            ("a" * 50, (3, 5), "aa"),
        ],
    )
    def test_a_token_is_named_by_its_word(self, context, token, word):
        start, end = series.word_at(context, *token)
        assert context[start:end] == word
