"""No record prints more than a screen, whatever it holds, and numbers are rounded."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qalens.evaluation.confidence.thresholds import sweep
from qalens.evaluation.report import report_of
from qalens.evaluation.rows import example_row
from qalens.records import brief
from qalens.testing import planted_reading
from qalens.text.examples import CharSpan, Example


@brief
@dataclass(frozen=True)
class Holding:
    value: Any


# What is written down word for word, as the settings of a run are.
IN_FULL = {"CharSpan", "Contrast", "Options", "Plan"}
PACKAGES = ("spans", "readings", "text", "evaluation", "explain", "behavior")


def record_classes():
    """Every public record of the packages that compute."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(
            importlib.import_module(f"qalens.{package}").__path__, f"qalens.{package}."
        ):
            for name, value in vars(importlib.import_module(module.name)).items():
                if (
                    dataclasses.is_dataclass(value)
                    and value.__module__ == module.name
                    and not name.startswith("_")
                ):
                    yield value


def test_no_record_prints_all_that_it_holds():
    made = [
        record.__name__
        for record in record_classes()
        # What `dataclass` writes has no file.
        if getattr(record.__repr__, "__wrapped__", record.__repr__).__code__.co_filename == "<string>"
    ]
    edits = {"DropSentence", "KeepSentence", "MaskWords", "ReplaceWords", "Edited", "Goal", "BlockCalls"}
    jobs = {"Evaluating", "ReadingAll", "Attributing", "Task", "Examining", "BehaviorTest", "Sources"}
    assert set(made) <= IN_FULL | edits | jobs, "put @brief of qalens.records above their @dataclass"


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.960260842719351, "0.9603"),
        (np.float32(0.25), "0.25"),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
        (12345678, "12345678"),
        (True, "True"),
        (None, "None"),
        (np.zeros((3, 4)), "<3 × 4 float64>"),
        ((), "()"),
        ((1,), "(1,)"),
        ([0.5] * 9, "[0.5, 0.5, 0.5, 0.5, … 9 in all]"),
        ({"a": [0] * 999}, "{'a'}"),
        ("Ada", "'Ada'"),
    ],
)
def test_a_field_prints_rounded_and_short(value, printed):
    assert repr(Holding(value)) == f"Holding(value={printed})"


@given(
    st.recursive(
        st.floats() | st.text() | st.binary(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x) | st.lists(x).map(tuple),
        max_leaves=40,
    )
)
def test_a_record_prints_on_a_line_whatever_it_holds(value):
    assert len(repr(Holding(value))) <= len("Holding(value=)") + 100
    assert len(repr(Holding((Holding(value),) * 50))) <= len("Holding(value=)") + 100


def test_records_of_many_rows_print_less_than_a_screen():
    reading = planted_reading("Who kept it?", "Ada kept it. " * 50, answer="Ada")
    rows = [
        example_row(Example("Who kept it?", reading.context, id=str(k), gold=(CharSpan(0, 3),)), reading)
        for k in range(300)
    ]
    said = report_of(rows)
    for one in (rows[0], said.compare(said), sweep(rows), reading.answer, reading.example, reading.decision):
        assert len(repr(one)) < 1000
        assert not re.search(r"\.\d{7}", repr(one))
