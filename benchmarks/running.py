"""What a long run costs: the memory that it grows by, and its own work beside the forward passes.

    python benchmarks/running.py --questions 20000 [--shape SQUAD_FILE] [--model FOLDER] [--threads 1]
    python benchmarks/running.py --overhead [--questions 500] [--rounds 3] [--shape SQUAD_FILE] [--model FOLDER]

The questions are made here: sentences of our own, in as many paragraphs of one SQuAD file as asked for, about as long as
those of SQuAD. With `--shape` the texts are as long as the paragraphs of that file, one after the other, and have as many
questions each; nothing else is taken from it.

Memory: the real loop (`evaluate_run` in a folder, then the report of all rows), in this process, with its resident size
noted while it works. Overhead: rounds of the whole run, from the file to the rows on disk, against nothing but the forward
passes of the same batches, in turns; the median of each round's ratio counts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import transformers

import qalens
from qalens.evaluation.runs.runs import Plan, evaluate_run
from qalens.text.squad_files import read_squad

NAMES = "Ada Tobias Ellen Mara John Ines Otto Ruth".split()
THINGS = "lamp,log book,fog bell,green door,oil store,spiral stair,brass lens,signal flag".split(",")
DEEDS = "kept repaired painted counted carried described inspected lost".split()


def sentence(draw: random.Random) -> str:
    name, deed, thing = draw.choice(NAMES), draw.choice(DEEDS), draw.choice(THINGS)
    return f"In the {draw.choice(('spring', 'winter'))} of {draw.randrange(1700, 1990)} {name} {deed} the {thing} of the {draw.choice(('northern', 'southern'))} tower. "


def shapes(file: Path | None) -> list[tuple[int, int]]:
    """Characters and questions of each paragraph: those of a file, or 700 and 5."""
    if file is None:
        return [(700, 5)]
    counts = itertools.groupby(read_squad(file), key=lambda example: example.context)
    return [(len(context), len(list(group))) for context, group in counts]


def paragraph(draw: random.Random, length: int, questions: int, number: int) -> dict[str, object]:
    context = ""
    while len(context) < length:
        context += sentence(draw)
    qas = []
    for k in range(questions):
        name, deed = draw.choice(NAMES), draw.choice(DEEDS)
        at = context.find(f"{name} {deed}")
        answers = [] if at < 0 else [{"text": name, "answer_start": at}]
        qas.append(
            {"id": f"{number}-{k}", "question": f"Who {deed} the {draw.choice(THINGS)}?", "answers": answers}
        )
    return {"context": context, "qas": qas}


def write_questions(path: Path, count: int, shape: list[tuple[int, int]]) -> None:
    """A SQuAD file of one article, written paragraph by paragraph."""
    draw = random.Random(0)
    written = number = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"version": "own", "data": [{"title": "Tower", "paragraphs": [')
        for length, questions in itertools.cycle(shape):
            questions = min(questions, count - written)
            file.write((", " if number else "") + json.dumps(paragraph(draw, length, questions, number)))
            written, number = written + questions, number + 1
            if written == count:
                break
        file.write("]}]}")


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Watch:
    """Notes the largest resident size while something runs."""

    def __init__(self) -> None:
        self.peak, self._done = resident(), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._done.wait(0.05):
            self.peak = max(self.peak, resident())

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def memory(reader: qalens.Reader, data: Path, out: Path, plan: Plan, count: int) -> None:
    for _ in reader.read_many([("Who kept the lamp?", "Ada kept the lamp. " * 40)] * 16, progress=False):
        pass
    before, began = resident(), time.perf_counter()
    with Watch() as running:
        run = evaluate_run(reader, data, out=out, plan=plan)
    taken = time.perf_counter() - began
    with Watch() as reporting:
        report = run.report()
    grown, reported = ((peak - before) / 2**20 for peak in (running.peak, reporting.peak))
    on_disk = sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / 2**20
    print(
        f"{count:,} questions, {data.stat().st_size / 2**20:.1f} MiB on disk; the run's folder {on_disk:.1f} MiB"
    )
    print(f"  with the model loaded {before / 2**20:.0f} MiB; the run added at most {grown:.0f} MiB, "
          f"with the report of all rows {reported:.0f} MiB")  # fmt: skip
    print(f"  {count / taken:.1f} questions a second with {run.manifest['threads']} threads: a million in "
          f"{1e6 * taken / count / 3600:.1f} hours, a billion in {1e9 * taken / count / 86400 / 365:.2f} years, of one such worker")  # fmt: skip
    print(f"  {report!r}")


def recorded(reader: qalens.Reader, data: Path, out: Path, plan: Plan) -> list[dict[str, torch.Tensor]]:
    """The inputs of every batch of a run."""
    batches: list[dict[str, torch.Tensor]] = []

    def note(module: torch.nn.Module, args: tuple, kwargs: dict[str, torch.Tensor]) -> None:
        batches.append({name: tensor.clone() for name, tensor in kwargs.items()})

    handle = reader.model.module.register_forward_pre_hook(note, with_kwargs=True)
    evaluate_run(reader, data, out=out, plan=plan, progress=False)
    handle.remove()
    return batches


def bare(reader: qalens.Reader, batches: list[dict[str, torch.Tensor]]) -> None:
    with torch.inference_mode():
        for batch in batches:
            reader.model.module(**batch)


def seconds(work: Callable[..., object], *args: object) -> tuple[float, float]:
    """How long something takes: on the clock, and of the processor, which other programs do not change much."""
    began, used = time.perf_counter(), time.process_time()
    work(*args)
    return time.perf_counter() - began, time.process_time() - used


def overhead(reader: qalens.Reader, data: Path, work: Path, plan: Plan, rounds: int) -> None:
    batches = recorded(reader, data, work / "recorded", plan)
    ratios: list[tuple[float, float]] = []
    for k in range(rounds):
        run = partial(evaluate_run, reader, data, out=work / f"round-{k}", plan=plan, progress=False)
        alone, whole = seconds(bare, reader, batches), seconds(run)
        ratios.append((whole[0] / alone[0], whole[1] / alone[1]))
        print(f"  round {k + 1}: bare {alone[0]:.2f} s, the run {whole[0]:.2f} s")
    clock, processor = (100 * (statistics.median(ratio) - 1) for ratio in zip(*ratios, strict=True))
    print(f"overhead of the run over the bare forward passes of its {len(batches)} batches: {clock:.1f} % by the clock, "
          f"{processor:.1f} % of processor time (medians of {rounds} rounds)")  # fmt: skip


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--shape", type=Path, help="a SQuAD file whose text lengths and counts are taken")
    parser.add_argument("--model", help="hub name or folder of a checkpoint (default: the bundled one)")
    parser.add_argument("--threads", type=int, help="of the CPU (default: those of torch)")
    parser.add_argument("--overhead", action="store_true", help="measure the run's own work, not its memory")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def main() -> None:
    options = read_options()
    transformers.utils.logging.disable_progress_bar()
    threads = torch.get_num_threads() if options.threads is None else options.threads
    torch.set_num_threads(threads)  # for the bare passes too
    plan = Plan(threads=threads)
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "questions.json"
        write_questions(data, options.questions, shapes(options.shape))
        reader = qalens.load(options.model)
        print(f"{reader!r}")
        if options.overhead:
            overhead(reader, data, Path(place), plan, options.rounds)
        else:
            memory(reader, data, Path(place) / "run", plan, options.questions)


if __name__ == "__main__":
    sys.exit(main())
