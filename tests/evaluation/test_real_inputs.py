"""Question data as people have it: every form of a file or object, through every reader, is the same questions.

A new form is one row of `FILES` or `OBJECTS`; a new reader is one row of `READERS`.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma

import numpy as np
import pandas as pd
import pytest

import qalens
from qalens.errors import InputError
from qalens.evaluation.data.inputs import read_examples
from qalens.evaluation.data.shards import items_of, shards_of
from qalens.evaluation.scores.predictions import read_gold, write_predictions
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example
from qalens.text.question_rows import answers_of, id_of, item_of
from qalens.text.squad_files import read_squad
from qalens.text.text_files import decode_text, open_text, read_text

C = "Mara Lind läutete 🔔 in 1911."
QUESTIONS = ["Who rang?", "Who slept?", "When?"]
ROWS = [
    {"id": "1", "question": QUESTIONS[0], "context": C, "answers": {"text": ["Mara Lind"], "answer_start": [0]}},
    {"id": "2", "question": QUESTIONS[1], "context": C, "answers": {"text": [], "answer_start": []}},
    {"id": "3", "question": QUESTIONS[2], "context": C, "answers": {"text": ["1911", "in 1911"], "answer_start": [23, 20]}},
]  # fmt: skip
WANTED = [
    Example(QUESTIONS[0], C, "1", (CharSpan(0, 9),)),
    Example(QUESTIONS[1], C, "2", ()),
    Example(QUESTIONS[2], C, "3", (CharSpan(23, 27), CharSpan(20, 27))),
]
QAS = [
    {"id": row["id"], "question": row["question"], "answers": [{"text": t, "answer_start": s} for t, s in zip(*row["answers"].values(), strict=True)]}
    for row in ROWS
]  # fmt: skip
PARAGRAPH = {"context": C, "qas": QAS}
ARTICLE = {"title": "Bells", "paragraphs": [PARAGRAPH]}
FLAT = [{"id": row["id"], "question": row["question"], "context": C, "answers.text": row["answers"]["text"], "answers.answer_start": row["answers"]["answer_start"]} for row in ROWS]  # fmt: skip
NUMBERED = [{**row, "id": int(row["id"])} for row in ROWS]


def dumped(value, **options):
    return json.dumps(value, ensure_ascii=False, **options)


def lines(values):
    return "\n".join(map(dumped, values)) + "\n"


SQUAD = dumped({"version": "v2.0", "data": [ARTICLE]})
FILES = {
    "SQuAD": SQUAD,
    "SQuAD in one line, named .jsonl": ("set.jsonl", SQUAD),
    "SQuAD indented, named .jsonl": ("set.jsonl", dumped({"data": [ARTICLE]}, indent=2)),
    "rows under data, as run_qa.py reads them": dumped({"version": "0.1.0", "data": ROWS}),
    "paragraphs under data": dumped({"data": [PARAGRAPH]}),
    "rows and articles under data": dumped({"data": [ROWS[0], {"paragraphs": [{"context": C, "qas": QAS[1:]}]}]}),
    "a list of articles": dumped([ARTICLE]),
    "a list of paragraphs": dumped([PARAGRAPH], indent=1),
    "a list of rows": dumped(ROWS),
    "a list of rows, one a line, named .jsonl": ("rows.jsonl", "[" + ",\n".join(map(dumped, ROWS)) + "]"),
    "one article": dumped(ARTICLE),
    "one paragraph, indented": dumped(PARAGRAPH, indent=2),
    "lines of rows": lines(ROWS),
    "lines of articles": lines([ARTICLE]),
    "lines of paragraphs": ("set.jsonl", lines([{"context": C, "qas": [one]} for one in QAS])),
    "rows one after the other, indented": "\n".join(dumped(row, indent=2) for row in ROWS),
    "lines that end as on old Macs": lines(ROWS).replace("\n", "\r"),
    "lines that end as on old Macs, named .jsonl": ("rows.jsonl", lines(ROWS).replace("\n", "\r")),
    "rows on one line": " ".join(map(dumped, ROWS)),
    "flattened columns": lines(FLAT),
    "other usual names": lines([{"qid": r["id"], "query": r["question"], "passage": C, "Answers": r["answers"]} for r in ROWS]),
    "names in capitals": lines([{name.title(): value for name, value in row.items()} for row in ROWS]),
    "ids that are numbers": dumped({"data": [{"paragraphs": [{"context": C, "qas": [{**q, "id": int(q["id"])} for q in QAS]}]}]}),
    "ids that are halves of floats": lines([{**row, "id": float(row["id"])} for row in ROWS]),
    "is_impossible as 0 and 1": lines([{**row, "is_impossible": int(not row["answers"]["text"])} for row in ROWS]),
    "is_impossible as words": lines([{**row, "is_impossible": str(not row["answers"]["text"])} for row in ROWS]),
    "is_impossible without answers": lines([ROWS[0], {k: v for k, v in ROWS[1].items() if k != "answers"} | {"is_impossible": 1}, ROWS[2]]),
    "is_impossible with answers": lines([{**row, "is_impossible": True} for row in ROWS]),
    "empty cells": lines([{**row, "title": float("nan"), "cause": None, "is_impossible": ""} for row in ROWS]),
    "a byte-order mark": b"\xef\xbb\xbf" + SQUAD.encode(),
    "a byte-order mark before lines": b"\xef\xbb\xbf" + lines(ROWS).encode(),
    "UTF-16": SQUAD.encode("utf-16"),
    "UTF-16, big end first, no mark": SQUAD.encode("utf-16-be"),
    "UTF-16 lines with CRLF": lines(ROWS).replace("\n", "\r\n").encode("utf-16"),
    "UTF-32": SQUAD.encode("utf-32"),
    "gzip": ("set.json.gz", gzip.compress(SQUAD.encode())),
    "gzip under another name": gzip.compress(SQUAD.encode()),
    "gzip of UTF-16": gzip.compress(SQUAD.encode("utf-16")),
    "gzip of lines": ("set.jsonl.gz", gzip.compress(lines(ROWS).encode())),
    "bzip2": bz2.compress(SQUAD.encode()),
    "xz": lzma.compress(lines(ROWS).encode()),
}  # fmt: skip


def as_csv(rows):
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    file.seek(0)
    return file


def arrays(rows):
    return [{**row, "answers": {name: np.array(value, dtype=object if name == "text" else np.int32) for name, value in row["answers"].items()}} for row in rows]  # fmt: skip


def held(values):
    """A list as Parquet and Arrow give it to pandas."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


