"""The figures of prediction files against the published rules, told again slowly; to the last digit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_rows import random_rows, row
from published_rules import figures, plain

from qalens.errors import InputError
from qalens.evaluation.scores.squad import score_predictions, squad1_scores, squad_scores
from qalens.spans.distribution import normalize_answer

WORDS = [
    "the",
    "a",
    "An",
    "lamp",
    "Lamp!",
    "room",
    "été",
    "灯台",
    "U.S.",
    "co-op",
    "1,871",
    "«Ada»",
    "ada",
    "“the”",
    "the-lamp",
]
GLUE = [" ", "  ", "\t", "\u00a0", "-", ", ", "’", ""]


TEXTS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(GLUE)).map("".join), max_size=4).map(
    "".join
)
ODDS = st.sampled_from([0.0, 0.25, 0.3, 1.0]) | st.floats(-5, 5)


@st.composite
def predicted(draw):
    """Gold answers, predictions and odds with ties, empty answers, answers that are articles alone, and gaps."""
    golds, said = {}, {}
    for k in range(draw(st.integers(1, 12))):
        golds[f"q{k}"] = texts = draw(st.lists(TEXTS, max_size=3))
        if k == 0 or draw(st.integers(0, 9)):
            copied = draw(st.sampled_from(texts) | TEXTS if texts else TEXTS)
            said[f"q{k}"] = draw(st.sampled_from([copied, copied.upper(), copied + ".", ""]))
    odds = {id: draw(ODDS) for id in draw(st.permutations(list(said)))}
    return golds, said, odds


@settings(deadline=None, max_examples=200)
@given(predicted())
def test_figures_equal_the_published_rules_to_the_last_digit(case):
    golds, said, odds = case
    for given_odds, threshold in ((None, 1.0), (odds, 1.0), (odds, 0.3)):
        found = score_predictions(golds, said, odds=given_odds, threshold=threshold).to_dict()
        assert list(found.items()) == figures(golds, said, given_odds, threshold)


@given(st.lists(TEXTS, max_size=2).map("".join))
def test_texts_are_made_plain_as_published(text):
    assert normalize_answer(text) == plain(text)


def test_a_question_without_prediction_counts_nowhere_and_one_without_odds_is_an_error():
    scores = score_predictions({"1": ["Ada"], "2": ["Tom"], "3": []}, {"1": "Ada"})
    assert scores.to_dict() == {
        "exact": 100.0, "f1": 100.0, "total": 1, "HasAns_exact": 100.0, "HasAns_f1": 100.0, "HasAns_total": 1
    }  # fmt: skip
    with pytest.raises(InputError, match="None of the 1 questions has a prediction"):
        score_predictions({"1": ["Ada"]}, {"2": "Ada"})
    with pytest.raises(InputError, match="'1' has a prediction but no no-answer odds"):
        score_predictions({"1": ["Ada"]}, {"1": "Ada"}, odds={})
    with pytest.raises(InputError, match="have to be a number, but are nan"):
        score_predictions({"1": ["Ada"]}, {"1": "Ada"}, odds={"1": float("nan")})


def test_the_sweep_begins_where_nothing_is_answered():
    golds = {"1": [], "2": [], "3": ["Ada"]}
    scores = score_predictions(golds, {"1": "Tom", "2": "Tom", "3": "Tom"}, odds={"1": 1, "2": 2, "3": 3})
    assert (scores.best_exact, scores.best_exact_threshold) == (100 * 2 / 3, 0.0)


def test_the_rules_of_squad_1_count_what_is_missing_and_find_no_words_in_articles():
    golds = {"1": ["Ada"], "2": ["the"], "3": ["Tom"]}
    assert squad1_scores(golds, {"1": "ada!", "2": "a"}) == {
        "exact_match": 100 * 2 / 3,
        "f1": pytest.approx(100 / 3),
    }
    assert score_predictions(golds, {"1": "ada!", "2": "a"}).f1 == 100.0
    with pytest.raises(InputError, match="no unanswerable question, but '2'"):
        squad1_scores({"2": []}, {})
    with pytest.raises(InputError, match="no question"):
        squad1_scores({}, {})


@pytest.mark.parametrize("seed", range(2))
def test_rows_give_the_figures_that_their_prediction_files_would(seed):
    rows = random_rows(40, seed=seed)
    golds = {r.id: list(r.gold_texts) for r in rows}
    best = {r.id: r.best.text for r in rows}
    margins = {r.id: r.margin for r in rows}
    assert list(squad_scores(rows).to_dict().items()) == figures(golds, best, margins, threshold=0.0)


def test_rows_that_cannot_be_scored_count_nowhere():
    unknown = replace(row(1), golds=None, exact=None, f1=None, best_exact=None, best_f1=None)
    assert squad_scores([row(0), unknown]).total == 1
    assert squad_scores([unknown]).total == 0
    assert squad_scores([]).to_dict() == {"exact": 0.0, "f1": 0.0, "total": 0}
