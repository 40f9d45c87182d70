"""A question-answering module as something that turns windows into start and end logits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property, partial
from typing import Any, NoReturn

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from qalens.errors import ModelError, QalensError
from qalens.models.fingerprint import Fingerprint
from qalens.models.locks import alone, evaluating
from qalens.models.sharing import Place, Sharing, same_logits
from qalens.models.wrappers import inputs_of, is_compiled, uncompiled, unwrapped
from qalens.progress import windows_passed
from qalens.spans.distribution import SpanLogits
from qalens.text.windows import Windows

_BATCH_TOKENS = {"cuda": 65536, "mps": 16384}
# On a CPU the activations of a layer should stay near its caches. With AVX-512 and two cores, 4,096 were slower than 2,048
# (BERT base 1.05 for 1.32 times a loop over single examples) and 8,192 slower than the loop; with AVX2 alone 2,048 were
# (0.95 times the loop), and 512 to 1,024 were not (1.03 to 1.08).
_CPU_BATCH_TOKENS, _AVX512_BATCH_TOKENS = 1024, 2048


class QAModel:
    """A question-answering model that gives start and end logits for windows.

    It wraps any torch module that returns `start_logits` and `end_logits`, as every `AutoModelForQuestionAnswering`
    does. The module is used on its device and in its dtype, always without dropout, and is not changed. `plain` is
    the module inside `torch.compile` and `DataParallel`, to which explanations attach their hooks.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    name : str or None, default None
        The name of the model in messages and figures.
    note : str, default ""
        A decision made while loading, for example why a dtype was chosen.
    temperature : float, default 1.0
        What all logits are divided by.

    Raises
    ------
    ModelError
        For a module without such logits.
    """

    def __init__(
        self, module: torch.nn.Module, *, name: str | None = None, note: str = "", temperature: float = 1.0
    ):
        if not isinstance(module, torch.nn.Module):
            raise ModelError(f"The model has to be a torch module, but is of type {type(module).__name__}.")
        self.module = module
        self.plain = unwrapped(module)
        self.name = name or getattr(self.plain, "name_or_path", "") or type(self.plain).__name__
        self.note = note
        self.temperature = temperature
        self._fingerprint = Fingerprint()
        self._sharing = Sharing()
        self._inputs = inputs_of(self.plain)
        self._check_head()
        self._check_observers()

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next((w.device for w in self.plain.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the first weights; the head computes in float32."""
        return next((w.dtype for w in self.plain.parameters()), torch.float32)

    @property
    def max_length(self) -> int | None:
        """The most tokens that the positions of the model allow; None if they set no limit."""
        return _position_limit(self.plain)

    @property
    def batch_tokens(self) -> int:
        """A suitable number of tokens of one batch, padding included, for the device."""
        if self.device.type in _BATCH_TOKENS:
            return _BATCH_TOKENS[self.device.type]
        wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
        return _AVX512_BATCH_TOKENS if wide else _CPU_BATCH_TOKENS

    def _check_observers(self) -> None:
        if any(bool(getattr(part, "observer_enabled", False)) for part in self.plain.modules()):
            raise ModelError(
                f"{self.name} is quantization-aware and still fits its scales to whatever it reads, so that each reading would "
                "change the model and hang on those before it. Read it with fixed scales: "
                "model.apply(torch.ao.quantization.disable_observer)."
            )

    def _check_head(self) -> None:
        # A module of one's own is taken at its word and asked for its logits at the first reading.
        module = self.plain
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
        """Compute the start and end logits of several questions.

        The windows of all questions are sorted by length and go through the model in batches, so that little is spent
        on padding. If windows of one batch change each other in this model, which is tested at the first batches,
        they go in batches of equal lengths, or alone. If the model fails on a batch, the batch is halved until the
        failing window is alone; a `ModelError` then takes the place of that question's logits, and no other question
        is affected.

        Parameters
        ----------
        windows : sequence of Windows
            The windows of each question.
        batch_tokens : int or None, default None
            Tokens of one batch, padding included; None takes 2,048 on a CPU with AVX-512 and 1,024 on others,
            65,536 on CUDA and 16,384 on MPS.

        Returns
        -------
        list of SpanLogits or ModelError
            One item for each question, in the same order.
        """
        work = _Work(self, windows)
        with self.evaluating():
            work.run(self.batch_tokens if batch_tokens is None else batch_tokens, self._sharing)
        return work.found()

    def batches(self, windows: Windows, batch_tokens: int) -> list[list[int]]:
        """The windows of one text in groups that may share a batch; known after the text was read.

        Parameters
        ----------
        windows : Windows
            The windows.
        batch_tokens : int
            Tokens of one batch, padding included.

        Returns
        -------
        list of list of int
            Indices of windows.
        """
        places = [(0, w, int(n)) for w, n in enumerate(windows.lengths)]
        places.sort(key=lambda place: place[2], reverse=True)
        groups, at = [], 0
        while at < len(places):
            size = self._sharing.size(places, at, batch_tokens)
            groups.append([w for _, w, _ in places[at : at + size]])
            at += size
        return groups

    def forward(
        self, inputs: Mapping[str, NDArray[np.int64]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute the logits of one batch of model inputs.

        Parameters
        ----------
        inputs : mapping of str to ndarray of int64
            The arguments of the model by name, each (B, T).

        Returns
        -------
        tuple of (ndarray of float32, ndarray of float32)
            Start and end logits, each (B, T).
        """
        return self.begin(inputs)()

    def begin(
        self, inputs: Mapping[str, NDArray[np.int64]]
    ) -> Callable[[], tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Begin the pass of one batch; a GPU goes on with it while other things are done.

        Parameters
        ----------
        inputs : mapping of str to ndarray of int64
            The arguments of the model by name, each (B, T).

        Returns
        -------
        callable
            Waits for the pass, and returns what `forward` does.
        """
        self._check_ids(inputs)
        with torch.inference_mode():
            s, e = self._pass(self.module, self.tensors(inputs))
            return _arrives(torch.stack((s, e)).detach().float())

    def tensors(self, inputs: Mapping[str, NDArray[np.int64]]) -> dict[str, torch.Tensor]:
        """Model inputs as tensors on the device of the model.

        Parameters
        ----------
        inputs : mapping of str to ndarray of int64
            The arguments of the model by name, each (B, T).

        Returns
        -------
        dict of str to torch.Tensor
        """
        device = self.device
        if device.type != "cuda":
            return {name: torch.tensor(array, device=device) for name, array in inputs.items()}
        # From pinned memory the transfers of all inputs are on their way while the first layers are asked for.
        pinned = {name: torch.tensor(array, pin_memory=True) for name, array in inputs.items()}
        return {name: tensor.to(device, non_blocking=True) for name, tensor in pinned.items()}

    def scores(self, inputs: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Start and end logits of the plain module, in its graph and with all its hooks.

        Parameters
        ----------
        inputs : mapping of str to torch.Tensor
            The arguments of the model by name, each (B, T).

        Returns
        -------
        tuple of (torch.Tensor, torch.Tensor)
            Start and end logits, each (B, T).
        """
        with uncompiled(self.plain):
            return self._pass(self.plain, inputs)

    def _pass(
        self, module: torch.nn.Module, inputs: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with self.alone(), self._head_in_float32(module):
            try:
                out = module(**{name: x for name, x in inputs.items() if self.takes(name)})
            except QalensError:
                raise
            except Exception as error:  # whatever a module raises, it is this text that it fails on
                raise ModelError(
                    f"{self.name} failed on this text: {type(error).__name__}: {error}"
                ) from error
        read = out.get if isinstance(out, Mapping) else lambda name: getattr(out, name, None)
        s, e = read("start_logits"), read("end_logits")
        if s is None or e is None:
            raise ModelError(
                f"{self.name} returned {type(out).__name__} without start_logits and end_logits. A question-answering "
                "model of transformers gives them; one with a beam search (XLNetForQuestionAnswering) or with "
                "return_dict=False does not."
            )
        shape = tuple(inputs["input_ids"].shape)
        if not tuple(s.shape) == tuple(e.shape) == shape:
            raise ModelError(
                f"{self.name} returned start logits of shape {tuple(s.shape)} and end logits of shape {tuple(e.shape)} "
                f"for tokens of shape {shape}. One of each is needed for every token, in their order."
            )
        return (s, e) if self.temperature == 1 else (s / self.temperature, e / self.temperature)

    def takes(self, name: str) -> bool:
        """Whether `forward` takes an input, as far as it says; segments only if the model has two of them.

        Parameters
        ----------
        name : str
            The input, such as "token_type_ids".

        Returns
        -------
        bool

        Examples
        --------
        >>> from qalens import Reader
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> Reader(toy_model(), toy_tokenizer()).model.takes("token_type_ids")
        True
        """
        # RoBERTa has a table of one row, which a tokenizer of BERT's kind would read behind its end.
        if name == "token_type_ids" and self._segments == 1:
            return False
        return self._inputs is None or name in self._inputs

    @cached_property
    def _segments(self) -> int | None:
        """The rows of the table of segments, None where there is none."""
        table = self._tables_beside(self._word_table()).get("segment")
        return None if table is None else table.num_embeddings

    def _head_in_float32(self, module: torch.nn.Module) -> AbstractContextManager[None]:
        head = getattr(self.plain, "qa_outputs", None)
        if not isinstance(head, torch.nn.Linear) or head.weight.dtype not in (torch.float16, torch.bfloat16):
            return nullcontext()
        # A compiled module does not see the hook, or keeps it for good.
        return nullcontext() if is_compiled(module) else _hooked(head, _in_float32)

    @property
    def embeddings(self) -> dict[str, torch.nn.Embedding]:
        """The embedding tables whose rows add up to the input of the first layer.

        Raises
        ------
        ModelError
            For a model that does not say which module embeds its words.
        """
        word = self._word_table()
        if not isinstance(word, torch.nn.Embedding):
            raise ModelError(
                f"{self.name} does not tell where its word embeddings are: get_input_embeddings() of "
                f"{type(self.plain).__name__} has to give a torch.nn.Embedding. Without it there is nothing to "
                "attribute an answer to."
            )
        return {"word": word, **self._tables_beside(word)}

    def _tables_beside(self, word: Any) -> dict[str, torch.nn.Embedding]:
        """The tables of positions and segments beside that of words."""
        beside = next((m for m in self.plain.modules() if any(c is word for c in m.children())), None)
        names = {"position": "position_embeddings", "segment": "token_type_embeddings"}
        found = {part: getattr(beside, name, None) for part, name in names.items()}
        return {part: table for part, table in found.items() if isinstance(table, torch.nn.Embedding)}

    def _word_table(self) -> Any:
        get = getattr(self.plain, "get_input_embeddings", None)
        try:
            return get() if callable(get) else None
        except NotImplementedError:  # what transformers raises for a model that has none
            return None

    @property
    def fingerprint(self) -> str:
        """Letters that change whenever a number changes that the model computes with."""
        told = self._fingerprint.of(self.plain)
        return told if self.temperature == 1 else f"{told}/{self.temperature:g}"

    def _check_ids(self, inputs: Mapping[str, NDArray[np.int64]]) -> None:
        # On a GPU an unknown id would take the whole process down, not only this batch.
        known = {
            "input_ids": ("token id", getattr(self._word_table(), "num_embeddings", None)),
            "token_type_ids": ("segment", self._segments if self.takes("token_type_ids") else None),
        }
        for name, (what, rows) in known.items():
            if rows is not None and name in inputs and inputs[name].max() >= rows:
                raise IndexError(
                    f"the tokenizer gives {what} {inputs[name].max()} and the model knows {rows:,}; they do not belong together"
                )

    def evaluating(self) -> AbstractContextManager[None]:
        """Turn dropout off while reading; a model in training returns to it.

        Returns
        -------
        AbstractContextManager of None
        """
        return evaluating(self.plain)

    def alone(self) -> AbstractContextManager[None]:
        """Make passes of other threads wait: hooks of one pass must not affect another.

        Returns
        -------
        AbstractContextManager of None
        """
        return alone(self.plain)

    def __repr__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        return f"QAModel({self.name!r}, {type(self.plain).__name__}, {self.device}, {dtype}{self.note and f'; {self.note}'})"


_Pass = Callable[[], tuple[NDArray[np.float32], NDArray[np.float32]]]


class _Work:
    """The windows of several questions on their way through a model, and their logits as far as they are known."""

    def __init__(self, model: QAModel, windows: Sequence[Windows]):
        self.model, self.windows = model, windows
        self.start, self.end = ([np.zeros(w.role.shape, np.float32) for w in windows] for _ in range(2))
        self.failed: dict[int, ModelError] = {}

    def run(self, budget: int, sharing: Sharing) -> None:
        places = [(q, w, int(n)) for q, one in enumerate(self.windows) for w, n in enumerate(one.lengths)]
        places.sort(key=lambda place: place[2], reverse=True)
        self.left = Counter(q for q, _, _ in places)
        at = 0
        begun: list[tuple[list[Place], _Pass]] = []
        while at < len(places):
            batch = places[at : at + sharing.size(places, at, budget)]
            if sharing.is_new(batch):
                self._read(batch)
                same = self._says_the_same_alone(batch[-1])
                sharing.learn(batch, equal=same)
                if not same:
                    continue  # once more, in smaller company
                self._passed(batch)
            else:
                # A device that works by itself has the next batch before anyone waits for this one.
                begun.append((batch, self._begin(batch)))
            at += len(batch)
            if len(begun) > 1:
                self._arrived(*begun.pop(0))
        for batch, logits in begun:
            self._arrived(batch, logits)

    def _arrived(self, batch: list[Place], logits: _Pass) -> None:
        self._finish(batch, logits)
        self._passed(batch)

    def _passed(self, batch: list[Place]) -> None:
        self.left.subtract(q for q, _, _ in batch)
        # Not while a batch is read: whoever listens may end the work by an error of his own.
        windows_passed(len(batch), texts=sum(self.left[q] == 0 for q in {q for q, _, _ in batch}))

    def found(self) -> list[SpanLogits | ModelError]:
        found: list[SpanLogits | ModelError] = []
        for q, one in enumerate(self.windows):
            if q in self.failed:
                found.append(self.failed[q])
                continue
            try:
                found.append(SpanLogits(one, self.start[q], self.end[q]))
            except ModelError as error:
                found.append(error)
        return found

    def _read(self, batch: list[Place]) -> None:
        self._finish(batch, self._begin(batch))

    def _begin(self, batch: list[Place]) -> _Pass:
        try:
            return self.model.begin(_collate(self.windows, batch))
        except Exception as error:  # for `_finish`, when it is the turn of this batch
            return partial(_raise, error)

    def _finish(self, batch: list[Place], logits: _Pass) -> None:
        try:
            s, e = logits()
        except Exception as error:  # out of memory, an id that it does not know, whatever a module raises
            if len(batch) == 1:
                self.failed[batch[0][0]] = _failure(self.model, error)
                return
            half = len(batch) // 2
            self._read(batch[:half])
            self._read(batch[half:])
            return
        for row, (q, w, n) in enumerate(batch):
            self.start[q][w, :n], self.end[q][w, :n] = s[row, :n], e[row, :n]

    def _says_the_same_alone(self, place: Place) -> bool:
        """Whether a window that was read in a batch has the logits that it has alone."""
        q, w, n = place
        if q in self.failed:
            return True
        together = np.stack([self.start[q][w, :n], self.end[q][w, :n]])
        try:
            alone = np.concatenate(self.model.begin(_collate(self.windows, [place]))())
        except Exception:  # it was read in the batch, so this is no reason to fail
            return True
        dtype = self.model.dtype
        precision = torch.finfo(dtype if dtype.is_floating_point else torch.float32).eps
        return same_logits(together, alone, precision)


def _arrives(both: torch.Tensor) -> _Pass:
    """What waits for start and end logits (2, B, T) on their way from a device."""
    if both.device.type != "cuda":
        return lambda: tuple(both.cpu().numpy())
    # The copy goes right behind its own pass; a copy that is asked for later would wait for all that was begun since.
    here, copied = both.to("cpu", non_blocking=True), torch.cuda.Event()
    copied.record(torch.cuda.current_stream(both.device))

    def wait() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        copied.synchronize()
        start, end = here.numpy()
        return start, end

    return wait


def _raise(error: Exception) -> NoReturn:
    raise error


def _failure(model: QAModel, error: Exception) -> ModelError:
    if isinstance(error, ModelError):
        return error
    return ModelError(f"{model.name} failed on this text: {type(error).__name__}: {error}")


def _collate(windows: Sequence[Windows], batch: list[Place]) -> dict[str, NDArray[np.int64]]:
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


@contextmanager
def _hooked(module: torch.nn.Module, hook: Any) -> Iterator[None]:
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _in_float32(head: Any, args: tuple[torch.Tensor, ...], _: Any) -> torch.Tensor:
    """The last linear map again, in float32: in bfloat16 logits of 8 are 1/16 apart and spans would tie."""
    bias = None if head.bias is None else head.bias.float()
    return torch.nn.functional.linear(args[0].float(), head.weight.float(), bias)


def _position_limit(module: torch.nn.Module) -> int | None:
    told = getattr(getattr(module, "config", None), "max_position_embeddings", None)
    limits = [told] if isinstance(told, int) and told > 0 else []
    for name, part in module.named_modules():
        rows = getattr(getattr(part, "weight", None), "shape", (0,))[0]
        if name.endswith("position_embeddings") and rows:
            # RoBERTa and its kin start counting behind the padding index.
            reserved = getattr(part, "padding_idx", None)
            limits.append(rows if reserved is None else rows - reserved - 1)
            break
    return min(limits, default=None)
