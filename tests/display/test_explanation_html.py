"""The views of layers, heads, changes, sentences and faithfulness as markup: their numbers, and any text in its place."""

import html
import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from planted_records import (
    planted_attribution,
    planted_effects,
    planted_faithfulness,
    planted_flip,
    planted_heads,
    planted_sentences,
    planted_table,
    planted_trace,
    random_reading,
)
from test_html import ATTRIBUTES, HOSTILE, TAGS, Page, _luminance, lone_selectors
from whole import whole

from qalens.display import content_of
from qalens.display.content.sentences import contributions
from qalens.display.folds import ranges_around
from qalens.display.html.element import shown
from qalens.display.parts import Cells, Chart, Table, words
from qalens.display.text_flow import flow, steady
from qalens.errors import InputError
from qalens.explain.counterfactual.difference import ReadingDiff, compare
from qalens.explain.counterfactual.effects import sentence_effects
from qalens.explain.faithfulness.masking_test import Score
from qalens.readings.reading import FailedReading, Source
from qalens.testing import planted_reading
from qalens.text.examples import CharSpan
from qalens.text.graphemes import grapheme_starts

TEXT = "Ada kept the lamp. Tom slept by the door, and it was day. Who lit it?"
MORE_TAGS = {"del", "ins", "u", "circle"}
MORE_ATTRIBUTES = {"fill-opacity"}


