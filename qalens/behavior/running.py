"""Behaviour tests from beginning to end: in memory, or in a folder that survives being stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from qalens.behavior.builtin.edit_tests import EDIT_TESTS
from qalens.behavior.builtin.template_tests import TEMPLATE_TESTS
from qalens.behavior.definition import BehaviorTest
from qalens.behavior.examining import (
    Group,
    JudgedGroup,
    Sources,
    base_groups,
    drawn_groups,
    example_groups,
    judge_groups,
)
from qalens.behavior.report import DEFAULT_KEEP, BehaviorReport, Tally
from qalens.checks import is_whole
from qalens.errors import InputError, shown
from qalens.evaluation.data.inputs import Item, number_of_questions, read_examples
from qalens.evaluation.evaluate import ReadsMany, reader_options
from qalens.evaluation.runs.jobs import JobName
from qalens.evaluation.runs.runs import Plan
from qalens.evaluation.runs.runs import run as run_in_folder
from qalens.progress import Bar
from qalens.readings.reading import Source
from qalens.records import brief

BUILT_IN: tuple[BehaviorTest, ...] = (*TEMPLATE_TESTS, *EDIT_TESTS)
DEFAULT_CASES = 40


@brief
@dataclass(frozen=True, slots=True)
class Examining:
    """The job of a run in a folder: edit each example, read it, and judge; rows of `JudgedGroup.to_dict`."""

    tests: tuple[BehaviorTest, ...]
    seed: int
    name: JobName = "behavior"

    def options(self) -> dict[str, Any]:
        """Names of the tests and the seed."""
        return {"tests": [test.name for test in self.tests], "seed": self.seed}

    def rows(self, reader: Any, items: list[Item]) -> Iterator[dict[str, Any]]:
        """One judged group as a dictionary for each example."""
        for group in judge_groups(reader, example_groups(items, self.tests, seed=self.seed)):
            yield group.to_dict()


def run(
    reader: ReadsMany,
    tests: BehaviorTest | str | Iterable[BehaviorTest | str] | None = None,
    examples: Any = None,
    *,
    cases: int = DEFAULT_CASES,
    seed: int = 0,
    keep: int = DEFAULT_KEEP,
    out: str | Path | None = None,
    plan: Plan | None = None,
    progress: bool | None = None,
) -> BehaviorReport:
    """Test what a reader can and cannot do.

    Parameters
    ----------
    reader
        A `qalens.Reader`, or any object whose `read_many` gives a reading for each example in its order.
    tests
        Names of built-in tests, tests of your own, or a mix. None takes all built-in ones; with `examples` those that edit
        examples.
    examples
        Your own questions and texts, in any form that `qalens.evaluate` takes: they are edited. None edits short
        paragraphs of our own.
    cases
        How many cases are drawn for each test; of given examples every one is taken.
    seed
        Draws the cases; the same seed gives the same ones.
    keep
        How many failing and how many other cases of each test the report keeps; all are counted.
    out
        A folder for a long run over `examples`, which goes on where it was stopped; None keeps nothing on disk.
    plan
        With which engine such a run is computed (`qalens.evaluation.runs.runs.Plan`).
    progress
        Shows a bar; None only when it takes longer than two seconds.

    Returns
    -------
    BehaviorReport
        For each test the failures out of its cases with a Wilson interval, and the cases.

    Raises
    ------
    InputError
        For an unknown test, two tests of one name, a test that draws given a folder without examples, and as
        `qalens.evaluate` does.

    Examples
    --------
    >>> import qalens
    >>> report = run(qalens.load(), tests=["units", "typos"], cases=10)
    >>> [(one.name, one.failure_rate.count) for one in report]
    [('units', 10), ('typos', 10)]
    """
    chosen = _chosen(tests, own_examples=examples is not None)
    for name, value in (("cases", cases), ("keep", keep)):
        if not is_whole(value, 1):
            raise InputError(f"{name} has to be a whole number from 1 on, but is {shown(value)}.")
    if out is None and plan is not None:
        raise InputError("A plan is that of a run in a folder; name it with out=…")
    if out is not None and examples is None:
        raise InputError("A run in a folder is one over examples of your own; name them with examples=…")
    tally, sources = Tally(chosen, keep), Sources()
    edits = tuple(test for test in chosen if test.edit is not None)
    made = list(drawn_groups(chosen, cases=cases, seed=seed))
    own: Iterable[Group] = ()
    given: int | None = 0
    if examples is None:
        made += base_groups(edits, cases=cases, seed=seed)
    elif out is None:
        own, given = example_groups(read_examples(examples), edits, seed=seed), number_of_questions(examples)
    else:
        _add_rows(tally, reader, Examining(edits, seed), examples, out, plan, progress)
    with Bar(None if given is None else len(made) + given, progress, "texts") as bar:
        for group in bar.counted(judge_groups(reader, chain(made, own), sources=sources)):
            tally.add(group)
    options = {**reader_options(reader), "seed": seed, "cases": cases}
    return BehaviorReport(tally.results(), sources.first or _source_of(reader), options)


def _add_rows(
    tally: Tally,
    reader: Any,
    job: Examining,
    examples: Any,
    out: str | Path,
    plan: Plan | None,
    progress: bool | None,
) -> None:
    """Compute what is not in the folder yet, and count all of it."""
    finished = run_in_folder(reader, job, examples, out=out, plan=plan, progress=progress)
    for row in finished.rows():
        tally.add(JudgedGroup.from_dict(row))


def _source_of(reader: Any) -> Source | None:
    """The model of a reader, where it has one."""
    model = getattr(reader, "model", None)
    return None if model is None else Source(model.name, model.fingerprint)


def _chosen(
    tests: BehaviorTest | str | Iterable[BehaviorTest | str] | None, *, own_examples: bool
) -> Sequence[BehaviorTest]:
    """The tests themselves; raises `InputError` for unknown names and names that stand twice."""
    if tests is None:
        return EDIT_TESTS if own_examples else BUILT_IN
    given = [tests] if isinstance(tests, str | BehaviorTest) else list(tests)
    found = [test if isinstance(test, BehaviorTest) else _named(test) for test in given]
    if not found:
        raise InputError("There is no test to run; name some, or leave tests out for all built-in ones.")
    twice = [name for name, count in Counter(test.name for test in found).items() if count > 1]
    if twice:
        raise InputError(f"The name {shown(twice[0])} stands for several tests; give each a name of its own.")
    return found


def _named(name: Any) -> BehaviorTest:
    for test in BUILT_IN:
        if test.name == name:
            return test
    known = ", ".join(test.name for test in BUILT_IN)
    raise InputError(f"There is no built-in test {shown(name)}; there are {known}.")
