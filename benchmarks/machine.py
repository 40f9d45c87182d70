"""What a processor has for matrix products, by which ratios differ: `docs/measured.md` keeps the kinds apart."""

from __future__ import annotations

from pathlib import Path

import torch


def kind() -> str:
    """ "amx" with matrix units for bfloat16, else "avx512", "avx2", or what torch calls it.

    >>> kind() == kind().lower()
    True
    """
    flags = Path("/proc/cpuinfo")
    if flags.exists() and "amx_bf16" in flags.read_text(encoding="utf-8"):
        return "amx"
    return torch.backends.cpu.get_cpu_capability().split("_")[0].lower()