def changed(text):
    """A text whose second half is another one."""
    return text[: len(text) // 2] + " zed and more. " + text[len(text) // 2 + 3 :]


VIEWS = {
    "layers": lambda text: whole(planted_trace(random_reading(text, question=text))),
    "heads": lambda text: whole(planted_heads(random_reading(text, question=text))),
    "difference": lambda text: whole(compare(random_reading(text), random_reading(changed(text), seed=1))),
    "sentences": lambda text: whole(planted_effects(random_reading(text))),
    "smallest sentences": lambda text: whole(planted_sentences(random_reading(text))),
    "smallest flip": lambda text: whole(planted_flip(random_reading(text))),
    "faithfulness": lambda text: whole(planted_faithfulness(random_reading(text))),
    "table": lambda text: whole(planted_table()),
}


# Every view


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("view", VIEWS.values(), ids=list(VIEWS))
def test_a_hostile_text_adds_no_tag_and_no_attribute(view, hostile):
    markup = view(hostile)
    page = Page(markup)
    assert set(page.tags) <= TAGS | MORE_TAGS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES | MORE_ATTRIBUTES
    assert page.open == []
    assert not re.search(
        "[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U0010ffff]", markup
    )
    labels = "".join(d for d, c in page.pieces if "ql-text" not in c)
    labels += "".join(value for name, value in page.attributes if name in ("title", "aria-label"))
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", labels)


@pytest.mark.parametrize("view", VIEWS.values(), ids=list(VIEWS))
def test_a_view_is_one_figure_with_its_styles_and_no_ids(view):
    markup = view(TEXT)
    assert markup.startswith("<style>")
    assert markup.count("<figure") == 1
    assert not re.search(r"\b(src|href|id|on\w+)=", markup.partition("</style>")[2])


def test_all_styles_stand_under_one_class_and_ask_for_nothing():
    assert lone_selectors(VIEWS["layers"](TEXT))


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("back", ["for", "against"])
def test_letters_stand_out_from_the_fullest_colours(back, theme):
    css = whole(planted_attribution())
    palette = {m[1]: (m[2], m[3]) for m in re.finditer(r"--ql-(\w+): light-dark\((#\w{6}), (#\w{6})\)", css)}
    high, low = sorted((_luminance(palette[name][theme]) for name in ("ink", back)), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5


# Layers


def rows_of(markup):
    """The cells of each row of a table, as text."""
    body = markup.partition("<tbody>")[2]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]
    return [[html.unescape(re.sub("<[^>]+>", "", cell)) for cell in row] for row in cells]


def test_every_layer_has_its_numbers_and_its_own_best_span():
    trace = planted_trace(planted_reading("Who?", TEXT, answer="Ada"))
    rows = [row for row in rows_of(whole(trace)) if len(row) > 1]
    assert len(rows) == len(trace)
    for layer, (name, _, answer, none, margin) in enumerate(rows):
        assert name.startswith("embeddings" if layer == 0 else f"layer {layer}")
        for told, probability in (
            (answer, trace.answer_probability[layer]),
            (none, trace.no_answer_probability[layer]),
        ):
            assert told in ("<0.001", ">0.999", f"{probability:.3f}")
        assert float(margin.replace("−", "-")) == pytest.approx(trace.margin[layer], abs=6e-3)


def test_the_layers_at_which_something_settles_are_marked():
    reading = planted_reading("Who?", TEXT, answer="Ada")
    trace = planted_trace(reading)
    assert trace.answer_settles == 3
    rows = rows_of(whole(trace))
    marked = {rows[k + 1][0].split(" “")[0]: row[0] for k, row in enumerate(rows) if len(row) == 1}
    settles = {"best span": trace.answer_settles, "whether there is": trace.answerability_settles}
    for what, layer in settles.items():
        assert [name for name, said in marked.items() if what in said] == [
            "embeddings" if layer == 0 else f"layer {layer}"
        ]


def test_a_bar_is_split_by_the_probabilities():
    trace = planted_trace(planted_reading("Who?", TEXT, answer="Ada", strength=1.0))
    (table,) = content_of(trace).of(Table)
    bars = [row.cells[1].bar for row in table.rows if row.kind != "line"]
    assert [answer.width for answer, _ in bars] == pytest.approx(100 * trace.answer_probability)
    assert [none.width for _, none in bars] == pytest.approx(100 * trace.no_answer_probability)
    assert {(answer.tone, none.tone, none.striped) for answer, none in bars} == {("answer", "none", True)}
    # One of the two probabilities, and one of the margin.
    assert whole(trace).count('class="ql-bar"') == 2 * len(trace)


def test_a_text_without_a_span_has_layers_too():
    assert "no span" in whole(planted_trace(planted_reading("Who?", "\x00", answer=None)))


# Heads


def test_every_head_has_its_cell_with_its_number():
    ablation = planted_heads(random_reading(TEXT))
    titles = re.findall(r'title="(layer [^"]*)"', whole(ablation))
    assert titles == [
        f"layer {row + 1}, head {head + 1}: {5 + change:.2f} without it, "
        f"{'' if not change else '+' if change > 0 else '−'}{abs(change):.2f}"
        for row, changes in enumerate(ablation.change.tolist())
        for head, change in enumerate(changes)
    ]


def test_the_colour_of_a_head_is_its_share_of_the_largest_change():
    cells = re.findall(
        r'class="ql-cell (ql-x-\w+)" style="[^"]*opacity:([\d.]+)"',
        whole(planted_heads(random_reading(TEXT))),
    )
    assert [float(level) for _, level in cells] == [0, 1, 0.25, 0.05, 0.5, 0.12]
    assert [kind for kind, _ in cells][1:5] == ["ql-x-for", "ql-x-against", "ql-x-against", "ql-x-against"]


def test_strong_heads_carry_their_sign_and_are_named():
    page = Page(whole(planted_heads(random_reading(TEXT))))
    assert [d for d, c in page.pieces if {"ql-on", "ql-ink"} & set(c)] == ["−", "+", "+"]
    assert "layer 1 head 2−2.00layer 2 head 2+1.00layer 1 head 3+0.50" in page.text("ql-numbers")


def test_heads_that_are_no_numbers_are_told_and_not_drawn():
    ablation = planted_heads(random_reading(TEXT), change=((math.nan, 1.0),))
    markup = whole(ablation)
    assert "layer 1, head 1: not a number" in markup
    assert content_of(ablation).of(Cells)[0].levels[0][0] == 0
    assert "nan" not in markup


# Changes


def test_the_flow_holds_both_texts():
    diff = compare(random_reading(TEXT), random_reading(changed(TEXT)))
    parts = flow(diff)
    before = "".join(TEXT[p.start : p.end] for p in parts if p.kind != "new")
    after = "".join(
        changed(TEXT)[p.start : p.end] if p.kind == "new" else TEXT[p.start : p.end]
        for p in parts
        if p.kind != "gone"
    )
    assert (before, after) == (TEXT, changed(TEXT))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("cafe\u0301 x", "cafe x"),
        ("x cafe", "x cafe\u0301"),
        ("a 👩‍🚀 b", "a 👩 b"),
        ("🇫🇷🇩🇪", "🇫🇷🇪🇸"),
        ("x", "y"),
    ],
)
def test_no_change_cuts_a_character_that_readers_see_as_one(before, after):
    one, other = planted_reading("Who?", before, answer=None), planted_reading("Who?", after, answer=None)
    # Aligned character by character, as no sound alignment would: the worst there can be.
    same = [a == b for a, b in zip(before, after, strict=False)]
    places = np.array([k if k < len(same) and same[k] else -1 for k in range(len(before))])
    for part in flow(ReadingDiff(one, other, places)):
        starts = grapheme_starts(after if part.kind == "new" else before)
        assert starts[part.start]
        assert starts[part.end]


