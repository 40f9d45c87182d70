"""No answer begins or ends inside of what readers see as one character."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

import qalens
from qalens.explain.words import word_spans
from qalens.integrations.pipeline_readers import shortened
from qalens.integrations.transformers import QuestionAnsweringPipeline
from qalens.reader import Reader
from qalens.spans.candidates import legal_spans
from qalens.spans.per_window import span_copies
from qalens.testing import planted_logits, toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example
from qalens.text.graphemes import grapheme_starts, widen
from qalens.text.pair_tokenizer import PairTokenizer

SPECIMENS = {
    "a decomposed accent": "e\u0301",
    "two marks on one letter": "u\u0308\u0301",
    "Devanagari": "क्षि",
    "Thai": "กำ",
    "Hangul in parts": "\u1112\u1161\u11ab",
    "a family": "👨‍👩‍👧",
    "a flag": "🇩🇪",
    "a tone of skin": "👍🏽",
    "a keycap": "1️⃣",
    "Arabic with its vowels": "مَّ",
    "Hebrew with points": "שָׁ",
}  # fmt: skip


@pytest.mark.parametrize("one", SPECIMENS.values(), ids=list(SPECIMENS))
def test_each_is_one(one):
    assert np.flatnonzero(grapheme_starts(f"a{one}{one}b")).tolist() == [
        0,
        1,
        1 + len(one),
        1 + 2 * len(one),
        2 + 2 * len(one),
    ]


@given(st.text(st.sampled_from("ae \r\n\u0301\u0308\u200d👍🏽🇩🇪한\u1112\u1161क्षกำ"), max_size=12))
def test_the_short_way_for_plain_texts_changes_nothing(text):
    slow = [0, *(found.end() for found in regex.finditer(r"\X", text))]
    assert np.flatnonzero(grapheme_starts(text)).tolist() == sorted(set(slow))


@given(st.text(st.sampled_from("ae \u0301\u200d👍🏽🇩🇪"), min_size=1, max_size=10), st.data())
def test_widening_moves_outwards_and_as_little_as_possible(text, data):
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, len(text)))
    (a,), (b,) = widen(text, np.array([begin]), np.array([end]))
    starts = grapheme_starts(text)
    fits = [bool(starts[k]) or text[k - 1].isspace() for k in range(len(text) + 1)]
    assert fits[a]
    assert fits[b]
    assert a <= begin
    assert end <= b
    assert not any(fits[a + 1 : begin + 1])
    assert not any(fits[end:b])


@pytest.mark.parametrize("one", SPECIMENS.values(), ids=list(SPECIMENS))
def test_every_legal_span_has_whole_characters_at_both_edges(one):
    context = f"Ada {one}{one} kept a{one}."
    spans = Reader(toy_model(), toy_tokenizer()).read("Who?", context).spans
    starts = grapheme_starts(context)
    assert len(spans)
    assert starts[spans.start].all()
    assert starts[spans.end].all()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_answer_keeps_its_accent(form):
    context = unicodedata.normalize("NFD", "The keeper of the lamp was José.")
    context = unicodedata.normalize(form, context)
    said = unicodedata.normalize(form, "José")
    gold = CharSpan(context.index(said), context.index(said) + len(said))
    example = Example("Who was the keeper of the lamp?", context, id="1", gold=(gold,))
    report = qalens.evaluate(qalens.load(), [example], progress=False)
    (row,) = report.rows
    assert (row.answer.text, row.exact, row.f1) == (said, 1.0, 1.0)
    assert len(row.gold_scores) == 1


def test_a_span_of_parts_is_one_span_with_its_best_score():
    logits = planted_logits("Ada kept e\u0301.", answer="Ada")
    found = legal_spans(logits, max_answer_length=5)
    pairs = list(zip(found["start"].tolist(), found["end"].tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    for start, end, score in zip(found["start"], found["end"], found["score"], strict=True):
        assert max(copy.score for copy in span_copies(logits, CharSpan(int(start), int(end)))) == score


@pytest.mark.parametrize("scores", ["probability", "product"])
def test_answers_of_the_pipeline_are_whole_too(scores):
    context = "The keeper was Jose\u0301 Nu\u0301n\u0303ez."
    nlp = QuestionAnsweringPipeline(toy_model(), toy_tokenizer(), device="cpu", scores=scores, top_k=20)
    starts = grapheme_starts(context)
    for answer in nlp(question="Who?", context=context):
        assert starts[answer["start"]]
        assert starts[answer["end"]]


@pytest.mark.parametrize("one", SPECIMENS.values(), ids=list(SPECIMENS))
def test_words_and_shortened_questions_are_cut_between_characters(one):
    text = f"Who {one}{one} kept a{one}, {one}?"
    starts = grapheme_starts(text)
    for word in word_spans(text):
        assert starts[word.start]
        assert starts[word.end]
    pair = PairTokenizer(toy_tokenizer())
    for most in range(1, 12):
        assert starts[len(shortened(pair, text, most))]
