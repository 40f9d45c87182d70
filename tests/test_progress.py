"""Bars that tell the truth: what was computed is counted when it was computed, of a total that is told where it is known."""

import json

import pytest

import qalens
from qalens import progress
from qalens.progress import Bar, HowFar, listening
from qalens.reader import Reader
from qalens.retrieval import Index
from qalens.testing import toy_model, toy_tokenizer

ROWS = [{"id": str(k), "question": "Who kept the lamp?", "context": f"Ada kept lamp {k}."} for k in range(12)]
TEXTS = ["Ada kept the lamp.", "Tom saw the lamp.", "Lena sold a lamp."]


@pytest.fixture
def reader():
    return Reader(toy_model(), toy_tokenizer(), batch_tokens=32)


@pytest.fixture
def bars(monkeypatch):
    """Each bar that is shown: what it stood at whenever it was counted on, its total, its unit, and whether it stays."""
    shown = []

    class Recorded:
        def __init__(self, total, initial, unit, leave, smoothing):
            self.total, self.n, self.unit, self.leave, self.start_t = total, initial, unit.strip(), leave, 0.0
            self.stood = []
            shown.append(self)

        def update(self, count):
            self.n += count
            self.stood.append(self.n)

        def close(self):
            pass

    monkeypatch.setattr("tqdm.tqdm", Recorded)
    return shown


def file_of(rows, folder):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


WAYS = {
    "read_many": lambda reader, data: next(reader.read_many(data, progress=True)),
    "evaluate": lambda reader, data: qalens.evaluate(reader, data, progress=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_questions_count_when_they_are_computed(reader, bars, way):
    WAYS[way](reader, ROWS)
    (bar,) = bars
    assert bar.stood[0] < 12, "the bar waited for the whole chunk"
    assert bar.stood == sorted(bar.stood)
    # read_many was asked for the first reading alone, which comes when its whole chunk is computed.
    assert bar.n == 12


@pytest.mark.parametrize(
    ("source", "total"),
    [
        (lambda folder: ROWS, 12),
        (lambda folder: file_of(ROWS, folder), 12),
        (lambda folder: str(file_of(ROWS, folder)), 12),
        (lambda folder: {"question": ["Who?", "Why?"], "context": ["Ada.", "Ada."]}, 2),
        (lambda folder: iter(ROWS), None),
        (lambda folder: [*ROWS, {"question": "Who?"}, {"question": "", "context": "Ada."}], 14),
    ],
    ids=["list", "file", "file name", "columns", "iterator", "broken rows"],
)
@pytest.mark.parametrize("way", ["read_many", "evaluate"])
def test_the_total_is_told_where_it_is_known_and_all_is_counted_once(
    reader, bars, tmp_path, way, source, total
):
    data = source(tmp_path)
    if way == "evaluate":
        count = len(qalens.evaluate(reader, data, progress=True).rows)
    else:
        count = len(list(reader.read_many(data, progress=True)))
    (bar,) = bars
    assert (bar.total, bar.n, bar.unit) == (total, count, "questions")


def test_a_limit_is_the_total(reader, bars):
    qalens.evaluate(reader, ROWS, limit=5, progress=True)
    assert (bars[0].total, bars[0].n) == (5, 5)


def test_a_run_in_a_folder_counts_within_a_shard(reader, bars, tmp_path):
    qalens.evaluate(reader, ROWS, out=tmp_path / "run", progress=True)
    (bar,) = bars
    assert (bar.total, bar.n) == (12, 12)
    assert len(set(bar.stood)) > 2


def test_one_bar_for_an_evaluation_of_what_was_asked(reader, bars, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BEFORE_BAR", -1.0)  # any bar that may come does
    index = Index.build(TEXTS)
    asked = (reader.ask("Who kept the lamp?", index).with_gold(["Ada"]) for _ in range(4))
    qalens.evaluate(reader, asked)
    assert [(bar.n, bar.total, bar.unit) for bar in bars] == [(4, None, "questions")]


def test_a_loop_of_ask_counts_documents_on_bars_that_make_room(reader, bars, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BEFORE_BAR", -1.0)
    index = Index.build(TEXTS)
    for _ in range(3):
        reader.ask("Who kept the lamp?", index)
    assert {(bar.n, bar.total, bar.unit, bar.leave) for bar in bars} == {(3, 3, "documents", False)}


def test_a_loop_of_ask_leaves_nothing_on_the_screen(reader, capsys):
    index = Index.build(TEXTS)
    for _ in range(3):
        reader.ask("Who kept the lamp?", index, progress=True)
    written = capsys.readouterr().err
    assert "\n" not in written
    assert not written.split("\r")[-1].strip()


def test_a_bar_is_text(reader, capsys):
    list(reader.read_many(ROWS, progress=True))
    assert "12/12" in capsys.readouterr().err


@pytest.mark.parametrize(("total", "done", "seconds", "due"), [
    (100, 1, 0.5, True), (100, 100, 0.5, False), (None, 1, 0.5, False), (None, 1, 2.5, True), (100, 0, 2.5, True),
])  # fmt: skip
def test_a_bar_comes_as_soon_as_the_work_is_known_to_be_long(bars, monkeypatch, total, done, seconds, due):
    now = [10.0]
    monkeypatch.setattr("qalens.progress.time.monotonic", lambda: now[0])
    with Bar(total, None) as bar:
        now[0] += seconds
        bar.update(done)
        assert bool(bars) == due


def test_work_that_somebody_listens_to_shows_no_bar_of_itself(reader, bars, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BEFORE_BAR", -1.0)
    heard = []
    with listening(heard.append):
        list(reader.read_many(ROWS))
    assert not bars
    assert heard[-1] == HowFar(12, 12, "questions")
    assert heard[0].done < 12


def test_windows_are_told_when_they_are_through(reader):
    heard = []
    with listening(heard.append):
        reading = reader.with_options(max_length=32, stride=8).read(
            "Who kept the lamp?", "Ada kept the lamp. " * 30
        )
    n = len(reading.windows)
    assert [heard[0], heard[-1]] == [HowFar(0, n, "window"), HowFar(n, n, "window")]


def test_who_listens_can_end_the_work_by_any_error(reader):
    def stop(how_far):
        if how_far.done:
            raise RuntimeError("enough")

    with listening(stop), pytest.raises(RuntimeError, match="enough"):
        reader.read("Who kept the lamp?", "Ada kept the lamp.")


def test_sentences_have_a_total_from_the_first_on():
    reader = qalens.Reader(toy_model(), toy_tokenizer())
    reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept. Mary read.")
    heard = []
    with listening(heard.append):
        reader.sentence_effects(reading)
    assert {one.total for one in heard} == {6}
    assert heard[-1].done == 6
