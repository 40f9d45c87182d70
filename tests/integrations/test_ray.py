"""A run on Ray has the bytes of a run on one machine, and what Ray cannot do is said before it waits for ever."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from types import SimpleNamespace

import checkpoints
import pyarrow as pa
import pytest
from light_work import LightTask

from qalens.datasets import SAMPLE_FILE
from qalens.errors import InputError, MissingExtraError, QalensError
from qalens.evaluation.data.shards import Shard
from qalens.integrations.ray import ShardActor, _fitting, shards_on_ray

pytestmark = pytest.mark.slow

# Ray stays out of the process of the tests: its threads outlive a run, and it has warnings of its own.
PROGRAM = """
import json, sys
import qalens
from qalens.evaluation.runs.runs import Plan, evaluate_run
reader = qalens.load(sys.argv[1], max_length=96)
def bytes_of(name, **plan):
    run = evaluate_run(reader, sys.argv[2], out=f"{sys.argv[3]}/{name}", plan=Plan(shard_size=9, threads=1, **plan), progress=False)
    return {file.name: file.read_bytes().decode() for file in run.folder.rglob("*.json*")}
loop = bytes_of("loop")
same = bytes_of("ray", engine="ray", workers=1) == loop
# As it is called first: without a plan, so that workers and threads are as many as there is room for.
report = qalens.evaluate(reader, sys.argv[2], out=f"{sys.argv[3]}/default", engine="ray", progress=False)
ids = [json.loads(line)["id"] for name in sorted(loop) if name != "run.json" for line in loop[name].splitlines()[:-1]]
print(json.dumps({"shards": len(loop) - 1, "same": same, "default": [row.id for row in report.rows] == ids}))
"""


def test_a_run_on_ray_has_the_bytes_of_the_loop(tmp_path):
    folder = checkpoints.save(tmp_path / "checkpoint", "bert-uncased")
    own = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OMP_NUM_THREADS": "1",
        # A busy machine takes long to start a node, and must not be taken for a dead one.
        "RAY_raylet_start_wait_time_s": "120",
        "RAY_health_check_timeout_ms": "120000",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(folder), str(SAMPLE_FILE), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=900,
        env={name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | own,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == {"shards": 8, "same": True, "default": True}


def nodes(*resources: dict[str, float], alive: bool = True) -> SimpleNamespace:
    """A cluster as far as it is asked what it has."""
    return SimpleNamespace(nodes=lambda: [{"Alive": alive, "Resources": one} for one in resources])


def task(*, threads: int = 1, on_gpu: bool = False) -> SimpleNamespace:
    return SimpleNamespace(threads=threads, on_gpu=on_gpu)


ROOM = {
    "one thread each": ((nodes({"CPU": 4.0}, {"CPU": 3.0}), task()), 7),
    "whole actors on each node": ((nodes({"CPU": 4.0}, {"CPU": 3.0}), task(threads=2)), 3),
    "no more than the GPUs": (
        (nodes({"CPU": 16.0, "GPU": 2.0}, {"CPU": 16.0}), task(threads=4, on_gpu=True)),
        2,
    ),
    "no more than the CPUs": ((nodes({"CPU": 4.0, "GPU": 8.0}), task(threads=4, on_gpu=True)), 1),
    "a node without CPUs": ((nodes({"memory": 1.0}, {"CPU": 1.0}), task()), 1),
}


@pytest.mark.parametrize(("given", "room"), ROOM.values(), ids=list(ROOM))
def test_as_many_actors_start_as_there_is_room_for(given, room):
    assert _fitting(*given, 0) == room
    assert _fitting(*given, room) == room
    with pytest.raises(InputError, match=f"has room for {room} workers"):
        _fitting(*given, room + 1)


NO_ROOM = {
    "threads": (nodes({"CPU": 1.0}, {"CPU": 1.0}), task(threads=2), "No node of the Ray cluster has 2 CPUs"),
    "no GPU": (nodes({"CPU": 8.0}), task(on_gpu=True), r"1 CPU and a GPU.*device='cpu'"),
    "dead": (nodes({"CPU": 8.0}, alive=False), task(), "No node"),
}


@pytest.mark.parametrize(("cluster", "work", "reason"), NO_ROOM.values(), ids=list(NO_ROOM))
def test_a_cluster_without_room_is_refused_instead_of_waited_for(cluster, work, reason):
    with pytest.raises(InputError, match=reason):
        _fitting(cluster, work, 0)


def table(*numbers: int) -> pa.Table:
    shards = [pickle.dumps(Shard(number, 0, 1, ())) for number in numbers]
    return pa.table({"number": list(numbers), "shard": pa.array(shards, pa.binary())})


def test_an_actor_gives_the_rows_of_each_shard(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = ShardActor(LightTask(str(tmp_path)))(table(3, 8)).to_pylist()
    assert [row["number"] for row in found] == [3, 8]
    assert [row["rows"] for row in found] == [b"3 with 1 threads\n", b"8 with 1 threads\n"]
    assert [pickle.loads(row["error"]) for row in found] == [None, None]


FAILING = {
    "open": "the checkpoint is gone",
    "work": "no such file on this node",
    "bug": "ZeroDivisionError: a bug",
}


@pytest.mark.parametrize(("broken", "reason"), FAILING.items(), ids=list(FAILING))
def test_an_actor_that_fails_says_why_and_does_not_raise(tmp_path, broken, reason):
    (row,) = ShardActor(LightTask(str(tmp_path), broken=broken))(table(1)).to_pylist()
    error = pickle.loads(row["error"])
    assert isinstance(error, QalensError)
    assert reason in str(error)
    assert row["rows"] == b""


def test_without_ray_the_command_to_install_it_is_given(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'pip install "qalens\[ray\]"'):
        next(shards_on_ray(LightTask(str(tmp_path)), iter([]), 1))
