"""Every family of models reads, explains itself and answers in both integrations, in German and in other scripts."""

from __future__ import annotations

import os
from functools import cache

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import numpy as np
import pytest
import torch
from checkpoints import EVERY_CONFIG, QUESTION, SCRIPTS, STORY, TOKENIZERS, model, save
from haystack import Document
from haystack.utils import ComponentDevice

from haystack_integrations.components.readers.qalens import QALensExtractiveReader
from qalens.errors import ModelError
from qalens.explain.targets import Contrast
from qalens.integrations.transformers import QuestionAnsweringPipeline
from qalens.reader import Reader

EVERY_ARCHITECTURE = pytest.mark.parametrize("architecture", EVERY_CONFIG)
EVERY_SCRIPT = pytest.mark.parametrize("script", SCRIPTS)
# Tokenizers that have pieces for every script below; the others read most of it as unknown.
KNOW_EVERY_SCRIPT = ["roberta", "xlm-roberta-scripts", "modernbert"]


@cache
def reader_of(architecture: str) -> Reader:
    return Reader(model(architecture), TOKENIZERS[architecture](), max_length=120, stride=30)


@cache
def pipeline_of(architecture: str) -> QuestionAnsweringPipeline:
    return QuestionAnsweringPipeline(
        model(architecture), TOKENIZERS[architecture](), device="cpu", max_seq_len=120, doc_stride=30
    )


@EVERY_ARCHITECTURE
@pytest.mark.parametrize("target", ["answer", "no_answer", "contrast"])
def test_integrated_gradients_add_up(architecture, target):
    reader = reader_of(architecture)
    reading = reader.read(QUESTION, "Ada Marlow kept the lamp.")
    best, second = reading.spans.top(2)
    wanted = Contrast(best.span, second.span) if target == "contrast" else target
    attribution = reader.attribute(reading, wanted, max_points=64)
    assert np.isfinite(attribution.values).all()
    assert np.abs(attribution.values).sum() > 0
    if attribution.converged:
        change = attribution.diagnostics.value - attribution.diagnostics.baseline_value
        assert attribution.values.sum() == pytest.approx(change, abs=0.05 * max(abs(change), 1))


@EVERY_ARCHITECTURE
def test_the_pipeline_says_what_the_reading_says(architecture):
    nlp, reader = pipeline_of(architecture), reader_of(architecture)
    (answer,) = nlp([{"question": QUESTION, "context": STORY}], align_to_words=False, return_reading=True)
    reading = reader.with_options(max_answer_length=15).read(QUESTION, STORY)
    assert len(reading.windows) > 1
    best = reading.decision.best
    assert answer["score"] == pytest.approx(best.probability, rel=1e-4)
    assert (answer["start"], answer["end"], answer["answer"]) == (best.span.start, best.span.end, best.text)
    assert len(answer["reading"].windows) == len(reading.windows)


@EVERY_ARCHITECTURE
def test_haystack_answers_from_texts_of_every_script(architecture, tmp_path):
    reader = QALensExtractiveReader(
        save(tmp_path, architecture), ComponentDevice.from_str("cpu"), max_seq_length=96, stride=24, top_k=30
    )
    texts = [STORY, *(context for _, context, _ in SCRIPTS.values())]
    documents = [Document(content=text) for text in texts]
    found = reader.run(QUESTION, documents, overlap_threshold=None)["answers"]
    whole = reader_of(architecture).with_options(max_length=96, stride=24).read_documents(QUESTION, texts)
    named = [one for one in found if one.document is not None]
    assert len(named) == 30
    for answer, span in zip(named, whole.top(30), strict=True):
        assert answer.score == pytest.approx(span.probability, rel=1e-3)
        place = answer.document_offset
        assert answer.data == answer.document.content[place.start : place.end] != ""
        assert answer.context[answer.context_offset.start : answer.context_offset.end] == answer.data
    old = QALensExtractiveReader(reader.model, reader.device, max_seq_length=96, stride=24, scores="haystack")
    old.warm_up()
    assert all(0 < one.score < 1 for one in old.run(QUESTION, documents)["answers"])


@EVERY_SCRIPT
@EVERY_ARCHITECTURE
def test_every_script_is_read_in_its_own_characters(architecture, script):
    question, context, _ = SCRIPTS[script]
    for scores in ("probability", "product"):
        for answer in pipeline_of(architecture)(
            question=question, context=context, top_k=3, scores=scores, return_reading=True
        ):
            reading = answer["reading"]
            assert reading.context == context
            assert answer["answer"] == context[answer["start"] : answer["end"]] != ""
            assert 0 <= answer["score"] <= 1
    total = reading.spans.probabilities().sum() + reading.no_answer_probability
    assert total == pytest.approx(1, abs=1e-9)


@EVERY_SCRIPT
@pytest.mark.parametrize("architecture", KNOW_EVERY_SCRIPT)
def test_the_answer_of_every_script_is_one_of_the_spans(architecture, script):
    question, context, answer = SCRIPTS[script]
    spans = reader_of(architecture).read(question, context).spans
    at = context.index(answer)
    found = spans.find(at, at + len(answer))
    assert found is not None
    assert found.text == answer


def test_german_pieces_keep_their_umlauts_and_their_case():
    tokenizer = TOKENIZERS["electra-german"]()
    question, context, answer = SCRIPTS["german"]
    reading = reader_of("electra-german").read(question, context)
    assert tokenizer.unk_token not in reading.windows.tokens[0].tolist()
    assert reading.spans.find(0, len(answer)).text == "Änne Größlin"


@EVERY_SCRIPT
def test_words_of_every_script_are_explained(script):
    reader = reader_of("xlm-roberta-scripts")
    question, context, _ = SCRIPTS[script]
    attribution = reader.attribute(reader.read(question, context), "no_answer", "input_x_gradient")
    for word in attribution.by_word():
        assert word.text in (question + context)


def test_a_method_that_cannot_explain_a_model_says_why():
    # Longformer pads inside of itself, so its layers see more tokens than were given.
    reader = reader_of("longformer")
    reading = reader.read(QUESTION, "Ada Marlow kept the lamp.")
    with pytest.raises(ModelError, match="its conductance cannot be told"):
        reader.attribute(reading, method="layer_conductance", layer=0)


def test_a_model_without_an_embedding_table_says_what_is_missing():
    class Bare(torch.nn.Module):
        """Gives logits, and hides where its words are looked up."""

        def __init__(self):
            super().__init__()
            self.inner = model("bert-uncased")

        def forward(self, **inputs):
            return self.inner(**inputs)

    reader = Reader(Bare(), TOKENIZERS["bert-uncased"](), max_length=64)
    reading = reader.read(QUESTION, "Ada Marlow kept the lamp.")
    with pytest.raises(ModelError, match="does not tell where its word embeddings are"):
        reader.attribute(reading)
