"""Bytes as letters that may stand in a page: two for 13 bits, where base64 takes two for 12."""

from __future__ import annotations

import numpy as np

# Bytes at a time: 8 pairs of letters are 13 bytes.
_CHUNK = 13 << 16
_BASE, _BITS = 91, 13
# From "#" on, without "<", with which a script could end.
_FIRST, _LEFT_OUT = ord("#"), ord("<") - ord("#")


def letters(data: bytes) -> str:
    """The letters of some bytes, which are filled up with zeros; `bytesOf` in playground.js is the way back.

    >>> letters(b"Ada kept lamp"), letters(b"")
    ('9~U=QZbq%V9m+WIm', '')
    """
    values = np.frombuffer(data + bytes(-len(data) % _BITS), np.uint8)
    powers = 1 << np.arange(_BITS - 1, -1, -1)
    found = []
    for at in range(0, len(values), _CHUNK):
        pairs = np.unpackbits(values[at : at + _CHUNK]).reshape(-1, _BITS) @ powers
        digits = np.stack(np.divmod(pairs, _BASE), axis=1)
        found.append((digits + _FIRST + (digits >= _LEFT_OUT)).astype(np.uint8).tobytes())
    return b"".join(found).decode("ascii")
