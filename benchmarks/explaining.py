"""Do explanations converge, are they faithful, how fast are they, and what do they cost in a long text?

    python benchmarks/explaining.py converge FILE [--questions 200] [--tested 30]
    python benchmarks/explaining.py faithful FILE [--questions 200] [--tested 30] [--methods NAME] [--kinds KIND ...]
    python benchmarks/explaining.py sanity FILE [--tested 30] [--methods NAME] [--kinds KIND ...] [--json sanity.json]
    python benchmarks/explaining.py speed FILE [--questions 8] [--rounds 2]
    python benchmarks/explaining.py ranks FILE [--tested 30]
    python benchmarks/explaining.py packing FILE [--questions 32]
    python benchmarks/explaining.py long

FILE is in SQuAD form. `converge` takes as many answerable as unanswerable questions, drawn with a seed, explains the answer
of the first and the no-answer of the second, and tests the words found against random ones. `faithful` only tests them, with
the methods and kinds of questions that are named; the two kinds can run beside each other, since nothing is timed.
`sanity` runs the sanity checks of every built-in method: ranks under randomised weights, infidelity, max-sensitivity; its JSON is
for `benchmarks/measured.py`, which writes the table of docs/concepts/faithfulness.md.
`speed` compares on the same readings, in turns:

- `recipe`: what the question-answering tutorial of Captum does: layer integrated gradients of the largest start logit and
  of the largest end logit, 50 steps each
- `transformers-interpret` as it stands, where it is installed. Its 0.10.0 asks for an IPython of 2022 and no newer one, so
  beside qalens it takes `pip install --no-deps transformers-interpret`; the explanations themselves need no IPython
- `qalens` in float32 and with dtype "auto": without the ranks under the other baselines, which the others do not tell
  either, and with them, as is the default

`ranks` tells how far a rank agreement from few points is from that of 64 points a path. `packing` tells which share of the
processor's time explaining spends in the passes themselves, and how many tokens a second they take by how many rows are
in one: what packing the points of several readings together could gain.

Each with its own completeness error and the points of a path at which it took gradients. Both of the others explain the start
and the end apart, and their error is the mean of the two. The targets differ: theirs follow the largest logit, which may
be another token at every point, and ours is the score of one span. Absolute times of a shared machine are noise; ratios
count. The tables are markdown.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients

import qalens
from qalens.explain import FaithfulnessTable, Options, SanityChecks
from qalens.explain.attribution.embeddings import WindowInput, explaining
from qalens.explain.attribution.gradients import RANKING_POINTS, along, rough_integrated_gradients
from qalens.explain.attribution.methods import solved
from qalens.explain.attribution.options import plans_of
from qalens.explain.attribution.problem import Problem
from qalens.explain.attribution.quadrature import LEAST_CHANGE
from qalens.explain.attribution.record import rank_correlation
from qalens.explain.faithfulness.method_comparison import mean_interval
from qalens.explain.targets import resolve
from qalens.text.examples import Example
from qalens.text.squad_files import read_squad

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


# --- converge, faithful -----------------------------------------------------------------------------------------------


KINDS = {"answerable": "answer", "unanswerable": "no_answer"}


def converge(reader: qalens.Reader, file: Path, many: int, tested: int) -> None:
    print(
        "| questions, target | baseline | converged | error, median | points, median | points, 95 % at most | another span ahead |"
    )
    print("|---|---|---|---|---|---|---|")
    for (kind, target), examples in zip(KINDS.items(), drawn(file, many), strict=True):
        readings = list(reader.read_many(examples, progress=False))
        for baseline in ("pad", "mask", "mean", "zero"):
            some = readings if baseline == "pad" else readings[:tested]
            found = list(
                reader.attribute_many(some, target, baseline=baseline, agreement=False, progress=False)
            )
            print(convergence(f"{kind}, {target}", baseline, found), flush=True)


def faithful(
    reader: qalens.Reader, file: Path, many: int, tested: int, methods: str, kinds: Sequence[str]
) -> None:
    plans = plans_of(RANKED)
    chosen = [plan for plan in plans if plan.name == methods] or [
        plan for plan in plans if methods in plan.name
    ]
    found: dict[str, list[float]] = {plan.name: [] for plan in chosen}
    for (kind, target), examples in zip(KINDS.items(), drawn(file, many), strict=True):
        if kind not in kinds:
            continue
        readings = list(reader.read_many(examples[:tested], progress=False))
        table = reader.rank_methods(readings, target, methods=chosen)
        print(
            f"\n{kind}, {target}: {table.readings} readings, {len(table.failed)} left out\n\n{ranking(table)}",
            flush=True,
        )
        for row in table.rows:
            found[row.method].append(row.comprehensiveness_z.value)
    if len(kinds) > 1:
        print("\nz of comprehensiveness, mean of the kinds")
        for name, values in found.items():
            print(f"  {name}: {statistics.mean(values):.2f}")


def convergence(name: str, baseline: str, found: list) -> str:
    good = [a for a in found if isinstance(a, qalens.Attribution)]
    converged = sum(a.converged for a in good)
    passes = np.array([a.diagnostics.passes for a in good])
    error = np.median([a.completeness_error for a in good])
    elsewhere = mean_interval([a.diagnostics.other_span_share for a in good])
    return (
        f"| {name} | {baseline} | {converged} of {len(found)} ({converged / len(found):.1%}) | {error:.1%} | "
        f"{np.median(passes):.0f} | {np.quantile(passes, 0.95):.0f} | {elsewhere} |"
    )


def ranking(table: FaithfulnessTable) -> str:
    lines = [
        "| method | comprehensiveness | z | better than random | normalised | sufficiency | z |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table.rows:
        lines.append(
            f"| {row.method} | {row.comprehensiveness} | {row.comprehensiveness_z} | {'yes' if row.beats_random else '**no**'}, p {row.random_p:.3f} | "
            f"{row.comprehensiveness_normalised} | {row.sufficiency} | {row.sufficiency_z} |"
        )
    lines += ["", "| pair | comprehensiveness | z | sufficiency | sign test |", "|---|---|---|---|---|"]
    lines += [
        f"| {d.method} minus {d.other} | {d.comprehensiveness} | {d.comprehensiveness_z} | {d.sufficiency} | p {d.p:.3f} |"
        for d in table.differences
    ]
    return "\n".join(lines)


# --- sanity -----------------------------------------------------------------------------------------------------------


CHECKED = (
    Options(),
    Options("input_x_gradient"),
    Options("occlusion"),
    Options("shapley", over="question", samples=8),
    Options("layer_conductance", layer=2, tolerance=0.2),
)


def sanity(
    reader: qalens.Reader, file: Path, tested: int, methods: str, kinds: Sequence[str], out: Path | None
) -> None:
    tables: dict[str, list[list[str]]] = {}
    for (kind, target), examples in zip(KINDS.items(), drawn(file, tested), strict=True):
        if kind not in kinds:
            continue
        readings = list(reader.read_many(examples, progress=False))
        name = f"{target} of {len(readings)} {kind} questions"
        print(f"\n{name}\n", flush=True)
        for how in (plan for plan in CHECKED if methods in plan.name):
            options = {
                f.name: getattr(how, f.name) for f in fields(how) if f.name not in ("method", "agreement")
            }
            found = [
                reader.sanity_checks(reading, target, how.method, draws=3, **options) for reading in readings
            ]
            for line in sanity_rows(how.name, found):
                tables.setdefault(name, []).append(line)
                print(" | ".join(line), flush=True)
            if out is not None:  # what is there is kept where the rest is stopped
                out.write_text(json.dumps({"sanity_checks": tables}, indent=1), encoding="utf-8")


def sanity_rows(name: str, found: Sequence[SanityChecks]) -> list[list[str]]:
    """The cells of a line each for values, their absolute values and magnitudes; the last two columns are of the values."""
    layers = [one.layer for one in found[0].randomised]
    stages = [0, (len(layers) - 1) // 2, len(layers) - 2, len(layers) - 1]
    lines = []
    for by in ("values", "absolute", "magnitudes"):
        ranks = [mean_interval([getattr(one.randomised[k], by) for one in found]) for k in stages]
        rest = (
            [
                mean_interval([one.infidelity_share for one in found]),
                mean_interval([one.sensitivity for one in found]),
            ]
            if by == "values"
            else ["", ""]
        )
        lines.append([name, by, *map(str, [*ranks, *rest])])
    return lines


# --- speed ------------------------------------------------------------------------------------------------------------


def recipe(reader: qalens.Reader, question: str, context: str) -> tuple[float, int]:
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
        errors.append(abs(delta.item()) / max(abs(change.item()), LEAST_CHANGE))
    return statistics.mean(errors), 100


def interpreted(reader: qalens.Reader, question: str, context: str) -> tuple[float, int]:
    """The same by transformers-interpret, with its own defaults: all embeddings at once, 50 steps."""
    from transformers_interpret import QuestionAnsweringExplainer

    explainer = QuestionAnsweringExplainer(reader.model.module, reader.tokenizer)
    explainer(question, context)
    errors = []
    for found in (explainer.start_attributions, explainer.end_attributions):
        # Captum's delta is the sum of the values minus the change of the target.
        delta, total = found.delta.item(), found._attributions.sum().item()
        errors.append(abs(delta) / max(abs(total - delta), LEAST_CHANGE))
    return statistics.mean(errors), 100


def explained(reader: qalens.Reader, readings: list, number: int, **options) -> tuple[float, int]:
    found = reader.attribute(readings[number], "answer", **options)
    return found.completeness_error, found.diagnostics.passes


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
    outcomes: dict[str, list[tuple[float, int]]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, call in work.items():
            taken = []
            for k in range(len(examples)):
                began = time.perf_counter()
                outcomes[name].append(call(k))
                taken.append(time.perf_counter() - began)
            times[name].append(taken)
    print(
        "\n| | × as fast as the recipe | rounds | completeness error, median | within 5 % | points, median |"
    )
    print("|---|---|---|---|---|---|")
    for name in work:
        ratios = [sum(base) / sum(own) for base, own in zip(times["recipe"], times[name], strict=True)]
        errors, points = np.array(outcomes[name]).T
        print(
            f"| {name} | **{statistics.median(ratios):.2f}** | {min(ratios):.2f} to {max(ratios):.2f} | {np.median(errors):.1%} "
            f"| {np.mean(errors <= 0.05):.0%} | {np.median(points):.0f} |"
        )


# --- ranks, packing ---------------------------------------------------------------------------------------------------


def problem_of(reader: qalens.Reader, reading: qalens.Reading, target: str) -> Problem:
    blanks = {"pad": reader.tokenizer.pad_token_id, "mask": reader.tokenizer.mask_token_id}
    return Problem(
        reader.model, reading, resolve(reading, target), Options(), blanks=blanks, batch_tokens=None
    )


def ranks(reader: qalens.Reader, file: Path, tested: int) -> None:
    print(
        "| questions, target | points | ranks against those of 64 | error of the agreement, mean | at most |"
    )
    print("|---|---|---|---|---|")
    for (kind, target), examples in zip(KINDS.items(), drawn(file, tested), strict=True):
        found: dict[int, list[tuple[float, float]]] = {}
        for reading in reader.read_many(examples, progress=False):
            with explaining(reader.model, gradients=True):
                problem = problem_of(reader, reading, target)
                own = problem.word_sums(solved(problem, "pad").values.sum((0, 1)))
                many = {
                    points: [
                        problem.word_sums(values)
                        for values in rough_integrated_gradients(problem, ["mask", "mean", "zero"], points)
                    ]
                    for points in (64, 4, 6, RANKING_POINTS, 16)
                }
            exact = many.pop(64)
            for points, rough in many.items():
                found.setdefault(points, []).extend(
                    (rank_correlation(a, b), abs(rank_correlation(own, a) - rank_correlation(own, b)))
                    for a, b in zip(rough, exact, strict=True)
                )
        for points, pairs in found.items():
            same, errors = np.array(pairs).T
            print(
                f"| {kind}, {target} | {points} | {mean_interval(same)} | {errors.mean():.3f} | {errors.max():.2f} |",
                flush=True,
            )


def packing(reader: qalens.Reader, file: Path, many: int) -> None:
    readings = list(reader.read_many(drawn(file, many)[0], progress=False))
    inside = 0.0

    def timed(call):
        def go(*args, **options):
            nonlocal inside
            began = time.process_time()
            try:
                return call(*args, **options)
            finally:
                inside += time.process_time() - began

        return go

    torch.autograd.grad, WindowInput.scores = timed(torch.autograd.grad), timed(WindowInput.scores)
    began = time.process_time()
    for _ in reader.attribute_many(readings, "answer", progress=False):
        pass
    whole = time.process_time() - began
    print(f"of the processor's time for {len(readings)} readings, {inside / whole:.1%} is in passes\n")
    print("| rows of one pass | tokens | tokens a second |\n|---|---|---|")
    with explaining(reader.model, gradients=True):
        problem = problem_of(reader, readings[0], "answer")
        origin, tokens = problem.baseline("pad"), len(problem.roles)
        for rows in (1, 2, 4, 8, 16, 32):
            problem.batch, best = rows, float("inf")
            for _ in range(3):
                began = time.process_time()
                along(problem, [origin], np.linspace(0, 1, rows))
                best = min(best, time.process_time() - began)
            print(f"| {rows} | {rows * tokens} | {rows * tokens / best:.0f} |", flush=True)


# --- long -------------------------------------------------------------------------------------------------------------


def long_text() -> None:
    """The most memory that explaining takes in the middle of 100,000 characters, beside that in a text of one window."""
    reader = qalens.load()
    question, needle = "Who repaired the fog bell?", "Tobias Marlow repaired the fog bell. "
    pieces = {"one window": 700, "100,000 characters": 50_000}
    readings = {
        name: reader.read(
            question, SENTENCE * (n // len(SENTENCE)) + needle + SENTENCE * (n // len(SENTENCE))
        )
        for name, n in pieces.items()
    }
    for turn in ("first", "again"):  # the first one fills what every other uses again
        for name, reading in readings.items():
            at = reading.context.index("Tobias Marlow")
            before = forgotten_peak()
            began = time.perf_counter()
            attribution = reader.attribute(reading, "answer", span=(at, at + len("Tobias Marlow")))
            taken = time.perf_counter() - began
            print(
                f"{turn}: {name}, {len(reading.windows)} windows, {len(attribution.tokens)} tokens explained: at most "
                f"{peak() - before:.1f} MiB more, {taken:.2f} s, {attribution.diagnostics.passes} points, "
                f"{attribution.target.note or 'the only window'}"
            )


def forgotten_peak() -> float:
    """The memory that this process holds now, in MiB; the peak is counted from here on (Linux alone can do that)."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> float:
    """The most memory that this process held since the peak was forgotten, in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what", choices=("converge", "faithful", "sanity", "speed", "ranks", "packing", "long")
    )
    parser.add_argument("file", type=Path, nargs="?", help="questions in SQuAD form")
    parser.add_argument("--questions", type=int, help="how many of each kind")
    parser.add_argument(
        "--tested",
        type=int,
        default=30,
        help="how many of each kind are explained with other baselines and tested for faithfulness",
    )
    parser.add_argument(
        "--methods", default="", help="test only the method of this name, or those whose names hold it"
    )
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=list(KINDS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where the table of sanity goes")
    parser.add_argument("--model", help="a folder or hub name; default: the bundled checkpoint")
    args = parser.parse_args()
    if args.what == "long":
        long_text()
    elif args.file is None:
        parser.error(f"{args.what} needs a FILE")
    elif args.what == "sanity":
        sanity(qalens.load(args.model), args.file, args.tested, args.methods, args.kinds, args.json)
    elif args.what == "ranks":
        ranks(qalens.load(args.model), args.file, args.tested)
    elif args.what == "packing":
        packing(qalens.load(args.model), args.file, args.questions or 32)
    elif args.what in ("converge", "faithful"):
        reader, many = qalens.load(args.model), args.questions or 200
        if args.what == "converge":
            converge(reader, args.file, many, args.tested)
        faithful(reader, args.file, many, args.tested, args.methods, args.kinds)
    else:
        speed(args.file, args.questions or 8, args.rounds, args.model)


if __name__ == "__main__":
    main()
