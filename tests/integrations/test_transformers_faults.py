"""Faults that the old pipeline had do not come back: one test for each."""

from __future__ import annotations

import math

import pytest
from checkpoints import TOKENIZERS, model
from planted import planted_pipeline

from qalens.errors import InputError
from qalens.integrations.transformers import QuestionAnsweringPipeline
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.windows import Role

FAULTLESS = pytest.mark.parametrize("scores", ["probability", "product"])
EVERY_SCORE = pytest.mark.parametrize("scores", ["probability", "product", "transformers"])


def toy_pipeline(**options):
    return QuestionAnsweringPipeline(toy_model(), toy_tokenizer(), device="cpu", **options)


def test_a_short_last_window_does_not_win_by_being_short():
    # "ada" has the best logits of the text; the last window holds "room" and little else to share its probability with.
    filler = "the lamp is on " * 9
    text = f"ada {filler}room"
    planted = {"ada": 3.0, "room": 2.0, "lamp": 1.5, "is": 1.5, "the": 1.5, "on": 1.5}
    nlp = planted_pipeline(planted, planted, max_seq_len=24, doc_stride=4, max_answer_len=1)
    asked = {"question": "who", "context": text}
    assert nlp(**asked, scores="product")["answer"] == "room"
    assert nlp(**asked)["answer"] == "ada"


@FAULTLESS
def test_no_score_is_above_one(scores):
    nlp = planted_pipeline({"lamp": 9.0}, {"lamp": 9.0}, scores=scores, max_seq_len=16, doc_stride=4)
    answers = nlp(question="who", context="the lamp is on " * 12, top_k=8)
    assert sum(one["answer"] == "lamp" for one in answers) > 1
    assert all(0 <= one["score"] <= 1 for one in answers)
    exact = nlp(question="who", context="the lamp is on " * 12, top_k=8, scores="transformers")
    assert exact[0]["score"] > 1


@FAULTLESS
def test_an_answer_stands_where_its_best_copy_stands(scores):
    # The first lamp shares its window with ada, so the second has the better score in its own.
    text = "lamp ada " + "is on it " * 8 + "lamp"
    nlp = planted_pipeline(
        {"lamp": 5.0, "ada": 4.5}, {"lamp": 5.0, "ada": 4.5}, scores=scores, max_seq_len=18, doc_stride=2
    )
    answers = nlp(question="who", context=text, top_k=3, max_answer_len=1)
    assert {one["start"] for one in answers if one["answer"] == "lamp"} == {0, text.rindex("lamp")}
    assert all(one["answer"] == text[one["start"] : one["end"]] for one in answers)


@FAULTLESS
def test_the_best_score_does_not_hang_on_top_k(scores):
    nlp = toy_pipeline(scores=scores)
    asked = {
        "question": "Who kept the lamp?",
        "context": "Tobias kept the lamp in the lighthouse of Marlowport.",
    }
    best = nlp(**asked)
    for k in (2, 5, 20, 50):
        first = nlp(**asked, top_k=k)[0]
        assert first == {**best, "score": pytest.approx(best["score"], rel=1e-6)}


@FAULTLESS
def test_as_many_answers_come_as_were_asked_for(scores):
    # Forty letters make one word, so hundreds of token spans widen to the same few answers.
    text = "zyxwvutsrqponmlkjihgfedcbazyxwvutsrqponm ada kept it lit"
    answers = toy_pipeline(scores=scores)(question="Who?", context=text, top_k=9)
    assert len({(one["start"], one["end"]) for one in answers}) == 9


@EVERY_SCORE
def test_dict_or_list_is_told_by_the_call_and_not_by_the_count(scores):
    nlp = toy_pipeline(scores=scores)
    one_word = {"question": "Who?", "context": "ada"}
    assert isinstance(nlp(**one_word), dict)
    assert isinstance(nlp(**one_word, top_k=4), list)
    assert isinstance(nlp([one_word]), list)
    assert isinstance(nlp([one_word], top_k=4)[0], list)
    assert isinstance(nlp(question=["Who?"], context="ada"), list)


@EVERY_SCORE
def test_one_empty_context_harms_no_other(scores):
    nlp = toy_pipeline(scores=scores)
    good = {"question": "Who?", "context": "Ada kept it."}
    items = [good, {"question": "Who?", "context": ""}, {"context": "Ada"}, None, good]
    answers = nlp(items)
    assert answers[0] == answers[4]
    assert answers[0]["answer"] == nlp(good)["answer"]
    for failed in answers[1:4]:
        assert failed["answer"] is failed["score"] is failed["start"] is failed["end"] is None
        assert failed["error"]
    assert "context is empty" in answers[1]["error"]
    (listed,) = nlp([{"question": "Who?", "context": ""}], top_k=2, return_reading=True)
    assert listed[0]["reading"].error is not None


