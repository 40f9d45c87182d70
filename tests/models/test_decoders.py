"""Decoders, and encoders with decoders, answer without a null token, as the old pipeline of transformers did."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import transformers
from checkpoints import QUESTION, SENTENCES, STORY, _byte_pairs, _unigrams
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import qalens
from qalens.errors import ModelError
from qalens.models.model import QAModel
from qalens.reader import Reader

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.3,
    "max_position_embeddings": 128,
}
SIDES = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "max_position_embeddings": 128,
    "init_std": 0.3,
}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
OPT = {"ffn_dim": 64, "word_embed_proj_dim": 32, "init_std": 0.3, "do_layer_norm_before": True}


def gpt2_tokenizer():
    """No special token in a pair, and no padding token."""
    vocabulary, merges = _byte_pairs()
    rust = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.post_processor = processors.ByteLevel(trim_offsets=True)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust,
        eos_token="</s>",
        bos_token="</s>",
        model_input_names=["input_ids", "attention_mask"],
    )


def opt_tokenizer():
    """GPT-2's with one token before everything."""
    tokenizer = gpt2_tokenizer()
    start = tokenizer.bos_token_id
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="</s> $A", pair="</s> $A </s> $B", special_tokens=[("</s>", start)]
    )
    return tokenizer


def t5_tokenizer():
    """An end after each of the pair."""
    pieces = _unigrams(("<pad>", "</s>", "<unk>"))
    return transformers.T5Tokenizer(vocab=pieces, extra_ids=0)


def mbart_tokenizer():
    """Ends, and the language last."""
    rust = Tokenizer(models.Unigram([*_unigrams(("<s>", "<pad>", "</s>", "<unk>", "en_XX"))], unk_id=3))
    rust.pre_tokenizer = pre_tokenizers.Metaspace()
    rust.post_processor = processors.TemplateProcessing(
        single="$A </s> en_XX", pair="$A $B </s> en_XX", special_tokens=[("</s>", 2), ("en_XX", 4)]
    )
    names = {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{part}_token": name for part, name in names.items()},
    )


# Kind, tokenizer, options, and whether a token stands in the place of [CLS].
ARCHITECTURES = {
    "gpt2": (
        gpt2_tokenizer,
        {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128, "initializer_range": 0.3},
        False,
    ),
    "gpt_neox": (gpt2_tokenizer, SMALL, False),
    "qwen2": (gpt2_tokenizer, SMALL, False),
    "llama": (opt_tokenizer, SMALL, True),
    "opt": (opt_tokenizer, {**SMALL, **OPT}, True),
    "t5": (t5_tokenizer, T5, False),
    "mt5": (t5_tokenizer, T5, False),
    "mbart": (mbart_tokenizer, SIDES, False),
}
EVERY = pytest.mark.parametrize("name", ARCHITECTURES)


def model(name):
    tokenizer, options, _ = ARCHITECTURES[name]
    made = tokenizer()
    pad = made.pad_token_id if made.pad_token_id is not None else 0
    config = transformers.AutoConfig.for_model(
        name,
        vocab_size=len(made),
        pad_token_id=pad,
        eos_token_id=2,
        bos_token_id=2,
        decoder_start_token_id=2,
        **options,
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return transformers.AutoModelForQuestionAnswering.from_config(config).eval(), made


def reader(name, **options):
    module, tokenizer = model(name)
    return Reader(module, tokenizer, max_length=96, stride=24, **options)


@EVERY
def test_it_answers_from_the_logits_that_a_plain_loop_gives(name):
    module, tokenizer = model(name)
    reading = Reader(module, tokenizer, max_length=96, stride=24).read(QUESTION, SENTENCES[0])
    inputs = tokenizer(QUESTION, SENTENCES[0], return_tensors="pt")
    inputs = {key: value for key, value in inputs.items() if key in ("input_ids", "attention_mask")}
    with torch.no_grad():
        output = module(**inputs)
    np.testing.assert_array_equal(reading.windows.model_inputs["input_ids"], inputs["input_ids"])
    np.testing.assert_allclose(reading.logits.start, output.start_logits, rtol=0, atol=1e-4)
    np.testing.assert_allclose(reading.logits.end, output.end_logits, rtol=0, atol=1e-4)


@EVERY
def test_it_always_answers_where_no_token_stands_for_no_answer(name):
    plain, asked = reader(name), reader(name, threshold=0.0)
    has_null = ARCHITECTURES[name][2]
    assert plain.threshold == (0.0 if has_null else math.inf)
    assert asked.threshold == 0.0
    reading = plain.read(QUESTION, SENTENCES[0])
    if not has_null:
        assert reading.answer is not None
        assert reading.answer.text in SENTENCES[0]
        assert reading.windows.null_index.tolist() == [0]
    assert math.isfinite(reading.margin)


@EVERY
def test_windows_and_batches_work_as_for_encoders(name):
    one = reader(name)
    pairs = [(QUESTION, STORY), ("Who?", SENTENCES[1]), (QUESTION, SENTENCES[2])]
    alone = [reader(name, batch_tokens=1).read(*pair) for pair in pairs]
    assert len(alone[0].windows) > 2
    for expected, beside in zip(alone, one.read_many(pairs), strict=True):
        here = expected.windows.role != 3
        np.testing.assert_allclose(beside.logits.start[here], expected.logits.start[here], rtol=0, atol=1e-4)


@EVERY
def test_it_is_explained_or_says_why_not(name):
    one = reader(name)
    reading = one.read(QUESTION, SENTENCES[0])
    if name in ("t5", "mt5", "mbart"):
        with pytest.raises(ModelError, match=r"looks words up .* times in one pass"):
            one.attribute(reading)
        with pytest.raises(ModelError, match=r"no layers that can be told apart|several|2 such lists"):
            one.logit_lens(reading)
        return
    found = one.attribute(reading, "answer", "occlusion")
    assert found.diagnostics.value == pytest.approx(reading.decision.best.score, abs=1e-3)
    assert one.logit_lens(reading).start[-1] == pytest.approx(reading.logits.start, abs=1e-3)


def test_it_is_loaded_from_a_folder(tmp_path):
    module, tokenizer = model("gpt2")
    module.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = qalens.load(tmp_path, device="cpu", max_length=96)
    assert loaded.read(QUESTION, SENTENCES[0]).answer is not None
    assert QAModel(module).fingerprint == loaded.model.fingerprint
