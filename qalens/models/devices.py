"""Where a model runs and in which precision: what is asked for, or the best that is there."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from typing import Any

import torch

from qalens.errors import InputError, shown

log = logging.getLogger(__name__)

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def pick_device(device: str | torch.device | None) -> torch.device:
    """Choose a torch device that exists on this machine.

    Parameters
    ----------
    device : str, torch.device or None
        A device; None takes CUDA, then Apple's MPS, then the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    InputError
        For a device that torch does not know or this machine does not have, with those that it has.

    Examples
    --------
    >>> pick_device("cpu")
    device(type='cpu')
    """
    present = ["cpu"]
    if torch.cuda.is_available():
        present = [f"cuda:{k}" for k in range(torch.cuda.device_count())] + present
    elif torch.backends.mps.is_available():
        present = ["mps", *present]
    if device is None or device == "auto":
        return torch.device(present[0])
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        hint = ' An NVIDIA or AMD GPU is called "cuda", Apple\'s "mps".' if device == "gpu" else ""
        raise InputError(f"{shown(device)} is no device; here are {', '.join(present)}.{hint}") from error
    exact = f"{wanted.type}:{wanted.index}" if wanted.index is not None else wanted.type
    if not any(exact in (p, p.split(":")[0], f"{p}:0") for p in present):
        raise InputError(f"The device {exact} is not available; here are {', '.join(present)}.")
    return wanted


def pick_dtype(dtype: Any, device: torch.device, module: torch.nn.Module) -> tuple[torch.dtype, str]:
    """Choose the dtype of a model.

    Parameters
    ----------
    dtype : object
        What was requested, "auto" included.
    device : torch.device
        Where the model runs.
    module : torch.nn.Module
        The model.

    Returns
    -------
    tuple of (torch.dtype, str)
        The dtype, and the reason for the choice if it was "auto".
    """
    if isinstance(dtype, torch.dtype) and dtype in _DTYPES.values():
        return dtype, ""
    if isinstance(dtype, str) and dtype in _DTYPES:
        return _DTYPES[dtype], ""
    if dtype != "auto":
        raise InputError(
            f'dtype has to be "float32", "bfloat16", "float16" or "auto", but is {shown(dtype)}.'
        )
    width = getattr(getattr(module, "config", None), "hidden_size", 768)
    gain = bfloat16_gain(str(device), int(width))
    if gain >= 1.5:
        note = f'dtype "auto" took bfloat16, whose matrix products ran {gain:.1f} × as fast here'
        log.info(note)
        return torch.bfloat16, note
    return torch.float32, f'dtype "auto" kept float32: bfloat16 products ran {gain:.1f} × as fast here'


@lru_cache(maxsize=8)
def bfloat16_gain(device: str, width: int) -> float:
    """Measure how many times faster a matrix product of a layer's shape is in bfloat16 than in float32.

    This takes some hundredths of a second, once for each device and width.

    Parameters
    ----------
    device : str
        The device.
    width : int
        The width of the layer.

    Returns
    -------
    float
        0 for a device without bfloat16.
    """
    # On a GPU a small product takes as long as it takes to ask for it, in any precision.
    rows = 1024 if device == "cpu" else 16384
    seconds = []
    for dtype in (torch.float32, torch.bfloat16):
        try:
            a = torch.ones(rows, width, device=device, dtype=dtype)
            b = torch.ones(width, 4 * width, device=device, dtype=dtype)
            seconds.append(min(_seconds(a, b, device) for _ in range(5)))
        except RuntimeError:
            return 0.0
    return seconds[0] / seconds[1]


def _seconds(a: torch.Tensor, b: torch.Tensor, device: str) -> float:
    began = time.perf_counter()
    (a @ b)[0, 0].item()  # reading one number waits for the device
    return time.perf_counter() - began
