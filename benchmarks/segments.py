"""What missing segment ids cost: one checkpoint on a SQuAD file, through the reader of transformers-haystack and through ours.

    python benchmarks/segments.py FILE [--questions 500] [--checkpoint FOLDER]

Run it where `transformers-haystack` is installed beside qalens (an environment of its own):

    pip install -c constraints.txt "qalens[haystack]" transformers-haystack accelerate

`TransformersExtractiveReader` never passes segment ids, so a BERT reads the text as more of the question. Side by side:

- `transformers-haystack`: the real reader, its best answer
- `old scores, no segments`: qalens with the old scores and the segment ids withheld: should be the row above
- `old scores`: qalens with the old scores and segment ids: what was missing
- `probability`: qalens as it is, one distribution and the model's own null score

The old readers have no score for no answer that a threshold could use, so each is scored on the answerable questions alone
(with `no_answer=False`) and on all questions (with it).
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from haystack import Document
from haystack_integrations.components.readers.transformers import TransformersExtractiveReader

from haystack_integrations.components.readers.qalens import QALensExtractiveReader
from qalens.evaluation.scores.answers import best_match
from qalens.evaluation.scores.squad import gold_texts
from qalens.models.hub import BUNDLED
from qalens.text.examples import Example
from qalens.text.squad_files import read_squad

Run = Callable[[str, list[Document], bool], dict[str, Any]]


def without_segments(checkpoint: Path, folder: Path) -> Path:
    """A copy of a checkpoint whose tokenizer gives no segment ids."""
    copy = folder / "without-segments"
    shutil.copytree(checkpoint, copy)
    settings = copy / "tokenizer_config.json"
    told = json.loads(settings.read_text(encoding="utf-8"))
    told["model_input_names"] = ["input_ids", "attention_mask"]
    settings.write_text(json.dumps(told), encoding="utf-8")
    return copy


def scores(run: Run, examples: list[Example], *, no_answer: bool) -> tuple[float, float]:
    """EM and F1 in percent of the best answer to each question."""
    exact = overlap = 0.0
    for example in examples:
        answers = run(example.question, [Document(content=example.context)], no_answer)["answers"]
        said = answers[0].data if answers and answers[0].data is not None else ""
        golds = gold_texts(example)
        one, other = best_match(golds, said)
        exact, overlap = exact + one, overlap + other
    return 100 * exact / len(examples), 100 * overlap / len(examples)


def runner(reader: Any) -> Run:
    return lambda query, documents, no_answer: reader.run(
        query=query, documents=documents, top_k=1, no_answer=no_answer
    )


def main() -> None:
    """Print EM and F1 of the four rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--questions", type=int)
    parser.add_argument("--checkpoint", type=Path, default=BUNDLED)
    given = parser.parse_args()
    logging.getLogger("haystack").setLevel(logging.ERROR)
    examples = list(itertools.islice(read_squad(given.file), given.questions))
    answerable = [one for one in examples if one.gold]
    print(f"{given.checkpoint.name}: {len(examples)} questions, {len(answerable)} with an answer\n")
    print(f"{'':<26}  answerable EM     F1       all EM     F1")
    with tempfile.TemporaryDirectory() as scratch:
        bare = without_segments(given.checkpoint, Path(scratch))
        readers = {
            "transformers-haystack": TransformersExtractiveReader(given.checkpoint),
            "old scores, no segments": QALensExtractiveReader(bare, scores="haystack"),
            "old scores": QALensExtractiveReader(given.checkpoint, scores="haystack"),
            "probability": QALensExtractiveReader(given.checkpoint),
        }
        for name, reader in readers.items():
            some = scores(runner(reader), answerable, no_answer=False)
            everything = scores(runner(reader), examples, no_answer=True)
            print(
                f"{name:<26}  {some[0]:13.2f}  {some[1]:5.2f}  {everything[0]:11.2f}  {everything[1]:5.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
