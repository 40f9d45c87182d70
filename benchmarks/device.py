"""Reading, explaining and evaluating on the best device of this machine, against the bare passes and the plain loop.

    python benchmarks/device.py [--device cuda] [--questions 2000] [--rounds 2] [--only bundled] [--json FILE]

For the bundled checkpoint and for a folder with the geometry of `bert-base-cased` (random weights), in float32 and, where the
device gains by it, bfloat16:

- `loop`: one question at a time, as the documentation of transformers shows it (a tenth of the questions)
- `bare`: nothing but the forward passes of the batches that `read_many` makes
- `read_many`, `evaluate`: as users call them
- `attribute_many`: integrated gradients of a tenth of the readings, 32 at most

Prints questions a second, medians of the rounds. Made for a machine with a GPU, where all of it takes less than four minutes;
on a CPU it runs as well, with `--questions 40`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from own_work import questions
from reading import bare_passes, bert_geometry, recorded_batches

import qalens
from qalens.models.hub import BUNDLED
from qalens.text.examples import Example


def plain_loop(reader: qalens.Reader, examples: list[Example]) -> None:
    """One question at a time; the answer is what lies between the largest start and the largest end logit."""
    for example in examples:
        inputs = reader.tokenizer(
            example.question,
            example.context,
            return_tensors="pt",
            truncation=True,
            max_length=reader.max_length,
        ).to(reader.model.device)
        with torch.no_grad():
            outputs = reader.model.module(**inputs)
        first, last = int(outputs.start_logits.argmax()), int(outputs.end_logits.argmax())
        reader.tokenizer.decode(inputs.input_ids[0, first : last + 1])


def rates(
    work: dict[str, tuple[int, Callable[[], object]]], rounds: int, device: torch.device
) -> dict[str, float]:
    """Questions a second of each piece of work, the median over rounds in which they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, (_, run) in work.items():
            _wait(device)
            began = time.perf_counter()
            run()
            _wait(device)
            seconds[name].append(time.perf_counter() - began)
    return {name: count / statistics.median(seconds[name]) for name, (count, _) in work.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def compared(folder: Path, dtype: str, options: argparse.Namespace) -> dict[str, float]:
    reader = qalens.load(folder, device=options.device, dtype=dtype)
    examples = questions(options.questions, on_each_text=5)
    few = examples[: max(1, len(examples) // 10)]
    some = examples[: min(32, max(2, len(examples) // 10))]
    readings = list(reader.read_many(some, progress=False))  # warms up, too
    batches = recorded_batches(reader, examples)
    work: dict[str, tuple[int, Callable[[], object]]] = {
        "loop": (len(few), lambda: plain_loop(reader, few)),
        "bare": (len(examples), lambda: bare_passes(reader, batches)),
        "read_many": (
            len(examples),
            lambda: [reading.answer for reading in reader.read_many(examples, progress=False)],
        ),
        "evaluate": (len(examples), lambda: qalens.evaluate(reader, examples, progress=False)),
        "attribute_many": (len(readings), lambda: list(reader.attribute_many(readings, progress=False))),
    }
    print(f"\n{reader!r}")
    found = rates(work, options.rounds, reader.model.device)
    for name, rate in found.items():
        print(f"  {name:15} {rate:10.1f} questions a second   {rate / found['loop']:6.2f} × the loop")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", help="a torch device (default: the best that is there)")
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=("bundled", "bert"))
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as made:
        folders = {"bundled": lambda: BUNDLED, "bert": lambda: bert_geometry(Path(made))}
        for name, folder in folders.items():
            if options.only in (None, name):
                place = folder()
                for dtype in ("float32", "auto"):
                    found[f"{name} {dtype}"] = compared(place, dtype, options)
    if options.json:
        options.json.write_text(json.dumps({"questions_a_second": found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
