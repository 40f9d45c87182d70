"""Questions, texts and character spans, and SQuAD files."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qalens.errors import InputError, QalensError
from qalens.text.examples import CharSpan, Example, check_text
from qalens.text.squad_files import read_squad

# --- spans ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 2), (-2, -1), (1, 0)])
def test_a_span_that_runs_backwards_or_starts_before_the_text_is_refused(start, end):
    message = rf"^A span needs 0 <= start <= end, but start is {start} and end is {end}\.$"
    with pytest.raises(InputError, match=message):
        CharSpan(start, end)


@pytest.mark.parametrize(
    ("span", "piece"), [((0, 3), "Ada"), ((4, 8), "kept"), ((8, 8), ""), ((0, 11), "Ada kept 🙂é")]
)
def test_a_span_counts_characters_and_leaves_its_end_out(span, piece):
    assert CharSpan(*span).of("Ada kept 🙂é") == piece
    assert len(CharSpan(*span)) == len(piece)


def test_a_span_past_the_end_of_a_text_is_refused():
    message = r"^The span \[2, 9\) reaches past the text, which has 8 characters\.$"
    with pytest.raises(InputError, match=message):
        CharSpan(2, 9).of("Ada kept")


places = st.integers(0, 12)
spans = st.builds(lambda a, b: CharSpan(min(a, b), max(a, b)), places, places)


@given(spans, spans)
def test_two_spans_overlap_where_they_share_a_character(a, b):
    shared = set(range(a.start, a.end)) & set(range(b.start, b.end))
    # An empty span has no character, so the rule of its edges is not asked for.
    if len(a) and len(b):
        assert a.overlaps(b) == b.overlaps(a) == bool(shared)


@given(st.lists(spans))
def test_spans_sort_by_start_then_end(many):
    assert sorted(many) == sorted(many, key=lambda s: (s.start, s.end))


def test_spans_and_examples_are_values():
    assert len({CharSpan(1, 2), CharSpan(1, 2), CharSpan(1, 3)}) == 2
    assert Example("Who?", "Ada.") == Example("Who?", "Ada.", id=None, gold=None)
    assert Example("Who?", "Ada.", gold=()) != Example("Who?", "Ada.")
    with pytest.raises(dataclasses.FrozenInstanceError):
        CharSpan(1, 2).start = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        Example("Who?", "Ada.").context = ""


# --- texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, r"^The question has to be a str, but is of type NoneType: None$"),
        (b"Ada", r"^The question has to be a str, but is of type bytes: b'Ada'"),
        (["Ada"], r"^The question has to be a str, but is of type list: \['Ada'\]"),
        ("", r"^The question is empty; there is nothing to read\.$"),
        (" ", r"^The question is blank \(1 whitespace characters\); there is nothing to read\.$"),
        ("\n\t\u00a0", r"^The question is blank \(3 whitespace characters\); there is nothing to read\.$"),
        ("Ada\ud83d?", r"^The question holds a lone surrogate \('\\ud83d'\) at character 3; it is half of"),
        (
            "\udc80",
            r"^The question holds a lone surrogate \('\\udc80'\) at character 0; it stands for the byte 0x80, which is no UTF-8",
        ),
    ],
)
def test_what_is_no_readable_text_is_refused(value, message):
    with pytest.raises(InputError, match=message):
        check_text(value, "question")


def test_a_long_thing_that_is_no_text_is_shown_by_its_beginning():
    with pytest.raises(InputError, match=r"list: \[0, 0, 0") as caught:
        check_text([0] * 10_000, "context")
    assert len(str(caught.value)) < 200


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: not text.isspace()))
def test_every_other_text_comes_back_as_it_is(text):
    assert check_text(text, "context") is text


def test_a_refused_text_is_an_error_of_qalens_and_a_value_error():
    assert issubclass(InputError, QalensError)
    with pytest.raises(ValueError, match=r"^The context is empty"):
        check_text("", "context")


# --- SQuAD files ------------------------------------------------------------------------------------------------

CONTEXT = "Ada kept the lamp. The lamp 🙂 was lit by Ada."


def entry(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"q{number}", "question": f"Question {number}?", **more}


def answer(text: str, start: int) -> dict[str, Any]:
    return {"text": text, "answer_start": start}


def squad(*entries: Any) -> dict[str, Any]:
    return {
        "version": "x",
        "data": [{"title": "Lamps", "paragraphs": [{"context": CONTEXT, "qas": list(entries)}]}],
    }


def written(folder: Path, content: Any) -> Path:
    path = folder / "set.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("fields", "gold"),
    [
        ({"answers": [answer("Ada", 0)]}, ["Ada"]),
        ({"answers": [answer("Ada", 0), answer("Ada", 41), answer("Ada", 0)]}, ["Ada", "Ada", "Ada"]),
        ({"answers": [answer("lamp 🙂 was", 23)], "is_impossible": False}, ["lamp 🙂 was"]),
        ({"answers": [], "is_impossible": True}, []),
        ({"answers": [], "plausible_answers": [answer("Ada", 0)], "is_impossible": True}, []),
        ({"answers": [answer("Ada", 0)], "is_impossible": True}, ["Ada"]),
        ({"is_impossible": True}, []),
        ({"answers": None, "is_impossible": 1}, []),
        ({"answers": None}, None),
        ({"answers": []}, []),
        ({"answers": [answer("", 0)]}, []),
        ({}, None),
    ],
)
def test_what_is_known_of_an_answer_becomes_spans(tmp_path, fields, gold):
    (example,) = read_squad(written(tmp_path, squad(entry(7, **fields))))
    assert (example.id, example.question, example.context) == ("q7", "Question 7?", CONTEXT)
    assert (None if example.gold is None else [span.of(CONTEXT) for span in example.gold]) == gold


def test_repeated_answers_are_kept_at_their_places(tmp_path):
    answers = [answer("Ada", 0), answer("Ada", 41), answer("Ada", 0)]
    (example,) = read_squad(written(tmp_path, squad(entry(1, answers=answers))))
    assert example.gold == (CharSpan(0, 3), CharSpan(41, 44), CharSpan(0, 3))


def test_questions_come_in_the_order_of_the_file(tmp_path):
    one, two = squad(entry(1, answers=[]), entry(2, answers=[])), squad(entry(3, answers=[]))
    two["data"][0]["paragraphs"].append({"context": "The room.", "qas": [entry(4, answers=[])]})
    path = written(tmp_path, {"data": one["data"] + two["data"]})
    assert [(e.id, e.context[:4]) for e in read_squad(str(path))] == [
        ("q1", "Ada "), ("q2", "Ada "), ("q3", "Ada "), ("q4", "The "),
    ]  # fmt: skip


def test_a_question_without_an_id_has_none(tmp_path):
    (example,) = read_squad(written(tmp_path, squad({"question": "Who?", "answers": []})))
    assert example.id is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{'data': []}", "no whole JSON: at byte 1 expected"),
        ("", "holds no questions"),
        ("{}", "holds no questions"),
        ("3", "holds no questions"),
        ('{"data": 3}', "expected a list under 'data'"),
        ('{"data": null}', "expected a list under 'data'"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, content, why):
    with pytest.raises(InputError, match=rf"set\.json .*{why}"):
        list(read_squad(written(tmp_path, content)))


def test_a_byte_that_is_no_utf_8_is_named_with_its_question(tmp_path):
    path = tmp_path / "set.json"
    path.write_bytes(json.dumps(squad(entry(1, answers=[]))).replace("Question", "Qu\xe9").encode("latin-1"))
    with pytest.raises(
        InputError,
        match=r"question 1 \(id 'q1'\): The question holds a lone surrogate .* stands for the byte 0xe9",
    ):
        list(read_squad(path))


@pytest.mark.parametrize(
    ("article", "place", "why"),
    [
        ({}, "row 2", "There is no 'question'"),
        ("Lamps", "article 2", "Expected a row with 'question' and 'context'"),
        ({"paragraphs": None}, "article 2", "There is no 'question'; what else the row has is 'paragraphs'"),
        ({"paragraphs": [{"qas": [entry(1)]}]}, "article 2, paragraph 1, question 1 (id 'q1')", "There is no 'context'"),
        ({"paragraphs": [{"context": CONTEXT}]}, "article 2, paragraph 1", "There is no 'question'"),
        ({"paragraphs": [{"context": CONTEXT, "qas": [{"id": "q1"}]}]}, "article 2, paragraph 1, question 1 (id 'q1')", "There is no 'question'"),
        ({"paragraphs": [{"context": CONTEXT, "qas": [["q1"]]}]}, "article 2, paragraph 1, question 1", "Expected a row"),
        ({"paragraphs": [{"context": CONTEXT, "qas": [entry(1, answers=[{"text": "Ada"}])]}]}, "article 2, paragraph 1, question 1 (id 'q1')", "An answer starts at a whole number"),
        ({"paragraphs": [{"context": CONTEXT, "qas": [entry(1, answers=[{"answer_start": 0}])]}]}, "article 2, paragraph 1, question 1 (id 'q1')", "A gold answer has to be a str"),
    ],
)  # fmt: skip
def test_a_fault_within_a_file_is_named_with_its_place(tmp_path, article, place, why):
    examples = read_squad(written(tmp_path, {"data": [*squad(entry(0))["data"], article]}))
    assert next(examples).id == "q0"
    with pytest.raises(InputError, match=rf"set\.json, {re.escape(place)}: {re.escape(why)}"):
        list(examples)


@pytest.mark.parametrize(
    ("text", "start", "why"),
    [
        ("Ada", -1, "The gold answer 'Ada' lies outside of the text: it starts at -1 and the text has 45 characters."),
        ("Ada", 43, "The gold answer 'Ada' lies outside of the text: it starts at 43"),
        ("ada", 0, "The gold answer 'ada' is not at character 0 of the text, which has 'Ada' there."),
        ("Ada", 42, "The gold answer 'Ada' is not at character 42 of the text, which has 'da.' there."),
        ("Ada", None, "An answer starts at a whole number of characters, but got None."),
        ("Ada", 0.5, "An answer starts at a whole number of characters, but got 0.5."),
        ("Ada", True, "An answer starts at a whole number of characters, but got True."),
        (7, 0, "A gold answer has to be a str, but is of type int: 7."),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_stand_where_the_file_says_is_named_with_its_question(
    tmp_path, text, start, why
):
    path = written(tmp_path, squad(entry(0), entry(1, answers=[answer("Ada", 41), answer(text, start)])))
    examples = read_squad(path)
    assert next(examples).id == "q0"
    with pytest.raises(
        InputError, match=rf"set\.json, article 1, paragraph 1, question 2 \(id 'q1'\): {re.escape(why)}"
    ):
        list(examples)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(InputError, match=r"none\.json cannot be read as a text: No such file"):
        list(read_squad(tmp_path / "none.json"))
