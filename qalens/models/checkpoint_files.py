"""What the headers of the files of a checkpoint say, read before anything is loaded."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from qalens.errors import ModelError, shown

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_FLOATS = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"}
# Bytes of the longest header that safetensors itself reads.
_LONGEST_HEADER = 100_000_000


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """The names of the stored weights and the precision of each, as in the headers of their files.

    Attributes
    ----------
    precisions : mapping of str to str
        The precision by name.
    """

    precisions: Mapping[str, str]

    @property
    def are_as_asked(self) -> bool:
        """Whether some weights are stored in float32, so that loading in float32 may leave them in their file."""
        return not self.precisions or any(p not in ("F16", "BF16") for p in self.precisions.values())

    def check_layers(self, config: Any, named: str) -> None:
        """Check that the weights can have the number of layers of a config, since creating too many may take forever.

        Parameters
        ----------
        config : object
            The config of the checkpoint.
        named : str
            The name of the checkpoint in messages.

        Raises
        ------
        ModelError
            For more layers than the weights can have.
        """
        layers = getattr(config, "num_hidden_layers", None)
        if isinstance(layers, int) and self.precisions and layers > len(self.precisions):
            raise ModelError(
                f"{named} cannot be loaded: its config.json tells of {layers:,} layers, and its weights have "
                f"{len(self.precisions):,} tensors in all. They do not belong together."
            )

    def check_precisions(self, names: Iterable[str], named: str) -> None:
        """Check that weights are stored as real numbers: integers or complex numbers would change their meaning.

        Parameters
        ----------
        names : iterable of str
            The weights that are loaded.
        named : str
            The name of the checkpoint in messages.

        Raises
        ------
        ModelError
            For integers and complex numbers.
        """
        odd = [name for name in names if self.precisions.get(name, "F32") not in _FLOATS]
        if odd:
            raise ModelError(
                f"{named} cannot be loaded: {odd[0]} is stored as {self.precisions[odd[0]]} ({len(odd)} such weights), "
                "and qalens reads floating-point numbers. Load a quantized checkpoint with the library that made it, and "
                "hand the objects to qalens.Reader(model, tokenizer)."
            )


def check_config(config: Any, adapter: str | None, named: str) -> None:
    """Check that the files of a checkpoint do not name what is loaded beside or in the place of its weights.

    Parameters
    ----------
    config : object
        The config of the checkpoint.
    adapter : str or None
        Its adapter_config.json, or None where there is none.
    named : str
        The name of the checkpoint in messages.

    Raises
    ------
    ModelError
        For an adapter, whose weights would be loaded unseen and whose base may be anywhere; for a name of other weights, which may be
        pickles; and for a quantized checkpoint, whose code comes from other packages or from the hub.
    """
    hand_over = "and hand the objects to qalens.Reader(model, tokenizer)."
    if adapter is not None:
        raise ModelError(f"{named} cannot be loaded: it holds an adapter. Load it with PEFT, {hand_over}")
    if (other := getattr(config, "transformers_weights", None)) is not None:
        raise ModelError(
            f"{named} cannot be loaded: its config.json names {shown(other)} as its weights, and qalens reads {WEIGHTS} alone. "
            f"Load it with the library that wrote it, {hand_over}"
        )
    if (how := getattr(config, "quantization_config", None)) is not None:
        raise ModelError(
            f"{named} cannot be loaded: it is quantized ({shown(how)}). Load it with the library that wrote it, {hand_over}"
        )


def stored_weights(index: Path | None, single: Path | None, named: str) -> StoredWeights:
    """Read the headers of the weight files.

    Parameters
    ----------
    index : Path or None
        The index that names the files, or None.
    single : Path or None
        The only file, or None.
    named : str
        The name of the checkpoint in messages.

    Returns
    -------
    StoredWeights

    Raises
    ------
    ModelError
        For an index that names anything but safetensors files beside it: others would be unpickled, and other folders
        do not belong to the checkpoint.
    """
    if single is not None:
        return StoredWeights(_header(single, named))
    if index is None:
        return StoredWeights({})
    found: dict[str, str] = {}
    for name in _shards(index, named):
        # Of a hub name the shards may not be here yet.
        if (shard := index.parent / name).is_file():
            found |= _header(shard, named)
    return StoredWeights(found)


def _shards(index: Path, named: str) -> list[str]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{named} cannot be loaded: {index.name} is no index of weights ({type(error).__name__})."
        ) from error
    for name in names:
        if not isinstance(name, str) or not name.endswith(".safetensors") or PurePosixPath(name).name != name:
            raise ModelError(
                f"{named} cannot be loaded: {index.name} names {shown(str(name))} as a file of weights. An index of "
                "safetensors may only name files that end in .safetensors and lie beside it."
            )
        if "\\" in name:
            raise ModelError(f"{named} cannot be loaded: {index.name} names {shown(name)}, a path.")
    return names


def _header(file: Path, named: str) -> dict[str, str]:
    """The precision of each stored tensor, by its name."""
    try:
        with file.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            if size > _LONGEST_HEADER:
                raise ValueError(f"a header of {size:,} bytes")
            header = json.loads(stream.read(size))
        return {name: str(told["dtype"]) for name, told in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{named} cannot be loaded: {file.name} is no safetensors file ({error!s:.200})."
        ) from error


def check_tokenizer_file(file: Path | None, named: str) -> None:
    """Check the one thing in a tokenizer.json that ends the process instead of raising an error.

    The table of a normalizer of SentencePiece ("Precompiled") begins with its own size, and the tokenizers library sets that
    much memory aside before it looks at what follows.

    Parameters
    ----------
    file : Path or None
        The tokenizer.json, or None where there is none.
    named : str
        The name of the checkpoint in messages.

    Raises
    ------
    ModelError
        For a table that is shorter than it says.
    """
    content = b"" if file is None else file.read_bytes()
    if b"Precompiled" not in content:
        return
    for table in _precompiled(content):
        size = int.from_bytes(table[:4], "little")
        if size > len(table) - 4:
            raise ModelError(
                f"{named} cannot be loaded: the normalizer in its tokenizer.json is damaged. Its table says that it has {size:,} "
                f"bytes, and {max(0, len(table) - 4):,} follow."
            )


def _precompiled(content: bytes) -> Iterator[bytes]:
    """The tables of SentencePiece among the normalizers; what is damaged in another way is the loader's to tell."""
    try:
        left = [json.loads(content)["normalizer"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    while left:
        one = left.pop()
        if isinstance(one, dict):
            inner = one.get("normalizers")
            left += inner if isinstance(inner, list) else []
            if isinstance(table := one.get("precompiled_charsmap"), str):
                yield base64.b64decode(table)


def left_out_layers(unexpected: Iterable[str], known: Iterable[str]) -> list[str]:
    """Stored layers for which the model has no place, because its config has fewer layers than were trained.

    Parameters
    ----------
    unexpected : iterable of str
        The names of stored weights that the model does not have.
    known : iterable of str
        The names of its own weights.

    Returns
    -------
    list of str

    Examples
    --------
    >>> left_out_layers(["layer.1.weight", "pooler.weight", "layer.0.old_mask"], ["layer.0.weight"])
    ['layer.1.weight']
    """
    blocks = {block for name in known for block in _blocks(name)}
    return sorted(name for name in unexpected if any(block not in blocks for block in _blocks(name)))


def _blocks(name: str) -> list[str]:
    """What a name says up to each of its numbers: `encoder.layer.1` of `encoder.layer.1.output.weight`."""
    return [name[: found.end()] for found in re.finditer(r"(?<=\.)\d+(?=\.)", name)]
