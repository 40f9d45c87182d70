"""Temperatures: rows against the distribution of logits that were really divided, and fits against planted ones."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from planted_rows import TEXT, random_reading, random_rows, row

from qalens.errors import InputError
from qalens.evaluation.columns import groups
from qalens.evaluation.confidence.temperature import cross_fitted_temperatures, fit_temperature, tempered
from qalens.evaluation.confidence.thresholds import fold_of_groups
from qalens.evaluation.rows import example_row
from qalens.spans.distribution import SpanLogits, span_distribution
from qalens.spans.summary import TEMPERATURES
from qalens.text.examples import CharSpan

GOLD = (CharSpan(0, 3), CharSpan(0, 12))


def divided(reading, temperature):
    """The distribution of the same logits, really divided."""
    start, end = (x / np.float32(temperature) for x in (reading.logits.start, reading.logits.end))
    return span_distribution(SpanLogits(reading.windows, start, end))


@pytest.mark.parametrize("temperature", [*TEMPERATURES, 0.3, 0.9, 1.1, 1.7, 3.0, 5.0])
@pytest.mark.parametrize("seed", range(6))
def test_rows_say_what_divided_logits_say(seed, temperature):
    reading = random_reading(seed, gold=GOLD)
    (said,) = (tempered([example_row(reading.example, reading)], temperature),)
    real = divided(reading, temperature)
    best = real.top(1)[0]
    near = sum(p for s, e, p in zip(real.start, real.end, real.probabilities(), strict=True) if s < best.span.end and e > best.span.start)  # fmt: skip
    exact = temperature in TEMPERATURES
    close = {"abs": 2e-5} if exact else {"abs": 0.02}
    assert said.probability[0] == pytest.approx(best.probability, **close)
    assert said.no_answer_probability[0] == pytest.approx(real.null_probability, **close)
    assert said.cluster_probability[0] == pytest.approx(near, **close)
    right = sum(real.find(g.start, g.end).probability for g in GOLD)
    assert said.log_gold[0] == pytest.approx(math.log(right), abs=1e-4 if exact else 0.03)


@pytest.mark.parametrize("temperature", [*TEMPERATURES, 0.15, 0.9, 1.1, 1.3, 1.7, 3.0, 5.0])
@pytest.mark.parametrize("null", [0.0, 9.0])
def test_entropy_is_that_of_divided_logits(null, temperature):
    for seed in range(6):
        reading = random_reading(seed, null=null)
        said = tempered([example_row(reading.example, reading)], temperature).entropy[0]
        exact = divided(reading, temperature).entropy()
        assert said == pytest.approx(exact, abs=2e-4 if temperature in TEMPERATURES else 0.05)


def test_entropy_without_a_temperature_is_that_of_the_rows():
    rows = random_rows(60)
    assert tempered(rows).entropy == pytest.approx([one.entropy for one in rows], abs=2e-5)


def test_no_answer_that_is_ruled_out_leaves_the_entropy_of_the_spans():
    reading = random_reading(2)
    ruled_out = replace(example_row(reading.example, reading), margin=-math.inf)
    p = np.exp(reading.spans.score - reading.spans.score.max())
    p /= p.sum()
    found = tempered([ruled_out])
    assert found.entropy[0] == pytest.approx(-(p * np.log2(p)).sum(), abs=2e-5)
    assert found.no_answer_probability[0] == 0.0


def test_an_unanswerable_question_asks_for_the_probability_of_no_answer():
    reading = random_reading(3, gold=())
    said = tempered([example_row(reading.example, reading)])
    assert said.log_gold[0] == pytest.approx(reading.spans.null_log_prob, abs=1e-5)


def test_what_was_not_read_or_not_known_has_no_number():
    reading = random_reading(0)
    unknown = example_row(reading.example, reading)
    failed = replace(row(0), margin=None, score=None, masses=(), cluster_masses=(), mean_scores=())
    said = tempered([unknown, failed])
    assert math.isnan(said.log_gold[0])
    assert not math.isnan(said.probability[0])
    assert math.isnan(said.probability[1])


def test_a_text_without_a_span_and_one_with_masked_spans_alone_leave_no_answer_alone():
    empty = random_reading(0, text="\u200b\u200b", gold=())
    assert not len(empty.spans)
    masked = replace(row(1, answerable=False), score=-math.inf, margin=math.inf)
    for one in (example_row(empty.example, empty), masked):
        said = tempered([one], 2.0)
        assert (said.probability[0], said.no_answer_probability[0], said.log_gold[0]) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize("temperature", [0.1, 9.0, math.nan, np.array([1.0, 99.0])])
def test_temperatures_that_rows_do_not_know_are_refused(temperature):
    with pytest.raises(InputError, match=r"Rows know temperatures from 0\.125 to 8"):
        tempered([row(0), row(1)], temperature)


# --- fitting ----------------------------------------------------------------------------------------------------------


def honest_rows(count, temperature, seed=0):
    """Rows whose truth is drawn from their own distribution, before the logits were multiplied by a temperature."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(count):
        reading = random_reading(seed + k, text=TEXT, id=str(k))
        real = divided(reading, temperature)
        drawn = int(
            rng.choice(
                len(real) + 1,
                p=np.append(real.probabilities(), real.null_probability)
                / (real.probabilities().sum() + real.null_probability),
            )
        )
        gold = () if drawn == len(real) else (CharSpan(int(real.start[drawn]), int(real.end[drawn])),)
        rows.append(example_row(replace(reading.example, gold=gold), reading))
    return rows


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_planted_is_found_within_its_interval(temperature):
    found = fit_temperature(honest_rows(250, temperature), by="question", resamples=200)
    assert found.value == pytest.approx(temperature, rel=0.15)
    assert found.low <= temperature <= found.high
    assert found.high / found.low < 1.6
    assert found.loss <= found.loss_at_one + 1e-9
    assert (found.used, found.left_out) == (250, 0)


