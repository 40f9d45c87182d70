"""`python -m qalens evaluate`: what it prints, what it leaves, and how it goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import checkpoints
import pytest

import qalens
from qalens.__main__ import main
from qalens.evaluation.evaluate import evaluate
from qalens.evaluation.report import Report
from qalens.evaluation.runs import runs
from qalens.evaluation.runs.runs import open_run

TEXT = "Ada kept the lamp until 1871, and Tobias slept below the stairs."
QUESTIONS = [("Who kept the lamp?", "Ada"), ("Who slept?", "Tobias"), ("Who painted the door?", None)]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return checkpoints.save(tmp_path_factory.mktemp("checkpoint"), "bert-uncased")


@pytest.fixture
def data(tmp_path) -> Path:
    qas = [
        {
            "id": f"{k}-{n}",
            "question": q,
            "answers": [] if a is None else [{"text": a, "answer_start": TEXT.index(a)}],
        }
        for k in range(5)
        for n, (q, a) in enumerate(QUESTIONS)
    ]
    path = tmp_path / "dev.json"
    path.write_text(json.dumps({"data": [{"title": "Tower", "paragraphs": [{"context": TEXT, "qas": qas}]}]}))
    return path


@pytest.fixture
def call(model, data, tmp_path, capsys):
    """The command with a small model on the questions above: its status, its figures, what it says beside them."""

    def go(*more: str) -> tuple[int, str, str]:
        given = [
            "evaluate",
            str(data),
            "--model",
            str(model),
            "--out",
            str(tmp_path / "run"),
            "--shard-size",
            "4",
        ]
        status = main([*given, *more])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return go


def test_it_prints_the_figures_of_squad_and_leaves_the_report(call, model, data, tmp_path):
    status, out, err = call()
    report = evaluate(qalens.load(model), data, progress=False)
    assert status == 0
    assert json.loads(out) == pytest.approx(report.scores.to_dict(), abs=1e-3)
    assert json.loads(out)["total"] == 15
    assert Report.load(tmp_path / "run" / "report.jsonl").scores.to_dict() == json.loads(out)
    assert err == ""


def test_options_reach_the_reader(call, tmp_path):
    call(
        "--threshold",
        "-1.5",
        "--max-length",
        "64",
        "--stride",
        "0",
        "--max-answer-length",
        "7",
        "--limit",
        "5",
    )
    manifest = open_run(tmp_path / "run").manifest
    options = {"threshold": -1.5, "max_length": 64, "stride": 0, "max_answer_length": 7}
    assert {name: manifest["reader"][name] for name in options} == options
    assert open_run(tmp_path / "run").questions == 5


def test_a_threshold_decides(call):
    _, never, _ = call("--threshold", "-1000")
    assert (json.loads(never)["HasAns_exact"], json.loads(never)["NoAns_exact"]) == (0.0, 100.0)


def test_broken_questions_are_counted_beside_the_figures(call, data):
    told = json.loads(data.read_text())
    told["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["answer_start"] = 900
    data.write_text(json.dumps(told))
    status, out, err = call()
    assert (status, json.loads(out)["total"]) == (0, 14)
    assert err.startswith("1 questions have an error; ")


def test_ctrl_c_ends_with_a_line_that_says_how_to_go_on(call, monkeypatch, tmp_path):
    real = runs.RunFolder.write_shard

    def write(self, number, lines, *, rows):
        if number == 2:
            raise KeyboardInterrupt
        real(self, number, lines, rows=rows)

    monkeypatch.setattr(runs.RunFolder, "write_shard", write)
    status, out, err = call()
    assert (status, out) == (130, "")
    assert "Stopped: 8 of 15 questions are finished and kept in" in err
    assert "Go on with: python -m qalens evaluate" in err
    assert f"--out {tmp_path / 'run'} --shard-size 4" in err
    monkeypatch.undo()
    status, out, _ = call()
    assert (status, json.loads(out)["total"]) == (0, 15)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--workers", "0"], "workers has to be a whole number"),
        (["--threshold", "nan"], "threshold has to be a number"),
        (["--max-length", "4"], "max_length"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(call, more, message, tmp_path):
    status, out, err = call(*more)
    assert (status, out) == (2, "")
    assert err.startswith("qalens: ")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_another_threshold_in_the_same_folder_is_refused(call):
    call()
    status, _, err = call("--threshold", "1")
    assert status == 2
    assert "reader.threshold is 0.0 there and 1.0 here" in err


def test_a_file_that_is_not_there_is_said(model, tmp_path, capsys):
    assert (
        main(["evaluate", str(tmp_path / "none.json"), "--model", str(model), "--out", str(tmp_path / "run")])
        == 2
    )
    assert "none.json cannot be read as a data set: No such file" in capsys.readouterr().err


def test_a_signal_stops_the_process_cleanly(model, data, tmp_path):
    # Enough questions that the signal comes while it works.
    told = json.loads(data.read_text())
    told["data"][0]["paragraphs"] *= 400
    data.write_text(json.dumps(told))
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "qalens",
        "evaluate",
        str(data),
        "--model",
        str(model),
        "--out",
        str(out),
    ]
    # A shell starts what it runs in the background with SIGINT ignored, and a child would inherit that.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [*command, "--shard-size", "8", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
    )
    signal.signal(signal.SIGINT, inherited)
    with process:
        while process.poll() is None and not list(out.glob("shards/*.jsonl")):
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        said, complaint = process.communicate(timeout=900)
    assert (process.returncode, said) == (130, "")
    assert "Stopped: " in complaint
    assert "Traceback" not in complaint
    assert 8 <= open_run(out).finished < 6000
