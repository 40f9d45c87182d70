"""Do explanations of no-answer find the words that people say make a question unanswerable?

    python benchmarks/causes.py FILE CAUSES [--questions 200] [--methods NAME]

FILE is in SQuAD 2.0 form; CAUSES is a folder of SQuAD2-CR (Lee et al. 2020) with `word_att_*_validation.tsv`, which marks
words of unanswerable questions, and `reason_*_validation.tsv`, which tells why each is unanswerable. Of the questions that
the model rightly leaves without an answer, drawn with a seed, every method ranks the words of the question, and the average
precision of the marked ones is reported with its 95 % interval over the questions: over all, and for each reason. Each is also
given as a multiple of what a random order has on the same questions, and minus what a list of function words has, paired by
question. The model runs in float32: in bfloat16 paths are integrated
up to the rounding of the target, which takes far longer.

A token of an attribution becomes a number in one of two ways: |value|, where the coordinates of its embedding may cancel, or
its size, where they cannot. What knows nothing of the reading stands beside the methods as a control: the length of the word
embeddings, words that are no function words, and words that the text does not hold. So does the size for another target:
what a method finds for every target is no explanation of this one.

The table is printed in markdown, the best first.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import qalens
from qalens.explain import Attribution, Contrast
from qalens.explain.faithfulness.method_comparison import mean_interval
from qalens.readings.reading import Reading
from qalens.text.squad_files import read_squad
from qalens.text.windows import Role

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
# Words that carry a sentence rather than its matter.
FUNCTION_WORDS = frozenset(
    "a an and are as at be been by did do does for from had has have how in is it its of on or that the their there these "
    "they this those to was were what when where which who whom whose why will with would".split()
)


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
    """The mean precision at each marked word, best first; with equal scores its expectation over all their orders."""
    total = 0.0
    for score in scores[marked]:
        level = scores == score
        above, above_marked = (scores > score).sum(), marked[scores > score].sum()
        # This word is equally likely at each place among its equals; the marked ones of the others are spread evenly.
        place = np.arange(level.sum())
        beside = (marked[level].sum() - 1) / max(level.sum() - 1, 1)
        total += ((above_marked + 1 + place * beside) / (above + 1 + place)).mean()
    return float(total / marked.sum())


@dataclass(frozen=True)
class Question:
    """A question that was rightly left without an answer: its words, which of them are marked, and the reason."""

    reading: Reading
    spans: list[tuple[int, int]]
    marks: NDArray[np.bool_]
    reason: str

    @property
    def words(self) -> list[str]:
        return [self.reading.question[a:b] for a, b in self.spans]


Scores = dict[str, NDArray[np.float64]]  # by the way in which tokens become words: a number for each word
Method = Callable[[qalens.Reader, Question], Scores]


# --- methods ----------------------------------------------------------------------------------------------------------


def attribution(target: str = "no_answer", **options: object) -> Method:
    def scores(reader: qalens.Reader, question: Question) -> Scores:
        reading = question.reading
        chosen = Contrast(None, reading.decision.best) if target == "margin" else target
        # Words are put in order here, not measured: in half precision the last per cent would take hundreds of points.
        how = {"agreement": False, "max_points": 65} | options
        found = reader.attribute(reading, chosen, **how)
        return {
            "value": np.abs(by_word(question, found, found.values, np.sum)),
            "magnitude": by_word(question, found, found.magnitudes, np.linalg.norm),
        }

    return scores


def by_word(
    question: Question, found: Attribution, values: NDArray, combine: Callable
) -> NDArray[np.float64]:
    tokens = [tokens_of(found.roles, found.offsets, span) for span in question.spans]
    return np.array([float(combine(values[inside])) if inside.any() else 0.0 for inside in tokens])


def tokens_of(roles: NDArray, offsets: NDArray, span: tuple[int, int]) -> NDArray[np.bool_]:
    return (roles == Role.QUESTION) & (offsets[:, 0] < span[1]) & (offsets[:, 1] > span[0])


def swapped(many: int = 8) -> Method:
    """What no-answer loses, at most, when a word of the question becomes a word of the text instead."""

    def scores(reader: qalens.Reader, question: Question) -> Scores:
        reading, rng = question.reading, random.Random(0)
        held = sorted(
            {
                word
                for word in reading.context.split()
                if word.isalnum() and word.lower() not in FUNCTION_WORDS
            }
        )
        others = rng.sample(held, min(many, len(held)))
        asked = [
            reading.question[:a] + other + reading.question[b:] for a, b in question.spans for other in others
        ]
        read = list(reader.read_many([(one, reading.context) for one in asked], progress=False))
        margins = np.array([one.margin for one in read]).reshape(len(question.spans), len(others))
        return {
            "mean change": np.abs(reading.margin - margins).mean(1),
            "largest fall": (reading.margin - margins).max(1),
        }

    return scores


def together(*names: str) -> Method:
    """The mean of the ranks that other methods give, each by size."""

    def scores(reader: qalens.Reader, question: Question) -> Scores:
        ranks = [METHODS[name](reader, question)["magnitude"].argsort().argsort() for name in names]
        return {"magnitude": np.mean(ranks, 0)}

    return scores


def attention(layers: slice) -> Method:
    """Attention that each token gets, mean over tokens, heads and some layers."""

    def scores(reader: qalens.Reader, question: Question) -> Scores:
        reading = question.reading
        w = int(reading.logits.null_scores.argmin())
        n = int(reading.windows.lengths[w])
        inputs = reader.model.tensors({k: v[w : w + 1, :n] for k, v in reading.windows.model_inputs.items()})
        module = reader.model.module
        kept = module.config._attn_implementation
        module.set_attn_implementation("eager")  # the others tell no attention
        with torch.no_grad():
            maps = module(**inputs, output_attentions=True).attentions
        module.set_attn_implementation(kept)
        values = torch.stack(maps[layers]).double().mean((0, 1, 2, 3)).numpy()
        windows = reading.windows
        tokens = [tokens_of(windows.role[w, :n], windows.offsets[w, :n], span) for span in question.spans]
        return {"attention": np.array([values[inside].sum() for inside in tokens])}

    return scores


def embedding_length(reader: qalens.Reader, question: Question) -> Scores:
    """How long the word embeddings are, which knows the vocabulary and nothing of the reading."""
    windows = question.reading.windows
    table = reader.model.embeddings["word"].weight.detach().float()
    lengths = table.norm(dim=1).cpu().numpy()[windows.model_inputs["input_ids"][0]]
    tokens = [tokens_of(windows.role[0], windows.offsets[0], span) for span in question.spans]
    return {"control": np.array([float(np.linalg.norm(lengths[inside])) for inside in tokens])}


def no_function_word(_: qalens.Reader, question: Question) -> Scores:
    return {
        "control": np.array(
            [w[:1].isalnum() and w.lower() not in FUNCTION_WORDS for w in question.words], float
        )
    }


def not_in_the_text(reader: qalens.Reader, question: Question) -> Scores:
    text = question.reading.context.lower()
    found = no_function_word(reader, question)["control"]
    return {"control": found + [w.lower() not in text for w in question.words]}


METHODS: dict[str, Method] = {
    "integrated gradients, pad": attribution(),
    "integrated gradients, mask": attribution(baseline="mask"),
    "integrated gradients, mean": attribution(baseline="mean"),
    "integrated gradients, zero": attribution(baseline="zero"),
    "integrated gradients, pad, question alone": attribution(over="question"),
    "integrated gradients, mean, question alone": attribution(over="question", baseline="mean"),
    "integrated gradients of the margin, pad": attribution("margin"),
    "input × gradient": attribution(method="input_x_gradient"),
    "input × gradient of the margin": attribution("margin", method="input_x_gradient"),
    "integrated gradients of the null score, pad": attribution("null_score"),
    "integrated gradients of the null score, mean": attribution("null_score", baseline="mean"),
    "input × gradient of the null score": attribution("null_score", method="input_x_gradient"),
    "input × gradient of the best span": attribution("answer", method="input_x_gradient"),
    "conductance of layer 2": attribution(method="layer_conductance", layer=2, tolerance=0.2),
    "occlusion, pad": attribution(method="occlusion", over="question"),
    "occlusion, mask": attribution(method="occlusion", over="question", baseline="mask"),
    "Shapley, mask": attribution(method="shapley", over="question", baseline="mask", samples=8),
    "words of the text instead": swapped(),
    "attention, all layers": attention(slice(None)),
    "attention, last layer": attention(slice(-1, None)),
    "length of the word embeddings": embedding_length,
    "no function word": no_function_word,
    "no function word, and not in the text": not_in_the_text,
}


# --- the benchmark ----------------------------------------------------------------------------------------------------


def questions(reader: qalens.Reader, file: Path, folder: Path, many: int) -> list[Question]:
    """Questions that the model rightly leaves without an answer."""
    examples = {e.id: e for e in read_squad(file) if not e.gold}
    reasons = {
        row["qid"]: REASONS.get(row["reason"], row["reason"])
        for row in rows(folder, "reason_*_validation.tsv")
    }
    marked = [row for row in rows(folder, "word_att_*_validation.tsv") if row["qid"] in examples]
    random.Random(0).shuffle(marked)
    found, tried = [], 0
    for row, reading in zip(
        marked, reader.read_many((examples[row["qid"]] for row in marked), progress=False), strict=True
    ):
        tried += 1
        marks = np.array([mark == "1" for mark in row["word_att"].split(",")])
        spans = placed(reading.question, row["question"].split(" "))
        if reading.answer is None and spans and len(spans) == len(marks) and 0 < marks.sum() < len(marks):
            found.append(Question(reading, spans, marks, reasons.get(row["qid"], "not told")))
        if len(found) == many:
            break
    print(
        f"{len(found)} of {tried} marked questions are rightly left without an answer and usable",
        file=sys.stderr,
    )
    return found


def chance(marks: NDArray[np.bool_], orders: int = 200) -> float:
    """The mean average precision of random orders."""
    rng = np.random.default_rng(0)
    return float(np.mean([average_precision(rng.random(len(marks)), marks) for _ in range(orders)]))


def precisions(reader: qalens.Reader, chosen: list[Question], method: Method) -> Scores:
    """For each way in which tokens become words: the average precision on each question."""
    found: dict[str, list[float]] = {}
    for question in chosen:
        for how, scores in method(reader, question).items():
            found.setdefault(how, []).append(average_precision(scores, question.marks))
    return {how: np.array(values) for how, values in found.items()}


def row(name: str, precision: NDArray, random_order: NDArray, listed: NDArray, reasons: NDArray) -> str:
    cells = [
        name,
        str(mean_interval(precision)),
        f"{precision.mean() / random_order.mean():.2f}",
        str(mean_interval(precision - listed)),
    ]
    for reason in sorted(set(reasons)):
        here = reasons == reason
        cells.append(f"{precision[here].mean():.2f} / {random_order[here].mean():.2f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("causes", type=Path)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--model", help="a folder or hub name; default: the bundled checkpoint")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--methods", help="only methods whose name holds this")
    args = parser.parse_args()
    reader = qalens.load(args.model, dtype=args.dtype)
    chosen = questions(reader, args.file, args.causes, args.questions)
    reasons = np.array([question.reason for question in chosen])
    random_order = np.array([chance(question.marks) for question in chosen])
    found = [("random order", random_order)]
    listed = precisions(reader, chosen, no_function_word)["control"]
    for name, method in METHODS.items():
        if args.methods and args.methods not in name:
            continue
        for how, precision in precisions(reader, chosen, method).items():
            found.append((f"{name}: {how}", precision))
            print(row(*found[-1], random_order, listed, reasons), file=sys.stderr, flush=True)
    names = [f"{reason} ({(reasons == reason).sum()})" for reason in sorted(set(reasons))]
    print(
        f"{len(chosen)} questions; average precision with its 95 % interval, over random, minus the list of function words (paired), and for each reason over random\n"
    )
    print(f"| method | average precision | × random | minus the list | {' | '.join(names)} |")
    print(f"|{'---|' * (4 + len(names))}")
    for name, precision in sorted(found, key=lambda pair: -pair[1].mean()):
        print(row(name, precision, random_order, listed, reasons))


if __name__ == "__main__":
    main()
