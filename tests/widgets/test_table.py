"""What saved notebooks show where frames, scripts and styles are dropped: a title, and the view as a table."""

import re
from html.parser import HTMLParser

import pytest

from qalens import FailedReading, InputError
from qalens.display.html.parts import table as table_html
from qalens.display.parts import Cell, Row, Table, words
from qalens.reader import Reader
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example
from qalens.widgets import (
    AttributionExplorer,
    ChangeExplorer,
    CompareExplorer,
    DatasetExplorer,
    LayerExplorer,
    NoAnswerExplorer,
    SpanExplorer,
)
from qalens.widgets.page import passage_html

DROPPED = ("iframe", "script", "style")
EVIL = "<img src=x onerror=alert(1)>"


class Sanitised(HTMLParser):
    """The words that a viewer shows that keeps plain elements alone, and the elements that it kept."""

    def __init__(self, html):
        super().__init__()
        self.words, self.kept, self._dropped = [], set(), None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag in DROPPED:
            self._dropped = tag
        elif self._dropped is None:
            self.kept.add(tag)

    def handle_endtag(self, tag):
        if tag == self._dropped:
            self._dropped = None

    def handle_data(self, data):
        if self._dropped is None:
            self.words.append(data)


def rows(explorer):
    """The rows of the table of an explorer by the names of its columns; a row that only tells something is left out."""
    table = explorer.table()
    return [
        {name: words(cell.text) for name, cell in zip(table.columns, row.cells, strict=True)}
        for row in table.rows
        if len(row.cells) == len(table.columns)
    ]


def shown(explorer):
    return Sanitised(explorer._repr_mimebundle_()[0]["text/html"])


@pytest.fixture(scope="module")
def toy():
    reader = Reader(toy_model(), toy_tokenizer())
    return reader, reader.read("Who kept the lamp?", "Ada kept the lamp. Tom went away.")


def test_spans_are_listed_with_their_probabilities():
    reading = planted_reading("Who kept it?", "Ada kept it, not Tom.", answer="Ada", strength=2.0)
    first, *_, last = rows(SpanExplorer(reading))
    assert (first["span"], first["P"]) == ("Ada", f"{reading.answer.probability:.3f}")
    assert (last["span"], last["P"]) == ("no answer", f"{reading.no_answer_probability:.3f}")


def test_a_text_without_a_span_has_a_table_too():
    reading = planted_reading("Who?", "\u200b", answer=None)
    assert [row["span"] for row in rows(SpanExplorer(reading))] == ["no answer"]


def test_decisions_follow_the_threshold():
    readings = [
        planted_reading("Who kept it?", "Ada kept it.", answer="Ada"),
        FailedReading("nothing", InputError("The text is empty.")),
        planted_reading("Who left?", "Ada kept it.", answer=None),
    ]
    explorer = NoAnswerExplorer(readings)
    assert [row["at threshold 0.00"] for row in rows(explorer)] == ["Ada", "The text is empty.", "no answer"]
    explorer.threshold = -999.0
    said = [row["at threshold −999.00"] for row in rows(explorer)]
    assert said == ["no answer", "The text is empty.", "no answer"]


def test_words_are_listed_by_the_size_of_their_values(toy):
    reader, reading = toy
    explorer = AttributionExplorer(reading, reader.attribute(reading, "no_answer", "input_x_gradient"))
    sizes = [abs(float(row["logits"].replace("−", "-"))) for row in rows(explorer)]
    assert sizes == sorted(sizes, reverse=True)
    assert AttributionExplorer(reading, reader=reader).table() is None


def test_every_layer_is_listed(toy):
    reader, reading = toy
    said = [row["layer"] for row in rows(LayerExplorer(reading, reader.logit_lens(reading)))]
    assert [name.partition(" “")[0] for name in said] == ["embeddings", "layer 1", "layer 2"]


def test_changes_are_listed_side_by_side():
    one, other = (planted_reading("Who?", "Ada kept it.", answer=a) for a in ("Ada", None))
    sides = {row[""]: (row["before"], row["after"]) for row in rows(CompareExplorer(one, other))}
    assert sides["P(“Ada”)"] == (">0.999", "<0.001")
    assert sides["P(no answer)"] == ("<0.001", ">0.999")


