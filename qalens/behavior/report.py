"""What came of behaviour tests: one result for each test, and the grid of capabilities and kinds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qalens.behavior.cases import JudgedCase
from qalens.behavior.definition import CAPABILITIES, KINDS, BehaviorTest, Description, Kind
from qalens.behavior.examining import JudgedGroup
from qalens.behavior.rates import Rate, clustered_rate
from qalens.errors import InputError, MissingExtraError, shown
from qalens.files import DAMAGE, as_path, folder_made, write_file
from qalens.readings.reading import Source
from qalens.records import Shown, brief
from qalens.text.visible import visible

if TYPE_CHECKING:
    import pandas

_FORMAT = {"format": "qalens behavior report", "version": 1}
DEFAULT_KEEP = 200
_QUOTED = 3


@brief
@dataclass(frozen=True, slots=True)
class BehaviorResult(Shown):
    """What came of one behaviour test.

    Attributes
    ----------
    about
        Name, capability, kind, what is tested, what counts as a failure, and the source.
    failure_rate
        Failures out of cases from 0 to 1, with a Wilson interval. Cases made from one text count as a cluster.
    cases
        The first cases that failed and the first that did not; `failure_rate.count` tells how many there were.
    left_out
        {reason: how many examples gave no case}.
    clusters
        (failures, cases) of each text.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> qalens.behavior.run(reader, ["negation"], cases=3, progress=False)["negation"].failure_rate.count
    3
    """

    about: Description
    failure_rate: Rate
    cases: tuple[JudgedCase, ...]
    left_out: Mapping[str, int]
    clusters: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        """The name of the test."""
        return self.about.name

    @property
    def failing(self) -> tuple[JudgedCase, ...]:
        """The kept cases that failed."""
        return tuple(case for case in self.cases if case.failed)

    def __str__(self) -> str:
        named = visible(f"{self.about.name} ({self.about.capability}, {self.about.kind})")
        quoted = "\n".join(f"  {case}" for case in self.failing[:_QUOTED])
        rate = f"{self.failure_rate} failed of {self.failure_rate.count}"
        return f"{named}: {rate}\n{visible(self.about.sentence)}\n{quoted}".rstrip()


@brief
@dataclass(frozen=True, slots=True)
class Cell:
    """One capability and kind: the tests there, and their failures taken together.

    Attributes
    ----------
    capability : str
        What the tests are about.
    kind : Kind
        One of `KINDS`.
    tests : tuple of BehaviorResult
        The results of the tests; empty where none is of this kind.
    rate : Rate
        The share of failures of all of them; it counts no case where there is no test.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> report = qalens.behavior.run(reader, ["negation"], cases=3, progress=False)
    >>> [cell.rate.count for row in report.grid() for cell in row if cell.tests]
    [3]
    """

    capability: str
    kind: Kind
    tests: tuple[BehaviorResult, ...]
    rate: Rate


@dataclass(frozen=True, slots=True)
class BehaviorReport(Shown):
    """What came of behaviour tests; in a notebook it shows itself as a grid.

    Attributes
    ----------
    tests
        One `BehaviorResult` for each test, in the order of the run.
    source
        The model that read; None where it did not say.
    options
        Options of the reader and of the run, as plain values.

    Examples
    --------
    >>> import qalens
    >>> report = qalens.behavior.run(qalens.load(), cases=5)
    >>> rate = report["negation"].failure_rate
    >>> 0 <= rate.low <= rate.value <= rate.high <= 1, rate.count
    (True, 5)
    """

    tests: tuple[BehaviorResult, ...]
    source: Source | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many tests there are."""
        return len(self.tests)

    def __iter__(self) -> Iterator[BehaviorResult]:
        return iter(self.tests)

    def __getitem__(self, name: str) -> BehaviorResult:
        """The result of a test by its name; an `InputError` where there is none."""
        for one in self.tests:
            if one.name == name:
                return one
        raise InputError(
            f"There is no test {shown(name)}; there are {', '.join(one.name for one in self.tests)}."
        )

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The capabilities that were tested, in the order of `CAPABILITIES`; those of own tests come last."""
        there = dict.fromkeys(one.about.capability for one in self.tests)
        return tuple(sorted(there, key=lambda name: CAPABILITIES.index(name) if name in CAPABILITIES else 99))

    def cell(self, capability: str, kind: Kind) -> Cell:
        """The tests of one capability and kind, and their failures taken together.

        Parameters
        ----------
        capability : str
            What the tests are about.
        kind : Kind
            One of `KINDS`.

        Returns
        -------
        Cell
        """
        tests = tuple(
            one for one in self.tests if (one.about.capability, one.about.kind) == (capability, kind)
        )
        clusters = [pair for one in tests for pair in one.clusters]
        quoted = _quote([case for one in tests for case in one.failing])
        return Cell(capability, kind, tests, clustered_rate(clusters, quoted=quoted))

    def grid(self) -> tuple[tuple[Cell, ...], ...]:
        """All cells: one row for each capability, one column for each of `KINDS`.

        Returns
        -------
        tuple of tuple of Cell
        """
        return tuple(tuple(self.cell(capability, kind) for kind in KINDS) for capability in self.capabilities)

    def to_pandas(self) -> pandas.DataFrame:
        """One line for each test: its description, failures, cases and interval.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        MissingExtraError
            Where pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError(
                "A table for pandas needs pandas, which is not installed: pip install pandas"
            ) from error
        return pd.DataFrame([_flat(one) for one in self.tests])

    def save(self, path: str | Path) -> Path:
        """Write the report to a file as JSON lines: one for the report, one for each test.

        Parameters
        ----------
        path : str or Path
            Where to write it, whole or not at all; `load` reads it again.

        Returns
        -------
        Path
        """
        source = None if self.source is None else asdict(self.source)
        head = {**_FORMAT, "tests": len(self), "source": source, "options": dict(self.options)}
        lines = [head, *(_as_dict(one) for one in self.tests)]
        return write_file(folder_made(path), "".join(f"{json.dumps(line)}\n" for line in lines))

    @classmethod
    def load(cls, path: str | Path) -> BehaviorReport:
        """The report that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        BehaviorReport

        Raises
        ------
        InputError
            Where the file is something else or not whole.
        """
        try:
            head, *lines = map(json.loads, as_path(path, "A report").read_text(encoding="ascii").splitlines())
            if {key: head.get(key) for key in _FORMAT} != _FORMAT or len(lines) != head["tests"]:
                raise InputError(f"{path} is no report of this version of qalens, or not a whole one.")
            source = None if head["source"] is None else Source(**head["source"])
            return cls(tuple(map(_from_dict, lines)), source, dict(head["options"]))
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
        except DAMAGE as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{path} is no report that BehaviorReport.save wrote ({type(error).__name__}: {error!s:.200})."
            ) from error

    def __str__(self) -> str:
        lines = [
            f"{visible(one.about.capability):<20}{visible(one.name):<20}{one.about.kind:<24}{one.failure_rate!s:>22}{one.failure_rate.count:>8,}"
            for one in self.tests
        ]
        head = f"{'capability':<20}{'test':<20}{'kind':<24}{'failures':>22}{'cases':>8}"
        return "\n".join([head, *lines])

    def __repr__(self) -> str:
        failures, cases = (
            sum(getattr(one.failure_rate, name) for one in self.tests) for name in ("failures", "count")
        )
        name = "" if self.source is None else f"{visible(self.source.name)}: "
        return f"BehaviorReport({name}{len(self)} tests, {failures:,} of {cases:,} cases failed)"


