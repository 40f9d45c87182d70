"""What mistakes cost: every threshold tried, and the cheapest one on questions that it has not seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from planted_rows import row

from qalens.errors import InputError
from qalens.evaluation.confidence.costs import Costs, cheapest
from qalens.evaluation.confidence.thresholds import fold_of_groups


def mixed_rows(count=60, seed=0, ties=True):
    rng = np.random.default_rng(seed)
    margins = rng.normal(0, 3, count).round(0 if ties else 9)
    return [
        row(k, margin=float(margins[k]), answerable=bool(rng.random() < 0.6), exact=float(rng.random() < 0.5), f1=float(rng.random()))
        for k in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "costs", [{}, {"false_answer": 4.0}, {"missed": 3.0, "wrong_span": 0.5}, {"wrong_span": 0.0}]
)
@pytest.mark.parametrize("metric", ["exact", "f1"])
def test_the_cheapest_threshold_costs_least_of_all_when_every_one_is_tried(costs, metric):
    rows = mixed_rows()
    plan = {"false_answer": 1.0, "missed": 1.0, **costs}
    wrong = plan.get("wrong_span", plan["false_answer"])

    def cost(threshold):
        total = 0.0
        for one in rows:
            if one.margin > threshold:
                total += plan["missed"] if one.golds else 0.0
            else:
                total += wrong * (1 - getattr(one, f"best_{metric}")) if one.golds else plan["false_answer"]
        return total / len(rows)

    found = cheapest(rows, metric=metric, **costs)
    every = [-math.inf, *sorted({one.margin for one in rows})]
    assert found.cost == pytest.approx(min(map(cost, every)))
    assert cost(found.threshold) == pytest.approx(found.cost)
    assert (found.never, found.always) == pytest.approx((cost(-math.inf), cost(math.inf)))


def test_dear_false_answers_lower_the_threshold_and_dear_silence_raises_it():
    rows = mixed_rows(200, ties=False)
    dear, even, silent = (
        cheapest(rows, **costs) for costs in ({"false_answer": 9.0, "wrong_span": 0.1}, {}, {"missed": 9.0})
    )
    assert dear.threshold < even.threshold < silent.threshold
    with pytest.raises(InputError, match="missed has to be a cost from 0 on, but is -1"):
        cheapest(rows, missed=-1)


def doubtful(count, seed):
    """Rows whose margin says next to nothing, so that the cheapest of many thresholds is luck."""
    rng = np.random.default_rng(seed)
    return [row(k, margin=float(rng.normal()), answerable=bool(rng.random() < 0.5)) for k in range(count)]


def test_the_honest_cost_decides_each_fold_by_the_cheapest_threshold_of_the_others():
    rows = mixed_rows(40, ties=False)
    found = cheapest(rows, false_answer=5.0, folds=4, by="question", seed=3)
    fold = fold_of_groups(np.arange(40), 4, 3)
    paid = 0.0
    for k, one in enumerate(rows):
        at = cheapest(
            [r for r, f in zip(rows, fold, strict=True) if f != fold[k]], false_answer=5.0
        ).threshold
        assert found.folds[fold[k]] == at
        if one.margin <= at:
            paid += 5.0 * (1 - one.best_exact) if one.golds else 5.0
        else:
            paid += 1.0 if one.golds else 0.0
    assert found.honest.value == pytest.approx(paid / 40)
    assert found.saved.value == pytest.approx(min(found.always, found.never) - paid / 40)
    assert found.honest.low < found.honest.value < found.honest.high


def test_a_gain_that_was_luck_is_a_loss_on_questions_not_seen():
    told = [cheapest(doubtful(66, seed)) for seed in range(30)]
    assert np.mean([min(one.never, one.always) - one.cost for one in told]) > 0.01
    assert np.mean([one.saved.value for one in told]) < 0
    assert str(told[0]).endswith(f"saves {told[0].saved:.3f}; intervals over texts")


def test_few_groups_are_a_fold_each_and_one_has_no_honest_cost():
    rows = [row(k, margin=float(k), text_id=f"text {k % 2}", answerable=k % 3 > 0) for k in range(6)]
    assert cheapest(rows).honest.count == 6
    assert math.isnan(cheapest(rows[::2]).honest.value)
    assert cheapest(rows[::2]).folds == ()
    assert cheapest(rows, false_answer=0.0, missed=0.0).honest.value == 0


def test_costs_are_checked_and_a_wrong_span_costs_a_false_answer_unless_told():
    assert (Costs(3.0).wrong, Costs(3.0).most, Costs(wrong_span=0.5).wrong) == (3.0, 3.0, 0.5)
    with pytest.raises(InputError, match="wrong_span has to be a cost from 0 on"):
        Costs(wrong_span=math.inf)
