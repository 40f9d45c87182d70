"""Many documents, one distribution: brute force over all spans of all documents, and what each answer came from."""

from __future__ import annotations

import json
import math
import pickle
import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from checkpoints import QUESTION, SENTENCES, STORY
from reference import Reference, log_sum_exp

from qalens.errors import InputError, ModelError
from qalens.reader import Reader
from qalens.readings.documents import DocumentsReading, join_readings
from qalens.readings.provenance import Document, DocumentAnswer, as_document
from qalens.readings.reading import FailedReading
from qalens.retrieval import Index
from qalens.testing import planted_reading, toy_model, toy_tokenizer

TEXTS = (STORY, SENTENCES[4], SENTENCES[0], " ".join(SENTENCES[5:9]))


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer(), max_length=64)


@pytest.fixture(scope="module")
def reading(reader):
    return reader.read_documents(QUESTION, TEXTS)


def joined(*answers: tuple[str, str | None], null: str = "min", threshold: float = 0.0, **options):
    """Planted readings of (text, answer) pairs as one reading."""
    readings = [planted_reading(QUESTION, text, answer=answer, **options) for text, answer in answers]
    return join_readings(
        QUESTION, [Document(t) for t, _ in answers], readings, null=null, threshold=threshold
    )


# --- one distribution -------------------------------------------------------------------------------------------

RULES = {"min": min, "max": max, "mean": lambda scores: math.fsum(scores) / len(scores)}


@pytest.mark.parametrize("rule", RULES)
def test_it_is_the_brute_force_distribution_over_all_spans_of_all_documents(reader, rule):
    reading = reader.read_documents(QUESTION, TEXTS, null=rule)
    references = [Reference.of(one.logits) for one in reading.readings]
    nulls = [float(n) for one in reading.readings for n in one.logits.null_scores]
    null = RULES[rule](nulls)
    scores = [(s, d, *span) for d, one in enumerate(references) for span, s in one.scores.items()]
    log_z = log_sum_exp([null, *(s for s, *_ in scores)])
    assert len({d for _, d, *_ in scores}) == len(TEXTS)
    assert len(nulls) > len(TEXTS)
    assert reading.null_score == pytest.approx(null)
    assert reading.no_answer_probability == pytest.approx(math.exp(null - log_z), rel=1e-9)
    ranked = sorted(scores, key=lambda one: (-one[0], *one[1:]))
    found = reading.top(200)
    assert [(a.document, a.span.start, a.span.end) for a in found] == [tuple(one[1:]) for one in ranked[:200]]
    assert [a.probability for a in found] == pytest.approx([math.exp(s - log_z) for s, *_ in ranked[:200]])
    for d in range(len(TEXTS)):
        mass = math.fsum(math.exp(s - log_z) for s, e, *_ in scores if e == d)
        assert reading.document_probabilities[d] == pytest.approx(mass)
        assert reading.probabilities(d).sum() == pytest.approx(mass)


def test_all_probabilities_sum_to_one(reading):
    spans = sum(reading.probabilities(d).sum() for d in range(len(reading)))
    assert spans + reading.no_answer_probability == pytest.approx(1, abs=1e-12)
    assert reading.document_probabilities.sum() + reading.no_answer_probability == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("text", TEXTS[:2], ids=["several windows", "one window"])
def test_one_document_alone_is_read_as_ever(reader, rule, text):
    alone = reader.with_options(null=rule).read(QUESTION, text)
    reading = reader.read_documents(QUESTION, [text], null=rule)
    assert reading.no_answer_probability == pytest.approx(alone.no_answer_probability, rel=1e-12)
    assert reading.margin == pytest.approx(alone.margin, rel=1e-12)
    assert reading.probabilities(0) == pytest.approx(alone.spans.probabilities(), rel=1e-9)
    assert (reading.answer is None) == (alone.answer is None)
    for ours, theirs in zip(reading.top(20), alone.spans.top(20), strict=True):
        assert (ours.text, ours.span, ours.window, ours.tokens) == (
            theirs.text,
            theirs.span,
            theirs.window,
            theirs.tokens,
        )
        assert ours.probability == pytest.approx(theirs.probability, rel=1e-9)


def test_the_order_of_documents_changes_nothing(reader, reading):
    order = list(range(len(TEXTS)))
    random.Random(3).shuffle(order)
    other = reader.read_documents(QUESTION, [TEXTS[d] for d in order])
    assert order != sorted(order)
    assert other.no_answer_probability == pytest.approx(reading.no_answer_probability, rel=1e-5)
    assert other.margin == pytest.approx(reading.margin, rel=1e-5)
    assert [(order[a.document], a.span) for a in other.top(30)] == [
        (a.document, a.span) for a in reading.top(30)
    ]
    assert other.document_probabilities == pytest.approx(reading.document_probabilities[order], rel=1e-4)


