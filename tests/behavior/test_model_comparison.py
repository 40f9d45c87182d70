"""Several models side by side, and what a model card gets of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from planted_rows import row
from rule_readers import RuleReader

import qalens
from qalens import behavior
from qalens.behavior.model_card import behavior_markdown, behaviors_markdown, eval_results, model_index
from qalens.errors import InputError
from qalens.evaluation.report import report_of
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example


def planted(share: float, seed: int, count: int = 400, **same):
    """A report with so large a share of right answers."""
    rng = np.random.default_rng(seed)
    return report_of(row(k, exact=float(rng.random() < share), **same) for k in range(count))


def test_a_better_model_is_first_and_equal_ones_share_their_ranks() -> None:
    models = {"a": planted(0.5, 0), "b": planted(0.9, 1), "c": planted(0.5, 2)}
    found = qalens.compare_models(models, score="exact")
    assert [found[name].rank_text for name in "abc"] == ["2–3", "1", "2–3"]
    assert found.ranked[0].name == "b"
    assert found.difference("b", "a").low > 0 > found.difference("a", "b").high
    clear = {(one.first, one.second): one.clear for one in found.differences}
    assert clear == {("a", "b"): True, ("a", "c"): False, ("b", "c"): True}


def test_parting_questions_are_those_that_some_get_right() -> None:
    rights = {"a": (1, 1, 0, 0), "b": (1, 0, 0, 1), "c": (1, 0, 0, 0)}
    models = {
        name: report_of(row(k, exact=float(x)) for k, x in enumerate(right)) for name, right in rights.items()
    }
    found = qalens.compare_models(models)
    assert [one.right for one in found.parting] == [(True, False, False), (False, True, False)]
    assert found.questions == 4
    assert len(found.parting[0].answers) == 3


def test_only_questions_that_all_could_score_count() -> None:
    longer = report_of(row(k, exact=1.0) for k in range(6))
    shorter = report_of(row(k, exact=1.0) for k in range(4))
    found = qalens.compare_models({"a": longer, "b": shorter})
    assert found.questions == 4
    assert (found.difference("a", "b").low, found.difference("a", "b").high) == (0, 0)


def test_readers_are_evaluated_and_examined() -> None:
    readers = {str(seed): qalens.Reader(toy_model(seed), toy_tokenizer()) for seed in (0, 1)}
    examples = (
        Example("Who kept it?", f"Ada kept the lamp {k}.", id=str(k), gold=(CharSpan(0, 3),))
        for k in range(6)
    )
    found = qalens.compare_models(readers, examples)
    assert found.questions == 6
    for model in found.models:
        assert model.speed > 0
        assert len(model.behavior) == len(behavior.BUILT_IN)
        assert 0 <= model.calibration_error <= 1
        assert "NoAns exact" not in model.scores
    assert [line["model"] for line in found.to_pandas().to_dict("records")] == [
        one.name for one in found.ranked
    ]
    assert str(found).startswith("6 questions; F1")


def test_behaviour_reports_can_be_given() -> None:
    models = {"a": planted(0.5, 0, 20), "b": planted(0.5, 1, 20)}
    there = behavior.run(RuleReader(lambda question, context: None), tests=["units"], cases=2)
    found = qalens.compare_models(models, behavior={"b": there})
    assert (found["a"].behavior, found["b"].behavior) == (None, there)
    assert found.to_pandas()["fails units"].notna().sum() == 1


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        (lambda: {"a": planted(0.5, 0, 5)}, {}, "needs at least two models"),
        (lambda: {"a": planted(0.5, 0, 5), "b": 3}, {}, "is neither a reader nor a Report, but a int"),
        (lambda: dict.fromkeys("ab", planted(0.5, 0, 5)), {"score": "best"}, "score has to be one of"),
        (
            lambda: dict.fromkeys("ab", planted(0.5, 0, 5)),
            {"score": "NoAns exact"},
            "None of the questions counts",
        ),
        (lambda: dict.fromkeys("ab", planted(0.5, 0, 5)), {"behavior": {"c": None}}, "There is no model 'c'"),
        (lambda: {"a": planted(0.5, 0, 5), "b": RuleReader(lambda q, c: None)}, {}, "has nothing to read"),
    ],
)
def test_what_cannot_be_compared_is_refused(models, options, message) -> None:
    with pytest.raises(InputError, match=message):
        qalens.compare_models(models(), **options)


def test_models_without_a_question_in_common_are_refused() -> None:
    one = report_of([row("1", exact=1.0)])
    other = report_of([row("2", exact=1.0)])
    with pytest.raises(InputError, match="share no question"):
        qalens.compare_models({"a": one, "b": other})


def test_the_table_of_a_card_is_text_and_has_a_line_for_each_model() -> None:
    models = {"a|b": planted(0.5, 0, 20), "<b>x</b>": planted(0.5, 1, 20)}
    lines = qalens.compare_models(models).to_markdown().splitlines()
    assert lines[0].startswith("| model | rank |")
    assert {len(line.replace("\\|", "").split("|")) for line in lines[:4]} == {len(lines[0].split("|"))}
    assert "\\<b\\>" in "".join(lines)
    assert "20 questions" in lines[-1]


def test_the_grid_of_a_card_has_all_kinds() -> None:
    report = behavior.run(RuleReader(lambda question, context: None), tests=["units", "denied"], cases=4)
    assert behavior_markdown(report).splitlines()[2:] == [
        "| numbers and units | 100 % [51, 100] of 4 | – | – | – |",
        "| negation | – | – | – | 0 % [0, 49] of 4 |",
    ]
    assert "| units | Two quantities" in behaviors_markdown(report)


def test_results_are_in_the_form_that_the_hub_publishes() -> None:
    # The hub's own client reads and writes both forms.
    hub = pytest.importorskip("huggingface_hub", minversion="1.4")
    from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

    report = planted(0.5, 0, 20)
    entries = eval_results(
        report,
        dataset="me/questions",
        task="default",
        date="2026-11-29",
        source_url="https://example.org",
        score="exact",
    )
    assert hub.eval_result_entries_to_yaml(hub.parse_eval_result_entries(entries)) == entries
    assert entries[0]["value"] == round(report.scores.exact, 2)
    index = model_index("mine", report, dataset="me/questions", dataset_name="My questions", split="test")
    name, results = model_index_to_eval_results(index)
    assert eval_results_to_model_index(name, results) == index
    assert [one.metric_value for one in results] == [
        round(report.scores.exact, 2),
        round(report.scores.f1, 2),
    ]
    with pytest.raises(InputError, match='score has to be "F1" or "exact"'):
        eval_results(report, dataset="a", task="b", score="best")


def test_a_single_text_gives_no_interval_and_no_rank() -> None:
    models = {"a": planted(0.2, 0, 20, text_id="x"), "b": planted(0.9, 1, 20, text_id="x")}
    found = qalens.compare_models(models, score="exact")
    assert math.isnan(found["a"].scores["exact"].low)
    assert [one.rank for one in found.models] == [(1, 2), (1, 2)]
