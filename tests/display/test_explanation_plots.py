"""The plots of explanations draw the numbers of their records, any text, and nothing else."""

from __future__ import annotations

import io
import math
import unicodedata
from dataclasses import replace
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from planted_records import (
    diagnostics,
    planted_attribution,
    planted_contrast,
    planted_effects,
    planted_faithfulness,
    planted_flip,
    planted_heads,
    planted_sentences,
    planted_table,
    planted_trace,
    random_reading,
)

from qalens import plots
from qalens.display.plots import changes as changed_strokes
from qalens.display.plots import layers as inner_strokes
from qalens.display.plots import strokes
from qalens.display.plots.lettering import text_layout
from qalens.display.plots.lettering import words as explained_strokes
from qalens.display.plots.lettering.text_layout import DIVERGING, Piece
from qalens.display.style import LIGHT
from qalens.errors import InputError
from qalens.explain.attribution.record import FailedAttribution
from qalens.explain.counterfactual.difference import compare
from qalens.explain.faithfulness.method_comparison import Mean
from qalens.testing import planted_reading
from qalens.text.examples import CharSpan

TEXT = "Ada kept the lamp in the room, and Mary kept the lamp on the ship for a year."
LONG = " ".join(f"In year {n} the keeper kept the lamp on." for n in range(60)) + " Ada was the keeper."
HOSTILE = "The $5_000 \\frac{1}{2} lamp $x^{2 a_b %\n😀 灯台 שלום \u202e back\x07. So $1$ it\u0301 is."
ARABIC = "أدا أبقت المصباح في الغرفة (Tobias Venn) طوال الليل. " * 3


def difference_of(text):
    return compare(random_reading(text), random_reading(text.replace("a", "e"), seed=1))


RECORDS = {
    plots.attribution: lambda text: planted_attribution(text, None, "no_answer", asked=text[:40]),
    plots.attribution_words: lambda text: planted_attribution(text, None, "no_answer", asked=text[:40]),
    plots.logit_lens: lambda text: planted_trace(random_reading(text, question=text[:40])),
    plots.heads: lambda text: planted_heads(random_reading(text)),
    plots.difference: difference_of,
    plots.sentence_effects: lambda text: planted_effects(random_reading(text)),
    plots.smallest_sentences: lambda text: planted_sentences(random_reading(text)),
    plots.smallest_flip: lambda text: planted_flip(random_reading(text)),
    plots.faithfulness: lambda text: planted_faithfulness(random_reading(text)),
    plots.faithfulness_table: lambda text: planted_table(),
}
EVERY = pytest.mark.parametrize("plot", RECORDS, ids=lambda plot: plot.__name__)


@pytest.fixture(autouse=True)
def _settings_restored():
    with mpl.rc_context():
        mpl.use("Agg")
        yield


def flowing(ax, kind):
    """What of a kind is laid out within an axes when it is drawn."""
    return [part for flow in ax.artists for part in flow.get_children() if isinstance(part, kind)]


def texts(ax):
    """All that an axes says, in order."""
    ticks = [*ax.get_xticklabels(), *ax.get_xticklabels(minor=True), *ax.get_yticklabels()]
    own = [text.get_text() for text in (*ax.texts, *flowing(ax, Text))]
    return [
        *own,
        *(tick.get_text() for tick in ticks),
        ax.get_xlabel(),
        ax.get_ylabel(),
        ax.get_title(loc="left"),
    ]


def with_values(context, by_word, **options):
    """An attribution whose words of the text have the given values, and all others 0."""
    plain = planted_attribution(context)
    values = np.zeros(len(plain.tokens))
    for word in plain.words:
        if word.role.name == "CONTEXT":
            values[word.tokens[0]] = by_word.get(word.span.of(context), 0.0)
    return planted_attribution(context, values=values, **options)


