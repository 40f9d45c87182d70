"""What reaches a terminal: no character that acts, in any encoding, and a line that says how to go on after Ctrl-C."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

import qalens
from qalens import __main__ as command
from qalens.__main__ import main
from qalens.behavior import template_test
from qalens.display import to_text
from qalens.errors import InputError, ModelError
from qalens.evaluation.report import report_of
from qalens.evaluation.rows import example_row
from qalens.models.hub import checkpoint_source
from qalens.readings.provenance import Document
from qalens.readings.reading import FailedReading, Source
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example
from qalens.text.visible import visible, visible_lines
from qalens.widgets import (
    AttributionExplorer,
    CompareExplorer,
    DatasetExplorer,
    NoAnswerExplorer,
    SpanExplorer,
)

EVIL = "\x1b]0;owned\x07\x1b[31m \u202elamp\u2066 \x85\x9b\rA\ud800\u2028"


def acting(text: str) -> list[str]:
    """The characters of a text that do something on a terminal, or that no UTF-8 stream can carry."""
    return [c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


@pytest.mark.parametrize(
    "character", [chr(c) for c in (*range(32), *range(127, 160), 0x200E, 0x202E, 0x2028, 0xD800)]
)
def test_no_character_that_acts_is_visible_as_itself(character):
    shown = visible(f"a{character}b")
    assert acting(shown) == []
    assert (len(shown), shown[0], shown[2]) == (3, "a", "b")


@pytest.mark.parametrize("text", ["Ada", "灯台 é", "− × ∅ …", "a\u0301", ""])
def test_what_can_be_seen_stays(text):
    assert visible(text) == text


def test_lines_stay_lines_and_nothing_else_moves():
    assert visible_lines("a\nb\r\nc\x1b") == "a\nb \nc\ufffd"


def shown_objects():
    """Everything with a representation of its own that holds texts of others, with hostile ones in every place."""
    readable = EVIL.replace("\ud800", "")
    text = f"Ada {readable} kept the lamp."
    reading = replace(planted_reading(f"Who {readable}?", text, answer="lamp"), source=Source(EVIL, "f"))
    known = Example(f"Who {EVIL}?", f"Ada {EVIL}", id=EVIL, gold=(CharSpan(0, 3),))
    report = report_of([example_row(known, reading, title=EVIL, cause=EVIL)], source=Source(EVIL, "f"))
    reader = qalens.Reader(toy_model(), toy_tokenizer())
    read = reader.read("Who kept it?", text)
    attribution = reader.attribute(read, method="input_x_gradient")
    slots = {"one": ["Ada", "Nora"]}
    template = {"text": f"{{one}} {readable} kept it.", "question": f"Who {readable}?", "answer": "{one}"}
    behavior = qalens.behavior.run(
        reader,
        tests=[template_test(EVIL, **template, slots=slots)],
        cases=2,
        progress=False,
    )
    behavior = replace(behavior, source=Source(EVIL, "f"))
    models = qalens.compare_models({EVIL: report, "plain": report})
    return {
        "behaviour": behavior,
        "one behaviour": behavior.tests[0],
        "a case": behavior.tests[0].cases[0],
        "models": models,
        "a document": Document(EVIL, id=EVIL),
        "documents": reader.read_documents("Who kept it?", [{"text": text, "id": EVIL}]),
        "smallest flip": reader.smallest_flip(read, budget=4),
        "sanity": reader.sanity_checks(read, method="input_x_gradient", removals=8, draws=1),
        "heads": reader.ablate_heads(read),
        "reading": reading,
        "failed": FailedReading(known, InputError(f"no {EVIL!r}")),
        "report": report,
        "slices": report.slices("title"),
        "slices by cause": report.slices("cause"),
        "answer": reading.spans.top(1)[0],
        "SpanExplorer": SpanExplorer(reading),
        "NoAnswerExplorer": NoAnswerExplorer(reading),
        "CompareExplorer": CompareExplorer(reading, reading),
        "DatasetExplorer": DatasetExplorer(report),
        "AttributionExplorer": AttributionExplorer(read, attribution),
        "attribution": attribution,
        "explore": qalens.explore(reading),
    }


def test_no_representation_holds_a_character_that_acts():
    for name, thing in shown_objects().items():
        for said in (repr(thing), str(thing)):
            assert acting(said) == [], name


@pytest.mark.parametrize("width", [60, 88, 200])
@pytest.mark.parametrize("text", ["a" + "\u0301" * 300_000, "\u0301" * 9_000, "a\u20dd" * 5_000, "ก็" * 4_000])
def test_no_pile_of_marks_makes_a_line_endless(text, width):
    said = to_text(planted_reading(f"Who{text}?", f"Ada {text} kept it.", answer="Ada"), width=width)
    assert max(map(len, said.splitlines())) <= 9 * width


def test_an_error_of_the_command_line_shows_what_it_names(capsys, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise ModelError(f"model_type {EVIL} is not known\nsecond line")

    monkeypatch.setattr(qalens, "load", fail, raising=False)
    assert main(["--out", str(tmp_path / "a.html")]) == 2
    said = capsys.readouterr().err
    assert acting(said) == []
    assert said.startswith("qalens: model_type ")
    assert said.endswith("second line\n")


@pytest.mark.parametrize(
    "arguments", [["--question", "Who?", "--context", f"{EVIL[:9]}.txt"], ["score", "a\x1b[2J", "b"]]
)
def test_names_of_files_in_errors_act_no_more(capsys, arguments):
    assert main(arguments) == 2
    assert acting(capsys.readouterr().err) == []


# --- encodings -----------------------------------------------------------------------------------------------------


class Console(io.TextIOWrapper):
    """An output of some encoding, and what was written to it."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    @property
    def written(self) -> str:
        return self.buffer.getvalue().decode(self.encoding)