class Tally:
    """Counts judged cases as they come; what it holds does not grow with their number but by the number of texts."""

    def __init__(self, tests: Sequence[BehaviorTest], keep: int):
        self._about = {test.name: test.about for test in tests}
        self._keep = keep
        self._cases: dict[str, list[JudgedCase]] = {name: [] for name in self._about}
        self._kept: Counter[tuple[str, bool]] = Counter()
        self._left_out: dict[str, Counter[str]] = {name: Counter() for name in self._about}
        self._clusters: dict[str, dict[bytes, list[int]]] = {name: {} for name in self._about}

    def add(self, group: JudgedGroup) -> None:
        """Count the cases of one group."""
        for name, reason in group.left_out:
            self._left_out[name][reason] += 1
        cluster = blake2b(group.cluster.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for name, case in group.cases:
            pair = self._clusters[name].setdefault(cluster, [0, 0])
            pair[0] += case.failed
            pair[1] += 1
            if self._kept[name, case.failed] < self._keep:
                self._kept[name, case.failed] += 1
                self._cases[name].append(case)

    def results(self) -> tuple[BehaviorResult, ...]:
        """What was counted, test by test."""
        return tuple(map(self._result, self._about))

    def _result(self, name: str) -> BehaviorResult:
        cases = self._cases[name]
        clusters = tuple((failed, count) for failed, count in self._clusters[name].values())
        quoted = _quote([case for case in cases if case.failed])
        rate = clustered_rate(clusters, quoted=quoted)
        return BehaviorResult(self._about[name], rate, tuple(cases), dict(self._left_out[name]), clusters)


def _quote(failing: Iterable[JudgedCase]) -> str:
    """Three failing cases, one a line."""
    return "\n".join(case.line for case in islice(failing, _QUOTED))


def _flat(one: BehaviorResult) -> dict[str, Any]:
    rate = one.failure_rate
    numbers = {"failures": rate.failures, "cases": rate.count, "failure_rate": float(rate.value)}
    ends = {"low": float(rate.low), "high": float(rate.high), "left_out": sum(one.left_out.values())}
    return {**asdict(one.about), **numbers, **ends}


def _as_dict(one: BehaviorResult) -> dict[str, Any]:
    return {
        "about": asdict(one.about),
        "cases": [case.to_dict() for case in one.cases],
        "left_out": dict(one.left_out),
        "clusters": list(map(list, one.clusters)),
    }


def _from_dict(given: Mapping[str, Any]) -> BehaviorResult:
    cases = tuple(map(JudgedCase.from_dict, given["cases"]))
    clusters = tuple((failed, count) for failed, count in given["clusters"])
    rate = clustered_rate(clusters, quoted=_quote([case for case in cases if case.failed]))
    return BehaviorResult(Description(**given["about"]), rate, cases, given["left_out"], clusters)