class TestEveryPlot:
    @EVERY
    def test_draws_into_the_axes_it_is_given_and_changes_no_setting(self, plot):
        figure, ax = plt.subplots()
        before = dict(mpl.rcParams)
        assert plot(RECORDS[plot](TEXT), ax=ax) is ax
        assert dict(mpl.rcParams) == before
        assert plt.get_fignums() == [figure.number]

    @EVERY
    def test_makes_one_figure_of_its_own(self, plot):
        ax = plot(RECORDS[plot](TEXT))
        assert plt.get_fignums() == [ax.figure.number]
        assert ax.figure.get_size_inches()[0] == pytest.approx(6.4)

    @EVERY
    def test_draws_into_a_part_of_a_figure(self, plot):
        part = plt.figure(layout="constrained").subfigures(1, 2)[1]
        ax = part.subplots()
        assert plot(RECORDS[plot](LONG), ax=ax) is ax

    @EVERY
    def test_refuses_what_is_no_record_of_its_kind(self, plot):
        with pytest.raises(
            InputError, match=r"A plot needs an? \w+, as [\w.]+\(.*\) gives it, but got 'Ada'"
        ):
            plot("Ada")
        assert plt.get_fignums() == []

    @EVERY
    def test_refuses_what_is_no_axes(self, plot):
        with pytest.raises(InputError, match=r"ax has to be a matplotlib Axes.*but is 3"):
            plot(RECORDS[plot](TEXT), ax=3)

    @pytest.mark.parametrize("form", ["png", "svg", "pdf"])
    @EVERY
    def test_a_hostile_text_is_drawn_without_a_warning(self, plot, form):
        plot(RECORDS[plot](HOSTILE)).figure.savefig(io.BytesIO(), format=form)

    @EVERY
    def test_no_mathematics_is_read_into_a_text(self, plot):
        ax = plot(RECORDS[plot]("It costs $5_000 and $x^2$."))
        written = [
            *ax.texts,
            *flowing(ax, Text),
            ax.title,
            ax._left_title,
            *ax.get_yticklabels(),
            *ax.get_xticklabels(),
        ]
        assert not any(t.get_parse_math() for t in written if "$" in t.get_text())

    @pytest.mark.parametrize("text", [TEXT, LONG, HOSTILE, ARABIC])
    @EVERY
    def test_nothing_is_cut_off_in_a_figure_of_its_own(self, plot, text):
        ax = plot(RECORDS[plot](text))
        ax.figure.draw_without_rendering()
        page, box = ax.figure.bbox.padded(1.5), ax.get_tightbbox()
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1

    def test_a_failed_attribution_says_why(self):
        failed = FailedAttribution(None, InputError("no window holds it"))
        with pytest.raises(InputError, match="could not be explained: no window holds it"):
            plots.attribution(failed)


def words_drawn(ax):
    """The words of a text layout with their places: (text, x, y)."""
    return [(t.get_text(), *t.get_position()) for t in flowing(ax, Text)]


def grounds(ax):
    """The colours behind words: (x, y, colour) of each rectangle, the scale left out."""
    wide = [p for p in flowing(ax, Rectangle) if p.get_height() > 9]
    return [(p.get_x(), p.get_y(), p.get_facecolor()) for p in wide]


