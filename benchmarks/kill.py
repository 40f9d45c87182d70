"""Kill a run at random moments, go on, and see whether it ends as if nothing had happened.

    python benchmarks/kill.py [--kills 50] [--engine loop|processes|ray] [--questions 96] [--seed 0]

A small model with random weights evaluates questions that are made here. A process that was forked for it works on the
run until SIGKILL ends it, at a moment that is drawn; another goes on. A run that gets to its end is compared, byte by
byte, with one that nobody disturbed, and the next begins. `--engine ray` starts one cluster on this machine and kills
the process that drives it. The exit status is 1 where anything was lost, doubled or different.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # threads would not survive the fork
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import torch
import transformers

import qalens
from qalens.evaluation.runs.folder import REPORT
from qalens.evaluation.runs.runs import Plan, evaluate_run, open_run
from qalens.testing import toy_model, toy_tokenizer

SHARD = 8
CLUSTER = """
import ray, sys
where = ray.init(address="local", include_dashboard=False, num_cpus=2).address_info["gcs_address"]
print(where, flush=True)
sys.stdin.read()
"""


def checkpoint(folder: Path) -> Path:
    """The toy model and its tokenizer, saved."""
    toy_model().save_pretrained(folder)
    toy_tokenizer().save_pretrained(folder)
    return folder


def questions(path: Path, count: int) -> Path:
    """As many questions about the tower of a keeper, some without an answer and a few broken."""
    draw = random.Random(5)
    with path.open("w", encoding="utf-8") as file:
        for k in range(count):
            text = " ".join(
                f"In the year {draw.randrange(1700, 1999)} Ada kept the lamp of room {j}." for j in range(9)
            )
            row = {"id": f"q{k}", "question": f"Who kept the lamp of room {k % 12}?", "context": text}
            if k % 17:
                row["answers"] = [] if k % 3 else [{"text": "Ada", "answer_start": text.index("Ada")}]
            if k % 23 == 22:
                row["context"] = None
            file.write(json.dumps(row) + "\n")
    return path


def evaluate(reader: qalens.Reader, data: Path, out: Path, plan: Plan) -> None:
    run = evaluate_run(reader, data, out=out, plan=plan, progress=False)
    run.report().save(out / REPORT)


def bytes_of(out: Path) -> dict[str, bytes]:
    """What the folder of a run holds, without what names a process, and what a killed one left hidden."""
    files = (file for file in sorted(out.rglob("*")) if file.is_file() and file.name not in ("lock", "owner"))
    files = (file for file in files if not file.name.startswith("."))
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def forked(reader: qalens.Reader, data: Path, out: Path, plan: Plan) -> int:
    """A process that works on the run; its number."""
    child = os.fork()
    if child:
        return child
    try:
        evaluate(reader, data, out, plan)
        status = 0
    except BaseException:
        traceback.print_exc()
        status = 1
    os._exit(status)


def ended(child: int, seconds: float) -> int | None:
    """The status of a process that ends within some seconds, else None."""
    until = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        time.sleep(0.0005)


def ended_before_a_shard(child: int, out: Path) -> int | None:
    """Wait until a process has written one more shard, or has ended; its status then, else None."""
    before = len(list(out.glob("shards/*.jsonl")))
    while len(list(out.glob("shards/*.jsonl"))) <= before:
        status = ended(child, 0.002)
        if status is not None:
            return status
    return None


def finished(out: Path) -> int:
    return open_run(out).finished if (out / "run.json").exists() else 0


class Tally:
    """What was seen."""

    def __init__(self) -> None:
        self.kills = self.runs = self.identical = 0
        self.lost = self.doubled = 0
        self.moments: Counter[str] = Counter()

    def killed(self, out: Path, before: int) -> None:
        """A kill: how far the run was, and whether what had been finished is still there."""
        self.kills += 1
        parts = list(out.rglob("*.part")) if out.exists() else []
        now = finished(out)
        self.lost += now < before
        moment = (
            "while a file was written"
            if parts
            else "before the first shard"
            if now == 0
            else "between two shards"
        )
        self.moments[moment] += 1

    def whole(self, out: Path, reference: dict[str, bytes], ids: list[str]) -> None:
        """A run that got to its end."""
        self.runs += 1
        found = [row["id"] for row in open_run(out).rows()]
        self.lost += len(set(ids) - set(found))
        self.doubled += len(found) - len(set(found))
        self.identical += bytes_of(out) == reference

    def __str__(self) -> str:
        where = ", ".join(f"{count} {moment}" for moment, count in sorted(self.moments.items()))
        return (
            f"{self.kills} kills ({where}) over {self.runs} runs that were gone on with to their end: {self.lost} rows lost, "
            f"{self.doubled} doubled, {self.identical} of {self.runs} byte-identical to an undisturbed one"
        )


def torment(
    reader: qalens.Reader, data: Path, work: Path, plan: Plan, *, kills: int, draw: random.Random
) -> Tally:
    """Kill and go on until there were so many kills, and bring the last run to its end."""
    undisturbed = work / "undisturbed"
    began = time.monotonic()
    status = ended(forked(reader, data, undisturbed, plan), 600)
    if status != 0:
        raise SystemExit(f"the undisturbed run ended with status {status}")
    usual = time.monotonic() - began
    reference, ids = bytes_of(undisturbed), [json.loads(line)["id"] for line in data.open(encoding="utf-8")]
    tally, out = Tally(), work / "killed-0"
    print(f"engine {plan.engine}: undisturbed {usual:.2f} s, {len(ids)} questions, seed of the moments given")
    while True:
        before = finished(out)
        last = tally.kills == kills
        child = forked(reader, data, out, plan)
        # Half of the moments count from the start, when a reader may still be loaded, half from the first new shard. Early
        # ones are drawn more often, so that a run is killed several times before it ends.
        status = ended_before_a_shard(child, out) if last or draw.random() < 0.5 else None
        if status is None:
            status = ended(child, 600.0 if last else usual * draw.random() ** 1.5)
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            tally.killed(out, before)
        elif status == 0:
            tally.whole(out, reference, ids)
            if tally.kills == kills:
                return tally
            shutil.rmtree(out)
            out = work / f"killed-{tally.runs}"
        else:
            raise SystemExit(f"a run that was gone on with ended with status {status}, after {tally}")


def started_cluster() -> subprocess.Popen[bytes] | None:
    """A Ray cluster on this machine in a process of its own, unless RAY_ADDRESS names one; Ray is imported before forks."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")  # as a local cluster has it by itself
    cluster = None
    if "RAY_ADDRESS" not in os.environ:
        cluster = subprocess.Popen(
            [sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        os.environ["RAY_ADDRESS"] = cluster.stdout.readline().decode().strip() if cluster.stdout else ""
    importlib.import_module("ray.data")
    return cluster


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--engine", default="loop", choices=("loop", "processes", "ray"))
    parser.add_argument("--questions", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)  # a pool of threads would not survive the fork
    cluster = started_cluster() if options.engine == "ray" else None
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        reader = qalens.load(checkpoint(work / "checkpoint"), max_length=96)
        data = questions(work / "questions.jsonl", options.questions)
        workers = None if options.engine == "loop" else 2
        plan = Plan(engine=options.engine, workers=workers, shard_size=SHARD, threads=1)
        tally = torment(reader, data, work, plan, kills=options.kills, draw=random.Random(options.seed))
    print(tally)
    if cluster is not None:
        cluster.communicate()
    return int(tally.lost + tally.doubled > 0 or tally.identical < tally.runs)


if __name__ == "__main__":
    sys.exit(main())