def test_what_is_gone_is_struck_and_what_is_new_underlined():
    one, other = (planted_reading("Who?", f"Once {name} kept it.", answer=name) for name in ("Ada", "Tobias"))
    markup = whole(compare(one, other))
    gone, new = (
        re.sub("<[^>]+>", "", re.search(f"<{tag}>(.*?)</{tag}>", markup, re.S)[1]).strip()
        for tag in ("del", "ins")
    )
    assert (gone, new) == ("Ada", "Tobias")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_same_text_is_shown_once(hostile):
    one, other = random_reading(hostile), random_reading(hostile, seed=1)
    assert Page(whole(compare(one, other))).text("ql-text") == shown(hostile)


def test_characters_are_shaded_by_the_change_of_their_chances():
    one, other = (planted_reading("Who?", "Ada kept it.", answer=a, strength=3.0) for a in ("Ada", "it"))
    diff = compare(one, other)
    change = diff.inclusion_change()
    names = re.findall(r'aria-label="(\S+) ([+−][\d.]+)"', whole(diff))
    found = {text: float(number.replace("−", "-")) for text, number in names}
    assert found["Ada"] == pytest.approx(change[0], abs=0.0051)
    assert found["it"] == pytest.approx(change[9], abs=0.0051)


def test_chances_do_not_differ_within_a_character():
    values = steady(np.array([0.1, -0.5, 0.2]), "e\u0301a")
    assert values.tolist() == [-0.5, -0.5, 0.2]


def test_probabilities_are_told_before_and_after():
    one = planted_reading("Who?", "Ada kept it.", answer="Ada", strength=2.0)
    other = planted_reading("Who?", "So Ada had it.", answer="it", strength=2.0)
    rows = {row[0]: row[1:] for row in rows_of(whole(compare(one, other)))}
    assert [float(x) for x in rows["P(no answer)"][:2]] == pytest.approx(
        [one.no_answer_probability, other.no_answer_probability], abs=6e-4
    )
    then = other.spans.find(3, 6).probability
    assert [float(x) for x in rows["P(“Ada”)"][:2]] == pytest.approx([one.answer.probability, then], abs=6e-4)
    change = then - one.answer.probability
    assert float(rows["P(“Ada”)"][2].replace("−", "-")) == pytest.approx(change, abs=0.0051)
    assert change < -0.1
    earlier = one.spans.find(9, 11).probability
    assert [float(x) for x in rows["P(“it”)"][:2]] == pytest.approx(
        [earlier, other.answer.probability], abs=6e-4
    )


def test_an_answer_that_one_text_lacks_has_no_number_there():
    one = planted_reading("Who?", "Ada kept it.", answer="Ada")
    other = planted_reading("Who?", "Tom kept it.", answer="Tom")
    rows = {row[0]: row[1:] for row in rows_of(whole(compare(one, other)))}
    assert rows["P(“Ada”)"][1:] == ["–", "–"]
    assert (rows["P(“Tom”)"][0], rows["P(“Tom”)"][2]) == ("–", "–")