class TestAttribution:
    def test_every_word_is_there_in_its_order(self):
        drawn = [text for text, *_ in words_drawn(plots.attribution(planted_attribution(TEXT)))]
        words = [w.span.of(TEXT) for w in planted_attribution(TEXT).words if w.role.name == "CONTEXT"]
        at = drawn.index("Ada")
        assert drawn[at : at + len(words)] == words

    def test_colours_are_the_values_on_one_scale(self):
        ax = plots.attribution(with_values("Ada kept it.", {"Ada": 2.0, "kept": -1.0}))
        colours = [colour for *_, colour in grounds(ax)][-4:]
        assert colours == [pytest.approx(DIVERGING(level)) for level in (1.0, 0.25, 0.5, 0.5)]
        assert to_rgb(DIVERGING(0.5)) == pytest.approx((1, 1, 1), abs=0.01)

    def test_the_sign_is_a_line_above_or_below(self):
        ax = plots.attribution(with_values("Ada kept it.", {"Ada": 2.0, "kept": -1.0}))
        boxes = [p for p in flowing(ax, Rectangle) if p.get_height() > 9][-4:]
        edges = {
            to_rgba(line.get_color())[:3]: line.get_ydata()[0]
            for line in flowing(ax, Line2D)
            if line.get_alpha() in (1.0, 0.5)
        }
        assert edges[to_rgb(LIGHT["more"])] == pytest.approx(boxes[0].get_y())
        assert edges[to_rgb(LIGHT["less"])] == pytest.approx(boxes[1].get_y() + boxes[1].get_height())

    def test_values_that_are_no_numbers_have_no_colour(self):
        ax = plots.attribution(with_values("Ada kept it.", {"Ada": math.nan, "kept": -1.0}))
        assert len(grounds(ax)) == len(grounds(plots.attribution(planted_attribution("Ada kept it.")))) - 1
        ax.figure.savefig(io.BytesIO())

    def test_zeros_are_said(self):
        zeros = np.zeros(len(planted_attribution(TEXT).tokens))
        assert "all values are 0" in texts(plots.attribution(planted_attribution(TEXT, values=zeros)))

    def test_no_word_leaves_the_axes_and_no_two_overlap(self):
        ax = plots.attribution(planted_attribution(LONG, max_length=384))
        ax.figure.draw_without_rendering()
        size = max(t.get_size() for t in flowing(ax, Text))
        words = [t for t in flowing(ax, Text) if t.get_size() == size]
        boxes = [t.get_window_extent() for t in words]
        assert max(b.x1 for b in boxes) <= ax.bbox.x1 + 2
        lines: dict[int, list] = {}
        for t, box in zip(words, boxes, strict=True):
            lines.setdefault(round(t.get_position()[1]), []).append(box)
        assert len(lines) > 5
        for line in lines.values():
            assert all(a.x1 <= b.x0 + 2 for a, b in pairwise(line))

    def test_the_title_and_the_trust_are_there(self):
        said = "\n".join(
            texts(plots.attribution(planted_attribution(TEXT, diagnostics=diagnostics(value=-7.5))))
        )
        assert "score of “Ada” = −7.50\nintegrated gradients, padding baseline" in said
        assert "off by 2%: converged (≤ 5%)" in said
        assert "other span best on 25% of the path" in said
        assert "mask 0.9, mean 0.8" in said.replace("\n", " ")
        assert "40% on the answer" in said.replace("\n", " ")

    def test_without_convergence_it_warns_in_words(self):
        ax = plots.attribution(
            planted_attribution(TEXT, diagnostics=diagnostics(converged=False, completeness_error=0.3))
        )
        (warning,) = [t for t in flowing(ax, Text) if "NOT CONVERGED" in t.get_text()]
        assert warning.get_text().startswith("⚠")
        assert warning.get_weight() == "bold"

    def test_of_a_long_window_the_words_around_the_span_are_shown(self):
        attribution = planted_attribution(LONG, max_length=512, strength=20.0)
        drawn = [text for text, *_ in words_drawn(plots.attribution(attribution))]
        assert "Ada" in drawn
        assert drawn.count("…") >= 1
        assert any(text.startswith("words ") and "of this window" in text for text in drawn)

    def test_the_span_is_underlined_and_the_other_side_dotted(self):
        ax = plots.attribution(planted_contrast("Ada kept the lamp.", "Ada", "the lamp"))
        under = [line for line in flowing(ax, Line2D) if line.get_linewidth() == 1.8]
        placed = {text: x for text, x, _ in words_drawn(ax)}
        solid, *dotted = sorted(under, key=lambda line: line.get_linestyle())
        assert (solid.get_linestyle(), {line.get_linestyle() for line in dotted}) == ("-", {":"})
        assert solid.get_xdata()[0] == pytest.approx(placed["Ada"])
        # The blank between two words of the span is underlined too.
        assert dotted[0].get_xdata()[1] == pytest.approx(placed["lamp"], abs=0.5)

    def test_letters_get_smaller_where_there_is_little_room(self):
        sizes = []
        for inches in ((4, 2.6), (6, 8)):
            _, ax = plt.subplots(figsize=inches)
            plots.attribution(planted_attribution(LONG), ax=ax)
            sizes.append(max(t.get_size() for t in flowing(ax, Text)))
        assert sizes[0] < sizes[1]

    def test_lines_follow_the_axes_when_others_take_their_room(self):
        figure, (ax, other) = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
        plots.attribution(planted_attribution(LONG), ax=ax)
        before = words_drawn(ax)
        other.set_ylabel("x\n" * 20)
        figure.draw_without_rendering()
        assert words_drawn(ax) != before
        width, _ = text_layout.points(ax)
        assert max(x for text, x, _ in words_drawn(ax) if text in LONG.split()) < width

    def test_a_text_from_right_to_left_begins_on_the_right(self):
        attribution = planted_attribution("שלום עולם (Ada Venn) טוב", "Ada")
        placed = {text.strip("\u200f"): x for text, x, _ in words_drawn(plots.attribution(attribution))}
        assert placed["שלום"] > placed["עולם"] > placed["Venn"] > placed["Ada"] > placed["טוב"]


