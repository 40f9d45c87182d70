"""The documents of a collection as one text: the same spans with the same joint probabilities, in characters that fit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from checkpoints import QUESTION, SENTENCES, STORY

from qalens.errors import InputError
from qalens.evaluation.evaluate import evaluate
from qalens.evaluation.report import report_of
from qalens.evaluation.rows import ExampleRow, row_of
from qalens.evaluation.scores.squad import squad_scores
from qalens.reader import Reader
from qalens.readings.documents import join_readings
from qalens.readings.provenance import Document
from qalens.spans.distribution import span_distribution
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example

TEXTS = (SENTENCES[4], STORY, "", SENTENCES[0], "\x07", " ".join(SENTENCES[5:9]), None)


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer(), max_length=64)


@pytest.fixture(scope="module", params=["min", "mean", "max"])
def whole(reader, request):
    return reader.with_options(null=request.param).read_documents(QUESTION, TEXTS[:4] + TEXTS[5:])


def planted(*answers: tuple[str, str | None], **options):
    readings = [planted_reading(QUESTION, text, answer=answer, **options) for text, answer in answers]
    return join_readings(QUESTION, [Document(text, id=text[:3]) for text, _ in answers], readings)


def test_it_is_the_distribution_of_its_own_windows(whole):
    joined = whole.joined()
    again = span_distribution(joined.logits, max_answer_length=joined.max_answer_length, null=joined.null)
    for name in ("start", "end", "score", "window", "token_start", "token_end", "null_scores"):
        assert getattr(again, name).tolist() == getattr(joined.spans, name).tolist()
    assert again.null_score == pytest.approx(joined.spans.null_score)
    assert again.log_normalizer == pytest.approx(joined.spans.log_normalizer)


def test_every_span_is_one_of_its_document_with_the_joint_probability(whole):
    joined = whole.joined()
    ranked = whole.top(300)
    for ours, theirs in zip(joined.spans.top(300), ranked, strict=True):
        found = joined.in_document(ours)
        assert (found.document, found.span, found.text) == (theirs.document, theirs.span, theirs.text)
        assert (found.score, found.probability) == (theirs.score, pytest.approx(theirs.probability))
        assert found.source is theirs.source
    assert joined.no_answer_probability == pytest.approx(whole.no_answer_probability)
    assert joined.margin == pytest.approx(whole.margin)
    assert joined.document_probabilities() == pytest.approx(whole.document_probabilities, abs=1e-12)
    assert (joined.answer is None) == (whole.answer is None)


def test_the_model_is_given_the_windows_that_it_read(whole):
    windows = whole.joined().windows
    own = [(one, w) for one in whole.readings if one.error is None for w in range(len(one.windows))]
    assert len(own) == len(windows)
    for row, (one, w) in enumerate(own):
        n = one.windows.lengths[w]
        assert windows.lengths[row] == n
        for name, ids in one.windows.model_inputs.items():
            assert windows.model_inputs[name][row, :n].tolist() == ids[w, :n].tolist()
        assert windows.tokens[row, :n].tolist() == one.windows.tokens[w, :n].tolist()
    ranges = windows.char_ranges
    assert ranges[0, 0] == 0
    assert ranges[-1, 1] == len(windows.context)
    assert (ranges[1:, 0] <= ranges[:-1, 1]).all()


def test_documents_that_were_not_read_take_no_place(reader):
    whole = reader.read_documents(QUESTION, TEXTS)
    joined = whole.joined()
    for document, place in zip(whole.documents, joined.places, strict=True):
        assert place.of(joined.context) == (document.text or "")
    assert joined.document_probabilities()[[2, 4, 6]].tolist() == [0, 0, 0]
    assert joined.document_at(joined.places[3].start) == 3
    # A text without a token leaves no window behind.
    assert joined.windows.answerable.any(1).all()


def test_texts_without_a_token_leave_no_answer(reader):
    joined = reader.read_documents(QUESTION, ["\x07", "\x00"]).joined()
    assert (joined.answer, joined.no_answer_probability) == (None, 1.0)
    assert len(joined.windows) == 2


def test_it_stays_itself_in_a_pickle_and_at_another_threshold(whole):
    joined = whole.joined()
    again = pickle.loads(pickle.dumps(joined))
    assert again.places == joined.places
    assert not again.spans.score.flags.writeable
    assert joined.with_threshold(-50).answer is None
    assert joined.with_threshold(-50).places == joined.places
    assert "<" in joined._repr_html_()


def test_its_windows_can_be_explained(reader, whole):
    joined = whole.joined()
    best = joined.decision.best
    found = reader.attribute(joined, method="input_x_gradient")
    alone = reader.attribute(whole.best_reading, method="input_x_gradient")
    assert found.target.span == best.span
    assert np.allclose(found.values[: len(alone.values)], alone.values, atol=1e-5)


# --- evaluation -------------------------------------------------------------------------------------------------


def test_gold_answers_are_places_or_texts():
    whole = planted(("Tobias slept.", None), ("Ada kept the lamp. Ada slept.", "Ada"))
    assert whole.gold is None
    assert whole.with_gold(["Ada"]).gold == ((1, CharSpan(0, 3)), (1, CharSpan(19, 22)))
    assert whole.with_gold([(1, CharSpan(0, 3)), "Ada"]).gold == whole.with_gold(["Ada"]).gold
    assert whole.with_gold([]).gold == whole.with_gold(["Lena"]).gold == ()
    known = whole.with_gold([(1, CharSpan(0, 3))]).joined()
    assert [span.of(known.context) for span in known.example.gold] == ["Ada"]


@pytest.mark.parametrize(
    "gold", [(2, CharSpan(0, 1)), (-1, CharSpan(0, 1)), (0, CharSpan(0, 99)), (0, 3), 7, ""]
)
def test_gold_that_no_document_has_is_refused(gold):
    whole = planted(("Tobias slept.", None), ("Ada kept the lamp.", "Ada"))
    with pytest.raises(InputError, match="A gold answer is a text or"):
        whole.with_gold([gold])
    with pytest.raises(InputError, match="gold has to be a list"):
        whole.with_gold("Ada")


def test_the_joint_decision_is_judged():
    # The first document answers for itself alone; the second is surer, and it is what the collection says.
    right = planted(("Tobias slept.", "Tobias"), ("Ada kept the lamp.", "Ada"))
    surer = join_readings(
        QUESTION,
        right.documents,
        [planted_reading(QUESTION, "Tobias slept.", answer="Tobias", strength=4), right.readings[1]],
    )
    nothing = planted(("Tobias slept.", None), ("It kept the room.", None))
    known = [surer.with_gold(["Ada"]), surer.with_gold(["Tobias"]), nothing.with_gold([])]
    scores = squad_scores([*known, surer])
    assert (scores.total, scores.exact) == (3, pytest.approx(200 / 3))
    assert (scores.has_answer_exact, scores.no_answer_exact) == (50.0, 100.0)


def test_a_row_names_the_document_and_is_kept():
    whole = planted(("Tobias slept.", None), ("Ada kept the lamp.", "Ada"))
    row = row_of(whole.with_gold(["Ada"]))
    assert (row.document, row.answer.text, row.outcome, row.exact) == ("Ada", "Ada", "right span", 1.0)
    assert row.probability == pytest.approx(whole.answer.probability)
    assert ExampleRow.from_dict(row.to_dict()) == row
    assert row_of(whole.readings[1]).document is None
    assert report_of([whole, whole.readings[1]]).rows[0].document == "Ada"


def test_readings_that_were_made_count_in_their_places(reader):
    whole = reader.read_documents(QUESTION, [STORY, SENTENCES[0]]).with_gold(["Ada Marlow"])
    asked = Example(QUESTION, SENTENCES[0], gold=())
    report = evaluate(reader, iter([whole, asked, {"question": "Who?"}, whole]), progress=False)
    assert [row.document is None for row in report.rows] == [False, True, True, False]
    assert [row.error is None for row in report.rows] == [True, True, False, True]
    assert report.rows[0] == row_of(whole)
    assert report.rows[0].no_answer_probability == pytest.approx(whole.no_answer_probability)
