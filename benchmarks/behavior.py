"""How long the built-in behaviour tests take, and how much memory a run over many examples needs: python benchmarks/behavior.py

The memory is that of a reader that answers at once with the first word, so that only the bookkeeping is seen.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from random import Random
from types import SimpleNamespace
from typing import Any

import qalens
from qalens.behavior.builtin.base_examples import base_example
from qalens.text.examples import Example


class FirstWord:
    """A reader that says the first word of every text."""

    def read_many(self, items: Iterable[Example], *, progress: bool | None = None) -> Iterator[Any]:
        """An answer for each example."""
        for example in items:
            word = example.context.split()[0]
            answer = SimpleNamespace(text=word, span=SimpleNamespace(start=0, end=len(word)))
            yield SimpleNamespace(answer=answer, margin=0.0, error=None)


def built_in(threads: int) -> None:
    reader = qalens.load()
    with reader.using_threads(threads):
        began, busy = time.perf_counter(), time.process_time()
        report = qalens.behavior.run(reader, progress=False)
        took, busy = time.perf_counter() - began, time.process_time() - busy
    cases = sum(one.failure_rate.count for one in report)
    # Where others use the machine the seconds of the CPU are what can be compared.
    print(f"{len(report)} tests, {cases} cases, {threads} threads: {took:.1f} s, {busy:.1f} s of the CPU")


def memory(count: int) -> None:
    examples = (base_example(Random(k)) for k in range(count))
    began = time.perf_counter()
    report = qalens.behavior.run(FirstWord(), examples=examples, progress=False)
    cases = sum(one.failure_rate.count for one in report)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:,} examples, {cases:,} cases: {peak:.0f} MiB, {time.perf_counter() - began:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--examples", type=int)
    given = parser.parse_args()
    if given.examples is not None:
        memory(given.examples)
        return
    built_in(given.threads)
    for count in (100, 1_000, 10_000):
        # The peak of a process never falls, so each size has one of its own.
        subprocess.run([sys.executable, __file__, "--examples", str(count)], check=True)


if __name__ == "__main__":
    main()