WORDS = tuple(Piece(word, None, True) for word in "Ada kept the lamp of the room".split())


class TestRibbon:
    @pytest.mark.parametrize("width", [60, 90, 200])
    def test_lines_fit_and_hold_every_word_once(self, width):
        found = text_layout.text_lines(WORDS, width, 10)
        assert [k for line in found.lines for k in line] == list(range(len(WORDS)))
        for line in found.lines:
            wide = sum(text_layout.text_width(WORDS[k].text) * 10 for k in line) + 3.2 * (len(line) - 1)
            assert wide <= width + 1e-6
        # No line could have taken the next word as well.
        for line, after in pairwise(found.lines):
            wide = sum(text_layout.text_width(WORDS[k].text) * 10 for k in (*line, after[0])) + 3.2 * len(
                line
            )
            assert wide > width

    def test_a_sign_stays_with_its_word(self):
        pieces = [Piece("Ada", None, True), Piece("lamp", None, False), Piece(",", None, True)]
        assert all((1 in line) == (2 in line) for line in text_layout.text_lines(pieces, 30, 10).lines)

    def test_signs_without_blanks_break_anywhere_but_before_a_full_stop(self):
        pieces = [Piece(c, None, False) for c in "灯台守は塔を登った。"]
        lines = text_layout.text_lines(pieces, 25, 10).lines
        assert len(lines) > 2
        assert not any(pieces[line[0]].text == "。" for line in lines)

    def test_widths_are_those_that_matplotlib_draws(self):
        figure = plt.figure(dpi=72)
        for text in map(text_layout.visible, ("lamp", "Ada Marlow", "灯台", "é")):
            drawn = figure.text(
                0, 0, text, size=40, fontfamily=strokes.lettering()["fontfamily"]
            ).get_window_extent()
            assert text_layout.text_width(text) * 40 == pytest.approx(drawn.width, abs=3)

    def test_brackets_look_the_other_way_and_foreign_words_keep_their_order(self):
        line = [
            Piece(t, None, b)
            for t, b in (
                ("שלום", True),
                ("(", False),
                ("Ada", False),
                ("!", True),
                ("Venn", False),
                (")", True),
            )
        ]
        placed = text_layout._in_reading_order(line, True)
        assert [p.text for p in placed] == ["שלום", "\u200f(", "Venn", "!", "Ada", "\u200f)"]
        assert [p.blank for p in placed] == [True, False, True, False, False, True]


