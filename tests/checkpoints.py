"""Small real checkpoints and tokenizers for the tests: trained or drawn in memory, never downloaded.

Every tokenizer is the class of transformers that its architecture really uses, with a vocabulary from the sentences
below, the same in every process; every model is a real one with two layers and random weights.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

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
# A question and a text in German and in other scripts, each with the words that answer it.
SCRIPTS = {
    "german": (
        "Wer hütete das Licht?",
        "Änne Größlin hütete das Licht über dreißig Jahre lang.",
        "Änne Größlin",
    ),
    "greek": ("Ποιος φύλαγε τον φάρο;", "Η Άννα φύλαγε τον φάρο για τριάντα χρόνια.", "Η Άννα"),
    "russian": ("Кто хранил маяк?", "Анна Ёлкина хранила маяк тридцать лет подряд.", "Анна Ёлкина"),
    "arabic": ("من حرس المنارة؟", "حرست ليلى المنارة ثلاثين سنة قرب الميناء.", "ليلى"),
    "hebrew": ("מי שמר על המגדלור?", "חנה שמרה על המגדלור שלושים שנה.", "חנה"),
    "hindi": ("दीपक किसने रखा?", "मीरा ने तीस साल तक दीपक रखा।", "मीरा"),
    "chinese": ("谁看守灯塔？", "李梅看守灯塔三十年，她的弟弟修理了钟。", "李梅"),
    "japanese": ("だれが灯台を守りましたか。", "ハルカは三十年間灯台を守りました。", "ハルカ"),
    "korean": ("누가 등대를 지켰나요?", "하나는 삼십 년 동안 등대를 지켰다.", "하나는"),
    "thai": ("ใครดูแลประภาคาร", "มาลี ดูแลประภาคารมาสามสิบปี", "มาลี"),
}


# Most of the trainers of the tokenizers package order what is equally frequent by chance, so only byte pairs are trained.
_VOCABULARY_SIZE = 220


def _frequent(pieces: Iterable[str], letters: Iterable[str], room: int) -> dict[str, int]:
    """All letters, and the pieces that cover most of the text, with how often they occur."""
    counts = Counter(pieces)
    known = {letter: max(1, counts[letter]) for letter in sorted(set(letters))}
    longer = sorted((p for p in counts if p not in known), key=lambda p: (-counts[p] * len(p), p))
    return known | {p: counts[p] for p in longer[: max(0, room - len(known))]}


@lru_cache
def _wordpieces(
    specials: tuple[str, ...], *, lower: bool, sentences: tuple[str, ...] = SENTENCES
) -> dict[str, int]:
    normalize = normalizers.BertNormalizer(lowercase=lower).normalize_str
    cut = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    words = [word for sentence in sentences for word, _ in cut(normalize(sentence))]
    pieces = ["##" * (i > 0) + w[i:j] for w in words for i, j in combinations(range(len(w) + 1), 2)]
    letters = [prefix + letter for letter in "".join(words) for prefix in ("", "##")]
    found = _frequent(pieces, letters, _VOCABULARY_SIZE - len(specials))
    return {piece: k for k, piece in enumerate((*specials, *found))}


@lru_cache
def _byte_pairs() -> tuple[dict[str, int], Any]:
    rust = Tokenizer(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rust.train_from_iterator(SENTENCES * 3, trainer)
    model = json.loads(rust.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


@lru_cache
def _unigrams(
    specials: tuple[str, ...], *, lower: bool = False, sentences: tuple[str, ...] = SENTENCES
) -> list[tuple[str, float]]:
    cut = pre_tokenizers.Metaspace().pre_tokenize_str
    words = [word for s in sentences for word, _ in cut(s.lower() if lower else s)]
    pieces = [w[i:j] for w in words for i, j in combinations(range(len(w) + 1), 2)]
    found = _frequent(pieces, "".join(words), _VOCABULARY_SIZE - len(specials))
    total = sum(found.values())
    return [(name, 0.0) for name in specials] + [(p, math.log(n / total)) for p, n in found.items()]


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
    return transformers.ElectraTokenizer(vocab=_wordpieces(_BERT, lower=True), model_max_length=512)  # pyright: ignore[reportAttributeAccessIssue]


def german_electra() -> Any:
    """Cased, as the German checkpoints are, with a vocabulary that knows umlauts."""
    sentences = (*SENTENCES, *SCRIPTS["german"])
    vocabulary = _wordpieces(_BERT, lower=False, sentences=sentences)
    return transformers.ElectraTokenizer(vocab=vocabulary, do_lower_case=False, model_max_length=512)  # pyright: ignore[reportAttributeAccessIssue]


def mpnet() -> Any:
    specials = ("<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>")
    return transformers.MPNetTokenizer(vocab=_wordpieces(specials, lower=True))


def roberta() -> Any:
    vocabulary, merges = _byte_pairs()
    return transformers.RobertaTokenizer(vocab=vocabulary, merges=merges)


def xlm_roberta() -> Any:
    pieces = _unigrams(("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
    return transformers.XLMRobertaTokenizer(vocab=pieces)


def many_scripts() -> Any:
    """XLM-RoBERTa's tokenizer with pieces of every script, and none where a script has no blanks."""
    sentences = (*SENTENCES, *(text for texts in SCRIPTS.values() for text in texts))
    specials = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    return transformers.XLMRobertaTokenizer(vocab=_unigrams(specials, sentences=sentences))


