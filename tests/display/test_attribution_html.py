"""An attribution as markup: the words with their values, the diagnostics, and any text in its place."""

import dataclasses
import math
import re
from itertools import pairwise

import numpy as np
import pytest
from planted_records import attribution_of, diagnostics, planted_attribution, planted_contrast
from test_html import ATTRIBUTES, HOSTILE, TAGS, WINDOWED, Page
from whole import whole

from qalens.display import notebook_html, to_html
from qalens.display.content.attribution import signed_bars, word_units
from qalens.display.html.element import shown
from qalens.display.html.parts import bars
from qalens.errors import InputError
from qalens.explain.attribution.record import FailedAttribution
from qalens.explain.words import Word
from qalens.testing import planted_reading
from qalens.text.examples import CharSpan
from qalens.text.graphemes import grapheme_starts
from qalens.text.windows import Role

TEXT = "Ada kept the lamp."
LONG = WINDOWED + "zed " + WINDOWED


def words_of(markup):
    """Each shaded word: its text with its number, the tip, the level of its colour in per cent, and the classes."""
    found = []
    for tag in re.findall(r'<span role="img"[^>]*>', markup):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        level = int(re.search(r"--v:(\d+)%", attributes.get("style", "--v:0%"))[1])
        found.append((attributes["aria-label"], attributes["title"], level, attributes["class"].split()[1:]))
    return found


def unfolded(page, section):
    """The text of the question (0) or the context (1), without the words that stand at a fold."""
    texts, inside = [], False
    for data, classes in page.pieces:
        if "ql-text" in classes:
            if not inside:
                texts.append("")
            texts[-1] += data
        inside = "ql-text" in classes
    return re.sub(r"… [\d,]+ characters …", "", texts[section])


def with_values(context, by_word, answer="Ada", **options):
    """An attribution whose words of the text have the given values, on their first token, and all others 0."""
    plain = planted_attribution(context, answer)
    values = np.zeros(len(plain.tokens))
    for word in plain.words:
        if word.role == Role.CONTEXT:
            values[word.tokens[0]] = by_word.get(word.span.of(context), 0.0)
    return planted_attribution(context, answer, values=values, **options)


# No text gets out of its place


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("view", [whole, to_html])
def test_a_hostile_text_adds_no_tag_and_no_attribute(view, hostile):
    page = Page(view(planted_attribution(hostile, "Ada", asked=f"Who? {hostile}")))
    assert set(page.tags) <= TAGS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    assert page.open == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_question_and_text_are_shown_as_they_are(hostile):
    page = Page(whole(planted_attribution(hostile, "Ada", asked=f"Who? {hostile}")))
    assert unfolded(page, 0) == shown(f"Who? {hostile}")
    assert unfolded(page, 1) == shown(hostile)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_character_that_html_forbids(hostile):
    page = to_html(planted_attribution(hostile, "Ada", asked=f"Who? {hostile}"))
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U0010ffff]", page)
    page.encode("utf-8")


def test_labels_hold_no_control_of_the_writing_direction():
    page = Page(whole(planted_attribution("\u202eAda\u2066 kept the lamp.", "Ada\u2066 kept")))
    labels = [data for data, classes in page.pieces if "ql-text" not in classes]
    labels += [value for name, value in page.attributes if name in ("title", "aria-label")]
    assert "Ada" in "".join(labels)
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", "".join(labels))


def test_a_word_of_ten_thousand_marks_stands_once_in_the_page():
    assert whole(planted_attribution("Ada" + "\u0301" * 10_000 + " kept it.")).count("\u0301") < 10_100


# Words and their values


def test_the_number_of_a_word_is_on_hover_and_in_its_accessible_name():
    markup = whole(with_values(TEXT, {"Ada": 2.0, "kept": -1.0, "lamp": 0.5}))
    names = {name for name, *_ in words_of(markup)}
    assert {"Ada +2.00", "kept −1.00", "lamp +0.50", "the 0.00"} <= names
    assert all(title.startswith(name) for name, title, *_ in words_of(markup))


