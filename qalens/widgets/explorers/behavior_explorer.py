"""The explorer of behaviour tests: the grid of capabilities and kinds, the failing cases of a cell, and one of them open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import traitlets

from qalens.behavior.cases import JudgedCase
from qalens.behavior.definition import KINDS
from qalens.behavior.report import BehaviorReport, Cell
from qalens.display.content.evaluation.behavior import grid, heading, name_of
from qalens.display.html.page import nodes
from qalens.display.parts import Table
from qalens.errors import InputError, shown
from qalens.widgets.explorer import Explorer

if TYPE_CHECKING:
    from ipywidgets import VBox
    from matplotlib.figure import Figure

_MOST_CASES = 100  # failing cases of one test that are listed


class BehaviorExplorer(Explorer):
    """Explore behaviour tests: open a cell of the grid to see its failing cases, and a case to see its text before and after.

    Parameters
    ----------
    report : BehaviorReport
        What `qalens.behavior.run` gave.
    reader : Reader, optional
        Reads the case that is open, for `with_details()`; None where cases are only looked at.
    **options
        The attributes below, which are traits: they can be observed, linked and set.

    Attributes
    ----------
    capability, kind : str
        Which cell of the grid is open; by default the one with the largest share of failures.
    selected : int or None
        The number of the case that is open among all listed failing ones.

    Raises
    ------
    InputError
        For what is no report, a cell that is not there, and a number that no case has.

    Examples
    --------
    >>> from qalens.behavior import run
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> explorer = BehaviorExplorer(run(Reader(toy_model(), toy_tokenizer()), tests=["units"], cases=5))
    >>> explorer.capability, explorer.kind
    ('numbers and units', 'minimum functionality')
    >>> explorer.selected = 0
    >>> explorer.case.failed
    True
    """

    script = "behavior_explorer"
    height = 820

    capability = traitlets.Unicode("").tag(sync=True)
    kind = traitlets.Unicode("").tag(sync=True)
    selected = traitlets.Int(default_value=None, allow_none=True).tag(sync=True)

    def __init__(self, report: BehaviorReport, *, reader: Any = None, **options: Any):
        if not isinstance(report, BehaviorReport):
            raise InputError(
                f"BehaviorExplorer needs a BehaviorReport, as qalens.behavior.run gives it, but got {shown(report)}."
            )
        self.report, self.reader = report, reader
        self.cases = tuple(case for _, case in _failing(report))
        worst = max((cell for row in report.grid() for cell in row), key=_share)
        first = {"capability": worst.capability, "kind": worst.kind}
        super().__init__({"view": behavior_view(report)}, **(first | options))

    @property
    def case(self) -> JudgedCase | None:
        """The case that is open; None where none is."""
        return None if self.selected is None else self.cases[self.selected]

    def with_details(self) -> VBox:
        """This explorer, and under it the other explorers of the open case, read by `reader`.

        Returns
        -------
        ipywidgets.VBox
        """
        from qalens.widgets.details import case_details_below

        return case_details_below(self)

    @traitlets.validate("capability", "kind")
    def _check_cell(self, proposal: Mapping[str, Any]) -> str:
        known = self.report.capabilities if proposal["trait"].name == "capability" else KINDS
        if proposal["value"] not in known:
            raise InputError(
                f"There is no {proposal['trait'].name} {shown(proposal['value'])}; there are {', '.join(known)}."
            )
        return proposal["value"]

    @traitlets.validate("selected")
    def _check_selected(self, proposal: Mapping[str, Any]) -> int | None:
        number = proposal["value"]
        if number is not None and not 0 <= number < len(self.cases):
            raise InputError(
                f"There is no failing case {number}; there are {len(self.cases):,}, counted from 0."
            )
        return number

    def summary(self) -> str:
        """What is seen, in one line."""
        return f"Behaviour of {name_of(self.report)}"

    def table(self) -> Table:
        """The share of failures by capability and kind."""
        return grid(self.report)

    def figure(self) -> Figure:
        """The grid as a figure of matplotlib."""
        from qalens.display.plots.axes import new_figure
        from qalens.display.plots.behavior import behavior

        figure = new_figure(7.2, 0.8 + 0.42 * len(self.report.capabilities))
        behavior(self.report, ax=figure.subplots())
        return figure


def behavior_view(report: BehaviorReport) -> dict[str, Any]:
    """What the explorer shows, as JSON: the grid, and the failing cases test by test.

    >>> from qalens.behavior import run
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> view = behavior_view(run(Reader(toy_model(), toy_tokenizer()), tests=["units"], cases=2))
    >>> view["capabilities"], view["cases"][0]["test"]
    (['numbers and units'], 'units')
    """
    return {
        "head": nodes(heading(report)),
        "grid": nodes(grid(report)),
        "kinds": list(KINDS),
        "capabilities": [row[0].capability for row in report.grid()],
        "tests": [[_tests(cell) for cell in row] for row in report.grid()],
        "cases": [_shown(about, case) for about, case in _failing(report)],
    }


def _failing(report: BehaviorReport) -> list[tuple[Any, JudgedCase]]:
    return [(one.about, case) for one in report for case in one.failing[:_MOST_CASES]]


def _tests(cell: Cell) -> list[list[str]]:
    """The tests of a cell by their names, and what each asks."""
    return [[one.name, one.about.sentence] for one in cell.tests] if cell.rate.count else []


def _shown(about: Any, case: JudgedCase) -> dict[str, Any]:
    before = None
    if case.original is not None:
        said = None if case.before is None else case.before.answer
        before = {"question": case.original.question, "text": case.original.context, "answer": said}
        before["read"] = case.before is not None
    return {
        "test": about.name,
        "capability": about.capability,
        "kind": about.kind,
        "question": case.case.question,
        "text": case.case.context,
        "expected": case.expected,
        "answer": case.said.answer,
        "span": None if case.said.start is None else [case.said.start, case.said.end],
        "before": before,
    }


def _share(cell: Cell) -> float:
    return float(cell.rate.value) if cell.rate.count else -1.0
