"""Small real parts for tests and examples: offline, deterministic, made in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from qalens.errors import InputError, shown
from qalens.readings.reading import Reading
from qalens.spans.decision import decide
from qalens.spans.distribution import DEFAULT_MAX_ANSWER_LENGTH, SpanLogits, span_distribution
from qalens.text.examples import Example
from qalens.text.windows import make_windows

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_WORDS = "a ada and answer by did for in is it keep kept lamp of on room text the to was what when where who why".split()
_LETTERS = [chr(c) for c in range(33, 127) if not chr(c).isupper()]


def toy_tokenizer() -> Any:
    """A fast WordPiece tokenizer with some two hundred tokens, lower-cased as BERT's: [CLS] question [SEP] text [SEP].

    It has a few English words and spells the others in letters; characters outside ASCII become [UNK].

    Returns
    -------
    object
        A `PreTrainedTokenizerFast`.

    Examples
    --------
    >>> toy_tokenizer().tokenize("Ada kept it lit")
    ['ada', 'kept', 'it', 'l', '##i', '##t']
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokens = dict.fromkeys([*_SPECIAL, *_LETTERS, *(f"##{c}" for c in _LETTERS), *_WORDS])
    vocabulary = {token: k for k, token in enumerate(tokens)}
    rust = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    rust.normalizer = normalizers.BertNormalizer(lowercase=True)
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    rust.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=rust,
        model_max_length=512,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **dict(zip(names, _SPECIAL, strict=True)),
    )


def toy_model(seed: int = 0) -> Any:
    """A BERT for question answering with two layers, 32 dimensions and random weights, for `toy_tokenizer`.

    The random state of torch is not changed.

    Parameters
    ----------
    seed : int, default 0
        The same seed gives the same weights.

    Returns
    -------
    object
        A `BertForQuestionAnswering` in evaluation mode.

    Examples
    --------
    >>> sum(p.numel() for p in toy_model().parameters()) < 60_000
    True
    """
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    config = BertConfig(
        vocab_size=len(toy_tokenizer()),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=512,
        initializer_range=0.3,
    )
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would reach the generators of other devices, whose states are not brought back.
        torch.default_generator.manual_seed(seed)
        return BertForQuestionAnswering(config).eval()


def planted_logits(
    context: str,
    *,
    answer: str | None,
    question: str = "What is it?",
    strength: float = 12.0,
    null: float = 0.0,
    max_length: int = 384,
    stride: int | None = None,
) -> SpanLogits:
    """Logits that point at the first occurrence of `answer`, and are 0 elsewhere.

    The start logit of its first token and the end logit of its last are `strength`, in every window that holds them.

    Parameters
    ----------
    context : str
        The text.
    answer : str or None
        A piece of the text, from token boundary to token boundary; None gives the null token `strength`.
    question : str, default "What is it?"
        The question.
    strength : float, default 12.0
        In logits.
    null : float, default 0.0
        Start and end logit at the null token.
    max_length, stride
        The windows, as in `make_windows`.

    Returns
    -------
    SpanLogits

    Raises
    ------
    InputError
        For an answer that the context does not hold, or that no window holds as a whole.

    Examples
    --------
    >>> float(planted_logits("Ada kept the lamp.", answer="Ada").start.max())
    12.0
    """
    windows = make_windows(toy_tokenizer(), question, context, max_length=max_length, stride=stride)
    start, end = np.zeros(windows.role.shape, np.float32), np.zeros(windows.role.shape, np.float32)
    rows = np.arange(len(windows))
    start[rows, windows.null_index] = end[rows, windows.null_index] = strength if answer is None else null
    if answer is not None:
        at = context.find(answer)
        if at < 0:
            raise InputError(f"The context does not hold {shown(answer)}.")
        inside = windows.answerable
        first = inside & (windows.offsets[..., 0] == at)
        last = inside & (windows.offsets[..., 1] == at + len(answer))
        if not (first.any(1) & last.any(1)).any():
            raise InputError(
                f"No window holds the first {shown(answer)} of the context from token edge to token edge."
            )
        start[first] = end[last] = strength
    return SpanLogits(windows, start, end)


def planted_reading(
    question: str, context: str, *, answer: str | None, threshold: float = 0.0, **options: Any
) -> Reading:
    """A finished reading of `planted_logits`, for everything that takes a reading and needs no model.

    Parameters
    ----------
    question : str
        The question.
    context : str
        The text.
    answer : str or None
        As in `planted_logits`.
    threshold : float, default 0.0
        The no-answer threshold, in logits.
    **options
        Other options of `planted_logits`.

    Returns
    -------
    Reading

    Examples
    --------
    >>> planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer=None).answer is None
    True
    """
    logits = planted_logits(context, answer=answer, question=question, **options)
    spans = span_distribution(logits)
    return Reading(
        example=Example(question, context),
        windows=logits.windows,
        logits=logits,
        spans=spans,
        decision=decide(spans, threshold=threshold),
        max_answer_length=DEFAULT_MAX_ANSWER_LENGTH,
    )
