"""What saved notebooks show where frames, scripts and styles are dropped: a title, and the view as a table."""

import re
from html.parser import HTMLParser

import pytest

from qalens import FailedReading, InputError
from qalens.reader import Reader
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.text import CharSpan, Example
from qalens.widgets import (
    AttributionExplorer,
    CompareExplorer,
    DatasetExplorer,
    LayerExplorer,
    NoAnswerExplorer,
    SpanExplorer,
)
from qalens.widgets.in_words import Table, table_html

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


def shown(explorer):
    return Sanitised(explorer._repr_mimebundle_()[0]["text/html"])


@pytest.fixture(scope="module")
def toy():
    reader = Reader(toy_model(), toy_tokenizer())
    return reader, reader.read("Who kept the lamp?", "Ada kept the lamp. Tom went away.")


def test_spans_are_listed_with_their_probabilities():
    reading = planted_reading("Who kept it?", "Ada kept it, not Tom.", answer="Ada", strength=2.0)
    table = SpanExplorer(reading).table()
    best = reading.answer
    assert table.columns[0] == "span"
    assert table.rows[0][:2] == ["Ada", f"{best.probability:.3f}"]
    assert table.rows[-1][:2] == ["no answer", f"{reading.no_answer_probability:.3f}"]


def test_a_text_without_a_span_has_a_table_too():
    reading = planted_reading("Who?", "\u200b", answer=None)
    assert [row[0] for row in SpanExplorer(reading).table().rows][-1] == "no answer"


def test_decisions_follow_the_threshold():
    readings = [
        planted_reading("Who kept it?", "Ada kept it.", answer="Ada"),
        FailedReading("nothing", InputError("The text is empty.")),
        planted_reading("Who left?", "Ada kept it.", answer=None),
    ]
    explorer = NoAnswerExplorer(readings)
    assert [row[1] for row in explorer.table().rows] == ["Ada", "The text is empty.", "no answer"]
    explorer.threshold = -999.0
    assert [row[1] for row in explorer.table().rows] == ["no answer", "The text is empty.", "no answer"]


def test_words_are_listed_by_the_size_of_their_values(toy):
    reader, reading = toy
    explorer = AttributionExplorer(reading, reader.attribute(reading, "no_answer", "input_x_gradient"))
    sizes = [abs(float(row[2].replace("−", "-"))) for row in explorer.table().rows]
    assert sizes == sorted(sizes, reverse=True)
    assert explorer.table().columns[2].startswith("for ")
    assert AttributionExplorer(reading, reader=reader).table() is None


def test_layers_are_listed_from_the_last(toy):
    reader, reading = toy
    table = LayerExplorer(reading, reader.lens(reading)).table()
    assert [row[0] for row in table.rows] == ["layer 2", "layer 1", "embeddings"]


def test_changes_are_listed_side_by_side():
    one, other = (planted_reading("Who?", "Ada kept it.", answer=a) for a in ("Ada", None))
    table = CompareExplorer(one, other).table()
    assert table.columns == ["span", "before", "after"]
    assert ["Ada", ">0.999", "<0.001"] in table.rows
    assert table.rows[-1] == ["no answer", "<0.001", ">0.999"]


def test_outcomes_are_those_that_are_listed():
    context = "Ada kept it."
    gold = Example("Who kept it?", context, gold=(CharSpan(0, 3),))
    readings = [planted_reading(f"Who kept it {k}?", context, answer="Ada") for k in range(14)]
    explorer = DatasetExplorer([*readings, planted_reading(gold.question, context, answer=None)])
    table = explorer.table()
    assert (len(table.rows), table.more) == (12, 3)
    assert "and 3 more" in table_html(table)
    explorer.query = "it 13"
    assert [row[0] for row in explorer.table().rows] == ["Who kept it 13?"]


def test_a_viewer_that_drops_frames_shows_the_question_and_the_table():
    explorer = SpanExplorer(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))
    found = shown(explorer)
    assert {"figcaption", "details", "summary", "table"} <= found.kept
    words = " ".join(found.words)
    assert "Who kept it?" in words
    assert re.search(r"P if answered .*Ada .*no answer", words)
    # Folded away, so that whoever sees the frame does not see everything twice.
    assert "<details><summary" in explorer.frame()


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
    assert "<b>" not in table_html(Table(["<b>"], [["<b>"]]))
