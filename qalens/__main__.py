"""`python -m qalens`: read one question from the command line.

Prints the answer, the best spans and the no-answer decision, and writes one HTML page that shows the reading. A first
word names another command: `score` holds a prediction file against gold answers.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import sys
from pathlib import Path

QUESTION = "Who rebuilt the upper gallery?"
CONTEXT = (
    "The lighthouse on the northern island was built in 1843 by the Marlow brothers, two engineers who had never "
    "seen the sea. In the winter of 1902 a storm tore away the upper gallery, and the keeper, John Harper, rebuilt "
    "it himself with oak from a wrecked ship. The county sent Ellen Reed to inspect the work the following spring. "
    "She found it sounder than the original and recommended that nothing be changed. The lamp was electrified in "
    "1938 and has been unmanned since 1971."
)


# What the first word may be, and the module whose `main` takes the others; without one a question is read.
_COMMANDS = {
    "evaluate": "qalens.evaluation.evaluate_command",
    "score": "qalens.evaluation.score_command",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status, 2 where the input could not be read."""
    from qalens.errors import QalensError

    given = sys.argv[1:] if arguments is None else arguments
    command = _COMMANDS.get(given[0]) if given else None
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that lacks a sign gets a question mark, and the rest of the answer.
        sys.stdout.reconfigure(errors="replace")
    try:
        if command is not None:
            return importlib.import_module(command).main(given[1:])
        _read(_parser().parse_args(given))
    except (QalensError, OSError, UnicodeDecodeError) as error:
        print(f"qalens: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m qalens",
        description="Read a question and a text with a question-answering model, and show how it decided.",
        epilog="Without arguments it reads a sample question with the bundled checkpoint; no network is needed. "
        f"Other commands: {', '.join(_COMMANDS)}; python -m qalens COMMAND --help tells more.",
    )
    parser.add_argument("--question", default=QUESTION, help="the question (default: a sample)")
    parser.add_argument(
        "--context", default=CONTEXT, help="the text to read, a file that holds it, or - for standard input"
    )
    parser.add_argument("--model", help="hub name or folder of a checkpoint (default: the bundled one)")
    parser.add_argument(
        "--threshold", type=float, default=0.0, help="no answer where the margin is above it, in logits"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("qalens-reading.html"),
        help="where the page goes (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the reading as JSON instead of a table")
    return parser


def _read(options: argparse.Namespace) -> None:
    context = _context(options.context)
    import qalens
    from qalens.views.html import reading_page
    from qalens.views.text import reading_text

    reader = qalens.load(options.model, threshold=options.threshold)
    reading = reader.read(options.question, context)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(reading_page(reading), encoding="utf-8")
    page = options.out.resolve()
    if options.json:
        shown = {**reading.to_dict(), "model": reader.model.name, "page": str(page)}
        print(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        print(f"model      {reader.model.name}")
        print(reading_text(reading))
        print(f"\npage       {page}")


def _context(given: str) -> str:
    """The text itself, or what the file of that name or standard input holds."""
    if given == "-":
        return sys.stdin.read()
    from qalens.errors import InputError

    if _is_file(given):
        try:
            # By its bytes: reading it as text would make \n of \r\n, and move every character behind.
            return Path(given).read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{given} is no UTF-8 text: byte {error.start:,} cannot be read. Save it as UTF-8 first."
            ) from error
    if len(given.split()) == 1 and (Path(given).suffix or "/" in given):
        raise InputError(f"There is no file {given}; --context takes a text, a file that exists, or -.")
    return given


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):  # a text is often too long for a file name, or holds NUL
        return False


if __name__ == "__main__":
    sys.exit(main())
