"""The recipe of a dense retriever, on tiny encoders with random weights: vectors by hand, and a question asked."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from checkpoints import QUESTION, SENTENCES, bert_uncased

import qalens
from qalens.errors import InputError

pytestmark = pytest.mark.slow

RECIPE = Path(__file__).parents[1] / "recipes" / "dense_retrieval.py"


def recipe():
    spec = importlib.util.spec_from_file_location("dense_retrieval", RECIPE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dense = recipe()
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "initializer_range": 0.5,
}


def save(folder: Path, kind: str, seed: int = 0) -> Path:
    """A tiny encoder on disk: a BERT, or one of the two of DPR."""
    tokenizer = bert_uncased()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "bert":
            model = transformers.BertModel(transformers.BertConfig(vocab_size=len(tokenizer), **SIZES))
        else:
            made = {
                "dpr-question": transformers.DPRQuestionEncoder,
                "dpr-context": transformers.DPRContextEncoder,
            }[kind]
            model = made(transformers.DPRConfig(vocab_size=len(tokenizer), **SIZES))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return save(tmp_path_factory.mktemp("encoder"), "bert")


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("unit", [True, False])
def test_vectors_are_those_of_each_text_alone(bert, pooling, unit):
    encoder = dense.Encoder(bert, pooling=pooling, unit=unit, batch_size=5)
    found = encoder.encode(SENTENCES)
    model = transformers.AutoModel.from_pretrained(bert).eval()
    for text, vector in zip(SENTENCES, found, strict=True):
        with torch.inference_mode():
            hidden = model(**bert_uncased()(text, return_tensors="pt")).last_hidden_state[0].numpy()
        expected = hidden[0] if pooling == "cls" else hidden.mean(0)
        assert vector == pytest.approx(expected / (np.linalg.norm(expected) if unit else 1), abs=1e-5)


def test_search_gives_the_nearest_documents_with_their_products(bert):
    encoder = dense.Encoder(bert)
    index = dense.DenseIndex([{"text": text, "id": k} for k, text in enumerate(SENTENCES)], encoder)
    products = encoder.encode(SENTENCES) @ encoder.encode([QUESTION])[0]
    found = index.search(QUESTION, 4)
    assert [one.id for one in found] == np.argsort(-products)[:4].tolist()
    assert [one.score for one in found] == pytest.approx(
        sorted(products.tolist(), reverse=True)[:4], abs=1e-6
    )
    assert index.search(SENTENCES[3], 1)[0].id == 3


def test_two_encoders_as_dpr_has_them_are_asked_through_a_reader(tmp_path):
    questions, texts = (
        dense.Encoder(save(tmp_path / kind, kind, seed), pooling="cls", unit=False)
        for seed, kind in enumerate(("dpr-question", "dpr-context"))
    )
    index = dense.DenseIndex(SENTENCES, texts, questions=questions)
    products = texts.encode(SENTENCES) @ questions.encode([QUESTION])[0]
    reading = qalens.load().ask(QUESTION, index, top_k=3)
    assert [one.text for one in reading.documents] == [SENTENCES[d] for d in np.argsort(-products)[:3]]
    assert [one.score for one in reading.documents] == pytest.approx(
        sorted(products, reverse=True)[:3], abs=1e-5
    )


def test_an_unknown_pooling_is_refused(bert):
    with pytest.raises(InputError, match='pooling has to be "cls" or "mean", but is \'max\''):
        dense.Encoder(bert, pooling="max")


def test_it_runs_from_the_command_line(bert, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join([*SENTENCES, ""]))
    done = subprocess.run(
        [sys.executable, RECIPE, texts, QUESTION, "--encoder", bert, "--top-k", "12"],
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
    )
    assert "Who kept the lamp?\nAda Marlow" in done.stdout
