"""A checkpoint as something that turns windows into start and end logits; the only room that loads weights."""

from __future__ import annotations

import hashlib
import logging
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from safetensors import SafetensorError

from qalens.errors import InputError, ModelError
from qalens.spans import SpanLogits
from qalens.windows import Windows

log = logging.getLogger(__name__)

BUNDLED = Path(__file__).parent / "checkpoints" / "minilm-squad2"
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
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
# Whole numbers of as many bytes as a weight has.
_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
# Padding a batch costs what its longest window costs, and a CPU gains nothing from batches beyond this.
BATCH_TOKENS = {"cpu": 4096, "cuda": 65536, "mps": 16384}


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
    ) -> Iterator[SpanLogits | ModelError]:
        """The start and end logits of several questions' windows, in their order, as one stream.

        The windows of all of them are sorted by length and go through the model in batches of about `batch_tokens`
        tokens (default: 4,096 on a CPU, 65,536 on CUDA, 16,384 on MPS), so that little is spent on padding. Where
        the model fails on a batch, the batch is halved until the window that it fails on stands alone; a
        `ModelError` then takes the place of that question's logits, and no other question is harmed.
        """
        budget = BATCH_TOKENS.get(self.device.type, 4096) if batch_tokens is None else batch_tokens
        start, end = ([np.zeros(w.role.shape, np.float32) for w in windows] for _ in range(2))
        failed: dict[int, ModelError] = {}
        places = [(q, w, int(n)) for q, one in enumerate(windows) for w, n in enumerate(one.lengths)]
        places.sort(key=lambda place: place[2], reverse=True)
        with self.evaluating():
            for batch in _batches(places, budget):
                self._run(windows, batch, start, end, failed)
        for q, one in enumerate(windows):
            if q in failed:
                yield failed[q]
                continue
            try:
                yield SpanLogits(one, start[q], end[q])
            except ModelError as error:
                yield error

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
) -> tuple[QAModel, Any]:
    """Load a checkpoint and its tokenizer; the arguments are those of `qalens.load`."""
    if weights not in ("safetensors", "pickle"):
        raise InputError(f'weights has to be "safetensors" or "pickle", but is {weights!r}.')
    where = pick_device(device)
    source = _source(name)
    shown = "minilm-squad2 (bundled)" if name is None else str(name)
    # Custom code of a checkpoint is never run: trust_remote_code stays False whatever its files say.
    options: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
    if not Path(source).is_dir():
        # Its client would try for most of a minute before it gave up.
        options["local_files_only"] = not _hub_answers()
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
        raise _loading_error(shown, source, weights, error) from error
    _check_vocabulary(tokenizer, shown)
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"{shown} has no trained question-answering head: {', '.join(missing[:4])} "
            f"{'is' if len(missing) == 1 else 'are'} not in its weights, and newly made numbers would answer at random. "
            "Fine-tune it for question answering first, or take a checkpoint that is."
        )
    picked, note = _pick_dtype(dtype, where, module)
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


def _source(name: str | Path | None) -> str:
    """A folder or a hub name as transformers takes it; a path that does not exist is told from a hub name."""
    if name is None:
        return str(BUNDLED)
    if not isinstance(name, str | Path) or not str(name):
        raise InputError(f"A checkpoint is a hub name or a folder, but got {name!r}.")
    path = Path(name).expanduser()
    if path.is_dir():
        return str(path)
    if isinstance(name, Path) or str(name).startswith((".", "/", "~")) or str(name).count("/") > 1:
        raise ModelError(
            f"There is no folder {path}; a checkpoint is a folder with config.json, or a hub name."
        )
    return str(name)


def _hub_answers() -> bool:
    """Whether the model hub can be reached, as far as a short wait tells."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=3).close()
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        # A certificate that Python does not know may be known to the hub's own client.
        return isinstance(error.reason, ssl.SSLError)
    except OSError:
        return False
    return True


def _loading_error(shown: str, source: str, weights: str, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())
    if "trust_remote_code" in reason or "custom code" in reason:
        return ModelError(
            f"{shown} needs Python code that comes with the checkpoint, and qalens never runs such code. If you trust "
            "it, load the model yourself and hand the objects to qalens.Reader(model, tokenizer)."
        )
    if weights == "safetensors" and ("safetensors" in reason or "pickle" in reason):
        return ModelError(
            f"{shown} has no safetensors weights. Pickled weights can hold code and are only read when asked for by "
            f'name: qalens.load({shown!r}, weights="pickle"). ({reason:.200})'
        )
    if not Path(source).is_dir() and _is_unreachable(error):
        return ModelError(
            f"{shown} is not in the local cache and the model hub cannot be reached. What works offline: "
            "qalens.load() with the bundled checkpoint, qalens.load(folder) with a checkpoint on disk, and hub names "
            f"that were loaded before on this machine. ({type(error).__name__}: {reason:.200})"
        )
    return ModelError(f"{shown} cannot be loaded: {type(error).__name__}: {reason:.400}")


def _is_unreachable(error: BaseException | None) -> bool:
    while error is not None:
        text = f"{type(error).__name__} {error}".lower()
        if any(s in text for s in ("connect", "offline", "timeout", "localentrynotfound", "name resolution")):
            return True
        error = error.__cause__ or error.__context__
    return False


def pick_device(device: str | torch.device | None) -> torch.device:
    """A torch device that exists here; None takes CUDA, then Apple's MPS, then the CPU.

    Raises `InputError` for one that torch does not know or this machine does not have, with those that it has.

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
        raise InputError(f"{device!r} is no device; here are {', '.join(present)}.") from error
    exact = f"{wanted.type}:{wanted.index}" if wanted.index is not None else wanted.type
    if not any(exact in (p, p.split(":")[0], f"{p}:0") for p in present):
        raise InputError(f"The device {exact} is not available; here are {', '.join(present)}.")
    return wanted


def _pick_dtype(dtype: Any, device: torch.device, module: torch.nn.Module) -> tuple[torch.dtype, str]:
    if isinstance(dtype, torch.dtype) and dtype in _DTYPES.values():
        return dtype, ""
    if isinstance(dtype, str) and dtype in _DTYPES:
        return _DTYPES[dtype], ""
    if dtype != "auto":
        raise InputError(f'dtype has to be "float32", "bfloat16", "float16" or "auto", but is {dtype!r}.')
    width = getattr(getattr(module, "config", None), "hidden_size", 768)
    gain = bfloat16_gain(str(device), int(width))
    if gain >= 1.5:
        note = f'dtype "auto" took bfloat16, whose matrix products ran {gain:.1f} × as fast here'
        log.info(note)
        return torch.bfloat16, note
    return torch.float32, f'dtype "auto" kept float32: bfloat16 products ran {gain:.1f} × as fast here'


@lru_cache(maxsize=8)
def bfloat16_gain(device: str, width: int) -> float:
    """How many times faster a matrix product of a layer's shape is in bfloat16 than in float32, measured here.

    Takes some hundredths of a second, once for each device and width. 0 where the device cannot do bfloat16.
    """
    seconds = []
    for dtype in (torch.float32, torch.bfloat16):
        try:
            a = torch.ones(1024, width, device=device, dtype=dtype)
            b = torch.ones(width, 4 * width, device=device, dtype=dtype)
            seconds.append(min(_seconds(a, b, device) for _ in range(5)))
        except RuntimeError:
            return 0.0
    return seconds[0] / seconds[1]


def _seconds(a: torch.Tensor, b: torch.Tensor, device: str) -> float:
    began = time.perf_counter()
    (a @ b)[0, 0].item()  # reading one number waits for the device
    return time.perf_counter() - began
