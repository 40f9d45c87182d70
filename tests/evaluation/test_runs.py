"""A run on disk computes each question once, whoever computes it, and says what is wrong before it computes anything."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import checkpoints
import pytest
from light_work import LightTask

import qalens
from qalens.datasets import SAMPLE_FILE
from qalens.errors import InputError, QalensError
from qalens.evaluation.data.shards import Shard
from qalens.evaluation.evaluate import evaluate
from qalens.evaluation.runs import runs
from qalens.evaluation.runs.engines import MAX_DEATHS, processes
from qalens.evaluation.runs.folder import RunFolder, locked
from qalens.evaluation.runs.jobs import Evaluating, Task
from qalens.evaluation.runs.runs import Plan, attribute_run, evaluate_run, open_run, read_run
from qalens.testing import toy_model, toy_tokenizer

ROWS = [
    {"id": str(k), "question": question, "context": context, "answers": answers}
    for k, (question, context, answers) in enumerate(
        [
            ("Who kept the lamp?", "Ada kept the lamp.", [{"text": "Ada", "answer_start": 0}]),
            ("What burned?", "The lamp burned oil. " * 40, []),
            ("Who?", None, []),
            ("Where did Tobias sleep?", "Tobias slept below the stairs of the tower.", []),
            ("Why?", "Ada said so.", [{"text": "Ada", "answer_start": 40}]),
            (
                "When did it end?",
                "It ended in 1871, and nobody minded.",
                [{"text": "1871", "answer_start": 12}],
            ),
        ]
        * 2
    )
]
SIZE = 5  # shards of 5, 5 and 2


@pytest.fixture(scope="module")
def reader():
    return qalens.Reader(toy_model(), toy_tokenizer(), max_length=48, threshold=1.0)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return qalens.load(checkpoints.save(tmp_path_factory.mktemp("checkpoint"), "bert-uncased"), max_length=48)


@pytest.fixture
def data(tmp_path) -> Path:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS))
    return path


PLAN = Plan(shard_size=SIZE, threads=1)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run but the lock, which names a process."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in ("lock", "owner")
    }


@contextmanager
def interrupted_after(shards: int) -> Iterator[None]:
    """Ctrl-C in the middle of the shard that comes after so many."""
    real, count = runs.RunFolder.write_shard, 0

    def write(self, number, lines, *, rows):
        nonlocal count
        if count == shards:
            raise KeyboardInterrupt
        count += 1
        real(self, number, lines, rows=rows)

    runs.RunFolder.write_shard = write
    try:
        yield
    finally:
        runs.RunFolder.write_shard = real


# --- the rows ---------------------------------------------------------------------------------------------------------


def test_a_run_gives_the_rows_that_evaluate_gives(reader, data, tmp_path):
    run = evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    assert run.done
    assert (run.questions, run.finished) == (12, 12)
    plain = evaluate(reader, data)
    assert [(row.id, row.error) for row in run.report().rows] == [(row.id, row.error) for row in plain.rows]
    for ours, theirs in zip(run.report().rows, plain.rows, strict=True):
        assert (ours.answer, ours.golds, ours.outcome) == (theirs.answer, theirs.golds, theirs.outcome)
        assert ours.margin == pytest.approx(theirs.margin, abs=1e-4) if ours.margin is not None else True
    assert (run.report().options, run.report().source) == (plain.options, plain.source)


def test_with_one_shard_the_report_is_that_of_evaluate_to_the_last_bit(reader, data, tmp_path):
    run = evaluate_run(reader, data, out=tmp_path / "run", plan=Plan(threads=1))
    assert run.report() == evaluate(reader, data)


def test_evaluate_itself_takes_a_folder(reader, data, tmp_path):
    report = evaluate(reader, data, out=tmp_path / "run", limit=4, shard_size=3, threads=1)
    assert report == open_run(tmp_path / "run").report()
    assert (len(report), open_run(tmp_path / "run").manifest["shard_size"]) == (4, 3)


def test_evaluate_without_a_folder_knows_no_engine(reader, data):
    assert len(evaluate(reader, data, limit=4)) == 4
    for option in ({"engine": "processes"}, {"workers": 2}, {"threads": 1}, {"shard_size": 3}):
        with pytest.raises(InputError, match="name it with out="):
            evaluate(reader, data, **option)


def test_a_broken_question_has_its_reason_in_its_row(reader, data, tmp_path):
    rows = list(evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN).rows())
    assert [row["id"] for row in rows] == [row["id"] for row in ROWS]
    assert rows[2]["error"] == "row 3: There is no 'context'."
    assert "row 5: The gold answer 'Ada' lies outside of the text" in rows[4]["error"]
    assert [k for k, row in enumerate(rows) if row["error"]] == [2, 4, 8, 10]


def test_readings_are_kept_without_their_texts(reader, data, tmp_path):
    rows = list(read_run(reader, data, out=tmp_path / "run", k=2, plan=PLAN).rows())
    examples = [qalens.Example(r["question"], r["context"], id=r["id"]) for r in ROWS]
    for row, reading in zip(rows, reader.read_many(examples), strict=True):
        assert row["id"] == reading.to_dict()["id"]
        assert "context" not in row
    assert [span["text"] for span in rows[0]["spans"]] == [
        answer.text for answer in reader.read(ROWS[0]["question"], ROWS[0]["context"]).spans.top(2)
    ]
    assert rows[2]["error"].startswith("row 3")


def test_attributions_are_kept_by_word(reader, data, tmp_path):
    run = attribute_run(
        reader, data, out=tmp_path / "run", target="no_answer", method="input_x_gradient", plan=PLAN
    )
    rows = list(run.rows())
    reading = reader.read(ROWS[0]["question"], ROWS[0]["context"])
    expected = reader.attribute(reading, "no_answer", "input_x_gradient").by_word()
    assert [word["text"] for word in rows[0]["words"]] == [word.text for word in expected]
    assert [word["value"] for word in rows[0]["words"]] == pytest.approx(
        [w.value for w in expected], abs=1e-4
    )
    assert "row 5: The gold answer" in rows[4]["error"]
    assert rows[4]["id"] == "4"


def test_an_option_of_an_attribution_that_cannot_work_is_refused_before_anything(reader, data, tmp_path):
    with pytest.raises(InputError, match="no option steps"):
        attribute_run(reader, data, out=tmp_path / "run", settings={"steps": 3})
    assert not (tmp_path / "run").exists()


def test_rows_from_memory_are_the_rows_from_a_file(reader, data, tmp_path):
    from_file = evaluate_run(reader, data, out=tmp_path / "a", plan=PLAN)
    from_memory = evaluate_run(reader, iter(ROWS), out=tmp_path / "b", plan=PLAN)
    assert list(from_memory.rows()) == list(from_file.rows())
    assert from_memory.report() == from_file.report()


def test_a_limit_takes_the_first_questions(reader, data, tmp_path):
    run = evaluate_run(reader, data, out=tmp_path / "run", plan=Plan(shard_size=SIZE, threads=1, limit=7))
    assert [row["id"] for row in run.rows()] == [row["id"] for row in ROWS[:7]]
    assert run.questions == 7


# --- stopping and going on --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [0, 1, 2])
def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(reader, data, tmp_path, shards):
    whole = evaluate_run(reader, data, out=tmp_path / "whole", plan=PLAN)
    with interrupted_after(shards), pytest.raises(KeyboardInterrupt):
        evaluate_run(reader, data, out=tmp_path / "cut", plan=PLAN)
    assert open_run(tmp_path / "cut").finished == shards * SIZE
    again = evaluate_run(reader, data, out=tmp_path / "cut", plan=PLAN)
    assert again.done
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert (
        again.report().save(tmp_path / "a").read_bytes() == whole.report().save(tmp_path / "b").read_bytes()
    )


class Interrupted(qalens.Reader):
    """A reader that is stopped by Ctrl-C when all has been read and only tidying up is left."""

    def read_many(self, items, *, progress=None):
        yield from super().read_many(items, progress=progress)
        raise KeyboardInterrupt


@pytest.mark.parametrize("run", [evaluate_run, read_run, attribute_run])
def test_a_ctrl_c_behind_the_last_reading_of_a_shard_is_not_lost(run, data, tmp_path):
    reader = Interrupted(toy_model(), toy_tokenizer(), max_length=48)
    with pytest.raises(KeyboardInterrupt):
        run(reader, data, out=tmp_path / "run", plan=PLAN, progress=False)


def test_what_is_finished_is_not_computed_again(reader, data, tmp_path, monkeypatch):
    evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    (tmp_path / "run" / "shards" / "0000001.jsonl").unlink()
    computed = []
    monkeypatch.setattr(
        RunFolder, "write_shard", lambda self, number, lines, *, rows: computed.append(number)
    )
    evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    assert computed == [1]


def test_a_finished_run_is_only_read(reader, data, tmp_path):
    evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*.json*")}
    evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_a_run_goes_on_with_the_threads_and_shards_it_was_started_with(reader, tmp_path):
    with interrupted_after(1), pytest.raises(KeyboardInterrupt):
        evaluate_run(reader, ROWS[:2], out=tmp_path / "run", plan=Plan(shard_size=1, threads=2))
    run = evaluate_run(reader, ROWS[:2], out=tmp_path / "run")
    assert (run.manifest["shard_size"], run.manifest["threads"], run.done) == (1, 2, True)


def test_pieces_of_files_that_a_killed_process_left_are_cleared_away(reader, data, tmp_path):
    evaluate_run(reader, data, out=tmp_path / "whole", plan=PLAN)
    with interrupted_after(1), pytest.raises(KeyboardInterrupt):
        evaluate_run(reader, data, out=tmp_path / "cut", plan=PLAN)
    (tmp_path / "cut" / "shards" / "0000001.jsonl.part").write_bytes(b'{"id": "5", "que')
    evaluate_run(reader, data, out=tmp_path / "cut", plan=PLAN)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_a_report_is_made_of_a_finished_evaluation_alone(reader, data, tmp_path):
    with interrupted_after(1), pytest.raises(KeyboardInterrupt):
        evaluate_run(reader, data, out=tmp_path / "cut", plan=PLAN)
    with pytest.raises(InputError, match="holds 5 of 12 rows of the job 'evaluate'"):
        open_run(tmp_path / "cut").report()
    with pytest.raises(InputError, match="job 'read'"):
        read_run(reader, data, out=tmp_path / "read", plan=PLAN).report()


# --- what cannot go on ------------------------------------------------------------------------------------------------


def other_weights(reader):
    return qalens.Reader(toy_model(seed=1), toy_tokenizer(), max_length=48, threshold=1.0)


def other_tokenizer(reader):
    tokenizer = toy_tokenizer()
    tokenizer.backend_tokenizer.normalizer = None
    return qalens.Reader(toy_model(), tokenizer, max_length=48, threshold=1.0)


OTHER_READERS = {
    "weights": (other_weights, "model.fingerprint is"),
    "tokenizer": (other_tokenizer, "model.tokenizer is"),
    "max_length": (lambda r: r.with_options(max_length=40, stride=r.stride), "reader.max_length is 48 there and 40 here"),
    "threshold": (lambda r: r.with_options(threshold=0.5), "reader.threshold is 1.0 there and 0.5 here"),
    "batches": (lambda r: r.with_options(batch_tokens=96), "reader.batch_tokens is None there and 96 here"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "difference"), OTHER_READERS.values(), ids=list(OTHER_READERS))
def test_a_run_of_another_reader_is_refused_and_left_alone(reader, data, tmp_path, change, difference):
    evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    before = contents(tmp_path / "run")
    with pytest.raises(InputError, match=difference):
        evaluate_run(change(reader), data, out=tmp_path / "run", plan=PLAN)
    assert contents(tmp_path / "run") == before


OTHER_PLANS = {
    "shard size": (Plan(shard_size=3, threads=1), "shard_size is 5 there and 3 here"),
    "threads": (Plan(shard_size=SIZE, threads=2), "threads is 1 there and 2 here"),
    "limit": (Plan(shard_size=SIZE, threads=1, limit=3), "data.limit is None there and 3 here"),
}


@pytest.mark.parametrize(("plan", "difference"), OTHER_PLANS.values(), ids=list(OTHER_PLANS))
def test_a_run_by_another_plan_is_refused(reader, data, tmp_path, plan, difference):
    evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    with pytest.raises(InputError, match=difference):
        evaluate_run(reader, data, out=tmp_path / "run", plan=plan)


def test_a_run_over_other_questions_or_of_another_job_is_refused(reader, data, tmp_path):
    evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    with pytest.raises(InputError, match=r"job\.name is 'evaluate' there and 'read' here"):
        read_run(reader, data, out=tmp_path / "run", plan=PLAN)
    data.write_text(json.dumps(ROWS[1:]))
    with pytest.raises(InputError, match=r"data.sha256 is .* data.questions is 12 there and 11 here"):
        evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)


def test_other_rows_from_memory_are_refused_and_the_first_stay(reader, tmp_path):
    evaluate_run(reader, ROWS, out=tmp_path / "run", plan=PLAN)
    before = contents(tmp_path / "run")
    with pytest.raises(InputError, match="a run over other questions"):
        evaluate_run(reader, ROWS[1:], out=tmp_path / "run", plan=PLAN)
    assert contents(tmp_path / "run") == before


DAMAGE = {
    "cut short": (lambda b: b[:-40], "does not end with its checksum"),
    "cut at a line": (lambda b: b"".join(b.splitlines(keepends=True)[:-1]), "does not end with its checksum"),
    "empty": (lambda b: b"", "does not end with its checksum"),
    "a row lost": (
        lambda b: b"".join(b.splitlines(keepends=True)[1:]),
        "longer or shorter than it was written",
    ),
    "a row doubled": (lambda b: b.splitlines(keepends=True)[0] + b, "longer or shorter"),
    "of another run": (lambda b: b.replace(b'"run": "', b'"run": "x'), "another run or place"),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGE.values(), ids=list(DAMAGE))
def test_a_damaged_shard_is_named_and_can_be_made_anew(reader, data, tmp_path, damage, reason):
    evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    before = contents(tmp_path / "run")
    shard = tmp_path / "run" / "shards" / "0000001.jsonl"
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.raises(InputError, match=f"0000001.jsonl is damaged: .*{reason}.* Delete this file"):
        evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    shard.unlink()
    evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    assert contents(tmp_path / "run") == before


def test_a_shard_with_changed_bytes_is_found_when_its_rows_are_read(reader, data, tmp_path):
    run = evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    shard = tmp_path / "run" / "shards" / "0000002.jsonl"
    shard.write_bytes(shard.read_bytes().replace(b'"id": "10"', b'"id": "70"'))
    with pytest.raises(InputError, match="checksum is another one"):
        list(run.rows())


def test_a_folder_with_other_files_is_left_alone(reader, data, tmp_path):
    (tmp_path / "thesis.tex").write_text("…")
    with pytest.raises(InputError, match=r"holds other files \(rows.json, thesis.tex\) and no run"):
        evaluate_run(reader, data, out=tmp_path, plan=PLAN)
    (tmp_path / "run.json").write_text('{"format"')
    with pytest.raises(InputError, match="no whole manifest"):
        evaluate_run(reader, data, out=tmp_path, plan=PLAN)


def test_a_folder_without_a_run_cannot_be_opened(tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        open_run(tmp_path / "nothing")


def test_a_file_without_a_question_is_refused(reader, tmp_path):
    (tmp_path / "none.jsonl").write_text("\n")
    with pytest.raises(InputError, match="holds no questions"):
        evaluate_run(reader, tmp_path / "none.jsonl", out=tmp_path / "run")
    with pytest.raises(InputError, match="holds no questions"):
        evaluate_run(reader, [], out=tmp_path / "run")


BAD_PLANS = {"workers": 0, "threads": -1, "shard_size": 2.5, "limit": True}


@pytest.mark.parametrize(("name", "value"), BAD_PLANS.items(), ids=list(BAD_PLANS))
def test_a_plan_that_cannot_work_is_refused(name, value):
    with pytest.raises(InputError, match=f"{name} has to be a whole number from 1 on"):
        Plan(**{name: value})


ENGINES = {"loop": (1, 3), "processes": (2, 4), "ray": (0, 1)}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("workers", [None, 1, 5, 64])
def test_every_engine_has_workers_and_threads_where_none_are_given(reader, monkeypatch, engine, workers):
    monkeypatch.setattr(runs, "cores", lambda: 8)
    plan = Plan(engine=engine, workers=workers)
    count, threads = ENGINES[engine]
    assert plan.worker_count() == (workers or count)
    with reader.using_threads(3):
        expected = max(1, 8 // plan.worker_count()) if engine == "processes" else threads
        assert plan.thread_count(reader, None) == expected
    assert plan.thread_count(reader, {"threads": 7}) == 7
    assert Plan(engine=engine, threads=6).thread_count(reader, None) == 6


def test_an_unknown_engine_is_refused(reader, data, tmp_path):
    with pytest.raises(InputError, match="engine has to be one of loop, processes, ray"):
        evaluate_run(reader, data, out=tmp_path / "run", plan=Plan(engine="threads"))
    assert not (tmp_path / "run").exists()


# --- the disk ---------------------------------------------------------------------------------------------------------


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full after so many bytes of one file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_keeps_what_is_finished_and_says_what_to_do(reader, data, tmp_path):
    evaluate_run(reader, data, out=tmp_path / "whole", plan=PLAN)
    sizes = [
        len(content) for name, content in contents(tmp_path / "whole").items() if name.startswith("shards")
    ]
    # The last shard is the smallest; interrupted runs leave it for later by its number.
    assert sizes[2] < min(sizes[:2]) - 100
    with interrupted_after(1), suppress(KeyboardInterrupt):
        evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    with (
        files_of_at_most(sizes[2]),
        pytest.raises(
            QalensError, match=r"0000001.jsonl cannot be written: File too large. .* is kept. Free some space"
        ),
    ):
        evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    assert open_run(tmp_path / "run").finished == SIZE
    assert not list((tmp_path / "run").rglob("*.part"))
    evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_a_folder_that_cannot_be_made_or_written_is_said_at_once(reader, data, tmp_path):
    with pytest.raises(QalensError, match="cannot be written: Not a directory"):
        evaluate_run(reader, data, out=data / "run", plan=PLAN)
    with pytest.raises(QalensError, match="cannot be written"):
        evaluate_run(reader, data, out="/proc/qalens-run", plan=PLAN)


def test_two_processes_cannot_work_on_one_folder(reader, data, tmp_path):
    with (
        locked(tmp_path / "run"),
        pytest.raises(QalensError, match=f"Another process .*process {os.getpid()} on"),
    ):
        evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    assert evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN).done


def test_a_lock_goes_with_its_process(reader, data, tmp_path):
    hold = "import sys, time; from pathlib import Path; from qalens.evaluation.runs.folder import locked\n"
    hold += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(QalensError, match=f"process {other.pid} on"):
            evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
        other.kill()
    assert evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN).done


# --- several processes ------------------------------------------------------------------------------------------------


def test_a_reader_that_was_put_together_by_hand_cannot_go_to_other_processes(reader, data, tmp_path):
    with pytest.raises(InputError, match=r"was not loaded by qalens.load.*save_pretrained"):
        evaluate_run(reader, data, out=tmp_path / "run", plan=Plan(engine="processes"))


def test_processes_give_the_bytes_of_the_loop(loaded, data, tmp_path):
    evaluate_run(loaded, data, out=tmp_path / "loop", plan=PLAN)
    plan = Plan(engine="processes", workers=1, shard_size=SIZE, threads=1)
    evaluate_run(loaded, data, out=tmp_path / "many", plan=plan)
    assert contents(tmp_path / "many") == contents(tmp_path / "loop")


def test_a_worker_that_loads_other_weights_is_found_out(data, tmp_path):
    folder = checkpoints.save(tmp_path / "checkpoint", "bert-uncased")
    reader = qalens.load(folder, max_length=48)
    checkpoints.model("bert-uncased", seed=3).save_pretrained(folder)
    task = Task(reader.recipe(), Evaluating(), str(data), reader.model.fingerprint, threads=1)
    with pytest.raises(QalensError, match="got other weights than the run was started with"):
        task.open()


def shards(count: int) -> list[Shard]:
    return [Shard(k, 5 * k, 5, ()) for k in range(count)]


def notes(folder: Path, kind: str) -> int:
    return len(list(folder.glob(f"{kind}-*")))


def test_every_shard_comes_back_once_from_several_processes(tmp_path, capfd):
    task = LightTask(str(tmp_path), threads=3)
    found = list(processes(task, iter(shards(9)), 2))
    assert sorted(shard.number for shard, _ in found) == list(range(9))
    assert all(rows == b"%d with 3 threads\n" % shard.number for shard, rows in found)
    assert 1 <= notes(tmp_path, "pid") <= 2
    said = capfd.readouterr()
    assert said.out == ""
    assert "what a library says" in said.err


def test_there_are_no_more_processes_than_shards_and_none_for_none(tmp_path):
    assert len(list(processes(LightTask(str(tmp_path)), iter(shards(1)), 5))) == 1
    assert notes(tmp_path, "pid") == 1
    assert list(processes(LightTask(str(tmp_path)), iter([]), 5)) == []


def test_a_process_that_dies_is_replaced_and_its_shard_computed_again(tmp_path):
    task = LightTask(str(tmp_path), deadly=2, deaths=2)
    found = list(processes(task, iter(shards(5)), 1))
    assert sorted(shard.number for shard, _ in found) == list(range(5))
    assert notes(tmp_path, "died") == 2


def test_a_shard_that_ends_every_process_is_named(tmp_path):
    task = LightTask(str(tmp_path), deadly=1)
    computed = []
    reason = r"ended 3 times at shard 1 \(questions 6 to 10\), the last time with exit status -9 \(killed"
    with pytest.raises(QalensError, match=reason):
        computed.extend(processes(task, iter(shards(3)), 1))
    assert notes(tmp_path, "died") == MAX_DEATHS


FAILING = {
    "open": "^the checkpoint is gone$",
    "work": "^no such file on this node$",
    "bug": r"A worker failed: ZeroDivisionError: a bug\nTraceback",
    "dies": "ended 3 times before it could begin, the last time with exit status 7",
}


@pytest.mark.parametrize(("broken", "reason"), FAILING.items(), ids=list(FAILING))
def test_what_fails_in_a_process_is_said_here(tmp_path, broken, reason):
    with pytest.raises(QalensError, match=reason):
        list(processes(LightTask(str(tmp_path), broken=broken), iter(shards(2)), 1))


def test_processes_end_with_the_one_who_asked_and_shards_are_taken_as_they_are_needed(tmp_path):
    waiting = iter(shards(50))
    running = processes(LightTask(str(tmp_path)), waiting, 1)
    next(running)
    assert next(waiting).number == 2  # one is done, one is being computed
    (pid,) = (int(file.name.removeprefix("pid-")) for file in tmp_path.glob("pid-*"))
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_sample_goes_through_a_run(loaded, tmp_path):
    run = evaluate_run(
        loaded.with_options(max_length=96), SAMPLE_FILE, out=tmp_path / "run", plan=Plan(threads=1)
    )
    assert run.report().scores.total == run.questions
