"""Which model made a reading, told from the numbers that it computes with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch

# Whole numbers of as many bytes as a weight has.
_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.int64}


class Fingerprint:
    """Letters that change whenever a number changes that a module computes with.

    It covers parameters, buffers, the packed weights of quantized layers, and the numbers and activations of its config: with
    other heads, the same weights are another model. It is the sum of the bits of all weights, and sixteen numbers of each. The sum is computed again if torch counts a change; torch counts none that
    is made through `weight.data`, so such changes show in the sixteen numbers alone.
    """

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Any, int]] = {}
        self._packed: dict[str, tuple[Any, bytes]] = {}

    def of(self, module: torch.nn.Module) -> str:
        """The fingerprint of a module.

        Parameters
        ----------
        module : torch.nn.Module
            The module.

        Returns
        -------
        str
            Sixteen hexadecimal digits.
        """
        digest = hashlib.sha256(repr(_settings(module)).encode())
        with torch.no_grad():
            for name, tensor in chain(module.named_parameters(), module.named_buffers()):
                for one, plain in _plain_tensors(name, tensor):
                    digest.update(self._told(one, plain))
            for name, packed in _packed_weights(module):
                known = self._packed.get(name)
                if known is None or known[0] is not packed:  # never changed in place, only replaced
                    told = b"".join(self._told(n, t) for n, t in _inside(name, packed.__getstate__()))
                    known = self._packed[name] = packed, told
                digest.update(known[1])
        return digest.hexdigest()[:16]

    def _told(self, name: str, tensor: torch.Tensor) -> bytes:
        flat = tensor.detach().reshape(-1)
        # Not every device has float64, so the values travel first.
        some = flat[:: max(1, len(flat) // 16)].cpu()
        values = some.numpy() if some.is_complex() else some.double().numpy()
        told = f"{name} {tuple(tensor.shape)} {tensor.dtype} {self._bit_sum(name, tensor)} "
        return told.encode() + values.tobytes()

    def _bit_sum(self, name: str, tensor: torch.Tensor) -> int:
        """The bits of a tensor as whole numbers, added up: the same on every device and in every order."""
        # In-place changes raise a tensor's version, and new weights live elsewhere.
        state = tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version
        known = self._sums.get(name)
        if known is None or known[0] != state:
            bits = tensor.detach().reshape(-1).view(_BITS[tensor.itemsize])
            known = self._sums[name] = state, _sum(bits)
        return known[1]


def _settings(module: torch.nn.Module) -> list[tuple[str, Any]]:
    """The numbers of a config, and the names of activations in it; other words tell of files and versions."""
    told = getattr(getattr(module, "config", None), "__dict__", {})
    return sorted(
        (name, value) for name, value in told.items() if not name.startswith("_") and _computes(name, value)
    )


def _computes(name: str, value: Any) -> bool:
    if isinstance(value, str):
        return "act" in name or name == "position_embedding_type"
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sum(bits: torch.Tensor) -> int:
    """The sum of whole numbers modulo 2^64; on a CPU numpy adds up several times as fast as torch does."""
    if bits.device.type == "cpu":
        return int(bits.numpy().sum(dtype="int64"))
    return int(bits.sum(dtype=torch.int64))


def _plain_tensors(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensor itself, or those that one of a quantizing library is made of."""
    if hasattr(tensor, "__tensor_flatten__"):
        for part in tensor.__tensor_flatten__()[0]:  # pyright: ignore[reportAttributeAccessIssue]
            yield from _plain_tensors(f"{name}.{part}", getattr(tensor, part))
    elif not tensor.is_quantized:
        yield name, tensor
    else:
        yield name, tensor.int_repr()
        if tensor.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric):
            yield f"{name}.scales", tensor.q_per_channel_scales()
            yield f"{name}.zeros", tensor.q_per_channel_zero_points()
        else:
            yield f"{name}.scale", torch.tensor([tensor.q_scale(), tensor.q_zero_point()])


def _packed_weights(module: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    """The objects in which quantized layers of torch keep their weights, outside of parameters and buffers."""
    for name, part in module.named_modules():
        for key, value in vars(part).items():
            if isinstance(value, torch.ScriptObject):
                yield f"{name}.{key}", value


def _inside(name: str, state: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors in what a packed object is pickled as."""
    if isinstance(state, torch.Tensor):
        yield from _plain_tensors(name, state)
    elif isinstance(state, tuple | list):
        for k, one in enumerate(state):
            yield from _inside(f"{name}.{k}", one)
