"""Files of ours that were damaged or tampered with, data that changes under a run, odd paths, disks that refuse."""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import checkpoints
import filelock
import pytest
from light_work import LightTask

import qalens
from qalens import files
from qalens.errors import InputError, MissingExtraError, QalensError
from qalens.evaluation.data.shards import Shard
from qalens.evaluation.evaluate import evaluate
from qalens.evaluation.report import Report
from qalens.evaluation.rows import ExampleRow
from qalens.evaluation.runs import folder as run_folder
from qalens.evaluation.runs import worker
from qalens.evaluation.runs.engines import processes
from qalens.evaluation.runs.folder import RunFolder, locked, read_manifest
from qalens.evaluation.runs.manifest import DataFile
from qalens.evaluation.runs.runs import Plan, evaluate_run, open_run
from qalens.integrations import ray as ray_engine
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.file_index import pieces_of

ROWS = [
    {
        "id": str(k),
        "question": "Who kept the lamp?",
        "context": f"Ada kept the lamp of room {k}.",
        "answers": [],
    }
    for k in range(9)
]
PLAN = Plan(shard_size=3, threads=1)


@pytest.fixture(scope="module")
def reader():
    return qalens.Reader(toy_model(), toy_tokenizer(), max_length=48, threshold=1.0)


@pytest.fixture
def data(tmp_path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.fixture
def out(reader, data, tmp_path) -> Path:
    """The folder of a finished run."""
    return evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN).folder


# --- the engine "ray" in its default call --------------------------------------------------------------------------


def test_the_default_call_of_ray_says_that_ray_is_missing(tmp_path, data, monkeypatch):
    loaded = qalens.load(checkpoints.save(tmp_path / "checkpoint", "bert-uncased"), max_length=48)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'pip install "qalens\[ray\]"'):
        evaluate(loaded, data, out=tmp_path / "run", engine="ray")


def test_a_ray_that_cannot_start_says_why(tmp_path, monkeypatch):
    class Ray:
        def is_initialized(self):
            return False

        def init(self, **_):
            raise Exception("the raylet\nended at once")

    monkeypatch.setattr(ray_engine, "_imported", Ray)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with pytest.raises(
        QalensError, match=r"Ray cannot start, or reach the cluster at '10\.0\.0\.1:6379'.*raylet"
    ):
        next(ray_engine.shards_on_ray(LightTask(str(tmp_path)), iter([]), 1))


# --- data that changes while a run is at work ----------------------------------------------------------------------


def changed_after(monkeypatch, shards: int, change) -> None:
    """Change something once so many shards are written."""
    real, count = RunFolder.write_shard, 0

    def write(self, number, lines, *, rows):
        nonlocal count
        real(self, number, lines, rows=rows)
        count += 1
        if count == shards:
            change()

    monkeypatch.setattr(RunFolder, "write_shard", write)


CHANGES = {
    "equal lengths": lambda text: text.replace("Ada", "Eve"),
    "one letter": lambda text: text.replace("room 7", "room 6"),
    "longer": lambda text: text.replace("Ada", "Adelheid"),
    "shorter": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "a row more": lambda text: text + json.dumps(ROWS[0] | {"id": "more"}) + "\n",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
@pytest.mark.parametrize("keeps_time", [False, True])
def test_rows_of_two_versions_never_stand_in_one_run(reader, data, tmp_path, monkeypatch, change, keeps_time):
    whole = evaluate_run(reader, data, out=tmp_path / "whole", plan=PLAN)
    before, times = data.read_text(), (data.stat().st_atime_ns, data.stat().st_mtime_ns)

    def alter():
        data.write_text(change(before))
        if keeps_time:
            os.utime(data, ns=times)

    changed_after(monkeypatch, 1, alter)
    with pytest.raises(InputError, match=r"rows\.jsonl changed while the run was at work"):
        evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    monkeypatch.undo()
    assert open_run(tmp_path / "run").finished == 3
    data.write_text(before)
    run = evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    assert list(run.rows()) == list(whole.rows())


def test_a_data_file_that_goes_away_is_missed(reader, data, tmp_path, monkeypatch):
    changed_after(monkeypatch, 1, data.unlink)
    with pytest.raises(InputError, match=r"rows\.jsonl cannot be read as a data set: No such file"):
        evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)


def test_a_file_that_was_only_touched_or_replaced_by_its_like_goes_on(reader, data, tmp_path, monkeypatch):
    def touch():
        shutil.copy(data, tmp_path / "copy")
        os.replace(tmp_path / "copy", data)
        data.chmod(0o600)

    changed_after(monkeypatch, 1, touch)
    assert evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN).done


