"""A checkpoint as something that turns windows into start and end logits; the only room that loads weights."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from safetensors import SafetensorError

from qalens.devices import pick_device, pick_dtype
from qalens.errors import InputError, ModelError
from qalens.hub import BUNDLED as BUNDLED
from qalens.hub import checkpoint_source, hub_fault, loading_error
from qalens.spans import SpanLogits
from qalens.windows import Windows

# What the loaders raise: files that are missing, cut short, or hold something else than they should.
_LOADING_FAULTS = (
    OSError,
    ValueError,
    ImportError,
    RuntimeError,
    KeyError,
    TypeError,
    UnpicklingError,
    SafetensorError,
)
# Whole numbers of as many bytes as a weight has.
_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
# On a CPU the activations of a layer should stay near its caches: with two cores, 4,096 were slower than 2,048 in float32
# (BERT base 1.05 for 1.32 times a loop over single examples), and 8,192 slower than the loop.
_BATCH_TOKENS = {"cpu": 2048, "cuda": 65536, "mps": 16384}
# One for each module, since several `QAModel`s may hold the same; beside them, since a lock cannot be copied or pickled.
_LOCKS: WeakKeyDictionary[torch.nn.Module, threading.RLock] = WeakKeyDictionary()


class QAModel:
    """A question-answering model that gives start and end logits for windows.

    Wraps any torch module that returns `start_logits` and `end_logits`, as every `AutoModelForQuestionAnswering`
    does; the module is used as it is, on its device and in its dtype, always without dropout. Raises `ModelError`
    where it gives no such logits.

    - `name`: what the model is called in messages and pictures
    - `note`: what was decided while loading, for example why a dtype was picked
    """

    def __init__(self, module: torch.nn.Module, *, name: str | None = None, note: str = ""):
        if not isinstance(module, torch.nn.Module):
            raise ModelError(f"The model has to be a torch module, but is of type {type(module).__name__}.")
        self.module = module
        self.name = name or getattr(module, "name_or_path", "") or type(module).__name__
        self.note = note
        self._bit_sums: dict[str, tuple[tuple[int, int], int]] = {}
        self._check_head()
        if self.dtype.itemsize < 4:
            _keep_head_in_float32(module)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.module.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the first weights; the head stays in float32."""
        return next(self.module.parameters()).dtype

    @property
    def max_length(self) -> int | None:
        """The most tokens that the model's positions allow, None where they set no limit."""
        return _position_limit(self.module)

    @property
    def batch_tokens(self) -> int:
        """The tokens of one batch, with padding, that suit the device."""
        return _BATCH_TOKENS.get(self.device.type, _BATCH_TOKENS["cpu"])

    def _check_head(self) -> None:
        # A module of one's own is taken at its word and asked for its logits at the first reading.
        module = self.module
        if not isinstance(module, transformers.PreTrainedModel) or hasattr(module, "qa_outputs"):
            return
        if "QuestionAnswering" not in type(module).__name__:
            raise ModelError(
                f"{type(module).__name__} has no question-answering head: it returns no start and end logits. "
                "Load the checkpoint with AutoModelForQuestionAnswering, or with qalens.load."
            )

    def logits(
        self, windows: Sequence[Windows], *, batch_tokens: int | None = None
    ) -> list[SpanLogits | ModelError]:
        """The start and end logits of several questions' windows, in their order.

        The windows of all of them are sorted by length and go through the model in batches of about `batch_tokens`
        tokens (default: 2,048 on a CPU, 65,536 on CUDA, 16,384 on MPS), so that little is spent on padding. Where
        the model fails on a batch, the batch is halved until the window that it fails on stands alone; a
        `ModelError` then takes the place of that question's logits, and no other question is harmed.
        """
        budget = self.batch_tokens if batch_tokens is None else batch_tokens
        start, end = ([np.zeros(w.role.shape, np.float32) for w in windows] for _ in range(2))
        failed: dict[int, ModelError] = {}
        places = [(q, w, int(n)) for q, one in enumerate(windows) for w, n in enumerate(one.lengths)]
        places.sort(key=lambda place: place[2], reverse=True)
        with self.evaluating():
            for batch in _batches(places, budget):
                self._run(windows, batch, start, end, failed)
        found: list[SpanLogits | ModelError] = []
        for q, one in enumerate(windows):
            if q in failed:
                found.append(failed[q])
                continue
            try:
                found.append(SpanLogits(one, start[q], end[q]))
            except ModelError as error:
                found.append(error)
        return found

    def _run(
        self,
        windows: Sequence[Windows],
        batch: list[tuple[int, int, int]],
        start: list[NDArray[np.float32]],
        end: list[NDArray[np.float32]],
        failed: dict[int, ModelError],
    ) -> None:
        try:
            s, e = self.forward(_collate(windows, batch))
        except (
            RuntimeError,
            IndexError,
        ) as error:  # what torch raises: out of memory, an id it does not know, …
            if len(batch) == 1:
                failed[batch[0][0]] = ModelError(
                    f"{self.name} failed on this text: {type(error).__name__}: {error}"
                )
                return
            half = len(batch) // 2
            self._run(windows, batch[:half], start, end, failed)
            self._run(windows, batch[half:], start, end, failed)
            return
        for row, (q, w, n) in enumerate(batch):
            start[q][w, :n], end[q][w, :n] = s[row, :n], e[row, :n]

    def forward(
        self, inputs: Mapping[str, NDArray[np.int64]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Start and end logits, (B, T) float32 each, of one batch of model inputs."""
        self._check_ids(inputs["input_ids"])
        with torch.inference_mode():
            s, e = self.scores(self.tensors(inputs))
        return s.float().cpu().numpy(), e.float().cpu().numpy()

    def tensors(self, inputs: Mapping[str, NDArray[np.int64]]) -> dict[str, torch.Tensor]:
        """Model inputs as tensors on the device of the model."""
        return {name: torch.tensor(array, device=self.device) for name, array in inputs.items()}

    def scores(self, inputs: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Start and end logits, (B, T) each, as the module gives them: in its graph, ready for gradients."""
        with self.alone():
            out = self.module(**inputs)
        s, e = (getattr(out, name, None) for name in ("start_logits", "end_logits"))
        if s is None or e is None:
            raise ModelError(
                f"{self.name} returned {type(out).__name__} without start_logits and end_logits. A question-answering "
                "model of transformers gives them; one with a beam search (XLNetForQuestionAnswering) or with "
                "return_dict=False does not."
            )
        return s, e

    @property
    def embeddings(self) -> dict[str, torch.nn.Embedding]:
        """The tables whose rows add up to the input of the first layer: "word", and where there are "position", "segment".

        Raises `ModelError` for a model that does not tell which module looks its words up.
        """
        word = self._word_table()
        if not isinstance(word, torch.nn.Embedding):
            raise ModelError(
                f"{self.name} does not tell where its word embeddings are: get_input_embeddings() of "
                f"{type(self.module).__name__} has to give a torch.nn.Embedding. Without it there is nothing to "
                "attribute an answer to."
            )
        tables = {"word": word}
        beside = next((m for m in self.module.modules() if any(c is word for c in m.children())), None)
        for part, name in (("position", "position_embeddings"), ("segment", "token_type_embeddings")):
            table = getattr(beside, name, None)
            if isinstance(table, torch.nn.Embedding):
                tables[part] = table
        return tables

    def _word_table(self) -> Any:
        get = getattr(self.module, "get_input_embeddings", None)
        try:
            return get() if callable(get) else None
        except NotImplementedError:  # what transformers raises for a model that has none
            return None

    @property
    def fingerprint(self) -> str:
        """Some letters that change whenever a weight does, to tell which model made a reading.

        Taken from the bits of every weight, added up, and from sixteen values of it. The bits are added up again where
        torch counts a change; it counts none that is made through `weight.data`, so those show in the sixteen alone.
        """
        digest = hashlib.sha256()
        with torch.no_grad():
            for name, weight in self.module.named_parameters():
                flat = weight.detach().reshape(-1)
                # Not every device has float64, so the values travel first.
                some = flat[:: max(1, len(flat) // 16)].cpu().double().numpy()
                told = f"{name} {tuple(weight.shape)} {weight.dtype} {self._bit_sum(name, weight)} "
                digest.update(told.encode() + some.tobytes())
        return digest.hexdigest()[:16]

    def _bit_sum(self, name: str, weight: torch.Tensor) -> int:
        """The bits of a weight as whole numbers, added up: the same on every device and in every order."""
        # In-place changes raise a tensor's version, and new weights live elsewhere.
        state = weight.data_ptr(), 0 if weight.is_inference() else weight._version
        known = self._bit_sums.get(name)
        if known is None or known[0] != state:
            bits = weight.detach().reshape(-1).view(_BITS[weight.itemsize])
            known = self._bit_sums[name] = state, int(bits.sum(dtype=torch.int64))
        return known[1]

    def _check_ids(self, ids: NDArray[np.int64]) -> None:
        # On a GPU an unknown id would take the whole process down, not only this batch.
        known = getattr(self._word_table(), "num_embeddings", None)
        if known is not None and ids.max() >= known:
            raise IndexError(
                f"the tokenizer gives token id {ids.max()} and the model knows {known:,}; they do not belong together"
            )

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Dropout off while reading; a model that somebody is training goes back to training."""
        training = [part for part in self.module.modules() if part.training]
        self.module.eval()
        try:
            yield
        finally:
            for part in training:
                part.training = True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let passes of other threads wait: what is hooked into the module for one pass must not reach into theirs."""
        with _LOCKS.setdefault(self.module, threading.RLock()):
            yield

    def __repr__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        return f"QAModel({self.name!r}, {type(self.module).__name__}, {self.device}, {dtype}{self.note and f'; {self.note}'})"


def _batches(places: list[tuple[int, int, int]], budget: int) -> Iterator[list[tuple[int, int, int]]]:
    """Runs of windows, longest first, of at most `budget` tokens with their padding."""
    at = 0
    while at < len(places):
        size = max(1, budget // places[at][2])
        yield places[at : at + size]
        at += size


def _collate(windows: Sequence[Windows], batch: list[tuple[int, int, int]]) -> dict[str, NDArray[np.int64]]:
    """Model inputs (B, T) of one batch, padded on the right as the windows themselves are.

    On the right whatever the tokenizer's own side: a BERT counts positions from the left, so padding there would
    move its text.
    """
    T = batch[0][2]
    inputs = {}
    for name in windows[batch[0][0]].model_inputs:
        rows = np.zeros((len(batch), T), np.int64)
        for row, (q, w, n) in enumerate(batch):
            values = windows[q].model_inputs[name]
            rows[row, :n] = values[w, :n]
            if n < T:
                rows[row, n:] = windows[q].padding[name]
        inputs[name] = rows
    return inputs


def _keep_head_in_float32(module: torch.nn.Module) -> None:
    """Compute the last linear map in float32: in bfloat16 logits of 8 are 1/32 apart and spans would tie."""
    head = getattr(module, "qa_outputs", None)
    if isinstance(head, torch.nn.Linear) and head.weight.dtype != torch.float32:
        head.float()
        head.register_forward_pre_hook(lambda _, args: (args[0].float(), *args[1:]))


def _position_limit(module: torch.nn.Module) -> int | None:
    for name, part in module.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, torch.nn.Embedding):
            # RoBERTa and its kin start counting behind the padding index.
            reserved = 0 if part.padding_idx is None else part.padding_idx + 1
            return part.num_embeddings - reserved
    limit = getattr(getattr(module, "config", None), "max_position_embeddings", None)
    return limit if isinstance(limit, int) and limit > 0 else None


def load_checkpoint(
    name: str | Path | None = None,
    *,
    device: str | torch.device | None = None,
    dtype: Literal["float32", "bfloat16", "float16", "auto"] | torch.dtype = "float32",
    revision: str | None = None,
    weights: Literal["safetensors", "pickle"] = "safetensors",
    token: str | None = None,
) -> tuple[QAModel, Any]:
    """Load a checkpoint and its tokenizer; the arguments are those of `qalens.load`, and a `token` for private ones."""
    if weights not in ("safetensors", "pickle"):
        raise InputError(f'weights has to be "safetensors" or "pickle", but is {weights!r}.')
    where = pick_device(device)
    source = checkpoint_source(name)
    shown = "minilm-squad2 (bundled)" if name is None else str(name)
    # Custom code of a checkpoint is never run: trust_remote_code stays False whatever its files say.
    options: dict[str, Any] = {"revision": revision, "token": token, "trust_remote_code": False}
    unreachable = None if Path(source).is_dir() else hub_fault()
    if unreachable is not None:
        options["local_files_only"] = True
    try:
        with _quiet():
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, **options)
            module, report = transformers.AutoModelForQuestionAnswering.from_pretrained(
                source,
                **options,
                dtype=torch.float32,
                use_safetensors=weights == "safetensors",
                output_loading_info=True,
            )
    except _LOADING_FAULTS as error:
        raise loading_error(shown, source, weights, error, unreachable) from error
    _check_vocabulary(tokenizer, shown)
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"{shown} has no trained question-answering head: {', '.join(missing[:4])} "
            f"{'is' if len(missing) == 1 else 'are'} not in its weights, and newly made numbers would answer at random. "
            "Fine-tune it for question answering first, or take a checkpoint that is."
        )
    picked, note = pick_dtype(dtype, where, module)
    return QAModel(module.to(device=where, dtype=picked).eval(), name=shown, note=note), tokenizer


def _check_vocabulary(tokenizer: Any, shown: str) -> None:
    # Without tokenizer files transformers makes up a tokenizer that knows its special tokens and nothing else.
    if set(tokenizer.get_vocab().values()) <= set(tokenizer.all_special_ids):
        raise ModelError(
            f"{shown} comes without a tokenizer: its vocabulary holds special tokens alone. Save the tokenizer that the "
            "model was trained with beside its weights: tokenizer.save_pretrained(folder)."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Loading without transformers' bar and report: what matters in them becomes an error of ours."""
    logs = transformers.utils.logging
    shown, level = logs.is_progress_bar_enabled(), logs.get_verbosity()
    logs.disable_progress_bar()
    logs.set_verbosity_error()
    try:
        yield
    finally:
        logs.set_verbosity(level)
        if shown:
            logs.enable_progress_bar()