def test_a_document_with_nothing_to_say_takes_little_and_the_best_document_wins():
    whole = joined(("Tobias slept.", None), ("Ada kept the lamp.", "Ada"), ("It kept the room.", None))
    assert (whole.answer.document, whole.answer.text) == (1, "Ada")
    assert whole.document_probabilities.argmax() == 1
    assert whole.best_reading is whole.readings[1]


@pytest.mark.parametrize("rule", RULES)
def test_the_null_rule_runs_over_all_windows_of_all_documents(rule):
    sure = planted_reading(QUESTION, "Tobias slept.", answer=None, strength=5)
    unsure = planted_reading(QUESTION, "Ada kept the lamp.", answer="Ada", strength=4)
    whole = join_readings(
        QUESTION, [Document("Tobias slept."), Document("Ada kept the lamp.")], [sure, unsure], null=rule
    )
    assert whole.null_score == {"min": 0.0, "max": 10.0, "mean": 5.0}[rule]
    assert whole.margin == whole.null_score - 8.0
    assert (whole.answer is None) == (rule == "max")


def test_a_ctrl_c_behind_the_last_document_is_not_lost():
    class Interrupted(Reader):
        def _read_many(self, items, bar):
            yield from super()._read_many(items, bar)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Interrupted(toy_model(), toy_tokenizer()).read_documents(
            "Who?", ["Ada kept the lamp.", "Tobias slept."]
        )


# --- decisions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [-30, -20.0, -19.5, 0, math.inf, -math.inf])
def test_another_threshold_changes_the_decision_and_nothing_else(threshold):
    before = joined(("Tobias slept.", None), ("Ada kept the lamp.", "Ada"), strength=10)
    after = before.with_threshold(threshold)
    assert (after.answer is not None) == (threshold >= -20.0)
    assert after.decision.best == before.decision.best
    assert after.readings is before.readings
    assert after.decision.threshold == threshold
    made = joined(("Tobias slept.", None), ("Ada kept the lamp.", "Ada"), strength=10, threshold=threshold)
    assert (made.decision.margin, made.decision.threshold) == (
        after.decision.margin,
        after.decision.threshold,
    )
    assert (made.answer is None) == (after.answer is None)


def test_a_threshold_of_the_reader_counts(reader):
    assert reader.with_options(threshold=math.inf).read_documents(QUESTION, TEXTS).answer is not None
    assert reader.with_options(threshold=-math.inf).read_documents(QUESTION, TEXTS).answer is None


def test_documents_without_a_span_leave_no_answer(reader):
    reading = reader.read_documents(QUESTION, ["\x00", "\x07\x00"])
    assert reading.answer is None
    assert reading.decision.best is None
    assert reading.margin == math.inf
    assert reading.no_answer_probability == 1
    assert reading.top(3) == ()
    assert reading.best_reading is reading.readings[0]


def test_places_of_all_documents_are_those_of_each_in_the_joint_distribution(reading):
    found = reading.answers(0.02)
    expected = []
    for d, one in enumerate(reading.readings):
        share = math.exp(one.spans.log_normalizer - reading.log_normalizer)
        for place in one.spans.clusters():
            expected.append((share * place.probability, d, place.best.span))
    expected.sort(key=lambda one: -one[0])
    assert len(found) > 2
    assert [(p.best.document, p.best.span) for p in found] == [(d, span) for _, d, span in expected][
        : len(found)
    ]
    assert [p.probability for p in found] == pytest.approx([p for p, _, _ in expected][: len(found)])
    with pytest.raises(InputError, match="cut has to lie between 0 and 1"):
        reading.answers(2)


def test_equal_spans_of_different_documents_stay_apart():
    whole = joined(("Ada kept the lamp.", "Ada"), ("Ada kept the lamp.", "Ada"))
    first, second = whole.top(2)
    assert (first.document, second.document) == (0, 1)
    assert first.probability == second.probability == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("k", [0, 1, 7, 10**6])
def test_as_many_spans_as_asked_for(reading, k):
    total = sum(len(one.spans) for one in reading.readings)
    assert len(reading.top(k)) == min(k, total)


@pytest.mark.parametrize("k", [-1, 1.5, True, "many"])
def test_a_number_of_spans_that_is_none_is_refused(reading, k):
    with pytest.raises(InputError, match="top needs a number of spans from 0 on"):
        reading.top(k)


