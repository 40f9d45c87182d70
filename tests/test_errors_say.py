"""An error says what was given, whatever that is: the message itself never fails, and never takes long."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import qalens
from qalens.errors import InputError, shown
from qalens.explain.attribution.options import Options
from qalens.integrations.pipeline_inputs import inputs_of
from qalens.integrations.pipeline_options import PipelineOptions
from qalens.reader import Reader
from qalens.readings.provenance import as_document
from qalens.retrieval import Index
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.examples import check_text
from qalens.text.question_rows import item_of


class Silent:
    def __repr__(self):
        raise RuntimeError("not even that")


def deep(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


ODD = {
    "a list 5,000 deep": deep(5000),
    "a number of 5,000 digits": 10**5000,
    "numbers of 5,000 digits in a list": [10**5000],
    "what cannot be printed": Silent(),
    "what cannot be printed, in a dictionary": {"a": Silent()},
    "a hundred million letters": b"x" * 10**8,
    "lone surrogates": ["\ud800"],
    "itself in itself": (lambda loop: loop.append(loop) or loop)([]),
}


@pytest.mark.parametrize("value", ODD.values(), ids=list(ODD))
def test_anything_can_be_shown(value):
    assert 0 < len(shown(value)) <= 80
    assert shown(value).isprintable()


@pytest.mark.parametrize("value", ODD.values(), ids=list(ODD))
def test_no_value_replaces_the_error_by_another(value):
    reader = Reader(toy_model(), toy_tokenizer())
    for call in (
        lambda: check_text(value, "context"),
        lambda: as_document(value),
        lambda: PipelineOptions(top_k=value),
        lambda: Options(max_points=value),
        lambda: Index.build(["Ada kept it."]).search("Ada", value),
        lambda: reader.with_options(max_length=value),
        lambda: reader.read("Who?", "Ada kept it.").spans.top(value),
        lambda: list(inputs_of(((value, "Ada."),), None, None).items) and reader.read(value, "Ada."),
    ):
        with pytest.raises(InputError):
            call()


@pytest.mark.parametrize("value", ODD.values(), ids=list(ODD))
def test_one_odd_value_is_one_broken_row(value):
    good = {"id": "1", "question": "Who?", "context": "Ada.", "answers": []}
    odd = [
        value,
        {**good, "question": value},
        {**good, "answers": [value]},
        {**good, "id": value},
        {**good, "is_impossible": value},
    ]
    assert item_of(good, "row 1").error is None
    for row in odd:
        assert item_of(row, "row 1").error is not None
    reader = Reader(toy_model(), toy_tokenizer())
    report = qalens.evaluate(reader, [*odd, {**good, "id": "last"}], progress=False)
    assert [row.error is None for row in report.rows] == [False] * 5 + [True]
    assert report.rows[-1].id == "last"


# Texts of ours, or to be copied whole into the call that helps.
WHOLE = {("hub.py", "named"), ("mix_ups.py", "name")}


def written_out(tree: ast.AST) -> Iterator[str]:
    """What messages of errors hold by its own repr, which may fail, take for ever or be gigabytes long."""
    for call in ast.walk(tree):
        named = getattr(getattr(call, "func", None), "id", "")
        if isinstance(call, ast.Call) and named.endswith("Error") and named != "AttributeError":
            for part in ast.walk(call):
                if isinstance(part, ast.FormattedValue) and part.conversion == ord("r"):
                    yield ast.unparse(part.value)


def test_messages_show_what_was_given_by_its_beginning():
    assert list(written_out(ast.parse("raise InputError(f'{a!r} and {shown(b)}')"))) == ["a"]
    found = {
        (file.name, value)
        for file in Path(qalens.__file__).parent.rglob("*.py")
        for value in written_out(ast.parse(file.read_text(encoding="utf-8")))
    }
    assert found <= WHOLE
