"""Checkpoints that lie: files outside, other precisions, layers too many or too few, code by name, and whatever loaders raise."""

from __future__ import annotations

import base64
import json
import shutil
import threading

import pytest
import torch
import transformers
from checkpoints import QUESTION, SENTENCES, save
from safetensors.torch import load_file, save_file

import qalens
from qalens.errors import InputError, ModelError
from qalens.models import loading
from qalens.models.checkpoint_files import left_out_layers
from qalens.text.pair_tokenizer import PairTokenizer

PAIR = QUESTION, SENTENCES[0]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return save(tmp_path_factory.mktemp("checkpoints") / "sound", "bert-uncased")


@pytest.fixture
def folder(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "checkpoint")


def change(file, **values):
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | values))


def into_shards(folder, name):
    """The weights under another file name, which an index tells of."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": dict.fromkeys(weights, name)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return weights


def test_an_index_of_safetensors_is_read(folder):
    weights = into_shards(folder, "part-1.safetensors")
    save_file(weights, folder / "part-1.safetensors", metadata={"format": "pt"})
    assert qalens.load(folder, device="cpu").read(*PAIR).error is None


@pytest.mark.parametrize(
    "name", ["w.bin", "w.safetensors.bin", "pytorch_model.pt", ".safetensors/../w.bin", ""]
)
def test_an_index_that_names_a_pickle_is_refused_and_nothing_is_unpickled(folder, monkeypatch, name):
    weights = into_shards(folder, name)
    torch.save(weights, folder / "w.bin")
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled"))
    with pytest.raises(ModelError, match=r"may only name files that end in \.safetensors and lie beside it"):
        qalens.load(folder, device="cpu")


@pytest.mark.parametrize(
    "name", ["../outside.safetensors", "{}/outside.safetensors", "a/../../outside.safetensors"]
)
def test_an_index_that_leaves_its_folder_is_refused(folder, name):
    name = name.format(folder.parent)
    weights = into_shards(folder, name)
    save_file(weights, folder.parent / "outside.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lie beside it"):
        qalens.load(folder, device="cpu")


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 3}}', "[" * 9999]
)
def test_an_index_that_is_none_is_refused(folder, content):
    into_shards(folder, "w.safetensors")
    (folder / "model.safetensors.index.json").write_text(content)
    with pytest.raises(ModelError, match="checkpoint cannot be loaded: "):
        qalens.load(folder, device="cpu")


OTHER_WEIGHTS = {
    "another index": {"config.json": {"transformers_weights": "other.safetensors.index.json"}},
    "the pickle of an adapter": {"config.json": {"transformers_weights": "adapter_model.bin"}},
    "another file": {"config.json": {"transformers_weights": "part.safetensors"}},
    "an adapter": {"adapter_config.json": {"peft_type": "LORA", "base_model_name_or_path": "ada/other"}},
    "code of a quantizer": {"config.json": {"quantization_config": {"quant_method": "mxfp4"}}},
    "an unknown quantizer": {"config.json": {"quantization_config": {"quant_method": "none of these"}}},
}


@pytest.mark.parametrize("files", OTHER_WEIGHTS.values(), ids=list(OTHER_WEIGHTS))
def test_files_do_not_name_what_is_loaded_beside_the_weights(folder, monkeypatch, files):
    index = {"metadata": {}, "weight_map": dict.fromkeys(load_file(folder / "model.safetensors"), "w.bin")}
    (folder / "other.safetensors.index.json").write_text(json.dumps(index))
    for name in ("w.bin", "adapter_model.bin"):
        torch.save(load_file(folder / "model.safetensors"), folder / name)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled"))
    for name, values in files.items():
        there = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
        (folder / name).write_text(json.dumps(there | values))
    with pytest.raises(ModelError, match=r"cannot be loaded: .* hand the objects to qalens\.Reader"):
        qalens.load(folder, device="cpu")


@pytest.mark.parametrize("layers", [1, 0, -1])
def test_trained_layers_are_not_left_out_in_silence(folder, layers):
    change(folder / "config.json", num_hidden_layers=layers)
    with pytest.raises(ModelError, match=r"layers that its config\.json leaves out \(bert\.encoder\.layer\."):
        qalens.load(folder, device="cpu")


@pytest.mark.parametrize("layers", [10**7, 2**31, 500])
def test_layers_that_the_weights_cannot_have_are_refused_before_they_are_made(folder, layers):
    change(folder / "config.json", num_hidden_layers=layers)
    with pytest.raises(
        ModelError, match=rf"tells of {layers:,} layers, and its weights have 3\d tensors in all"
    ):
        qalens.load(folder, device="cpu")


def test_weights_that_no_model_needs_are_no_fault(folder):
    weights = load_file(folder / "model.safetensors")
    weights["bert.pooler.dense.weight"] = torch.zeros(32, 32)
    weights["bert.encoder.layer.0.old_mask"] = torch.zeros(3)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert qalens.load(folder, device="cpu").read(*PAIR).error is None


@pytest.mark.parametrize(
    ("unexpected", "left"),
    [
        (["a.layer.2.w", "a.layer.1.w"], ["a.layer.2.w"]),
        (["head.w", "a.0w.b", "w.3"], []),
        (["b.h.0.w"], ["b.h.0.w"]),
        (["a.layer.1.part.4.w"], ["a.layer.1.part.4.w"]),
    ],
)
def test_layers_are_told_by_their_numbers(unexpected, left):
    assert left_out_layers(unexpected, ["a.layer.0.w", "a.layer.1.w"]) == left


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool, torch.uint8])
def test_weights_that_are_no_floats_are_refused(folder, dtype):
    weights = load_file(folder / "model.safetensors")
    weights["qa_outputs.weight"] = weights["qa_outputs.weight"].to(dtype)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"qa_outputs\.weight is stored as .*floating-point numbers"):
        qalens.load(folder, device="cpu")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_read(folder, dtype):
    weights = {name: w.to(dtype) for name, w in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    reader = qalens.load(folder, device="cpu")
    assert reader.model.dtype == torch.float32
    assert reader.read(*PAIR).error is None


CODE = [
    "flex_attention",
    "kernels-community/flash-attn2",
    "evil/repo@main:function",
    "flash_attention_2",
    "nonsense",
    7,
]


@pytest.mark.parametrize("value", CODE)
def test_a_file_does_not_decide_which_code_computes(folder, sound, value):
    change(folder / "config.json", attn_implementation=value, _attn_implementation=value)
    reader = qalens.load(folder, device="cpu")
    usual = qalens.load(sound, device="cpu")
    assert reader.model.module.config._attn_implementation == usual.model.module.config._attn_implementation
    assert reader.read(*PAIR).margin == usual.read(*PAIR).margin


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_size": "32"},
        {"hidden_size": 0},
        {"hidden_size": None},
        {"layer_norm_eps": "x"},
        {"num_attention_heads": 0},
        {"num_attention_heads": 5},
        {"pad_token_id": 10**6},
        {"vocab_size": -3},
        {"hidden_act": "nonsense"},
        {"hidden_act": 3},
        {"max_position_embeddings": []},
        # Nothing of this size may ever be made.
        {"max_position_embeddings": 10**9},
        {"vocab_size": 10**9},
        {"intermediate_size": 10**9},
        {"num_hidden_layers": "two"},
    ],
    ids=str,
)
def test_whatever_a_config_makes_the_loaders_raise_is_a_model_error(folder, values):
    change(folder / "config.json", **values)
    # What transformers does not check by itself fails with the first text, in older ones more.
    with pytest.raises(ModelError, match=r"checkpoint cannot be loaded: |failed on this text: "):
        qalens.load(folder, device="cpu").read(*PAIR)


@pytest.mark.parametrize(
    "damage",
    [
        {"model": {"type": "nonsense"}},
        {"model": 3},
        {"pre_tokenizer": {"type": "nonsense"}},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AA"}},
        {"added_tokens": 3},
        {"post_processor": []},
    ],
    ids=str,
)
def test_whatever_a_broken_tokenizer_raises_is_ours(folder, damage):
    change(folder / "tokenizer.json", **damage)
    with pytest.raises((ModelError, InputError)):
        qalens.load(folder, device="cpu").read(*PAIR)


def precompiled(size, table=bytes(64)):
    """A normalizer of SentencePiece whose table says that it has so many bytes."""
    said = size.to_bytes(4, "little") + table
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(said).decode()}


# More than follows: the tokenizers library sets that much aside, and where it is not to be had the process ends at once.
ENDS_THE_PROCESS = {
    "all of it": precompiled(2**32 - 1),
    "a word more": precompiled(68),
    "in a sequence": {"type": "Sequence", "normalizers": [{"type": "NFC"}, precompiled(2**32 - 4)]},
    "nothing": {
        "type": "Precompiled",
        "precompiled_charsmap": base64.b64encode(b"\xff\xff\xff\xff").decode(),
    },
}


@pytest.mark.parametrize("normalizer", ENDS_THE_PROCESS.values(), ids=list(ENDS_THE_PROCESS))
def test_a_table_that_is_shorter_than_it_says_never_reaches_the_tokenizers_library(
    folder, monkeypatch, normalizer
):
    change(folder / "tokenizer.json", normalizer=normalizer)
    monkeypatch.setattr(
        transformers.AutoTokenizer, "from_pretrained", lambda *_, **__: pytest.fail("reached")
    )
    with pytest.raises(ModelError, match=r"normalizer in its tokenizer\.json is damaged.* follow\."):
        qalens.load(folder, device="cpu")


@pytest.mark.parametrize("id", [2**31 - 1, 2**31, 2**32 - 1])
def test_ids_far_beyond_the_model_cost_no_memory_and_fail_their_text_alone(folder, id):
    known = json.loads((folder / "tokenizer.json").read_text())
    added = {**known["added_tokens"][0], "id": id, "content": "glass", "special": False}
    change(folder / "tokenizer.json", added_tokens=[*known["added_tokens"], added])
    reader = qalens.load(folder, device="cpu")
    first, broken, last = reader.read_many([PAIR, (QUESTION, "a glass"), PAIR])
    assert (first.error, last.error) == (None, None)
    assert isinstance(broken.error, ModelError | InputError)


class PanicException(BaseException):
    """What Rust code raises through pyo3, which keeps its class to itself."""


def test_a_loader_that_panics_is_a_model_error(folder, monkeypatch):
    def panic(*_, **__):
        raise PanicException("index out of range")

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", panic)
    with pytest.raises(ModelError, match="cannot be loaded: PanicException: index out of range"):
        qalens.load(folder, device="cpu")


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_goes_through(folder, monkeypatch, end):
    def stop(*_, **__):
        raise end

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", stop)
    with pytest.raises(end):
        qalens.load(folder, device="cpu")


def test_a_tokenizer_that_panics_on_one_text_fails_it_alone(sound):
    reader = qalens.load(sound, device="cpu")
    rust = reader.pair.rust

    class Panicking:
        def encode(self, text, **options):
            if "glass" in text:
                raise PanicException("retry-limit-in-match over")
            return rust.encode(text, **options)

        def encode_batch(self, texts, **options):
            return [self.encode(text, **options) for text in texts]

        def __getattr__(self, name):
            return getattr(rust, name)

    reader.pair.rust = Panicking()
    first, broken, last = reader.read_many([PAIR, (QUESTION, "a glass"), PAIR])
    assert (first.error, last.error) == (None, None)
    assert "The tokenizer failed on this text: PanicException: retry-limit" in str(broken.error)


def test_a_loaded_reader_does_not_change_with_its_file(folder):
    reader = qalens.load(folder, device="cpu")
    before, fingerprint = reader.read(*PAIR).margin, reader.model.fingerprint
    file = folder / "model.safetensors"
    stored = file.read_bytes()
    with file.open("r+b") as stream:  # in place, as shutil.copyfile does it
        stream.write(stored[: len(stored) // 2] + bytes(len(stored) - len(stored) // 2))
    assert reader.read(*PAIR).margin == before
    fresh = reader.with_options().model
    assert fresh.fingerprint == fingerprint
    file.write_bytes(b"")
    assert reader.read(*PAIR).margin == before


def test_no_weight_is_a_page_of_its_file(folder):
    reader = qalens.load(folder, device="cpu")
    with open("/proc/self/maps", encoding="utf-8") as maps:
        lines = [line.split() for line in maps]
    mapped = [[int(end, 16) for end in line[0].split("-")] for line in lines if str(folder) in line[-1]]
    for weight in reader.model.module.parameters():
        assert not any(low <= weight.data_ptr() < high for low, high in mapped)


def test_the_verbosity_of_transformers_comes_back_from_many_threads(sound):
    logs = transformers.utils.logging
    before = logs.get_verbosity(), logs.is_progress_bar_enabled()
    threads = [threading.Thread(target=lambda: qalens.load(sound, device="cpu")) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (logs.get_verbosity(), logs.is_progress_bar_enabled()) == before
    assert loading._QUIET.acquire(blocking=False)
    loading._QUIET.release()


# --- special tokens of a checkpoint -------------------------------------------------------------------------------------


def marked():
    from checkpoints import bert_uncased

    tokenizer = bert_uncased()
    tokenizer.add_tokens(["[E1]", "[/E1]"], special_tokens=True)
    return tokenizer


def test_markers_that_a_checkpoint_added_are_read_as_tokens():
    windows = qalens.text.windows.make_windows(
        marked(), "who is [E1] ada [/E1] ?", "[E1] ada [/E1] kept [SEP] it"
    )
    tokens = windows.tokens[0].tolist()
    assert tokens.count("[E1]") == tokens.count("[/E1]") == 2
    assert tokens.count("[SEP]") == 2
    start = tokens.index("[E1]", tokens.index("[SEP]"))
    assert windows.offsets[0, start].tolist() == [0, 4]


@pytest.mark.parametrize("typed", ["[CLS]", "[SEP]", "[MASK]", "[PAD]"])
def test_special_tokens_of_the_template_stay_text(typed):
    tokenizer = marked()
    pair = PairTokenizer(tokenizer)
    assert tokenizer.convert_tokens_to_ids(typed) not in pair.text_ids(pair.encode(f"a {typed} b")).tolist()


def test_a_tokenizer_keeps_its_own_special_tokens():
    tokenizer = marked()
    before = tokenizer.backend_tokenizer.to_str()
    PairTokenizer(tokenizer)
    assert tokenizer.backend_tokenizer.to_str() == before