class TestAttributionWords:
    def test_bars_are_the_largest_values_with_question_and_text_apart(self):
        attribution = planted_attribution(TEXT, asked="Who kept the lamp of the ship in the room?")
        ax = plots.attribution_words(attribution, k=12)
        top = attribution.top(12)
        expected = [w for w in top if w.role.name == "QUESTION"] + [
            w for w in top if w.role.name == "CONTEXT"
        ]
        assert [bar.get_width() for bar in ax.patches] == pytest.approx([w.value for w in expected])
        assert [t.get_text() for t in ax.get_yticklabels()] == [f"“{w.text}”" for w in expected]
        places = [bar.get_y() for bar in ax.patches]
        at = sum(w.role.name == "QUESTION" for w in expected)
        assert 0 < at < 12
        assert places[at] - places[at - 1] > 1.5
        assert {"question", "text"} <= set(texts(ax))

    def test_negative_values_are_striped(self):
        ax = plots.attribution_words(with_values("Ada kept it.", {"Ada": 2.0, "kept": -1.0}), k=2)
        assert [bar.get_facecolor() for bar in ax.patches] == [to_rgba(LIGHT["more"]), to_rgba("white")]
        assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, True]

    def test_numbers_stand_at_the_bars_and_trust_below(self):
        ax = plots.attribution_words(with_values("Ada kept it.", {"Ada": 2.0, "kept": -1.0}), k=2)
        assert {"+2.00", "−1.00"} <= set(texts(ax))
        assert "converged" in ax.get_xlabel()

    def test_no_number_is_no_bar(self):
        ax = plots.attribution_words(with_values("Ada kept it.", {"Ada": math.nan, "kept": -1.0}), k=99)
        assert "“Ada”" not in texts(ax)

    @pytest.mark.parametrize("k", [0, -1, 1.5, True, "8"])
    def test_refuses_a_k_that_is_no_number_of_words(self, k):
        with pytest.raises(InputError, match="k has to be a whole number from 1 on, but is"):
            plots.attribution_words(planted_attribution(TEXT), k=k)


class TestLens:
    def test_bars_of_a_layer_sum_to_one_and_are_its_probabilities(self):
        trace = planted_trace(random_reading(TEXT))
        ax = plots.logit_lens(trace)
        answer, other, none = ([bar.get_width() for bar in c] for c in ax.containers)
        assert answer == pytest.approx(trace.answer_probability)
        assert none == pytest.approx(trace.no_answer_probability)
        assert np.add(np.add(answer, other), none) == pytest.approx(1.0)
        assert [bar.get_x() for bar in ax.containers[2]] == pytest.approx(1 - trace.no_answer_probability)

    def test_margins_and_best_spans_stand_beside(self):
        trace = planted_trace(planted_reading("Who?", TEXT, answer="Ada"))
        said = texts(plots.logit_lens(trace))
        for margin, decision in zip(trace.margin, trace.decisions, strict=True):
            assert f"{margin:.2f}".replace("-", "−") in said
            quoted = f"“{decision.best.text}”"
            if len(quoted) < 22:
                assert (quoted if decision.answer else f"({quoted})") in said

    def test_a_gap_and_a_line_mark_where_something_settles(self):
        trace = planted_trace(planted_reading("Who?", TEXT, answer="Ada"))
        gaps = np.diff(inner_strokes.layer_places(trace))
        settles = {trace.answer_settles, trace.answerability_settles}
        assert [bool(g > 1) for g in gaps] == [layer in settles for layer in range(1, len(trace))]
        said = [t for t in texts(plots.logit_lens(trace)) if "settled" in t]
        assert len(said) == len(settles)

    def test_a_text_without_a_span_is_drawn(self):
        ax = plots.logit_lens(planted_trace(planted_reading("Who?", "\x00", answer=None)))
        ax.figure.savefig(io.BytesIO())
        assert "(none)" in texts(ax)


