"""How fast the question-answering pipeline is now and was, side by side in one run, and whether the answers are the same.

    python benchmarks/pipelines.py FILE --old-python PATH [--questions 200] [--rounds 3] [--threads 2] [--geometry minilm bert]

FILE is in SQuAD form. PATH is the Python of an environment of its own with `transformers==4.57.6` and the same torch: the old
pipeline runs there, in a process that stays up and takes its turns. Compared on the same questions with the same checkpoint
and the same number of threads, for the bundled MiniLM and for a checkpoint as large as BERT base (random weights, made here):

- `old 1`, `old 8`, `old 32`: the old pipeline in float32 at three batch sizes
- `new`: the pipeline of `qalens.integrations.transformers` in float32
- `new exact`: the same with `scores="transformers"`, whose answers have to be those of the old pipeline
- `reader`: `Reader.read_many` in float32, the work of `new` without its answers as dicts
- `auto`: the same with dtype "auto"

The rounds take turns, in a new order each, and the median of each round's ratio to the fastest old one counts: absolute times
of a shared machine are noise.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

OLD_SIZES = (1, 8, 32)
SCORE_TOLERANCE = 2e-4


# --- the side that runs with transformers 4 -----------------------------------------------------------------------------


def old_side(folder: str, questions: str, threads: int) -> None:
    """Answer all questions at each batch size that comes in on a line of its own, and say how long it took."""
    import torch
    import transformers

    torch.set_num_threads(threads)
    transformers.utils.logging.set_verbosity_error()
    nlp = transformers.pipeline(
        "question-answering", model=folder, tokenizer=folder, device="cpu", torch_dtype=torch.float32
    )
    rows = json.loads(Path(questions).read_text(encoding="utf-8"))
    asked = {name: [row[name] for row in rows] for name in ("question", "context")}
    nlp(**{name: texts[:2] for name, texts in asked.items()})
    print(json.dumps({"ready": transformers.__version__}), flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        answers = nlp(**asked, batch_size=int(line))
        seconds = time.perf_counter() - began
        print(json.dumps({"seconds": seconds, "answers": answers}), flush=True)


class OldPipeline:
    """The old pipeline in its own process."""

    def __init__(self, python: str, folder: Path, questions: Path, threads: int):
        command = [python, __file__, str(questions), "--old-side", str(folder), "--threads", str(threads)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = self._answer()["ready"]

    def run(self, batch_size: int) -> tuple[float, list[Any]]:
        """Seconds, and the answers."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{batch_size}\n")
        self._process.stdin.flush()
        told = self._answer()
        return told["seconds"], told["answers"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("The old pipeline ended; what went wrong stands above.")
        return json.loads(line)


# --- the side that runs with qalens -------------------------------------------------------------------------------------


def new_runs(folder: Path, rows: list[dict[str, str]]) -> dict[str, Callable[[], list[Any]]]:
    import transformers

    import qalens
    from qalens.integrations.transformers import QuestionAnsweringPipeline

    model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder, dtype="float32").eval()
    nlp = QuestionAnsweringPipeline(model, transformers.AutoTokenizer.from_pretrained(folder), device="cpu")
    readers = {
        name: qalens.load(folder, device="cpu", dtype=dtype, max_answer_length=15, stride=128)
        for name, dtype in (("reader", "float32"), ("auto", "auto"))
    }
    print(f"  auto: {readers['auto'].model}")
    pairs = [(row["question"], row["context"]) for row in rows]
    return {
        "new": lambda: nlp(rows),
        "new exact": lambda: nlp(rows, scores="transformers"),
        "reader": lambda: list(readers["reader"].read_many(pairs, progress=False)),
        "auto": lambda: list(readers["auto"].read_many(pairs, progress=False)),
    }


def timed(run: Callable[[], list[Any]]) -> tuple[float, list[Any]]:
    began = time.perf_counter()
    answers = run()
    return time.perf_counter() - began, answers