def test_colours_are_linear_and_zero_has_none():
    found = {n.split()[0]: (level, c) for n, _, level, c in words_of(
        whole(with_values(TEXT, {"Ada": 2.0, "kept": -1.0, "lamp": 0.5}))
    )}  # fmt: skip
    assert found["Ada"] == (100, ["ql-v-for"])
    assert found["kept"] == (50, ["ql-v-against"])
    assert found["lamp"] == (25, ["ql-v-for"])
    assert found["the"] == (0, [])


def test_question_and_text_share_one_scale():
    attribution = planted_attribution(TEXT)
    most = max(abs(word.value) for word in attribution.by_word())
    levels = [level for _, _, level, _ in words_of(whole(attribution))]
    assert levels == [round(100 * abs(word.value) / most) for word in attribution.by_word()]


def test_every_number_is_that_of_the_record():
    attribution = planted_attribution("Ada kept the lantern by the ship.")
    told = [name for name, *_ in words_of(whole(attribution))]
    assert told == [
        f"{word.text} {'+' if word.value > 0 else '−'}{abs(word.value):.2f}" for word in attribution.by_word()
    ]


def test_the_tip_lists_the_tokens_of_a_word_in_pieces():
    attribution = planted_attribution("Ada lit it.")
    tips = {name.split()[0]: title for name, title, *_ in words_of(whole(attribution))}
    word = next(w for w in attribution.words if (w.role, w.span.start) == (Role.CONTEXT, 4))
    assert len(word.tokens) == 3
    pieces = tips["lit"].split("\n")[1].split(" · ")
    for piece, letter, token in zip(pieces, "lit", word.tokens, strict=True):
        value = attribution.values[token]
        assert piece == f"{letter} {'+' if value > 0 else '−'}{abs(value):.2f}"
    assert "\n" not in tips["Ada"]


def test_small_values_are_told_with_enough_digits():
    names = [name for name, *_ in words_of(whole(with_values(TEXT, {"Ada": 0.00345, "kept": -0.001})))]
    assert "Ada +0.00345" in names
    assert "kept −0.00100" in names


@pytest.mark.parametrize(
    "context",
    [
        "Ada kept e\u0301 👩‍🚀 👍🏽 🇫🇷 and क्षेत्र.",
        "\u1112\u1161\u11ab Ada 東京ﾊﾞ",
        "Ada" + "\u0301" * 40 + "x kept",
    ],
)
def test_words_cut_no_character_that_readers_see_as_one(context):
    attribution = planted_attribution(context, "Ada" if "Ada " in context else "kept")
    starts = grapheme_starts(context)
    units = word_units(attribution, Role.CONTEXT)
    assert all(starts[u.start] and starts[u.end] for u in units)
    assert all(a.end <= b.start for a, b in pairwise(units))
    words = [w for w in attribution.by_word() if w.role == Role.CONTEXT]
    assert sum(u.value for u in units) == pytest.approx(sum(w.value for w in words))
    assert sorted(t for u in units for t in u.tokens) == sorted(
        t for w in attribution.words if w.role == Role.CONTEXT for t in w.tokens
    )


def test_words_within_one_character_are_one_with_the_sum_of_their_values():
    context = "Ada 👩‍🚀 kept it."
    plain = planted_attribution(context)
    # A tokenizer with a token for each code point of the emoji: three words, which readers see as one.
    tokens = [t for w in plain.words if w.role == Role.CONTEXT for t in w.tokens]
    parts = tuple(Word(Role.CONTEXT, CharSpan(4 + k, 5 + k), (tokens[k],)) for k in range(3))
    units = word_units(dataclasses.replace(plain, words=parts), Role.CONTEXT)
    assert [(u.start, u.end, u.tokens) for u in units] == [(4, 7, tuple(tokens[:3]))]
    assert units[0].value == pytest.approx(plain.values[tokens[:3]].sum())


def test_the_strongest_words_stand_below_with_their_numbers():
    markup = whole(with_values(TEXT, {"Ada": 0.5, "kept": -1.0, "lamp": 2.0}))
    assert "lamptext+2.00kepttext−1.00Adatext+0.50" in Page(markup).text("ql-numbers")