# --- where an answer comes from ---------------------------------------------------------------------------------


def haystack_like(text, **fields):
    return SimpleNamespace(content=text, **{"id": "a1", "meta": {"page": 3}, "score": 2.5, **fields})


FORMS = {
    "str": (STORY, None, {}, None),
    "content": ({"content": STORY, "id": 7, "meta": {"page": 3}}, 7, {"page": 3}, None),
    "text": ({"text": STORY, "score": 1}, None, {}, 1.0),
    "context": ({"context": STORY, "meta": None, "id": "x"}, "x", {}, None),
    "other keys": (
        {"text": STORY, "title": "story", "meta": {"page": 3}},
        None,
        {"title": "story", "page": 3},
        None,
    ),
    "haystack": (haystack_like(STORY), "a1", {"page": 3}, 2.5),
    "haystack without score": (haystack_like(STORY, score=None, meta=None), "a1", {}, None),
    "document": (Document(STORY, "d", {"page": 3}, 0.5), "d", {"page": 3}, 0.5),
}


@pytest.mark.parametrize(("given", "id", "meta", "score"), FORMS.values(), ids=list(FORMS))
def test_documents_come_in_many_forms_and_answers_know_theirs(reader, given, id, meta, score):
    reading = reader.with_options(threshold=math.inf).read_documents(QUESTION, iter([SENTENCES[4], given]))
    document = reading.documents[1]
    assert (document.text, document.id, dict(document.meta), document.score) == (STORY, id, meta, score)
    answers = [a for a in reading.top(200) if a.document == 1]
    assert answers
    for answer in answers:
        assert isinstance(answer, DocumentAnswer)
        assert (answer.id, dict(answer.meta)) == (id, meta)
        assert answer.source is document
        assert answer.text == document.text[answer.span.start : answer.span.end]
    s = int(reading.readings[1].spans.score.argmax())
    assert reading.at(1, s) == max(answers, key=lambda answer: answer.score)


NO_DOCUMENTS = [
    (3, "A document has to be a str, a dict .* but is of type int: 3"),
    (None, "A document has to be a str, a dict .* but is of type NoneType"),
    (b"Ada", "A document has to be a str"),
    ({"title": "Ada"}, "needs its text under one of 'content', 'text', 'context', but has none of them"),
    ({"text": "Ada", "content": "Ada"}, "but has 'content' and 'text'"),
    ({"text": "Ada", "meta": 3}, "The meta of a document has to be a dict, but is of type int"),
    ({"text": "Ada", "score": "good"}, "The score of a document has to be a number, but is 'good'"),
    ({"text": None, "id": "blank"}, "Document 1 \\(id 'blank'\\) has no text: its content is None"),
    (haystack_like(None), "Document 1 \\(id 'a1'\\) has no text"),
    ("", "The context is empty"),
    (" \n", "The context is blank"),
    ({"text": 7}, "The context has to be a str, but is of type int"),
    ("\ud800", "The context holds a lone surrogate"),
]


@pytest.mark.parametrize(("bad", "message"), NO_DOCUMENTS)
def test_what_is_no_document_fails_in_its_place_and_harms_no_other(reader, bad, message):
    whole = reader.read_documents(QUESTION, [TEXTS[0], bad, TEXTS[1]])
    without = reader.read_documents(QUESTION, [TEXTS[0], TEXTS[1]])
    ((place, failed),) = whole.failed
    assert place == 1
    assert isinstance(failed, FailedReading)
    with pytest.raises(InputError, match=message):
        raise failed.error
    assert whole.document_probabilities[1] == 0
    assert whole.probabilities(1).shape == (0,)
    assert whole.no_answer_probability == pytest.approx(without.no_answer_probability, rel=1e-6)
    assert [a.span for a in whole.top(9)] == [a.span for a in without.top(9)]
    assert {a.document for a in whole.top(10**5)} == {0, 2}


def test_junk_alone_is_an_error_with_the_first_reason(reader):
    with pytest.raises(
        InputError, match=r"None of the 2 documents could be read\. The first of them: .*empty"
    ):
        reader.read_documents(QUESTION, ["", None])


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "There is no document to read"),
        ((), "There is no document to read"),
        (STORY, "documents has to be a list of documents, but is one str"),
        ({"text": STORY}, "documents has to be a list of documents, but is one dict"),
        (Document(STORY), "documents has to be a list of documents, but is one Document"),
        (None, "documents has to be a list of documents, but is one NoneType"),
        (7, "documents has to be a list"),
    ],
)
def test_no_list_of_documents_is_an_error(reader, documents, message):
    with pytest.raises(InputError, match=message):
        reader.read_documents(QUESTION, documents)


