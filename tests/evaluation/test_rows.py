"""One row for each question: what it keeps of a reading, how it judges, and that it comes back from JSON as it was."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import numpy as np
import pytest
from planted_rows import TEXT, random_reading, random_rows

from qalens.errors import InputError
from qalens.evaluation.rows import (
    OUTCOMES,
    ExampleRow,
    example_row,
    example_rows,
    question_word,
    redecided,
    unscored,
)
from qalens.reader import Reader
from qalens.readings.reading import FailedReading
from qalens.records import comes_later
from qalens.spans.per_window import leakage
from qalens.spans.summary import TEMPERATURES
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example
from qalens.text.question_rows import Item

ADA, LAMP = CharSpan(0, 3), CharSpan(9, 17)  # "Ada", "the lamp"


def judged(answer, gold, *, threshold=0.0):
    reading = planted_reading("Who kept the lamp?", TEXT, answer=answer, threshold=threshold)
    return example_row(Example("Who kept the lamp?", TEXT, id="1", gold=gold), reading)


@pytest.mark.parametrize(
    ("answer", "gold", "outcome", "exact", "f1"),
    [
        ("Ada", (ADA,), "right span", 1.0, 1.0),
        ("the lamp", (CharSpan(13, 17),), "right span", 1.0, 1.0),
        ("Ada kept", (ADA,), "wrong edges", 0.0, 2 / 3),
        ("kept the lamp", (ADA, LAMP), "wrong edges", 0.0, 2 / 3),
        ("Tom", (ADA,), "wrong span", 0.0, 0.0),
        ("Ada", (), "false answer", 0.0, 0.0),
        (None, (ADA,), "false no-answer", 0.0, 0.0),
        (None, (), "right no-answer", 1.0, 1.0),
        ("Ada", None, None, None, None),
    ],
)
def test_every_outcome(answer, gold, outcome, exact, f1):
    row = judged(answer, gold)
    assert (row.outcome, row.exact, row.f1) == (outcome, exact, pytest.approx(f1) if f1 is not None else None)
    assert outcome is None or outcome in OUTCOMES
    assert row.answerable == (None if gold is None else bool(gold))


def test_rows_that_are_made_together_are_those_made_one_by_one():
    reader = Reader(toy_model(), toy_tokenizer(), max_length=48)
    long = Example("Who kept it?", TEXT * 12, id="long", gold=(ADA,))
    tied = Example("Who kept it?", "Zoe\u0308 kept the lamp.", id="tied", gold=())
    plain = [Example("Who kept it?", TEXT, id=str(k), gold=(ADA, LAMP)[:k]) for k in range(3)]
    examples = [plain[0], long, Example("Who?", "", id="empty"), tied, plain[1], plain[2]] * 12
    readings = list(reader.read_many(examples[:40])) + list(
        reader.with_options(max_answer_length=2).read_many(examples[40:])
    )
    together = list(example_rows(zip((Item(one, "") for one in examples), readings, strict=True)))
    assert [row.id for row in together] == [one.id for one in examples]
    for row, example, reading in zip(together, examples, readings, strict=True):
        alone = example_row(example, reading)
        for field in fields(row):
            mine, other = getattr(row, field.name), getattr(alone, field.name)
            assert mine == (pytest.approx(other, rel=1e-9) if isinstance(other, float) else other)
        # No reading is left with a distribution that nobody asked for.
        assert row.windows != 1 or row.id == "tied" or comes_later(reading, "spans")


def test_rows_wait_for_some_dozen_windows_and_no_more():
    asked = []

    def read():
        for k in range(1000):
            asked.append(k)
            yield Item(Example("Who?", TEXT), ""), planted_reading("Who?", TEXT, answer="Ada")

    next(example_rows(read()))
    assert len(asked) <= 64


def test_the_best_span_is_judged_whether_it_was_taken_or_not():
    row = judged("Ada", (ADA,), threshold=-100.0)
    assert (row.answer, row.best.text, row.exact, row.best_exact, row.best_f1) == (None, "Ada", 0.0, 1.0, 1.0)


@pytest.mark.parametrize("seed", range(8))
def test_numbers_are_those_of_the_reading(seed):
    reading = random_reading(seed, max_length=24, stride=6)
    row = example_row(reading.example, reading)
    best = reading.decision.best
    assert (row.best.text, row.best.start, row.best.end) == (best.text, best.span.start, best.span.end)
    assert (row.score, row.margin, row.threshold) == (best.score, reading.margin, 0.0)
    assert (row.probability, row.no_answer_probability) == (best.probability, reading.no_answer_probability)
    assert row.null_score == reading.spans.null_score
    assert row.given_answer == pytest.approx(best.probability / (1 - reading.no_answer_probability))
    assert row.cluster_probability == pytest.approx(
        sum(
            reading.spans.at(s).probability
            for s in range(len(reading.spans))
            if reading.spans.at(s).span.overlaps(best.span)
        )
    )
    assert row.entropy == pytest.approx(reading.spans.uncertainty().total)
    assert row.windows == len(reading.windows) > 1
    assert (row.text_length, row.question) == (len(TEXT), "Who kept the lamp?")


def test_the_product_is_what_is_left_of_the_probability_after_what_leaks():
    reading = random_reading(5)
    row = example_row(reading.example, reading)
    kept = 1 - float(leakage(reading.logits).total[0])
    assert row.product / kept == pytest.approx(row.probability)
    assert row.null_product / kept == pytest.approx(row.no_answer_probability)


def test_masses_are_those_of_divided_scores():
    reading = random_reading(2)
    row = example_row(reading.example, reading)
    behind = reading.spans.score - reading.decision.best.score
    for k, temperature in enumerate(TEMPERATURES):
        assert row.masses[k] == pytest.approx(math.log(np.exp(behind / temperature).sum()), abs=1e-6)


def test_scores_of_gold_answers_are_of_those_that_can_be_said_each_once():
    reading = random_reading(2)
    golds = (
        ADA,
        ADA,
        CharSpan(0, 4),
        CharSpan(1, 3),
        CharSpan(0, 12),
    )  # twice, with a blank behind, cut, another
    row = example_row(replace(reading.example, gold=golds), reading)
    assert row.gold_scores == (reading.spans.find(0, 3).score, reading.spans.find(0, 12).score)
    assert row.gold_texts == ("Ada", "Ada", "Ada ", "da", "Ada kept the")
    assert row.answer_length == 1


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Who kept it?", "who"),
        ("To whom was it given?", "who"),
        ("Whose lamp was it?", "who"),
        ("How did it burn?", "how"),
        ("In how many years?", "how many"),
        ("HOW MUCH oil?", "how many"),
        ("What’s the name?", "what"),
        ("Somewhat later, when did it burn?", "when"),
        ("Which one, and why?", "which"),
        ("Name the keeper.", "other"),
        ("", "other"),
        ("灯台守は誰ですか", "other"),
    ],
)
def test_question_words(question, word):
    assert question_word(question) == word


def test_what_could_not_be_read_counts_as_no_answer_and_says_why():
    failed = FailedReading(Example("Who?", ""), InputError("The context is empty."))
    for gold, exact in (((), 1.0), (None, None)):
        row = example_row(Example("Who?", "", id="7", gold=gold), failed)
        assert (row.id, row.failed, row.error, row.exact, row.outcome) == (
            "7",
            True,
            "The context is empty.",
            exact,
            None,
        )
        assert row.masses == ()
        assert ExampleRow.from_dict(json.loads(json.dumps(row.to_dict()))) == row


BROKEN = {
    "a gold answer outside the text": Example("Who?", "Ada", id="1", gold=(CharSpan(2, 9),)),
    "a gold answer of another type": Example("Who?", "Ada", id="1", gold=((0, 3),)),
    "gold answers that are none": Example("Who?", "Ada", id="1", gold=3),
    "a text that is none": Example("Who?", None, id="1", gold=(ADA,)),
    "a question that is bytes": Example(b"Who?", b"Ada", id=4, gold=(ADA,)),
    "no example at all": {"question": "Who?"},
    "nothing": None,
    "lone surrogates": Example("Who\ud800?", "Ada \udc00", id="\ud800", gold=(ADA,)),
}


@pytest.mark.parametrize("example", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_example_is_a_row_that_says_so(example):
    reading = FailedReading(example, InputError("It cannot be read."))
    row = example_row(example, reading)
    assert row.error == "It cannot be read."
    assert ExampleRow.from_dict(json.loads(json.dumps(row.to_dict()))) == row


def test_a_gold_answer_outside_the_text_leaves_a_good_reading_unscored():
    row = judged("Ada", (ADA, CharSpan(5, 900)))
    assert "reaches past the text" in row.error
    assert (row.answer.text, row.exact, row.outcome, row.golds) == ("Ada", None, None, None)


def test_rows_come_back_from_json_as_they_were():
    rows = [
        *random_rows(20),
        judged(None, ()),
        judged("Ada", None),
        unscored(judged("Ada", (ADA,)), "Twice."),
    ]
    empty = random_reading(0, text="\u200b\u200b")
    rows.append(example_row(empty.example, empty))
    assert (rows[-1].margin, rows[-1].score, rows[-1].best) == (math.inf, -math.inf, None)
    for row in rows:
        text = json.dumps(row.to_dict(), allow_nan=False)
        again = ExampleRow.from_dict(json.loads(text))
        assert again == row
        assert json.dumps(again.to_dict()) == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"luck": 1}, "missing or unknown are luck"),
        ({"answer": {"text": "Ada"}}, "TypeError"),
        ({"masses": ["much"]}, "ValueError"),
    ],
)
def test_what_is_no_row_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        ExampleRow.from_dict({**judged("Ada", ()).to_dict(), **change})
    with pytest.raises(InputError, match="This is no row"):
        ExampleRow.from_dict(["Ada"])


@pytest.mark.parametrize("threshold", [-math.inf, -3.0, 0.0, 2.5, math.inf])
def test_a_row_decided_again_is_the_row_of_the_reading_decided_again(threshold):
    for seed in range(6):
        reading = random_reading(seed, gold=(ADA,) if seed % 2 else ())
        row = example_row(reading.example, reading)
        assert redecided(row, threshold) == example_row(reading.example, reading.with_threshold(threshold))


def test_a_row_without_a_judgement_gets_none_by_deciding_again():
    row = unscored(judged("Ada", (ADA,)), "Twice.")
    assert redecided(row, -100.0).exact is None
    assert redecided(row, -100.0).answer is None
