"""Fine-tune a six-layer MiniLM for extractive question answering with no-answer, with a larger model as its teacher.

On CPU, in phases. `first`: the small model learns from answerable questions of several domains and unanswerable ones made
from them by rule. `teacher`: the larger one learns from the real questions of SQuAD 2.0, with some of the others beside them.
Then three phases that each go on from `first`: `abstains` and `longer` with the real questions alone, `distilled` with what the
teacher says of every token of them and of others. Their weights are averaged.

    python recipes/minilm_squad2/train.py --answerable FILE [FILE ...] --squad2 FILE --teacher DIR --out DIR
"""

from __future__ import annotations

import argparse
import logging
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from teacher import Taught, Teacher, distillation, taught
from tokenizers import Tokenizer
from training import BASE, Encoded, averaged, by_rule, crop, encode, masked, read_squad, run_phase, save
from unanswerable import Question

log = logging.getLogger("train")
MASKED = 0.1  # share of the tokens of the text, outside of its answers, that some phases hide in all but the last epoch
WHOLE = (230, 230)  # words: hardly a paragraph of SQuAD has more
# Weight of an example's own answers against what the teacher says. What a rule has made may have an answer after all, so
# there the teacher alone is asked.
LABEL = {"near": 0.5, "far": 0.5, "wide": 0.3, "of_real": 0.0, "of_wide": 0.0}
# A little less of what was before the real questions takes the average further the way that the other phases went from it.
SHARES = {"distilled": 0.55, "longer": 0.37, "abstains": 0.2, "first": -0.12}


@dataclass
class Recipe:
    """The questions, and the folder in which each phase leaves its weights; one that stands there is not run again."""

    wide: list[Question]
    real: list[Question]
    teacher: Path
    out: Path
    seed: int

    def __post_init__(self):
        self.tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))

    def run(self) -> None:
        self.first()
        self.real_alone("abstains", 5e-5, 2)
        self.real_alone("longer", 9e-5, 4, share_masked=MASKED)
        self.distilled()
        model = averaged({self.out / name: share for name, share in SHARES.items()})
        save(model.state_dict(), self.out / "final")

    def first(self) -> None:
        if self.stands("first/model.safetensors"):
            return
        rng = self.rng("first")
        made = by_rule(self.wide, {"paragraph": 5000, "sentence": 3000, "edit": 3500, "word": 4500}, rng)
        epochs = [self.cropped(self.wide + made, words, rng, 352) for words in ((50, 115), (100, 190))]
        save(run_phase("first", averaged({}), epochs, 1.4e-4, rng), self.out / "first")

    def real_alone(self, name: str, rate: float, epochs: int, share_masked: float = 0.0) -> None:
        if self.stands(f"{name}/model.safetensors"):
            return
        rng = self.rng(name)
        examples = [self.cropped(self.real, WHOLE, rng, 352) for _ in range(epochs)]
        if share_masked:
            examples[:-1] = [[masked(e, share_masked, rng) for e in epoch] for epoch in examples[:-1]]
        save(run_phase(name, self.after_first(), examples, rate, rng), self.out / name)

    def distilled(self) -> None:
        if self.stands("distilled/model.safetensors"):
            return
        # Named as it was when the bundled weights were made, since the name seeds what is hidden and the order of batches.
        lessons, rng = self.lessons(), self.rng("kd2")
        beside = [e for kind in ("of_real", "of_wide", "wide") for e in lessons[kind]]
        epochs = [lessons[kind] + beside for kind in ("far", "near", "far")]
        epochs[:-1] = [[e.hidden(MASKED, rng) for e in epoch] for epoch in epochs[:-1]]
        state = run_phase("distilled", self.after_first(), epochs, 9e-5, rng, loss=distillation)
        save(state, self.out / "distilled")

    def taught_teacher(self) -> Teacher:
        file, teacher = self.out / "teacher.pt", Teacher(self.teacher).train()
        if not self.stands("teacher.pt"):
            rng = self.rng("teacher")
            wide = self.shuffled_wide(rng)
            made = by_rule(wide, {"paragraph": 400, "sentence": 200, "edit": 200, "word": 200}, rng)
            rng.shuffle(made)
            plan = (((60, 130), wide[:2500] + made), ((60, 150), wide[2500:4000]), ((80, 180), []))
            epochs = [self.cropped(self.real + more, words, rng, 288) for words, more in plan]
            state = run_phase("teacher", teacher, epochs, 5e-5, rng)
            torch.save({name: weight.half() for name, weight in state.items()}, file)
        weights = torch.load(file, weights_only=True)
        teacher.load_state_dict({name: weight.float() for name, weight in weights.items()}, strict=False)
        return teacher.speaking()

    def lessons(self) -> dict[str, list[Taught]]:
        """Questions of each kind with what the teacher says of them.

        The real ones with texts cropped in two ways, "near" and "far"; those made by rule from the real ones and from the
        others; and some of the others.
        """
        rng, teacher = self.rng("pool"), self.taught_teacher()
        wide = self.shuffled_wide(rng)
        answerable = [q for q in self.real if q.golds]
        of_real = by_rule(answerable, {"paragraph": 800, "edit": 1000, "word": 1700}, rng)
        # Of these only the first rule's are taken. The others are drawn too, because the crops that come after them hang on it,
        # and on those the bundled weights.
        of_wide = by_rule(wide, {"paragraph": 1500, "sentence": 800, "edit": 1300, "word": 1900}, rng)
        kinds = {
            "near": (self.real, (60, 140), None),
            "of_real": (of_real, (60, 170), None),
            "wide": (wide[:2500], (50, 130), 800),
            "of_wide": (of_wide, (50, 130), 1500),
            "far": (self.real, (100, 220), None),
        }
        return {
            kind: taught(teacher, self.cropped(questions, words, rng, 320)[:count], LABEL[kind])
            for kind, (questions, words, count) in kinds.items()
        }

    def cropped(
        self, questions: list[Question], words: tuple[int, int], rng: random.Random, tokens: int
    ) -> list[Encoded]:
        return encode(self.tokenizer, [crop(q, rng.randint(*words), rng) for q in questions], tokens)

    def shuffled_wide(self, rng: random.Random) -> list[Question]:
        # From the order of the files' names, so that the order in which they were given does not matter.
        order = sorted(self.wide, key=lambda q: q.group.partition(":")[0])
        rng.shuffle(order)
        return order

    def after_first(self):
        return averaged({self.out / "first": 1.0})

    def rng(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")

    def stands(self, file: str) -> bool:
        if found := (self.out / file).exists():
            log.info("%s stands in %s", file, self.out)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--answerable", type=Path, nargs="+", required=True, help="SQuAD-format files, answerable questions"
    )
    parser.add_argument("--squad2", type=Path, required=True, help="SQuAD 2.0 file to train on")
    parser.add_argument("--teacher", type=Path, required=True, help="folder of all-mpnet-base-v2")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="each phase leaves its weights in here; one that stands there is not run again",
    )
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    wide = [q for path in args.answerable for q in read_squad(path) if q.golds]
    real = read_squad(args.squad2)
    log.info("questions: %d answerable, real %s", len(wide), Counter(bool(q.golds) for q in real))
    args.out.mkdir(parents=True, exist_ok=True)
    Recipe(wide, real, args.teacher, args.out, args.seed).run()


if __name__ == "__main__":
    main()