OBJECTS = {
    "rows": lambda: ROWS,
    "rows with arrays": lambda: arrays(ROWS),
    "a generator": lambda: (row for row in ROWS),
    "examples": lambda: WANTED,
    "what a SQuAD file holds": lambda: json.loads(SQUAD),
    "what run_qa.py reads": lambda: {"version": "0.1.0", "data": ROWS},
    "a list of articles": lambda: [ARTICLE],
    "an article": lambda: ARTICLE,
    "a paragraph": lambda: PARAGRAPH,
    "a dictionary of columns": lambda: {name: [row[name] for row in ROWS] for name in ROWS[0]},
    "a frame": lambda: pd.DataFrame(ROWS),
    "a frame of numbers": lambda: pd.DataFrame(NUMBERED),
    "a frame of floats": lambda: pd.DataFrame(NUMBERED).astype({"id": float}),
    "a frame of nullable numbers": lambda: pd.DataFrame(NUMBERED).convert_dtypes(),
    "a frame of articles": lambda: pd.DataFrame([ARTICLE]),
    "a frame of articles read from Parquet": lambda: pd.DataFrame([{**ARTICLE, "paragraphs": held([{**PARAGRAPH, "qas": held(QAS)}])}]),
    "a flattened frame": lambda: pd.json_normalize(ROWS),
    "a frame read from CSV": lambda: pd.read_csv(as_csv(ROWS)),
    "a frame of arrays read from CSV": lambda: pd.read_csv(io.StringIO(pd.DataFrame(arrays(ROWS)).to_csv(index=False))),
    "a flattened frame read from CSV": lambda: pd.read_csv(as_csv(FLAT)),
    "rows of csv.DictReader": lambda: csv.DictReader(as_csv(FLAT)),
    "an Arrow table": lambda: pytest.importorskip("pyarrow").Table.from_pylist(ROWS),
    "an array with fields": lambda: np.array(
        [tuple(row.values()) for row in ROWS], dtype=[(name, object) for name in ROWS[0]]
    ),
    "a data set of torch": lambda: Numbered(ROWS),
    "a polars frame": lambda: pytest.importorskip("polars").DataFrame(ROWS),
    "a data set of datasets": lambda: pytest.importorskip("datasets").Dataset.from_list(ROWS),
}  # fmt: skip


