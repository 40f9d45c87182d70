"""What counts as a right answer, and what edits do to examples."""

from __future__ import annotations

from random import Random

import pytest

from qalens.behavior.builtin.edit_tests import (
    contractions,
    entity_swapped,
    name_swapped,
    punctuation,
    question_negated,
    sentences_shuffled,
    typos,
    unrelated_sentence,
)
from qalens.behavior.cases import Case, JudgedCase, Said, is_accepted, says_the_same
from qalens.behavior.rates import wilson
from qalens.errors import InputError
from qalens.text.examples import CharSpan, Example


@pytest.mark.parametrize(
    ("answer", "accepted", "right"),
    [
        ("1911", ("1911", "in 1911"), True),
        ("in 1911", ("1911", "in 1911"), True),
        ("In 1911.", ("1911", "in 1911"), True),
        ("Kelby in 1911", ("1911", "in 1911"), False),
        ("1", ("1911",), False),
        ("the Lamp", ("lamp",), True),
        ("by", ("Ada", "by Ada"), False),
    ],
)
def test_an_answer_lies_between_the_accepted_ones(answer, accepted, right) -> None:
    assert is_accepted(answer, accepted) is right


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada", "Ada Marlow", True),
        (None, None, True),
        ("Ada", None, False),
        ("Ada", "Adam", False),
        ("the", "the", True),
    ],
)
def test_answers_say_the_same_where_one_is_a_piece_of_the_other(one, other, same) -> None:
    assert says_the_same(one, other) is says_the_same(other, one) is same


def test_an_answer_follows_a_name_that_was_swapped() -> None:
    case = Case(
        "Who?", "Nora rowed.", "same answer", original=("Who?", "Ada rowed."), renamed=(("Ada", "Nora"),)
    )
    assert case.judge("Nora", "Ada")
    assert not case.judge("Ada", "Ada")
    assert not case.judge(None, "Ada")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expect": "nothing"}, "A case expects one of"),
        ({"expect": "answer"}, "needs accepted answers"),
        ({"expect": "same answer"}, "needs the question and text before the edit"),
    ],
)
def test_a_case_that_cannot_be_judged_is_refused(options, message) -> None:
    with pytest.raises(InputError, match=message):
        Case("Who?", "Ada rowed.", **options)


def test_a_judged_case_goes_to_plain_values_and_back() -> None:
    case = Case(
        "Who?", "Nora rowed.", "same answer", original=("Who?", "Ada rowed."), renamed=(("Ada", "Nora"),)
    )
    judged = JudgedCase(case, Said("Nora", 0, 4, -1.5), Said("Ada", 0, 3, -2.0), False, "7")
    assert JudgedCase.from_dict(judged.to_dict()) == judged
    assert (judged.example.question, judged.original.context, judged.original.id) == (
        "Who?",
        "Ada rowed.",
        "7",
    )


def _example(
    question: str, context: str = "Ada kept the lamp of Kelby. Tobias did not help Ada.", **more
) -> Example:
    return Example(question, context, **more)


def test_typos_leave_names_numbers_and_short_words_alone() -> None:
    asked = "Which Keeper kept 12345 of the lanterns?"
    for seed in range(20):
        edited = typos(_example(asked), Random(seed)).question
        assert edited != asked
        assert edited.split()[:-1] == asked.split()[:-1]
        assert sorted(edited) == sorted(asked)


@pytest.mark.parametrize(
    ("asked", "edited"),
    [
        ("Who is the keeper?", "Who's the keeper?"),
        ("What's the lamp?", "What is the lamp?"),
        ("Why did Tobias not help?", "Why did Tobias not help?"),
        ("Who did not help?", "Who didn't help?"),
    ],
)
def test_contractions_go_both_ways(asked, edited) -> None:
    assert contractions(_example(asked), Random(0)).question == edited


def test_punctuation_only_changes_the_end() -> None:
    for seed in range(10):
        edited = punctuation(_example("Who kept it?"), Random(seed)).question
        assert edited.startswith("Who kept it")
        assert edited != "Who kept it?"


@pytest.mark.parametrize(
    ("asked", "edited"),
    [
        ("Who is the keeper?", "Who isn't the keeper?"),
        ("Which lamp did Ada keep?", "Which lamp didn't Ada keep?"),
        ("Who kept the lamp?", None),
        ("When did Ada row?", None),
        ("Who is not the keeper?", None),
    ],
)
def test_questions_are_negated_where_a_rule_can(asked, edited) -> None:
    made = question_negated(_example(asked), Random(0))
    assert made == "a question that no rule can negate" if edited is None else made.question == edited


def test_an_entity_is_swapped_for_one_that_the_text_does_not_know() -> None:
    made = entity_swapped(_example("Who kept the lamp of Kelby?"), Random(0))
    name = made.question.removeprefix("Who kept the lamp of ").rstrip("?")
    assert name[0].isupper()
    assert name not in made.context
    assert (
        entity_swapped(_example("Who kept the lamp of Tarsk?"), Random(0))
        == "no name in the question that the text has, too"
    )
    assert (
        entity_swapped(_example("Who kept Kelby?", gold=()), Random(0))
        == "the question has no answer already"
    )
    assert "no name" in entity_swapped(_example("What was on Monday?", "It rained on Monday."), Random(0))


def test_a_name_is_swapped_everywhere_and_only_whole() -> None:
    case = name_swapped(
        _example("What did Tobias do to Ada?", "In spring Ada rowed, and Adam slept."), Random(0)
    )
    # "Ada" is a part of "Adam", and no other name is free.
    assert case.renamed[0][0] == "Adam"
    case = name_swapped(_example("Who saw Tobias?", "We saw Tobias."), Random(0))
    new = case.renamed[0][1]
    assert (case.question, case.context) == (f"Who saw {new}?", f"We saw {new}.")
    assert name_swapped(_example("Who?", "We saw it."), Random(0)) == "no name that could be swapped"


def test_only_texts_without_words_that_point_backwards_are_shuffled() -> None:
    text = "Ada rowed. Tobias slept. Nora sang."
    made = sentences_shuffled(_example("Who?", text), Random(0))
    assert made.context != text
    assert sorted(made.context.split()) == sorted(text.split())
    assert "may depend" in sentences_shuffled(_example("Who?", "Ada rowed. She sang."), Random(0))
    assert sentences_shuffled(_example("Who?", "Ada rowed."), Random(0)) == "the text is one sentence"


def test_an_added_sentence_shares_no_word_with_the_question() -> None:
    asked = (
        "Who forgot gloves on the football ground under an apple tree in snow with yellow umbrellas and soup?"
    )
    assert "shares a word" in unrelated_sentence(_example(asked), Random(0))
    made = unrelated_sentence(_example("Who kept the lamp?", gold=(CharSpan(0, 3),)), Random(0))
    assert "Ada kept the lamp of Kelby." in made.context


def test_a_rate_quotes_what_it_was_given() -> None:
    assert wilson(1, 2, quoted="a case").high.quoted == "a case"
