"""The old scores of Haystack's reader come out again, for several kinds of model, with and without segment ids."""

from __future__ import annotations

import json
import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import numpy as np
import pytest
import transformers
from checkpoints import QUESTION, SENTENCES, STORY, save
from haystack import Document
from old_haystack import old_answers

from haystack_integrations.components.readers.qalens import QALensExtractiveReader
from qalens.errors import InputError
from qalens.integrations.haystack import Candidates, no_candidates, pick_distinct
from qalens.integrations.haystack_options import ReaderOptions
from qalens.integrations.haystack_readings import Readers
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer

TEXTS = (STORY, SENTENCES[0], "Tobias slept below the stairs. The dog slept too.")
KINDS = ("bert-uncased", "roberta", "xlm-roberta")


@pytest.fixture(scope="module", params=[*KINDS, "bert without segments"])
def old_and_new(request, tmp_path_factory):
    """A reader with the old scores, the model and tokenizer behind it, and whether segment ids are passed."""
    kind = request.param.removesuffix(" without segments")
    folder = save(tmp_path_factory.mktemp("checkpoint"), "bert-uncased" if kind == "bert" else kind)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    withheld = kind == "bert"
    if withheld:
        settings = folder / "tokenizer_config.json"
        told = json.loads(settings.read_text()) | {"model_input_names": ["input_ids", "attention_mask"]}
        settings.write_text(json.dumps(told))
    reader = QALensExtractiveReader(folder, scores="haystack", max_seq_length=96, stride=24)
    return reader, model, tokenizer, kind == "bert-uncased" and not withheld


CASES = {
    "default": {},
    "no overlap removed": {"overlap_threshold": None},
    "half": {"overlap_threshold": 0.5},
    "none at all": {"overlap_threshold": 0.0},
    "three answers": {"top_k": 3},
    "no answer first": {"top_k": 0},
    "threshold": {"score_threshold": 0.5},
    "without no answer": {"no_answer": False},
    "three a window": {"answers_per_seq": 3, "overlap_threshold": None},
    "many a window": {"answers_per_seq": 100},
    "short windows": {"max_seq_length": 48, "stride": 8},
    "no stride": {"stride": 0},
}


@pytest.mark.parametrize("options", CASES.values(), ids=list(CASES))
@pytest.mark.parametrize("texts", [TEXTS, TEXTS[1:2]], ids=["three documents", "one"])
def test_old_scores_are_those_of_the_old_reader(old_and_new, options, texts):
    reader, model, tokenizer, segments = old_and_new
    documents = [Document(content=text) for text in texts]
    ours = reader.run(QUESTION, documents, **options)["answers"]
    theirs = old_answers(model, tokenizer, QUESTION, texts, segments=segments, **options)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.score == pytest.approx(other.score, rel=2e-4)
        if other.document is None:
            assert (one.document, one.data, one.document_offset) == (None, None, None)
        else:
            assert one.document is documents[other.document]
            assert (one.document_offset.start, one.document_offset.end) == other.span


def test_another_calibration_gives_other_scores_in_the_same_order(old_and_new):
    reader, model, tokenizer, segments = old_and_new
    sharper = QALensExtractiveReader(
        reader.model, scores="haystack", max_seq_length=96, stride=24, calibration_factor=0.4
    )
    ours = sharper.run(QUESTION, [Document(content=STORY)])["answers"]
    theirs = old_answers(model, tokenizer, QUESTION, [STORY], segments=segments, calibration_factor=0.4)
    assert [one.score for one in ours] == pytest.approx([one.score for one in theirs], rel=2e-4)


@pytest.mark.parametrize("query", ["", "   "])
def test_a_blank_query_can_be_asked_with_old_scores_alone(old_and_new, query):
    reader, model, tokenizer, segments = old_and_new
    documents = [Document(content=STORY)]
    ours = reader.run(query, documents)["answers"]
    theirs = old_answers(model, tokenizer, query, [STORY], segments=segments)
    assert [one.score for one in ours] == pytest.approx([one.score for one in theirs], rel=2e-4)
    with pytest.raises(InputError, match=r"The question is (empty|blank)"):
        QALensExtractiveReader().run(query, documents)


def test_special_tokens_typed_in_a_text_are_read_as_they_were(old_and_new):
    reader, model, tokenizer, segments = old_and_new
    text = f"Ada kept {tokenizer.sep_token} the lamp {tokenizer.cls_token} of the lighthouse."
    ours = reader.run(QUESTION, [Document(content=text)])["answers"]
    theirs = old_answers(model, tokenizer, QUESTION, [text], segments=segments)
    assert [one.score for one in ours] == pytest.approx([one.score for one in theirs], rel=2e-4)


# --- which candidates are kept ----------------------------------------------------------------------------------


def test_the_old_overlap_does_not_hang_on_the_length():
    readers = Readers(Reader(toy_model(), toy_tokenizer()))
    for length, stride in ((384, 128), (200, 128), (64, 21)):
        old = readers.suited(ReaderOptions(scores="haystack", max_seq_length=length))
        assert (old.max_length, old.stride) == (length, stride)
    assert readers.suited(ReaderOptions(max_seq_length=200)).stride == 66


def shared(a: tuple[int, int], b: tuple[int, int]) -> float:
    both = set(range(*a)) & set(range(*b))
    return max(len(both) / max(1, len(range(*one))) for one in (a, b))


def kept_slowly(groups, k, threshold, names):
    ranked = sorted(
        ((-float(p), g, s) for g, group in enumerate(groups) for s, p in enumerate(group.score)),
    )
    kept: list[tuple[int, int]] = []
    for _, g, s in ranked:
        span = int(groups[g].start[s]), int(groups[g].end[s])
        rivals = [(int(groups[h].start[t]), int(groups[h].end[t])) for h, t in kept if names[h] == names[g]]
        if threshold is None or all(shared(span, other) <= threshold for other in rivals):
            kept.append((g, s))
    return kept[:k]


@pytest.mark.parametrize("threshold", [None, 0.0, 0.01, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("k", [0, 1, 4, 1000])
def test_distinct_candidates_are_the_greedy_ones(threshold, k):
    rng = np.random.default_rng(7)
    groups = [no_candidates()]
    for n in (12, 1, 30):
        start = rng.integers(0, 20, n)
        groups.append(Candidates(start, start + rng.integers(0, 9, n), rng.integers(1, 9, n) / 10))
    for names in ([0, 1, 2, 3], ["a", "b", "b", "a"]):
        assert pick_distinct(groups, k, threshold, same=names) == kept_slowly(groups, k, threshold, names)
    assert pick_distinct(groups, k, threshold) == kept_slowly(groups, k, threshold, [0, 1, 2, 3])
    assert groups[3].score.min() > 0