class TestHeads:
    def test_cells_are_the_changes_with_zero_white_in_the_middle(self):
        ablation = planted_heads(random_reading(TEXT))
        ax = plots.heads(ablation)
        mesh = ax.collections[0]
        assert np.ma.getdata(mesh.get_array()).ravel() == pytest.approx(ablation.change.ravel())
        assert (mesh.norm.vmin, mesh.norm.vmax) == (-2.0, 2.0)
        assert to_rgb(mesh.cmap(mesh.norm(0.0))) == pytest.approx((1, 1, 1), abs=0.01)
        # Green is a head that contributes positively: without it the target falls.
        assert to_rgb(mesh.cmap(mesh.norm(-2.0))) == pytest.approx(to_rgb(LIGHT["more"]), abs=0.01)

    def test_a_cell_stands_at_its_layer_and_head(self):
        ax = plots.heads(planted_heads(random_reading(TEXT)))
        ax.figure.draw_without_rendering()
        (strongest,) = [t for t in flowing(ax, Text) if t.get_text() == "−2.00"]
        width, height = text_layout.points(ax)
        assert strongest.get_position() == pytest.approx((1.5 * width / 3, 0.5 * height / 2))
        assert ax.get_ylim()[0] > ax.get_ylim()[1]
        assert "+1.00" in texts(ax)
        assert "+0.10" not in texts(ax)

    def test_the_three_strongest_are_framed(self):
        frames = plots.heads(planted_heads(random_reading(TEXT))).patches
        assert [(f.get_x() + 0.5, f.get_y() + 0.5) for f in frames] == [(2, 1), (2, 2), (3, 1)]

    @pytest.mark.parametrize(
        ("heads", "width", "numbered"), [(12, 6.4, True), (24, 6.4, False), (12, 3.2, False)]
    )
    def test_numbers_stand_only_where_cells_have_room_for_them(self, heads, width, numbered):
        many = np.random.default_rng(0).normal(0, 1, (6, heads))
        _, ax = plt.subplots(figsize=(width, 3))
        plots.heads(planted_heads(random_reading(TEXT), change=many), ax=ax)
        ax.figure.draw_without_rendering()
        assert bool(flowing(ax, Text)) == numbered

    @pytest.mark.parametrize("change", [((0.0, 0.0),), ((math.nan, 1.0),)])
    def test_zeros_and_what_is_no_number_are_drawn(self, change):
        plots.heads(planted_heads(random_reading(TEXT), change=change)).figure.savefig(io.BytesIO())


class TestDifference:
    def test_the_strip_is_the_change_of_inclusion(self):
        diff = compare(random_reading(TEXT), random_reading(TEXT, seed=1))
        up, down = (patch.get_data() for patch in plots.difference(diff).patches[:2])
        assert up.values + down.values == pytest.approx(diff.inclusion_change())
        assert up.values.min() >= 0 >= down.values.max()
        assert up.edges[0] == -0.5

    def test_no_answer_has_its_own_bar_on_the_same_scale(self):
        diff = compare(random_reading(TEXT), random_reading(TEXT, seed=1))
        ax = plots.difference(diff)
        assert ax.patches[-1].get_height() == pytest.approx(diff.no_answer_change)
        assert ax.patches[-1].get_x() > len(TEXT)
        assert "no\nanswer" in texts(ax)

    def test_the_title_says_what_became_of_the_answer(self):
        one, other = (planted_reading("Who?", TEXT, answer=a) for a in ("Ada", None))
        title = plots.difference(compare(one, other)).get_title(loc="left")
        assert title.splitlines()[0] == "“Ada” → no answer"
        assert "distance 1.00 of 1" in title

    def test_what_is_gone_is_hatched_and_what_is_new_a_post(self):
        one = planted_reading("Who?", "So Ada kept it on.", answer="Ada")
        other = planted_reading("Who?", "So Tobias kept it on.", answer="Tobias")
        ax = plots.difference(compare(one, other))
        (gone,) = [p for p in ax.patches if isinstance(p, Rectangle) and p.get_hatch() == "...."]
        assert gone.get_x() == pytest.approx(2.5)
        post = max(ax.lines, key=lambda line: line.get_linewidth())
        assert post.get_ydata() == pytest.approx([0, other.answer.probability], abs=1e-3)
        assert "+Tobias" in texts(ax)
        assert "Ada" in texts(ax)

    def test_of_a_long_text_the_stretch_with_the_change_is_shown(self):
        one = planted_reading("Who?", LONG, answer="Ada", max_length=120, stride=30)
        other = planted_reading("Who?", LONG, answer=None, max_length=120, stride=30)
        diff = compare(one, other)
        stretch = changed_strokes.stretch_of(diff, diff.inclusion_change())
        assert len(stretch) == 600 < stretch.total
        assert stretch.first <= one.answer.span.start < one.answer.span.end <= stretch.stop
        assert (
            f"of {len(LONG):,} before, with 99%" in plots.difference(diff).get_xlabel()
            or "100%" in stretch.label
        )

    def test_the_same_reading_twice_is_drawn(self):
        reading = random_reading(TEXT)
        plots.difference(compare(reading, reading)).figure.savefig(io.BytesIO())


