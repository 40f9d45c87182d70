"""Files as the official SQuAD scripts read them: gold answers, predictions by question id, and no-answer odds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from qalens.checks import is_number
from qalens.errors import InputError, shown
from qalens.evaluation.rows import ExampleRow
from qalens.files import folder_made, write_file
from qalens.text.question_rows import answers_of, as_row, id_of
from qalens.text.squad_files import load_rows
from qalens.text.text_files import read_text

Said = Literal["decided", "best"]
Odds = Literal["margin", "probability"]


def read_gold(path: str | Path) -> dict[str, list[str]]:
    """The accepted answers of each question of a file, by question id; none where unanswerable.

    The file is of any form that `qalens.evaluate` reads, and ids and answers are read as there, so that what it wrote can be
    scored. Only ids and the texts of answers are looked at, as in the official script.

    Parameters
    ----------
    path : str or Path
        The file with the questions.

    Returns
    -------
    dict of str to list of str
        The texts of the accepted answers, by question id, in the order of the file.

    Raises
    ------
    InputError
        If the file cannot be read, an id is missing or occurs twice, or nothing is known about an answer.

    Examples
    --------
    >>> import tempfile
    >>> entry = {"id": "1", "question": "Who kept the lamp?", "answers": [{"text": "Ada", "answer_start": 0}]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "gold.json"
    ...     _ = path.write_text(json.dumps({"data": [{"paragraphs": [{"context": "Ada kept it.", "qas": [entry]}]}]}))
    ...     read_gold(path)
    {'1': ['Ada']}
    """
    golds: dict[str, list[str]] = {}
    for place, row in load_rows(path):
        try:
            id, texts = _known(row)
            if id in golds:
                raise InputError(f"the id {shown(id)} occurs twice.")
        except InputError as error:
            raise InputError(
                f"{path} is no file with gold answers: expected each question with 'id' and 'answers' ({place}: {error})"
            ) from error
        golds[id] = texts
    if not golds:
        raise InputError(f"{path} holds no question.")
    return golds


def _known(given: Any) -> tuple[str, list[str]]:
    """The id of a question and the texts of its accepted answers."""
    if isinstance(given, Exception):
        raise InputError(str(given))
    row = as_row(given)
    id = None if row is None else id_of(row)
    answers = None if row is None else answers_of(row)
    if id is None or answers is None:
        missing = "question" if row is None else "id" if id is None else "answers"
        raise InputError(f"there is no {shown(missing)}.")
    return id, [text for text, _ in answers]


def read_predictions(path: str | Path) -> dict[str, str]:
    """The answers of a prediction file by question id, "" for no answer.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict of str to str

    Raises
    ------
    InputError
        For anything but a JSON object of texts, and for a repeated id.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "said.json"
    ...     _ = path.write_text('{"1": "Ada", "2": ""}')
    ...     read_predictions(path)
    {'1': 'Ada', '2': ''}
    """
    return _by_id(path, "predictions", "a text", lambda value: isinstance(value, str))


def read_odds(path: str | Path) -> dict[str, float]:
    """The no-answer odds of a file by question id: probabilities, or null score − best score.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict of str to float

    Raises
    ------
    InputError
        For anything but a JSON object of numbers, and for a repeated id.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "odds.json"
    ...     _ = path.write_text('{"1": 0.25}')
    ...     read_odds(path)
    {'1': 0.25}
    """
    return _by_id(path, "no-answer odds", "a number", is_number)


def write_predictions(rows: Iterable[ExampleRow], path: str | Path, *, said: Said = "decided") -> Path:
    """Write the answer to each question as a prediction file.

    A question that could not be read gets "".

    Parameters
    ----------
    rows : iterable of ExampleRow
        The rows.
    path : str or Path
        The file.
    said : Said, default "decided"
        "decided" writes "" if the model abstained; "best" always writes the best span, which a sweep over thresholds
        needs beside the odds of `write_odds`.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    InputError
        For a row without an id and for a repeated id.

    Examples
    --------
    >>> import tempfile
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", id="1"), reading)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_predictions([row], Path(folder) / "said.json").read_text()
    '{\\n    "1": "Ada"\\n}\\n'
    """
    _check_choice("said", said, ("decided", "best"))
    spans = {id: row.answer if said == "decided" else row.best for id, row in _with_ids(rows)}
    return _write(path, {id: "" if span is None else span.text for id, span in spans.items()})


def write_odds(rows: Iterable[ExampleRow], path: str | Path, *, odds: Odds = "probability") -> Path:
    """Write how strongly each reading preferred no answer, in the form of `--na-odds`.

    A question that could not be read gets odds of 1, or a margin above all others.

    Parameters
    ----------
    rows : iterable of ExampleRow
        The rows.
    path : str or Path
        The file.
    odds : Odds, default "probability"
        "probability" writes P(no answer), "margin" the null margin in logits.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    InputError
        As `write_predictions` does.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_odds([], Path(folder) / "odds.json").read_text()
    '{}\\n'
    """
    _check_choice("odds", odds, ("probability", "margin"))
    named = dict(_with_ids(rows))
    if odds == "probability":
        chances = {id: row.no_answer_probability for id, row in named.items()}
        return _write(path, {id: 1.0 if p is None else p for id, p in chances.items()})
    margins = {id: math.inf if row.margin is None else row.margin for id, row in named.items()}
    # JSON has no infinity: a text without a single span goes behind everything that has one.
    far = 1.0 + max((abs(m) for m in margins.values() if math.isfinite(m)), default=0.0)
    return _write(path, {id: max(-far, min(m, far)) for id, m in margins.items()})


def _with_ids(rows: Iterable[ExampleRow]) -> Iterable[tuple[str, ExampleRow]]:
    seen: set[str] = set()
    for number, row in enumerate(rows):
        if row.id is None:
            raise InputError(
                f"Row {number} ({shown(row.question)}) has no id, and predictions are told apart by ids."
            )
        if row.id in seen:
            raise InputError(f"The id {shown(row.id)} occurs twice, in row {number} again.")
        seen.add(row.id)
        yield row.id, row


def _by_id(path: str | Path, what: str, kind: str, fits: Any) -> dict[str, Any]:
    content = _read_json(path)
    if not isinstance(content, dict):
        raise InputError(
            f"{path} has to be a JSON object {{id: {kind}}} of {what}, but is a {type(content).__name__}."
        )
    for id, value in content.items():
        if not fits(value):
            raise InputError(f"{path}: the value of {shown(id)} has to be {kind}, but is {shown(value)}.")
    return content


def _read_json(path: str | Path) -> Any:
    try:
        return json.loads(read_text(path), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
        raise InputError(f"{path} is no JSON ({error}).") from error


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, in which no key may be repeated: the later value would silently win."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise InputError(f"the key {shown(twice)} occurs twice in one object.")
    return found


def _write(path: str | Path, content: dict[str, Any]) -> Path:
    return write_file(folder_made(path), json.dumps(content, indent=4) + "\n")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} has to be one of {', '.join(map(repr, choices))}, but is {shown(value)}.")
