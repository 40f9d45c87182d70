"""How fast reading is, side by side in one run, and what a long text costs.

    python benchmarks/reading.py FILE [--questions 500] [--rounds 3]
    python benchmarks/reading.py --long [read] [documents] [pipeline] [old-scores] [--characters 10000 100000 1000000]

FILE is in SQuAD form. Compared on the same questions, for the bundled checkpoint and for a folder with the geometry of
`bert-base-cased` (random weights, made here):

- `loop`: one example at a time, as the question-answering page of the transformers documentation shows inference
- `bare`: nothing but the forward passes of the batches that `read_many` makes
- `read_many`: `Reader.read_many` in float32
- `auto`: the same with dtype "auto", and the bare passes of its batches

The rounds take turns, and the median of each round's ratio counts: absolute times of a shared machine are noise.

`--long` reads so many characters as one text, as documents of 1,000 characters (`Reader.read_documents`), and as one text in
the question-answering pipeline with the 20 best answers, with probabilities or the old scores. Time should be linear in the
characters, and memory flat beside the result.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
import numpy as np
import torch
import transformers
from transformers import AutoTokenizer, BertConfig, BertForQuestionAnswering

import qalens
from qalens.evaluation.scores.squad import squad_scores
from qalens.models.hub import BUNDLED
from qalens.text.examples import Example
from qalens.text.squad_files import read_squad

SENTENCE = (
    "The keeper wrote the height of every tide into a small green book that nobody else was allowed to open. "
)


def bert_geometry(folder: Path) -> Path:
    """A checkpoint as large as bert-base-cased: 12 layers, 768 wide, random weights, the bundled vocabulary."""
    tokenizer = AutoTokenizer.from_pretrained(BUNDLED)
    torch.manual_seed(0)
    BertForQuestionAnswering(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def plain_loop(reader: qalens.Reader, examples: list[Example]) -> list[str]:
    """One example at a time; the answer is what lies between the largest start and the largest end logit."""
    answers = []
    for example in examples:
        inputs = reader.tokenizer(
            example.question,
            example.context,
            return_tensors="pt",
            truncation=True,
            max_length=reader.max_length,
        )
        with torch.no_grad():
            outputs = reader.model.module(**inputs)
        first, last = outputs.start_logits.argmax(), outputs.end_logits.argmax()
        answers.append(reader.tokenizer.decode(inputs.input_ids[0, first : last + 1]))
    return answers


def recorded_batches(reader: qalens.Reader, examples: list[Example]) -> list[dict[str, torch.Tensor]]:
    """The model inputs of every batch that `read_many` makes of the examples."""
    batches = []

    def record(module, args, kwargs):
        batches.append({name: tensor.clone() for name, tensor in kwargs.items()})

    handle = reader.model.module.register_forward_pre_hook(record, with_kwargs=True)
    for _ in reader.read_many(examples, progress=False):
        pass
    handle.remove()
    return batches


def bare_passes(reader: qalens.Reader, batches: list[dict[str, torch.Tensor]]) -> None:
    with torch.inference_mode():
        for batch in batches:
            reader.model.module(**batch)


def seconds(work, *args):
    began = time.perf_counter()
    result = work(*args)
    return time.perf_counter() - began, result


def read_all(reader: qalens.Reader, examples: list[Example]):
    return list(reader.read_many(examples, progress=False))


def same_as_loop(reader: qalens.Reader, readings, loop_answers: list[str]) -> tuple[int, int]:
    """How many answers of the loop agree, among those that are a legal answer or none at all."""
    same = legal = 0
    for reading, said in zip(readings, loop_answers, strict=True):
        logits, windows = reading.logits, reading.windows
        i, j = (int(x[0, : windows.lengths[0]].argmax()) for x in (logits.start, logits.end))
        null = int(windows.null_index[0])
        inside = windows.answerable[0]
        if len(windows) > 1 or not ((i == j == null) or (inside[i] and inside[j] and 0 <= j - i < 30)):
            continue
        legal += 1
        ids = windows.model_inputs["input_ids"][0]
        best = reading.decision.best
        ours = (null, null) if reading.answer is None else best.tokens
        same += reader.tokenizer.decode(ids[ours[0] : ours[1] + 1]) == said
    return same, legal


def compare(name: str, folder: Path, examples: list[Example], rounds: int) -> dict[str, float]:
    exact, auto = qalens.load(folder), qalens.load(folder, dtype="auto")
    print(f"\n{name}: {len(examples)} questions, {rounds} rounds, {torch.get_num_threads()} threads")
    print(f"  {auto.model.note}")
    batches = {"bare": recorded_batches(exact, examples), "bare auto": recorded_batches(auto, examples)}
    work = {
        "loop": lambda: plain_loop(exact, examples),
        "bare": lambda: bare_passes(exact, batches["bare"]),
        "read_many": lambda: read_all(exact, examples),
        "bare auto": lambda: bare_passes(auto, batches["bare auto"]),
        "auto": lambda: read_all(auto, examples),
    }
    times: dict[str, list[float]] = {key: [] for key in work}
    results = {}
    for _ in range(rounds):
        for key, call in work.items():
            taken, results[key] = seconds(call)
            times[key].append(taken)
    return report(times, results, exact, len(examples))


def report(times: dict[str, list[float]], results, reader: qalens.Reader, n: int) -> dict[str, float]:
    """Print what was measured; the ratios that the page of measurements shows."""

    def ratio(a: str, b: str) -> float:
        return statistics.median(x / y for x, y in zip(times[a], times[b], strict=True))

    print(
        "  questions a second: " + ", ".join(f"{k} {n / statistics.median(v):.1f}" for k, v in times.items())
    )
    print(
        f"  read_many is {ratio('loop', 'read_many'):.2f} × the loop in float32, {ratio('loop', 'auto'):.2f} × with auto"
    )
    print(f"  overhead over bare passes: {100 * (ratio('read_many', 'bare') - 1):.1f} % in float32, "
          f"{100 * (ratio('auto', 'bare auto') - 1):.1f} % with auto")  # fmt: skip
    print(f"  bare passes alone are {ratio('loop', 'bare'):.2f} × the loop")
    same, legal = same_as_loop(reader, results["read_many"], results["loop"])
    print(f"  same answer as the loop on {same} of the {legal} questions where its choice is legal")
    for key in ("read_many", "auto"):
        scores = squad_scores(results[key])
        print(f"  {key}: EM {scores.exact:.2f}, F1 {scores.f1:.2f}")
    return {
        "`read_many` in float32, × the loop": ratio("loop", "read_many"),
        '`read_many` with `dtype="auto"`, × the loop': ratio("loop", "auto"),
        "bare passes in float32, × the loop": ratio("loop", "bare"),
        "`read_many` in float32, time × the bare passes": ratio("read_many", "bare"),
        '`read_many` with `dtype="auto"`, time × the bare passes': ratio("auto", "bare auto"),
    }


KINDS = ("read", "documents", "pipeline", "old-scores")
QUESTION = "Who wrote the height of the tide?"


def long_text(kind: str, characters: int) -> None:
    """Read so many characters in this process and print what it took."""
    read = way_to_read(kind)
    text = (SENTENCE * (characters // len(SENTENCE) + 1))[:characters]
    read(text[:10_000])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken, reading = seconds(read, text)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    held = sum(array.nbytes for array in {id(a): a for a in arrays(reading)}.values()) / 2**20
    print(
        f"  {kind:<10} {characters:>9,} characters: {taken:7.2f} s, {1e6 * taken / characters:6.1f} µs a character; "
        f"result {held:7.1f} MiB, peak above the start {peak / 1024:7.1f} MiB",
        flush=True,
    )


def way_to_read(kind: str):
    """A function from a text to its reading."""
    reader = qalens.load(max_memory=1 << 40)
    if kind == "read":
        return lambda text: reader.read(QUESTION, text)
    if kind == "documents":
        return lambda text: reader.read_documents(
            QUESTION, [text[k : k + 1000] for k in range(0, len(text), 1000)], progress=False
        )
    from qalens.integrations.transformers import QuestionAnsweringPipeline

    nlp = QuestionAnsweringPipeline(
        reader.model.module, reader.tokenizer, scores="probability" if kind == "pipeline" else "transformers"
    )
    return lambda text: nlp(QUESTION, text, top_k=20, return_reading=True)[0]["reading"]


def arrays(record):
    """Every numpy array that a record holds, through its fields."""
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, dict):
            yield from (v for v in value.values() if isinstance(v, np.ndarray))
        elif dataclasses.is_dataclass(value):
            yield from arrays(value)
        elif isinstance(value, tuple):
            for one in filter(dataclasses.is_dataclass, value):
                yield from arrays(one)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?", help="SQuAD-format file")
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bundled-only", action="store_true", help="leave out the geometry of BERT base")
    parser.add_argument("--json", type=Path, help="a file for the ratios")
    parser.add_argument("--long", nargs="*", choices=KINDS, help="what a long text costs; without names all")
    parser.add_argument("--characters", type=int, nargs="+", default=[10**4, 10**5, 10**6])
    parser.add_argument("--alone", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    if options.alone:
        long_text(options.alone, *options.characters)
    if options.file:
        everything = list(read_squad(options.file))
        step = max(1, len(everything) // options.questions)
        examples = list(itertools.islice(everything[::step], options.questions))
        found = {"bundled MiniLM": compare("bundled checkpoint", BUNDLED, examples, options.rounds)}
        if not options.bundled_only:
            with tempfile.TemporaryDirectory() as folder:
                made = bert_geometry(Path(folder))
                found["geometry of BERT base"] = compare("bert-base geometry", made, examples, options.rounds)
        if options.json:
            told = json.dumps({f"reading_{machine.kind()}": found}, indent=2, ensure_ascii=False)
            options.json.write_text(f"{told}\n", encoding="utf-8")
    if options.long is not None:
        print("\nlong texts, each in a process of its own")
        for kind in options.long or KINDS:
            for characters in options.characters:
                alone = ["--alone", kind, "--characters", str(characters)]
                subprocess.run([sys.executable, __file__, *alone], check=True)


if __name__ == "__main__":
    main()
