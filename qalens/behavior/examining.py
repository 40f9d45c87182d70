"""Cases through a reader: each group of cases with the original it was made from, lazily and in order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from qalens.behavior.builtin.base_examples import base_example
from qalens.behavior.cases import Case, JudgedCase, Said, said_of
from qalens.behavior.definition import BehaviorTest
from qalens.evaluation.evaluate import ReadsMany
from qalens.readings.reading import FailedReading, Reading, Source
from qalens.records import brief
from qalens.text.examples import Example
from qalens.text.question_rows import Item

# Examples that are tried for each case that a test wants.
_TRIES = 10


@brief
@dataclass(frozen=True, slots=True)
class Group:
    """The cases made from one example or drawn by one test.

    Attributes
    ----------
    cases
        (name of the test, case) pairs.
    left_out
        (name of the test, why there is no case) pairs.
    cluster
        Letters or a number that cases of one text share.
    id
        That of the example.
    """

    cases: tuple[tuple[str, Case], ...]
    left_out: tuple[tuple[str, str], ...] = ()
    cluster: str = ""
    id: str | None = None

    def questions(self) -> Iterator[tuple[str, str]]:
        """What has to be read, each question and text once: originals first."""
        originals = (case.original for _, case in self.cases if case.paired and case.original is not None)
        asked = ((case.question, case.context) for _, case in self.cases)
        yield from dict.fromkeys([*originals, *asked])


@brief
@dataclass(frozen=True, slots=True)
class JudgedGroup:
    """The cases of a group with what the reader said; those that could not be read are left out with the reason."""

    cases: tuple[tuple[str, JudgedCase], ...]
    left_out: tuple[tuple[str, str], ...]
    cluster: str

    def to_dict(self) -> dict[str, Any]:
        """The group as plain values, ready for JSON; `from_dict` gives the same again."""
        cases = [{"test": name, **_without(case.to_dict(), self.cluster)} for name, case in self.cases]
        return {"cases": cases, "left_out": [list(pair) for pair in self.left_out], "cluster": self.cluster}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> JudgedGroup:
        """The group that `to_dict` wrote."""
        text = given["cluster"]
        cases = tuple((one["test"], JudgedCase.from_dict(_with(one, text))) for one in given["cases"])
        return cls(cases, tuple((name, reason) for name, reason in given["left_out"]), given["cluster"])


def _without(case: dict[str, Any], text: str) -> dict[str, Any]:
    """A case without the text that all cases of its example share, which is the largest part of it."""
    original = case["original"]
    context = None if case["context"] == text else case["context"]
    if original is not None:
        original = [part if part != text else None for part in original]
    return {**case, "context": context, "original": original}


def _with(case: Mapping[str, Any], text: str) -> dict[str, Any]:
    original = case["original"]
    if original is not None:
        original = [text if part is None else part for part in original]
    return {**case, "context": text if case["context"] is None else case["context"], "original": original}


@dataclass(slots=True)
class Sources:
    """Keeps the model of the first reading that goes by."""

    first: Source | None = field(default=None)

    def note(self, reading: Reading | FailedReading) -> None:
        """Look at one reading."""
        if self.first is None and isinstance(reading, Reading):
            self.first = reading.source


def drawn_groups(tests: Iterable[BehaviorTest], *, cases: int, seed: int) -> Iterator[Group]:
    """So many cases of each test that draws, every case a group of its own."""
    for test in tests:
        if test.draw is not None:
            for k in range(cases):
                case = test.draw(_random(f"{seed}/{test.name}/{k}"))
                yield Group(((test.name, case),), cluster=f"{test.name}/{k}")


def base_groups(tests: Iterable[BehaviorTest], *, cases: int, seed: int) -> Iterator[Group]:
    """So many cases of each test that edits, made of the built-in paragraphs.

    A test that leaves an example out takes the next; only so many are tried that no test can go on for ever.
    """
    edits = [test for test in tests if test.edit is not None]
    made: Counter[str] = Counter()
    for k in range(_TRIES * cases):
        waiting = [test for test in edits if made[test.name] < cases]
        if not waiting:
            return
        group = edited_group(base_example(Random(f"{seed}/base/{k}")), waiting, seed=seed, number=k)
        made.update(name for name, _ in group.cases)
        yield Group(group.cases, (), group.cluster)


def example_groups(items: Iterable[Item], tests: Iterable[BehaviorTest], *, seed: int) -> Iterator[Group]:
    """The cases that each example of a user gives; a broken one gives none, with the reason."""
    edits = [test for test in tests if test.edit is not None]
    for item in items:
        if item.error is None:
            yield edited_group(item.example, edits, seed=seed)
        else:
            reason = "the example cannot be used"
            yield Group((), tuple((test.name, reason) for test in edits), cluster=item.place)


def edited_group(
    example: Example, tests: Iterable[BehaviorTest], *, seed: int, number: int | None = None
) -> Group:
    """The cases that one example gives; random numbers depend on the example alone and not on its place."""
    cases, left_out = [], []
    own = f"{example.question}\n{example.context}" if number is None else str(number)
    for test in tests:
        assert test.edit is not None
        made = test.edit(example, _random(f"{seed}/{test.name}/{own}"))
        (left_out if isinstance(made, str) else cases).append((test.name, made))
    return Group(tuple(cases), tuple(left_out), example.context, example.id)


def _random(seed: str) -> Random:
    """Random numbers by a text, which may hold halves of characters."""
    return Random(seed.encode("utf-8", "surrogatepass"))


class _Reads(NamedTuple):
    """A group that waits for its readings."""

    group: Group
    asked: tuple[tuple[str, str], ...]


def judge_groups(
    reader: ReadsMany, groups: Iterable[Group], *, sources: Sources | None = None
) -> Iterator[JudgedGroup]:
    """Read the cases of groups and judge them, lazily and in order; a few hundred questions are held at a time."""
    waiting: deque[_Reads] = deque()

    def to_read() -> Iterator[Example]:
        for group in groups:
            asked = tuple(group.questions())
            waiting.append(_Reads(group, asked))
            for question, context in asked:
                yield Example(question, context)

    said: list[Said] = []
    for reading in reader.read_many(to_read(), progress=False):
        yield from _finished(waiting, said)
        if sources is not None:
            sources.note(reading)
        said.append(said_of(reading))
    yield from _finished(waiting, said)


def _finished(waiting: deque[_Reads], said: list[Said]) -> Iterator[JudgedGroup]:
    """The groups whose readings are all there; they leave the queue."""
    while waiting and len(said) == len(waiting[0].asked):
        group, asked = waiting.popleft()
        yield _judged(group, dict(zip(asked, said, strict=True)))
        said.clear()


def _judged(group: Group, said: Mapping[tuple[str, str], Said]) -> JudgedGroup:
    cases, left_out = [], list(group.left_out)
    for name, case in group.cases:
        after = said[case.question, case.context]
        before = said[case.original] if case.paired and case.original is not None else None
        if error := after.error or (before and before.error):
            left_out.append((name, f"it could not be read: {error}"))
            continue
        right = case.judge(after.answer, None if before is None else before.answer)
        cases.append((name, JudgedCase(case, after, before, not right, group.id)))
    return JudgedGroup(tuple(cases), tuple(left_out), group.cluster)