def test_a_file_is_read_anew_only_where_it_was_touched(data, monkeypatch):
    source = DataFile(data)
    monkeypatch.setattr(DataFile, "_digest", lambda self: pytest.fail("read again"))
    source.check()


# --- damaged files -------------------------------------------------------------------------------------------------

MANIFESTS = {
    "empty": "{}",
    "a list": "[]",
    "a depth bomb": "[" * 100_000,
    "cut": '{"format": 1',
    "no UTF-8": b"\xff\xfe",
    "another format": lambda told: told | {"format": 2},
    "no job": lambda told: {key: told[key] for key in told if key != "job"},
    "a job without a name": lambda told: told | {"job": {}},
    "a job of another type": lambda told: told | {"job": "evaluate"},
    "data of another type": lambda told: told | {"data": [3]},
    "no questions": lambda told: told | {"data": told["data"] | {"questions": 0}},
    "half a question": lambda told: told | {"data": told["data"] | {"questions": 2.5}},
    "true questions": lambda told: told | {"data": told["data"] | {"questions": True}},
    "no reader": lambda told: told | {"reader": None},
    "negative shards": lambda told: told | {"shard_size": -3},
    "words for threads": lambda told: told | {"threads": "two"},
    "nothing about it": lambda told: told | {"about": {}},
}


@pytest.mark.parametrize("damage", MANIFESTS.values(), ids=list(MANIFESTS))
def test_a_damaged_manifest_is_refused_by_all_who_read_it(reader, data, out, damage):
    path = out / "run.json"
    content = json.dumps(damage(json.loads(path.read_text()))) if callable(damage) else damage
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for use in (lambda: open_run(out), lambda: evaluate_run(reader, data, out=out, plan=PLAN)):
        with pytest.raises(InputError, match=r"run\.json is no (whole )?manifest.* Give another folder"):
            use()


def test_a_manifest_that_is_a_folder_is_refused(out):
    (out / "run.json").unlink()
    (out / "run.json").mkdir()
    with pytest.raises(InputError, match=r"run\.json cannot be read: Is a directory"):
        open_run(out)


def shard_of(out: Path, lines: list[str], **footer) -> None:
    """Write the first shard anew, with a footer whose checksum fits."""
    content = "".join(f"{line}\n" for line in lines).encode()
    told = {"shard": 0, "rows": len(lines), "bytes": len(content), "sha256": run_folder._digest(content)}
    told |= {"run": RunFolder(out, read_manifest(out)).run_id} | footer
    (out / "shards" / "0000000.jsonl").write_bytes(content + json.dumps(told).encode() + b"\n")


FOOTERS = {
    "no number of bytes": {"bytes": None},
    "bytes in words": {"bytes": "many"},
    "half a row": {"rows": 1.5},
    "rows in a list": {"rows": [3]},
    "no run": {"run": None},
    "another place": {"shard": 7},
}


@pytest.mark.parametrize("footer", FOOTERS.values(), ids=list(FOOTERS))
def test_a_damaged_footer_is_named(out, footer):
    shard_of(out, ["{}"] * 3, **footer)
    with pytest.raises(InputError, match=r"0000000\.jsonl is damaged: .* Delete this file"):
        open_run(out)


BAD_ROWS = {
    "no JSON": ["{", "{}", "{}"],
    "no row": ["3", "[]", "{}"],
    "a depth bomb": ["[" * 100_000, "{}", "{}"],
    "fewer than the footer says": ["{}"],
}


@pytest.mark.parametrize("rows", BAD_ROWS.values(), ids=list(BAD_ROWS))
def test_rows_with_a_checksum_that_fits_are_looked_at_too(out, rows):
    shard_of(out, rows, rows=3)
    with pytest.raises(InputError, match=r"0000000\.jsonl is damaged"):
        list(open_run(out).rows())


def test_rows_that_are_none_of_an_evaluation_make_no_report(out):
    shard_of(out, ["{}"] * 3)
    with pytest.raises(InputError, match="no row of an evaluation"):
        open_run(out).report()


@pytest.mark.parametrize("name", ["²", "１", "7", "00000001", "-1", "0000000 (1)", "abc"])
def test_an_odd_name_among_the_shards_is_refused(out, name):
    shutil.copy(out / "shards" / "0000000.jsonl", out / "shards" / f"{name}.jsonl")
    with pytest.raises(InputError, match="is no shard of this run; move it out of the way"):
        open_run(out)


def test_a_folder_in_the_place_of_a_shard_is_refused(out):
    (out / "shards" / "0000000.jsonl").unlink()
    (out / "shards" / "0000000.jsonl").mkdir()
    with pytest.raises(InputError, match=r"0000000\.jsonl cannot be read: Is a directory"):
        open_run(out)


