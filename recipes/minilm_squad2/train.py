"""Fine-tune a six-layer MiniLM for extractive question answering with no-answer, on SQuAD 2.0 alone.

`find` has answerable questions over short texts until the model finds answers at all, `mixed` adds unanswerable ones and
longer texts, `whole` has both on whole paragraphs. `longer` and `settle` do that once more with many more questions; the last
ends at a rate of zero. The checkpoint is the mean of the weights of `whole` and `settle`. Every few minutes the whole state is written; the
same command goes on from it, or where only weights are left, from those of the last phase that ended.

    python recipes/minilm_squad2/train.py --squad2 FILE [FILE ...] --reworded FILE [FILE ...] --out DIR
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from data import Question, Supply, crop, held_out, read_questions, reworded, write_squad
from model import BASE, Example, encode, log_probabilities, mean_of, model_of, save, wide_units
from transformers import PreTrainedModel

log = logging.getLogger("train")


@dataclass(frozen=True)
class Phase:
    """So many questions of each kind, texts of so many words, and the learning rate from its first step to its last."""

    name: str
    answerable: int
    unanswerable: int
    words: tuple[int, int]
    rates: tuple[float, float]
    # Whether questions come in back-translated wording too. On whole paragraphs there is what people wrote alone.
    reworded: bool


PHASES = (
    Phase("find", 14_000, 0, (25, 45), (1.5e-4, 1.5e-4), False),
    Phase("mixed", 40_000, 20_000, (30, 70), (1.5e-4, 7e-5), True),
    # Two to one, as in the training set: after halves it left too many questions without an answer.
    Phase("whole", 9_400, 4_700, (400, 400), (7e-5, 0.0), False),
    Phase("longer", 33_000, 16_500, (400, 400), (1.2e-4, 7e-5), True),
    Phase("settle", 16_000, 8_000, (400, 400), (7e-5, 0.0), False),
)
# The mean of their weights is the checkpoint: nearly as good on the articles kept out as the last alone, and less sure of itself
# on texts of another kind.
AVERAGED = ("whole", "settle")
BATCH, WARMUP, DECAY, TOKENS = 16, 200, 0.01, 352


def examples_of(phase: Phase, supply: Supply, rng: random.Random) -> list[Example]:
    questions = supply.take(phase.answerable, phase.unanswerable, phase.reworded)
    return encode([crop(q, rng.randint(*phase.words), rng) for q in questions], TOKENS)


def batches(examples: list[Example], rng: random.Random) -> list[list[Example]]:
    """Shuffled batches of examples of like length, so that little is padded."""
    order, chunk, found = rng.sample(examples, len(examples)), BATCH * 40, []
    for k in range(0, len(order), chunk):
        part = sorted(order[k : k + chunk], key=lambda example: len(example.ids))
        found += [part[j : j + BATCH] for j in range(0, len(part), BATCH)]
    rng.shuffle(found)
    return found


def loss_of(model: PreTrainedModel, batch: list[Example]) -> torch.Tensor:
    """Cross-entropy of start and end."""
    said = log_probabilities(model, batch)
    rows = torch.arange(len(batch), device=said.device)
    starts = torch.tensor([example.start for example in batch], device=said.device)
    ends = torch.tensor([example.end for example in batch], device=said.device)
    return -(said[0, rows, starts] + said[1, rows, ends]).mean() / 2


class Training:
    """The model, its optimizer, and how far it is; `state.pt` in the folder holds all of it."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.seed = folder, seed
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        ended = (k for k, phase in enumerate(PHASES, 1) if (folder / phase.name).is_dir())
        self.phase = max(ended, default=0)
        start = folder / PHASES[self.phase - 1].name if self.phase else BASE
        self.model = model_of(start).to(self.device).train()
        weights = list(self.model.parameters())
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [w for w in weights if w.ndim > 1], "weight_decay": DECAY},
                {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
            ],
            fused=True,
        )
        self.step, self.steps_before, self.loss = 0, 0, math.nan
        if (file := folder / "state.pt").exists():
            self.restore(torch.load(file, map_location=self.device, weights_only=True))
        else:
            log.info("weights of %s, a new optimizer", start.name)

    def restore(self, state: dict) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.phase, self.step, self.steps_before = state["phase"], state["step"], state["steps_before"]
        self.loss = state["loss"]
        log.info("resumed after %d phases at step %d", self.phase, self.step)

    def write_state(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "phase": self.phase,
            "step": self.step,
            "steps_before": self.steps_before,
            "loss": self.loss,
        }
        part = self.folder / "state.part"
        torch.save(state, part)
        part.replace(self.folder / "state.pt")

    def run(self, supply: Supply, minutes: float) -> None:
        for number, phase in enumerate(PHASES):
            rng = random.Random(f"{self.seed} {phase.name}")
            examples = examples_of(
                phase, supply, rng
            )  # drawn for phases that are over too: each question comes once
            if number == self.phase:
                self.run_phase(phase, batches(examples, rng), minutes)
                save(self.model, self.folder / phase.name)
                self.phase, self.step, self.steps_before = number + 1, 0, self.steps_before + self.step
                self.write_state()
        save(mean_of([self.folder / name for name in AVERAGED]), self.folder / "mean")

    def run_phase(self, phase: Phase, plan: list[list[Example]], minutes: float) -> None:
        log.info(
            "phase %s: %d steps, %d tokens", phase.name, len(plan), sum(len(e.ids) for b in plan for e in b)
        )
        began, first, written = time.monotonic(), self.step, time.monotonic()
        for batch in plan[first:]:
            loss = self.train_on(batch, self.rate(phase, len(plan)))
            self.loss = loss if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss
            self.step += 1
            if self.step % 50 == 0:
                left = (time.monotonic() - began) / (self.step - first) * (len(plan) - self.step)
                log.info(
                    "%s %d/%d loss %.3f, %.0f min left",
                    phase.name,
                    self.step,
                    len(plan),
                    self.loss,
                    left / 60,
                )
            if time.monotonic() - written > 60 * minutes:
                self.write_state()
                written = time.monotonic()

    def rate(self, phase: Phase, steps: int) -> float:
        first, last = phase.rates
        warm = min(1.0, (self.steps_before + self.step + 1) / WARMUP)
        return warm * (first + (last - first) * self.step / steps)

    def train_on(self, batch: list[Example], rate: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=wide_units(self.device)):
            loss = loss_of(self.model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()


def questions_of(paths: list[Path]) -> Iterator[Question]:
    for path in paths:
        yield from read_questions(json.loads(path.read_text(encoding="utf-8")))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--squad2", type=Path, nargs="+", required=True, help="the training set of SQuAD 2.0")
    add("--reworded", type=Path, nargs="+", required=True, help="its answerable questions, back-translated")
    add("--out", type=Path, required=True, help="where state, log and the weights of each phase go")
    add("--seed", type=int, default=7)
    add("--minutes", type=float, default=4, help="how often the state is written")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    handlers = [logging.StreamHandler(), logging.FileHandler(args.out / "log.txt")]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    questions = list(questions_of(args.squad2))
    kept_out = held_out(questions, random.Random(args.seed))
    write_squad([q for q in questions if q.article in kept_out and q.own_words], args.out / "held-out.json")
    log.info("kept out: %s", "; ".join(sorted(kept_out)))
    supply = Supply(
        [q for q in questions if q.article not in kept_out],
        reworded(questions_of(args.reworded)),
        random.Random(f"{args.seed} supply"),
    )
    Training(args.out, args.seed).run(supply, args.minutes)


if __name__ == "__main__":
    main()
