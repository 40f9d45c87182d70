"""The still views as markup: what stands in them, what never may, and that no text gets out of its place."""

import dataclasses
import itertools
import math
import re
import time
from html.parser import HTMLParser

import numpy as np
import pytest
from whole import whole

from qalens.display import to_html
from qalens.display.content.span_groups import groups, rival
from qalens.display.content.token_axis import Scale, TokenPicture, stretches, token_axis
from qalens.display.content.windows import null_window
from qalens.display.folds import passage, shown_ranges
from qalens.display.html.decision_line import decision_line
from qalens.display.html.element import element, join, shown
from qalens.display.labels import clip, clip_middle
from qalens.display.parts import DecisionLine
from qalens.display.style import PALETTE
from qalens.display.wording import decision_sentence
from qalens.errors import InputError
from qalens.readings.reading import FailedReading
from qalens.spans.decision import decide
from qalens.spans.distribution import SpanLogits, span_distribution
from qalens.spans.per_window import window_margins
from qalens.testing import planted_reading
from qalens.text.examples import CharSpan, Example
from qalens.text.graphemes import grapheme_starts

HOSTILE = [
    "<script>alert(1)</script> Ada kept the lamp.",
    'Ada" onmouseover="alert(1)" x="',
    "Ada' onload='alert(1)",
    "</title></style></svg></figure><img src=x onerror=alert(1)> Ada",
    "<!-- Ada --><![CDATA[ Ada ]]>&lt;b&gt;&amp;#0; Ada",
    "\u202eAda kept\u202c \u2066the\u2069\u2069 lamp.",
    "Ada" + "\u0301" * 10_000 + " kept the lamp.",
    "Ada\0 kept\x01\x1f\x7f\x85 the\ufffe lamp\ufdd0.\x0b\x0c",
    "Ada\r\nkept\rthe\nlamp\tof the room",
    "\U0010ffff\U000e0041 Ada \ufeff\u200b\u2028\u2029",
    "Ada {{x}} ${y} %s %(z)s \\n \\u003cscript\\u003e",
]
WINDOWED = "Ada kept the lamp of the room. " * 12
ATTRIBUTES = {
    *(
        "aria-level",
        "class",
        "dir",
        "lang",
        "style",
        "title",
        "role",
        "height",
        "width",
        "x",
        "y",
        "x1",
        "x2",
        "y1",
        "y2",
    ),
    *(
        "cx",
        "cy",
        "r",
        "rx",
        "dx",
        "fill-opacity",
        "text-anchor",
        "aria-label",
        "aria-hidden",
        "colspan",
        "scope",
    ),
    *(
        "data-label",
        "data-t",
        "charset",
        "name",
        "content",
        "http-equiv",
        "viewbox",
        "preserveaspectratio",
        "points",
    ),
}
TAGS = {
    *(
        "style",
        "figure",
        "header",
        "section",
        "div",
        "p",
        "span",
        "i",
        "b",
        "strong",
        "small",
        "mark",
        "bdi",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "svg",
        "polyline",
    ),
    *(
        "rect",
        "line",
        "text",
        "circle",
        "title",
        "figcaption",
        "details",
        "summary",
        "html",
        "head",
        "meta",
        "body",
    ),
}


class Page(HTMLParser):
    """What a parser makes of markup: tags, attributes, and the text inside elements of a class."""

    def __init__(self, markup):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.open, self.pieces = [], [], [], []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append((tag, dict(attrs).get("class") or ""))
        if words := dict(attrs).get("data-t"):
            self.handle_data(words)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.pieces.append((data, [c for _, classes in self.open for c in classes.split()]))

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def text(self, class_, without=()):
        """All text within a class, leaving out what stands in other classes."""
        return "".join(d for d, c in self.pieces if class_ in c and not set(without) & set(c))


def unfolded(page):
    """The text without the words that stand at a fold."""
    return re.sub(r"… [\d,]+ characters …", "", page.text("ql-text"))


def reading_of(context, answer="Ada", **options):
    return planted_reading("Who kept it?", context, answer=answer, **options)


