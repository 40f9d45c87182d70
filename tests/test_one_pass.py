"""Decisions without distributions: against the distributions themselves, and the parts that they are made of."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from checkpoints import TOKENIZERS

from qalens.reader import Reader
from qalens.records import LATER
from qalens.spans.decision import decide
from qalens.spans.distribution import SpanLogits, span_distribution
from qalens.spans.one_pass import plain_decisions
from qalens.spans.plain_tokens import over_next
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.text.windows import PairTokenizer, make_windows

TEXTS = [
    "Ada kept the lamp.",
    "the lamp",
    "The lamp, the room;  the keeper\tand the sea. " * 4,
    "Zoë léft the café to Ada.",
    "Zoe\u0308 left the 👩‍🚀 to A\u0301da.",
    "One\r\nline, two lines.",
    " \u00a0Ada of 東京 kept ミ it.",
]
LONG = "Ada kept the lamp of the room, and the sea was calm. " * 12


def random_logits(tokenizer, text, rng, *, max_length=384, scale=4.0):
    windows = make_windows(tokenizer, "Who kept it?", text, max_length=max_length)
    start, end = rng.normal(0, scale, (2, *windows.role.shape)).astype(np.float32)
    return SpanLogits(windows, start, end)


def assert_same(decision, spans, threshold):
    told = decide(spans, threshold=threshold)
    for mine, theirs in ((decision.best, told.best), (decision.answer, told.answer)):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert replace(mine, probability=0.0) == replace(theirs, probability=0.0)
            assert mine.probability == pytest.approx(theirs.probability, rel=1e-9)
    assert (decision.margin, decision.threshold) == (told.margin, told.threshold)
    assert decision.null_score == told.null_score
    assert decision.log_normalizer == pytest.approx(told.log_normalizer, rel=0, abs=1e-9)
    assert decision.no_answer_probability == pytest.approx(spans.null_probability, rel=1e-9)


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("length", [1, 3, 30, 500])
def test_a_batch_is_decided_as_its_distributions_are(name, length):
    pair, rng = PairTokenizer(TOKENIZERS[name]()), np.random.default_rng(length)
    logits = [random_logits(pair, text, rng) for text in TEXTS for _ in range(3)]
    decided = plain_decisions(logits, max_answer_length=length, threshold=-1.0)
    assert decided[3] is not None or name == "xlm-roberta-scripts"  # which spells these words
    for one, decision in zip(logits, decided, strict=True):
        if decision is not None:
            assert_same(decision, span_distribution(one, max_answer_length=length), -1.0)


def test_of_equal_scores_the_earlier_and_then_the_shorter_span_is_best():
    windows = make_windows(toy_tokenizer(), "Who?", "a a a a a a a a")
    logits = SpanLogits(
        windows, np.zeros(windows.role.shape, np.float32), np.zeros(windows.role.shape, np.float32)
    )
    (decision,) = plain_decisions([logits], max_answer_length=4, threshold=0.0)
    assert_same(decision, span_distribution(logits, max_answer_length=4), 0.0)
    assert decision.best.span.end == 1


def with_values(logits, changes):
    start, end = logits.start.copy(), logits.end.copy()
    first = int(logits.windows.answerable[0].argmax())
    for which, token, value in changes:
        (start, end)[which][0, first + token] = value
    return SpanLogits(logits.windows, start, end)


ODD = {
    "several windows": lambda rng: random_logits(toy_tokenizer(), LONG, rng, max_length=48),
    "a masked token": lambda rng: with_values(
        random_logits(toy_tokenizer(), TEXTS[0], rng), [(0, 1, -np.inf)]
    ),
    "graphemes in parts": lambda rng: random_logits(toy_tokenizer(), TEXTS[4], rng),
    "no token": lambda rng: random_logits(toy_tokenizer(), "\x00", rng),
    "a best start too far from the best end": lambda rng: with_values(
        random_logits(toy_tokenizer(), "a b " * 20, rng), [(0, 39, 900.0), (1, 0, 900.0)]
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_needs_its_distribution_is_left_to_it_and_changes_no_neighbour(odd):
    rng = np.random.default_rng(0)
    first, last = (random_logits(toy_tokenizer(), text, rng) for text in TEXTS[:2])
    decided = plain_decisions([first, ODD[odd](rng), last], max_answer_length=30, threshold=0.0)
    assert decided[1] is None
    assert_same(decided[0], span_distribution(first), 0.0)
    assert_same(decided[2], span_distribution(last), 0.0)


@pytest.mark.parametrize("combine", [np.add, np.maximum])
@pytest.mark.parametrize(("n", "L"), [(1, 1), (2, 2), (7, 3), (9, 8), (40, 30), (31, 31)])
def test_neighbours_are_combined_as_one_by_one(combine, n, L):
    values = np.random.default_rng(n).normal(size=(2, n))
    slow = [[combine.reduce(row[k : k + L]) for k in range(n)] for row in values]
    np.testing.assert_allclose(over_next(values, L, combine), slow, rtol=1e-12)
    assert (values == np.random.default_rng(n).normal(size=(2, n))).all()


# --- readings that make their spans later -----------------------------------------------------------------------------


@pytest.fixture
def reader():
    return Reader(toy_model(), toy_tokenizer(), max_length=96)


@pytest.fixture
def never_spans(monkeypatch):
    def made(*_, **__):
        raise AssertionError("the distribution was made")

    monkeypatch.setattr("qalens.readings.reading.spans_of", made)
    monkeypatch.setattr("qalens.models.batches.span_distribution", made)


def test_a_decision_makes_no_distribution(reader, never_spans):
    reading = reader.read("Who kept it?", TEXTS[0])
    assert (reading.no_answer_probability, reading.margin) != (None, None)
    assert reading.with_threshold(99).answer == reading.decision.best
    again = pickle.loads(pickle.dumps(copy.copy(reading)))
    assert again.decision == reading.decision
    with pytest.raises(AssertionError, match="was made"):
        again.spans  # noqa: B018


def test_spans_are_made_once_and_agree_with_the_decision_to_the_last_digit(reader):
    reading = reader.read("Who kept it?", TEXTS[2])
    assert reading.spans is reading.spans
    assert reading.spans.top(1)[0] == reading.decision.best
    assert reading.spans.null_probability == reading.no_answer_probability
    slow = span_distribution(reading.logits, max_answer_length=reading.max_answer_length)
    np.testing.assert_allclose(reading.spans.log_prob, slow.log_prob, rtol=0, atol=1e-9)
    again = pickle.loads(pickle.dumps(reading))
    assert not again.spans.score.flags.writeable
    assert (again.spans.score == reading.spans.score).all()


def test_spans_that_were_given_are_kept():
    reading = planted_reading("Who?", TEXTS[0], answer="Ada")
    assert reading.with_threshold(-50).spans is reading.spans
    assert pickle.loads(pickle.dumps(reading)).spans.null_score == reading.spans.null_score
    bare = replace(reading, spans=LATER)
    assert bare.spans is not reading.spans
    assert (bare.spans.score == reading.spans.score).all()


def test_a_batch_of_many_texts_is_decided_like_each_alone(reader):
    pairs = [("Who kept it?", text) for text in [*TEXTS, LONG]]
    for (question, text), together in zip(pairs, reader.read_many(pairs), strict=True):
        alone = reader.read(question, text)
        assert together.decision.best.span == alone.decision.best.span
        assert_same(together.decision, together.spans, 0.0)
