"""Pictures that the docs show: each keeps the words that stood in it, so that one older than what it shows is found out."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
NUMBER = re.compile(r"[+-−]?\d+\.\d+")
_WORDS = "Description"
_COMMON, _NEAR = 0.02, 12  # of all pixels; steps of 255


def value(number: str) -> float:
    """Of a number as it is written: `−3.43`, or `<0.001` for what rounds to nothing."""
    return float(number.replace("−", "-").lstrip("<>"))


def same_up_to_the_last_digit(found: str, shown: str, *, near: float = 0.02) -> None:
    """Equal letters, and numbers that differ by the arithmetic of another machine at most."""
    assert NUMBER.sub("#", found) == NUMBER.sub("#", shown)
    for a, b in zip(NUMBER.findall(found), NUMBER.findall(shown), strict=True):
        assert value(a) == pytest.approx(value(b), abs=near)


def brightness(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=float)


def keep(png: bytes, words: str, file: Path) -> None:
    """Write a picture with the words in it, where `QALENS_WRITE_PICTURES` is set."""
    if os.environ.get("QALENS_WRITE_PICTURES"):
        said = PngImagePlugin.PngInfo()
        said.add_itxt(_WORDS, words)
        Image.open(io.BytesIO(png)).save(file, pnginfo=said, optimize=True)


def kept_words(file: Path) -> str:
    with Image.open(file) as kept:
        return kept.info.get(_WORDS, "")


def is_up_to_date(png: bytes, words: str, file: Path) -> None:
    """The words of a kept picture, its width and its colours are those of now; heights hang on the fonts of a machine."""
    older = f"{file.name} is older than what it shows"
    # A tenth of a point of a percentage moves where another processor rounds otherwise.
    same_up_to_the_last_digit(words, kept_words(file), near=0.3)
    with Image.open(file) as kept, Image.open(io.BytesIO(png)) as now:
        assert abs(kept.width - now.width) <= 2, older
        one, other = colours(kept), colours(now)
    for some, all_of in ((one, other), (other, one)):
        common = [c for c, share in some.items() if share > _COMMON]
        lone = [c for c in common if not any(np.abs(np.subtract(c, d)).max() <= _NEAR for d in all_of)]
        assert not lone, f"{older}: colours {lone}"


def colours(picture: Image.Image) -> dict[tuple[int, ...], float]:
    pixels = np.asarray(picture.convert("RGB"), np.uint32).reshape(-1, 3)
    packed, counts = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1], np.uint32), return_counts=True)
    shares = zip(packed.tolist(), (counts / len(pixels)).tolist(), strict=True)
    return {(c >> 16, c >> 8 & 255, c & 255): share for c, share in shares if share > 0.001}