JSON_TEXTS = ["Zoë and 灯台 kept the lamp −", "plain", "a \ud800 lamp", "😀\u2028\x00", ""]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "cp1252", "ascii", "latin-1", "cp932", "utf-16"])
@pytest.mark.parametrize("text", JSON_TEXTS)
def test_json_loses_nothing_in_any_encoding(monkeypatch, encoding, text):
    console = Console(encoding)
    monkeypatch.setattr(sys, "stdout", console)
    console.write(command._json({"text": text}))
    assert json.loads(console.written) == {"text": text}
    # Also where the next program takes it for UTF-8, as most do; UTF-16 has zeros and a mark of its own.
    if encoding != "utf-16":
        assert json.loads(console.buffer.getvalue().decode("utf-8")) == {"text": text}


def test_json_keeps_letters_where_it_can(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Console("utf-8"))
    assert "灯台" in command._json("灯台")


def test_the_json_of_a_redirected_console_of_windows_can_be_read(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "qalens",
            "--json",
            "--question",
            "Who kept the lamp?",
            "--context",
            "Zoë and 灯台 kept the lamp −",
            "--out",
            "a.html",
        ],
        env={
            **os.environ,
            "PYTHONIOENCODING": "cp1252",
            "PYTHONUTF8": "0",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout.decode("utf-8"))["context"] == "Zoë and 灯台 kept the lamp −"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "margin -4.20 . 3 x 4 ~ 0 Zo? ??"),
        ("cp1252", "margin -4.20 … 3 × 4 ~ 0 Zoë ??"),
        ("utf-8", "margin −4.20 … 3 × 4 ∞ ∅ Zoë 灯台"),
    ],
)
def test_signs_of_ours_have_plain_ones_where_the_console_lacks_them(monkeypatch, capsys, encoding, shown):
    text, console = "margin −4.20 … 3 × 4 ∞ ∅ Zoë 灯台", Console(encoding)
    monkeypatch.setattr(sys, "stdout", console)
    monkeypatch.setitem(command._COMMANDS, "say", "say")
    monkeypatch.setattr(command.importlib, "import_module", lambda _: type("say", (), {"main": print}))
    main(["say", text])
    assert console.written == f"['{shown}']\n"


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_standard_input_is_read_by_its_bytes(monkeypatch, ending):
    text = f"Zoë kept{ending}the lamp. 灯台"

    class Stdin(io.TextIOWrapper):
        pass

    monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(text.encode()), encoding="cp1252"))
    assert command._context("-") == text


# --- Ctrl-C --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        ["evaluate", "a b.json", "--out", "c"],
        ["score", "a", "b"],
        ["--question", "Who?", "--context", "Ada."],
    ],
)
def test_ctrl_c_while_packages_are_imported_ends_with_a_line(monkeypatch, capsys, given):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command.importlib, "import_module", interrupted)
    monkeypatch.setattr(command, "_read", interrupted)
    assert main(given) == 130
    said = capsys.readouterr().err
    assert "Stopped before anything was computed. Go on with: python -m qalens " in said
    assert "Traceback" not in said
    if given[0] == "evaluate":
        assert "evaluate 'a b.json' --out c" in said


def test_ctrl_c_while_the_model_is_loaded_ends_with_a_line(monkeypatch, capsys, tmp_path):
    from qalens import reader

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(reader, "load", interrupted)
    assert main(["evaluate", "a.json", "--out", str(tmp_path / "run")]) == 130
    assert "Stopped before anything was computed. Go on with: " in capsys.readouterr().err


# --- paths of Windows ----------------------------------------------------------------------------------------------

WINDOWS = [
    "C:\\models\\bert",
    "models\\bert",
    ".\\bert",
    "..\\bert",
    "\\\\server\\share\\bert",
    "C:bert",
    "D:/bert",
]


@pytest.mark.parametrize("name", WINDOWS)
def test_a_folder_of_windows_is_no_name_of_the_hub(name):
    with pytest.raises(ModelError, match="There is no folder"):
        checkpoint_source(name)


@pytest.mark.parametrize("name", ["bert-base-cased", "deepset/bert.base_cased-squad2"])
def test_a_name_of_the_hub_stays_one(name):
    assert checkpoint_source(name) == name


def test_a_text_file_of_windows_that_is_not_there_is_missed(capsys, tmp_path):
    assert main(["--question", "Who?", "--context", "texts\\lamp", "--out", str(tmp_path / "a.html")]) == 2
    assert "There is no file texts\\lamp" in capsys.readouterr().err
    assert not Path(tmp_path / "a.html").exists()
