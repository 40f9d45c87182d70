"""Behaviour tests from beginning to end: own tests, own examples, folders, reports."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from rule_readers import ORACLES, SABOTEURS, RuleReader

import qalens
from qalens import behavior
from qalens.behavior.builtin.edit_tests import EDIT_TESTS
from qalens.behavior.report import BehaviorReport
from qalens.behavior.running import Examining
from qalens.datasets import SAMPLE_FILE
from qalens.errors import InputError, QalensError
from qalens.evaluation.runs.runs import Plan
from qalens.progress import listening
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example
from qalens.text.question_rows import Item

TEXT = (
    "The owner of the mill is Ada. The mill in Kelby was opened in 1911. The manager of the mill is Tobias."
)

OWNER = (CharSpan(25, 28),)


def _example(id: str, question: str = "Who is the owner of the mill in Kelby?", gold=OWNER) -> Example:
    return Example(question, TEXT, id=id, gold=gold)


def _first_name(question: str, context: str) -> str | None:
    return next((name for name in ("Ada", "Tobias") if name in context), None)


OWN = behavior.template_test(
    "dues",
    text="{one} paid {much} crowns, and {other} paid {little} crowns.",
    question="Who paid {much} crowns?",
    answer="{one}",
    slots={"one": ["Ada", "Nora"], "other": ["Tobias", "Hugo"], "much": ["90"], "little": ["12"]},
    capability="roles",
)


def test_a_test_of_ones_own_is_a_template() -> None:
    report = behavior.run(RuleReader(lambda question, context: context.split()[0]), tests=[OWN], cases=7)
    assert report["dues"].failure_rate.count == 7
    assert report["dues"].failure_rate.value == 0
    wrong = behavior.run(RuleReader(lambda question, context: "crowns"), tests=[OWN])
    assert wrong["dues"].failure_rate.value == 1


def test_a_test_of_ones_own_is_an_edit() -> None:
    def shouted(example, rng):
        "The question in capitals."
        return replace(example, question=example.question.upper())

    test = behavior.edit_test("shouted", shouted)
    assert test.about.sentence == "The question in capitals."
    deaf = RuleReader(
        lambda question, context: None if question.isupper() else _first_name(question, context)
    )
    report = behavior.run(deaf, tests=[test], examples=[_example("1"), _example("2", "WHO IS IT?")])
    assert report["shouted"].failure_rate.failures == 1
    assert report["shouted"].left_out == {"there was nothing to edit": 1}
    (case,) = report["shouted"].failing
    assert (case.id, case.before.answer, case.said.answer) == ("1", "Ada", None)


def test_an_edit_that_touches_a_gold_answer_gives_no_case() -> None:
    def without_owner(example, rng):
        return replace(example, context=example.context.replace("Ada", "nobody"))

    test = behavior.edit_test("no owner", without_owner)
    result = behavior.run(RuleReader(_first_name), tests=[test], examples=[_example("1")])["no owner"]
    assert result.failure_rate.count == 0
    assert result.left_out == {"the edit touched a gold answer": 1}


def test_own_examples_are_edited_by_all_tests_that_edit() -> None:
    broken = {"question": "Who?"}
    examples = [_example("1"), broken, _example("2", gold=())]
    report = behavior.run(RuleReader(_first_name), examples=examples)
    assert [one.name for one in report] == [test.name for test in behavior.BUILT_IN if test.edit is not None]
    assert report["typos"].failure_rate.count == 2
    assert report["typos"].left_out == {"the example cannot be used": 1}
    assert report["question negated"].left_out["no gold answer is known"] == 1
    # Both cases are of one text.
    assert report["typos"].clusters == ((0, 2),)


def test_a_text_that_cannot_be_read_is_left_out_with_the_reason() -> None:
    reader = qalens.Reader(toy_model(), toy_tokenizer(), max_memory=1)
    result = behavior.run(reader, tests=["units"], cases=3)["units"]
    assert result.failure_rate.count == 0
    assert all(reason.startswith("it could not be read") for reason in result.left_out)


def test_a_run_in_a_folder_gives_the_same_report_and_goes_on(tmp_path) -> None:
    reader = qalens.Reader(toy_model(), toy_tokenizer())
    in_memory = behavior.run(reader, examples=SAMPLE_FILE)
    assert behavior.run(reader, examples=SAMPLE_FILE, out=tmp_path / "run").tests == in_memory.tests
    # Everything is there: what reads now would be noticed.
    silent = replace_reading(reader)
    assert behavior.run(silent, examples=SAMPLE_FILE, out=tmp_path / "run").tests == in_memory.tests


KILLED = """
import sys
import qalens
from qalens import behavior
from qalens.datasets import SAMPLE_FILE
from qalens.evaluation.runs.runs import Plan
from qalens.testing import toy_model, toy_tokenizer
reader = qalens.Reader(toy_model(), toy_tokenizer())
behavior.run(reader, examples=SAMPLE_FILE, out=sys.argv[1], plan=Plan(shard_size=2), progress=False)
"""


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(tmp_path) -> None:
    reader, plan = qalens.Reader(toy_model(), toy_tokenizer()), Plan(shard_size=2)
    expected = behavior.run(reader, examples=SAMPLE_FILE, out=tmp_path / "undisturbed", plan=plan).tests
    folder = tmp_path / "run"
    for _ in range(3):
        before = set(folder.rglob("*"))
        with subprocess.Popen([sys.executable, "-c", KILLED, str(folder)]) as process:
            # As soon as something new lies there, which is at another point each time.
            while process.poll() is None and set(folder.rglob("*")) <= before:
                time.sleep(0.01)
            process.kill()
    assert behavior.run(reader, examples=SAMPLE_FILE, out=folder, plan=plan).tests == expected


def replace_reading(reader: qalens.Reader) -> qalens.Reader:
    """The same reader, which refuses to read."""

    class Silent(qalens.Reader):
        def read_many(self, items, *, progress=None):
            assert not list(items)
            return iter(())

    return Silent(reader.model, reader.tokenizer)


def test_rows_of_a_folder_hold_the_text_of_an_example_once(tmp_path) -> None:
    reader = qalens.Reader(toy_model(), toy_tokenizer())
    report = behavior.run(reader, examples=[_example("1")], out=tmp_path / "run")
    (row,) = qalens.evaluation.runs.runs.open_run(tmp_path / "run").rows()
    asked = [case for case in row["cases"] if case["test"] == "typos"]
    assert asked[0]["context"] is None
    assert row["cluster"] == TEXT
    assert report["typos"].cases[0].case.context == TEXT
    assert report["typos"].cases[0].original.context == TEXT


def test_the_job_of_a_folder_can_go_to_another_process() -> None:
    job = pickle.loads(pickle.dumps(Examining(EDIT_TESTS, 0)))
    reader = RuleReader(_first_name)
    items = [Item(_example("1"), "row 1")]
    assert list(job.rows(reader, items)) == list(Examining(EDIT_TESTS, 0).rows(reader, items))


def test_another_seed_in_the_folder_of_a_run_is_refused(tmp_path) -> None:
    reader = qalens.Reader(toy_model(), toy_tokenizer())
    behavior.run(reader, tests=["typos"], examples=[_example("1")], out=tmp_path / "run")
    with pytest.raises(InputError, match=r"job\.seed is 0 there and 1 here"):
        behavior.run(reader, tests=["typos"], examples=[_example("1")], out=tmp_path / "run", seed=1)


def test_what_a_report_keeps_does_not_grow_with_the_examples() -> None:
    examples = (_example(str(k)) for k in range(300))
    report = behavior.run(RuleReader(_first_name), tests=["typos"], examples=examples, keep=5)
    result = report["typos"]
    assert (result.failure_rate.count, len(result.cases), len(result.clusters)) == (300, 5, 1)


def test_a_report_is_saved_and_loaded(tmp_path) -> None:
    report = behavior.run(qalens.Reader(toy_model(), toy_tokenizer()), cases=3)
    assert BehaviorReport.load(report.save(tmp_path / "report.jsonl")) == report
    (tmp_path / "other").write_text('{"format": "other"}\n')
    with pytest.raises(InputError, match="is no report of this version of qalens"):
        BehaviorReport.load(tmp_path / "other")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        BehaviorReport.load(tmp_path / "none")


DAMAGES = {
    "a depth bomb": lambda lines: ["[" * 100_000],
    "a number": lambda lines: ["3"],
    "no tests": lambda lines: [json.dumps({k: v for k, v in json.loads(lines[0]).items() if k != "tests"})],
    "a source of another kind": lambda lines: [
        json.dumps(json.loads(lines[0]) | {"source": {"a": 1}}),
        *lines[1:],
    ],
    "options of another kind": lambda lines: [json.dumps(json.loads(lines[0]) | {"options": 3}), *lines[1:]],
    "a test that is none": lambda lines: [*lines[:-1], "{}"],
    "cases of another kind": lambda lines: [*lines[:-1], json.dumps(json.loads(lines[-1]) | {"cases": [3]})],
    "clusters of another kind": lambda lines: [
        *lines[:-1],
        json.dumps(json.loads(lines[-1]) | {"clusters": [1]}),
    ],
    "a number of 5,000 digits": lambda lines: ["9" * 5000],
    "other letters": lambda lines: ["ä"],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_report_is_refused(tmp_path, damage) -> None:
    path = behavior.run(RuleReader(_first_name), tests=["negation"], cases=2).save(
        tmp_path / "new" / "report.jsonl"
    )
    assert len(BehaviorReport.load(path)) == 1
    path.write_text("\n".join(damage(path.read_text().splitlines())), encoding="utf-8")
    with pytest.raises(InputError, match="is no report"):
        BehaviorReport.load(path)


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch) -> None:
    def full(_):
        raise OSError(28, "No space left on device")

    report = behavior.run(RuleReader(_first_name), tests=["negation"], cases=2)
    path = report.save(tmp_path / "report.jsonl")
    monkeypatch.setattr("qalens.files._to_disk", full)
    with pytest.raises(QalensError, match="cannot be written: No space left on device"):
        report.save(path)
    with pytest.raises(InputError, match="has to be a path"):
        BehaviorReport.load("a\0b")
    assert BehaviorReport.load(path) == report


def test_the_grid_holds_every_case_once() -> None:
    report = behavior.run(RuleReader(lambda question, context: None), cases=4)
    cells = [cell for row in report.grid() for cell in row]
    assert sum(cell.rate.count for cell in cells) == 4 * len(report)
    assert report.cell("negation", "abstention").rate.failures == 0
    assert report.cell("negation", "minimum functionality").rate.failures == 4
    assert [row[0].capability for row in report.grid()] == list(behavior.CAPABILITIES)


def test_a_table_has_a_line_for_each_test() -> None:
    table = behavior.run(RuleReader(SABOTEURS["units"]), tests=["units"], cases=4).to_pandas()
    (line,) = table.to_dict("records")
    assert (line["name"], line["failures"], line["cases"]) == ("units", 4, 4)


def test_the_printed_report_names_tests_and_the_printed_test_quotes_cases() -> None:
    report = behavior.run(RuleReader(SABOTEURS["units"]), tests=["units"], cases=5)
    assert "units" in str(report)
    assert str(report["units"]).count("expected:") == 3
    assert repr(report) == "BehaviorReport(1 tests, 5 of 5 cases failed)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"tests": ["nothing"]}, "There is no built-in test 'nothing'"),
        ({"tests": ["units", "units"]}, "The name 'units' stands for several tests"),
        ({"tests": []}, "There is no test to run"),
        ({"cases": 0}, "cases has to be a whole number from 1 on"),
        ({"out": "x"}, "one over examples of your own"),
        ({"plan": qalens.evaluation.runs.runs.Plan()}, "A plan is that of a run in a folder"),
    ],
)
def test_what_cannot_work_is_refused(call, message) -> None:
    with pytest.raises(InputError, match=message):
        behavior.run(RuleReader(ORACLES["units"]), **call)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slots": {"one": ["Ada"]}}, r"has no words for \{other\}"),
        ({"slots": {"one": ["Ada"], "other": ["Ada"]}}, "at least 2 different words"),
        ({"slots": {"one": "Ada", "other": ["Nora"]}}, "needs a list"),
        ({"answer": "Hugo"}, "does not stand in every text"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(options, message) -> None:
    given = {"text": "{one} saw {other}.", "question": "Who saw {other}?", "answer": "{one}"}
    slots = {"slots": {"one": ["Ada", "Nora"], "other": ["Tobias"]}}
    with pytest.raises(InputError, match=message):
        behavior.template_test("seen", **{**given, **slots, **options})


def test_an_edit_needs_an_expectation_that_an_edit_can_have() -> None:
    with pytest.raises(InputError, match="An edit expects one of"):
        behavior.edit_test("odd", lambda example, rng: example, expect="answer")


def test_an_example_with_half_a_character_harms_no_other():
    reader = RuleReader(_first_name)
    examples = [_example("0", "Who is the owner \ud800 of the mill in Kelby?"), _example("1")]
    (found,) = behavior.run(reader, tests=["letter case"], examples=examples, progress=False).tests
    assert found.failure_rate.count + sum(found.left_out.values()) == 2
    (alone,) = behavior.run(reader, tests=["letter case"], examples=examples[1:], progress=False).tests
    assert found.cases[-1].case == alone.cases[-1].case


def test_progress_has_a_total_from_the_first_text_on():
    reader = qalens.Reader(toy_model(), toy_tokenizer())
    for options, total in (({"cases": 3}, 6), ({"cases": 3, "examples": qalens.datasets.sample()[:4]}, 7)):
        heard = []
        with listening(heard.append):
            behavior.run(reader, ["denied", "typos"], **options)
        assert [one.total for one in heard if one.unit == "texts"] == [total] * total
        assert heard[-1].done == total
