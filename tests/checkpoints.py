"""Small real checkpoints and tokenizers for the tests: trained or drawn in memory, never downloaded.

Every tokenizer is the class of transformers that its architecture really uses, with a vocabulary trained on the
sentences below; every model is a real one with two layers and random weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

SENTENCES = (
    "Ada Marlow kept the lamp of the lighthouse for thirty years.",
    "The lamp burned whale oil until 1871, and paraffin after that.",
    "Who kept the lamp, and for how many years did it burn?",
    "In autumn the keeper walked down to the harbour twice a week.",
    "Her brother Tobias repaired the fog bell in the winter of 1869.",
    "What did the keeper write into the log book every evening?",
    "The inspector arrived by boat, counted the wicks and left again.",
    "When the storm broke the glass, she covered the burner with her coat.",
    "A new lens from Paris was carried up the stairs in eleven crates.",
    "Where were the crates opened, and who was there to see it?",
    "Nobody remembers the name of the dog that slept below the stairs.",
    "Why was the light moved to the southern rocks, and by whom?",
)
STORY = " ".join(SENTENCES)
QUESTION = "Who kept the lamp?"


def _train(rust: Tokenizer, trainer: Any) -> dict[str, Any]:
    """The trained model of a Rust tokenizer, as its JSON form."""
    rust.train_from_iterator(SENTENCES * 3, trainer)
    return json.loads(rust.to_str())["model"]


@lru_cache
def _wordpieces(specials: tuple[str, ...], *, lower: bool) -> dict[str, int]:
    rust = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    rust.normalizer = normalizers.BertNormalizer(lowercase=lower)
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=220, special_tokens=list(specials), show_progress=False)
    return _train(rust, trainer)["vocab"]


@lru_cache
def _byte_pairs() -> tuple[dict[str, int], list[tuple[str, str]]]:
    rust = Tokenizer(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model = _train(rust, trainer)
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


@lru_cache
def _unigrams(specials: tuple[str, ...], unknown: str, *, lower: bool = False) -> list[tuple[str, float]]:
    rust = Tokenizer(models.Unigram())
    if lower:
        rust.normalizer = normalizers.Lowercase()
    rust.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=220, special_tokens=list(specials), unk_token=unknown, show_progress=False
    )
    return [(piece, score) for piece, score in _train(rust, trainer)["vocab"]]


_BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def bert_uncased() -> Any:
    return transformers.BertTokenizer(vocab=_wordpieces(_BERT, lower=True), model_max_length=512)


def bert_cased() -> Any:
    vocabulary = _wordpieces(_BERT, lower=False)
    return transformers.BertTokenizer(vocab=vocabulary, do_lower_case=False, model_max_length=512)


def left_padding_bert() -> Any:
    tokenizer = bert_uncased()
    tokenizer.padding_side = "left"
    return tokenizer


def distilbert() -> Any:
    return transformers.DistilBertTokenizer(vocab=_wordpieces(_BERT, lower=True), model_max_length=512)


def electra() -> Any:
    return transformers.ElectraTokenizer(vocab=_wordpieces(_BERT, lower=True), model_max_length=512)


def mpnet() -> Any:
    specials = ("<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>")
    return transformers.MPNetTokenizer(vocab=_wordpieces(specials, lower=True))


def roberta() -> Any:
    vocabulary, merges = _byte_pairs()
    return transformers.RobertaTokenizer(vocab=vocabulary, merges=merges)


def xlm_roberta() -> Any:
    pieces = _unigrams(("<s>", "<pad>", "</s>", "<unk>", "<mask>"), "<unk>")
    return transformers.XLMRobertaTokenizer(vocab=pieces)


def xlnet() -> Any:
    specials = ("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>")
    # Asked for by name, since transformers 5 leaves out the segments that XLNet was trained with.
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return transformers.XLNetTokenizer(vocab=_unigrams(specials, "<unk>"), model_input_names=inputs)


def albert() -> Any:
    specials = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
    return transformers.AlbertTokenizer(vocab=_unigrams(specials, "<unk>", lower=True))


def deberta() -> Any:
    specials = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")
    return transformers.DebertaV2Tokenizer(vocab=_unigrams(specials, "[UNK]"))


TOKENIZERS: dict[str, Callable[[], Any]] = {
    "bert-uncased": bert_uncased,
    "bert-cased": bert_cased,
    "bert-left-padding": left_padding_bert,
    "distilbert": distilbert,
    "electra": electra,
    "mpnet": mpnet,
    "roberta": roberta,
    "xlm-roberta": xlm_roberta,
    "xlnet": xlnet,
    "albert": albert,
    "deberta-v2": deberta,
}

# Narrow enough to be fast, drawn widely enough that every input changes the logits.
_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.3,
}
_LENGTHS = {"max_position_embeddings": 128}


def _config(architecture: str, **ours: Any) -> Any:
    return transformers.AutoConfig.for_model(architecture, **ours)


CONFIGS: dict[str, Callable[[], Any]] = {
    "bert-uncased": lambda: _config("bert", **_SMALL, **_LENGTHS),
    "distilbert": lambda: _config(
        "distilbert", dim=32, n_layers=2, n_heads=4, hidden_dim=64, initializer_range=0.3, **_LENGTHS
    ),
    "electra": lambda: _config("electra", embedding_size=16, **_SMALL, **_LENGTHS),
    "mpnet": lambda: _config("mpnet", pad_token_id=1, **_SMALL, **_LENGTHS),
    "roberta": lambda: _config("roberta", pad_token_id=1, type_vocab_size=1, **_SMALL, **_LENGTHS),
    "xlm-roberta": lambda: _config("xlm-roberta", pad_token_id=1, type_vocab_size=1, **_SMALL, **_LENGTHS),
    "albert": lambda: _config("albert", embedding_size=16, **_SMALL, **_LENGTHS),
    "deberta-v2": lambda: _config(
        "deberta-v2",
        relative_attention=True,
        pos_att_type="p2c|c2p",
        position_biased_input=False,
        type_vocab_size=0,
        **_SMALL,
        **_LENGTHS,
    ),
    "xlnet": lambda: _config(
        "xlnet", d_model=32, n_layer=2, n_head=4, d_inner=64, initializer_range=0.3, pad_token_id=5
    ),
}


def model(architecture: str, *, seed: int = 0, **changes: Any) -> Any:
    """A model with random weights for question answering, for the tokenizer of the same name."""
    config = CONFIGS[architecture]()
    config.vocab_size = len(TOKENIZERS[architecture]())
    for name, value in changes.items():
        setattr(config, name, value)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return transformers.AutoModelForQuestionAnswering.from_config(config).eval()


def save(folder: Path, architecture: str) -> Path:
    """A checkpoint on disk: weights in safetensors, the tokenizer beside them."""
    model(architecture).save_pretrained(folder)
    TOKENIZERS[architecture]().save_pretrained(folder)
    return folder
