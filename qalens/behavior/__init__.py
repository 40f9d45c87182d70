"""Behaviour tests: what a reader can and cannot do, with cases to look at.

>>> import qalens
>>> report = qalens.behavior.run(qalens.load(), tests=["units"], cases=5)
>>> report["units"].failure_rate.count
5
"""

from qalens.behavior.cases import Case, JudgedCase, Said
from qalens.behavior.definition import (
    CAPABILITIES,
    KINDS,
    BehaviorTest,
    Description,
    edit_test,
    template_test,
)
from qalens.behavior.rates import Rate, clustered_rate, wilson
from qalens.behavior.report import BehaviorReport, BehaviorResult, Cell
from qalens.behavior.running import BUILT_IN, run

__all__ = [
    "BUILT_IN",
    "CAPABILITIES",
    "KINDS",
    "BehaviorReport",
    "BehaviorResult",
    "BehaviorTest",
    "Case",
    "Cell",
    "Description",
    "JudgedCase",
    "Rate",
    "Said",
    "clustered_rate",
    "edit_test",
    "run",
    "template_test",
    "wilson",
]