def test_an_unknown_option_is_an_error():
    nlp = toy_pipeline()
    with pytest.raises(InputError, match="no option max_seq_length; it has top_k"):
        nlp(question="Who?", context="Ada.", max_seq_length=64)
    with pytest.raises(InputError, match="no option frame"):
        toy_pipeline(frame="pt")


@EVERY_SCORE
@pytest.mark.parametrize("words", [17, 18, 28], ids=["as much", "less", "nearly none"])
def test_a_question_that_leaves_no_more_room_than_the_stride_is_cut(scores, words):
    # 32 tokens, three of them special: 17 of a question leave the 12 of the overlap, and no window would ever move.
    nlp = toy_pipeline(scores=scores, max_seq_len=32, doc_stride=12)
    with pytest.warns(UserWarning, match="the end of the question is cut"):
        answer = nlp(question="who " * words, context="ada kept it " * 20, return_reading=True)
    assert answer["reading"].windows.lengths.max() <= 32
    assert answer["answer"]


@pytest.mark.parametrize("scores", ["product", "transformers"])
def test_old_scores_leave_a_question_whole_as_long_as_that_leaves_room(scores):
    nlp = toy_pipeline(scores=scores, max_seq_len=32, doc_stride=12)
    reading = nlp(question="who " * 16, context="ada kept it " * 5, return_reading=True)["reading"]
    assert (reading.windows.role[0] == Role.QUESTION).sum() == 16
    assert reading.windows.context_index[1].max() > reading.windows.context_index[0].max()


def test_a_long_question_is_cut_so_that_the_text_has_room():
    nlp = toy_pipeline(max_seq_len=64, doc_stride=8)
    with pytest.warns(UserWarning, match="the end of the question is cut"):
        reading = nlp(question="who " * 60, context="ada kept it", return_reading=True)["reading"]
    assert reading.windows.answerable.sum() == 3


def test_max_seq_len_is_held_against_the_model():
    with pytest.raises(InputError, match="max_length 600 is more than the 512 tokens"):
        toy_pipeline()(question="Who?", context="Ada.", max_seq_len=600)


@EVERY_SCORE
def test_padding_on_the_left_changes_nothing(scores):
    tokenizer = toy_tokenizer()
    tokenizer.padding_side = "left"
    left = QuestionAnsweringPipeline(toy_model(), tokenizer, device="cpu", scores=scores, top_k=3)
    right = toy_pipeline(scores=scores, top_k=3)
    items = [("Who kept the lamp?", "Ada kept it on and on and on."), ("Who?", "Ada [PAD] kept it.")]
    for ours, expected in zip(left(items), right(items), strict=True):
        for one, other in zip(ours, expected, strict=True):
            assert one == {**other, "score": pytest.approx(other["score"], rel=1e-6)}


@EVERY_SCORE
def test_a_null_token_typed_in_the_question_is_no_answer(scores):
    nlp = planted_pipeline({"[CLS]": 9.0, "ada": 0.0}, {"[CLS]": 9.0, "ada": 0.0}, scores=scores)
    text = "so ada kept it"
    answer = nlp(question="who [CLS] was there", context=text)
    assert (answer["start"], answer["answer"]) == (3, "ada")


def test_a_null_token_typed_in_the_text_is_text():
    nlp = planted_pipeline({"[CLS]": 9.0, "ada": 3.0}, {"[CLS]": 9.0, "ada": 3.0})
    answer = nlp(question="who", context="so [CLS] ada kept it", return_reading=True)
    assert (answer["start"], answer["answer"]) == (9, "ada")
    assert (answer["reading"].windows.tokens == "[CLS]").sum() == 1


@FAULTLESS
def test_answers_have_no_blanks_around_them(scores):
    nlp = QuestionAnsweringPipeline(
        model("xlm-roberta"), TOKENIZERS["xlm-roberta"](), device="cpu", scores=scores, max_seq_len=64
    )
    text = "  Ada   kept \n\n the lamp.  "
    for align in (True, False):
        answers = nlp(question="Who?", context=text, top_k=30, align_to_words=align)
        assert answers
        assert all(one["answer"] == one["answer"].strip() != "" for one in answers)


@EVERY_SCORE
def test_a_long_text_is_merged_without_comparing_every_answer_with_every_other(scores):
    # The old pipeline compared every answer with all before it: a text like this took it minutes.
    planted = {"ada": 2.0, "lamp": 1.0}
    nlp = planted_pipeline(planted, planted, scores=scores, max_seq_len=64, doc_stride=16)
    text = "ada kept the lamp on " * 1500
    answers = nlp(question="who", context=text, top_k=20)
    assert len(answers) == 20
    assert all(math.isfinite(one["score"]) for one in answers)
    assert answers == sorted(answers, key=lambda one: -one["score"])
