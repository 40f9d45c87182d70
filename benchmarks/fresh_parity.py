"""Do the old scores come out again on cases that nobody has recorded? Fresh questions, texts and options, old against ours.

    python benchmarks/fresh_parity.py FOLDER [FOLDER …] [--old-python PATH] [--haystack-python PATH] [--cases 100] [--seed 0]

Each FOLDER is a checkpoint; small ones with random weights are best, since their scores are close together. `--old-python` is the
Python of an environment with `transformers==4.57.6`, `--haystack-python` of one with `transformers-haystack`: the real old code
runs there, on the same cases, and what both say is compared answer by answer to 2e-4 of the score. Answers with score 0 and the
order of equal scores do not count.

Left out and counted are cases that the old code ended with an error, and those for Haystack whose query it cut. Segment ids are
withheld from our reader for Haystack, as the old one never passed them. The exit status is 0 where all other cases agree.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

WORDS = (
    "the a of Ada Marlow lamp LAMP lighthouse keeper Tobias bell 1869 1,250 $40 fog harbour in winter, spring; (repaired) 'kept' "
    "don't re-opened café naïve Straße Übung größte Zürich 東京 塔 Токио башня البرج ברלין θάλασσα 🦊 👩‍🚀 e\u0301te\u0301 x2 -- ... !! ? "
    "Mr. U.S. and it is was by with thirty years oil-lamp antidisestablishmentarianism qwxzkj ½ 10% №5 ＡＢＣ ﬁn ไฟ नदी"
).split(" ")
GAPS = [*[" "] * 6, "  ", "\n", ". ", ", ", "\t", "\u00a0", "\n\n", ""]


def text(draw: random.Random, n: int) -> str:
    """`n` words of any script with any blanks between them."""
    made = "".join(draw.choice(WORDS) + draw.choice(GAPS) for _ in range(n))
    return f"  {made}  " if draw.random() < 0.1 else made


def question(draw: random.Random) -> str:
    if draw.random() < 0.1:
        return text(draw, draw.randint(20, 45))
    return (
        f"{draw.choice(['Who', 'What', 'Wann', 'Где', 'How many'])} {text(draw, draw.randint(1, 8)).strip()}?"
    )


def pipeline_case(draw: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {}
    choices = {
        "top_k": [1, 2, 3, 5, 10, 20],
        "handle_impossible_answer": [True],
        "align_to_words": [False],
        "max_answer_len": [1, 2, 3, 7, 30, 60],
        "max_question_len": [4, 64],
        "padding": ["max_length", "longest", True],
        "batch_size": [2, 4],
    }
    for name, values in choices.items():
        if draw.random() < 0.35:
            options[name] = draw.choice(values)
    if draw.random() < 0.5:
        options["max_seq_len"] = draw.choice([64, 96, 128, 200, 384])
        options["doc_stride"] = draw.choice([0, 8, 16, options["max_seq_len"] // 4])
    words = draw.choice([1, 2, 5, 12, 40, 90, 200])
    return {"question": question(draw), "context": text(draw, words), "options": options}


def haystack_case(draw: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {}
    choices = {
        "top_k": [1, 3, 10, 50],
        "score_threshold": [0.1, 0.5, 0.55],
        "max_batch_size": [1, 3],
        "answers_per_seq": [1, 3, 40, 100],
        "no_answer": [False],
        "calibration_factor": [0.05, 0.3, 1.0],
        "overlap_threshold": [None, 0.2, 0.5, 0.9],
    }
    for name, values in choices.items():
        if draw.random() < 0.35:
            options[name] = draw.choice(values)
    if draw.random() < 0.5:
        options["max_seq_length"] = draw.choice([200, 384])
        options["stride"] = draw.choice([8, 32, 64])
    documents = [text(draw, draw.choice([3, 10, 30, 80, 200])) for _ in range(draw.choice([1, 1, 2, 4, 7]))]
    return {"query": question(draw), "documents": documents, "options": options}


# --- the old code, in an environment of its own -------------------------------------------------------------------------


def old_pipeline(folder: str, cases: list[Any]) -> list[Any]:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    nlp = transformers.pipeline("question-answering", model=folder, tokenizer=folder, device="cpu")

    def answer(case: Any) -> Any:
        found = nlp(question=case["question"], context=case["context"], **case["options"])
        return [found] if isinstance(found, dict) else found

    return [attempt(answer, case) for case in cases]


def old_haystack(folder: str, cases: list[Any]) -> list[Any]:
    from haystack import Document
    from haystack_integrations.components.readers.transformers import TransformersExtractiveReader

    def answer(case: Any) -> Any:
        reader = TransformersExtractiveReader(folder, **case["options"])
        documents = [Document(content=one, id=str(d)) for d, one in enumerate(case["documents"])]
        return haystack_answers(reader.run(case["query"], documents)["answers"])

    return [attempt(answer, case) for case in cases]


def haystack_answers(answers: list[Any]) -> list[dict[str, Any]]:
    return [
        {"score": a.score, "start": None, "end": None, "answer": None}
        if a.document is None
        else {
            "score": a.score,
            "start": [int(a.document.id), a.document_offset.start],
            "end": a.document_offset.end,
            "answer": a.data,
        }
        for a in answers
    ]


def attempt(answer: Any, case: Any) -> Any:
    try:
        return answer(case)
    except BaseException as error:  # a panic of the tokenizer is no Exception
        return {"error": f"{type(error).__name__}: {error}"[:120]}


# --- ours ---------------------------------------------------------------------------------------------------------------


def our_pipeline(folder: Path, cases: list[Any]) -> list[Any]:
    import transformers

    from qalens.integrations.transformers import QuestionAnsweringPipeline

    model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    nlp = QuestionAnsweringPipeline(model, tokenizer, device="cpu", scores="transformers")

    def answer(case: Any) -> Any:
        found = nlp(question=case["question"], context=case["context"], **case["options"])
        return [found] if isinstance(found, dict) else found

    return [attempt(answer, case) for case in cases]


def our_haystack(folder: Path, cases: list[Any]) -> list[Any]:
    from haystack import Document
    from parity_haystack import without_segments

    from haystack_integrations.components.readers.qalens import QALensExtractiveReader

    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = without_segments(folder, Path(scratch))
        loaded = QALensExtractiveReader(checkpoint)
        loaded.warm_up()

        def answer(case: Any) -> Any:
            reader = QALensExtractiveReader(checkpoint, scores="haystack", **case["options"])
            reader._readers = loaded._readers
            documents = [Document(content=one, id=str(d)) for d, one in enumerate(case["documents"])]
            return haystack_answers(reader.run(case["query"], documents)["answers"])

        return [attempt(answer, case) for case in cases]


def cut_queries(folder: Path, kind: str, cases: list[Any]) -> list[bool]:
    """Which cases the old code cut the query of; the old pipeline cut none."""
    if kind == "pipeline":
        return [False] * len(cases)
    from parity_haystack import query_was_cut
    from transformers import AutoTokenizer

    from qalens.text.windows import PairTokenizer

    pair = PairTokenizer(AutoTokenizer.from_pretrained(folder))
    return [query_was_cut(case, case["options"], pair) for case in cases]


def compare(folder: Path, kind: str, cases: list[Any], ours: list[Any], old: list[Any], show: int) -> bool:
    """Print how many cases agree; whether all do that the old code could answer."""
    from parity import disagreement

    counts: Counter[str] = Counter()
    for case, mine, theirs, cut in zip(cases, ours, old, cut_queries(folder, kind, cases), strict=True):
        if isinstance(theirs, dict):
            counts[f"old error ({theirs['error'].split(':')[0]})"] += 1
            continue
        if cut:
            counts["query cut by the old code"] += 1
            continue
        told = str(mine) if isinstance(mine, dict) else disagreement(in_order(mine), in_order(theirs))
        counts["disagree" if told else "agree"] += 1
        if told and counts["disagree"] <= show:
            print(f"  {json.dumps(case, ensure_ascii=False)[:600]}{told[:1500]}")
    print(
        f"{kind}, {folder.name}: {', '.join(f'{n} {what}' for what, n in counts.most_common())}", flush=True
    )
    return not counts["disagree"]


def in_order(answers: list[Any]) -> list[Any]:
    """Answers with places that can be put into a set."""
    return [one | {"start": str(one["start"])} for one in answers]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--old-python")
    parser.add_argument("--haystack-python")
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=3, help="cases that disagree, for each checkpoint")
    parser.add_argument("--old-side", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.old_side:
        kind, folder = given.old_side
        found = {"pipeline": old_pipeline, "haystack": old_haystack}[kind](folder, json.load(sys.stdin))
        print("\n" + json.dumps(found))
        return 0
    draw, good = random.Random(given.seed), True
    sides = (
        ("pipeline", given.old_python, pipeline_case, our_pipeline),
        ("haystack", given.haystack_python, haystack_case, our_haystack),
    )
    for kind, python, make, ours in sides:
        cases = [make(draw) for _ in range(given.cases)]
        for folder in given.folders if python else ():
            command = [python, __file__, "--old-side", kind, str(folder)]
            told = subprocess.run(
                command, input=json.dumps(cases), stdout=subprocess.PIPE, text=True, check=True
            )
            old = json.loads(told.stdout.splitlines()[-1])
            good &= compare(folder, kind, cases, ours(folder, cases), old, given.show)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
