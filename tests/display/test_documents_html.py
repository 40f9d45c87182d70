"""The picture of many documents: what stands in it, and that no text gets out of its place."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import pytest
from whole import whole

from qalens.display import notebook_html, to_html, to_text
from qalens.errors import InputError
from qalens.readings.documents import join_readings
from qalens.readings.provenance import Document
from qalens.readings.reading import FailedReading
from qalens.testing import planted_reading

QUESTION = "Who kept the lamp?"
TEXT = "Ada kept the lamp."
HOSTILE = '<script>alert("1")</script></td></table> & \u202eAda\x00'


def joined(*documents: Document, answer: str | None = "Ada", **options):
    readings = [
        FailedReading(one, InputError(f"It is {one.text!r}."))
        if not one.text
        else planted_reading(QUESTION, one.text, answer=answer if answer and answer in one.text else None)
        for one in documents
    ]
    return join_readings(QUESTION, documents, readings, **options)


class Words(HTMLParser):
    """The words of a page, and its tags one after the other."""

    def __init__(self, html: str):
        super().__init__()
        self.words, self.tags, self.open = "", [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("meta", "line", "rect", "circle", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words += f"{data} "


def words(html: str) -> str:
    return " ".join(Words(html).words.split())


def test_it_tells_the_answer_its_document_and_every_probability():
    many = joined(Document("Tobias slept.", "diary"), Document(TEXT, "log", score=2.5))
    found = words(whole(many))
    assert found.startswith(f"{QUESTION} Ada")
    assert "of 2 documents" in found
    assert "log >0.999 2.50 Ada" in found
    assert "diary <0.001" in found
    assert "probability that no document holds one" in found
    assert "the smallest of all windows of all documents" in found


def test_without_a_retriever_there_is_no_column_for_its_score():
    assert "retrieval score its best" not in words(whole(joined(Document(TEXT))))
    assert "retrieval score its best" in words(whole(joined(Document(TEXT, score=0.0))))


@pytest.mark.parametrize(("rule", "said"), [("min", "smallest"), ("mean", "mean"), ("max", "largest")])
def test_it_tells_the_null_rule(rule, said):
    assert f"null score is the {said} of all" in words(whole(joined(Document(TEXT), null=rule)))


def test_no_answer_is_said_and_no_document_is_marked():
    many = joined(Document(TEXT), answer=None)
    html = whole(many)
    assert "no answer" in words(html)
    assert 'class="ql-taken"' not in html
    assert 'class="ql-taken"' in whole(joined(Document(TEXT)))


def test_what_was_not_read_is_told_with_its_reason():
    many = joined(Document(TEXT), *(Document("", f"page {k}") for k in range(7)))
    found = words(whole(many))
    assert "7 of them not read" in found
    assert "page 0 It is ''." in found
    assert "and 2 documents more" in found
    assert "Not read" not in words(whole(joined(Document(TEXT))))


def test_many_documents_are_cut_with_a_note():
    found = words(whole(joined(*(Document(TEXT, f"d{k}") for k in range(30)))))
    assert "and 18 documents more" in found


@pytest.mark.parametrize("where", ["text", "id"])
def test_no_text_gets_out_of_its_place(where):
    document = Document(HOSTILE if where == "text" else TEXT, HOSTILE if where == "id" else None)
    html = whole(joined(document, Document("", HOSTILE)))
    page = Words(html)
    assert "script" not in page.tags
    assert page.tags.count("table") == 3
    assert page.open == []
    assert "\x00" not in html


@pytest.mark.parametrize("threshold", [0.0, math.inf, -math.inf])
def test_every_decision_has_a_picture(threshold):
    many = joined(Document(TEXT), Document("\x00"), threshold=threshold)
    assert many._repr_html_() == notebook_html(many)
    assert to_html(many).startswith("<!doctype html>")
    nothing = joined(Document("\x00"), threshold=threshold)
    assert "No document holds a token that could be an answer." in words(whole(nothing))


@pytest.mark.parametrize("width", [375, 600, 1280])
@pytest.mark.parametrize("score", [None, 12.5])
def test_words_of_a_row_keep_out_of_each_others_way(page, width, score):
    long = "Ada, who kept the lamp of the room by day and by night, slept. " * 3
    many = joined(Document(TEXT, "log", score=score), Document(long, "a diary of many years", score=score))
    page.set_viewport_size({"width": width, "height": 800})
    page.set_content(to_html(many))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    overlaps = page.evaluate(
        """() => [...document.querySelectorAll('.qalens tbody tr')].flatMap(row => {
            const boxes = [...row.cells].map(cell => [cell.textContent, cell.getBoundingClientRect()]);
            return boxes.flatMap(([words, a], k) => boxes.slice(k + 1).filter(([, b]) =>
                a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1
            ).map(([others]) => [words, others]));
        })"""
    )
    assert overlaps == []


# --- plain text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [72, 88, 120])
def test_plain_text_keeps_to_its_width_and_holds_no_control(width):
    long = "Ada kept the lamp of the room and " * 8 + "slept."
    many = joined(Document(long, HOSTILE * 9), Document(TEXT, "log"), Document("", "x"))
    text = to_text(many, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)
    assert "of 3 documents, 1 of them not read" in text


def test_plain_text_of_no_answer_and_of_nothing():
    assert "no answer  >99.9%" in to_text(joined(Document(TEXT), answer=None))
    nothing = to_text(joined(Document("\x00")))
    assert "margin" not in nothing
    assert "no answer  100%" in nothing
