"""Do explanations converge, are they faithful, how fast are they, and what do they cost in a long text?

    python benchmarks/explaining.py converge FILE [--questions 200] [--tested 50]
    python benchmarks/explaining.py speed FILE [--questions 20] [--rounds 3]
    python benchmarks/explaining.py long

FILE is in SQuAD form. `converge` takes as many answerable as unanswerable questions, drawn with a seed, explains the answer
of the first and the no-answer of the second, and tests the words found against random ones. `speed` compares on the same
readings, in turns:

- `recipe`: what the question-answering tutorial of Captum does: layer integrated gradients of the largest start logit and
  of the largest end logit, 50 steps each
- `transformers-interpret`, where it is installed
- `qalens` in float32 and with dtype "auto", with the ranks under the other baselines (the default) and without

Each with the median of its own completeness error. Absolute times of a shared machine are noise; ratios count.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import resource
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients

import qalens
from qalens.explain import Options
from qalens.explain.tables import bootstrap_mean
from qalens.text import Example, read_squad

SENTENCE = (
    "The keeper wrote the height of every tide into a small green book that nobody else was allowed to open. "
)


RANKED = ("integrated_gradients", Options(baseline="mask", agreement=False), "input_x_gradient", "occlusion")


def drawn(file: Path, many: int) -> tuple[list[Example], list[Example]]:
    """As many answerable and as many unanswerable questions of a file, drawn with a seed."""
    examples = list(read_squad(file))
    rng = random.Random(0)
    halves = ([e for e in examples if e.gold], [e for e in examples if not e.gold])
    return tuple(rng.sample(half, min(many, len(half))) for half in halves)


# --- converge ---------------------------------------------------------------------------------------------------------


def converge(reader: qalens.Reader, file: Path, many: int, tested: int) -> None:
    for kind, examples, target in zip(
        ("answerable", "unanswerable"), drawn(file, many), ("answer", "no_answer"), strict=True
    ):
        readings = list(reader.read_many(examples, progress=False))
        for baseline in ("pad", "mask", "mean", "zero"):
            some = readings if baseline == "pad" else readings[:tested]
            found = list(
                reader.attribute_many(some, target, baseline=baseline, agreement=False, progress=False)
            )
            report_convergence(f"{kind}, {target}, {baseline}", found)
        table = reader.rank_methods(readings[:tested], target, methods=RANKED, progress=False)
        print(table, flush=True)


def report_convergence(name: str, found: list) -> None:
    failed = [a for a in found if isinstance(a, qalens.FailedAttribution)]
    good = [a for a in found if isinstance(a, qalens.Attribution)]
    converged = np.mean([a.converged for a in good])
    passes = np.array([a.trust.passes for a in good])
    errors = np.array([a.completeness_error for a in good])
    detour = bootstrap_mean([a.trust.detour for a in good])
    print(
        f"{name}: converged {converged:.1%} of {len(good)} ({len(failed)} failed); gradients: median "
        f"{np.median(passes):.0f}, 95 % at most {np.quantile(passes, 0.95):.0f}; error: median {np.median(errors):.1%}; "
        f"another span on {detour} of the path",
        flush=True,
    )


# --- speed ------------------------------------------------------------------------------------------------------------


def recipe(reader: qalens.Reader, question: str, context: str) -> list[float]:
    """Start and end apart, 50 steps each, following whichever token scores best; the relative error of both."""
    tokenizer, module = reader.tokenizer, reader.model.module
    asked = tokenizer.encode(question, add_special_tokens=False)
    text = tokenizer.encode(context, add_special_tokens=False)[: reader.max_length - len(asked) - 3]
    begin, sep, pad = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id
    ids = torch.tensor([[begin, *asked, sep, *text, sep]])
    baseline = torch.tensor([[begin, *[pad] * len(asked), sep, *[pad] * len(text), sep]])
    types = torch.tensor([[0] * (len(asked) + 2) + [1] * (len(text) + 1)])

    def largest(ids, types, which):
        output = module(input_ids=ids, token_type_ids=types, attention_mask=torch.ones_like(ids))
        return (output.start_logits, output.end_logits)[which].max(1).values

    layer = LayerIntegratedGradients(largest, module.get_input_embeddings())
    errors = []
    for which in (0, 1):
        _, delta = layer.attribute(
            inputs=ids,
            baselines=baseline,
            additional_forward_args=(types, which),
            n_steps=50,
            return_convergence_delta=True,
        )
        with torch.no_grad():
            change = largest(ids, types, which) - largest(baseline, types, which)
        errors.append(abs(delta.item()) / max(abs(change.item()), 0.1))
    return errors


def interpreted(reader: qalens.Reader, question: str, context: str) -> list[float]:
    """The same by transformers-interpret, which tells no error that can be compared."""
    from transformers_interpret import QuestionAnsweringExplainer

    QuestionAnsweringExplainer(reader.model.module, reader.tokenizer)(question, context)
    return [float("nan")]


def explained(reader: qalens.Reader, readings: list, number: int, **options) -> list[float]:
    return [reader.attribute(readings[number], "answer", **options).completeness_error]


def speed(file: Path, many: int, rounds: int, model: str | None) -> None:
    exact, auto = qalens.load(model), qalens.load(model, dtype="auto")
    # One window each, since the recipe cannot read more.
    examples = [e for e in drawn(file, 4 * many)[0] if len(exact.read(e.question, e.context).windows) == 1][
        :many
    ]
    read = {r: [r.read(e.question, e.context) for e in examples] for r in (exact, auto)}
    work = {
        "recipe": lambda k: recipe(exact, examples[k].question, examples[k].context),
        "qalens": lambda k: explained(exact, read[exact], k, agreement=False),
        "qalens with ranks": lambda k: explained(exact, read[exact], k),
        "qalens auto": lambda k: explained(auto, read[auto], k, agreement=False),
        "qalens auto with ranks": lambda k: explained(auto, read[auto], k),
    }
    if importlib.util.find_spec("transformers_interpret"):
        work["transformers-interpret"] = lambda k: interpreted(
            exact, examples[k].question, examples[k].context
        )
    else:
        print("transformers-interpret is not installed")
    print(f"{len(examples)} readings, {rounds} rounds, {torch.get_num_threads()} threads; {auto.model.note}")
    times: dict[str, list[list[float]]] = {name: [] for name in work}
    errors: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, call in work.items():
            taken = []
            for k in range(len(examples)):
                began = time.perf_counter()
                errors[name] += call(k)
                taken.append(time.perf_counter() - began)
            times[name].append(taken)
    for name in work:
        ratios = [sum(base) / sum(own) for base, own in zip(times["recipe"], times[name], strict=True)]
        error = statistics.median(errors[name])
        within = np.mean(np.array(errors[name]) <= 0.05)
        print(
            f"{name:24} {statistics.median(ratios):5.2f} × as fast as the recipe (rounds {min(ratios):.2f}-{max(ratios):.2f}); "
            f"completeness error: median {error:.1%}, within 5 % in {within:.0%}"
        )


# --- long -------------------------------------------------------------------------------------------------------------


def long_text() -> None:
    """Peak memory of explaining the middle of 100,000 characters, beside that of a text of one window."""
    reader = qalens.load()
    question, needle = "Who repaired the fog bell?", "Tobias Marlow repaired the fog bell. "
    half = SENTENCE * (50_000 // len(SENTENCE))
    short = reader.read(question, SENTENCE * 5 + needle + SENTENCE * 5)
    long = reader.read(question, half + needle + half)
    print(f"{len(short.windows)} and {len(long.windows)} windows; answers {short.answer} and {long.answer}")
    for name, reading in (("one window", short), ("100,000 characters", long)):
        at = reading.context.index("Tobias Marlow")
        before = peak()
        began = time.perf_counter()
        attribution = reader.attribute(reading, "answer", span=(at, at + len("Tobias Marlow")))
        taken = time.perf_counter() - began
        print(
            f"{name}: peak {peak() - before:+.1f} MiB, {taken:.2f} s, {attribution.trust.passes} gradients, "
            f"{attribution.target.note or 'the only window'}"
        )


def peak() -> float:
    """The most memory that this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("converge", "speed", "long"))
    parser.add_argument("file", type=Path, nargs="?", help="questions in SQuAD form")
    parser.add_argument("--questions", type=int, help="how many of each kind")
    parser.add_argument(
        "--tested",
        type=int,
        default=50,
        help="how many of each kind are explained with other baselines and tested for faithfulness",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", help="a folder or hub name; default: the bundled checkpoint")
    args = parser.parse_args()
    if args.what == "long":
        long_text()
    elif args.file is None:
        parser.error(f"{args.what} needs a FILE")
    elif args.what == "converge":
        converge(qalens.load(args.model), args.file, args.questions or 200, args.tested)
    else:
        speed(args.file, args.questions or 20, args.rounds, args.model)


if __name__ == "__main__":
    main()
