"""How long it takes from starting Python to the first answer, beside what plain transformers takes for the same.

    python benchmarks/first_answer.py [--model FOLDER] [--rounds 5] [--json FILE]

- `plain`: importing torch and the auto classes of transformers, loading the folder, one pass over a question and a text
- `qalens`: `import qalens`, `qalens.load` of the same folder, `read`, and the text of the answer
- `help`: `python -m qalens --help`

Each is a fresh process with one thread, and they take turns. Counted is their CPU time (user and system).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from qalens.models.hub import BUNDLED

QUESTION, CONTEXT = "Who kept the lamp?", "Ada Marlow kept the lamp of the lighthouse for thirty years."
PLAIN = f"""
import sys
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer
model = AutoModelForQuestionAnswering.from_pretrained(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
inputs = tokenizer({QUESTION!r}, {CONTEXT!r}, return_tensors="pt")
with torch.inference_mode():
    out = model.eval()(**inputs)
start, end = int(out.start_logits.argmax()), int(out.end_logits.argmax())
print(tokenizer.decode(inputs["input_ids"][0, start : end + 1]))
"""
QALENS = f"""
import sys
import qalens
print(qalens.load(sys.argv[1], device="cpu").read({QUESTION!r}, {CONTEXT!r}).answer)
"""


def cpu_seconds(command: list[str]) -> float:
    """The CPU time that a process takes, with one thread."""

    def used() -> float:
        told = resource.getrusage(resource.RUSAGE_CHILDREN)
        return told.ru_utime + told.ru_stime

    before = used()
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **threads})
    return used() - before


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", default=str(BUNDLED), help="a folder with a checkpoint (default: the bundled one)"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    options = parser.parse_args()
    commands = {
        "plain": [sys.executable, "-c", PLAIN, options.model],
        "qalens": [sys.executable, "-c", QALENS, options.model],
        "help": [sys.executable, "-m", "qalens", "--help"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(options.rounds):
        for name, command in commands.items():
            seconds[name].append(cpu_seconds(command))
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    ratio = statistics.median(q / p for q, p in zip(seconds["qalens"], seconds["plain"], strict=True))
    for name, value in middle.items():
        print(f"{name:8} {value:6.2f} CPU s   ({min(seconds[name]):.2f} to {max(seconds[name]):.2f})")
    print(f"qalens / plain, median of the rounds: {ratio:.2f}")
    if options.json:
        options.json.write_text(
            json.dumps({"first_answer_s": middle, "ratio": ratio}, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