HEADS = {
    "no rows": {"rows": None},
    "no source": {"source": 3},
    "a source without a name": {"source": {"fingerprint": "a"}},
    "a source of numbers": {"source": {"name": 1, "fingerprint": 2}},
    "options in a list": {"options": [1]},
    "no options": {"options": None},
}


@pytest.mark.parametrize("head", HEADS.values(), ids=list(HEADS))
def test_a_report_with_a_damaged_head_is_refused(out, tmp_path, head):
    path = open_run(out).report().save(tmp_path / "report.jsonl")
    first, rest = path.read_text().split("\n", 1)
    path.write_text(json.dumps(json.loads(first) | head) + "\n" + rest)
    with pytest.raises(InputError, match=r"report\.jsonl is "):
        Report.load(path)


VALUES = {
    "id": [3, ["a"]],
    "question": [None, 3],
    "text_length": ["long", 1.5, True],
    "windows": [0.5, "one"],
    "margin": ["far", [1], True, float("nan")],
    "probability": [{}, "0.5"],
    "golds": [[{"text": 1, "start": 0, "end": 1}], [{"text": "a", "start": "0", "end": 1}], [3]],
    "best": [{"text": "a"}, "Ada", [1, 2]],
    "masses": [["a"], [None], 3, [float("nan")]],
    "outcome": ["won", 3],
    "error": [3, ["why"]],
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_of_another_kind_makes_no_row(out, name):
    row = open_run(out).report().rows[0].to_dict()
    assert ExampleRow.from_dict(row).to_dict() == row
    for value in VALUES[name]:
        with pytest.raises(InputError, match="This is no row of an evaluation"):
            ExampleRow.from_dict(row | {name: value})


def test_no_flipped_bit_of_a_compressed_report_gets_through_raw(out, tmp_path):
    whole = open_run(out).report()
    content, draw = whole.save(tmp_path / "report.jsonl.gz").read_bytes(), random.Random(0)
    for _ in range(150):
        flipped = bytearray(content)
        flipped[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        (tmp_path / "report.jsonl.gz").write_bytes(flipped)
        try:
            assert Report.load(tmp_path / "report.jsonl.gz") == whole  # a bit of the header that says nothing
        except InputError:
            continue


@pytest.mark.parametrize(
    "content", [b"", b"[" * 100_000, b"3", b"null", b'{"a": 1}', gzip.compress(b"[", mtime=0)]
)
def test_what_is_no_report_at_all_is_refused(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match="is no "):
        Report.load(tmp_path / "a")


# --- odd paths -----------------------------------------------------------------------------------------------------


@pytest.fixture
def paths(tmp_path, data) -> dict[str, str]:
    (tmp_path / "loop").symlink_to("loop")
    return {
        "a loop": str(tmp_path / "loop"),
        "below a file": str(data / "a.json"),
        "too long": "n" * 300,
        "NUL": "a\0b",
        "a folder": str(tmp_path),
        "not there": str(tmp_path / "none"),
        "no text in it": "\ud800",
    }


ODD = ["a loop", "below a file", "too long", "NUL", "a folder", "not there", "no text in it"]


@pytest.mark.parametrize("name", ODD)
def test_a_data_file_with_an_odd_path_is_refused(reader, paths, tmp_path, name):
    for use in (
        lambda: list(pieces_of(paths[name])),
        lambda: evaluate(reader, paths[name]),
        lambda: evaluate_run(reader, paths[name], out=tmp_path / "run"),
        lambda: Report.load(paths[name]),
    ):
        with pytest.raises(InputError):
            use()


@pytest.mark.parametrize("name", ODD)
def test_a_run_in_an_odd_place_is_refused(reader, data, paths, name):
    with pytest.raises(InputError):
        open_run(paths[name])
    if name != "not there":
        with pytest.raises(QalensError):
            evaluate_run(reader, data, out=paths[name])


def test_a_file_is_no_folder_of_a_run(reader, data):
    for use in (lambda: open_run(data), lambda: evaluate_run(reader, data, out=data)):
        with pytest.raises(InputError, match=r"rows\.jsonl is a file, and a run lives in a folder"):
            use()


# --- disks that refuse ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_disk_that_refuses_in_a_new_folder_is_said_with_its_place(
    reader, data, tmp_path, monkeypatch, error
):
    def refuse(handle):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(files, "_to_disk", refuse)
    with pytest.raises(
        QalensError, match=rf"run.* cannot be written: {os.strerror(error)}\. .* Free some space"
    ):
        evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)


