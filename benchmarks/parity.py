"""Do the scores of the old pipeline come out again? Compared with recordings of it, number by number.

    python benchmarks/parity.py FOLDER [--models tiny-bert-qa …] [--show 3]

FOLDER holds `golden_hf.json` (what `pipeline("question-answering")` of transformers 4.57 answered: models, cases, options),
`parity_flags.json` (the pairs of case and option that its faults touched) and the models as folders. An answer agrees where
start, end and text are the same and the score is within 2e-4 of the recorded one; answers with score 0 do not count, nor
does the order of equal scores.

Shown for `scores="transformers"`, where every pair has to agree that has no [CLS] typed in the question (flag "cls"), and
for `scores="product"`, which leaves the faults out. The flags were worked out on the first model: on the others the old
pipeline added up scores in more pairs, and its answers had blanks around them. What is named "…@slow-tokenizer" or
"…@left-padding" is left out: there are no slow tokenizers any more, and the old pipeline answered from the question where
padding was on the left.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import transformers

from qalens.errors import QalensError
from qalens.integrations.transformers import QuestionAnsweringPipeline

TOLERANCE = 2e-4


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="*", default=None)
    parser.add_argument("--show", type=int, default=0, help="pairs that disagree, for each model")
    given = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("qalens").setLevel(logging.ERROR)
    golden = json.loads((given.folder / "golden_hf.json").read_text(encoding="utf-8"))
    flags = json.loads((given.folder / "parity_flags.json").read_text(encoding="utf-8"))
    for name, cases in golden["models"].items():
        if "@" in name or (given.models is not None and name not in given.models):
            continue
        for scores in ("transformers", "product"):
            nlp = pipeline_of(given.folder / name, scores)
            report(f"{name}, {scores}", compare(nlp, cases, golden["options"], flags), given.show)


def pipeline_of(folder: Path, scores: str) -> QuestionAnsweringPipeline:
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return QuestionAnsweringPipeline(model, tokenizer, device="cpu", scores=scores)


def compare(
    nlp: QuestionAnsweringPipeline, cases: Any, options: Any, flags: Any
) -> dict[tuple[str, str], Any]:
    """For each pair of case and option: "" where both agree, else what ours and the old pipeline say."""
    found = {}
    for case, recorded in cases.items():
        for option, old in recorded["answers"].items():
            if "result" not in old:
                continue
            try:
                ours = nlp(question=recorded["question"], context=recorded["context"], **options[option])
            except QalensError as error:
                ours = [{"error": str(error)}]
            flag = ",".join(flags.get(case, {}).get(option, [])) or "unflagged"
            found[case, option] = flag, disagreement(listed(ours), listed(old["result"]))
    return found


def listed(answers: Any) -> list[dict[str, Any]]:
    return [answers] if isinstance(answers, dict) else answers


def disagreement(ours: list[dict[str, Any]], old: list[dict[str, Any]]) -> str:
    """ "" where both give the same answers with the same scores, else the two of them."""
    told = f"\n    ours {ours}\n    old  {old}"
    if any("error" in one for one in ours):
        return told
    ours, old = ([one for one in some if one["score"] > 0] for some in (ours, old))
    if len(ours) != len(old):
        return told
    for mine, theirs in zip(ours, old, strict=True):
        if abs(mine["score"] - theirs["score"]) > TOLERANCE * abs(theirs["score"]):
            return told
    places = [{(one["start"], one["end"], one["answer"]) for one in some} for some in (ours, old)]
    return "" if places[0] == places[1] else told


def report(name: str, found: dict[tuple[str, str], Any], show: int) -> None:
    counts = Counter((flag, not told) for flag, told in found.values())
    print(f"\n{name}: pairs that agree / all of their kind")
    for flag in sorted({flag for flag, _ in counts}, key=lambda one: (one != "unflagged", one)):
        agree = counts[flag, True]
        print(f"  {flag:<14} {agree:>4} / {agree + counts[flag, False]}")
    wrong = [(pair, told) for pair, (flag, told) in found.items() if told and flag == "unflagged"]
    for pair, told in wrong[:show]:
        print(f"  {pair[0]} × {pair[1]}{told}")


if __name__ == "__main__":
    main()