def test_an_answer_that_bridges_what_is_gone_was_not_there_before():
    one = planted_reading("Who?", "So Ada once kept it.", answer="So")
    other = planted_reading("Who?", "So Ada kept it.", answer="Ada kept")
    rows = {row[0]: row[1:] for row in rows_of(whole(compare(one, other)))}
    assert rows["P(“Ada kept”)"][0] == "–"


def test_two_questions_and_two_models_are_named():
    one = replace(planted_reading("Who?", TEXT, answer="Ada"), source=Source("one <b>", "1"))
    other = replace(planted_reading("Why?", TEXT, answer=None), source=Source("other", "2"))
    page = Page(whole(compare(one, other)))
    assert page.text("ql-question") == "Who? → Why?"
    assert page.text("ql-said") == "“Ada” → no answer"
    assert "one <b> → other" in page.text("ql-note")


def test_of_a_long_text_only_the_surroundings_of_changes_are_shown():
    filler = "Ada kept the lamp of the room by day. " * 400
    one, other = (
        planted_reading("Who?", f"{filler}{name} lit it. {filler}", answer=name) for name in ("zed", "Tom")
    )
    page = Page(whole(compare(one, other)))
    seen = page.text("ql-text", without=["ql-fold"])
    assert "zed" in seen
    assert "Tom" in seen
    assert len(seen) < 3_000
    text = re.sub(r"… [\d,]+ characters? …", "", page.text("ql-text"))
    assert len(text) == len(one.context) + sum(
        p.end - p.start for p in flow(compare(one, other)) if p.kind == "new"
    )


# Sentences


def effects_of(answer="Ada"):
    reading = planted_reading("Who?", TEXT, answer=answer)
    return planted_effects(
        reading, lambda text: planted_reading("Who?", text, answer="Ada" if "Ada" in text else None)
    )


def test_what_a_sentence_adds_is_what_is_lost_without_it():
    effects = effects_of()
    assert contributions(effects) == pytest.approx(
        [effects.reading.answer.probability - p for p in effects.without.answer_probability]
    )
    none = effects_of(None)
    assert contributions(none) == pytest.approx(
        [none.reading.no_answer_probability - p for p in none.without.no_answer_probability]
    )


def test_sentences_are_shaded_by_what_they_add():
    names = re.findall(r'aria-label="([^"]+)" title="([^"]*)" class="([^"]+)"', whole(effects_of()))
    assert names[0][0] == "Ada kept the lamp. +1.00"
    assert names[0][2] == "ql-v ql-v-for"
    assert "without it: no answer" in names[0][1]
    assert "alone: “Ada”" in names[0][1]
    assert [name.rpartition(" ")[2] for name, *_ in names[1:]] == ["0.00", "0.00"]


def test_the_table_has_the_sentence_of_the_answer_in_bold():
    markup = whole(effects_of())
    rows = rows_of(markup)
    assert rows[0][0] == "Ada kept the lamp."
    assert rows[0][1] == "+1.00"
    assert re.findall(r'<tr class="ql-taken"><td><bdi dir="auto">([^<]+)', markup) == ["Ada kept the lamp."]


def test_a_sentence_that_could_not_be_dropped_is_told():
    reading = planted_reading("Who?", "Ada kept the lamp.", answer="Ada")
    markup = whole(sentence_effects(reading, lambda edits: planted_effects_of_one(reading, edits)))
    assert "not read" in markup
    assert "nan" not in markup


def planted_effects_of_one(reading, edits):
    for _, readable in zip(edits, (False, True), strict=True):
        yield reading if readable else FailedReading(("Who?", ""), InputError("Nothing is left."))


def test_the_fewest_sentences_are_underlined_with_what_is_said_to_them():
    page = Page(whole(planted_sentences(planted_reading("Who?", TEXT, answer="Ada"))))
    assert "".join(d for d, c in page.pieces if "ql-best" in c) == "Ada kept the lamp."
    said = page.text("qalens")
    assert "1 sentence (18 of 69 characters) is enough to say this" in said
    assert "Then it says: “Ada”" in said
    assert "It is proven that no smaller set does it. 7 readings spent." in said


