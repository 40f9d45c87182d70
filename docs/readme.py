"""Write the outputs that README.md shows anew, as they come from the bundled checkpoint: `python docs/readme.py`."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
EXAMPLE = re.compile(r"(?<=## In a notebook\n\n```python\n).*?(?=```)", re.DOTALL)
# What the example prints, and what the main job does.
PRINTED = re.compile(r"(?<=<!-- output -->\n```\n).*?(?=```)", re.DOTALL)
SHOWN = re.compile(r"(?<=same as a picture:\n\n```\n).*?(?=```)", re.DOTALL)


def with_outputs(text: str, printed: str, shown: str) -> str:
    """The README with these outputs in the place of those that it has."""
    for place, output in ((PRINTED, printed), (SHOWN, shown)):
        text, found = place.subn(lambda _, output=output: output, text)
        if found != 1:
            raise ValueError(f"README.md has {found} places for an output, and not one: {place.pattern}")
    return text


def run_example(text: str) -> str:
    """What the example in the README prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(EXAMPLE.findall(text)[0], "README.md", "exec"), {"__name__": "__main__"})
    return out.getvalue()


def run_main_job() -> str:
    """What `python -m qalens` prints, without the folder that it ran in."""
    with tempfile.TemporaryDirectory() as folder:
        job = [sys.executable, "-m", "qalens"]
        done = subprocess.run(job, cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.strip().replace(str(Path(folder).resolve()), "…").replace(folder, "…") + "\n"


def main() -> None:
    text = README.read_text("utf-8")
    README.write_text(with_outputs(text, run_example(text), run_main_job()), "utf-8")


if __name__ == "__main__":
    main()
