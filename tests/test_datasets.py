"""The bundled sample is what it says: exact answers, a cause for every question without one, and texts of our own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import qalens
from qalens import datasets
from qalens.spans.distribution import normalize_answer

EXAMPLES = datasets.sample()
CAUSES = datasets.sample_causes()
ENTRIES = [
    (paragraph["context"], entry)
    for article in json.loads(datasets.SAMPLE_FILE.read_text("utf-8"))["data"]
    for paragraph in article["paragraphs"]
    for entry in paragraph["qas"]
]
RECIPE = Path(__file__).parents[1] / "recipes" / "minilm_squad2" / "plain-questions.json"


def test_it_has_some_sixty_questions_over_twenty_texts_and_a_third_have_no_answer():
    assert len({example.context for example in EXAMPLES}) == 20
    assert 60 <= len(EXAMPLES) <= 70
    assert 0.3 <= sum(example.gold == () for example in EXAMPLES) / len(EXAMPLES) <= 0.37


@pytest.mark.parametrize(("context", "entry"), ENTRIES, ids=[entry["id"] for _, entry in ENTRIES])
def test_every_answer_stands_in_its_text_where_the_file_says(context, entry):
    assert len(entry["answers"]) in ((0,) if entry["is_impossible"] else (1, 2, 3))
    for answer in entry["answers"]:
        start = answer["answer_start"]
        assert context[start : start + len(answer["text"])] == answer["text"]
        assert normalize_answer(answer["text"])
        assert answer["text"] == answer["text"].strip()


def test_the_answers_of_a_question_share_a_place():
    for example in EXAMPLES:
        for one in example.gold:
            assert one.overlaps(example.gold[0]), example.id


def test_the_loader_gives_the_file_in_its_order():
    assert [(e.id, e.question, e.context) for e in EXAMPLES] == [
        (entry["id"], entry["question"], context) for context, entry in ENTRIES
    ]
    assert [len(e.gold) for e in EXAMPLES] == [len(entry["answers"]) for _, entry in ENTRIES]


def test_ids_and_questions_are_not_repeated():
    assert len({example.id for example in EXAMPLES}) == len(EXAMPLES)
    assert len({(example.question, example.context) for example in EXAMPLES}) == len(EXAMPLES)


def test_every_question_without_an_answer_and_no_other_has_a_cause():
    assert set(CAUSES) == {example.id for example in EXAMPLES if example.gold == ()}
    counted = Counter(CAUSES.values())
    assert set(counted) == set(datasets.CAUSES)
    assert min(counted.values()) >= 3


def test_some_texts_are_not_in_english_and_not_in_latin_letters():
    assert any("Windmühle" in example.context for example in EXAMPLES)
    assert any("山田" in example.context for example in EXAMPLES)
    assert any("☕" in example.context for example in EXAMPLES)


def test_none_of_the_texts_was_used_to_choose_the_checkpoint():
    chosen = json.loads(RECIPE.read_text("utf-8"))["data"]
    seen = {paragraph["context"] for article in chosen for paragraph in article["paragraphs"]}
    assert seen
    assert not seen & {example.context for example in EXAMPLES}


def test_the_root_gives_it_away():
    assert qalens.datasets is datasets
    assert set(datasets.__all__) == {"CAUSES", "SAMPLE_FILE", "Cause", "sample", "sample_causes"}