# No text gets out of its place


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("view", [whole, to_html])
def test_a_hostile_text_adds_no_tag_and_no_attribute(view, hostile):
    page = Page(view(planted_reading(f"Who? {hostile}", hostile, answer="Ada")))
    assert set(page.tags) <= TAGS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    assert page.open == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_text_is_shown_as_it_is(hostile):
    assert unfolded(Page(whole(reading_of(hostile)))) == shown(hostile)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_character_that_html_forbids(hostile):
    page = to_html(planted_reading(f"Who? {hostile}", hostile, answer="Ada"))
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U0010ffff]", page)
    page.encode("utf-8")


def test_labels_hold_no_control_of_the_writing_direction():
    reading = reading_of("\u202eAda\u2066 kept the lamp.", answer="Ada\u2066 kept")
    texts = [data for data, classes in Page(whole(reading)).pieces if "ql-text" not in classes]
    assert "Ada" in "".join(texts)
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", "".join(texts))


@pytest.mark.parametrize(
    "given",
    [
        Example("<script>x</script>", "<img onerror=x>"),
        ("Who?", "<script>x</script>"),
        Example(None, "\ud800"),
        object(),
        Example("Who?", "Ada " * 50_000),
    ],
)
def test_a_failed_reading_says_why_and_what_was_given(given):
    markup = whole(FailedReading(given, InputError("Nothing <here> to read.")))
    page = Page(markup)
    assert page.text("ql-failed") == "Not read. Nothing <here> to read."
    assert set(page.tags) <= TAGS
    assert len(markup) < 20_000
    markup.encode("utf-8")


def test_a_failed_reading_shows_a_blank_context():
    given = Example("Who?", "  ")
    assert "(blank)" in Page(whole(FailedReading(given, InputError("It is blank.")))).text("qalens")


def test_escaping_can_not_be_forgotten():
    assert str(join("<", element("b", "<", title='"<'))) == '&lt;<b title="&quot;&lt;">&lt;</b>'


# What is said


def test_an_answer_stands_first_with_its_probability():
    page = Page(whole(reading_of("Ada kept the lamp.")))
    assert page.text("ql-said") == "Ada"
    assert page.text("ql-sure") == ">99.9%"
    assert page.text("ql-answer") == "Ada"
    assert "mark" in page.tags


def test_a_rejected_span_is_never_shown_as_the_answer():
    page = Page(whole(reading_of("Ada kept the lamp.", threshold=-50.0)))
    assert page.text("ql-said") == "no answer"
    assert page.text("ql-best").startswith("Ada")
    assert "best span, rejected" in page.text("ql-legend")
    assert "mark" not in page.tags
    assert not {"ql-answer", "ql-taken"} & {c for n, v in page.attributes if n == "class" for c in v.split()}


@pytest.mark.parametrize(
    ("threshold", "says"),
    [
        (
            0.0,
            "= −24.00 logits, not above the threshold 0.00: it answers. Below −24.00 it would abstain.",
        ),
        (
            -50.0,
            "−24.00 logits, above the threshold −50.00: it abstains. From −24.00 on it would answer.",
        ),
        (math.inf, "With a threshold of ∞ it answers wherever there is a span."),
        (-math.inf, "With a threshold of −∞ it never answers; from −24.00 on it would."),
    ],
)
def test_the_sentence_says_what_would_change_the_decision(threshold, says):
    reading = reading_of("Ada kept the lamp.", threshold=threshold)
    assert decision_sentence(reading).endswith(says)
    assert Page(whole(reading)).open == []
    assert "nan" not in str(decision_line(DecisionLine(reading.margin, threshold)))
    assert "inf" not in str(decision_line(DecisionLine(reading.margin, threshold)))


def test_an_impossible_null_score_leaves_an_infinite_margin():
    reading = reading_of("Ada kept the lamp.")
    start = reading.logits.start.copy()
    start[0, reading.windows.null_index[0]] = -np.inf
    logits = SpanLogits(reading.windows, start, reading.logits.end)
    spans = span_distribution(logits)
    never_null = dataclasses.replace(reading, logits=logits, spans=spans, decision=decide(spans))
    page = Page(whole(never_null))
    assert page.text("ql-said") == "Ada"
    assert "−∞ − 24.00 = −∞ logits. It answers at every finite threshold." in page.text("qalens")


