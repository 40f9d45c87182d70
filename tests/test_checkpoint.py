"""The bundled checkpoint: what ships, what it was judged by, and that real logits follow the SQuAD 2.0 rule too."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest
from reference import squad2_choice
from safetensors import safe_open

import qalens
from qalens.evaluation.scores.squad import squad_scores
from qalens.models.hub import BUNDLED
from qalens.text.squad_files import read_squad

RECIPE = Path(__file__).parents[1] / "recipes" / "minilm_squad2"


@pytest.fixture(scope="module")
def reader():
    return qalens.load()


@pytest.fixture(scope="module")
def plain():
    return list(read_squad(RECIPE / "plain-questions.json"))


def test_it_is_small_and_half_precision():
    assert (BUNDLED / "model.safetensors").stat().st_size <= 46_000_000
    with safe_open(BUNDLED / "model.safetensors", "pt") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"F16"}  # noqa: SIM118


def test_it_ships_with_its_card_and_no_pickle():
    assert {file.name for file in BUNDLED.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_it_answers_plain_questions_and_abstains_on_the_others(reader):
    # The same count as the card's, from the same script.
    spec = importlib.util.spec_from_file_location("evaluate", RECIPE / "evaluate.py")
    evaluate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(evaluate)
    figures = evaluate.plain_figures(reader, show=False)
    for kind, share in (("answered", 0.9), ("abstained", 0.75)):
        right, total = map(int, figures[kind].split("/"))
        assert right / total >= share, figures
    card = (BUNDLED / "README.md").read_text(encoding="utf-8")
    assert figures["answered"] in card
    assert figures["abstained"] in card


@pytest.mark.parametrize("length", [48, 384])
@pytest.mark.parametrize("threshold", [-3.0, 0.0, math.inf])
def test_its_answers_are_those_of_the_squad2_rule(reader, plain, length, threshold):
    variant = reader.with_options(max_length=length, threshold=threshold)
    readings = list(variant.read_many(plain[:14]))
    assert (len(readings[0].windows) > 1) == (length == 48)
    for reading in readings:
        said = "" if reading.answer is None else reading.answer.text
        assert said == squad2_choice(reading.logits, threshold)


def test_the_order_and_size_of_batches_change_no_probability(reader, plain):
    one_by_one = [reader.read(example.question, example.context) for example in plain[:8]]
    together = list(reader.with_options(batch_tokens=100_000).read_many(reversed(plain[:8])))
    for a, b in zip(one_by_one, reversed(together), strict=True):
        assert a.no_answer_probability == pytest.approx(b.no_answer_probability, abs=1e-6)
        assert a.spans.probabilities() == pytest.approx(b.spans.probabilities(), abs=1e-6)


def test_bfloat16_decides_the_same_on_plain_questions(plain):
    exact = squad_scores(qalens.load().read_many(plain))
    half = squad_scores(qalens.load(dtype="bfloat16").read_many(plain))
    assert half.f1 == pytest.approx(exact.f1, abs=5.0)
