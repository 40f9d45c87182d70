"""Every built-in test can be passed, and can be failed."""

from __future__ import annotations

import pytest
from rule_readers import ORACLES, SABOTEURS, RuleReader

from qalens import behavior

NAMES = [test.name for test in behavior.BUILT_IN]


def test_there_are_about_two_dozen_tests_and_each_is_described() -> None:
    assert 20 <= len(NAMES) <= 25
    assert len(set(NAMES)) == len(NAMES)
    for test in behavior.BUILT_IN:
        assert test.about.capability in behavior.CAPABILITIES
        assert test.about.sentence.endswith(".")
        assert test.about.failure
    assert {test.about.capability for test in behavior.BUILT_IN} == set(behavior.CAPABILITIES)
    assert {test.about.kind for test in behavior.BUILT_IN} == set(behavior.KINDS)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_a_reader_that_follows_the_rules_never_fails(name: str, seed: int) -> None:
    rate = behavior.run(RuleReader(ORACLES[name]), tests=name, seed=seed)[name].failure_rate
    assert (rate.failures, rate.count) == (0, 40)


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_with_the_flaw_fails(name: str) -> None:
    rate = behavior.run(RuleReader(SABOTEURS[name]), tests=name)[name].failure_rate
    assert rate.count == 40
    assert rate.value >= 0.9


def test_the_same_seed_gives_the_same_cases_and_another_gives_others() -> None:
    reader = RuleReader(lambda question, context: None)
    first, again, other = (behavior.run(reader, seed=seed, cases=5) for seed in (3, 3, 4))
    assert first == again
    assert [one.cases for one in first] != [one.cases for one in other]


@pytest.mark.parametrize("name", NAMES)
def test_accepted_answers_stand_in_the_text(name: str) -> None:
    for judged in behavior.run(RuleReader(lambda question, context: None), tests=name)[name].cases:
        case = judged.case
        assert case.question[:1].isupper() or name == "letter case"
        assert "{" not in case.question + case.context
        if case.expect == "answer":
            assert all(one in case.context for one in case.accepted)
