"""Prediction files and the `score` command: what they hold, and what is wrong with those that do not."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from planted_rows import random_rows, row
from published_rules import figures

from qalens.__main__ import main
from qalens.errors import InputError
from qalens.evaluation.scores.predictions import (
    read_gold,
    read_odds,
    read_predictions,
    write_odds,
    write_predictions,
)

DATA = {
    "version": "v2.0",
    "data": [
        {
            "title": "Lights",
            "paragraphs": [
                {
                    "context": "Ada kept the lamp.",
                    "qas": [
                        {"id": "1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}], "is_impossible": False},
                        {"id": "2", "question": "Where?", "answers": [], "is_impossible": True},
                        {"id": "3", "question": "What?", "answers": [{"text": "the lamp", "answer_start": 9}]},
                    ],
                }
            ],
        }
    ],
}  # fmt: skip
SAID = {"1": "ada!", "2": "Ada", "3": "the old lamp"}
ODDS = {"1": 0.1, "2": 0.9, "3": 0.4}
GOLDS = {"1": ["Ada"], "2": [], "3": ["the lamp"]}


@pytest.fixture
def files(tmp_path):
    def write(**content):
        paths = []
        for name, value in content.items():
            path = tmp_path / f"{name}.json"
            path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
            paths.append(str(path))
        return paths

    return write


def test_the_command_prints_what_the_official_script_prints(files, capsys):
    data, said, odds = files(data=DATA, said=SAID, odds=ODDS)
    for options, given in (([], None), (["--na-odds", odds, "--average-precision"], ODDS)):
        assert main(["score", data, said, *options]) == 0
        printed = capsys.readouterr().out
        assert printed == json.dumps(dict(figures(GOLDS, SAID, given)), indent=2) + "\n"
    main(["score", data, said, "--na-odds", odds, "--na-threshold", "0.5"])
    shown = json.loads(capsys.readouterr().out)
    assert list(shown)[-1] == "best_f1_thresh"
    assert shown["NoAns_exact"] == 100.0


def test_the_rules_of_squad_1_are_there_too(files, capsys):
    paragraph = DATA["data"][0]["paragraphs"][0]
    known = [entry for entry in paragraph["qas"] if entry["answers"]]
    data, said = files(data={"data": [{"paragraphs": [{**paragraph, "qas": known}]}]}, said=SAID)
    assert main(["score", data, said, "--rules", "1.1"]) == 0
    assert capsys.readouterr().out == '{"exact_match": 50.0, "f1": 83.33333333333333}\n'


def test_missing_predictions_are_told_beside_the_figures(files, capsys):
    data, said = files(data=DATA, said={"1": "Ada", "9": "?"})
    assert main(["score", data, said]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["total"] == 1
    assert printed.err.splitlines() == ["Missing prediction for 2", "Missing prediction for 3"]


def test_figures_go_into_a_file_where_one_is_named(files, tmp_path, capsys):
    data, said = files(data=DATA, said=SAID)
    assert main(["score", data, said, "--out", str(tmp_path / "new" / "figures.json")]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "new" / "figures.json").read_text())["total"] == 3


WRONG = {
    "no file": ({"said": SAID}, "missing.json", [], "missing.json cannot be read"),
    "no JSON": ({"data": "{", "said": SAID}, None, [], "is no whole JSON"),
    "no SQuAD": ({"data": {"rows": []}, "said": SAID}, None, [], "holds no questions: expected SQuAD JSON.* Its keys are 'rows'"),
    "no answers": ({"data": {"data": [{"paragraphs": [{"qas": [{"id": "1"}]}]}]}, "said": SAID}, None, [], "no file with gold answers.*article 1, paragraph 1, question 1: there is no 'answers'"),
    "no question": ({"data": {"data": []}, "said": SAID}, None, [], "holds no question"),
    "an id twice": ({"data": {"data": DATA["data"] * 2}, "said": SAID}, None, [], "the id '1' occurs twice"),
    "an id that is a list": ({"data": {"data": [{"paragraphs": [{"qas": [{"id": [1], "answers": []}]}]}]}, "said": SAID}, None, [], "The id has to be a str or a whole number"),
    "no id": ({"data": {"data": [{"paragraphs": [{"qas": [{"answers": []}]}]}]}, "said": SAID}, None, [], "there is no 'id'"),
    "predictions in a list": ({"data": DATA, "said": ["Ada"]}, None, [], "has to be a JSON object"),
    "a prediction that is a number": ({"data": DATA, "said": {"1": 3}}, None, [], "value of '1' has to be a text, but is 3"),
    "a prediction twice": ({"data": DATA, "said": '{"1": "Ada", "1": "Tom"}'}, None, [], "key '1' occurs twice"),
    "other ids": ({"data": DATA, "said": {"x": "Ada"}}, None, [], "None of the 3 questions has a prediction"),
    "odds for nothing": ({"data": DATA, "said": SAID}, None, ["--average-precision"], "need no-answer odds"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "data", "options", "message"), WRONG.values(), ids=list(WRONG))
def test_a_file_that_is_wrong_ends_with_one_line_that_says_why(
    files, capsys, content, data, options, message
):
    given = files(**content)
    if data is not None:
        given.insert(0, data)
    assert main(["score", *given, *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(printed.err)


@pytest.mark.parametrize(
    "odds", [{"1": "high"}, {"1": None}, {"1": True}, '{"1": NaN}', f'{{"1": 1{"0" * 400}}}']
)
def test_odds_have_to_be_numbers(files, odds):
    (path,) = files(odds=odds)
    with pytest.raises(InputError, match="'1' has to be a number"):
        read_odds(path)


def test_files_that_were_written_give_the_figures_of_the_rows(tmp_path):
    rows = random_rows(20)
    said = read_predictions(write_predictions(rows, tmp_path / "said.json"))
    assert said == {one.id: "" if one.answer is None else one.answer.text for one in rows}
    best = read_predictions(write_predictions(rows, tmp_path / "deep" / "best.json", said="best"))
    assert best == {one.id: one.best.text for one in rows}
    assert read_odds(write_odds(rows, tmp_path / "odds.json")) == {
        one.id: one.no_answer_probability for one in rows
    }
    assert read_odds(write_odds(rows, tmp_path / "odds.json", odds="margin")) == {
        one.id: one.margin for one in rows
    }


def test_what_was_not_read_is_no_answer_with_the_highest_odds(tmp_path):
    failed = replace(row(1), margin=None, answer=None, best=None, no_answer_probability=None)
    rows = [row(0, margin=-7.0), failed, row(2, margin=math.inf, answerable=False)]
    assert read_predictions(write_predictions(rows, tmp_path / "a", said="best"))["1"] == ""
    assert read_odds(write_odds(rows, tmp_path / "b"))["1"] == 1.0
    assert read_odds(write_odds(rows, tmp_path / "c", odds="margin")) == {"0": -7.0, "1": 8.0, "2": 8.0}


def test_rows_that_cannot_be_told_apart_are_not_written(tmp_path):
    with pytest.raises(InputError, match="'0' occurs twice, in row 1 again"):
        write_predictions([row(0), row(0)], tmp_path / "a")
    with pytest.raises(InputError, match=r"Row 0 .* has no id"):
        write_odds([replace(row(0), id=None)], tmp_path / "a")
    with pytest.raises(InputError, match="said has to be one of"):
        write_predictions([], tmp_path / "a", said="all")
    assert not (tmp_path / "a").exists()


def test_gold_answers_keep_their_texts_and_their_order(files):
    (path,) = files(data=DATA)
    assert list(read_gold(path).items()) == list(GOLDS.items())