def test_one_text_alone_has_no_interval():
    found = fit_temperature(honest_rows(20, 1.0), resamples=5)
    assert math.isnan(found.low)
    assert str(found).startswith(f"T = {found.value:.2f}, loss")


def test_the_fit_is_the_lowest_loss_of_all_when_every_temperature_is_tried():
    rows = random_rows(40, seed=3)
    found = fit_temperature(rows, resamples=2)
    tried = np.exp(np.linspace(math.log(0.13), math.log(7.9), 400))
    losses = [-tempered(rows, float(t)).log_gold.mean() for t in tried]
    assert found.value == pytest.approx(float(tried[int(np.argmin(losses))]), rel=0.03)
    assert found.loss == pytest.approx(min(losses), abs=2e-3)
    assert found.loss == pytest.approx(-tempered(rows, found.value).log_gold.mean(), abs=1e-12)
    assert found.loss_at_one == pytest.approx(-tempered(rows).log_gold.mean())


def test_answers_that_the_model_cannot_say_are_left_out_and_counted():
    reading = random_reading(1, gold=(CharSpan(1, 3),))
    unsayable = example_row(reading.example, reading)
    assert unsayable.gold_scores == ()
    found = fit_temperature([*random_rows(10), unsayable], by="question", resamples=2)
    assert (found.used, found.left_out) == (10, 1)
    with pytest.raises(InputError, match="no temperature fits"):
        fit_temperature([unsayable])


def test_no_row_takes_part_in_the_temperature_that_judges_it():
    rows = random_rows(30, seed=5)
    found = cross_fitted_temperatures(rows, folds=3, by="question", seed=2)
    fold = fold_of_groups(groups(rows, "question"), 3, 2)
    for k in range(3):
        others = [one for one, f in zip(rows, fold, strict=True) if f != k]
        assert set(found[fold == k]) == {fit_temperature(others, resamples=1).value}
