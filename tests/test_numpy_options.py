"""Numbers of numpy are numbers, wherever one is an option."""

from __future__ import annotations

import json

import numpy as np
import pytest

import qalens
from qalens.evaluation.confidence.costs import Costs
from qalens.evaluation.intervals import check_level
from qalens.evaluation.promises.conformal import check_coverage
from qalens.evaluation.runs.runs import Plan, evaluate_run
from qalens.explain.attribution.options import Options
from qalens.integrations.haystack_options import ReaderOptions
from qalens.integrations.pipeline_options import PipelineOptions
from qalens.reader import Reader
from qalens.retrieval import Index
from qalens.testing import toy_model, toy_tokenizer
from qalens.widgets import SpanExplorer
from qalens.widgets.explorers.attribution_explorer import check_side

ROWS = [{"id": "1", "question": "Who kept the lamp?", "context": "Ada kept the lamp.", "answers": []}]
INTEGERS = [np.int64, np.int32, np.uint8]


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer())


@pytest.mark.parametrize("whole", INTEGERS)
def test_a_reader_takes_them_and_holds_those_of_python(whole):
    options = {"max_length": 64, "stride": 8, "max_answer_length": 5, "batch_tokens": 128}
    reader = Reader(
        toy_model(),
        toy_tokenizer(),
        threshold=np.float32(0.5),
        max_memory=np.int64(10**9),
        **{k: whole(v) for k, v in options.items()},
    )
    assert json.loads(json.dumps(reader.options)) == {**reader.options, **options}


@pytest.mark.parametrize("whole", INTEGERS)
def test_so_does_everything_that_counts(reader, whole, tmp_path):
    reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    assert reading.spans.top(whole(2)) == reading.spans.top(2)
    documents = reader.read_documents("Who?", ["Ada kept it."])
    assert documents.top(whole(2)) == documents.top(2)
    assert len(Index.build(["Ada kept it."]).search("Ada", whole(1))) == 1
    assert PipelineOptions(top_k=whole(3), doc_stride=whole(8)).top_k == 3
    assert ReaderOptions(max_seq_length=whole(64)).max_seq_length == 64
    assert Options(max_points=whole(65)).max_points == 65
    assert len(qalens.evaluate(reader, ROWS, limit=whole(1), progress=False)) == 1
    run = evaluate_run(
        reader, ROWS, out=tmp_path / "run", plan=Plan(shard_size=whole(4), limit=whole(1)), progress=False
    )
    assert run.done
    explorer = SpanExplorer(reading, selected=(whole(0), whole(3)))
    assert explorer.selected == (0, 3)
    assert check_side("span", (whole(0), whole(3)), 18) == (0, 3)
    typos = qalens.behavior.run(reader, tests=["letter case"], cases=whole(2), keep=whole(1), progress=False)
    assert len(typos.tests[0].cases) <= 2


@pytest.mark.parametrize("number", [np.float32, np.float16, np.float64])
def test_so_does_everything_that_measures(reader, number):
    reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    assert (
        reader.with_temperature(number(2)).model.fingerprint == reader.with_temperature(2).model.fingerprint
    )
    assert len(reading.answers(number(0.5))) == len(reading.answers(0.5))
    check_level(number(0.5))
    check_coverage(number(0.5))
    assert Costs(number(2), number(1)).most == 2


@pytest.mark.parametrize("wrong", [np.True_, True, np.float64(3.0), "3", np.int64(0)])
def test_what_is_no_whole_number_is_refused(wrong):
    with pytest.raises(qalens.InputError, match="whole number"):
        PipelineOptions(top_k=wrong)
    with pytest.raises(qalens.InputError, match="whole number"):
        Plan(limit=wrong)
