"""Reports: figures and slices counted one by one, saved and loaded without loss, and what evaluating leaves of questions."""

from __future__ import annotations

import gzip
import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from planted_rows import TEXT, random_rows, row

import qalens
from qalens.errors import InputError, MissingExtraError
from qalens.evaluation.confidence.calibration import calibration
from qalens.evaluation.confidence.costs import cheapest
from qalens.evaluation.confidence.temperature import fit_temperature
from qalens.evaluation.confidence.thresholds import cross_fit
from qalens.evaluation.evaluate import evaluate, reader_options
from qalens.evaluation.report import Report, report_of
from qalens.evaluation.rows import OUTCOMES, TextSpan
from qalens.evaluation.scores.answer_types import answer_type
from qalens.evaluation.scores.figures import figures, slices
from qalens.evaluation.scores.squad import squad_scores
from qalens.reader import Reader
from qalens.readings.reading import Source
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example


@pytest.fixture(scope="module")
def report():
    rows = random_rows(40)
    failed = replace(row("f"), margin=None, answer=None, best=None, error="Empty.", exact=0.0, f1=0.0, best_exact=0.0, best_f1=0.0, outcome=None, title="x")  # fmt: skip
    unknown = replace(
        row("u"), golds=None, exact=None, f1=None, best_exact=None, best_f1=None, outcome=None, title="x"
    )
    return report_of(
        [*rows, failed, unknown], source=Source("a model", "00ff"), options={"threshold": 0.0, "null": "min"}
    )


# --- figures ----------------------------------------------------------------------------------------------------------


def test_figures_are_those_of_squad_with_intervals_around_them(report):
    found, scores = report.figures(), report.scores
    assert found.exact.value == pytest.approx(scores.exact)
    assert found.f1.value == pytest.approx(scores.f1)
    assert found.has_answer_f1.value == pytest.approx(scores.has_answer_f1)
    assert found.no_answer_exact.value == pytest.approx(scores.no_answer_exact)
    assert (found.exact.count, found.has_answer_f1.count) == (scores.total, scores.has_answer_total)
    assert found.abstained.value == pytest.approx(
        100 * np.mean([one.answer is None for one in report.rows[:41]])
    )
    assert (found.unscored, found.failed) == (1, 1)
    for one in (found.exact, found.f1, found.has_answer_exact, found.no_answer_exact, found.abstained):
        assert one.low <= one.value <= one.high
        assert one.low < one.high
    assert str(found).splitlines()[0].split() == ["exact", f"{found.exact.value:.2f}", f"[{found.exact.low:.2f},", f"{found.exact.high:.2f}]", "41"]  # fmt: skip


def test_what_is_drawn_for_an_interval_is_a_choice(report):
    by_text = report.figures(by="text")
    assert by_text.exact != report.figures(by="question").exact
    assert by_text.exact.value == report.figures(by="title").exact.value
    assert str(by_text).splitlines()[-1] == f"95% intervals over {by_text.groups} texts"
    with pytest.raises(InputError, match="by has to be one of"):
        report.figures(by="texts")


def test_articles_are_drawn_where_all_rows_have_one_and_there_are_five():
    rows = [row(k, title=f"article {k % 5}", text_id=f"text {k % 9}") for k in range(20)]
    found = figures(rows)
    assert (found.by, found.groups) == ("title", 5)
    assert str(found).endswith("95% intervals over 5 articles")
    assert figures(rows[:4]).by == "text"
    assert figures([*rows, row(20)]).by == "text"
    assert figures(rows, by="question").by == "question"


def test_three_of_three_right_have_an_interval():
    found = figures([row(k) for k in range(3)])
    assert (round(found.exact.low, 2), found.exact.high) == (43.85, 100.0)


# --- several slices at once -------------------------------------------------------------------------------------------


