"""What the DatasetExplorer lists, without a browser: filters, sorting, search, its reports, and the details below."""

import json

import pytest
from test_no_answer_explorer import reading_of

import qalens
from qalens import Example, FailedReading, InputError, Reader
from qalens.display import plots
from qalens.evaluation.report import report_of
from qalens.evaluation.rows import example_row, row_of
from qalens.testing import toy_model, toy_tokenizer
from qalens.widgets import DatasetExplorer
from qalens.widgets.explorers.dataset_explorer import FILTERS, SORTS, dataset_view


@pytest.fixture
def readings():
    """One of each: right span, wrong span, false answer, false no-answer, right no-answer, failed, unknown."""
    return [
        reading_of("Ada", "Ada", 9.0),
        reading_of("Tom", "Ada", 5.0),
        reading_of("the room", None, 2.0),
        reading_of(None, "Ada", 4.0),
        reading_of(None, None, 6.0),
        FailedReading(Example("What was kept?", "", id="empty"), InputError("The context is empty.")),
        reading_of("by night"),
    ]


def test_every_row_is_listed_with_its_outcome(readings):
    explorer = DatasetExplorer(readings)
    assert explorer.listed == tuple(range(7))
    assert [row["outcome"] for row in explorer.view["rows"]] == [
        "right span",
        "wrong span",
        "false answer",
        "false no-answer",
        "right no-answer",
        "not scored",
        "not scored",
    ]


@pytest.mark.parametrize(
    ("outcomes", "listed"),
    [
        (["right span", "right no-answer"], (0, 4)),
        (["false answer"], (2,)),
        (["not scored"], (5, 6)),
        ([], ()),
    ],
)
def test_filters_keep_the_outcomes_that_are_asked_for(readings, outcomes, listed):
    assert DatasetExplorer(readings, outcomes=outcomes).listed == listed


@pytest.mark.parametrize(
    ("query", "listed"),
    [("what was", (5,)), ("  WHAT was ", (5,)), ("kept it by night", (0, 1, 2, 3, 4, 6)), ("nowhere", ())],
)
def test_a_search_looks_through_questions_and_texts_in_any_case(readings, query, listed):
    assert DatasetExplorer(readings, query=query).listed == listed


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("descending", [False, True])
def test_rows_are_sorted_and_those_without_the_number_stand_last(readings, sort, descending):
    explorer = DatasetExplorer(readings, sort=sort, descending=descending)

    def value(k):
        row = explorer.rows[k]
        if sort == "probability":
            return row.probability if row.answer is not None else row.no_answer_probability
        return {
            "order": k,
            "margin": row.margin,
            "score": row.score,
            "f1": row.f1,
            "text length": row.text_length,
        }[sort]

    values = [value(k) for k in explorer.listed]
    known = [x for x in values if x is not None]
    assert known == sorted(known, reverse=descending)
    assert values[: len(known)] == known
    assert sorted(explorer.listed) == list(range(7))


def test_the_report_holds_what_is_listed(readings):
    explorer = DatasetExplorer(readings, outcomes=["right span", "false answer"])
    report = explorer.report
    assert [row.outcome for row in report.rows] == ["right span", "false answer"]
    assert report.scores.exact == pytest.approx(50.0)


def test_a_report_can_be_explored_without_its_readings(readings):
    rows = [example_row(r.example, r) for r in readings[:5]]
    explorer = DatasetExplorer(report_of(rows), selected=1)
    assert explorer.reading is None
    assert [row["text"] for row in explorer.view["rows"]] == [None] * 5
    assert explorer.view["texts"] == []


def test_every_text_is_sent_once(readings):
    view = dataset_view([example_row(r.example, r) for r in readings[:5]], readings[:5])
    assert view["texts"] == [readings[0].context]
    json.dumps(view, allow_nan=False)


