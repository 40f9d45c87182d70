"""The old scores come out again: compared with a slow recomputation, on real tokenizers and texts of many kinds."""

from __future__ import annotations

from functools import cache

import pytest
from checkpoints import QUESTION, STORY, TOKENIZERS, model
from old_pipeline import best_places, no_answer, old_answers

from qalens.integrations.transformers import QuestionAnsweringPipeline
from qalens.testing import toy_model, toy_tokenizer

ARCHITECTURES = ["bert-uncased", "bert-cased", "distilbert", "roberta", "xlm-roberta", "albert", "deberta-v2"]
LONG = QUESTION + " " + "And who else was there, if you can tell?" * 4
TEXTS = {
    "sentence": (QUESTION, "Ada Marlow kept the lamp of the lighthouse for thirty years."),
    "several windows": (QUESTION, STORY),
    "one word": ("Who?", "Tobias"),
    "punctuation": ("What?", "... !!! ?? ..."),
    "numbers": ("How much?", "It cost $2,500.75 (about 2,300 euro) in 1869–1871; 40% less."),
    "the same words twice": ("Which lamp?", "The lamp. the LAMP! The lamp of the Lamp."),
    "emoji": ("What did she send?", "She sent 🦊 and 👩‍🚀 to Tobias, and then 🌊🌊."),
    "right to left": ("מי הוא?", "טוביה תיקן את הפעמון. فتح آدا النافذة."),
    "blanks around": ("Who?", "   Ada   kept \n\n the lamp.  "),
    "control characters": ("Who was it?", "Ada\x00Marlow\x07 kept\u200b it\ufeff here."),
    "special tokens typed": ("Who was there?", "Ada [SEP] was there </s> in May [PAD] and <pad> in June."),
    "a blank question": ("   ", "The lens was carried up in 1871."),
    "a long question": (LONG, "Ada Marlow kept the lamp."),
}
OPTIONS = {
    "default": {},
    "top 5": {"top_k": 5, "handle_impossible_answer": True},
    "tokens": {"top_k": 5, "align_to_words": False},
    "one token": {"top_k": 4, "max_answer_len": 1},
    "long answers": {"top_k": 8, "max_answer_len": 60},
    "other windows": {"top_k": 3, "max_seq_len": 64, "doc_stride": 16, "handle_impossible_answer": True},
    "no overlap": {"top_k": 3, "max_seq_len": 90, "doc_stride": 0},
}


def tokenizer_of(architecture):
    tokenizer = TOKENIZERS[architecture]()
    tokenizer.model_max_length = 126
    return tokenizer


@cache
def parts(architecture):
    """A tokenizer for the reference, another for the pipeline (truncation is a state of it), and the model."""
    same_size = {"vocab_size": len(tokenizer_of(architecture))}
    module = model(architecture.replace("bert-cased", "bert-uncased"), **same_size)
    return tokenizer_of(architecture), tokenizer_of(architecture), module


def pipeline_of(architecture, **options):
    _, tokenizer, module = parts(architecture)
    return QuestionAnsweringPipeline(module, tokenizer, device="cpu", **options)


def assert_same(ours, expected):
    """The same places with the same scores, best first; equal scores may stand in any order."""
    ours = [ours] if isinstance(ours, dict) else ours
    assert [one["score"] for one in ours] == pytest.approx([one["score"] for one in expected], rel=2e-5)
    # What ties with the last may be cut on one side and stay on the other.
    sure = [one for one in expected if one["score"] > expected[-1]["score"] * (1 + 1e-4)]
    said = [(one["start"], one["end"], one["answer"]) for one in ours]
    for one in sure:
        assert (one["start"], one["end"], one["answer"]) in said


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_text_gets_the_old_scores(architecture, text):
    tokenizer, _, module = parts(architecture)
    question, context = TEXTS[text]
    options = {"top_k": 5, "handle_impossible_answer": True}
    asked = {"question": question, "context": context, **options}
    exact = pipeline_of(architecture, scores="transformers")
    assert_same(exact(**asked), old_answers(tokenizer, module, question, context, **options))
    product = pipeline_of(architecture, scores="product")
    assert_same(product(**asked), best_places(tokenizer, module, question, context, **options))


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("architecture", ["bert-uncased", "roberta", "xlm-roberta"])
def test_every_option_means_what_it_meant(architecture, option):
    tokenizer, _, module = parts(architecture)
    options = OPTIONS[option]
    asked = {"question": QUESTION, "context": STORY, **options}
    exact = pipeline_of(architecture, scores="transformers")
    assert_same(exact(**asked), old_answers(tokenizer, module, QUESTION, STORY, **options))
    product = pipeline_of(architecture, scores="product")
    assert_same(product(**asked), best_places(tokenizer, module, QUESTION, STORY, **options))


@pytest.mark.parametrize("scores", ["product", "transformers"])
def test_no_answer_has_the_score_of_the_window_that_denies_it_most(scores):
    tokenizer, _, module = parts("bert-uncased")
    options = {"max_seq_len": 64, "doc_stride": 16, "handle_impossible_answer": True}
    (expected,) = no_answer(tokenizer, module, QUESTION, STORY, options)
    answers = pipeline_of("bert-uncased")(
        question=QUESTION, context=STORY, top_k=9000, scores=scores, **options
    )
    (nothing,) = [one for one in answers if one["answer"] == ""]
    assert nothing == {**expected, "score": pytest.approx(expected["score"], rel=2e-5)}


def test_the_two_ways_differ_where_texts_are_equal():
    question, context = TEXTS["the same words twice"]
    nlp = pipeline_of("bert-uncased", top_k=5)
    exact = nlp(question=question, context=context, scores="transformers")
    product = nlp(question=question, context=context, scores="product")
    assert exact[0]["score"] > product[0]["score"]


@pytest.mark.parametrize("scores", ["product", "transformers"])
def test_a_word_that_a_window_cuts_off_ends_where_the_window_does(scores):
    # Ten letters of one word; windows of six tokens hold two of them, and share none.
    nlp = QuestionAnsweringPipeline(
        toy_model(), toy_tokenizer(), device="cpu", scores=scores, max_seq_len=6, doc_stride=0, top_k=50
    )
    answers = nlp(question="who", context="zyxwvutsrq")
    assert {(one["start"], one["end"]) for one in answers} == {(k, k + 2) for k in range(0, 10, 2)}


def test_max_question_len_leaves_the_old_scores_alone(caplog):
    nlp = pipeline_of("bert-uncased", scores="product")
    asked = {"question": LONG, "context": "Ada Marlow kept the lamp."}
    assert nlp(**asked, max_question_len=4) == nlp(**asked)
    assert "max_question_len changes nothing" in caplog.text
