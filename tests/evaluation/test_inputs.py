"""Questions come in from many forms as the same questions, and a broken one harms no other."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pandas as pd
import pytest

from qalens.errors import InputError
from qalens.evaluation.data.inputs import read_examples
from qalens.evaluation.data.shards import items_of, shards_of
from qalens.text import json_stream
from qalens.text.examples import CharSpan, Example
from qalens.text.file_index import load_pieces, pieces_of
from qalens.text.json_stream import JsonStream
from qalens.text.question_rows import item_of, row_as_json
from qalens.text.squad_files import read_squad

TEXT = "Ada Marlow kept the lamp until 1871. Tobias läutete die Glocke 🔔 im Nebel."
OTHER = "The keeper wrote the tides into a green book."


def answer(text: str, context: str = TEXT) -> dict[str, object]:
    return {"text": text, "answer_start": context.index(text)}


ROWS = [
    {"id": "a", "question": "Who kept the lamp?", "context": TEXT, "answers": {"text": ["Ada Marlow", "Ada"], "answer_start": [0, 0]}},
    {"id": "b", "question": "What rang?", "context": TEXT, "answers": {"text": ["Glocke 🔔"], "answer_start": [TEXT.index("Glocke")]}},
    {"id": "c", "question": "Who painted the door?", "context": TEXT, "answers": {"text": [], "answer_start": []}},
    {"id": "d", "question": "Which colour had the book?", "context": OTHER, "answers": {"text": ["green"], "answer_start": [OTHER.index("green")]}},
    {"id": "e", "question": "Why?", "context": OTHER},
]  # fmt: skip
EXAMPLES = [
    Example(ROWS[0]["question"], TEXT, "a", (CharSpan(0, 10), CharSpan(0, 3))),
    Example(ROWS[1]["question"], TEXT, "b", (CharSpan(TEXT.index("Glocke"), TEXT.index(" im Nebel")),)),
    Example(ROWS[2]["question"], TEXT, "c", ()),
    Example(ROWS[3]["question"], OTHER, "d", (CharSpan(26 + 8, 26 + 13),)),
    Example(ROWS[4]["question"], OTHER, "e", None),
]


def squad() -> dict[str, object]:
    """The same five questions as a SQuAD file, with its two articles written in two orders."""
    lamp = [
        {"id": "a", "question": ROWS[0]["question"], "answers": [answer("Ada Marlow"), answer("Ada")], "is_impossible": False},
        {"id": "b", "question": ROWS[1]["question"], "answers": [answer("Glocke 🔔")], "is_impossible": False},
        {"id": "c", "question": ROWS[2]["question"], "answers": [], "plausible_answers": [answer("Tobias")], "is_impossible": True},
    ]  # fmt: skip
    book = [
        {"id": "d", "question": ROWS[3]["question"], "answers": [answer("green", OTHER)]},
        {"id": "e", "question": ROWS[4]["question"]},
    ]
    return {
        "version": "v2.0",
        "data": [
            {"title": "Lamp", "paragraphs": [{"context": TEXT, "qas": lamp}, {"qas": [], "context": OTHER}]},
            {"paragraphs": [{"qas": book, "context": OTHER}], "title": "Book"},
        ],
        "note": ["behind", {"the": "data"}],
    }


@pytest.fixture
def written(tmp_path):
    def write(name: str, content: str | bytes):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


def test_the_expected_spans_are_where_the_answers_stand():
    assert EXAMPLES[1].gold[0].of(TEXT) == "Glocke 🔔"
    assert EXAMPLES[3].gold[0].of(OTHER) == "green"


# --- every form gives the same questions ------------------------------------------------------------------------------

LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n"
FORMS = {
    "SQuAD": ("dev.json", lambda: json.dumps(squad(), ensure_ascii=False)),
    "SQuAD, indented": ("dev.json", lambda: json.dumps(squad(), indent=3)),
    "SQuAD, no ending": ("dev", lambda: json.dumps(squad())),
    "SQuAD with a byte order mark": ("dev.json", lambda: b"\xef\xbb\xbf" + json.dumps(squad()).encode()),
    "JSON lines": ("rows.jsonl", lambda: LINES),
    "JSON lines by their content": ("rows.json", lambda: LINES),
    "JSON lines with blank ones": ("rows.ndjson", lambda: "\n" + LINES.replace("\n", "\r\n\n")),
    "JSON lines, a byte order mark, no last break": (
        "r.jsonl",
        lambda: b"\xef\xbb\xbf" + LINES.strip().encode(),
    ),
    "an array of rows": ("rows.json", lambda: json.dumps(ROWS, indent=1)),
}


@pytest.mark.parametrize(("name", "content"), FORMS.values(), ids=list(FORMS))
def test_a_file_of_any_form_gives_the_questions(written, name, content):
    items = list(read_examples(written(name, content())))
    assert [item.example for item in items] == EXAMPLES
    assert [item.error for item in items] == [None] * 5


IN_MEMORY = {
    "rows": lambda: ROWS,
    "a generator": lambda: (row for row in ROWS),
    "examples": lambda: EXAMPLES,
    "a DataFrame": lambda: pd.DataFrame(ROWS).astype(object).where(lambda frame: frame.notna(), None),
    "rows with arrays": lambda: [
        {**r, "answers": {k: np.array(v, dtype=object) for k, v in r["answers"].items()}} if "answers" in r else r
        for r in ROWS
    ],
    "what a SQuAD file holds": squad,
    "lists of answers": lambda: [
        {**r, "answers": [{"text": t, "answer_start": np.int64(s)} for t, s in zip(r["answers"]["text"], r["answers"]["answer_start"], strict=True)]}
        if "answers" in r else r
        for r in ROWS
    ],
}  # fmt: skip


@pytest.mark.parametrize("source", IN_MEMORY.values(), ids=list(IN_MEMORY))
def test_what_is_in_memory_gives_them_too(source):
    items = list(read_examples(source()))
    assert [item.example for item in items] == EXAMPLES
    assert [item.error for item in items] == [None] * 5


@pytest.mark.parametrize("source", IN_MEMORY.values(), ids=list(IN_MEMORY))
def test_a_row_written_as_json_is_the_same_question(source):
    given = source() if not isinstance(source(), pd.DataFrame) else source().to_dict("records")
    if isinstance(given, dict):
        return
    for row in given:
        assert item_of(json.loads(row_as_json(row)), "row 1") == item_of(row, "row 1")
        assert row_as_json(row).isascii()


def test_titles_are_kept_wherever_they_stand_in_the_article(written):
    items = list(read_examples(written("dev.json", json.dumps(squad()))))
    assert [item.title for item in items] == ["Lamp"] * 3 + ["Book"] * 2
    assert [item.place for item in items][2:4] == [
        "article 1, paragraph 1, question 3",
        "article 2, paragraph 1, question 1",
    ]


def test_a_row_may_name_its_cause_and_a_number_as_its_id():
    item = item_of(
        {"id": np.int64(7), "question": "Who?", "context": "Ada.", "cause": "negation", "answers": []}, "x"
    )
    assert (item.example.id, item.cause, item.example.gold) == ("7", "negation", ())


def test_it_agrees_with_read_squad(written):
    path = written("dev.json", json.dumps(squad()))
    assert [item.example for item in read_examples(path)] == list(read_squad(path))


def test_pairs_are_questions_without_gold():
    (item,) = read_examples([("Who?", "Ada.")])
    assert item.example == Example("Who?", "Ada.")


# --- broken questions -------------------------------------------------------------------------------------------------

GOOD = ROWS[0]
BROKEN = {
    "no text": ({"id": "x", "question": "Who?"}, "There is no 'context'"),
    "text is None": ({**GOOD, "context": None}, "There is no 'context'"),
    "text is nan": ({**GOOD, "context": math.nan}, "There is no 'context'"),
    "text is a number": ({**GOOD, "context": 5}, "context has to be a str, but is of type int"),
    "blank question": ({**GOOD, "question": " \n"}, "question is blank"),
    "empty text": ({**GOOD, "context": ""}, "context is empty"),
    "lone surrogate": ({**GOOD, "context": "Ada \ud83d kept"}, "lone surrogate"),
    "gold behind the text": ({**GOOD, "answers": {"text": ["Ada"], "answer_start": [len(TEXT) - 2]}}, "outside of the text"),
    "gold before the text": ({**GOOD, "answers": {"text": ["Ada"], "answer_start": [-3]}}, "outside of the text"),
    "gold elsewhere": ({**GOOD, "answers": {"text": ["Ada"], "answer_start": [1]}}, "is not at character 1"),
    "gold without a place": ({**GOOD, "answers": [{"text": "Ada"}]}, "whole number of characters, but got None"),
    "gold at half a place": ({**GOOD, "answers": [{"text": "Ada", "answer_start": 0.5}]}, "whole number"),
    "gold at True": ({**GOOD, "answers": [{"text": "da", "answer_start": True}]}, "whole number"),
    "gold is a number": ({**GOOD, "answers": [{"text": 5, "answer_start": 0}]}, "gold answer has to be a str"),
    "gold is a word": ({**GOOD, "answers": ["Ada"]}, "needs 'text' and 'answer_start'"),
    "answers are a word": ({**GOOD, "answers": "Ada"}, "Expected a list for answers"),
    "answers of two lengths": ({**GOOD, "answers": {"text": ["Ada"], "answer_start": []}}, "1 answers and 0 places"),
    "span behind the text": ({**GOOD, "gold": [[0, 500]]}, "reaches past the text"),
    "span backwards": ({**GOOD, "gold": [[5, 2]]}, "0 <= start <= end"),
    "an id of another type": ({**GOOD, "id": ["x"]}, "id has to be a str"),
    "a number": (5, "Expected a row with 'question' and 'context', but got int"),
    "a word": ("Who?", "Expected a row"),
    "nothing": (None, "Expected a row"),
    "three things": (["Who?", "Ada.", "x"], "Expected a row"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "reason"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_row_says_why_and_harms_no_other(row, reason):
    first, broken, last = read_examples([GOOD, row, ROWS[3]])
    assert reason in broken.error
    assert broken.place == "row 2"
    assert [first.example, last.example] == [EXAMPLES[0], EXAMPLES[3]]
    assert (first.error, last.error) == (None, None)
    assert broken.example.gold is None


@pytest.mark.parametrize(("row", "reason"), BROKEN.values(), ids=list(BROKEN))
def test_it_is_as_broken_in_a_file(written, row, reason):
    rows = [GOOD, row, ROWS[3]]
    for content in ("\n".join(map(row_as_json, rows)), f"[{','.join(map(row_as_json, rows))}]"):
        first, broken, last = read_examples(written("rows.json", content))
        assert broken.error is not None
        assert [first.example, last.example] == [EXAMPLES[0], EXAMPLES[3]]


def test_what_can_be_kept_of_a_broken_row_is_kept():
    item = item_of({**GOOD, "answers": 5}, "row 1")
    assert item.example == Example(GOOD["question"], TEXT, "a", None)


def test_a_line_that_is_no_json_and_bytes_that_are_no_text_are_one_broken_question_each(written):
    good = json.dumps(ROWS[0]).encode()
    spoiled = json.dumps(ROWS[3], ensure_ascii=False).encode().replace(b"green", b"gre\xff\xfe")
    items = list(
        read_examples(written("rows.jsonl", b"\n".join([good, b'{"question": "cut', spoiled, good])))
    )
    assert [item.error is None for item in items] == [True, False, False, True]
    assert "no JSON" in items[1].error
    assert "the byte 0xff, which is no UTF-8" in items[2].error
    assert [item.place for item in items] == ["line 1", "line 2", "line 3", "line 4"]


def test_a_squad_file_may_hold_broken_things_at_every_level(written):
    broken = squad()
    broken["data"][0]["paragraphs"][0]["qas"][1] = "no question"
    broken["data"][0]["paragraphs"].append({"context": TEXT})
    broken["data"].insert(1, 7)
    broken["data"].insert(2, {"title": "none", "paragraphs": {"context": "x"}})
    items = list(read_examples(written("dev.json", json.dumps(broken))))
    assert [item.place for item in items if item.error] == [
        "article 1, paragraph 1, question 2",
        "article 1, paragraph 3",
        "article 2",
        "article 3",
    ]
    assert [item.example for item in items if not item.error] == [e for e in EXAMPLES if e.id != "b"]


# --- sources that are none --------------------------------------------------------------------------------------------

CUT = json.dumps(squad())[:-40]
NO_SOURCE = {
    "cut short": ("dev.json", CUT, "no whole JSON"),
    "empty": ("dev.json", "", "holds no questions"),
    "a text": ("notes.txt", "Ada kept the lamp.", "holds no questions"),
    "other JSON": ("dev.json", '{"predictions": {"a": "b"}}', "holds no questions"),
    "no list": ("dev.json", '{"data": {"a": 1}}', "expected a list under 'data'"),
    "more behind": ("dev.json", json.dumps(squad()) + "]", "expected nothing more"),
    "no comma": ("dev.json", json.dumps(ROWS).replace("}, {", "} {"), "expected ','"),
    "a comma at the end of an array": (
        "dev.json",
        json.dumps(ROWS)[:-1] + ",]",
        "another value after the comma",
    ),
    "a comma at the end of an object": ("dev.json", '{"version": 2,}', "another value after the comma"),
    "no colon": ("dev.json", '{"version" 2}', "expected ':'"),
    "deep": ("dev.json", "[" + "[" * 100_000, "fewer values inside each other"),
}


@pytest.mark.parametrize(("name", "content", "reason"), NO_SOURCE.values(), ids=list(NO_SOURCE))
def test_a_file_without_questions_is_refused_with_the_reason(written, name, content, reason):
    path = written(name, content)
    with pytest.raises(InputError, match=reason) as caught:
        list(read_examples(path))
    assert str(path) in str(caught.value)


def test_the_place_of_the_fault_is_counted_in_bytes(written):
    content = '{"note": "🔔ü", "data": [?]}'
    with pytest.raises(InputError, match=f"at byte {len(content.split('?')[0].encode())}"):
        list(read_examples(written("dev.json", content)))


def test_a_file_that_is_not_there_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        list(read_examples(tmp_path / "none.json"))
    with pytest.raises(InputError, match="Is a directory"):
        list(read_examples(tmp_path))


@pytest.mark.parametrize("source", [5, None, b"bytes", {"train": [], "test": []}])
def test_what_is_no_data_set_is_refused(source):
    with pytest.raises(InputError, match=r"data set is a file|list under 'data'"):
        list(read_examples(source))


# --- pieces and shards ------------------------------------------------------------------------------------------------


def big_squad(seed: int) -> dict[str, object]:
    """Articles of many sizes, with texts in several scripts."""
    draw = random.Random(seed)
    texts = [
        f"{word} {k} {'x' * draw.randrange(60)}"
        for k, word in enumerate(["Ada", "Zoë", "Ωmega", "灯台", "🔔🔔"] * 6)
    ]
    articles = []
    for text in texts:
        qas = [{"id": f"{text[:6]}-{k}", "question": "Wer?", "answers": []} for k in range(draw.randrange(7))]
        articles.append({"title": text[:3], "paragraphs": [{"context": text, "qas": qas}]})
    return {"data": articles}


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize("limit", [None, 1, 17, 5000])
def test_shards_hold_every_question_once_and_in_order(written, size, limit):
    path = written("dev.json", json.dumps(big_squad(size), ensure_ascii=False))
    everything = list(read_examples(path))[:limit]
    shards = list(shards_of(path, size=size, limit=limit))
    assert [item for shard in shards for item in items_of(path, shard)] == everything
    assert {shard.questions for shard in shards[:-1]} <= {size}
    assert [shard.number for shard in shards] == list(range(len(shards)))
    assert [shard.first for shard in shards] == [size * k for k in range(len(shards))]


def test_a_shard_can_be_read_alone(written):
    path = written("dev.json", json.dumps(big_squad(1), ensure_ascii=False))
    everything = list(read_examples(path))
    shard = list(shards_of(path, size=7))[3]
    assert items_of(path, shard) == everything[21:28]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_where_a_piece_stands_does_not_hang_on_how_much_is_read_at_once(written, monkeypatch, size):
    path = written(
        "dev.json", json.dumps({**squad(), "numbers": [12345, -1.5e-7, True, None]}, ensure_ascii=False)
    )
    whole = list(pieces_of(path))
    monkeypatch.setattr(json_stream, "_FIRST_READ", size)
    assert list(pieces_of(path)) == whole
    raw = path.read_bytes()
    for piece, value in load_pieces(path, whole):
        assert json.loads(raw[piece.offset : piece.offset + piece.length]) == value


def test_a_number_that_goes_on_behind_what_was_read_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "_FIRST_READ", 2)
    path = tmp_path / "numbers.json"
    path.write_bytes(b"[123456789, 1e5]")
    with path.open("rb") as file:
        stream = JsonStream(file, "numbers")
        assert [stream.value().value for _ in stream.elements()] == [123456789, 1e5]
        stream.end()


def test_a_large_file_is_never_held_whole(written, monkeypatch):
    paragraph = {
        "context": "The tide came in. " * 50,
        "qas": [{"id": "1", "question": "When?", "answers": []}],
    }
    path = written("dev.json", json.dumps({"data": [{"paragraphs": [paragraph] * 2000}]}))
    held = []
    more = JsonStream._more

    def watched(self, size):
        grew = more(self, size)
        held.append(len(self._text))
        return grew

    monkeypatch.setattr(JsonStream, "_more", watched)
    assert sum(piece.questions for piece in pieces_of(path)) == 2000
    assert path.stat().st_size > 1_800_000
    assert max(held) < 600_000