def compare(
    name: str, folder: Path, rows: list[dict[str, str]], given: argparse.Namespace
) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as scratch:
        questions = Path(scratch) / "questions.json"
        questions.write_text(json.dumps(rows), encoding="utf-8")
        old = OldPipeline(given.old_python, folder, questions, given.threads)
        print(
            f"\n{name}: {len(rows)} questions, {given.threads} threads, transformers {old.version} against this one"
        )
        runs: dict[str, Callable[[], tuple[float, list[Any]]]] = {
            f"old {size}": (lambda size=size: old.run(size)) for size in OLD_SIZES
        }
        ours = new_runs(folder, rows)
        for run in ours.values():
            run()  # the first run of anything is slower
        runs |= {one: (lambda run=run: timed(run)) for one, run in ours.items()}
        seconds, answers = rounds(runs, given.rounds)
        old.close()
    print(f"  {agreement(answers['new exact'], answers['old 1'])}")
    return table(seconds, len(rows))


def rounds(
    runs: dict[str, Callable[[], tuple[float, list[Any]]]], count: int
) -> tuple[dict[str, list[float]], dict[str, list[Any]]]:
    """Seconds of each round, and the last answers, by name."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    answers: dict[str, list[Any]] = {}
    for k in range(count):
        order = list(runs)
        random.Random(k).shuffle(order)
        for name in order:
            took, answers[name] = runs[name]()
            seconds[name].append(took)
    return seconds, answers


def table(seconds: dict[str, list[float]], n: int) -> dict[str, list[float]]:
    """Questions a second of each, and its ratio to the fastest old one."""
    found = {}
    best_old = [min(seconds[f"old {size}"][k] for size in OLD_SIZES) for k in range(len(seconds["new"]))]
    print(f"  {'':<10} questions/s   × the fastest old")
    for name, taken in seconds.items():
        ratio = statistics.median(b / t for b, t in zip(best_old, taken, strict=True))
        found[name] = [n / statistics.median(taken), ratio]
        print(f"  {name:<10} {found[name][0]:>11.1f}   {ratio:>6.2f}")
    return found


def agreement(ours: list[Any], old: list[Any]) -> str:
    """How many answers and scores are those of the old pipeline."""
    same = sum(
        mine["start"] == theirs["start"] and mine["end"] == theirs["end"]
        for mine, theirs in zip(ours, old, strict=True)
    )
    scores = sum(
        abs(mine["score"] - theirs["score"]) <= SCORE_TOLERANCE * theirs["score"]
        for mine, theirs in zip(ours, old, strict=True)
    )
    return f"the same answers as the old pipeline: {same} of {len(old)}, the same scores: {scores}"


def bert_geometry(folder: Path) -> Path:
    """A checkpoint as large as bert-base-cased: 12 layers, 768 wide, random weights, the bundled vocabulary."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForQuestionAnswering

    from qalens.models.hub import BUNDLED

    tokenizer = AutoTokenizer.from_pretrained(BUNDLED)
    torch.manual_seed(0)
    BertForQuestionAnswering(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--old-python", help="the Python of an environment with transformers 4.57")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--geometry", nargs="*", choices=("minilm", "bert"), default=("minilm", "bert"))
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    parser.add_argument("--old-side", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.old_side:
        old_side(given.old_side, str(given.file), given.threads)
        return
    if not given.old_python:
        parser.error("--old-python is needed: the old pipeline runs in an environment of its own")
    measure(given)


def measure(given: argparse.Namespace) -> None:
    import torch
    import transformers

    from qalens.models.hub import BUNDLED
    from qalens.text.squad_files import read_squad

    torch.set_num_threads(given.threads)
    transformers.utils.logging.disable_progress_bar()
    examples = list(read_squad(given.file))
    random.Random(0).shuffle(examples)
    rows = [{"question": one.question, "context": one.context} for one in examples[: given.questions]]
    with tempfile.TemporaryDirectory() as scratch:
        folders = {"minilm": BUNDLED}
        if "bert" in given.geometry:
            folders["bert"] = bert_geometry(Path(scratch))
        found = {name: compare(name, folders[name], rows, given) for name in given.geometry}
    if given.json:
        import machine

        told = json.dumps({f"pipelines_{machine.kind()}": found}, indent=2)
        given.json.write_text(f"{told}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
