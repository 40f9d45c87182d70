"""Records are read-only, and stay so in a pickle and in a copy."""

from __future__ import annotations

import ast
import copy
import pickle
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest
from checkpoints import QUESTION, STORY

import qalens
from qalens.errors import ModelError
from qalens.explain.counterfactual.edits import DropSentence
from qalens.reader import Reader
from qalens.spans.distribution import SpanLogits
from qalens.testing import planted_logits, toy_model, toy_tokenizer

PACKAGE = Path(qalens.__file__).parent
QUICK = {"agreement": False, "tolerance": 10.0, "max_points": 17}


@pytest.fixture(scope="module")
def records():
    reader = Reader(toy_model(), toy_tokenizer(), max_length=96, max_answer_length=4)
    reading = reader.read(QUESTION, STORY[:120])
    attribution = reader.attribute(reading, **QUICK, split=True)
    return {
        "reading": reading,
        "attribution": attribution,
        "faithfulness": reader.faithfulness(reading, attribution, random_rankings=2),
        "lens": reader.logit_lens(reading),
        "heads": reader.ablate_heads(reading),
        "difference": reader.edit(reading, DropSentence(0)),
        "sentences": reader.sentence_effects(reading),
        "flip": reader.smallest_flip(reading, budget=8),
    }


KINDS = ("reading", "attribution", "faithfulness", "lens", "heads", "difference", "sentences", "flip")


def arrays_in(value: object, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Every array in a record and in what it holds, with the way there."""
    if isinstance(value, np.ndarray):
        yield path, value
    elif is_dataclass(value):
        for field in fields(value):
            yield from arrays_in(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from arrays_in(one, f"{path}[{name!r}]")
    elif isinstance(value, tuple):
        for k, one in enumerate(value):
            yield from arrays_in(one, f"{path}[{k}]")


ROUND_TRIPS = {
    "pickle": lambda record: pickle.loads(pickle.dumps(record)),
    "an old protocol": lambda record: pickle.loads(pickle.dumps(record, protocol=2)),
    "a new protocol": lambda record: pickle.loads(pickle.dumps(record, protocol=5)),
    "a deep copy": copy.deepcopy,
    "a copy": copy.copy,
}


@pytest.mark.parametrize("trip", ROUND_TRIPS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_comes_back_as_it_was_and_read_only(records, kind, trip):
    before = list(arrays_in(records[kind]))
    after = dict(arrays_in(ROUND_TRIPS[trip](records[kind])))
    assert before
    assert list(after) == [path for path, _ in before]
    for path, array in before:
        np.testing.assert_array_equal(after[path], array)
        assert not array.flags.writeable, path
        assert not after[path].flags.writeable, path


def test_what_does_not_fit_is_refused_when_it_is_restored():
    # What pickle does: an empty record, then its state.
    logits = planted_logits("Ada kept the lamp.", answer="Ada")
    with pytest.raises(ModelError, match="start logits of shape \\(3,\\) do not fit windows of shape"):
        SpanLogits.__new__(SpanLogits).__setstate__([logits.windows, np.zeros(3), logits.end])


def freezing(package: Path) -> dict[str, bool]:
    """The classes that make arrays read-only, and whether they do it to what comes out of a pickle too."""
    return {
        node.name: "read_only" in [ast.unparse(d) for d in node.decorator_list]
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and "flags.writeable = False" in ast.unparse(node)
    }


def test_every_record_that_is_read_only_stays_so():
    found = freezing(PACKAGE)
    assert "SpanDistribution" in found
    assert [name for name, stays in found.items() if not stays] == []


def test_the_guard_finds_a_record_that_forgets(tmp_path):
    frozen = "    def __post_init__(self):\n        self.x.flags.writeable = False\n"
    (tmp_path / "a.py").write_text(
        f"@dataclass\nclass A:\n{frozen}@read_only\n@dataclass\nclass B:\n{frozen}"
    )
    assert freezing(tmp_path) == {"A": False, "B": True}
