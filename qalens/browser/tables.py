"""A tokenizer as tables that the page can read: what it does to each character, its vocabulary, and its special tokens."""

from __future__ import annotations

import json
from typing import Any

from qalens.errors import InputError
from qalens.text.pair_tokenizer import PairTokenizer

_SURROGATES = range(0xD800, 0xE000)
_HANGUL = range(0xAC00, 0xD7A4)
_CHUNK = 4096
# Stands between characters while many are normalised or cut at once; no normaliser of a BERT changes it.
_BETWEEN = "|"


def tokenizer_tables(tokenizer: PairTokenizer) -> dict[str, Any]:
    """The tables of a tokenizer for `tokenizer.js`.

    What characters become is asked of the tokenizer itself, character by character, so that no table of Unicode in the
    browser matters.

    Raises
    ------
    InputError
        For a tokenizer that is neither a WordPiece of the BERT family nor a byte-level BPE of the GPT-2 family.

    Examples
    --------
    >>> from qalens.testing import toy_tokenizer
    >>> tables = tokenizer_tables(PairTokenizer(toy_tokenizer()))
    >>> tables["type"], tables["vocabulary"][tables["unknown"]]
    ('wordpiece', '[UNK]')
    """
    rust = tokenizer.rust
    given = json.loads(rust.to_str())
    reserved = sorted(tokenizer.reserved_ids)
    kinds = [(given[part] or {}).get("type") for part in ("model", "normalizer", "pre_tokenizer")]
    word_piece = kinds == ["WordPiece", "BertNormalizer", "BertPreTokenizer"]
    if not word_piece and kinds != ["BPE", None, "ByteLevel"]:
        model, normalizer, cutter = (kind or "none" for kind in kinds)
        raise InputError(
            f"The page reads WordPiece tokenizers of the BERT family and byte-level BPE ones of the GPT-2 family, but this one "
            f"is {model} with the normalizer {normalizer} and the pre-tokenizer {cutter}."
        )
    if typed := [one["content"] for one in given["added_tokens"] if not one["special"]]:
        raise InputError(
            f"The page cannot read a tokenizer with tokens of its own beside the vocabulary: {typed[:3]}."
        )
    if word_piece:
        return {"reserved": reserved, **_word_piece(rust, given)}
    return {"reserved": reserved, "unknown": tokenizer.unknown_id, **_byte_pairs(given)}


def pair_template(tokenizer: PairTokenizer) -> dict[str, Any]:
    """The special tokens of a pair for `windows.js`."""
    names = ("before", "between", "after")
    ids = {name: one.tolist() for name, one in zip(names, tokenizer.special_ids, strict=True)}
    types = {f"{name}Types": one.tolist() for name, one in zip(names, tokenizer.special_types, strict=True)}
    return {
        **ids,
        **types,
        "questionType": tokenizer.question_type,
        "contextType": tokenizer.context_type,
        "padId": tokenizer.pad_id,
        "padType": tokenizer.pad_type,
        "nullId": tokenizer.null_id,
    }


def _word_piece(rust: Any, given: dict[str, Any]) -> dict[str, Any]:
    model = given["model"]
    changed, split_hangul = _changed(rust.normalizer)
    blank, sign = _borders(rust.pre_tokenizer)
    return {
        "type": "wordpiece",
        "vocabulary": _in_order(model["vocab"]),
        "prefix": model["continuing_subword_prefix"],
        "unknown": model["vocab"][model["unk_token"]],
        "longest": model["max_input_chars_per_word"],
        "changed": changed,
        "splitHangul": split_hangul,
        "blank": blank,
        "sign": sign,
    }


def _byte_pairs(given: dict[str, Any]) -> dict[str, Any]:
    model, cutter = given["model"], given["pre_tokenizer"]
    vocabulary = model["vocab"]
    if model.get("ignore_merges") or model.get("dropout") or not cutter.get("use_regex", True):
        raise InputError("The page reads byte-level BPE tokenizers with GPT-2's cuts and plain merges alone.")
    pairs = [one.split(" ") if isinstance(one, str) else one for one in model["merges"]]
    processor = given["post_processor"] or {}
    return {
        "type": "bpe",
        "vocabulary": _in_order(vocabulary),
        "merges": [[vocabulary[a], vocabulary[b]] for a, b in pairs],
        "bytes": _byte_letters(),
        "prefixSpace": cutter["add_prefix_space"],
        "trim": processor.get("trim_offsets", cutter["trim_offsets"]),
    }


def _in_order(vocabulary: dict[str, int]) -> list[str]:
    pieces = [""] * (max(vocabulary.values()) + 1)
    for piece, id in vocabulary.items():
        pieces[id] = piece
    return pieces


def _byte_letters() -> list[str]:
    """The letter that stands for each byte: itself where it can be printed, else one from U+0100 on (Radford et al. 2019)."""
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    rest = iter(range(0x100, 0x200))
    return [chr(byte) if byte in shown else chr(next(rest)) for byte in range(256)]


def _characters() -> list[str]:
    return [chr(code) for code in range(0x110000) if code not in _SURROGATES]


def _changed(normalizer: Any) -> tuple[list[tuple[int, str]], bool]:
    """What the characters become that do not stay as they are, without Hangul syllables; and whether these are split."""
    changed, everything = [], _characters()
    for at in range(0, len(everything), _CHUNK):
        some = everything[at : at + _CHUNK]
        found = normalizer.normalize_str(_BETWEEN + _BETWEEN.join(some) + _BETWEEN)
        parts = (
            found.split(_BETWEEN)[1:-1]
            if _BETWEEN not in some
            else [normalizer.normalize_str(c) for c in some]
        )
        changed += [
            (ord(c), new) for c, new in zip(some, parts, strict=True) if new != c and ord(c) not in _HANGUL
        ]
    return changed, normalizer.normalize_str("한") != "한"


def _borders(cutter: Any) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Ranges of the characters at which words are cut and which go, and of those that are words of their own."""
    blank, sign, everything = [], [], _characters()
    for at in range(0, len(everything), _CHUNK):
        some = everything[at : at + _CHUNK]
        text = "a" + "a".join(some) + "a"
        alone = {start for _, (start, end) in cutter.pre_tokenize_str(text) if end - start == 1}
        inside = set()
        for _, (start, end) in cutter.pre_tokenize_str(text):
            inside.update(range(start, end))
        for k, character in enumerate(some):
            place = 2 * k + 1
            if place not in inside:
                blank.append(ord(character))
            elif place in alone:
                sign.append(ord(character))
    return _ranges(blank), _ranges(sign)


def _ranges(codes: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for code in codes:
        if found and code == found[-1][1] + 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found