def test_a_text_without_a_span_has_no_axis_and_no_line():
    reading = reading_of("\x01\x02", answer=None)
    assert len(reading.spans) == 0
    page = Page(whole(reading))
    assert page.text("ql-said") == "no answer"
    assert page.text("ql-text") == "␁␂"
    assert "no threshold changes the decision" in page.text("qalens")
    assert "ql-axis" not in [value for name, value in page.attributes if name == "class"]


def test_the_sharpest_model_abstains_without_an_empty_table():
    reading = reading_of("Ada kept the lamp.", answer=None, strength=500.0)
    page = Page(whole(reading))
    assert page.text("ql-sure") == "100%"
    assert page.tags.count("tbody") == 1
    cells = [data for data, classes in page.pieces if "ql-spans" in classes]
    assert "<0.001" in cells
    assert not {"0", "0.000", "−0.00", "nan"} & set(cells)


def test_near_copies_stand_under_the_best_span_of_their_cluster():
    found = groups(reading_of("Ada kept the lamp.", answer="the lamp", strength=3.0).spans)
    for group in found:
        assert all(copy.span.overlaps(group.best.span) for copy in group.copies)
        assert group.hidden >= 0
    assert sum(group.given_answer for group in found) == pytest.approx(1)


def test_the_strongest_span_elsewhere_shares_no_character_with_the_best():
    reading = reading_of("Ada kept the lamp of the room.", strength=2.0)
    other = rival(reading, groups(reading.spans))
    assert not other.span.overlaps(reading.decision.best.span)
    assert Page(whole(reading)).text("ql-rival").startswith(other.text)


def test_numbers_and_words_of_a_picture_are_there_for_those_who_do_not_see_it():
    reading = reading_of("Ada kept the lamp.")
    labels = [v for n, v in Page(whole(reading)).attributes if n == "aria-label"]
    assert any("Best span: “Ada”." in label for label in labels)
    assert any("margin −24.00 is not above the threshold 0.00" in label for label in labels)
    assert "whether there is an answer" in Page(whole(reading)).text("ql-sums")


# The text


@pytest.mark.parametrize(
    ("text", "clusters"),
    [
        ("cafe\u0301s", ["c", "a", "f", "e\u0301", "s"]),
        ("a👩‍🚀b", ["a", "👩‍🚀", "b"]),
        ("👨‍👩‍👧‍👦👍🏽", ["👨‍👩‍👧‍👦", "👍🏽"]),
        ("🇫🇷🇩🇪", ["🇫🇷", "🇩🇪"]),
        ("☎️1️⃣", ["☎️", "1️⃣"]),
        ("क्षेत्र", ["क्षे", "त्र"]),
        ("\u1112\u1161\u11ab글", ["\u1112\u1161\u11ab", "글"]),
        ("كَتَبَ", ["كَ", "تَ", "بَ"]),
        ("a\r\nb", ["a", "\r\n", "b"]),
        ("東京ﾊﾞ", ["東", "京", "ﾊﾞ"]),
    ],
)
def test_what_readers_see_as_one_character_is_one(text, clusters):
    starts = np.flatnonzero(grapheme_starts(text)).tolist()
    assert [text[a:b] for a, b in itertools.pairwise(starts)] == clusters


def test_marks_and_shades_cut_no_character_that_readers_see_as_one():
    context = "Ada kept e\u0301 👩‍🚀👍🏽 🇫🇷 and o\u0308n."
    reading = reading_of(context)
    spans = reading.spans
    # Every character starts a level of its own: the worst that a tokenizer could do.
    every = np.arange(len(context))
    torn = dataclasses.replace(
        spans,
        start=every,
        end=every + 1,
        score=every * 0.3,
        **{name: np.zeros(len(every), np.int32) for name in ("window", "token_start", "token_end")},
    )
    shaded = passage(dataclasses.replace(reading, spans=torn))
    starts = grapheme_starts(context)
    assert all(starts[a] and starts[b] for a, b, _ in shaded.runs(0, len(context)))
    assert shaded.whole(CharSpan(10, 11)) == CharSpan(9, 11)


