"""One head everywhere: the answer with the probability of its place and its own beside it, or one plain sentence why none."""

import numpy as np
import pytest

from qalens import Reader
from qalens.display import to_html
from qalens.display.content.heading import heading, place_probability
from qalens.display.parts import words
from qalens.readings.documents import join_readings
from qalens.readings.provenance import Document
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.widgets import (
    AttributionExplorer,
    ChangeExplorer,
    CompareExplorer,
    DatasetExplorer,
    LayerExplorer,
    NoAnswerExplorer,
    SpanExplorer,
)

QUESTION = "Who kept the lamp?"
STORY = "Ada kept the lamp of the room by day, and Tom kept it by night."
TEXTS = ("Nobody was there at all.", STORY)


def documents(answer):
    readings = [
        planted_reading(QUESTION, text, answer=answer if text is STORY else None, strength=2)
        for text in TEXTS
    ]
    return join_readings(QUESTION, [Document(t, id=f"log {k}") for k, t in enumerate(TEXTS)], readings)


@pytest.mark.parametrize("answer", ["Ada", "the lamp of the room"])
def test_the_number_is_that_of_the_place(answer):
    reading = planted_reading(QUESTION, STORY, answer=answer, strength=1)
    best = reading.answer.span
    near = sum(
        a.probability for a in map(reading.spans.at, range(len(reading.spans))) if a.span.overlaps(best)
    )
    assert place_probability(reading, reading.answer) == pytest.approx(near)
    assert near > 2 * reading.answer.probability


def test_of_many_documents_it_is_the_same_as_of_all_joined():
    whole = documents("Ada")
    joined = whole.joined()
    assert place_probability(whole, whole.answer) == pytest.approx(place_probability(joined, joined.answer))
    assert heading(whole) == heading(joined)
    assert words(heading(whole).notes[0]) == "in log 1"


def test_of_documents_without_an_answer_one_sentence_says_why():
    assert "its best span, “" in words(heading(documents(None).with_threshold(-50)).below[0])
    empty = join_readings("Who?", [Document("\x01")], [planted_reading("Who?", "\x01", answer=None)])
    said = words(heading(empty).below[0])
    assert (
        said == "The model gives no answer: none of the documents holds anything that it could answer with."
    )


def explorers(reader, reading):
    yield "span", SpanExplorer(reading)
    yield "no answer", NoAnswerExplorer(reading)
    yield "why", AttributionExplorer(reading, reader.attribute(reading, "no_answer", "input_x_gradient"))
    yield "layers", LayerExplorer(reading, reader.logit_lens(reading))
    yield "change", ChangeExplorer(reading, reader.smallest_sentences(reading))
    yield "compare", CompareExplorer(reading, reading)
    yield "dataset", DatasetExplorer([reading], selected=0)


@pytest.mark.parametrize("threshold", [-50.0, 50.0])
def test_every_explorer_and_the_still_picture_have_the_same_head(threshold, open_page):
    reader = Reader(toy_model(), toy_tokenizer(), threshold=threshold)
    reading = reader.read(QUESTION, STORY)
    part = heading(reading)
    assert (part.said == "no answer") == (threshold < 0)
    assert words(part.said) in to_html(reading)
    assert part.number in to_html(reading)
    for name, explorer in explorers(reader, reading):
        page = open_page(explorer).page
        head = page.locator(".ql-x").inner_text()
        assert f"{words(part.said)} {part.number}" in head, name
        # Two readings side by side, and a list of many, have no room for all that the head says.
        for line in part.notes[-1:] if name == "compare" else part.notes:
            assert words(line) in head, name
        if name not in ("compare", "dataset"):
            assert all(words(line) in head for line in part.below), name


def test_where_the_threshold_is_moved_the_head_goes_along(open_page):
    reading = planted_reading(QUESTION, STORY, answer="Ada", strength=2)
    page = open_page(NoAnswerExplorer(reading)).page
    for threshold in (-50.0, 50.0):
        page.evaluate("x => qalens.model.set('threshold', x)", threshold)
        part = heading(reading.with_threshold(np.copysign(np.inf, threshold)))
        assert f"{words(part.said)} {part.number}" in page.locator(".ql-head").inner_text()
