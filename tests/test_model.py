"""A model gives the same logits however it is batched, and what is no usable checkpoint is refused in words."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from checkpoints import QUESTION, SENTENCES, STORY, TOKENIZERS, model, save

import qalens
from qalens.errors import InputError, ModelError
from qalens.models.devices import bfloat16_gain, pick_device
from qalens.models.loading import load_checkpoint
from qalens.models.model import QAModel
from qalens.reader import Reader
from qalens.readings.reading import FailedReading
from qalens.spans.distribution import SpanLogits
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.windows import make_windows

PAIRS = [(QUESTION, sentence) for sentence in SENTENCES[:5]] + [("Why?", STORY), (SENTENCES[2], STORY)]


@pytest.fixture
def folder(tmp_path):
    """A complete checkpoint on disk, to be damaged by a test."""
    return save(tmp_path / "checkpoint", "bert-uncased")


def probabilities(readings):
    """All probabilities of some readings, one array each, no-answer first."""
    return [np.append(r.no_answer_probability, r.spans.probabilities()) for r in readings]


def assert_equal_to(readings, expected, tolerance=1e-6):
    for ours, theirs in zip(probabilities(readings), probabilities(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


# --- nothing depends on how the windows are batched -------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_by_one():
    reader = Reader(toy_model(), toy_tokenizer(), max_length=96)
    return [reader.read(*pair) for pair in PAIRS]


@pytest.mark.parametrize("batch_tokens", [1, 96, 200, 777, 4096, 10**9])
def test_the_size_of_a_batch_changes_nothing(one_by_one, batch_tokens):
    reader = Reader(toy_model(), toy_tokenizer(), max_length=96, batch_tokens=batch_tokens)
    assert_equal_to(reader.read_many(PAIRS), one_by_one)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_the_texts_changes_nothing(one_by_one, seed):
    order = np.random.default_rng(seed).permutation(len(PAIRS))
    reader = Reader(toy_model(), toy_tokenizer(), max_length=96)
    readings = reader.read_many([PAIRS[k] for k in order])
    assert_equal_to(readings, [one_by_one[k] for k in order])


def test_what_stands_at_padding_changes_nothing():
    qa = QAModel(toy_model())
    short = make_windows(toy_tokenizer(), "Who?", "Ada kept the lamp.")
    long = make_windows(toy_tokenizer(), "Who?", "Ada kept the lamp of the room " * 9)
    (alone,) = qa.logits([short])
    beside, _ = qa.logits([short, long], batch_tokens=10**9)
    np.testing.assert_allclose(beside.start, alone.start, rtol=0, atol=1e-5)
    np.testing.assert_allclose(beside.end, alone.end, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["bert-uncased", "roberta", "xlnet"])
def test_the_padding_side_of_the_tokenizer_does_not_matter(name):
    module = model(name)
    readings = []
    for side in ("left", "right"):
        tokenizer = TOKENIZERS[name]()
        tokenizer.padding_side = side
        readings.append(list(Reader(module, tokenizer, max_length=64).read_many(PAIRS)))
    assert_equal_to(*readings, tolerance=1e-12)


def test_logits_of_no_text_at_all_are_none():
    assert list(QAModel(toy_model()).logits([])) == []


# --- scores, tables and fingerprint -----------------------------------------------------------------------------------


def test_scores_are_the_logits_in_their_graph():
    qa = QAModel(toy_model())
    windows = make_windows(toy_tokenizer(), "Who?", "Ada kept the lamp.")
    inputs = qa.tensors(windows.model_inputs)
    assert {name: x.tolist() for name, x in inputs.items()} == {
        name: rows.tolist() for name, rows in windows.model_inputs.items()
    }
    assert {x.device for x in inputs.values()} == {qa.device}
    start, end = qa.scores(inputs)
    assert start.requires_grad
    assert end.requires_grad
    for found, expected in zip((start, end), qa.forward(windows.model_inputs), strict=True):
        np.testing.assert_array_equal(found.detach().numpy(), expected)


@pytest.mark.parametrize(
    ("architecture", "parts"),
    [
        ("bert-uncased", ["word", "position", "segment"]),
        ("roberta", ["word", "position", "segment"]),
        ("albert", ["word", "position", "segment"]),
        ("distilbert", ["word", "position"]),
        ("deberta-v2", ["word"]),
        ("xlnet", ["word"]),
    ],
)
def test_the_tables_that_add_up_to_the_embeddings_are_found(architecture, parts):
    module = model(architecture)
    tables = QAModel(module).embeddings
    assert list(tables) == parts
    assert tables["word"] is module.get_input_embeddings()
    known = {name: part for name, part in module.named_modules() if isinstance(part, torch.nn.Embedding)}
    assert all(any(table is part for part in known.values()) for table in tables.values())


class NoTables(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))


def test_a_model_without_tables_says_what_it_would_need():
    with pytest.raises(
        ModelError, match=r"NoTables does not tell where .*: get_input_embeddings\(\) of NoTables has to"
    ):
        _ = QAModel(NoTables()).embeddings


def test_a_fingerprint_is_that_of_the_weights_wherever_they_are(tmp_path):
    module = toy_model()
    known = QAModel(module).fingerprint
    assert known == QAModel(module).fingerprint == QAModel(toy_model(), name="other").fingerprint
    module.save_pretrained(tmp_path)
    again = transformers.AutoModelForQuestionAnswering.from_pretrained(tmp_path)
    assert QAModel(again).fingerprint == known
    with torch.inference_mode():
        frozen = toy_model()
    assert QAModel(frozen).fingerprint == known
    module.train().requires_grad_(False)
    assert QAModel(module).fingerprint == known


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_a_fingerprint_changes_with_any_number_that_torch_counts(dtype):
    module = toy_model().to(dtype)
    qa = QAModel(module)
    seen = {qa.fingerprint}
    rng = np.random.default_rng(0)
    for weight in module.parameters():
        before = weight.detach().clone()
        place = tuple(int(rng.integers(n)) for n in weight.shape)
        with torch.no_grad():
            weight[place] += 1
        assert qa.fingerprint not in seen
        seen.add(qa.fingerprint)
        with torch.no_grad():
            weight.copy_(before)
        assert qa.fingerprint in seen


def test_a_fingerprint_leaves_the_weights_alone():
    module = toy_model()
    before = [(weight._version, weight.clone()) for weight in module.parameters()]
    _ = QAModel(module).fingerprint
    for weight, (version, values) in zip(module.parameters(), before, strict=True):
        assert weight._version == version
        assert torch.equal(weight, values)


# --- the model is used without being changed --------------------------------------------------------------------------


def test_a_model_in_training_reads_without_dropout_and_stays_in_training():
    still, training = toy_model(), toy_model().train()
    assert training.config.hidden_dropout_prob > 0
    reader = Reader(training, toy_tokenizer())
    assert_equal_to(
        [reader.read(*PAIRS[0])], [Reader(still, toy_tokenizer()).read(*PAIRS[0])], tolerance=1e-12
    )
    assert training.training
    assert all(part.training for part in training.modules())
    assert not still.training


def test_parts_in_training_and_parts_that_are_not_are_left_so():
    module = toy_model()
    module.bert.embeddings.dropout.train()
    reader = Reader(module, toy_tokenizer())
    assert_equal_to([reader.read(*PAIRS[0])], [reader.read(*PAIRS[0])], tolerance=0)
    assert [name for name, part in module.named_modules() if part.training] == ["bert.embeddings.dropout"]


def test_a_model_that_fails_is_left_in_training():
    module = toy_model().train()
    module.qa_outputs.forward = None
    (failed,) = QAModel(module).logits([make_windows(toy_tokenizer(), "Who?", "Ada")])
    assert "TypeError: 'NoneType' object is not callable" in str(failed)
    assert module.training


def test_reading_keeps_weights_and_gradients():
    module = toy_model()
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    Reader(module, toy_tokenizer()).read(*PAIRS[0])
    assert all(torch.equal(before[name], weight) for name, weight in module.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in module.parameters())
    assert torch.is_grad_enabled()


def test_model_inputs_that_are_read_only_are_taken_as_they_are():
    windows = make_windows(toy_tokenizer(), "Who?", "Ada kept the lamp.")
    start, end = QAModel(toy_model()).forward(windows.model_inputs)
    assert start.shape == end.shape == windows.role.shape
    assert start.dtype == end.dtype == np.float32


# --- precision --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "name"), [("bfloat16", "bfloat16"), (torch.float16, "float16")])
def test_half_precision_computes_the_head_in_float32(folder, dtype, name):
    reader = qalens.load(folder, device="cpu", dtype=dtype)
    module = reader.model.module
    assert str(reader.model.dtype) == f"torch.{name}"
    assert {str(weight.dtype) for weight in module.parameters()} == {f"torch.{name}"}
    reading = reader.read(QUESTION, STORY)
    # Logits in bfloat16 would be multiples of 1/256 and better; those of a float32 head are not.
    assert (reading.logits.start * 1024 % 1 != 0).any()
    exact = qalens.load(folder, device="cpu").read(QUESTION, STORY)
    assert np.abs(reading.logits.start - exact.logits.start)[reading.windows.answerable].max() < 0.5
    assert name in repr(reader)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_half_precision_module_stays_as_it_was_and_can_be_pickled(dtype):
    module = toy_model().to(dtype)
    reader = Reader(module, toy_tokenizer())
    reading = reader.read(*PAIRS[0])
    assert {weight.dtype for weight in module.parameters()} == {dtype}
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    again = Reader(pickle.loads(pickle.dumps(reader.model)), toy_tokenizer()).read(*PAIRS[0])
    assert_equal_to([again], [reading], tolerance=0)


def test_dtype_auto_says_what_it_did(folder):
    shown = repr(qalens.load(folder, device="cpu", dtype="auto"))
    gain = bfloat16_gain("cpu", 32)
    said = 'dtype "auto" took bfloat16' if gain >= 1.5 else 'dtype "auto" kept float32'
    assert said in shown
    assert f"{gain:.1f} × as fast" in shown


@pytest.mark.parametrize("dtype", ["float64", "half", torch.int8, None, 16, ["float32"]])
def test_other_precisions_are_refused(folder, dtype):
    with pytest.raises(
        InputError, match='dtype has to be "float32", "bfloat16", "float16" or "auto", but is'
    ):
        qalens.load(folder, device="cpu", dtype=dtype)


# --- devices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cpu", "cpu:0", torch.device("cpu")])
def test_the_processor_is_always_there(device):
    assert pick_device(device).type == "cpu"


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "'gpu' is no device; here are .*cpu"),
        ("", "'' is no device"),
        (1.5, "1.5 is no device"),
        ("meta", "The device meta is not available; here are .*cpu"),
        ("cuda:99", "The device cuda:99 is not available"),
        ("cpu:1", "The device cpu:1 is not available"),
    ],
)
def test_devices_that_are_not_there_are_refused(device, message):
    with pytest.raises(InputError, match=message):
        pick_device(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", torch.device("cuda")])
def test_cuda_is_refused_where_there_is_none(folder, device):
    with pytest.raises(InputError, match=r"The device cuda.* is not available; here are cpu"):
        qalens.load(folder, device=device)


# --- models that cannot answer ----------------------------------------------------------------------------------------


def test_a_model_without_a_head_is_refused():
    with pytest.raises(
        ModelError, match="BertModel has no question-answering head: it returns no start and end"
    ):
        Reader(transformers.BertModel(toy_model().config), toy_tokenizer())


@pytest.mark.parametrize("given", ["bert-base-cased", None, lambda **inputs: None])
def test_what_is_no_module_is_refused(given):
    with pytest.raises(ModelError, match="has to be a torch module, but is of type"):
        Reader(given, toy_tokenizer())


def test_a_beam_search_head_is_refused_when_it_first_reads():
    tokenizer = TOKENIZERS["xlnet"]()
    module = transformers.XLNetForQuestionAnswering(model("xlnet").config)
    with pytest.raises(ModelError, match="without start_logits and end_logits"):
        Reader(module, tokenizer).read(*PAIRS[0])


@pytest.mark.parametrize("headless", [transformers.BertForMaskedLM, transformers.BertModel])
def test_a_head_that_would_be_made_up_is_refused(folder, headless):
    headless(transformers.BertConfig.from_pretrained(folder)).save_pretrained(folder)
    with pytest.raises(
        ModelError, match=r"has no trained question-answering head: .*qa_outputs.*answer at random"
    ):
        qalens.load(folder, device="cpu")


def with_nan_at(token: str):
    """The toy model, with NaN in the embedding of one token."""
    module = toy_model()
    with torch.no_grad():
        module.get_input_embeddings().weight[toy_tokenizer().convert_tokens_to_ids(token)] = torch.nan
    return module


def test_a_text_that_gives_nan_fails_and_its_neighbours_do_not():
    reader = Reader(with_nan_at("lamp"), toy_tokenizer())
    with pytest.raises(ModelError, match="The model gave nan as start logit of token 0 in window 0"):
        reader.read("Who?", "Ada kept the lamp.")
    pairs = [("Who?", "Ada kept it."), ("Who?", "Ada kept the lamp."), ("Why?", "The text was on it.")]
    first, broken, last = reader.read_many(pairs)
    assert isinstance(broken, FailedReading)
    assert isinstance(broken.error, ModelError)
    assert broken.given.context == "Ada kept the lamp."
    sound = Reader(toy_model(), toy_tokenizer())
    assert_equal_to([first, last], [sound.read(*pairs[0]), sound.read(*pairs[2])])


def test_a_token_that_the_model_does_not_know_fails_alone():
    module = toy_model()
    module.resize_token_embeddings(len(toy_tokenizer()) - 1)
    last = toy_tokenizer().convert_ids_to_tokens(len(toy_tokenizer()) - 1)
    reader = Reader(module, toy_tokenizer())
    with pytest.raises(
        ModelError, match=r"failed on this text: IndexError: the tokenizer gives token id \d+ and"
    ):
        reader.read("Ada?", f"Ada {last} lamp")
    pairs = [("Ada?", f"lamp number {k}") for k in range(20)]
    pairs[7] = ("Ada?", f"Ada {last} lamp")
    outcomes = [reading.error is None for reading in reader.read_many(pairs)]
    assert outcomes == [k != 7 for k in range(20)]


def test_one_window_that_fails_fails_its_whole_question_and_no_other():
    tokenizer = toy_tokenizer()
    module = toy_model()
    module.resize_token_embeddings(len(tokenizer) - 1)
    last = tokenizer.convert_ids_to_tokens(len(tokenizer) - 1)
    long = make_windows(tokenizer, "Ada?", "Ada kept the lamp of it " * 60 + last, max_length=64)
    short = make_windows(tokenizer, "Ada?", "Ada kept the lamp")
    before, failed, after = QAModel(module).logits([short, long, short])
    assert len(long) > 3
    assert isinstance(failed, ModelError)
    assert isinstance(before, SpanLogits)
    assert isinstance(after, SpanLogits)


# --- checkpoints on disk ----------------------------------------------------------------------------------------------


def test_a_folder_is_loaded_by_string_and_by_path(folder):
    by_path = qalens.load(folder, device="cpu").read(*PAIRS[0])
    by_string = qalens.load(str(folder), device="cpu").read(*PAIRS[0])
    assert_equal_to([by_path], [by_string], tolerance=0)


def test_options_of_the_reader_go_through_load(folder):
    reader = qalens.load(folder, device="cpu", max_length=64, stride=9, max_answer_length=3, threshold=1.5)
    assert (reader.max_length, reader.stride, reader.max_answer_length, reader.threshold) == (64, 9, 3, 1.5)
    assert not reader.model.module.training
    assert str(folder) in repr(reader)


@pytest.mark.parametrize(
    "name", ["./no-such-folder", "/no/such/folder", "~/no-such-folder", "a/b/c", Path("no-such")]
)
def test_a_folder_that_is_not_there_is_told_from_a_hub_name(name):
    with pytest.raises(ModelError, match=r"There is no folder .*(no.such|a/b/c)"):
        qalens.load(name)


@pytest.mark.parametrize("name", ["n" * 5000, "~no such user/bert", "a\0b", "\ud800"])
def test_a_name_that_can_be_no_folder_is_an_error_of_ours(name):
    with pytest.raises(ModelError):
        qalens.load(name)


def test_a_folder_that_may_not_be_read_is_told_so(folder, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)  # root may read everything
    with pytest.raises(ModelError, match="that can be read: Permission denied"):
        qalens.load(folder)


@pytest.mark.parametrize("name", ["", 3, ["a"]])
def test_what_is_neither_name_nor_folder_is_refused(name):
    with pytest.raises(InputError, match="A checkpoint is a hub name or a folder, but got"):
        qalens.load(name)


def test_pickled_weights_are_read_only_when_asked_for(folder):
    (folder / "model.safetensors").unlink()
    torch.save(model("bert-uncased").state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r'has no safetensors weights.*qalens.load\(.*, weights="pickle"\)'):
        qalens.load(folder, device="cpu")
    pickled = qalens.load(folder, device="cpu", weights="pickle").read(*PAIRS[0])
    assert_equal_to([pickled], [Reader(model("bert-uncased"), TOKENIZERS["bert-uncased"]()).read(*PAIRS[0])])


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_a_pickle_that_holds_code_is_refused_and_never_run(folder, tmp_path):
    (folder / "model.safetensors").unlink()
    torch.save({"qa_outputs.bias": Trap(tmp_path / "ran")}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be loaded: UnpicklingError"):
        qalens.load(folder, device="cpu", weights="pickle")
    assert not (tmp_path / "ran").exists()


def test_an_unknown_kind_of_weights_is_refused(folder):
    with pytest.raises(InputError, match='weights has to be "safetensors" or "pickle", but is \'bin\''):
        qalens.load(folder, weights="bin")


@pytest.mark.parametrize("kind", ["odd", "bert"])
def test_code_of_a_checkpoint_is_never_run(folder, tmp_path, kind):
    marker = tmp_path / "ran"
    (folder / "odd.py").write_text(f"from pathlib import Path\nPath({str(marker)!r}).touch()\n")
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = kind
    config["auto_map"] = {
        "AutoConfig": "odd.OddConfig",
        "AutoModelForQuestionAnswering": "odd.OddForQuestionAnswering",
        "AutoTokenizer": [None, "odd.OddTokenizer"],
    }
    (folder / "config.json").write_text(json.dumps(config))
    if kind == "bert":  # transformers has a model of its own for it
        assert qalens.load(folder, device="cpu").read(*PAIRS[0]).error is None
    else:
        with pytest.raises(
            ModelError, match="needs Python code that comes with the checkpoint, and qalens never"
        ):
            qalens.load(folder, device="cpu")
    assert not marker.exists()


DAMAGED = {
    "weights cut short": lambda f: (f / "model.safetensors").write_bytes(
        (f / "model.safetensors").read_bytes()[:9999]
    ),
    "weights empty": lambda f: (f / "model.safetensors").write_bytes(b""),
    "weights of another kind": lambda f: (f / "model.safetensors").write_bytes(b"no weights" * 99),
    "config no JSON": lambda f: (f / "config.json").write_text("{"),
    "config a list": lambda f: (f / "config.json").write_text("[]"),
    "config without a type": lambda f: (f / "config.json").write_text("{}"),
    "config of an unknown type": lambda f: (f / "config.json").write_text('{"model_type": "nonsense"}'),
    "config of a type without answers": lambda f: (f / "config.json").write_text('{"model_type": "clip"}'),
    "no config": lambda f: (f / "config.json").unlink(),
    "tokenizer no JSON": lambda f: (f / "tokenizer.json").write_text("{"),
    "tokenizer empty": lambda f: (f / "tokenizer.json").write_text("{}"),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=list(DAMAGED))
def test_a_damaged_checkpoint_is_refused_by_name(folder, damage):
    damage(folder)
    with pytest.raises(ModelError, match=r"checkpoint (cannot be loaded|is no checkpoint): "):
        qalens.load(folder, device="cpu")


def test_weights_of_another_shape_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    config["intermediate_size"] = 32
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="cannot be loaded: RuntimeError"):
        qalens.load(folder, device="cpu")


def test_a_checkpoint_without_its_tokenizer_is_refused(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(
        ModelError, match="comes without a tokenizer: its vocabulary holds special tokens alone"
    ):
        qalens.load(folder, device="cpu")


def test_the_bundled_checkpoint_needs_no_name():
    qa, tokenizer = load_checkpoint(device="cpu")
    assert qa.name == "minilm-squad2 (bundled)"
    assert tokenizer.is_fast
    assert Reader(qa, tokenizer).read("Who kept the lamp?", SENTENCES[0]).answer.text == "Ada Marlow"


@pytest.mark.parametrize(
    ("processor", "tokens"), [("AVX512", 2048), ("AVX2", 1024), ("DEFAULT", 1024), ("SVE256", 1024)]
)
def test_batches_suit_the_processor(monkeypatch, processor, tokens):
    """Two thousand tokens at once are slower than single windows where a processor has AVX2 alone."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
    assert QAModel(toy_model()).batch_tokens == tokens