def test_values_that_are_no_numbers_are_reported_and_not_drawn():
    attribution = with_values(TEXT, {"Ada": math.nan, "kept": -1.0, "lamp": math.inf})
    markup = whole(attribution)
    found = {name.split()[0]: (name, level, classes) for name, _, level, classes in words_of(markup)}
    assert found["Ada"] == ("Ada not a number", 0, ["ql-v-none"])
    assert found["lamp"] == ("lamp +∞", 0, ["ql-v-none"])
    assert found["kept"] == ("kept −1.00", 100, ["ql-v-against"])
    assert "2 of" in Page(markup).text("ql-warning")
    assert "nan" not in markup


def test_zeros_are_not_shaded_and_it_says_so():
    markup = whole(planted_attribution(TEXT, values=np.zeros(len(planted_attribution(TEXT).tokens))))
    assert all(level == 0 and not classes for _, _, level, classes in words_of(markup))
    assert "All values are 0" in markup


# What is explained, and how


def test_the_head_has_the_target_and_its_value():
    page = Page(whole(planted_attribution(TEXT, diagnostics=diagnostics(value=-7.5))))
    assert page.text("ql-question") == "What contributes to the score of “Ada”"
    assert page.text("ql-said") == "−7.50"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "integrated gradients, padding baseline · toy"),
        ({"baseline": "mean", "over": "question"}, "mean embedding baseline, over the question alone"),
        ({"method": "input_x_gradient", "baseline": None}, "input × gradient · toy"),
        ({"method": "layer_conductance", "layer": 4}, "layer conductance, layer 4, padding baseline"),
    ],
)
def test_method_and_baseline_are_named(changes, says):
    assert says in Page(whole(planted_attribution(TEXT, **changes))).text("ql-note")


def test_what_was_not_varied_is_held():
    page = Page(whole(planted_attribution(TEXT, over="question")))
    assert [d.strip() for d, c in page.pieces if "ql-h" in c][1] != "held as it is"
    assert "Text held as it is" in page.text("ql-h")


def test_the_explained_span_is_underlined():
    page = Page(whole(planted_attribution("Ada kept the lamp, by day.", "the lamp")))
    assert "".join(d for d, c in page.pieces if {"ql-best", "ql-text"} <= set(c)) == "the lamp"


def test_both_sides_of_a_contrast_are_marked_and_its_shares_told():
    attribution = planted_contrast()
    page = Page(whole(attribution))
    marked = {
        kind: "".join(d for d, c in page.pieces if {kind, "ql-text"} <= set(c))
        for kind in ("ql-best", "ql-rival")
    }
    assert marked == {"ql-best": "Ada", "ql-rival": "the lamp"}
    sums = page.text("ql-sums")
    for name, values in (("start", attribution.start_values), ("end", attribution.end_values)):
        total = values.sum()
        assert f"through {name} logits{'+' if total > 0 else '−'}{abs(total):.2f}" in sums


def test_no_answer_underlines_nothing():
    page = Page(whole(planted_attribution(TEXT, target="no_answer")))
    assert page.text("ql-best") == ""
    assert "logit of P(no answer)" in page.text("ql-question")


def test_sums_by_segment_and_by_part_are_told():
    attribution = planted_attribution(TEXT)
    parts = {"word": attribution.values.copy(), "position": 0.5 * attribution.values}
    both = dataclasses.replace(attribution, parts=parts)
    sums = Page(whole(both)).text("ql-sums")
    for name, segment in (("question", "question"), ("text", "context"), ("special tokens", "special")):
        total = attribution.by_segment()[segment]
        sign = "" if abs(total) < 0.005 else "+" if total > 0 else "−"
        assert f"{name}{sign}{abs(total):.2f}" in sums
    assert "position embedding" in sums
    assert "position embedding" not in Page(whole(attribution)).text("ql-sums")


def bars_of(markup):
    """(left, width) in per cent of each bar, and the zero lines."""
    found = re.findall(r'<i class="([\w -]+)" style="left:([\d.]+)%;width:([\d.]+)%', markup)
    drawn = [(float(left), float(width)) for class_, left, width in found if "ql-zero" not in class_]
    return drawn, {float(left) for class_, left, _ in found if "ql-zero" in class_}


