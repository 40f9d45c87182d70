"""How fast one question is read in a collection: qalens against the reader of transformers-haystack, side by side.

    python benchmarks/collection.py [--documents 1000] [--rounds 3] [--threads 2] [--checkpoint FOLDER]

Run it where `transformers-haystack` is installed beside qalens (see `segments.py`). The documents are made here, of uneven
length as real ones are; both readers get the same ones, the same checkpoint and the same number of threads, in float32. The
rounds take turns, and the median of the ratios counts. The reader of transformers-haystack gets the batch size that suits it
best among those tried, since with none it pads all documents into one batch.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import statistics
import time
from pathlib import Path
from typing import Any

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import torch
from haystack import Document
from haystack_integrations.components.readers.transformers import TransformersExtractiveReader

from haystack_integrations.components.readers.qalens import QALensExtractiveReader
from qalens.models.hub import BUNDLED

QUESTION = "Who repaired the fog bell of the lighthouse?"
ANSWER = "In the winter of 1869 Tobias Marlow repaired the fog bell of the lighthouse."
WHO = "The keeper|A pilot|The inspector|Her sister|An old sailor|The miller|A clerk|The doctor".split("|")
DID = "wrote down|carried|painted|counted|sold|mended|hid|measured|forgot|ordered".split("|")
WHAT = "the oil|nine lanterns|a crate of wicks|the log book|two brass lenses|the harbour map|a rope".split(
    "|"
)
WHEN = (
    "before the storm|every Tuesday|in the spring of 1871|after the funeral|by candlelight|at low tide".split(
        "|"
    )
)


def collection(n: int) -> list[Document]:
    """`n` documents of one to forty sentences; one of them, in the middle, holds the answer."""
    draw = random.Random(0)
    documents = []
    for k in range(n):
        length = min(40, 1 + int(draw.expovariate(1 / 8)))
        lines = [
            f"{draw.choice(WHO)} {draw.choice(DID)} {draw.choice(WHAT)} {draw.choice(WHEN)}."
            for _ in range(length)
        ]
        if k == n // 2:
            lines.insert(length // 2, ANSWER)
        documents.append(Document(content=" ".join(lines)))
    return documents


def seconds(reader: Any, documents: list[Document], **options: Any) -> tuple[float, str | None]:
    began = time.perf_counter()
    answers = reader.run(query=QUESTION, documents=documents, top_k=3, **options)["answers"]
    return time.perf_counter() - began, next(a.data for a in answers if a.data is not None)


def main() -> None:
    """Print the seconds of each round and the median ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--checkpoint", type=Path, default=BUNDLED)
    given = parser.parse_args()
    logging.getLogger("haystack").setLevel(logging.ERROR)
    torch.set_num_threads(given.threads)
    documents = collection(given.documents)
    peer = TransformersExtractiveReader(given.checkpoint)
    ours = {
        "probability": QALensExtractiveReader(given.checkpoint),
        "old scores": QALensExtractiveReader(given.checkpoint, scores="haystack"),
    }
    for reader in (peer, *ours.values()):
        reader.run(query=QUESTION, documents=documents[:2])
    print(f"{len(documents)} documents, {sum(len(one.content) for one in documents):,} characters")
    ratios: dict[str, list[float]] = {name: [] for name in ours}
    for k in range(given.rounds):
        times = {}
        for size in given.batch_sizes:
            times[size], said = seconds(peer, documents, max_batch_size=size)
            print(f"round {k + 1}: transformers-haystack, batch {size:>3}  {times[size]:7.2f} s   {said}")
        for name, reader in ours.items():
            spent, said = seconds(reader, documents)
            ratios[name].append(min(times.values()) / spent)
            print(f"round {k + 1}: qalens, {name:<25}  {spent:7.2f} s   {said}", flush=True)
    for name, found in ratios.items():
        print(f"{name}: {statistics.median(found):.2f} × as fast (median of {given.rounds} rounds)")


if __name__ == "__main__":
    main()
