"""Do explanations of no-answer find the words that people say make a question unanswerable?

    python benchmarks/causes.py FILE CAUSES [--questions 200]

FILE is in SQuAD 2.0 form; CAUSES is a folder of SQuAD2-CR (Lee et al. 2020) with `word_att_*_validation.tsv`, which marks
words of unanswerable questions, and `reason_*_validation.tsv`, which tells why each is unanswerable. Of the questions that
the model rightly leaves without an answer, drawn with a seed, every method ranks the words of the question, and the average
precision of the marked ones is reported with its 95 % bootstrap interval: over all, and for each reason.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import qalens
from qalens.explain import Contrast
from qalens.explain.tables import bootstrap_mean
from qalens.reading import Reading
from qalens.text import read_squad
from qalens.windows import Role

REASONS = {
    "E": "entity",
    "#": "number",
    "N": "negation",
    "A": "antonym",
    "X": "mutual exclusion",
    "I": "no information",
}
# The word lists write brackets and quotes as treebanks do.
WRITTEN = {"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]"}
Values = Callable[[qalens.Reader, Reading], NDArray[np.float64]]


def rows(folder: Path, pattern: str) -> list[dict[str, str]]:
    (file,) = folder.glob(pattern)
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def placed(question: str, words: list[str]) -> list[tuple[int, int]] | None:
    """Where words stand in a question, one after the other; None where one is not found."""
    spans, at = [], 0
    for word in words:
        forms = (word, WRITTEN.get(word, word), "“" if word == "``" else "”" if word == "''" else word)
        found = min((k for form in forms if (k := question.find(form, at)) >= 0), default=-1)
        if found < 0:
            return None
        length = next(len(form) for form in forms if question.startswith(form, found))
        spans.append((found, found + length))
        at = found + length
    return spans


def average_precision(scores: NDArray[np.float64], marked: NDArray[np.bool_]) -> float:
    """The mean precision at each marked word, best first; words with equal scores count as in any order."""
    total = 0.0
    for score in scores[marked]:
        above, level = scores > score, scores == score
        # The expectation over orders of the level ones, of which one is this word itself.
        hits = marked[above].sum() + 1 + (marked[level].sum() - 1) / 2
        rank = above.sum() + 1 + (level.sum() - 1) / 2
        total += hits / rank
    return total / marked.sum()


# --- methods ----------------------------------------------------------------------------------------------------------


def attribution(target="no_answer", **options) -> Values:
    def values(reader: qalens.Reader, reading: Reading) -> NDArray[np.float64]:
        chosen = Contrast(None, reading.decision.best) if target == "margin" else target
        return reader.attribute(reading, chosen, agreement=False, **options).values

    return values


def attention(layers: slice) -> Values:
    """Attention that each token gets, mean over tokens, heads and some layers."""

    def values(reader: qalens.Reader, reading: Reading) -> NDArray[np.float64]:
        w = int(reading.logits.null_scores.argmin())
        n = int(reading.windows.lengths[w])
        inputs = reader.model.tensors({k: v[w : w + 1, :n] for k, v in reading.windows.model_inputs.items()})
        module = reader.model.module
        kept = module.config._attn_implementation
        module.set_attn_implementation("eager")  # the others tell no attention
        with torch.no_grad():
            maps = module(**inputs, output_attentions=True).attentions
        module.set_attn_implementation(kept)
        return torch.stack(maps[layers]).double().mean((0, 1, 2, 3)).numpy()

    return values


METHODS: dict[str, Values] = {
    "integrated gradients, pad": attribution(),
    "integrated gradients, mask": attribution(baseline="mask"),
    "integrated gradients, mean": attribution(baseline="mean"),
    "integrated gradients, zero": attribution(baseline="zero"),
    "integrated gradients, pad, question alone": attribution(over="question"),
    "integrated gradients, mask, question alone": attribution(over="question", baseline="mask"),
    "integrated gradients, margin, pad": attribution("margin"),
    "integrated gradients, margin, question alone": attribution("margin", over="question"),
    "input × gradient": attribution(method="input_x_gradient"),
    "occlusion, pad": attribution(method="occlusion", over="question"),
    "occlusion, mask": attribution(method="occlusion", over="question", baseline="mask"),
    "Shapley, pad, question alone": attribution(method="shapley", over="question", samples=10),
    "Shapley, mask, question alone": attribution(
        method="shapley", over="question", baseline="mask", samples=10
    ),
    "conductance of layer 2, pad": attribution(method="layer_conductance", layer=2),
    "attention, all layers": attention(slice(None)),
    "attention, last layer": attention(slice(-1, None)),
}
SUMS: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "|sum|": lambda values: abs(float(values.sum())),
    "sum of ||": lambda values: float(np.abs(values).sum()),
    "largest ||": lambda values: float(np.abs(values).max()),
}


# --- the benchmark ----------------------------------------------------------------------------------------------------


def questions(reader: qalens.Reader, file: Path, folder: Path, many: int) -> list[tuple]:
    """(reading, word spans, marks, reason) of questions that the model rightly leaves without an answer."""
    examples = {e.id: e for e in read_squad(file) if not e.gold}
    reasons = {
        row["qid"]: REASONS.get(row["reason"], row["reason"])
        for row in rows(folder, "reason_*_validation.tsv")
    }
    found = []
    marked = [row for row in rows(folder, "word_att_*_validation.tsv") if row["qid"] in examples]
    readings = reader.read_many([examples[row["qid"]] for row in marked], progress=False)
    for row, reading in zip(marked, readings, strict=True):
        marks = np.array([mark == "1" for mark in row["word_att"].split(",")])
        spans = placed(reading.question, row["question"].split(" "))
        if reading.answer is None and spans and len(spans) == len(marks) and 0 < marks.sum() < len(marks):
            found.append((reading, spans, marks, reasons.get(row["qid"], "not told")))
    print(f"{len(marked)} marked questions, {len(found)} of them rightly left without an answer and usable")
    return random.Random(0).sample(found, min(many, len(found)))


def by_word(
    reading: Reading, values: NDArray[np.float64], spans: list, combine: Callable
) -> NDArray[np.float64]:
    w = int(reading.logits.null_scores.argmin())
    role, offsets = reading.windows.role[w, : len(values)], reading.windows.offsets[w, : len(values)]
    scores = []
    for start, end in spans:
        inside = (role == Role.QUESTION) & (offsets[:, 0] < end) & (offsets[:, 1] > start)
        scores.append(combine(values[inside]) if inside.any() else 0.0)
    return np.array(scores)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("causes", type=Path)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--model")
    parser.add_argument("--methods", help="only methods whose name holds this")
    args = parser.parse_args()
    reader = qalens.load(args.model)
    chosen = questions(reader, args.file, args.causes, args.questions)
    reasons = np.array([reason for *_, reason in chosen])
    rng = np.random.default_rng(0)
    chance = np.array(
        [
            np.mean([average_precision(rng.random(len(marks)), marks) for _ in range(200)])
            for _, _, marks, _ in chosen
        ]
    )
    report("random order", chance, chance, reasons)
    for name, method in METHODS.items():
        if args.methods and args.methods not in name:
            continue
        values = [method(reader, reading) for reading, *_ in chosen]
        for how, combine in SUMS.items():
            precision = np.array(
                [
                    average_precision(by_word(reading, one, spans, combine), marks)
                    for one, (reading, spans, marks, _) in zip(values, chosen, strict=True)
                ]
            )
            report(f"{name}, {how}", precision, chance, reasons)


def report(name: str, precision: NDArray, chance: NDArray, reasons: NDArray) -> None:
    parts = [f"{name}: {bootstrap_mean(precision)}, {precision.mean() / chance.mean():.2f} × random"]
    for reason in sorted(set(reasons)):
        here = reasons == reason
        parts.append(f"{reason} ({here.sum()}) {precision[here].mean():.2f}/{chance[here].mean():.2f}")
    print("; ".join(parts), flush=True)


if __name__ == "__main__":
    main()