class TestSentenceEffects:
    SENTENCES = "Ada kept the lamp. Tom slept by the door. It was day."

    def effects(self, answer="Ada"):
        return planted_effects(
            random_reading(self.SENTENCES)
            if answer is None
            else planted_reading("Who?", self.SENTENCES, answer=answer)
        )

    def test_bars_are_the_effects(self):
        effects = self.effects()
        answer, none = ([bar.get_width() for bar in c] for c in plots.sentence_effects(effects).containers)
        assert answer == pytest.approx(effects.answer_effect)
        assert none == pytest.approx(effects.no_answer_effect)

    def test_the_sentence_of_the_answer_is_bold(self):
        labels = plots.sentence_effects(self.effects()).get_yticklabels()
        assert [label.get_fontweight() for label in labels] == ["bold", "normal", "normal"]
        assert labels[0].get_text() == "1  Ada kept the lamp."

    def test_what_is_said_to_each_alone_stands_beside(self):
        effects = planted_effects(
            planted_reading("Who?", self.SENTENCES, answer="Ada"),
            lambda text: planted_reading("Who?", text, answer="Tom" if "Tom" in text else None),
        )
        said = texts(plots.sentence_effects(effects))
        assert said.count("no answer") >= 2
        assert "“Tom”" in said

    def test_of_very_many_those_with_the_largest_effects_are_shown(self):
        text = " ".join(f"In year {n} it was day." for n in range(30)) + " Ada kept it."
        effects = planted_effects(
            planted_reading("Who?", text, answer="Ada"), lambda t: planted_reading("Who?", t, answer=None)
        )
        rows = changed_strokes.sentences_to_show(effects)
        assert len(rows) == 20
        assert 30 in rows
        assert "20 of 31 sentences" in plots.sentence_effects(effects).get_xlabel()

    def test_a_sentence_that_could_not_be_dropped_is_drawn(self):
        effects = planted_effects(planted_reading("Who?", "Ada kept the lamp.", answer="Ada"))
        assert np.isnan(effects.answer_effect).all()
        plots.sentence_effects(effects).figure.savefig(io.BytesIO())


