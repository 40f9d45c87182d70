"""The command line: what it prints, what it writes, and what it says when it cannot."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from qalens.__main__ import CONTEXT, QUESTION, main


@pytest.fixture
def run(tmp_path, capsys):
    def go(*arguments: str) -> tuple[int, str, str]:
        status = main([*arguments, "--out", str(tmp_path / "page.html")])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return go


def test_the_main_job_answers_its_sample_question_and_writes_a_page(run, tmp_path):
    status, out, _ = run()
    assert status == 0
    assert "\nJohn Harper  " in out
    assert "probability of no answer" in out
    assert str(tmp_path / "page.html") in out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "the keeper, " in page


def test_it_runs_as_a_module_without_noise_whatever_the_terminal_can_show(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "qalens", "--out", str(tmp_path / "page.html")],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "John Harper" in done.stdout
    assert done.stderr == ""
    assert "null score" in done.stdout
    assert done.stdout.isascii()


def test_json_is_the_reading_in_numbers(run):
    _, out, _ = run("--json")
    said = json.loads(out)
    assert (said["question"], said["context"]) == (QUESTION, CONTEXT)
    assert said["answer"]["text"] == CONTEXT[said["answer"]["start"] : said["answer"]["end"]]
    assert 0 <= said["no_answer_probability"] <= 1
    assert [span["probability"] for span in said["spans"]] == sorted(
        (span["probability"] for span in said["spans"]), reverse=True
    )


def test_the_text_may_come_from_the_command_a_file_or_standard_input(run, tmp_path, monkeypatch):
    text = "Mara Quill painted the boat green."
    file = tmp_path / "boat.txt"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    for context in (text, str(file), "-"):
        _, out, _ = run("--question", "Who painted the boat?", "--context", context, "--json")
        assert json.loads(out)["context"] == text


def test_the_text_of_a_file_stays_as_it_is(run, tmp_path):
    text = "Mara Quill\r\npainted the boat green.\r"
    file = tmp_path / "boat.txt"
    file.write_bytes(text.encode())
    _, out, _ = run("--question", "Who painted the boat?", "--context", str(file), "--json")
    assert json.loads(out)["context"] == text


def test_a_file_of_another_encoding_is_named(run, tmp_path):
    file = tmp_path / "bateau.txt"
    file.write_bytes("Mara a peint le bateau en été.".encode("latin-1"))
    status, out, err = run("--question", "Qui ?", "--context", str(file))
    assert (status, out) == (2, "")
    assert err == (
        f"qalens: {file} is no UTF-8 text: byte 26 (0xe9) cannot be read. It may be in an older encoding such as "
        "Windows-1252; save it as UTF-8 first.\n"
    )


def test_a_page_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "page.html").mkdir()
    status, out, err = run("--question", "Who?", "--context", "Mara Quill painted the boat green.")
    assert (status, out) == (2, "")
    assert str(tmp_path / "page.html") in err


def test_a_live_explorer_is_written_when_asked_for(run, tmp_path):
    status, _, _ = run("--explorer")
    assert status == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" in page
    assert "Who rebuilt the upper gallery?" in page


def test_the_help_begins_with_what_there_is(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    before, _, _ = capsys.readouterr().out.partition("options:")
    for command in (
        "python -m qalens evaluate FILE",
        "python -m qalens score DATA PREDICTIONS",
        "--question",
        "--context",
    ):
        assert command in before


def test_a_low_threshold_turns_the_answer_into_none(run):
    _, out, _ = run("--threshold", "-50")
    assert "\nno answer  " in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--question", "Who?", "--context", "missing.txt"], "There is no file missing.txt"),
        (["--question", "Who?", "--context", "  "], "The context is blank"),
        (["--question", "", "--context", "Ada kept it."], "The question is empty"),
        (["--model", "./nowhere"], "There is no folder nowhere"),
        (["--threshold", "nan"], "threshold has to be a number"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(run, arguments, message):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"qalens: {message}")
    assert err.count("\n") == 1