def test_outcomes_are_those_that_are_listed():
    context = "Ada kept it."
    gold = Example("Who kept it?", context, gold=(CharSpan(0, 3),))
    readings = [planted_reading(f"Who kept it {k}?", context, answer="Ada") for k in range(14)]
    explorer = DatasetExplorer([*readings, planted_reading(gold.question, context, answer=None)])
    table = explorer.table()
    assert (len(table.rows), table.note) == (12, "and 3 more")
    assert "and 3 more" in str(table_html(table))
    explorer.query = "it 13"
    assert [row["question"] for row in rows(explorer)] == ["Who kept it 13?"]


def test_a_viewer_that_drops_frames_shows_the_question_the_marked_text_and_the_table():
    explorer = SpanExplorer(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))
    found = shown(explorer)
    assert {"figcaption", "mark", "table"} <= found.kept
    words = " ".join(found.words)
    assert "Who kept it?" in words
    assert re.search(r"kept it\. .*P if answered .*Ada .*no answer", words)


def test_whoever_sees_the_frame_does_not_see_everything_twice(page):
    frame = SpanExplorer(planted_reading("Who kept it?", "Ada kept it.", answer="Ada")).frame()
    page.set_content(frame)
    assert page.locator("mark").is_hidden()
    assert page.locator("table").is_hidden()
    page.locator("iframe").evaluate("frame => frame.remove()")
    assert page.locator("mark").is_visible()
    assert page.locator("table").is_visible()


@pytest.mark.parametrize(
    ("answer", "text", "said"),
    [
        ("Ada", "Ada kept it.", '<p dir="auto"><mark>Ada</mark> kept it.</p>'),
        (None, "Ada <b>kept</b> it.", '<p dir="auto"><span>Ada</span> &lt;b&gt;kept&lt;/b&gt; it.</p>'),
        (None, "\x01", '<p dir="auto"><span></span>␁</p>'),
    ],
)
def test_the_answer_alone_is_marked(answer, text, said):
    reading = planted_reading("Who?", text, answer=answer)
    if reading.decision.best is not None and answer is None:
        said = said.replace("Ada", reading.decision.best.text, 1)
    assert str(passage_html(reading)) == said


def test_of_a_long_text_the_surroundings_of_the_answer_are_left():
    said = str(passage_html(planted_reading("Who?", "Tom slept. " * 400 + "Ada kept it.", answer="Ada")))
    assert len(said) < 1_000
    assert said.startswith('<p dir="auto">…')
    assert said.endswith("<mark>Ada</mark> kept it.</p>")


def test_every_explorer_of_one_reading_has_its_text(toy):
    reader, reading = toy
    reading = reading.with_threshold(50)
    for explorer in (
        SpanExplorer(reading),
        NoAnswerExplorer(reading),
        AttributionExplorer(reading, reader.attribute(reading, "no_answer", "input_x_gradient")),
        LayerExplorer(reading, reader.logit_lens(reading)),
        ChangeExplorer(reading, reader.smallest_sentences(reading)),
        CompareExplorer(reading, reading),
        DatasetExplorer([reading], selected=0),
    ):
        found = shown(explorer)
        assert {"mark", "table"} <= found.kept, type(explorer).__name__
        assert sum(map(len, found.words)) < 1_500, type(explorer).__name__


def test_hostile_words_stay_words():
    text = f"Ada {EVIL} kept it."
    readings = [planted_reading(EVIL, text, answer=EVIL), planted_reading(EVIL, text, answer=None)]
    explorers = [
        SpanExplorer(readings[0]),
        NoAnswerExplorer(readings),
        CompareExplorer(*readings),
        DatasetExplorer(readings),
    ]
    for explorer in explorers:
        found = shown(explorer)
        assert "img" not in found.kept
        assert EVIL in " ".join(found.words)
    assert "<b>" not in str(table_html(Table("<b>", "<b>", ("<b>",), (Row((Cell("<b>"),)),))))