class TestFaithfulness:
    def test_curves_are_those_of_the_record(self):
        tested = planted_faithfulness(random_reading(TEXT))
        _, deletion, insertion = plots.faithfulness(tested).lines[:3]
        assert deletion.get_xydata() == pytest.approx(np.stack([tested.steps, tested.deletion], 1))
        assert insertion.get_xydata() == pytest.approx(np.stack([tested.steps, tested.insertion], 1))
        assert deletion.get_linestyle() != insertion.get_linestyle()

    def test_areas_and_scores_are_told(self):
        tested = planted_faithfulness(random_reading(TEXT))
        ax = plots.faithfulness(tested)
        legend = [t.get_text() for t in ax.get_legend().get_texts()]
        assert f"area +{tested.deletion_area:.2f}, less is better" in legend[1]
        assert "comprehensiveness +2.00, random +0.50 ± 0.50, z = +3.0, normalised 0.90" in ax.get_xlabel()

    def test_intervals_are_those_of_the_table(self):
        table = planted_table()
        lines = plots.faithfulness_table(table).lines
        drawn = [tuple(line.get_xdata()) for line in lines if len(line.get_xdata()) == 2]
        expected = [
            (mean.low, mean.high)
            for row in table.rows
            for mean in (row.comprehensiveness_z, row.sufficiency_z)
        ]
        assert [pair for pair in drawn if pair in expected] == expected

    def test_a_mean_that_is_no_number_is_left_out(self):
        nan = Mean(math.nan, math.nan, math.nan)
        table = planted_table()
        rows = tuple(replace(row, comprehensiveness_z=nan) for row in table.rows)
        plots.faithfulness_table(replace(table, rows=rows)).figure.savefig(io.BytesIO())


def test_every_plot_of_an_explanation_is_public():
    assert {plot.__name__ for plot in RECORDS} <= set(plots.__all__)
    assert all(getattr(plots, name) for name in plots.__all__)


def test_the_hostile_text_is_as_hostile_as_it_should_be():
    categories = {unicodedata.category(c) for c in HOSTILE}
    assert {"Cc", "Cf", "So", "Lo", "Mn"} <= categories


def test_the_most_words_are_those_of_the_documentation():
    assert f"{explained_strokes.MOST_WORDS} words" in plots.attribution.__doc__


class TestTheSmallestChanges:
    def test_the_kept_sentence_is_green_with_a_line_above(self):
        ax = plots.smallest_sentences(planted_sentences(planted_reading("Who?", TEXT, answer="Ada")))
        shaded = grounds(ax)
        assert [colour for *_, colour in shaded] == [pytest.approx(DIVERGING(1.0))] * 4  # Ada kept the lamp
        first = {text: x for text, x, _ in reversed(words_drawn(ax))}
        assert [x for x, *_ in shaded] == [first[word] for word in ("Ada", "kept", "the", "lamp")]
        assert "1 of 1 sentence is enough" in ax.get_title(loc="left")
        assert any(
            "It is proven that no smaller set does it. 7 readings spent." in text for text in texts(ax)
        )

    @pytest.mark.parametrize(("where", "word"), [("context", "Ada"), ("question", "Who")])
    def test_masked_words_are_purple_in_the_text_or_in_the_question(self, where, word):
        reading = planted_reading("Who kept it?", TEXT, answer="Ada")
        ax = plots.smallest_flip(planted_flip(reading, where=where))
        ((x, _, colour),) = grounds(ax)
        assert colour == pytest.approx(DIVERGING(0.0))
        assert word in [text for text, at, _ in words_drawn(ax) if at == x]
        said = "\n".join(texts(ax))
        assert "Masking 1 word flips the decision" in said
        assert "A smaller set may do it: not all were read. 9 readings spent." in said

    def test_where_nothing_flips_nothing_is_shaded(self):
        reading = planted_reading("Who?", TEXT, answer="Ada")
        ax = plots.smallest_flip(planted_flip(reading, words=(), diff=None, proven=True))
        assert grounds(ax) == []
        assert (
            ax.get_title(loc="left").splitlines()[0] == "No words were found whose masking flips the decision"
        )
        assert "→" not in ax.get_title(loc="left")
        assert not any("masked" in text for text in texts(ax))

    def test_of_a_long_text_the_words_around_the_marked_ones_are_shown(self):
        reading = planted_reading("Who?", LONG, answer="Ada")
        at = LONG.index("Ada")
        ax = plots.smallest_flip(planted_flip(reading, words=(CharSpan(at, at + 3),)))
        drawn = [text for text, *_ in words_drawn(ax)]
        assert "Ada" in drawn
        assert "…" in drawn
        assert len(grounds(ax)) == 1