def longformer() -> Any:
    vocabulary, merges = _byte_pairs()
    return transformers.LongformerTokenizer(vocab=vocabulary, merges=merges)  # pyright: ignore[reportAttributeAccessIssue]


def modernbert() -> Any:
    """Byte pairs and one [CLS] and [SEP] template, in the plain class that ModernBERT's checkpoints name."""
    vocabulary, merges = _byte_pairs()
    rust = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    specials = [(name, vocabulary[name]) for name in ("<s>", "</s>")]
    rust.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=specials
    )
    names = {"cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{part}_token": name for part, name in names.items()},
    )


def big_bird() -> Any:
    specials = ("<pad>", "</s>", "<s>", "<unk>", "[SEP]", "[MASK]", "[CLS]")
    return transformers.BigBirdTokenizer(vocab=_unigrams(specials))


def xlnet() -> Any:
    specials = ("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>")
    # Asked for by name, since transformers 5 leaves out the segments that XLNet was trained with.
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return transformers.XLNetTokenizer(vocab=_unigrams(specials), model_input_names=inputs)


def albert() -> Any:
    specials = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
    return transformers.AlbertTokenizer(vocab=_unigrams(specials, lower=True))


def deberta() -> Any:
    specials = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")
    tokenizer = transformers.DebertaV2Tokenizer(vocab=_unigrams(specials))
    # transformers 5.3 gives it none; the tokenizer.json of a real checkpoint brings its own along.
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(name, specials.index(name)) for name in ("[CLS]", "[SEP]")],
    )
    return tokenizer


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
    "electra-german": german_electra,
    "xlm-roberta-scripts": many_scripts,
    "longformer": longformer,
    "modernbert": modernbert,
    "big-bird": big_bird,
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

# Kin of the above with another language, and families whose inner parts have shapes of their own.
MORE_CONFIGS: dict[str, Callable[[], Any]] = {
    "electra-german": lambda: _config("electra", embedding_size=16, **_SMALL, **_LENGTHS),
    "xlm-roberta-scripts": lambda: _config(
        "xlm-roberta", pad_token_id=1, type_vocab_size=1, **_SMALL, **_LENGTHS
    ),
    "longformer": lambda: _config(
        "longformer",
        attention_window=[16, 16],
        pad_token_id=1,
        sep_token_id=2,
        type_vocab_size=1,
        **_SMALL,
        **_LENGTHS,
    ),
    "modernbert": lambda: _config(
        "modernbert",
        global_attn_every_n_layers=2,
        local_attention=32,
        pad_token_id=1,
        cls_token_id=0,
        sep_token_id=2,
        bos_token_id=0,
        eos_token_id=2,
        **_SMALL,
        **_LENGTHS,
    ),
    # Its sparse attention starts at some thousand tokens; below them it reads in full.
    "big-bird": lambda: _config("big_bird", attention_type="original_full", **_SMALL, **_LENGTHS),
}
EVERY_CONFIG = CONFIGS | MORE_CONFIGS


def model(architecture: str, *, seed: int = 0, **changes: Any) -> Any:
    """A model with random weights for question answering, for the tokenizer of the same name."""
    config = EVERY_CONFIG[architecture]()
    config.vocab_size = len(TOKENIZERS[architecture]())
    for name, value in changes.items():
        setattr(config, name, value)
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would reach the generators of other devices, whose states are not brought back.
        torch.default_generator.manual_seed(seed)
        return transformers.AutoModelForQuestionAnswering.from_config(config).eval()


def save(folder: Path, architecture: str) -> Path:
    """A checkpoint on disk: weights in safetensors, the tokenizer beside them."""
    model(architecture).save_pretrained(folder)
    TOKENIZERS[architecture]().save_pretrained(folder)
    return folder