def test_a_folder_without_locks_is_refused(reader, data, tmp_path, monkeypatch):
    def refuse(self, *_, **__):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(QalensError, match=r"cannot be locked .*so nothing would keep two processes apart"):
        evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)


@pytest.mark.parametrize("given", ["a file", "rows"])
def test_a_finished_run_is_only_read(reader, data, tmp_path, monkeypatch, given):
    source = data if given == "a file" else ROWS
    first = evaluate_run(reader, source, out=tmp_path / "run", plan=PLAN)

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    # As on a disk that can only be read; root may write where permissions say no.
    for name in ("mkdir", "unlink", "replace", "touch", "rename"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(files, "_to_disk", refuse)
    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    assert evaluate_run(reader, source, out=tmp_path / "run", plan=PLAN).report() == first.report()
    with pytest.raises(InputError, match=r"threshold is 1\.0 there and 0\.5 here"):
        evaluate_run(reader.with_options(threshold=0.5), source, out=tmp_path / "run", plan=PLAN)


# --- other systems, simulated --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".DS_Store", "._run.json", "desktop.ini", "Thumbs.db", ".directory"])
def test_files_that_systems_leave_everywhere_are_no_files_of_others(reader, data, tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_bytes(b"\x00")
    run = evaluate_run(reader, data, out=tmp_path / "run", plan=PLAN)
    (run.folder / "shards" / "._0000000.jsonl").write_bytes(b"\x00\x05\x16\x07")
    (run.folder / "shards" / name).write_bytes(b"\x00")
    assert len(list(open_run(run.folder).rows())) == len(ROWS)
    assert evaluate_run(reader, data, out=run.folder, plan=PLAN).done


class Windows:
    """The module os as Windows has it, as far as files are concerned: folders cannot be opened."""

    name = "nt"

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, path, flags, *more):
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied", str(path))
        return os.open(path, flags, *more)


@pytest.mark.parametrize("given", ["a file", "rows"])
def test_a_run_needs_no_folder_that_can_be_opened(reader, data, tmp_path, monkeypatch, given):
    monkeypatch.setattr(files, "os", Windows())
    source = data if given == "a file" else ROWS
    assert evaluate_run(reader, source, out=tmp_path / "run", plan=PLAN).done


def test_locks_need_no_fcntl_of_ours(data, tmp_path, monkeypatch):
    # Windows has no fcntl; filelock takes what each system has, here what it calls a soft lock.
    monkeypatch.setattr(run_folder, "FileLock", filelock.SoftFileLock)
    second = locked(tmp_path / "run")
    with locked(tmp_path / "run"), pytest.raises(QalensError, match="Another process works on"):
        second.__enter__()
    with locked(tmp_path / "run"):
        assert (tmp_path / "run" / "owner").read_text().startswith(f"process {os.getpid()} on ")
    assert not (tmp_path / "run" / "owner").exists()


def test_processes_start_without_descriptors_that_are_passed_on(tmp_path, monkeypatch):
    real = subprocess.Popen

    def popen(*arguments, **options):
        assert not options.get("pass_fds"), "pass_fds not supported on Windows."
        return real(*arguments, **options)

    monkeypatch.setattr(worker.subprocess, "Popen", popen)
    found = list(processes(LightTask(str(tmp_path)), iter([Shard(0, 0, 1, ()), Shard(1, 1, 1, ())]), 1))
    assert [shard.number for shard, _ in found] == [0, 1]


def test_a_worker_ends_with_the_one_who_started_it(tmp_path):
    program = (
        "import os, sys\nsys.path[:] = sys.argv[2].split(os.pathsep)\nfrom light_work import LightTask\n"
        "from qalens.evaluation.runs.worker import Worker, receive\n"
        "one = Worker(LightTask(sys.argv[1]))\nreceive(one)\nprint(one.pid, flush=True)\nos.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), os.pathsep.join(sys.path)],
        capture_output=True,
        text=True,
    )
    pid = int(done.stdout)
    for _ in range(600):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        runs_on = Path(f"/proc/{pid}/stat")
        if runs_on.exists() and runs_on.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return  # ended; nobody here has to hear of it
        worker.subprocess.run(["sleep", "0.1"], check=True)
    pytest.fail("the worker still runs")


def test_how_to_go_on_is_said_as_the_shell_of_the_system_takes_it(monkeypatch):
    from qalens.text import visible

    words = ["python", "--out", "my runs", "it's"]
    assert visible.command_line(words) == "python --out 'my runs' 'it'\"'\"'s'"
    monkeypatch.setattr(visible, "os", Windows())
    assert visible.command_line(words) == 'python --out "my runs" it\'s'