@pytest.mark.parametrize("question", ["", "  ", None])
def test_a_question_that_cannot_be_read_is_an_error(reader, question):
    with pytest.raises(InputError, match="The question"):
        reader.read_documents(question, TEXTS)


def test_an_unknown_null_rule_is_an_error(reader):
    with pytest.raises(InputError, match='null has to be "min", "mean" or "max", but is \'median\''):
        reader.read_documents(QUESTION, TEXTS, null="median")


def test_more_text_than_memory_is_refused_before_anything_is_read():
    reader = Reader(toy_model(), toy_tokenizer(), max_memory=1400 * 100)
    assert len(reader.read_documents(QUESTION, ["ada kept it " * 8])) == 1
    with pytest.raises(
        InputError, match=r"The documents have 192 characters together, .* at most 100 at once"
    ):
        reader.read_documents(QUESTION, ["ada kept it " * 8] * 2)


def test_scores_that_are_all_minus_infinity_leave_nothing():
    one = planted_reading(QUESTION, "Ada kept the lamp.", answer="Ada", null=-math.inf)
    other = planted_reading(QUESTION, "\x00", answer=None)
    with pytest.raises(ModelError, match="minus infinity"):
        join_readings(QUESTION, [Document("\x00")], [without_null(other)])
    assert join_readings(QUESTION, [Document("Ada kept the lamp.")], [one]).no_answer_probability == 0


def without_null(reading):
    """The same reading with a null score of minus infinity; it has no span."""
    spans = replace(reading.spans, null_scores=np.array([-np.inf]), null_score=-math.inf)
    return replace(reading, spans=spans)


def test_readings_and_documents_have_to_be_as_many(reading):
    with pytest.raises(InputError, match="4 documents cannot have 1 readings"):
        DocumentsReading(
            question=reading.question,
            documents=reading.documents,
            readings=reading.readings[:1],
            null="min",
            null_score=0.0,
            log_mass=np.zeros(4),
            log_normalizer=0.0,
            decision=reading.decision,
        )


# --- keeping ----------------------------------------------------------------------------------------------------


def test_it_is_pickled_whole_and_stays_read_only(reading):
    after = pickle.loads(pickle.dumps(reading))
    assert after.to_dict() == reading.to_dict()
    assert not after.log_mass.flags.writeable
    assert after.top(3) == reading.top(3) or [a.span for a in after.top(3)] == [
        a.span for a in reading.top(3)
    ]


def test_it_is_json(reader):
    whole = reader.read_documents(QUESTION, [{"text": STORY, "id": 3}, "", "\x00"])
    found = whole.to_dict(2)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert len(found["spans"]) == 2
    assert [one["id"] for one in found["documents"]] == ["3", None, None]
    assert [one["error"] is None for one in found["documents"]] == [True, False, True]


def test_it_says_what_was_asked_and_answered():
    whole = joined(("Tobias slept.", None), ("Ada kept the lamp.", "Ada"))
    assert repr(whole) == f"DocumentsReading({QUESTION!r}, 2 documents: 'Ada' in document 1, P = 1.000)"
    assert repr(whole.with_threshold(-math.inf)).endswith("2 documents: no answer, P(no answer) = 0.000)")
    assert (len(whole), whole.error) == (2, None)


def test_as_document_gives_a_document_back_as_it_is():
    document = Document(STORY)
    assert as_document(document) is document
    assert repr(Document("Ada", id="log")) == "Document('Ada', id='log')"


# --- asking -----------------------------------------------------------------------------------------------------


def test_asking_reads_what_the_retriever_finds_and_mixes_no_score_in(reader):
    index = Index.build(TEXTS)
    found = index.search(QUESTION, 2)
    reading = reader.ask(QUESTION, index, top_k=2)
    plain = reader.read_documents(QUESTION, [one.text for one in found])
    assert [one.text for one in reading.documents] == [one.text for one in found]
    assert [one.score for one in reading.documents] == [one.score for one in found]
    assert reading.no_answer_probability == plain.no_answer_probability
    assert [a.probability for a in reading.top(5)] == [a.probability for a in plain.top(5)]


def test_asking_takes_any_object_that_searches(reader):
    class Shelf:
        def search(self, query, top_k):
            return [({"text": text, "id": k}, 1 / (k + 1)) for k, text in enumerate(TEXTS)][:top_k]

    reading = reader.ask(QUESTION, Shelf(), top_k=3, null="max")
    assert [(one.id, one.score) for one in reading.documents] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert reading.null == "max"