class Numbered:
    """What torch calls a data set: items by their number, and how many."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, k):
        return self.rows[k]


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer())


def evaluated(reader, source):
    report = qalens.evaluate(reader, source, progress=False)
    return [
        (row.id, row.question, row.gold_texts if row.golds is not None else row.error) for row in report.rows
    ]


def expected_row(example):
    return example.id, example.question, tuple(span.of(C) for span in example.gold)


READERS = {
    "read_examples": lambda reader, source: [item.error or item.example for item in read_examples(source)],
    "evaluate": evaluated,
    "read_many": lambda reader, source: [one.error or one.example for one in reader.read_many(source, progress=False)],
    "read_squad": lambda reader, path: list(read_squad(path)),
    "score": lambda reader, path: list(read_gold(path).items()),
    "a run": lambda reader, path: [item.error or item.example for shard in shards_of(path, size=2) for item in items_of(path, shard)],
}  # fmt: skip
OF_FILES = {"read_squad", "score", "a run"}
EXPECTED = {
    "evaluate": [expected_row(example) for example in WANTED],
    "score": [(example.id, [span.of(C) for span in example.gold]) for example in WANTED],
}


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("form", FILES)
def test_every_form_of_a_file_is_the_same_questions_to_every_reader(reader, tmp_path, form, read):
    name, content = FILES[form] if isinstance(FILES[form], tuple) else ("set.json", FILES[form])
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert READERS[read](reader, path) == EXPECTED.get(read, WANTED)


@pytest.mark.parametrize("read", sorted(set(READERS) - OF_FILES))
@pytest.mark.parametrize("form", OBJECTS)
def test_every_object_is_the_same_questions_to_every_reader(reader, form, read):
    assert READERS[read](reader, OBJECTS[form]()) == EXPECTED.get(read, WANTED)


# --- what is not understood is said ------------------------------------------------------------------------------------

GOOD = ROWS[0]
SAID = {
    "an unknown name for answers": ({"id": "1", "question": "Who?", "context": C, "gold_answers": ["Mara"]}, "'gold_answers', which looks like gold answers"),
    "answers of MRQA": ({"id": "1", "question": "Who?", "context": C, "detected_answers": [{"text": "Mara"}]}, "'detected_answers', which looks like"),
    "ground truth": ({"id": "1", "question": "Who?", "context": C, "ground_truth": "Mara"}, "'ground_truth', which looks like gold answers"),
    "a gold text": ({"id": "1", "question": "Who?", "context": C, "gold": "Mara"}, "'gold', which looks like gold answers"),
    "places of tokens": ({"id": "1", "question": "Who?", "context": C, "start_positions": [3]}, "'start_positions', which looks like"),
    "an answer without its place": ({"id": "1", "question": "Who?", "context": C, "answer": "Mara"}, "'Mara' is there without 'answer_start'"),
    "a place without its answer": ({"id": "1", "question": "Who?", "context": C, "answer_start": 3}, "Expected a list for answers"),
    "an unknown name for the text": ({"id": "1", "question": "Who?", "documents": C}, "There is no 'context'; what else the row has is 'documents'"),
    "is_impossible of another kind": ({**GOOD, "is_impossible": 2}, "'is_impossible' has to be true or false, but is 2"),
    "is_impossible in other words": ({**GOOD, "is_impossible": "perhaps"}, "has to be true or false, but is 'perhaps'"),
    "is_impossible in a list": ({**GOOD, "is_impossible": [True]}, "has to be true or false"),
    "half an id": ({**GOOD, "id": 1.5}, "The id has to be a str or a whole number"),
    "an id that is True": ({**GOOD, "id": True}, "The id has to be a str or a whole number"),
    "an id of 5,000 digits": ({**GOOD, "id": 10**5000}, "The id has to be a str or a whole number"),
    "is_impossible of 5,000 digits": ({**GOOD, "is_impossible": 10**5000}, "has to be true or false, but is <int>"),
    "an endless id": ({**GOOD, "id": float("inf")}, "The id has to be a str or a whole number"),
    "a place of 5,000 digits": ({**GOOD, "answers": [{"text": "Mara", "answer_start": 10**5000}]}, "outside of the text: it starts at <int>"),
    "a place that is endless": ({**GOOD, "answers": [{"text": "Mara", "answer_start": float("inf")}]}, "whole number of characters, but got inf"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "reason"), SAID.values(), ids=list(SAID))
def test_what_is_not_understood_keeps_its_place_with_the_reason(reader, row, reason):
    first, broken, last = read_examples([GOOD, row, ROWS[2]])
    with pytest.raises(InputError, match=reason):
        raise InputError(broken.error)
    assert (first.example, last.example) == (WANTED[0], WANTED[2])
    readings = list(reader.read_many([GOOD, row, ROWS[2]], progress=False))
    assert [one.error is None for one in readings] == [True, False, True]


def test_spans_in_the_words_of_a_cell_are_spans():
    item = item_of({"id": "1", "question": QUESTIONS[0], "context": C, "gold": "[[0, 9]]"}, "row 1")
    assert (item.example, item.error) == (WANTED[0], None)


def test_missing_ids_of_a_frame_are_none():
    frame = pd.DataFrame({"id": [1, 2, None], "question": QUESTIONS, "context": [C] * 3})
    assert [(item.example.id, item.error) for item in read_examples(frame)] == [
        ("1", None),
        ("2", None),
        (None, None),
    ]


def test_what_an_evaluation_wrote_can_be_scored(reader, tmp_path):
    path = tmp_path / "set.json"
    path.write_text(
        dumped(
            {
                "data": [
                    {
                        "paragraphs": [
                            {"context": C, "qas": [{**q, "id": 276223 + k} for k, q in enumerate(QAS)]}
                        ]
                    }
                ]
            }
        )
    )
    report = qalens.evaluate(reader, path, progress=False)
    said = write_predictions(report.rows, tmp_path / "said.json")
    golds = read_gold(path)
    assert set(json.loads(said.read_text())) == set(golds) == {"276223", "276224", "276225"}


@pytest.mark.parametrize("impossible", [True, False, 1, "true", None])
@pytest.mark.parametrize("answers", [[], [{"text": "Mara", "answer_start": 0}]])
def test_evaluation_and_scoring_judge_a_contradiction_alike(impossible, answers):
    row = {**GOOD, "is_impossible": impossible, "answers": answers}
    gold = item_of(row, "row 1").example.gold
    assert (
        [span.of(C) for span in gold]
        == [text for text, _ in answers_of(row)]
        == [one["text"] for one in answers]
    )


@pytest.mark.parametrize("form", ["array", "lines", "squad"])
def test_a_number_of_many_digits_spoils_its_own_row(tmp_path, form):
    spoiled = (
        dumped(ROWS[1])
        .replace('"answer_start": []', f'"answer_start": [{"9" * 5000}]')
        .replace('"text": []', '"text": ["Mara"]')
    )
    parts = [dumped(ROWS[0]), spoiled, dumped(ROWS[2])]
    content = {
        "array": f"[{','.join(parts)}]",
        "lines": "\n".join(parts),
        "squad": f'{{"data": [{",".join(parts)}]}}',
    }[form]
    (tmp_path / "set.json").write_text(content, encoding="utf-8")
    items = list(read_examples(tmp_path / "set.json"))
    assert [item.error is None for item in items] == [True, False, True]
    assert "whole number of characters, but got inf" in items[1].error


# --- files that are no text --------------------------------------------------------------------------------------------

NO_TEXT = {
    "Parquet": (b"PAR1" + bytes(40), "is no text but a Parquet file: give pandas.read_parquet"),
    "a ZIP archive": (b"PK\x03\x04" + bytes(40), "is no text but a ZIP archive"),
    "Arrow": (b"ARROW1\0\0", "is no text but an Arrow file"),
    "a pickle": (b"\x80\x04\x95" + bytes(20), "is no text but a Python pickle, which is never loaded"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(20), "packed with zstd"),
    "damaged gzip": (gzip.compress(SQUAD.encode())[:-20], "cannot be unpacked"),
    "damaged xz": (lzma.compress(SQUAD.encode())[:-20], "cannot be unpacked"),
    "half of UTF-16": (b"\xff\xfe" + '{"data": []}'.encode("utf-16-le")[:-1], "is no such text"),
    "CSV": (as_csv(FLAT).read().encode(), "looks like a table with columns separated by ','; give pandas.read_csv"),
    "TSV": (b"question\tcontext\nWho?\tAda.\n", r"columns separated by '\\t'"),
    "nothing": (b"", "holds no questions: expected"),
    "a sentence": (b"Ada kept it.", "holds no questions: it begins with 'Ada kept it.'"),
}  # fmt: skip


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(("content", "reason"), NO_TEXT.values(), ids=list(NO_TEXT))
def test_a_file_of_another_kind_is_named_by_every_reader(reader, tmp_path, content, reason, read):
    path = tmp_path / "set.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        READERS[read](reader, path)


def test_odd_paths_are_input_errors(reader, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (
        tmp_path / "file" / "below",
        tmp_path / "loop",
        tmp_path / ("x" * 5000),
        "a\0b",
        tmp_path,
        tmp_path / "none",
    ):
        for read in READERS.values():
            with pytest.raises(InputError, match=r"cannot be read as a text|a path holds no NUL"):
                read(reader, path)


# --- texts -------------------------------------------------------------------------------------------------------------

TEXTS = {
    "UTF-8": C.encode(),
    "UTF-8 with a mark": C.encode("utf-8-sig"),
    "UTF-16": C.encode("utf-16"),
    "UTF-16, big end first, with a mark": b"\xfe\xff" + C.encode("utf-16-be"),
    "UTF-32": C.encode("utf-32"),
    "gzip": gzip.compress(C.encode()),
    "gzip of gzip": gzip.compress(gzip.compress(C.encode("utf-8-sig"))),
    "bzip2": bz2.compress(C.encode("utf-16")),
    "xz": lzma.compress(C.encode()),
}


@pytest.mark.parametrize("content", TEXTS.values(), ids=list(TEXTS))
def test_a_text_is_read_in_every_encoding(tmp_path, content):
    (tmp_path / "text").write_bytes(content)
    assert read_text(tmp_path / "text") == decode_text(content) == C


def test_line_ends_stay_and_the_file_can_be_sought_in(tmp_path):
    (tmp_path / "text").write_bytes(gzip.compress("a\r\nü\rb".encode("utf-16")))
    assert read_text(tmp_path / "text") == "a\r\nü\rb"
    with open_text(tmp_path / "text") as file:
        file.seek(3)
        assert file.read() == "ü\rb".encode()


def test_an_id_is_a_text_wherever_it_comes_from():
    given = ["a", 7, np.int64(7), 7.0, np.float32(7), None, float("nan"), pd.NA, pd.NaT, ""]
    assert [id_of({"id": one}) for one in given] == ["a", "7", "7", "7", "7", None, None, None, None, ""]


# --- broken texts in what is written -----------------------------------------------------------------------------------

HALF = "Zo\udcff \ud83d"


def test_rows_of_broken_texts_can_be_written_everywhere(reader, tmp_path):
    row = {"id": HALF, "question": f"Who {HALF}?", "context": C, "title": HALF, "cause": HALF, "answers": []}
    gold = {**ROWS[0], "context": f"{C}{HALF}", "answers": {"text": [HALF], "answer_start": [len(C)]}}
    documents = reader.read_documents("Who rang?", [{"id": HALF, "text": C}])
    report = qalens.evaluate(
        reader, [row, gold, documents, {**ROWS[0], "id": "whole", "title": HALF}], progress=False
    )
    write_predictions(report.rows[:2], tmp_path / "said.json")
    report.to_pandas().to_csv(tmp_path / "rows.csv")
    report.save(tmp_path / "report.jsonl")
    texts = [
        str(report.slices("title")),
        repr(report),
        *(repr(one.to_dict()) for one in report.rows),
    ]
    assert "\N{REPLACEMENT CHARACTER}".join(texts).encode()
    assert report.rows[0].question == "Who Zo\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}?"
    assert report.rows[1].error is not None