def test_bars_go_from_one_zero_to_both_sides_by_their_size():
    drawn, zeros = bars_of(
        str(bars(signed_bars("", "", [[("question", 3.0), ("text", -1.0)], [("start", 1.5)]])))
    )
    assert zeros == {25.0}
    assert drawn == [(25.0, 75.0), (0.0, 25.0), (25.0, 37.5)]


# Diagnostics


def test_what_tells_whether_to_trust_is_always_there():
    said = Page(whole(planted_attribution(TEXT))).text("qalens")
    assert "8.00 at the input, 1.00 at the baseline: +7.00 logits to explain" in said
    assert "off by 2%: converged (≤ 5%)" in said
    assert "on 25% of the path from the baseline another span scores best" in said
    assert "mask 0.9, mean embedding 0.8, zero −0.3" in said
    assert "40% of all |values| on the span itself" in said
    assert "65 rows through the model" in said


def test_without_convergence_it_warns_in_words():
    page = Page(
        whole(planted_attribution(TEXT, diagnostics=diagnostics(completeness_error=2.3, converged=False)))
    )
    assert "Not converged: the values miss the change of the target by 230% of it" in page.text("ql-warning")
    assert "NOT CONVERGED (> 5%)" in page.text("ql-given")
    assert "ql-warning" not in whole(planted_attribution(TEXT)).partition("</style>")[2]


def test_what_there_is_not_is_said_as_well():
    plain = diagnostics(converged=None, other_span_share=None, agreement={}, answer_share=None)
    said = Page(whole(planted_attribution(TEXT, diagnostics=plain))).text("qalens")
    assert "this method does not promise that they fit" in said
    assert "this method follows no path" in said
    assert "not asked for (agreement=True does)" in said
    assert "not in this window" in said
    assert "converged (" not in said


def test_ranks_that_cannot_be_compared_are_said_to_be_none():
    said = Page(whole(planted_attribution(TEXT, diagnostics=diagnostics(agreement={"mask": math.nan})))).text(
        "qalens"
    )
    assert "mask none" in said


# Long texts


def test_of_a_long_text_what_the_window_does_not_see_is_folded_away():
    attribution = planted_attribution(LONG, "zed", max_length=64, stride=16)
    spans = [w.span for w in attribution.words if w.role == Role.CONTEXT]
    page = Page(whole(attribution))
    assert unfolded(page, 1) == LONG
    seen = page.text("ql-text", without=["ql-fold"])
    assert seen.endswith(LONG[spans[0].start : spans[-1].end])
    assert "zed" in seen
    assert len(seen) < len(LONG) / 2
    assert f"… {spans[0].start:,} characters …" in page.text("ql-fold")
    assert f"… {len(LONG) - spans[-1].end:,} characters …" in page.text("ql-fold")
    assert re.fullmatch(r"window \d+ of \d+", attribution.target.note)
    assert attribution.target.note in page.text("ql-note")


def test_a_hundred_thousand_characters_are_not_carried_along():
    context = "Ada kept the lamp of the room by day. " * 8_000 + "zed"
    reading = planted_reading("Who?", context, answer="zed", max_length=64, stride=0)
    assert len(whole(attribution_of(reading))) < 300_000


def test_blanks_around_a_text_are_not_folded():
    assert "ql-fold" not in whole(planted_attribution("  Ada kept it. \n")).partition("</style>")[2]


# Pages and failures


def test_the_page_stands_alone():
    page = to_html(planted_attribution(TEXT))
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert "score of “Ada” · Who kept it? · qalens" in page
    assert not re.search(r"\b(src|href|id)=", page)


def test_a_record_shows_itself():
    attribution = planted_attribution(TEXT)
    assert attribution._repr_html_() == notebook_html(attribution)


@pytest.mark.parametrize("given", [planted_reading("Who <b>?", TEXT, answer="Ada"), None, "<script>"])
def test_a_failed_attribution_says_why(given):
    page = Page(whole(FailedAttribution(given, InputError("Nothing <here> to explain."))))
    assert page.text("ql-failed") == "Not explained. Nothing <here> to explain."
    assert set(page.tags) <= TAGS
