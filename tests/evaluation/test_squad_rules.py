"""The figures of prediction files against the published rules, told again slowly; to the last digit."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from planted_rows import random_rows, row
from published_rules import figures, plain

from qalens.errors import InputError
from qalens.evaluation.squad import score_predictions, squad1_scores, squad_scores
from qalens.spans import normalize_answer

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


def some_text(rng, longest=4):
    return "".join(rng.choice(WORDS) + rng.choice(GLUE) for _ in range(rng.randint(0, longest)))


def some_case(seed):
    """Gold answers, predictions and odds with ties, empty answers, answers that are articles alone, and gaps."""
    rng = random.Random(seed)
    golds, said, odds = {}, {}, {}
    for k in range(rng.randint(1, 40)):
        id = f"q{k}"
        golds[id] = [some_text(rng) for _ in range(rng.choice([0, 0, 1, 2, 3]))]
        if rng.random() < 0.9 or k == 0:
            copied = rng.choice(golds[id]) if golds[id] and rng.random() < 0.6 else some_text(rng)
            said[id] = rng.choice([copied, copied.upper(), copied + ".", ""])
    for id in rng.sample(list(said), len(said)):
        odds[id] = rng.choice([0.0, 0.25, 0.25, 1.0, rng.random(), rng.gauss(0, 3)])
    return golds, said, odds


@pytest.mark.parametrize("seed", range(200))
def test_figures_equal_the_published_rules_to_the_last_digit(seed):
    golds, said, odds = some_case(seed)
    for given, threshold in ((None, 1.0), (odds, 1.0), (odds, 0.3)):
        found = score_predictions(golds, said, odds=given, threshold=threshold).to_dict()
        assert list(found.items()) == figures(golds, said, given, threshold)


@pytest.mark.parametrize("seed", range(50))
def test_texts_are_made_plain_as_published(seed):
    text = some_text(random.Random(seed), longest=8)
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


@pytest.mark.parametrize("seed", range(4))
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