@pytest.mark.parametrize(("where", "text"), [("context", TEXT), ("question", "Who kept it?")])
def test_the_words_that_flip_are_underlined_where_they_stand(where, text):
    page = Page(whole(planted_flip(random_reading(TEXT), where=where)))
    assert page.text("ql-text") == text
    assert "".join(d for d, c in page.pieces if "ql-best" in c) == text[:3]
    assert "Masking 1 word flips the decision" in page.text("qalens")
    assert "A smaller set may do it" in page.text("qalens")


def test_no_flip_is_said():
    none = planted_flip(random_reading(TEXT), words=(), diff=None, proven=True)
    page = Page(whole(none))
    assert "No words were found whose masking flips the decision" in page.text("qalens")
    assert "Then it says" not in page.text("qalens")


def test_shown_ranges_hold_what_is_wanted_and_do_not_touch():
    text = "Ada kept the lamp of the room. " * 2_000
    wanted = [CharSpan(0, 5), CharSpan(20_000, 20_030), CharSpan(20_300, 20_310), CharSpan(61_990, 62_000)]
    ranges = ranges_around(text, wanted, 0, len(text), whole=6_000, around=500, near=400)
    assert all(any(r.start <= w.start and w.end <= r.end for r in ranges) for w in wanted)
    assert len(ranges) == 3
    assert all(a.end < b.start for a, b in pairwise(ranges))
    assert sum(map(len, ranges)) < 5_000


# Faithfulness


def test_the_curves_run_through_their_values():
    tested = planted_faithfulness(random_reading(TEXT))
    (chart,) = content_of(tested).of(Chart)
    for tone, values in (("less", tested.deletion), ("more", tested.insertion)):
        dots = [(dot.x, dot.y) for dot in chart.dots if dot.tone == tone]
        (curve,) = (curve for curve in chart.curves if curve.tone == tone)
        assert dots == list(zip(tested.steps.tolist(), values.tolist(), strict=True))
        assert list(zip(curve.x, curve.y, strict=True)) == dots
    assert f"area +{tested.insertion_area:.2f}" in whole(tested)


def test_scores_stand_beside_chance():
    rows = rows_of(whole(planted_faithfulness(random_reading(TEXT))))
    assert rows[0] == [
        "comprehensiveness, more is better",
        "+2.00",
        "+0.50 ± 0.50",
        "+3.0 ± 0.2, p 0.005",
        "0.90",
    ]
    assert rows[1] == ["sufficiency, less is better", "+0.38", "+1.00 ± 0.25", "+2.5 ± 0.1, p 0.010", "0.80"]


def test_scores_that_nothing_can_be_said_of_are_dashes():
    alike = planted_faithfulness(
        random_reading(TEXT), comprehensive=Score(0.0, 0.0, 0.0, math.nan, math.nan, 1.0, 0.0, 0.0, 20)
    )
    markup = whole(alike)
    assert rows_of(markup)[0][3:] == ["–", "–"]
    assert "nan" not in markup


def test_methods_stand_with_their_intervals_and_chance_is_named():
    rows = rows_of(whole(planted_table()))
    assert rows[0] == ["integrated gradients", "+4.0 [+2.0, +5.0] ", "+1.5 [+0.5, +2.5] "]
    assert rows[1][0] == "occlusion of words ≈ chance"
    measures = content_of(planted_table()).of(Table)[0]
    assert [words(cell.text) + words(cell.small) for cell in measures.rows[0].cells[1:4]] == [
        "+2.00 [+1.00, +3.00]",
        "2.00 [1.00, 3.00]",
        "+2.00 [+1.00, +3.00]",
    ]


def test_what_was_left_out_is_told_with_its_reason():
    said = Page(whole(planted_table())).text("qalens")
    assert "1 reading left out for all methods" in said
    assert "reading 4<b>There</b> is no span." in said
