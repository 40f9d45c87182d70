"""The teacher: a larger model that learns from the same questions, and tells the small one how sure to be of what.

Its base, all-mpnet-base-v2 (Apache-2.0), has the word pieces of the small model, so that what the teacher says of a token
can be said to the same token there.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from training import BASE, Encoded, collate, masked
from transformers import MPNetForQuestionAnswering
from transformers.models.mpnet import modeling_mpnet

log = logging.getLogger(__name__)
NAMES = {"[PAD]": "<pad>", "[CLS]": "<s>", "[SEP]": "</s>", "[UNK]": "<unk>", "[MASK]": "<mask>"}
FROZEN_LAYERS = 4
PADDED = -1e4  # a logit that no probability is left of, and that times zero is a number


def fused_attention(self, hidden_states, attention_mask=None, position_bias=None, **_):
    """Attention of MPNet by the fused kernel, in float32 inside a bfloat16 model; its position bias is not trained."""
    shape = (*hidden_states.shape[:-1], -1, self.attention_head_size)
    query, key, value = (
        part(hidden_states).view(shape).transpose(1, 2).float() for part in (self.q, self.k, self.v)
    )
    bias = position_bias.float()
    if attention_mask is not None:
        bias = bias + attention_mask.float().clamp(min=-1e9)
    out = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.detach())
    return (self.o(out.to(hidden_states.dtype).transpose(1, 2).reshape(hidden_states.shape)),)


class Teacher(torch.nn.Module):
    """MPNet with a question-answering head that takes the token ids of the small model."""

    def __init__(self, folder: Path):
        super().__init__()
        modeling_mpnet.MPNetSelfAttention.forward = fused_attention
        self.net = MPNetForQuestionAnswering.from_pretrained(
            folder, dtype=torch.float32, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        )
        theirs = {w: k for k, w in enumerate((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())}
        ours = (BASE / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self.register_buffer("ids", torch.tensor([theirs[NAMES.get(w, w)] for w in ours]))
        # The lowest layers know words already, and a step without them takes a quarter less time.
        still = [self.net.mpnet.embeddings.word_embeddings, self.net.mpnet.embeddings.position_embeddings]
        still += [
            self.net.mpnet.encoder.relative_attention_bias,
            *self.net.mpnet.encoder.layer[:FROZEN_LAYERS],
        ]
        for part in still:
            part.requires_grad_(False)

    def speaking(self) -> Teacher:
        """The same in bfloat16, its head in float32 as a small model's would be when it is read."""
        self.eval().bfloat16()
        self.net.qa_outputs.float()
        self.net.qa_outputs.register_forward_pre_hook(lambda _, args: (args[0].float(),))
        return self

    def forward(self, input_ids, token_type_ids=None, attention_mask=None):
        return self.net(input_ids=self.ids[input_ids], attention_mask=attention_mask)


@dataclass(slots=True)
class Taught:
    """An example with the start and end logits of the teacher, and how much its own answer counts beside them."""

    example: Encoded
    said: NDArray[np.float16]
    label: float

    @property
    def ids(self) -> list[int]:
        return self.example.ids

    @property
    def segments(self) -> list[int]:
        return self.example.segments

    def hidden(self, share: float, rng: random.Random) -> Taught:
        """A copy with so large a share of the tokens of the text masked; the teacher saw them."""
        return replace(self, example=masked(self.example, share, rng))


@torch.inference_mode()
def taught(teacher: Teacher, examples: list[Encoded], label: float, size: int = 32) -> list[Taught]:
    """The examples, in their order, with what the teacher says of each token and the weight of their own answers."""
    order = sorted(range(len(examples)), key=lambda k: len(examples[k].ids))
    said: dict[int, NDArray[np.float16]] = {}
    for k in range(0, len(order), size):
        places = order[k : k + size]
        logits = teacher(**collate([examples[place] for place in places]))
        both = torch.stack([logits.start_logits, logits.end_logits], 1).half().numpy()
        said |= {place: both[row, :, : len(examples[place].ids)] for row, place in enumerate(places)}
        if k // size % 100 == 0:
            log.info("asked the teacher about %d of %d", k, len(order))
    return [Taught(e, said[k], label) for k, e in enumerate(examples)]


def distillation(model, batch: list[Taught]) -> torch.Tensor:
    """Cross-entropy with the own answers of a batch and with what the teacher says of it, by the weight of each label."""
    inputs = collate(batch)
    out = model(**inputs)
    logits = torch.stack([out.start_logits, out.end_logits], 1).float()
    logits = logits.masked_fill(inputs["attention_mask"][:, None] == 0, PADDED)
    said = torch.full_like(logits, PADDED)
    for row, e in enumerate(batch):
        said[row, :, : len(e.ids)] = torch.from_numpy(e.said).float()
    ours = logits.log_softmax(-1)
    by_teacher = -(said.softmax(-1) * ours).sum(-1).mean(1)
    by_label = torch.stack(
        [
            -(row[0, e.example.starts].mean() + row[1, e.example.ends].mean()) / 2
            for row, e in zip(ours, batch, strict=True)
        ]
    )
    label = torch.tensor([e.label for e in batch])
    return (label * by_label + (1 - label) * by_teacher).mean()
