"""`python -m qalens`: read one question from the command line.

Prints the answer, the best spans and the no-answer decision, and writes one HTML page that shows the reading, with
`--explorer` one that is explored like a notebook. A first word names another command.
"""

from __future__ import annotations

import argparse
import codecs
import importlib
import io
import json
import sys
from pathlib import Path
from typing import Any

QUESTION = "Who rebuilt the upper gallery?"
CONTEXT = (
    "The lighthouse on the northern island was built in 1843 by the Marlow brothers, two engineers who had never "
    "seen the sea. In the winter of 1902 a storm tore away the upper gallery, and the keeper, John Harper, rebuilt "
    "it himself with oak from a wrecked ship. The county sent Ellen Reed to inspect the work the following spring. "
    "She found it sounder than the original and recommended that nothing be changed. The lamp was electrified in "
    "1938 and has been unmanned since 1971."
)


_ABOUT = """Read a question and a text with a question-answering model, and show how it decided.

  python -m qalens                                             a sample question, with the bundled checkpoint
  python -m qalens --question "Who …?" --context article.txt   a question of your own
  python -m qalens evaluate FILE                               every question of a file: scores, slices, calibration
  python -m qalens score DATA PREDICTIONS                      a prediction file against gold answers

No network is needed for the bundled checkpoint. python -m qalens evaluate --help and score --help list their options.
"""

# What the first word may be, and the module whose `main` takes the others; without one a question is read.
_COMMANDS = {
    "evaluate": "qalens.evaluation.commands.evaluate",
    "score": "qalens.evaluation.commands.score",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str or None, default None
        The arguments; None takes those of the process.

    Returns
    -------
    int
        The exit status: 2 if the input could not be read, 130 after Ctrl-C.
    """
    from qalens.errors import QalensError
    from qalens.text.visible import command_line, visible_lines

    given = sys.argv[1:] if arguments is None else arguments
    command = _COMMANDS.get(given[0]) if given else None
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error(_SIGNS, _in_plain_signs)
        sys.stdout.reconfigure(errors=_SIGNS)
    try:
        if command is not None:
            return importlib.import_module(command).main(given[1:])
        _read(_options(given))
    except (QalensError, OSError, UnicodeDecodeError) as error:
        print(f"qalens: {visible_lines(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before the command itself could report its progress
        again = command_line(["python", "-m", "qalens", *given])
        print(f"\nStopped before anything was computed. Go on with: {again}", file=sys.stderr)
        return 130
    return 0


# What a terminal gets that lacks a sign of ours; of any other character a question mark, and the rest of the text.
_SIGNS = "qalens.signs"
_PLAIN = {"−": "-", "…": ".", "×": "x", "·": ".", "∞": "~", "∅": "0"}


def _in_plain_signs(error: UnicodeError) -> tuple[str, int]:
    """The error handler of a terminal that does not know every character."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in missing), error.end


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m qalens",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--question", help="the question; without it and a text, a sample is read")
    parser.add_argument("--context", help="the text to read, a file that holds it, or - for standard input")
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
    parser.add_argument(
        "--explorer",
        action="store_true",
        help="write the live explorer instead of a still page: it opens in any browser, without Python and network",
    )
    parser.add_argument("--json", action="store_true", help="print the reading as JSON instead of a table")
    return parser


def _options(given: list[str]) -> argparse.Namespace:
    """What was asked for; ends with what is wrong with it, where something is."""
    from qalens.errors import meant

    parser = _parser()
    if given and not given[0].startswith("-"):
        parser.error(
            f"{given[0]!r} is no command; there are {', '.join(_COMMANDS)}.{meant(given[0], _COMMANDS)} A question is read with "
            "--question TEXT --context TEXT."
        )
    options = parser.parse_args(given)
    if options.question is None and options.context is None:
        options.question, options.context = QUESTION, CONTEXT
    elif options.context is None:
        parser.error(
            "--question needs a text as well: --context TEXT, --context FILE, or --context - for standard input."
        )
    elif options.question is None:
        parser.error("--context needs a question as well: --question TEXT.")
    return options


def _read(options: argparse.Namespace) -> None:
    context = _context(options.context)
    import qalens
    from qalens import display
    from qalens.files import folder_made, write_file
    from qalens.text.visible import visible

    reader = qalens.load(options.model, threshold=options.threshold)
    reading = reader.read(options.question, context)
    page = write_file(folder_made(options.out), _page(reading, live=options.explorer)).resolve()
    if options.json:
        shown = {**reading.to_dict(), "model": reader.model.name, "page": str(page)}
        print(_json(shown))
    else:
        print(f"model      {visible(reader.model.name)}")
        print(f"\n{display.to_text(reading)}")
        print(f"\npage       {visible(str(page))}")


def _page(reading: Any, *, live: bool) -> str:
    if live:
        from qalens.widgets import SpanExplorer

        return SpanExplorer(reading).to_html()
    from qalens import display

    return display.to_html(reading)


def _json(value: Any) -> str:
    """JSON with letters as they are where the output is UTF-8, else escaped: then nothing is lost in any encoding."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        is_kept = codecs.lookup(encoding).name == "utf-8" and text.encode() != b""
    except (LookupError, UnicodeEncodeError):  # a lone surrogate is no UTF-8
        is_kept = False
    return text if is_kept else json.dumps(value, indent=2)


def _context(given: str) -> str:
    """The text itself, or what the file of that name or standard input holds."""
    from qalens.errors import InputError
    from qalens.text.text_files import decode_text, read_text

    if given == "-":
        # By its bytes: reading it as text would make \n of \r\n, and move every character behind.
        buffer = getattr(sys.stdin, "buffer", None)
        return sys.stdin.read() if buffer is None else decode_text(buffer.read(), "standard input")
    if _is_file(given):
        return read_text(given)
    if len(given.split()) == 1 and (Path(given).suffix or "/" in given or "\\" in given):
        raise InputError(f"There is no file {given}; --context takes a text, a file that exists, or -.")
    return given


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):  # a text is often too long for a file name, or holds NUL
        return False


if __name__ == "__main__":
    sys.exit(main())
