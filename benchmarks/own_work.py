"""What the library does beside the model, and how that compares with the plain call of the tokenizer.

    python benchmarks/own_work.py [--questions 400] [--rounds 3] [--json FILE]

The passes of the model are replaced by given logits, which are looked up by token and place, so all that is left is text to
windows, batches, spans, probabilities and decisions. Beside it stands what nobody can go below: the same questions and texts
through one batched call of the plain tokenizer, with windows and offsets. All have one window. Counted is the CPU time of this
process, with one thread, so that other work of the machine does not matter.

- `shared texts`: five questions on each text, as data sets have them
- `single texts`: a text of its own for each question
- `evaluate`: shared texts, with a row of an evaluation for each question
- `pipeline`: shared texts in the question-answering pipeline, one answer each
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

import qalens
from qalens.evaluation.rows import example_rows
from qalens.integrations.transformers import register
from qalens.models.hub import BUNDLED
from qalens.models.model import QAModel
from qalens.text.examples import CharSpan, Example
from qalens.text.question_rows import Item

WORDS = (
    "the a of in into by keeper lamp tide harbour wrote small green book storm island lighthouse built county winter gallery "
    "oak ship wreck inspected engineer northern 1843 1902 Marlow Harper Ellen Reed electrified sounder following spring "
    "unmanned nobody allowed height every recommended, rebuilt, seventy-one"
).split()


def questions(count: int, *, on_each_text: int, seed: int = 0) -> list[Example]:
    """So many questions of 9 words, on texts of 80 to 160 words, with a gold answer of three words or none."""
    rng = np.random.default_rng(seed)
    made: list[Example] = []
    while len(made) < count:
        text = " ".join(rng.choice(WORDS, int(rng.integers(80, 160)))) + "."
        blanks = [k for k, sign in enumerate(text) if sign == " "]
        for _ in range(on_each_text):
            first = int(rng.integers(len(blanks) - 3))
            span = CharSpan(blanks[first] + 1, blanks[first + 3])
            question = f"Who {' '.join(rng.choice(WORDS, 9))}?"
            made.append(Example(question, text, gold=(span,) if rng.random() < 0.5 else ()))
    return made[:count]


def given_logits(vocabulary: int, seed: int = 0) -> Callable[[Mapping[str, Any]], Callable]:
    """What takes the place of `QAModel.begin`: logits by token and place, the same alone and in any batch."""
    rng = np.random.default_rng(seed)
    tokens, places = (rng.normal(0, 3, (2, n)).astype(np.float32) for n in (vocabulary, 512))

    def begin(inputs: Mapping[str, Any]) -> Callable[[], tuple[NDArray, NDArray]]:
        ids = inputs["input_ids"]
        start, end = (tokens[k][ids] + places[k][: ids.shape[1]] for k in range(2))
        return lambda: (start, end)

    return begin


def measured(
    work: Mapping[str, tuple[int, Callable[[list[Example]], Any]]], count: int, rounds: int
) -> dict[str, float]:
    """The median CPU seconds of each piece of work over rounds in which they take turns.

    Each has the number of its questions on one text. Every piece and every round has texts that no cache has seen.
    """
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for round in range(rounds + 1):
        for k, (name, (on_each_text, run)) in enumerate(work.items()):
            examples = questions(count, on_each_text=on_each_text, seed=100 * round + k)
            began = time.process_time()
            run(examples)
            if round:  # the first one warms up
                seconds[name].append(time.process_time() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    options = parser.parse_args()
    torch.set_num_threads(1)
    reader = qalens.load(device="cpu")
    register()
    nlp = transformers.pipeline(
        "question-answering", model=str(BUNDLED), tokenizer=str(BUNDLED), device="cpu", dtype="float32"
    )
    begin = given_logits(len(reader.tokenizer))
    QAModel.begin = lambda self, inputs: begin(inputs)  # pyright: ignore[reportAttributeAccessIssue]

    def tokenize(examples: list[Example]) -> None:
        reader.tokenizer(
            [example.question for example in examples],
            [example.context for example in examples],
            truncation="only_second",
            max_length=384,
            stride=128,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )

    def read(examples: list[Example]) -> None:
        for _ in reader.read_many(examples, progress=False):
            pass

    def evaluate(examples: list[Example]) -> None:
        items = [Item(example, "") for example in examples]
        for _ in example_rows(zip(items, reader.read_many(examples, progress=False), strict=True)):
            pass

    def answer(examples: list[Example]) -> None:
        nlp(question=[one.question for one in examples], context=[one.context for one in examples])

    seconds = measured(
        {
            "shared texts, tokenizer": (5, tokenize),
            "shared texts": (5, read),
            "single texts, tokenizer": (1, tokenize),
            "single texts": (1, read),
            "evaluate": (5, evaluate),
            "pipeline": (5, answer),
        },
        options.questions,
        options.rounds,
    )
    each = {name: 1000 * value / options.questions for name, value in seconds.items()}
    against = dict.fromkeys(("evaluate", "pipeline"), "shared texts, tokenizer")
    for name, value in each.items():
        ratio = value / each[against.get(name, f"{name.removesuffix(', tokenizer')}, tokenizer")]
        print(f"{name:26} {value:6.3f} ms a question   {ratio:5.2f} × the tokenizer")
    if options.json:
        options.json.write_text(json.dumps({"own_work_ms": each}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