def test_examples_are_read_by_the_reader_that_is_given():
    reader = Reader(toy_model(), toy_tokenizer(), max_length=64)
    examples = [
        Example("Who kept it?", "Ada kept it.", id="a", gold=()),
        Example("Who?", "", id="b", gold=()),
    ]
    explorer = DatasetExplorer(examples, reader=reader, selected=0)
    assert explorer.reading.question == "Who kept it?"
    assert explorer.rows[1].error == "row 2: The context is empty; there is nothing to read."


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "at least one question"),
        ("Who?", "cannot be read"),
        (7, "A data set is a file"),
        ([7], "no question that can be read. row 1"),
        ([Example("Who?", "Ada.")], "give it a reader too"),
    ],
)
def test_what_cannot_be_listed_is_refused(source, message):
    with pytest.raises(InputError, match=message):
        DatasetExplorer(source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outcomes": ["right"]}, "no outcome 'right'"),
        ({"sort": "size"}, "not by 'size'"),
        ({"selected": 7}, "numbered 0 to 6"),
        ({"selectd": 7}, "no option 'selectd'"),
    ],
)
def test_options_that_cannot_work_are_refused(readings, options, message):
    with pytest.raises(InputError, match=message):
        DatasetExplorer(readings, **options)


def test_more_rows_than_a_browser_lists_are_refused(readings):
    with pytest.raises(InputError, match="up to 20,000"):
        DatasetExplorer(report_of([example_row(readings[6].example, readings[6])] * 20_001))


def test_details_follow_the_selection_and_close_what_was_open(readings):
    explorer = DatasetExplorer(readings)
    box = explorer.with_details()
    assert not explorer.opens  # what is open stands beside the list, not once more in it
    explorer.selected = 0
    first = box.children[1]
    first.tab = "no_answer"
    assert first.reading is readings[0]
    shown = first.explorer
    explorer.selected = 2
    assert (shown.comm, first.comm) == (None, None)
    assert box.children[1].reading is readings[2]
    explorer.selected = 5
    assert "The context is empty." in box.children[1].value
    assert "<iframe" in box._repr_mimebundle_()["text/html"]


def test_a_file_rows_and_readings_without_gold_answers_are_listed(tmp_path):
    reader = Reader(toy_model(), toy_tokenizer(), max_length=64)
    rows = [{"question": "Who kept it?", "context": "Ada kept it.", "title": "Lamps"}, {"question": "When?"}]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    for source in (rows, file, str(file)):
        explorer = DatasetExplorer(source, reader=reader)
        assert [row.outcome for row in explorer.rows] == [None, None]
        assert explorer.rows[0].title == "Lamps"
        assert "There is no 'context'" in explorer.rows[1].error
        assert explorer.view["slices"]["title"] == ["Lamps", None]
        explorer.slice_by, explorer.slice = "title", "Lamps"
        assert explorer.listed == (0,)
    with pytest.raises(InputError, match="not by 'size'"):
        explorer.slice_by = "size"


def test_explore_opens_readings_reports_and_data_sets_as_a_list_beside_what_is_open(readings):
    reader = Reader(toy_model(), toy_tokenizer(), max_length=64)
    report = report_of([row_of(reading) for reading in readings])
    for given in ((readings, None), (report, None), ([("Who kept it?", "Ada kept it.")], reader)):
        box = qalens.explore(given[0], reader=given[1])
        assert isinstance(box.dataset, DatasetExplorer)
    box.dataset.selected = 0
    box.children[1].tab = "compare"
    assert box.children[1].explorer.diff.after is box.children[1].reading
    with pytest.raises(InputError, match="give it a reader too"):
        qalens.explore([("Who kept it?", "Ada kept it.")])
    both = qalens.explore(reader, "Who kept it?", ["Ada kept it.", "Tom kept it."])
    assert both.reading.context.count("kept it.") == 2


def test_a_reason_in_the_details_is_text(readings):
    readings[5] = FailedReading(Example("<i>", "", id="x"), InputError("<script>window.ran=1</script>"))
    box = DatasetExplorer(readings, selected=5).with_details()
    assert "<script>" not in box.children[1].value


def test_the_still_twins_count_the_outcomes(readings):
    explorer = DatasetExplorer(readings)
    assert "false no-answer" in explorer.to_svg()
    bars = {label.get_text() for label in plots.outcomes(explorer.report).get_yticklabels()}
    assert bars == set(FILTERS) - {"not scored"}


def test_a_bar_is_as_long_as_its_count(readings):
    ax = plots.outcomes(DatasetExplorer(readings[:2] + readings[:1]).report)
    widths = dict(
        zip([t.get_text() for t in ax.get_yticklabels()], [p.get_width() for p in ax.patches], strict=True)
    )
    assert widths["right span"] == 2 * widths["wrong span"] > 0
    assert widths.get("right no-answer", 0) == 0