def labelled(count, seed, *, worse=()):
    """Rows of twelve kinds of which some are really worse."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 12, count)
    return [row(k, exact=float(rng.random() < (0.2 if kinds[k] in worse else 0.7)), title=f"kind {kinds[k]:02}") for k in range(count)]  # fmt: skip


def test_labels_that_mean_nothing_are_seldom_marked():
    marked = [len(slices(labelled(150, seed), "title", by="question").marked) > 0 for seed in range(120)]
    missed = []
    for seed in range(120):
        found = slices(labelled(150, seed), "title", by="question")
        missed.append(any(not one.f1.low <= found.whole.f1.value <= one.f1.high for one in found.slices))
    assert np.mean(marked) < 0.1
    # Without a correction a table of twelve has some such slice every third time.
    assert np.mean(missed) > 0.2


def test_slices_that_differ_are_marked_and_their_q_is_that_of_benjamini_and_hochberg():
    found = slices(labelled(600, 0, worse=(3, 7)), "title", by="question")
    assert {"kind 03", "kind 07"} <= {one.name for one in found.marked}
    p = np.array([one.p for one in found.slices])
    order = np.argsort(p)
    q = np.minimum.accumulate((p[order] * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    assert [found.slices[k].q for k in order] == pytest.approx(q)
    assert [line.split()[1] for line in str(found).splitlines() if line.endswith("  *")] == [
        one.name.split()[1] for one in found.slices if one in found.marked
    ]


def test_a_slice_of_two_right_ones_is_not_taken_for_different():
    rows = [row(k, exact=float(k % 5 < 3), title="many") for k in range(50)]
    found = slices([*rows, row(50, title="two"), row(51, title="two")], "title")
    assert found["two"].p > 0.1
    (alone,) = slices(rows, "title").slices
    assert math.isnan(alone.p)
    assert math.isnan(alone.q)


@pytest.mark.parametrize(
    "property", ["question word", "answer type", "answer length", "text length", "windows", "cause", "title"]
)
def test_every_question_stands_in_one_slice_with_the_figures_of_its_own(report, property):
    found = report.slices(property)
    assert sum(one.count for one in found.slices) == found.whole.count == 41
    for part in ("exact", "f1", "abstained"):
        mean = sum(getattr(one, part).value * one.count for one in found.slices) / 41
        assert mean == pytest.approx(getattr(found.whole, part).value)


def test_slices_by_question_word_are_the_figures_of_those_questions(report):
    found = report.slices()
    for one in found.slices:
        own = squad_scores([r for r in report.rows if r.question_word == one.name])
        assert (one.exact.value, one.count) == (pytest.approx(own.exact), own.total)
    assert [one.count for one in found.slices[:-1]] == sorted(
        (one.count for one in found.slices[:-1]), reverse=True
    )
    assert found["who"].count > 0
    with pytest.raises(InputError, match="no slice 'whom'; there are"):
        found["whom"]


def test_bins_run_in_order_and_name_their_ends():
    rows = [row(k, answer_length=n, text_length=c, windows=w) for k, (n, c, w) in enumerate([(1, 499, 1), (2, 500, 2), (4, 1999, 4), (8, 5000, 5), (12, 0, 9)])]  # fmt: skip
    rows.append(row(9, answerable=False, windows=None))
    names = [one.name for one in slices(rows, "answer length").slices]
    assert names == ["1 word", "2 words", "3–4 words", "5–8 words", "9 or more words", "no answer"]
    assert [one.name for one in slices(rows[:5], "text length").slices] == [
        "0–499 characters",
        "500–999 characters",
        "1,000–1,999 characters",
        "5,000 or more characters",
    ]
    assert [one.name for one in slices(rows, "windows").slices] == ["1 window", "2 windows", "3–4 windows", "5 or more windows", "not read"]  # fmt: skip
    with pytest.raises(InputError, match="There are slices by 'question word'"):
        slices(rows, "length")


@pytest.mark.parametrize(
    ("golds", "type"),
    [
        ("1843", "date"), ("the 1990s", "date"), ("3 May", "date"), ("May 3, 1843", "date"), ("Monday", "date"),
        ("June", "date"), ("the nineteenth century", "date"), ("3rd centuries", "date"),
        ("300", "number"), ("two ships", "number"), ("about forty", "number"), ("$5 million", "number"),
        ("30 %", "number"), ("12,500 m", "number"), ("third", "number"),
        ("Ada", "name"), ("the Bank of England", "name"), ("Ludwig van Beethoven", "name"), ("O'Brien", "name"),
        ("Zürich", "name"), ("Élise", "name"),
        ("oak from a wreck", "other words"), ("may", "date"), ("they may leave", "other words"),
        ("march", "date"), ("to march home", "other words"), ("—", "other words"), ("灯台", "other words"),
        ("John kept it", "other words"), ("seventeenth-century ships", "date"),
        ("in 1843|1843|the year 1843 it was", "date"), ("the keeper of the light|Ada", "name"),
    ],
)  # fmt: skip
def test_types_of_answers_are_told_by_their_form(golds, type):
    assert answer_type(golds.split("|")) == type


def test_slices_by_answer_type_stand_in_one_order():
    golds = ["oak from a wreck", "1843", "Ada", "two"]
    rows = [replace(row(k), golds=(TextSpan(gold, 0, len(gold)),)) for k, gold in enumerate(golds)]
    found = slices([*rows, row(9, answerable=False)], "answer type").slices
    assert [one.name for one in found] == ["date", "number", "name", "other words", "no answer"]


def test_causes_stand_apart_from_answerable_questions():
    rows = [row(0), row(1, answerable=False, cause="negation"), row(2, answerable=False)]
    assert {one.name: one.count for one in slices(rows, "cause").slices} == {"answerable": 1, "negation": 1, "not known": 1}  # fmt: skip
    named = report_of(rows).with_causes({"2": "antonym", "77": "entity"})
    assert [one.cause for one in named.rows] == [None, "negation", "antonym"]


# --- the record ---------------------------------------------------------------------------------------------------------


def test_outcomes_are_counted_in_their_order(report):
    assert list(report.outcomes) == list(OUTCOMES)
    assert sum(report.outcomes.values()) == 40
    assert [one.id for one in report.errors] == ["f"]
    assert report["3"] == report.rows[3]
    with pytest.raises(InputError, match="no question with the id 'z' among 42"):
        report["z"]


@pytest.mark.parametrize("name", ["report.jsonl", "new/report.jsonl.gz"])
def test_a_report_comes_back_as_it_was_and_is_written_in_the_same_bytes(report, tmp_path, name):
    path = report.save(tmp_path / name)
    again = Report.load(path)
    assert again == report
    before = path.read_bytes()
    assert again.save(path).read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    text = gzip.decompress(before) if name.endswith("gz") else before
    assert len([json.loads(line) for line in text.splitlines()]) == 43


def spoil(path, how):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(how(lines))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda lines: b"".join(lines[:-1]), "cut short: it holds 41 of 42 rows"),
        (lambda lines: b"".join(lines)[:-30], "not a whole one"),
        (lambda lines: b"{}\n", "no report of this version"),
        (lambda lines: b"[]\n", "no report that Report.save wrote"),
        (lambda lines: b"", "no report that Report.save wrote"),
        (lambda lines: lines[0] + b'{"id": "1"}\n' * 42, "missing or unknown are"),
        (lambda lines: b"\xff\xfe\x00", "no report that Report.save wrote"),
    ],
)
def test_a_file_that_is_no_whole_report_is_refused(report, tmp_path, how, message):
    path = report.save(tmp_path / "report.jsonl")
    spoil(path, how)
    with pytest.raises(InputError, match=message):
        Report.load(path)


def test_a_report_that_is_not_there_or_cut_inside_its_compression_is_refused(report, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Report.load(tmp_path / "none.jsonl")
    path = report.save(tmp_path / "report.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"cannot be read|not a whole one"):
        Report.load(path)


def test_a_report_that_cannot_be_written_leaves_the_old_one(report, tmp_path):
    path = report.save(tmp_path / "report.jsonl")
    before = path.read_bytes()
    unwritable = replace(report, options={"device": object()})
    with pytest.raises(TypeError):
        unwritable.save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_table_has_one_line_for_each_question(report):
    table = report.to_pandas()
    assert len(table) == 42
    assert table["id"].tolist() == [one.id for one in report.rows]
    assert {"answer", "answer_start", "best_end", "margin", "outcome", "golds"} <= set(table.columns)
    assert "masses" not in table.columns
    assert table["exact"].mean() == pytest.approx(report.scores.exact / 100)
    assert list(report_of([row(0)]).to_pandas().columns) == list(table.columns)


def test_without_pandas_the_error_names_the_command(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="pip install pandas"):
        report.to_pandas()


def test_another_threshold_decides_the_same_readings_anew(report):
    moved = report.with_threshold(-2.0)
    assert moved.options == {"threshold": -2.0, "null": "min"}
    level = report.thresholds().at(-2.0)
    assert moved.scores.exact == pytest.approx(level.exact)
    assert moved.rows[40] == report.rows[40]
    with pytest.raises(InputError, match="threshold has to be a number"):
        report.with_threshold(math.nan)


def test_an_id_that_stands_twice_counts_once():
    twice = report_of([row(0), row(1, answerable=False), row(0, exact=0.0)])
    assert (len(twice), twice.scores.total, twice.scores.exact) == (3, 2, 50.0)
    assert twice.errors[0].error == "The id '0' occurred before; only its first question counts."
    unnamed = report_of([replace(row(0), id=None)] * 2)
    assert unnamed.scores.total == 2


def test_no_question_at_all_is_an_error_and_none_that_can_be_scored_says_so():
    with pytest.raises(InputError, match="the data set is empty"):
        report_of([])
    unknown = report_of([replace(row(0), golds=None, exact=None)])
    assert repr(unknown) == "Report(1 questions, none scored)"
    with pytest.raises(InputError, match="None of the 1 rows can be scored"):
        figures(unknown.rows)


def test_a_report_asks_the_same_of_its_rows_as_the_functions_do(report):
    rows = report.rows
    assert report.cross_fit(metric="exact", folds=2, resamples=5) == cross_fit(
        rows, metric="exact", folds=2, resamples=5
    )
    assert report.cheapest_threshold(missed=3.0) == cheapest(rows, missed=3.0)
    assert report.temperature(resamples=5) == fit_temperature(rows, resamples=5)
    assert str(report.calibration(event="best span", bins=4)) == str(
        calibration(rows, event="best span", bins=4)
    )
    assert report.figures() == figures(rows)


# --- evaluating ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer(), threshold=1.0)


def test_evaluating_keeps_a_row_for_each_question_and_how_it_was_read(reader):
    examples = [
        Example("Who kept the lamp?", TEXT, id=str(k), gold=((CharSpan(0, 3),), ())[k % 2]) for k in range(4)
    ]
    report = qalens.evaluate(reader, iter(examples), progress=False)
    assert [one.id for one in report.rows] == ["0", "1", "2", "3"]
    assert report.source == Source(reader.model.name, reader.model.fingerprint)
    assert report.options == reader_options(reader)
    assert report.options["threshold"] == report.rows[0].threshold == 1.0
    reading = reader.read("Who kept the lamp?", TEXT)
    assert report.rows[0].margin == pytest.approx(reading.margin, abs=1e-4)
    assert report.scores.total == 4


def test_a_broken_question_harms_no_other_wherever_it_stands(reader, tmp_path):
    good = Example("Who kept the lamp?", TEXT, id="good", gold=())
    broken = [
        Example("Who?", "", id="empty"),
        {"id": "no text", "question": "Who?"},
        Example("Who?", TEXT, id="outside", gold=(CharSpan(0, 999),)),
        Example("Who\ud800?", TEXT, id="half", gold=()),
        {"id": "number", "question": 3, "context": TEXT},
        7,
    ]
    alone = evaluate(reader, [good], progress=False).rows[0]
    for place in (0, 3, 6):
        given = [*broken[:place], good, *broken[place:]]
        report = evaluate(reader, given, progress=False)
        assert len(report) == 7
        assert [one.error is None for one in report.rows] == [k == place for k in range(7)]
        assert report.rows[place].margin == pytest.approx(alone.margin, abs=1e-4)
        assert Report.load(report.save(tmp_path / f"{place}.jsonl")) == report


def test_nothing_to_evaluate_is_an_error(reader):
    with pytest.raises(InputError, match="the data set is empty"):
        evaluate(reader, [])


def test_questions_are_taken_only_as_they_are_needed():
    held = []

    class Slow:
        """A reader that takes one question at a time and looks how many were taken before."""

        def read_many(self, items, *, progress=None):
            inner = Reader(toy_model(), toy_tokenizer())
            for number, example in enumerate(items, 1):
                held.append(taken - number)
                yield from inner.read_many([example], progress=False)

    taken = 0

    def questions():
        nonlocal taken
        for k in range(5):
            taken += 1
            yield Example("Who kept the lamp?", TEXT, id=str(k))

    assert len(evaluate(Slow(), questions())) == 5
    assert held == [0] * 5
