"""What the NoAnswerExplorer shows, without a browser: its numbers against the readings, its options, its twins."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from qalens import CharSpan, Example, FailedReading, InputError
from qalens.evaluation.promises.risk import RiskControl
from qalens.evaluation.scores.squad import squad_scores
from qalens.readings.reading import Source
from qalens.spans.per_window import window_distributions
from qalens.testing import planted_reading
from qalens.widgets import NoAnswerExplorer
from qalens.widgets.explorers.no_answer_explorer import no_answer_view

TEXT = "Ada kept the lamp of the room by day, and Tom kept it by night."


def reading_of(answer="Ada", gold="unknown", strength=8.0, text=TEXT, **options):
    """A reading whose best span is planted; `gold` is a text of it, None for no answer, or unknown."""
    golds = {"unknown": None, None: ()}.get(gold, (gold,))
    if golds:
        at = text.index(gold)
        golds = (CharSpan(at, at + len(gold)),)
    reading = planted_reading("Who kept the lamp?", text, answer=answer, strength=strength, **options)
    example = Example("Who kept the lamp?", text, gold=golds)
    return type(reading)(**{n: getattr(reading, n) for n in reading.__slots__} | {"example": example})


@pytest.fixture
def several():
    return [
        reading_of("Ada", "Ada", 9.0),
        reading_of("Tom", "Ada", 5.0),
        reading_of("the room", None, 2.0),
        reading_of(None, "Ada", 4.0),
        reading_of(None, None, 6.0),
    ]


def test_each_window_shows_what_it_says_alone():
    reading = reading_of(text=TEXT * 4, max_length=40, stride=10)
    (shown,) = no_answer_view([reading])["readings"]
    alone = window_distributions(reading.logits, max_answer_length=reading.max_answer_length)
    assert len(shown["windows"]) == len(alone) > 2
    for window, spans in zip(shown["windows"], alone, strict=True):
        assert window["null"] == pytest.approx(spans.null_score)
        assert window["score"] == pytest.approx(spans.score.max())
        assert window["none"] == pytest.approx(spans.null_probability)
        start, end = window["held"]
        assert window["best"] in TEXT * 4
        assert 0 <= start < end <= len(TEXT * 4)
    assert min(w["null"] for w in shown["windows"]) == pytest.approx(shown["null"])
    assert shown["null"] - max(w["score"] for w in shown["windows"]) == pytest.approx(shown["margin"])


def test_the_curve_is_that_of_the_official_figures(several):
    curve = no_answer_view(several)["curve"]
    for threshold in (-40.0, -9.5, -3.0, 0.0, 2.5, 40.0):
        k = int(np.searchsorted([-math.inf, *curve["threshold"][1:]], threshold, side="right")) - 1
        scores = squad_scores([reading.with_threshold(threshold) for reading in several])
        assert curve["exact"][k] == pytest.approx(scores.exact, abs=1e-3)
        assert curve["f1"][k] == pytest.approx(scores.f1, abs=1e-3)


def test_without_gold_answers_there_is_no_curve():
    view = no_answer_view([reading_of(), reading_of("Tom")])
    assert view["curve"] is None
    assert [reading["golds"] for reading in view["readings"]] == [None, None]


def test_answers_follow_the_threshold(several):
    explorer = NoAnswerExplorer(several)
    for threshold in (-100.0, -5.0, 0.0, 100.0):
        explorer.threshold = threshold
        expected = [reading.with_threshold(threshold).answer for reading in several]
        assert list(explorer.answers) == expected
    assert all(answer is not None for answer in explorer.answers)


def test_the_threshold_starts_where_the_reading_was_decided():
    assert NoAnswerExplorer(reading_of().with_threshold(-1.5)).threshold == -1.5
    assert NoAnswerExplorer(reading_of().with_threshold(-1.5), threshold=2).threshold == 2.0
    assert NoAnswerExplorer(reading_of().with_threshold(math.inf)).threshold == 0.0


CONTROL = RiskControl(-1.5, 0.1, 0.9, answered=50, wrong=1, questions=80, by="question")
NOTHING = replace(CONTROL, threshold=None, reason="50 answered questions are too few to tell.")


def test_it_starts_at_the_promised_threshold_and_says_what_is_promised(several):
    explorer = NoAnswerExplorer(several, control=CONTROL)
    assert explorer.threshold == -1.5
    assert explorer.view["promise"]["threshold"] == -1.5
    assert "at most 10% of what is answered is wrong, with 90% certainty" in explorer.view["promise"]["said"]
    assert NoAnswerExplorer(several, threshold=2.0, control=CONTROL).threshold == 2.0
    assert NoAnswerExplorer(several).view["promise"] is None
    for shown in (several, several[0]):
        said = " ".join(
            NoAnswerExplorer(shown, control=CONTROL).figure().axes[0].get_title(loc="left").split()
        )
        assert "with 90% certainty" in said


def test_where_nothing_can_be_promised_it_says_why(several):
    explorer = NoAnswerExplorer(several[0], control=NOTHING)
    assert explorer.threshold == several[0].decision.threshold
    assert explorer.view["promise"]["threshold"] is None
    assert "too few to tell" in explorer.view["promise"]["said"]
    assert "too few to tell" in explorer.figure().axes[0].get_title(loc="left")


def test_a_promise_is_one_and_of_the_same_model(several):
    with pytest.raises(InputError, match="control has to be a RiskControl"):
        NoAnswerExplorer(several, control=0.1)
    other = replace(CONTROL, source=Source("another", "f"))
    known = replace(several[0], source=Source("a model", "0"))
    with pytest.raises(InputError, match="threshold was found with another"):
        NoAnswerExplorer(known, control=other)


def test_a_failed_reading_keeps_its_place(several):
    failed = FailedReading(Example("Who?", "", id="x"), InputError("The context is empty."))
    explorer = NoAnswerExplorer([failed, *several])
    assert explorer.view["readings"][0] == {"question": "Who?", "error": "The context is empty."}
    assert explorer.answers[0] is None
    assert explorer.selected == 1


def test_the_view_is_json_even_where_nothing_can_be_answered():
    blank = planted_reading("Who?", "…", answer=None)
    json.dumps(no_answer_view([blank, reading_of()]), allow_nan=False)


@pytest.mark.parametrize(
    ("readings", "message"),
    [
        ([], "at least one reading"),
        ([FailedReading("x", InputError("No."))], "none could be made"),
        ("Who?", "needs a Reading"),
        (7, "needs a Reading"),
        ([7], "needs a Reading"),
        (FailedReading("x", InputError("The text is empty.")), "The text is empty."),
    ],
)
def test_what_is_no_reading_is_refused(readings, message):
    with pytest.raises(InputError, match=message):
        NoAnswerExplorer(readings)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": math.inf}, "finite"),
        ({"threshold": math.nan}, "finite"),
        ({"selected": 1}, "numbered 0 to 0"),
        ({"treshold": 1.0}, "no option 'treshold'"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        NoAnswerExplorer(reading_of(), **options)


def test_the_still_twins_show_the_decision_or_the_curve(several, tmp_path):
    one, many = NoAnswerExplorer(reading_of()), NoAnswerExplorer(several)
    assert "no-answer threshold" in many.to_svg(tmp_path / "many.svg")
    assert one.to_png()[:4] == b"\x89PNG"
    assert (tmp_path / "many.svg").stat().st_size > 1000
    assert one.to_svg() != NoAnswerExplorer(reading_of(), threshold=-100).to_svg()
