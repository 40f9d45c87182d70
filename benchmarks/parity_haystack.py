"""Do the old scores come out again? QALensExtractiveReader(scores="haystack") against recorded answers of the old reader.

    python benchmarks/parity_haystack.py FOLDER

FOLDER holds `golden_haystack.json` (what Haystack's ExtractiveReader gave for cases × options) and the checkpoints it
names. The old reader never passed segment ids, so they are withheld here on purpose: what is compared is the decoding.
Pairs that were recorded with a fault are left out and counted: an error, or a query so long that it was cut into windows.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from haystack import Document
from transformers import AutoTokenizer

from haystack_integrations.components.readers.qalens import QALensExtractiveReader
from qalens.text.windows import PairTokenizer

TOLERANCE = 2e-4


def without_segments(checkpoint: Path, folder: Path) -> Path:
    """A copy of a checkpoint whose tokenizer gives no segment ids."""
    copy = folder / checkpoint.name
    shutil.copytree(checkpoint, copy, copy_function=shutil.copyfile)
    settings = copy / "tokenizer_config.json"
    told = json.loads(settings.read_text(encoding="utf-8")) | {
        "model_input_names": ["input_ids", "attention_mask"]
    }
    settings.write_text(json.dumps(told), encoding="utf-8")
    return copy


def fault(recorded: Any, case: Any, options: Any, pair: PairTokenizer) -> str | None:
    """Why a recorded pair cannot be compared, or None."""
    if "error" in recorded:
        return f"error: {recorded['error']}"
    return "the query was cut" if query_was_cut(case, options, pair) else None


def query_was_cut(case: Any, options: Any, pair: PairTokenizer) -> bool:
    """Whether the old reader cut the query, which it did where query and text were too long and the query the longer one."""
    room = options.get("max_seq_length", 384) - pair.n_special
    asked = len(pair.encode(case["query"]))
    longest = max((len(pair.encode(text)) for text in case["documents"] if text), default=0)
    return asked + longest > room and asked > room // 2


def of_record(answers: list[Any]) -> list[tuple[Any, float]]:
    return [((a["doc"], a["start"], a["end"], a["data"]), a["score"]) for a in answers]


def of_answers(answers: list[Any], documents: list[Document]) -> list[tuple[Any, float]]:
    found = []
    for a in answers:
        if a.document is None:
            found.append(((None, None, None, None), a.score))
            continue
        d = next(k for k, one in enumerate(documents) if one is a.document)
        found.append(((d, a.document_offset.start, a.document_offset.end, a.data), a.score))
    return found


def agree(ours: list[tuple[Any, float]], theirs: list[tuple[Any, float]]) -> bool:
    """The same answers with the same scores; the order of equal ones, and those with score 0, do not count."""
    ours, theirs = ([one for one in some if one[1] > 0] for some in (ours, theirs))
    if len(ours) != len(theirs):
        return False
    left = sorted(ours, key=lambda one: -one[1])
    for key, score in sorted(theirs, key=lambda one: -one[1]):
        same = [one for one in left if one[0] == key and math.isclose(one[1], score, rel_tol=TOLERANCE)]
        if not same:
            return False
        left.remove(same[0])
    return True


def main(folder: Path) -> int:
    """Print how many pairs agree; the exit status is 0 where all do."""
    # Documents without a text are left out with a warning, as they should be.
    logging.getLogger("haystack_integrations").setLevel(logging.ERROR)
    golden = json.loads((folder / "golden_haystack.json").read_text(encoding="utf-8"))
    counts: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        for name, cases in golden["models"].items():
            checkpoint = without_segments(folder / name, Path(scratch))
            pair = PairTokenizer(AutoTokenizer.from_pretrained(checkpoint))
            reader = QALensExtractiveReader(model=checkpoint, scores="haystack")
            for title, case in cases.items():
                documents = [Document(content=text) for text in case["documents"]]
                for label, recorded in case["answers"].items():
                    options = golden["init_options"][label]
                    if reason := fault(recorded, case, options, pair):
                        faults[reason] += 1
                        continue
                    for option, value in {"answers_per_seq": None, "max_batch_size": None, **options}.items():
                        setattr(reader, option, value)
                    ours = of_answers(reader.run(case["query"], documents)["answers"], documents)
                    same = agree(ours, of_record(recorded["result"]))
                    counts["agree" if same else "disagree"] += 1
                    if not same:
                        print(f"disagree: {name}, {title}, {label}")
                    reader = reset(reader)
    print(
        f"{counts['agree']} agree, {counts['disagree']} disagree, {sum(faults.values())} recorded with a fault"
    )
    for reason, n in faults.most_common():
        print(f"  {n} × {reason}")
    return 1 if counts["disagree"] else 0


def reset(reader: QALensExtractiveReader) -> QALensExtractiveReader:
    """The reader with the options it began with, and the model that it has loaded."""
    fresh = QALensExtractiveReader(model=reader.model, scores="haystack")
    fresh._readers = reader._readers
    return fresh


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
