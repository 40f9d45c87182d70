"""A checkpoint and its tokenizer from a folder or the hub; the only place that loads weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from transformers.utils.hub import cached_file
from transformers.utils.peft_utils import find_adapter_config_file

from qalens.errors import InputError, ModelError, QalensError, is_panic, shown
from qalens.forks import lock_that_forks_wait_for
from qalens.models.checkpoint_files import (
    INDEX,
    WEIGHTS,
    StoredWeights,
    check_config,
    check_tokenizer_file,
    left_out_layers,
    stored_weights,
)
from qalens.models.devices import pick_device, pick_dtype
from qalens.models.hub import checkpoint_source, hub_fault, loading_error
from qalens.models.model import QAModel

_QUIET = lock_that_forks_wait_for()


def load_checkpoint(
    name: str | Path | None = None,
    *,
    device: str | torch.device | None = None,
    dtype: Literal["float32", "bfloat16", "float16", "auto"] | torch.dtype = "float32",
    revision: str | None = None,
    weights: Literal["safetensors", "pickle"] = "safetensors",
    token: str | None = None,
) -> tuple[QAModel, Any]:
    """Load a checkpoint and its tokenizer.

    Parameters
    ----------
    name : str, Path or None, default None
        A folder or a hub name; None loads the bundled checkpoint.
    device : str, torch.device or None, default None
        Where the model runs; None takes the best device of the machine.
    dtype : {"float32", "bfloat16", "float16", "auto"} or torch.dtype, default "float32"
        The precision; "auto" measures which is fastest on the device.
    revision : str or None, default None
        A branch, tag or commit on the hub.
    weights : {"safetensors", "pickle"}, default "safetensors"
        "safetensors", or "pickle" for files that can run code when they are loaded.
    token : str or None, default None
        A token for private checkpoints.

    Returns
    -------
    tuple of (QAModel, object)
        The model, and the tokenizer.

    Raises
    ------
    InputError
        For an option that cannot work.
    ModelError
        For a checkpoint that cannot be loaded.
    """
    if weights not in ("safetensors", "pickle"):
        raise InputError(f'weights has to be "safetensors" or "pickle", but is {shown(weights)}.')
    where = pick_device(device)
    source = checkpoint_source(name)
    named = "minilm-squad2 (bundled)" if name is None else str(name)
    # Custom code of a checkpoint is never run: trust_remote_code stays False whatever its files say.
    options: dict[str, Any] = {"revision": revision, "token": token, "trust_remote_code": False}
    unreachable = None if Path(source).is_dir() else hub_fault()
    if unreachable is not None:
        options["local_files_only"] = True
    try:
        with _quiet():
            check_tokenizer_file(_file(source, options, "tokenizer.json"), named)
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, **options)
            module, stored = _load_module(source, options, weights, named)
    except QalensError:
        raise
    except BaseException as error:  # files can hold anything, and so can what the loaders raise
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        raise loading_error(named, source, weights, error, unreachable) from error
    _check_tokenizer(tokenizer, named)
    picked, note = pick_dtype(dtype, where, module)
    module = module.to(device=where, dtype=picked).eval()
    if where.type == "cpu" and picked == torch.float32 and stored.are_as_asked:
        _own(module)
    return QAModel(module, name=named, note=note), tokenizer


def _load_module(source: str, options: dict[str, Any], weights: str, named: str) -> tuple[Any, StoredWeights]:
    """The module with its trained weights, and what the headers of their files say."""
    config = transformers.AutoConfig.from_pretrained(source, **options)
    asked = {key: value for key, value in options.items() if key != "trust_remote_code"}
    check_config(config, find_adapter_config_file(source, **asked), named)
    stored = _stored(source, options, named) if weights == "safetensors" else StoredWeights({})
    stored.check_layers(config, named)
    module, report = transformers.AutoModelForQuestionAnswering.from_pretrained(
        source,
        **options,
        config=config,
        # A file does not decide which code computes: a name here can fetch a kernel from the hub, or compile for minutes.
        attn_implementation=None,
        dtype=torch.float32,
        use_safetensors=weights == "safetensors",
        output_loading_info=True,
    )
    _check_report(module, report, named)
    stored.check_precisions((name for name, _ in module.named_parameters()), named)
    return module, stored


def _stored(source: str, options: dict[str, Any], named: str) -> StoredWeights:
    single = _file(source, options, WEIGHTS)
    return stored_weights(None if single else _file(source, options, INDEX), single, named)


def _file(source: str, options: dict[str, Any], name: str) -> Path | None:
    """A file of a checkpoint, fetched where it is one of the hub; None where the checkpoint has none of this name."""
    if Path(source).is_dir():
        found = Path(source, name)
        return found if found.is_file() else None
    asked = {key: value for key, value in options.items() if key != "trust_remote_code"}
    found = cached_file(source, name, **asked, _raise_exceptions_for_missing_entries=False)
    return None if found is None else Path(found)


def _check_report(module: Any, report: dict[str, Any], named: str) -> None:
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"{named} has no trained question-answering head: {', '.join(missing[:4])} "
            f"{'is' if len(missing) == 1 else 'are'} not in its weights, and newly made numbers would answer at random. "
            "Fine-tune it for question answering first, or take a checkpoint that is."
        )
    if left := left_out_layers(report["unexpected_keys"], module.state_dict()):
        raise ModelError(
            f"{named} cannot be loaded: its weights hold layers that its config.json leaves out ({left[0]} and "
            f"{len(left) - 1} more), and without them it is not the model that was trained."
        )


def _own(module: torch.nn.Module) -> None:
    """Copy weights that are still pages of their file: another file in its place would change or end this process."""
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.data = tensor.data.clone()


def _check_tokenizer(tokenizer: Any, named: str) -> None:
    # Without tokenizer files transformers makes up a tokenizer that knows its special tokens and nothing else.
    if set(tokenizer.get_vocab().values()) <= set(tokenizer.all_special_ids):
        raise ModelError(
            f"{named} comes without a tokenizer: its vocabulary holds special tokens alone. Save the tokenizer that the "
            "model was trained with beside its weights: tokenizer.save_pretrained(folder)."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Loading without transformers' bar and report: what matters in them becomes an error of ours.

    One at a time: these settings belong to the whole process, and who notes them while another has changed them would
    leave them changed.
    """
    logs = transformers.utils.logging
    with _QUIET:
        bar, level = logs.is_progress_bar_enabled(), logs.get_verbosity()
        logs.disable_progress_bar()
        logs.set_verbosity_error()
        try:
            yield
        finally:
            logs.set_verbosity(level)
            if bar:
                logs.enable_progress_bar()