def test_a_blank_between_two_marked_words_leaves_no_gap():
    reading = reading_of("Ada kept it.")
    spans = reading.spans
    words = dataclasses.replace(
        spans,
        start=np.array([0, 4]),
        end=np.array([3, 8]),
        score=np.zeros(2),
        **{name: np.zeros(2, np.int32) for name in ("window", "token_start", "token_end")},
    )
    assert passage(dataclasses.replace(reading, spans=words)).runs(0, 12) == [(0, 8, 50), (8, 12, 0)]


@pytest.mark.parametrize("width", [8, 20, 60])
@pytest.mark.parametrize(
    "text", ["lamp " * 50, "東京" * 50, "e\u0301" * 50, "a" + "\u0301" * 9_000, "👩‍🚀" * 40, ""]
)
def test_a_label_is_short_and_cuts_no_character(width, text):
    for cut in (clip(text, width), clip_middle(text, width)):
        assert len(cut) <= 10 * width
    kept = clip(text, width).removesuffix("…")
    if len(text) < 9_000 and not text.startswith("lamp"):
        assert text.startswith(kept)
        assert grapheme_starts(text)[len(kept)]


# Long texts


def long_reading(answer="zed", size=100_000):
    filler = "Ada kept the lamp of the room by day & <night>. "
    context = filler * (size // 2 // len(filler)) + "zed " + filler * (size // 2 // len(filler))
    return reading_of(context, answer=answer)


def test_a_hundred_thousand_characters_stay_a_small_page():
    reading = long_reading()
    began = time.process_time()
    page = to_html(reading)
    # Far above what it takes, and far below what one quadratic step would.
    assert time.process_time() - began < 15
    assert len(page.encode()) < 1_500_000
    parsed = Page(page)
    folded = sum(len(d) for d, c in parsed.pieces if "ql-fold" in c)
    assert folded > 90_000
    assert "zed" in parsed.text("ql-text", without=["ql-fold"])


def test_a_folded_text_is_still_whole():
    reading = long_reading(size=12_000)
    assert unfolded(Page(whole(reading))) == reading.context


def test_a_text_of_a_million_characters_is_not_carried_along():
    reading = long_reading(size=12_000)
    fold = "x" * 250_000
    context = reading.context + fold
    longer = dataclasses.replace(
        reading, example=Example("Who?", context), spans=dataclasses.replace(reading.spans, context=context)
    )
    html = whole(longer)
    assert fold not in html
    assert "… 25" in html


def test_what_is_shown_of_a_long_text_holds_the_best_span():
    reading = long_reading()
    best = reading.decision.best.span
    ranges = shown_ranges(reading, groups(reading.spans))
    assert any(r.start <= best.start and best.end <= r.end for r in ranges)
    assert sum(map(len, ranges)) < 5_000
    assert all(a.end < b.start for a, b in itertools.pairwise(ranges))


@pytest.mark.parametrize("answer", ["zed", None])
def test_a_long_axis_is_drawn_in_stretches(answer):
    axis = token_axis(long_reading(answer, size=12_000))
    scale = stretches(axis)
    assert scale.shown <= 120 < len(axis)
    if answer:
        assert scale.left(int(axis.start.argmax())) is not None


@pytest.mark.parametrize(
    "stretches", [((0, 3),), ((0, 96),), ((5, 40), (90, 150)), ((0, 20), (30, 50), (70, 90))]
)
def test_every_shown_token_has_its_own_place_within_the_picture(stretches):
    scale = Scale(stretches)
    places = [scale.left(t) for start, stop in stretches for t in range(start, stop)]
    assert places[0] == 0
    assert places[-1] + scale.unit <= 100 + 1e-9
    assert min(np.diff(places)) >= scale.unit - 1e-9
    assert scale.left(10_000) is None


def test_the_part_of_the_text_that_is_drawn_is_named():
    reading = long_reading(size=12_000)
    N = len(token_axis(reading))
    assert re.search(rf"tokens [\d,]+–[\d,]+ of {N:,}", Page(whole(reading)).text("ql-axis"))


def test_a_flat_distribution_is_not_drawn_in_full_height():
    reading = reading_of("Ada kept the lamp of the room.", strength=0.0)
    axis = token_axis(reading)
    plot = TokenPicture(reading, axis, stretches(axis), None)
    assert axis.start.max() <= plot.full <= 0.5
    assert f"full height {plot.full:g}" in Page(whole(reading)).text("ql-legend")


# Windows


def test_windows_are_drawn_with_the_one_that_holds_the_best_span():
    reading = reading_of(WINDOWED + "zed", answer="zed", max_length=64, stride=16, null=0.5)
    W = len(reading.windows)
    page = Page(whole(reading))
    assert W > 2
    boxes = [v for n, v in page.attributes if n == "class" and v in ("ql-w", "ql-w-answer")]
    assert len(boxes) == W
    alone = window_margins(reading.logits, max_answer_length=reading.max_answer_length) <= 0
    assert boxes == ["ql-w-answer" if a else "ql-w" for a in alone]
    assert f"Window {W} of {W} holds the best span. Window 1 gives the null score 1.00." in page.text(
        "qalens"
    )


def test_one_window_needs_no_window_column():
    page = Page(whole(reading_of("Ada kept the lamp.")))
    assert "window" not in page.text("ql-spans")
    assert "ql-whole" not in [v for n, v in page.attributes if n == "class"]


def test_a_mean_null_score_comes_from_no_single_window():
    reading = reading_of(WINDOWED, max_length=64, stride=16)
    start = reading.logits.start.copy()
    start[:, 0] = np.arange(len(start))
    spans = span_distribution(SpanLogits(reading.windows, start + 0.25, reading.logits.end), null="mean")
    other = dataclasses.replace(reading, spans=dataclasses.replace(spans, null_score=spans.null_score + 0.1))
    assert null_window(other) is None
    assert "is taken from all windows together" in whole(other)


# Styles


def lone_selectors(markup):
    """The selectors of a view's styles, after a look that each keeps to the view and asks for nothing from outside."""
    css = markup.partition("<style>")[2].partition("</style>")[0]
    bare = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    depth, selector, selectors = 0, "", []
    for character in bare:
        if character == "{":
            selectors += [selector] if depth == 0 else []
            depth, selector = depth + 1, ""
        elif character == "}":
            depth, selector = depth - 1, ""
        else:
            selector += character
    assert depth == 0
    assert all(".qalens" in part for s in selectors for part in s.split(","))
    assert not re.search(r"url\(|@import|@font-face", bare)
    return selectors


def test_all_styles_stand_under_one_class_and_ask_for_nothing():
    assert lone_selectors(whole(reading_of("Ada kept it.")))


def test_light_and_dark_follow_the_browser_and_the_notebook():
    html = whole(reading_of("Ada kept it."))
    assert "color-scheme: light dark" in html
    assert re.search(r'\[data-jp-theme-light="false"\] \.qalens[^{]*\{ color-scheme: dark; \}', html)
    assert re.search(r'\[data-jp-theme-light="true"\] \.qalens[^{]*\{ color-scheme: light; \}', html)


FILLINGS = ("ground", "rule", "field", "pale", "for", "against")


def _luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize(
    ("front", "back"),
    [
        *((name, "ground") for name in PALETTE if name not in FILLINGS),
        *(("ink", name) for name in ("pale", "for", "against")),
    ],
)
def test_letters_stand_out(front, back, theme):
    high, low = sorted((_luminance(PALETTE[name][theme]) for name in (front, back)), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_the_page_stands_alone():
    page = to_html(reading_of("Ada kept it."))
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert '<meta charset="utf-8">' in page
    assert "viewport" in page
    assert not re.search(r"\b(src|href|id)=", page)
    assert "Who kept it? · qalens" in page
